// Promised calls: the event loop stays free, aborts and progress work, and calls at once do not disturb each other.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers";
import { empty64, flush, flushSync, gemm, stedc } from "../src/blas.ts";
import * as la from "../src/index.ts";
import { type Device, explain, explainSync, Matrix, open } from "../src/index.ts";
import * as contracts from "./contracts.ts";
import { sized } from "./device.ts";
import { numbers, sameBits } from "./helpers.ts";
import { hold, wide } from "./metrics.ts";

/** A device with one thread, so that a core is left for the event loop. */
const device: Device = open({ threads: 1 });
const n = sized(1024, 64);

/** Rows of a qr that takes about so many seconds here. */
function rowsFor(seconds: number): number {
  const least = sized(2048, 512), trial = Matrix.random(least, n, { device, seed: 1 }), start = performance.now();
  la.qrSync(trial);
  return Math.max(least, Math.ceil((least * seconds * 1000) / (performance.now() - start)));
}

const rows = rowsFor(sized(1.5, 4)); // what an emulator takes varies more
const job: Matrix = Matrix.random(rows, n, { device, seed: 2 });
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs a promise beside a timer of 10 ms; tells the ticks, the largest gap between them, and the time of it all. */
async function beside(promise: Promise<unknown>): Promise<{ ticks: number; gap: number; time: number }> {
  const start = performance.now();
  let [ticks, gap, last] = [0, 0, start];
  const timer = setInterval(() => {
    const now = performance.now();
    gap = Math.max(gap, now - last);
    last = now;
    ticks++;
  }, 10);
  try {
    await promise;
  } finally {
    clearInterval(timer);
  }
  const end = performance.now();
  return { ticks, gap: Math.max(gap, end - last), time: end - start };
}

describe("the event loop", () => {
  it("keeps ticking during a long factorisation", async () => {
    const { ticks, gap, time } = await beside(la.qr(job));
    assert.ok(time > 500, `the job took only ${time} ms`);
    assert.ok(ticks >= 10 && gap < time / 2, `${ticks} ticks, the longest gap ${gap} ms, in ${time} ms`);
  });

  it("keeps ticking during one long product", async () => {
    const { ticks, gap, time } = await beside(la.matmul(job, job, { transA: true }));
    assert.ok(ticks >= 5 && gap < time / 2, `${ticks} ticks, the longest gap ${gap} ms, in ${time} ms`);
  });

  it("keeps ticking during an iteration that asks the host for its small problems", async () => {
    const { ticks, gap, time } = await beside(la.svd(job, { k: 20, tol: 1e-3, maxPasses: 30 }));
    assert.ok(ticks >= 10 && gap < time / 2, `${ticks} ticks, the longest gap ${gap} ms, in ${time} ms`);
  });

  it("is not held up by the blocking form's own promise: small calls settle in their turn", async () => {
    const order: string[] = [], small = Matrix.eye(3, 3, { device });
    const long = la.qr(job).then(() => order.push("long"));
    await la.matmul([[1]], [[2]]).then(() => order.push("short, on another device"));
    await long;
    await la.matmul(small, small);
    assert.deepEqual(order, ["short, on another device", "long"]);
  });
});

describe("a nap", () => {
  const small = Matrix.random(16, 16, { device, seed: 1 }), out = Matrix.zeros(16, 16, { device });
  const submit = (products: number): number => {
    for (let i = 0; i < products; i++) gemm(1, small, small, 0, out);
    return device.submit(false);
  };

  it("lasts until the work has ended, and no longer", () => {
    const ticket = submit(sized(2000, 200));
    device.nap(ticket, 600_000); // longer than the test may take
    assert.ok(device.done(ticket));
  });

  it("leaves errors and endings to be told by done", () => {
    const ticket = submit(sized(2000, 200));
    device.cancel(ticket);
    device.nap(ticket, 600_000);
    assert.ok(device.done(ticket));
    device.nap(submit(sized(2000, 200)), 0);
    flushSync(device);
  });
});

