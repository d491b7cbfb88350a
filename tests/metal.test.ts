// The package on emulated Metal when something goes wrong: no device, one that is too old, out of memory, dying or
// hanging in the middle of work. Each is a typed error in clear words, and nothing is left behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as la from "../src/index.ts";
import { type Device, DeviceError, Matrix, open, OutOfMemoryError } from "../src/index.ts";
import { buildEmulator } from "./metal-emulator/build.ts";
import { buildFake, buildLibrary, missing, type Planted } from "./metal-emulator/fake/build.ts";
import { Fake, type Report } from "./metal-emulator/fake/fake.ts";
import * as factors from "./factors.ts";
import { numbers, sameBits } from "./helpers.ts";
import { hold, singularValues64, wide } from "./metrics.ts";

const MB = 2 ** 20;
const skip = missing() ?? false;

interface Built {
  readonly fake: Fake;
  readonly library: string;
  /** The same with a wait for the GPU of one second in place of thirty. */
  readonly impatient: string;
}

async function build(): Promise<Built> {
  const { plain } = await buildEmulator();
  const library = await buildLibrary(), fake = new Fake(await buildFake());
  const wait = { file: "metal/commands.m", from: "WAIT_SECONDS = 30", to: "WAIT_SECONDS = 1" };
  fake.set("TSR_EMULATED_ABORT", 0);
  fake.set("TSR_EMULATED_KERNELS", plain);
  return { fake, library, impatient: await buildLibrary({ name: "impatient", ...wait }) };
}

const built = skip === false ? await build() : undefined;

/** Runs f with a switch of the fake set; then no misuse may be on record, and no object left but what hangs. */
async function under(
  name: string,
  value: string | number,
  f: (built: Built) => Promise<void> | void,
  hangs = false,
): Promise<void> {
  const { fake } = built!, before = fake.report().live;
  fake.set(name, value);
  try {
    await f(built!);
  } finally {
    fake.set(name);
  }
  const { live, misuse } = fake.report();
  assert.deepEqual(misuse, []);
  if (!hangs) {
    assert.deepEqual(Object.keys(live).filter((kind) => live[kind]! > (before[kind] ?? 0)), [], "objects are left");
  }
}

const openings: readonly (readonly [string, string, number, RegExp])[] = [
  ["there is no GPU", "TSR_EMULATED_DEVICES", 0, /no Metal device/],
  ["the GPU is too old", "TSR_EMULATED_FAMILY", 1006, /older than Apple M1/],
  ["a kernel gets too few threads", "TSR_EMULATED_THREADS", 16, /too few threads/],
];

for (const [what, name, value, text] of openings) {
  test(
    `metal: where ${what}, a device by name is refused, and without a name the CPU tells why`,
    { skip },
    async () => {
      await under(name, value, ({ library }) => {
        assert.throws(() => open({ device: "metal", library }), (error: unknown) => {
          assert.ok(error instanceof DeviceError, String(error));
          assert.match(error.message, text);
          return true;
        });
        using device = open({ library });
        assert.equal(device.name, "cpu");
        assert.match(device.passedOver ?? "", text);
      });
    },
  );
}

test(
  "metal: is opened without a name where it can be, says that it is emulated, and leaves nothing",
  { skip },
  async () => {
    await under("TSR_EMULATED_ORDER", 0, async ({ library }) => {
      using device = open({ library });
      assert.deepEqual([device.name, device.passedOver, device.facts.emulated], ["metal", undefined, true]);
      const a = Matrix.random(90, 40, { device, seed: 1 });
      const [{ proof }, { s }] = [await la.qr(a, { proof: true }), la.svdSync(a, { k: 3 })];
      assert.ok(proof?.holds && s.every((value) => value > 0), JSON.stringify(proof));
    });
  },
);

/** What every use of a dead device must end in. */
async function dead(device: Device, a: Matrix, text: RegExp): Promise<void> {
  const wanted = (error: unknown): true => {
    assert.ok(error instanceof DeviceError, String(error));
    assert.match(error.message, text);
    return true;
  };
  await assert.rejects(la.qr(a), wanted);
  await assert.rejects(la.matmul(a, a, { transA: true }), wanted);
  assert.throws(() => la.choleskySync(Matrix.eye(3, 3, { device })), wanted);
}

test("metal: where the GPU dies at work, this and every later call say so, numbers stay, another device works", {
  skip,
}, async () => {
  for (const nth of [2, 3]) {
    await under("TSR_EMULATED_FAIL", 0, async ({ fake, library }) => {
      using device = open({ library });
      const a = Matrix.random(90, 40, { device, seed: 1 }), before = a.data.slice();
      fake.set("TSR_EMULATED_FAIL", nth - 1);
      await assert.rejects(
        la.svd(a, { k: 3 }).then(() => la.svd(a, { k: 5, tol: 2e-6 })).then(() => la.qr(a)),
        { name: "DeviceError", message: /the GPU ended a command buffer/ },
      );
      await dead(device, a, /GPU ended a command buffer|device has failed/);
      sameBits(a.data, before, "the operand");
      fake.set("TSR_EMULATED_FAIL");
      using next = open({ library });
      assert.equal(la.matmulSync(Matrix.eye(4, 4, { device: next }), Matrix.eye(4, 4, { device: next })).at(3, 3), 1);
    });
  }
});

