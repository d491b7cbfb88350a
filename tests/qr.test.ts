// qr and orthonormalize: the contract on the whole torture set by both methods, its modes, edges and references.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  explain,
  Matrix,
  orthonormalize,
  orthonormalizeSync,
  OverflowError,
  qr,
  type QrOptions,
  qrSync,
} from "../src/index.ts";
import * as contracts from "./contracts.ts";
import { sized, testDevice, thinned } from "./device.ts";
import { every, numbers, placeInside, reference, sameBits, table } from "./helpers.ts";
import {
  fill,
  inIdentity,
  large,
  normal,
  randomSample,
  type Recipe,
  type Sample,
  sample,
  scattered,
  torture,
} from "./matrices.ts";
import * as t from "./metrics.ts";
import { hold, u, wide } from "./metrics.ts";

const methods = ["blocked", "cgs2"] as const;
const name = (recipe: Recipe): string => recipe.name;

/** Factors a sample and holds the result to the contract; the input must not change. */
async function check(
  a: Sample,
  options: QrOptions & { mode?: "reduced" | "complete" },
  blocking: boolean,
): Promise<void> {
  using A = Matrix.from(a);
  const { q, r } = blocking ? qrSync(A, options) : await qr(A, options);
  using Q = q, R = r;
  const [m, n] = a.shape, width = options.mode === "complete" ? m : Math.min(m, n);
  assert.deepEqual([[...Q.shape], [...R.shape]], [[m, width], [width, n]]);
  hold(contracts.qr(a, numbers(Q), numbers(R)), a.name);
  sameBits(numbers(A).data, a.data, "the input");
}

