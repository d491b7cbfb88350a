// completeBasis, randomOrthogonal and rangeFinder: orthonormal to the bound, what they keep, and errors that are true.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  completeBasis,
  completeBasisSync,
  type Matrix,
  open,
  orthonormalizeSync,
  randomOrthogonal,
  randomOrthogonalSync,
  rangeFinder,
  rangeFinderSync,
} from "../src/index.ts";
import { sized } from "./device.ts";
import { every, numbers, placeInside, sameBits } from "./helpers.ts";
import { fill, normal, orthonormal, randomSample, type Sample, sample, spectra, withSpectrum } from "./matrices.ts";
import * as t from "./metrics.ts";
import { hold, type Numbers, singularValues64, u, wide } from "./metrics.ts";
import { refuseAll } from "./misuse.ts";
import { argument, fails, shape } from "./refusals.ts";

/** Fails unless the columns are orthonormal to 12 sqrt(n) u. */
function orthonormalTo(q: Numbers, what: string): void {
  const Q = wide(q);
  hold([{ contract: "orthogonality", value: t.orthogonality(Q), bound: 12 * Math.sqrt(Q.n) }], what);
}

describe("completeBasis", () => {
  it("keeps the columns it is given and adds the rest of a square basis", async () => {
    const shapes = [[1, 1], [2, 1], [5, 5], [40, 1], [64, 63], [65, 32], [130, 31], [200, 100], [7, 0], [
      0,
      0,
    ]] as const;
    await every(shapes, String, async ([m, n], at) => {
      const q = sample("", orthonormal(m, n, 5)), Q = placeInside(q, at % 3 === 0).view;
      using W = at % 2 === 0 ? completeBasisSync(Q) : await completeBasis(Q);
      assert.deepEqual([...W.shape], [m, m]);
      sameBits(numbers(W.cols(0, n)).data, q.data, "the columns given");
      orthonormalTo(numbers(W), `${m}x${n}`);
    });
  });

  it("completes columns of the identity, and a basis that a factorisation made", async () => {
    const e = sample("", fill(50, 20, (i, j) => (i === 2 * j ? 1 : 0)));
    orthonormalTo(numbers(await completeBasis(e)), "identity");
    const q = orthonormalizeSync(randomSample(90, 50, 3));
    orthonormalTo(numbers(completeBasisSync(q)), "made by orthonormalize");
    sameBits((await completeBasis(q)).data, completeBasisSync(q).data, "async and blocking");
  });

  it("refuses columns that are not orthonormal, and more columns than rows", async () => {
    const wide2 = [[1, 0]], skew = [[1, 1], [0, 1], [0, 0]];
    await fails("completeBasis", () => completeBasisSync(wide2), () => completeBasis(wide2), {
      ...shape,
      text: /1x2|2/,
    });
    const wanted = { ...argument, text: /orthonormal/ };
    await fails("completeBasis", () => completeBasisSync(skew), () => completeBasis(skew), wanted);
    await refuseAll([{ op: "completeBasis", blocking: completeBasisSync, promised: completeBasis }]);
  });
});