describe("work that is slight", () => {
  const small = Matrix.random(16, 16, { device, seed: 1 }), out = Matrix.zeros(16, 16, { device });
  const large = Matrix.random(sized(1500, 300), sized(1500, 300), { device, seed: 1 });
  const product = Matrix.zeros(large.shape[0], large.shape[0], { device });

  it("is what little was encoded, on a processor, with nothing on its way", async () => {
    const here = device.kind === "cpu";
    gemm(1, small, small, 0, out);
    assert.equal(device.slight, here);
    for (let i = 0; i < 1000; i++) gemm(1, small, small, 0, out);
    assert.equal(device.slight, false, "much of it");
    flushSync(device);
    gemm(1, large.sub(0, 200, 0, 200), large.sub(0, 200, 0, 200), 0, product.sub(0, 200, 0, 200));
    assert.equal(device.slight, here && device.facts.isa !== "portable", "as much as a nap may last");
    flushSync(device);
    gemm(1, large, large.cols(0, 1), 0, product.cols(0, 1));
    assert.equal(device.slight, false, "many numbers to read");
    flushSync(device);
    gemm(1, large, large, 0, product);
    assert.equal(device.slight, false, "a large product");
    const pending = flush(device); // the product starts
    gemm(1, small, small, 0, out);
    const behind = device.slight;
    await pending;
    assert.deepEqual([behind, device.slight], [false, here], "behind the product, and after it");
    flushSync(device);
    using bands = empty64(2, 3, device), vectors = Matrix.zeros(3, 3, { device });
    bands.hostAs(Float64Array).set([1, 2, 3, 0, 0, 0]);
    stedc(bands, vectors);
    assert.equal(device.slight, false, "an operation whose time does not follow from its size");
    flushSync(device);
  });

  it("does not keep the event loop from ticking, however much of it there is", async () => {
    const end = performance.now() + 400;
    const { ticks } = await beside((async () => {
      while (performance.now() < end) await la.matmul(small, small);
    })());
    assert.ok(ticks >= 10, `${ticks} ticks`);
  });

  it("tells its progress and hears an abort", async () => {
    const controller = new AbortController(), events: string[] = [];
    const onProgress = ({ phase }: { phase: string }): void => {
      events.push(phase);
      controller.abort(new Error("enough"));
    };
    await assert.rejects(la.qr(small, { onProgress, signal: controller.signal }), /enough/);
    assert.deepEqual(events, ["qr"]);
  });
});

describe("an abort", () => {
  const reason = new Error("enough");

  it("before the call rejects with the signal's reason, and throws in the blocking form", async () => {
    const signal = AbortSignal.abort(reason);
    await assert.rejects(la.qr(job, { signal }), reason);
    await assert.rejects(la.matmul([[1]], [[1]], { signal }), reason);
    assert.throws(() => la.svdSync([[1]], { k: 1, signal }), reason);
  });

  it("in the middle rejects long before the job would have ended, and harms nothing", async () => {
    const before = job.readBlock(0, 50, 0, n), start = performance.now();
    await la.qr(job);
    const whole = performance.now() - start;
    for (const call of [la.qr, la.orthonormalize, (a: Matrix, o: object) => la.svd(a, { k: 50, tol: 2e-6, ...o })]) {
      const controller = new AbortController();
      const other = la.matmul(job.rows(0, 600), job.rows(0, 600), { transA: true });
      const promise = call(job, { signal: controller.signal });
      await wait(50);
      const abort = performance.now();
      controller.abort(reason);
      await assert.rejects(promise, reason);
      const late = performance.now() - abort;
      assert.ok(late < whole / 2, `rejected ${late} ms after the abort; the whole job takes ${whole} ms`);
      sameBits(
        (await other).data,
        la.matmulSync(job.rows(0, 600), job.rows(0, 600), { transA: true }).data,
        "the other job",
      );
    }
    sameBits(job.readBlock(0, 50, 0, n), before, "the operand");
    assert.ok((await la.qr(job.rows(0, 300), { proof: true })).proof?.holds, "the device works on");
  });

  it("after the end does nothing", async () => {
    const controller = new AbortController(), { q } = await la.qr([[1], [2]], { signal: controller.signal });
    controller.abort(reason);
    assert.equal(q.shape[0], 2);
  });

  it("by a timeout rejects with a TimeoutError", async () => {
    await assert.rejects(la.qr(job, { signal: AbortSignal.timeout(30) }), { name: "TimeoutError" });
  });

  it("of one of several calls leaves the others right", async () => {
    const controller = new AbortController(),
      a = Matrix.random(400, sized(100, 50), { device, seed: 3 }),
      truth = la.qrSync(a);
    const calls = Array.from({ length: 6 }, (_, i) => la.qr(a, i % 2 === 0 ? { signal: controller.signal } : {}));
    controller.abort(reason);
    const ends = await Promise.allSettled(calls);
    ends.forEach((end, i) => {
      assert.equal(end.status, i % 2 === 0 ? "rejected" : "fulfilled");
      if (end.status === "fulfilled") sameBits(end.value.q.data, truth.q.data, `call ${i}`);
    });
  });
});

