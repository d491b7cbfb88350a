// Rung 8 of the Metal ladder, evidence of others: the emulator runs MLX's own kernels, as published for macOS, and gets
// them right; what Apple's compiler made of the same kernels gives the same bits; and a wrong lane layout makes them
// fail, and ours too. TSR_WHOLE=1 runs all of it, otherwise a part.
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { buildEmulator, BuildError, findCompiler } from "./metal-emulator/build.ts";
import { Emulator } from "./metal-emulator/emulator.ts";
import { buildAir, lacksLlvm } from "./metal-emulator/rungs/air.ts";
import { buildMlx, Fused, fusedName, type Problem, smallest } from "./metal-emulator/rungs/mlx.ts";
import { type Tile, tiles, transposes, uniform, withoutBarriers } from "./metal-emulator/rungs/mlx.ts";
import { Delta, type DeltaSize } from "./metal-emulator/rungs/mlx_delta.ts";
import {
  orders,
  renumbered,
  rightLayout,
  shuffled,
  swapped,
  wrongLayouts,
} from "./metal-emulator/rungs/mlx_layouts.ts";
import { runSplit } from "./metal-emulator/rungs/mlx_split.ts";
import { countByClass, countWhole } from "./metal-emulator/rungs/cost.ts";
import { chips, mlxGrids, type ProductShape } from "./metal-emulator/rungs/cost_mlx.ts";
import { Ours } from "./metal-emulator/rungs/cost_ours.ts";
import { report } from "./metal-emulator/rungs/cost_report.ts";
import { missing as lacksFake } from "./metal-emulator/fake/build.ts";
import { wheel } from "./metal-emulator/rungs/wheel.ts";

const whole = process.env["TSR_WHOLE"] === "1";
const mlx = wheel();

/** Why MLX's kernels cannot be built here. */
function missing(): string | undefined {
  if ("missing" in mlx) return mlx.missing;
  try {
    findCompiler();
    return undefined;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    return error.message;
  }
}

const skip = missing() ?? false;
const folder = "folder" in mlx ? mlx.folder : "";
const libraries = skip === false ? await buildMlx(folder, !whole) : { plain: "", checked: "" };
const plain = skip === false ? new Emulator(libraries.plain) : undefined;
const checked = skip === false ? new Emulator(libraries.checked) : undefined;

const epilogues = ["none", "add", "axpby"] as const;
const shapeOf = (tile: Tile, aligned: number): Pick<Problem, "m" | "n" | "k"> => ({
  m: aligned & 1 ? 2 * tile.bm : tile.bm + 13,
  n: aligned & 2 ? 2 * tile.bn : tile.bn + 7,
  k: aligned & 4 ? 2 * tile.bk : 2 * tile.bk + 5,
});

/** Problems for one kernel of the fused GEMM: sizes that fit its tile and sizes that do not, in all combinations. */
function* problems(trans: (typeof transposes)[number], tile: Tile): Generator<Problem> {
  const some = whole ? [0, 1, 2, 3, 4, 5, 6, 7] : [0, 3, 4, 7];
  for (const aligned of some) {
    for (const [i, epilogue] of epilogues.entries()) {
      const base = { trans, tile, epilogue, padding: (aligned + i) % 2 * 3, ...shapeOf(tile, aligned) };
      yield base;
      if (whole || aligned === 0) yield { ...base, swizzle: 1 };
    }
  }
  for (let k = 1; k <= tile.bk + 1; k += whole ? 1 : 7) yield { trans, tile, m: 5, n: 3, k };
  yield { trans, tile, m: 1, n: 1, k: 1 };
  const edge = { trans, tile, m: tile.bm + 1, n: tile.bn + 1, k: 40, epilogue: "axpby" } as const;
  yield { ...edge, source: "row" };
  yield { ...edge, source: "spread" };
  for (const shared of [false, true]) yield { trans, tile, m: 37, n: 33, k: 21, epilogue: "add", batch: 3, shared };
}

const used = whole ? tiles : [smallest];
const deltas: readonly DeltaSize[] = [
  { dk: 8, dv: 32, hk: 1, hv: 1, batch: 1, steps: 8 },
  { dk: 128, dv: 128, hk: 16, hv: 16, batch: 1, steps: 19 },
  ...(whole ? [3, 8, 16, 21].map((steps) => ({ dk: 32, dv: 32, hk: 2, hv: 4, batch: 2, steps })) : []),
];

const bits = (numbers: Float32Array): Uint32Array =>
  new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);

// ---- rung 8a ----

for (const trans of transposes) {
  test(`rung 8: MLX's GEMM, ${trans}, is within its bound of float64, in every thread order`, { skip }, () => {
    for (const tile of used) {
      let count = 0;
      for (const problem of problems(trans, tile)) {
        const fused = new Fused(problem, ++count);
        plain!.run(fused.kernel, fused.launch({ order: count % 4 }));
        const worst = fused.worst();
        assert.ok(worst <= 1, `${JSON.stringify(problem)}: ${worst} of the bound`);
      }
    }
  });
}