test("metal: where the GPU never finishes, the wait ends and the device is dead", { skip }, async () => {
  await under("TSR_EMULATED_HANG", 0, async ({ fake, impatient }) => {
    using device = open({ library: impatient });
    const a = Matrix.random(40, 20, { device, seed: 1 });
    fake.set("TSR_EMULATED_HANG", 1);
    await assert.rejects(la.qr(a), { name: "DeviceError", message: /the GPU did not finish/ });
    fake.set("TSR_EMULATED_HANG");
    await dead(device, a, /did not finish|device has failed/);
  }, true);
});

test("metal: memory that the GPU does not have is an OutOfMemoryError that tells the bytes", { skip }, async () => {
  await under("TSR_EMULATED_MEMORY", 24 * MB, async ({ library }) => {
    using device = open({ library });
    const small = Matrix.random(100, 30, { device, seed: 1 }), truth = la.qrSync(small).r.data.slice();
    const wanted = (error: unknown): true => {
      assert.ok(error instanceof OutOfMemoryError, String(error));
      assert.ok(error.bytes >= 16 * MB, `${error.bytes} bytes`);
      return true;
    };
    assert.throws(() => la.normSync(Matrix.zeros(4096, 2048, { device }), 1), wanted);
    await assert.rejects(async () => {
      const many = Array.from({ length: 8 }, () => Matrix.zeros(1024, 1024, { device }));
      for (const a of many) await la.norm(a, 1);
    }, (error: unknown) => error instanceof OutOfMemoryError);
    sameBits(la.qrSync(small).r.data, truth, "small work goes on");
  });
});

// ---- the watchdog: a GPU ends what takes too long ----

type Counts = Pick<Report, "commandBuffers" | "dispatches">;

/** A limit of the library, lowered so far that small work meets it. */
interface Lowered extends Planted {
  /** Its results must be right, or else the same as without the lower limit. */
  readonly work: (device: Device) => Float32Array[] | undefined;
  /** What the lower limit must do to the counts. */
  readonly seen: (ordinary: Counts, lowered: Counts) => boolean;
}

/** Right-hand sides as columns, and, for the certified basis, as rows. */
function solves(device: Device): Float32Array[] {
  using random = Matrix.random(140, 140, { device, seed: 3 }), eye = Matrix.eye(140, 140, { device });
  using t = la.addSync(random, eye, { beta: 40 }), b = Matrix.random(140, 450, { device, seed: 4 });
  using tall = Matrix.random(450, 40, { device, seed: 5 }), x = la.solveTriangularSync(t, b, { lower: true });
  return [x.data.slice(), la.qrSync(tall).q.data.slice()];
}

const limits: readonly Lowered[] = [
  {
    name: "short-solves",
    file: "metal/ops_triangular.m",
    from: "(size_t)(TSR_METAL_DISPATCH_FLOPS / cost_of_one)",
    to: "100",
    work: solves,
    seen: (ordinary, lowered) => lowered.dispatches >= ordinary.dispatches + 4,
  },
  {
    name: "slow-groups",
    file: "metal/commands.m",
    from: "LEAST_CORES = 8;",
    to: "LEAST_CORES = 1e9;",
    work: solves,
    seen: (ordinary, lowered) => lowered.commandBuffers > ordinary.commandBuffers,
  },
  {
    name: "short-gram",
    file: "metal/ops_jacobi.m",
    from: "GRAM_LINES = 1 << 19",
    to: "GRAM_LINES = 1 << 4",
    work: (device) => {
      const a = Matrix.random(60, 40, { device, seed: 6 }), { u, s, vt } = la.svdSync(a, { method: "jacobi" });
      hold(factors.svd(numbers(a), { u: numbers(u), s, vt: numbers(vt) }, singularValues64(wide(numbers(a)))), "svd");
      return undefined;
    },
    seen: (ordinary, lowered) => lowered.dispatches < ordinary.dispatches,
  },
  {
    name: "short-columns",
    file: "metal/ops_getrf.m",
    from: "MOST_ROWS = 1 << 20",
    to: "MOST_ROWS = 1 << 4",
    work: (device) => {
      const a = Matrix.random(60, 40, { device, seed: 6 }), { l, u, p } = la.luSync(a);
      hold(factors.lu(numbers(a), numbers(l), numbers(u), p), "lu");
      return undefined;
    },
    seen: (ordinary, lowered) => lowered.dispatches < ordinary.dispatches,
  },
];

for (const { work, seen, ...limit } of limits) {
  test(`metal: a limit of the watchdog, lowered: ${limit.name}`, { skip }, async () => {
    await under("TSR_EMULATED_ORDER", 0, async ({ fake, library }) => {
      const done = (path: string): { counts: Counts; results: Float32Array[] | undefined } => {
        using device = open({ library: path });
        const before = fake.report(), results = work(device), after = fake.report();
        const of = (name: keyof Counts): number => after[name] - before[name];
        return { counts: { commandBuffers: of("commandBuffers"), dispatches: of("dispatches") }, results };
      };
      const ordinary = done(library), lowered = done(await buildLibrary(limit));
      assert.ok(seen(ordinary.counts, lowered.counts), JSON.stringify([ordinary.counts, lowered.counts]));
      ordinary.results?.forEach((result, i) => sameBits(lowered.results![i]!, result, `result ${i}`));
    });
  });
}