describe("randomOrthogonal", () => {
  it("has orthonormal columns, or rows, times the gain", async () => {
    const shapes = [[1, 1], [1, 9], [9, 1], [40, 40], [65, 33], [33, 65], [200, 130], [5, 0], [0, 0]] as const;
    await every(shapes, String, async ([m, n], at) => {
      const gain = at % 3 === 0 ? 2.5 : 1, options = { seed: at, ...(gain === 1 ? {} : { gain }) };
      const q = at % 2 === 0 ? randomOrthogonalSync(m, n, options) : await randomOrthogonal(m, n, options);
      assert.deepEqual([...q.shape], [m, n]);
      const Q = t.map(wide(numbers(q)), (v) => v / gain), tall = m >= n ? Q : t.transpose(Q);
      // A gain that is no power of two rounds every entry once more.
      const bound = 12 * Math.sqrt(tall.n) + (gain === 1 ? 0 : 2 * Math.sqrt(tall.n));
      hold([{ contract: "orthogonality", value: t.orthogonality(tall), bound }], `${m}x${n}`);
    });
  });

  it("is the same for a seed in both forms and for any number of threads, and another for another", async () => {
    using device = open({ threads: 1 });
    const one = randomOrthogonalSync(90, 70, { seed: 3 });
    sameBits(one.data, (await randomOrthogonal(90, 70, { seed: 3 })).data, "async");
    sameBits(one.data, randomOrthogonalSync(90, 70, { seed: 3, device }).data, "one thread");
    const other = wide(numbers(randomOrthogonalSync(90, 70, { seed: 4 })));
    const overlap = t.normF(t.matmul64(t.transpose(other), wide(numbers(one))));
    // Of two independent ones the mean square of the overlap is 70 70 / 90.
    assert.ok(overlap < 65 ** 0.5 * 1.3, `overlap ${overlap}`);
    sameBits(randomOrthogonalSync(4, 4).data, (await randomOrthogonal(4, 4)).data, "default seed");
  });

  it("has no favourite direction: entries of either sign and of variance 1/n", () => {
    const n = 6, seeds = 200, first = Array.from({ length: seeds }, (_, seed) => randomOrthogonalSync(n, n, { seed }));
    for (const [i, j] of [[0, 0], [1, 0], [5, 5], [0, 5], [2, 3]] as const) {
      const values = first.map((q) => q.at(i, j)), up = values.filter((v) => v > 0).length;
      const variance = values.reduce((sum, v) => sum + v * v, 0) / seeds;
      assert.ok(up > 60 && up < 140, `entry ${i},${j} is positive in ${up} of ${seeds}`);
      assert.ok(variance > 0.7 / n && variance < 1.35 / n, `entry ${i},${j} has variance ${variance}`);
    }
  });

  it("refuses what it must", async () => {
    const sizes: readonly (readonly [number, number])[] = [[-1, 2], [2, 1.5], [NaN, 1]];
    for (const [m, n] of sizes) {
      const wanted = { ...shape, text: /-1|1\.5|NaN/ };
      await fails("randomOrthogonal", () => randomOrthogonalSync(m, n), () => randomOrthogonal(m, n), wanted);
    }
    for (const options of [{ gain: NaN }, { seed: 0.5 }]) {
      const wanted = { ...argument, text: /gain.*NaN|seed.*0\.5/ };
      const call = (): Promise<Matrix> => randomOrthogonal(2, 2, options);
      await fails("randomOrthogonal", () => randomOrthogonalSync(2, 2, options), call, wanted);
    }
  });
});

/** |A - Q Q'A|_F over |A|_F in float64. */
function missed(a: Sample, q: Numbers): number {
  const A = wide(a), Q = wide(q), error = t.normF(t.minus(A, t.matmul64(Q, t.matmul64(t.transpose(Q), A))));
  return error === 0 ? 0 : error / t.normF(A);
}

/** The error told is the true one, as far as rounding lets anyone know. */
function checkError(a: Sample, { q, error }: { q: Matrix; error: number }): number {
  orthonormalTo(numbers(q), a.name);
  const truth = missed(a, numbers(q));
  assert.ok(Math.abs(error - truth) <= 0.02 * truth + 32 * u, `${a.name}: told ${error}, truly ${truth}`);
  return truth;
}

/** The best that k columns can leave: the root of the squares of the other singular values, over that of all. */
function rest(sigma: Float64Array, k: number): number {
  const squares = (from: number): number => sigma.subarray(from).reduce((sum, s) => sum + s * s, 0);
  return Math.sqrt(squares(k) / squares(0));
}