describe("progress", () => {
  const few = sized(2000, 400), part = sized(job, Matrix.random(few, 100, { device, seed: 8 })).rows(0, few);
  const calls: Record<string, (onProgress: (event: Event) => void) => Promise<unknown>> = {
    qr: (onProgress) => la.qr(part, { onProgress }),
    "qr by cgs2": (onProgress) => la.qr(job.sub(0, 200, 0, 40), { onProgress, method: "cgs2" }),
    svd: (onProgress) => la.svd(job.sub(0, few, 0, sized(300, 60)), { k: 10, onProgress, method: "krylov" }),
    "svd by subspace": (onProgress) =>
      la.svd(job.sub(0, few, 0, sized(300, 60)), { k: 10, onProgress, method: "subspace", maxPasses: 20 }),
    cholesky: (onProgress) => la.cholesky(Matrix.eye(sized(600, 300)), { onProgress }),
    "blocking qr": (onProgress) => Promise.resolve(la.qrSync(part, { onProgress })),
  };
  interface Event {
    phase: string;
    done: number;
    total: number;
  }

  for (const [name, call] of Object.entries(calls)) {
    it(`of ${name} grows within each phase and never passes its total`, async () => {
      const events: Event[] = [];
      await call((event) => events.push({ ...event }));
      assert.ok(events.length >= 3, `${events.length} events`);
      const seen = new Map<string, Event>();
      for (const event of events) {
        const { phase, done, total } = event, last = seen.get(phase);
        assert.ok(typeof phase === "string" && phase !== "", "a phase has a name");
        assert.ok(done >= 0 && done <= total, `${phase}: ${done} of ${total}`);
        assert.ok(last === undefined || done >= last.done, `${phase}: ${done} after ${last?.done}`);
        seen.set(phase, event);
      }
    });
  }

  it("that throws ends the call with that error", async () => {
    const error = new Error("from the callback"),
      onProgress = (): never => {
        throw error;
      };
    await assert.rejects(la.qr(part, { onProgress }), error);
    assert.throws(() => la.qrSync(part, { onProgress }), error);
    assert.ok(la.qrSync([[3], [4]]).r.at(0, 0) > 4.9, "the device works on");
  });

  it("that disposes the operand leaves a blocking call its numbers", () => {
    const alone = la.svdSync(part, { k: 5 }), a = part.copy(), others: Matrix[] = [];
    const onProgress = (): void => {
      a[Symbol.dispose]();
      others.push(Matrix.zeros(...part.shape)); // takes what was let go
    };
    const { u, vt } = la.svdSync(a, { k: 5, onProgress });
    assert.ok(others.length > 0);
    sameBits(u.data, alone.u.data, "U");
    sameBits(vt.data, alone.vt.data, "V");
    assert.throws(() => la.svdSync(a, { k: 5 }), la.DisposedError);
  });
});