describe("qr", () => {
  for (const method of methods) {
    it(`by ${method} keeps its contract on the torture set`, async () => {
      const list = thinned(torture(), method === "cgs2" ? 12 : 1);
      await every(list, name, (recipe, at) => check(recipe.make(), { method }, at % 2 === 0));
    });

    it(`by ${method} keeps its contract on larger matrices`, async () => {
      const list = method === "cgs2" ? large().slice(0, sized(2, 1)) : large();
      await every(list, name, (recipe) => check(recipe.make(), { method }, false));
    });

    it(`by ${method} keeps its contract at the borders of its blocks`, async () => {
      const all = [1, 2, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 97, 127, 128, 129];
      const widths = thinned(all, method === "cgs2" ? 3 : 1).filter((n) =>
        n <= sized(129, method === "cgs2" ? 33 : 97)
      );
      const shapes = widths.flatMap((n) => [[n, n], [n + 1, n], [3 * n + 1, n], [n, n + 3]] as const);
      await every(
        shapes,
        ([m, n]) => `${m}x${n}`,
        ([m, n], at) => check(randomSample(m, n, at), { method }, at % 2 === 0),
      );
    });

    it(`by ${method} gives a complete basis`, async () => {
      const names = /^(zero columns|rank 5|all one third|Lauchli 1e-9|random), |40x1$|33x64|one number|all zero/;
      const list = torture().filter((recipe) => names.test(recipe.name));
      const small = thinned(list, method === "cgs2" ? 8 : 2).map((recipe) => ({
        ...recipe,
        make: () => top(recipe.make(), 160),
      }));
      await every(small, name, (recipe, at) => check(recipe.make(), { method, mode: "complete" }, at % 2 === 0));
      await check(randomSample(70, 0, 1), { method, mode: "complete" }, true);
    });
  }

  it("takes a tall matrix of a hundred thousand rows", async () => {
    await check(
      sample("tall", fill(sized(100000, 5000), 32, (i, j) => ((i * (j + 3)) % 17) / 17 + 0.01 * j)),
      {},
      false,
    );
  });

  it("is certified where rounding noise cannot leave the span of the columns before it", async () => {
    const entries = JSON.parse(readFileSync(new URL("./fixtures/dependent.json", import.meta.url), "utf8"));
    const a = fill(64, 38, () => 0);
    for (const [i, j, value] of entries as [number, number, number][]) a.x[i * 38 + j] = value;
    for (const method of methods) await check(sample("sparse, exactly dependent", a), { method }, true);
  });

  it("is certified where columns less the others are too short to divide by in float32", async () => {
    const list = [inIdentity([[1e38, 1], [1, 1e-38]], 2), inIdentity([[1e38, 1], [1, 1e-38]], 30)];
    for (const [m, n] of [[2, 2], [3, 3], [3, 2], [5, 5], [4, 7]] as const) {
      for (let seed = 0; seed < sized(100, 10); seed++) list.push(scattered(m, n, 30 + seed % 7, seed));
    }
    await every(list, ({ name }) => name, async (a, at) => {
      for (const method of methods) await check(a, { method }, at % 2 === 0);
    });
  });

  it("is certified for wide matrices whose leading part is singular", async () => {
    const a = sample("wide, equal columns first", t.map(normal(40, 90, 5), (v, _, j) => (j < 60 ? 1 : v)));
    for (const method of methods) await check(a, { method }, true);
  });

  it("gives only R in mode r, the same bits as with Q", () => {
    for (const recipe of torture().filter((r) => /1e-6,|zero columns|33x64|97x96/.test(r.name))) {
      const a = recipe.make(), alone = qrSync(a, { mode: "r" }), both = qrSync(a);
      assert.deepEqual(Object.keys(alone), ["r"]);
      sameBits(numbers(alone.r).data, numbers(both.r).data, recipe.name);
      hold(contracts.triangle(numbers(alone.r)), recipe.name);
    }
  });

  it("gives empty factors for empty matrices", () => {
    for (const [m, n] of [[0, 0], [0, 5], [5, 0]] as const) {
      const { q, r } = qrSync(Matrix.zeros(m, n));
      assert.deepEqual([[...q.shape], [...r.shape]], [[m, 0], [0, n]]);
      assert.deepEqual([q.data.length, r.data.length], [0, 0]);
    }
    const { q, r } = qrSync(Matrix.zeros(5, 0), { mode: "complete" });
    assert.deepEqual([[...q.shape], [...r.shape]], [[5, 5], [5, 0]]);
    hold(contracts.qr({ shape: [5, 0], data: [] }, q, r), "complete basis of nothing");
  });

  it("gives NumPy's factors once signs are settled", () => {
    for (const { a, q, r, cond } of [reference().tall, reference().square, reference().wide]) {
      for (const method of methods) {
        const result = qrSync(a, { method }), p = Math.min(...table(a).shape);
        // First-order perturbation of QR by the contract's own backward error.
        const bound = Math.SQRT2 * cond * (16 + 12 * Math.sqrt(p));
        const off = (x: Matrix, y: readonly (readonly number[])[]): number =>
          t.relative(wide(table(y)), wide(numbers(x)));
        assert.ok(
          off(result.q, q) <= bound && off(result.r, r) <= bound,
          `${method}: ${off(result.q, q)}, ${off(result.r, r)}`,
        );
      }
    }
  });

  it("factors views, transposed and inside larger matrices, without touching them", () => {
    for (const turned of [false, true]) {
      const a = randomSample(150, 45, 8), { view, whole } = placeInside(a, turned), before = numbers(whole).data;
      const { q, r } = qrSync(view);
      hold(contracts.qr(a, q, r), "view");
      sameBits(numbers(whole).data, before, "what surrounds the view");
    }
  });

  it("gives the same bits async and blocking, again and again", async () => {
    const a = randomSample(sized(300, 90), sized(70, 40), 9);
    for (const method of methods) {
      const one = qrSync(a, { method }), two = await qr(a, { method }), three = qrSync(a, { method });
      for (const other of [two, three]) {
        sameBits(one.q.data, other.q.data, `${method} Q`);
        sameBits(one.r.data, other.r.data, `${method} R`);
      }
    }
  });

  it("throws OverflowError where R leaves float32, and returns up to there", () => {
    const column = (value: number): Sample => sample("", fill(4, 1, () => value));
    assert.throws(() => qrSync(column(3e38)), OverflowError);
    assert.equal(qrSync(column(1.7e38)).r.at(0, 0), 2 * Math.fround(1.7e38));
  });

  it("counts what float32 cannot scale as zero and still gives an orthonormal Q", () => {
    const a = sample("", fill(20, 3, (i, j) => (j === 1 ? 1e-45 * (i % 2) : j + i)));
    const { q, r } = qrSync(a);
    hold(contracts.qr(a, q, r), "denormal column");
  });

  it("gives NaN everywhere for NaN input when checkFinite is off", () => {
    const { q, r } = qrSync([[1, 2], [NaN, 4], [5, 6]], { checkFinite: false });
    assert.ok([...q.data, ...r.data].every(Number.isNaN));
  });

  it("takes a second pass over a first block only where the first one asks for it", async () => {
    const passes = async (a: Sample): Promise<number> => {
      const { operations } = await explain(() => qr(a, { method: "blocked" }));
      return operations.filter(({ op, tile }) => op === "orth" && tile !== "skipped").length;
    };
    const near = sample("nearly parallel", fill(2000, 8, (i, j) => 1 + (i % (j + 2)) / 1000));
    // Metal skips passes itself, and the host never learns which: it tells all that were encoded.
    const expected = testDevice().name === "metal" ? [6, 6] : [1, 2];
    assert.deepEqual([await passes(sample("random", normal(2000, 8, 3))), await passes(near)], expected);
  });

  it("proves its result with figures that agree with measurements from outside", async () => {
    await every(torture().filter((_, at) => at % sized(3, 17) === 0), name, async (recipe, at) => {
      const a = recipe.make();
      const { q, r, proof } = await qr(a, { proof: true, method: methods[at % 2]! });
      assert.ok(proof?.holds, `the proof does not hold: ${JSON.stringify(proof?.figures)}`);
      const [A, Q, R] = [wide(a), wide(q), wide(r)], product = t.matmul64(Q, R);
      const scale = t.normF(A) * u;
      const mine = {
        residual: scale === 0 ? 0 : t.normF(t.minus(A, product)) / scale,
        orthogonality: t.orthogonality(Q),
      };
      for (const [figure, value] of Object.entries(mine)) {
        const told: number = proof.figures[figure]?.value ?? NaN;
        assert.ok(Math.abs(told - value) <= 1e-4 * value + 1e-6, `${figure} is told as ${told}, measured as ${value}`);
      }
      assert.ok(Object.values(proof.figures).every(({ bound }) => bound > 0), "every figure has its bound");
    });
    assert.equal(qrSync([[1]]).proof, undefined);
  });
});