describe("rangeFinder", () => {
  it("with k is near the best of its width and tells the error it leaves", async () => {
    await every(spectra(150, 90, 12), ({ name }) => name, async ({ k, sigma, make }, at) => {
      const a = make(), found = at % 2 === 0 ? rangeFinderSync(a, { k }) : await rangeFinder(a, { k });
      assert.deepEqual([...found.q.shape], [150, k]);
      const truth = checkError(a, found), best = rest(sigma, k);
      assert.ok(truth <= 1.5 * best + 32 * u, `${truth} where ${best} is possible`);
    });
  });

  it("with eps goes as wide as it takes, and hardly wider", async () => {
    const a = sample("10^(-i/20)", withSpectrum(160, 100, (i) => 10 ** (-i / 20), 6)),
      sigma = singularValues64(wide(a));
    await every([0.5, 1e-1, 1e-2, 1e-3], String, async (eps, at) => {
      const found = at % 2 === 0 ? rangeFinderSync(a, { eps }) : await rangeFinder(a, { eps });
      assert.ok(checkError(a, found) <= eps, `${missed(a, numbers(found.q))} where ${eps} was asked`);
      const needed = sigma.findIndex((_, k) => rest(sigma, k) <= eps);
      const width = found.q.shape[1];
      assert.ok(width >= needed && width <= needed + 40, `${width} columns where ${needed} are needed`);
    });
  });

  it("works on the edges", async () => {
    const flat = randomSample(60, 40, 7);
    checkError(flat, rangeFinderSync(flat, { k: 40 }));
    checkError(flat, await rangeFinder(flat, { eps: 1e-3 }));
    const least = sized(1e-40, 1e-30); // Metal takes numbers below 2^-126 for 0
    const small = sample("as small as can be", t.map(normal(20, 5, 12), (value) => value * least));
    assert.ok(rangeFinderSync(small, { k: 5 }).error <= 1e-4);
    const low = sample("rank 4", t.matmul64(normal(70, 4, 8), normal(4, 50, 9)));
    const found = rangeFinderSync(low, { k: 10 });
    assert.equal(found.q.shape[1], 10);
    assert.ok(checkError(low, found) <= 32 * u);
    const zero = sample("zero", t.dense(20, 10));
    assert.equal(checkError(zero, rangeFinderSync(zero, { k: 3 })), 0);
    assert.equal(rangeFinderSync(zero, { eps: 1e-6 }).error, 0);
    assert.deepEqual([...rangeFinderSync(flat, { k: 0 }).q.shape], [60, 0]);
    const wide2 = randomSample(30, 90, 10);
    checkError(wide2, await rangeFinder(wide2, { k: 8 }));
    const { view } = placeInside(wide2, true);
    sameBits(numbers(rangeFinderSync(view, { k: 8 }).q).data, rangeFinderSync(view, { k: 8 }).q.data, "again");
  });

  it("gives the same bits async and blocking", async () => {
    const a = randomSample(120, 80, 11);
    for (const options of [{ k: 9 }, { eps: 0.7 }]) {
      const one = rangeFinderSync(a, options), two = await rangeFinder(a, options);
      sameBits(one.q.data, two.q.data, "Q");
      assert.equal(one.error, two.error);
    }
  });

  it("refuses what it must", async () => {
    const a = [[1, 2], [3, 4]];
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ k: 3 }, /3.*2x2/],
      [{ k: -1 }, /-1/],
      [{ k: 1.5 }, /1\.5/],
      [{ eps: -1 }, /eps.*-1/],
      [{ eps: NaN }, /eps.*NaN/],
      [{ eps: 0 }, /eps.*0/],
      [{}, /k is undefined and eps is undefined.*one/],
      [{ k: 2, eps: 0.5 }, /k is 2 and eps is 0\.5.*one/],
    ];
    await every(wrong, ([options]) => JSON.stringify(options), async ([options, text]) => {
      const o = options as { k: number };
      await fails("rangeFinder", () => rangeFinderSync(a, o), () => rangeFinder(a, o), { ...argument, text });
    });
    const k = { k: 1 };
    await refuseAll([{
      op: "rangeFinder",
      blocking: (x) => rangeFinderSync(x, k),
      promised: (x) => rangeFinder(x, k),
    }]);
  });
});