test("rung 8: the checker is silent on MLX's GEMM", { skip }, () => {
  for (const trans of transposes) {
    for (const tile of used) {
      for (const aligned of [0, 7]) {
        for (const epilogue of epilogues) {
          const fused = new Fused({ trans, tile, epilogue, ...shapeOf(tile, aligned) });
          checked!.run(fused.kernel, fused.launch({ check: true, order: aligned % 4 }));
        }
      }
    }
  }
});

test("rung 8: the checker finds MLX's own fault: C is read past its last row", { skip }, () => {
  const fused = new Fused({ trans: "nn", tile: smallest, epilogue: "add", slack: 0, ...shapeOf(smallest, 0) });
  assert.throws(
    () => checked!.run(fused.kernel, fused.launch({ check: true })),
    /out of bounds: read.*buffer\(2\) 'C'/,
  );
});

test("rung 8: MLX's gated delta rule is right", { skip }, () => {
  for (const size of deltas) {
    const delta = new Delta(size);
    plain!.run(delta.kernel, delta.launch());
    const worst = delta.worst();
    assert.ok(worst <= 1, `${JSON.stringify(size)}: ${worst} of the tolerance`);
  }
});

if (whole) {
  test("rung 8: MLX's GEMM with K in parts is within its bound of float64", { skip }, () => {
    for (const trans of transposes) {
      for (const bm of [16, 32] as const) {
        for (const bn of [16, 32] as const) {
          for (const aligned of [0, 1, 2, 3]) {
            const [m, n] = aligned & 1 ? [2 * bm, 2 * bn] : [bm + 5, bn + 3], k = aligned & 2 ? 208 : 217;
            const size = { trans, bm, bn, m, n, k, partitions: 4 };
            const worst = runSplit(plain!, size, { order: aligned });
            assert.ok(worst <= 1, `${JSON.stringify(size)}: ${worst} of the bound`);
          }
        }
      }
    }
  });
}