/** The first rows of a sample. */
function top(a: Sample, rows: number): Sample {
  const m = Math.min(rows, a.shape[0]), n = a.shape[1];
  return { name: a.name, shape: [m, n], data: a.data.slice(0, m * n) };
}

describe("orthonormalize", () => {
  it("gives an orthonormal basis that contains the columns, on the torture set", async () => {
    const list = torture().filter((recipe) => recipe.make().shape[0] >= recipe.make().shape[1]);
    await every(list, name, async (recipe, at) => {
      const a = recipe.make(), q = at % 2 === 0 ? orthonormalizeSync(a) : await orthonormalize(a);
      assert.deepEqual([...q.shape], [...a.shape]);
      hold(contracts.basis(a, q), recipe.name);
    });
  });

  it("works on rows", () => {
    for (const recipe of torture().filter((r) => /1x40|33x64|2x300|one number|rank 3|wide zero/.test(r.name))) {
      const a = recipe.make(), q = orthonormalizeSync(a, { axis: "rows" });
      const turned = sample("", t.transpose(wide(a)));
      assert.deepEqual([...q.shape], [...a.shape]);
      hold(contracts.basis(turned, numbers(q.T)), recipe.name);
    }
  });

  it("gives empty bases for empty matrices", () => {
    assert.deepEqual([...orthonormalizeSync(Matrix.zeros(4, 0)).shape], [4, 0]);
    assert.deepEqual([...orthonormalizeSync(Matrix.zeros(0, 4), { axis: "rows" }).shape], [0, 4]);
  });
});