describe("calls at once", () => {
  it("each give what they give alone", async () => {
    const parts = Array.from({ length: sized(24, 9) }, (_, i) => Matrix.random(40 + 7 * i, 30 + i, { seed: i }));
    const alone = parts.map((a) => la.qrSync(a)), together = await Promise.all(parts.map((a) => la.qr(a)));
    together.forEach(({ q, r }, i) => {
      sameBits(q.data, alone[i]!.q.data, `Q ${i}`);
      sameBits(r.data, alone[i]!.r.data, `R ${i}`);
    });
  });

  it("may be blocking while promised ones are pending, on the same operands too", async () => {
    const n = sized(200, 64),
      a = Matrix.random(sized(1500, 300), n, { seed: 4 }),
      truth = la.qrSync(a),
      pending = la.qr(a),
      [svd, svdTruth] = [la.svd(a, { k: 5 }), la.svdSync(a, { k: 5 })];
    sameBits(la.qrSync(a).q.data, truth.q.data, "blocking");
    const out = Matrix.zeros(n, n);
    la.matmulSync(a, a, { transA: true, out });
    sameBits((await pending).q.data, truth.q.data, "promised");
    sameBits((await svd).u.data, svdTruth.u.data, "svd");
    sameBits(numbers(out).data, la.matmulSync(a, a, { transA: true }).data, "product");
  });

  it("are not disturbed by matrices made meanwhile, which get no memory that is still in use", async () => {
    const [m, n] = sized([200, 3000], [40, 600]) as [number, number],
      a = Matrix.random(m, n, { seed: 9 }),
      truth = la.qrSync(a),
      others: Matrix[] = [];
    const junk = new Float32Array(m * n).fill(NaN);
    for (let time = 0; time < 5; time++) {
      let pending = true;
      const promise = la.qr(a).finally(() => pending = false);
      while (pending) {
        others.push(Matrix.from(junk, [m, n]));
        if (others.length > 40) others.shift()![Symbol.dispose]();
        await new Promise((resolve) => setImmediate(resolve));
      }
      sameBits((await promise).r.data, truth.r.data, "R");
    }
  });

  it("that depend on each other run in order", async () => {
    const n = sized(300, 100), a = Matrix.random(n, n, { seed: 5 }), out = Matrix.zeros(n, n);
    const first = la.matmul(a, a, { out }), second = la.matmul(a, a, { out, beta: 1 });
    await Promise.all([first, second]);
    const A = wide(a), chain = la.info()["chain"] as number;
    hold(contracts.product(out, { A, B: A, beta: 1, C0: wide(la.matmulSync(a, a)) }, chain), "a sum of two");
  });
});

describe("explain", () => {
  it("tells the operations of its own calls, though others run beside it", async () => {
    const a = Matrix.random(300, 60, { seed: 6 }),
      names = (e: { operations: readonly { op: string }[] }): string[] => e.operations.map(({ op }) => op);
    const jobs = [
      () => la.qr(a),
      () => la.matmul(a, a, { transA: true }),
      () => la.svd(a, { k: 4 }),
      () => la.cholesky(Matrix.eye(150)),
    ];
    const alone: string[][] = [];
    for (const f of jobs) alone.push(names(await explain<unknown>(f)));
    const noise = la.qr(a), together = await Promise.all(jobs.map((f) => explain<unknown>(f)));
    await noise;
    assert.deepEqual(together.map(names), alone);
    assert.deepEqual(alone[1], ["gemm"]);
    assert.ok(alone[0]!.includes("orth") && alone[3]!.includes("potrf"));
  });

  it("gives the value, and for each operation its shape, tile, time and reason", async () => {
    const e = await explain(() => la.matmul(Matrix.eye(200), Matrix.eye(200)));
    assert.equal(e.value.at(7, 7), 1);
    const [gemm] = e.operations;
    assert.ok(gemm && /200x200/.test(gemm.shape) && gemm.tile !== "" && gemm.why !== "" && gemm.engine === "tiled");
    assert.ok(gemm.deviceMs > 0 && gemm.gflops > 0 && gemm.bytes === 3 * 4 * 200 * 200, JSON.stringify(gemm));
    assert.match(e.toString(), /gemm.*200x200/);
    assert.equal(e.totals["operations"], 1);
  });

  it("passes errors on, and works for blocking calls", async () => {
    await assert.rejects(explain(() => la.cholesky([[-1]])), la.NotPositiveDefiniteError);
    const { value, operations } = explainSync(() => la.matmulSync([[2]], [[3]]));
    assert.deepEqual([value.at(0, 0), operations.length], [6, 1]);
    assert.equal(explainSync(() => 5).operations.length, 0);
  });
});