if (whole) {
  test("rung 8: the checker reports each barrier that is taken out of MLX's GEMM", { skip }, async () => {
    for await (const { name, libraries } of withoutBarriers(folder)) {
      const racy = new Emulator(libraries.checked);
      const said = [0, 7].flatMap((aligned) => {
        const fused = new Fused({ trans: "nn", tile: smallest, ...shapeOf(smallest, aligned) });
        try {
          racy.run(fused.kernel, fused.launch({ check: true }));
          return [];
        } catch (error) {
          return [String(error)];
        }
      });
      assert.match(said.join(), /race \(|uninitialised/, `${name} taken out: silence`);
    }
  });
}

// ---- rung 8b ----

test("rung 8: what Apple's compiler made of MLX's kernels gives the same bits", {
  skip: skip === false ? lacksLlvm() ?? false : skip,
}, async () => {
  const large = deltas.filter(({ dk }) => dk === 128);
  const names = used.flatMap((tile) => transposes.map((trans) => fusedName(trans, tile)));
  names.push(...large.map((size) => new Delta(size).kernel));
  const air = new Emulator(await buildAir(join(folder, "mlx/lib/mlx.metallib"), names));
  for (const trans of transposes) {
    for (const tile of used) {
      for (const problem of problems(trans, tile)) {
        const ours = new Fused(problem), theirs = new Fused(problem);
        plain!.run(ours.kernel, ours.launch());
        air.run(theirs.kernel, theirs.launch());
        assert.deepEqual(bits(theirs.d), bits(ours.d), JSON.stringify(problem));
      }
    }
  }
  for (const size of large) {
    const ours = new Delta(size), theirs = new Delta(size);
    plain!.run(ours.kernel, ours.launch());
    air.run(theirs.kernel, theirs.launch());
    assert.deepEqual(bits(theirs.y), bits(ours.y));
    assert.deepEqual(bits(theirs.after), bits(ours.after));
  }
});

// ---- rung 8c ----

/** Whether a kernel is right with the emulator's present layout. */
type Judge = () => boolean;

const judgeGemm: Judge = () => {
  const fused = new Fused({ trans: "nn", tile: smallest, m: 32, n: 32, k: 32 });
  plain!.run(fused.kernel, fused.launch());
  return fused.worst() <= 1;
};

const judgeDelta: Judge = () => {
  const delta = new Delta(deltas[0]!);
  plain!.run(delta.kernel, delta.launch());
  return delta.worst() <= 1;
};

/** Our kernel of 32x32 tiles, on one tile. */
function judgeOwn(own: Emulator): Judge {
  const size = 32, args = new Uint32Array(16), random = uniform(3), a = random(size * size), b = random(size * size);
  args.set([size, size, size, size, size, size, 1, 0, 1, size, size, 1]);
  new Float32Array(args.buffer).set([1, 0, 0, 0], 12);
  return () => {
    const c = new Float32Array(size * size).fill(NaN);
    own.run("gemm_nn_32", {
      groups: [1],
      threads: [128],
      buffers: { 0: args, 1: Uint32Array.of(1), 2: a, 3: b, 4: c },
      constants: { 10: 0, 11: 0 },
    });
    return c.every((x, e) => {
      const i = Math.floor(e / size), j = e % size;
      let sum = 0, absolute = 0;
      for (let k = 0; k < size; k++) {
        const product = a[i * size + k]! * b[k * size + j]!;
        sum += product;
        absolute += Math.abs(product);
      }
      return Math.abs(sum - x) <= (size + 2) * 2 ** -24 * absolute;
    });
  };
}

/** Wrong layouts that a product can notice: by name, with two places exchanged, and at random. */
function* noticeable(): Generator<[name: string, layout: Uint8Array]> {
  for (const { name, layout } of wrongLayouts) yield [name, layout];
  for (let a = 0; a < 64; a += whole ? 1 : 7) {
    for (let b = a + 1; b < 64; b += whole ? 1 : 5) yield [`places ${a} and ${b} exchanged`, swapped(a, b)];
  }
  const random = uniform(9);
  for (let i = 0; i < (whole ? 1000 : 50); i++) yield [`random layout ${i}`, shuffled(random)];
}

/** The layouts with which a kernel is still right. */
function unnoticed(emulator: Emulator, judge: Judge, layouts: Iterable<[string, Uint8Array]>): string[] {
  assert.deepEqual(emulator.layout, rightLayout);
  assert.ok(judge(), "right with the right layout");
  const names: string[] = [];
  for (const [name, layout] of layouts) {
    emulator.layout = layout;
    if (judge()) names.push(name);
  }
  emulator.layout = rightLayout;
  return names;
}

function* renumberings(): Generator<[name: string, layout: Uint8Array]> {
  let count = 0;
  for (const order of orders()) {
    if (whole || count++ % 800 === 0) yield [`rows and columns numbered ${order.join("")}`, renumbered(order)];
  }
}

test("rung 8: each wrong lane layout makes MLX's GEMM and gated delta rule fail", { skip }, () => {
  assert.deepEqual(unnoticed(plain!, judgeGemm, noticeable()), []);
  assert.deepEqual(unnoticed(plain!, judgeDelta, noticeable()), []);
});

test(
  "rung 8: rows and columns renumbered alike make the gated delta rule fail; a product cannot notice",
  { skip },
  () => {
    assert.deepEqual(unnoticed(plain!, judgeDelta, renumberings()), []);
    const some = [...renumberings()].slice(0, 50);
    assert.deepEqual(unnoticed(plain!, judgeGemm, some), some.map(([name]) => name));
  },
);

test("rung 8: each wrong lane layout makes our GEMM fail", { skip }, async () => {
  const own = new Emulator((await buildEmulator()).plain), judge = judgeOwn(own);
  assert.deepEqual(unnoticed(own, judge, noticeable()), []);
  assert.deepEqual(unnoticed(own, judge, renumberings()), []);
});

// ---- kernel-cost ----

const counted: readonly ProductShape[] = [
  { trans: "nn", m: 130, n: 70, k: 100 },
  { trans: "tt", m: 64, n: 96, k: 48 },
  { trans: "nt", m: 200, n: 20, k: 40 },
  { trans: "tn", m: 40, n: 33, k: 8200 },
];

test("kernel-cost: counts by classes of threadgroups are those of whole grids, for ours", {
  skip: skip === false ? lacksFake() ?? false : skip,
}, async () => {
  using ours = await Ours.open();
  const used = new Set<string>();
  for (const shape of counted) {
    const grids = ours.grids(shape);
    for (const { kernel } of grids) used.add(kernel);
    const work = countByClass(ours.emulator, grids);
    assert.deepEqual(work, countWhole(ours.emulator, grids), JSON.stringify(shape));
    assert.ok(work.deviceRead >= 4 * shape.k * (shape.m + shape.n));
    assert.ok(512 * work.matrixSteps >= shape.m * shape.n * shape.k);
  }
  assert.ok(used.has("split_reduce"), [...used].join());
});

if (whole) {
  test("kernel-cost: counts by classes of threadgroups are those of whole grids, for MLX's", { skip }, () => {
    for (const shape of counted) {
      for (const chip of chips) {
        const grids = mlxGrids(shape, chip);
        assert.deepEqual(
          countByClass(checked!, grids),
          countWhole(checked!, grids),
          `${JSON.stringify(shape)} ${chip}`,
        );
      }
    }
  });

  test("kernel-cost: ours exceed MLX's nowhere", {
    skip: skip === false ? lacksFake() ?? false : skip,
  }, async () => {
    assert.deepEqual(await report(folder, () => {}), []);
  });
}
