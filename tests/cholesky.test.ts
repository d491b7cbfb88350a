// cholesky: the contract on positive definite matrices, what must fail and with which order, jitter, edges and
// references.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cholesky, choleskySync, Matrix, NotPositiveDefiniteError } from "../src/index.ts";
import * as contracts from "./contracts.ts";
import { every, numbers, placeInside, reference, sameBits, table } from "./helpers.ts";
import { correlation, fill, normal, positive, type Sample, sample, symmetric } from "./matrices.ts";
import * as t from "./metrics.ts";
import { type Dense, hold, u, wide } from "./metrics.ts";

const name = (item: { readonly name: string }): string => item.name;

async function check(a: Sample, blocking: boolean): Promise<void> {
  using A = Matrix.from(a);
  const { l, jitter } = blocking ? choleskySync(A) : await cholesky(A);
  assert.equal(jitter, 0);
  hold(contracts.cholesky(a, l), a.name);
  sameBits(numbers(A).data, a.data, "the input");
}

/** The error that a matrix must be refused with. */
function refusal(a: Sample): NotPositiveDefiniteError {
  try {
    choleskySync(a);
  } catch (error) {
    assert.ok(error instanceof NotPositiveDefiniteError, String(error));
    return error;
  }
  assert.fail(`${a.name}: a factor was returned`);
}

/** Smallest eigenvalue of the leading minor of this order. */
function minor(a: Dense, order: number): number {
  return t.smallestEigenvalue(t.map(t.dense(order, order), (_, i, j) => a.x[i * a.n + j]!));
}

describe("cholesky", () => {
  it("factors every positive definite matrix of the set within its bound", async () => {
    await every(
      [...positive(), ...positive(257).slice(0, 4)],
      name,
      (recipe, at) => check(recipe.make(), at % 2 === 0),
    );
  });

  it("factors at the borders of its blocks", async () => {
    const sizes = [1, 2, 3, 5, 15, 16, 17, 31, 33, 63, 64, 65, 95, 97, 127, 128, 129, 200, 255, 256, 257];
    await every(sizes, String, (n, at) => check(sample(`${n}`, t.gram(normal(n + 20, n, n))), at % 2 === 0));
  });

  it("succeeds for eigenvalues above 20 n u and fails below -20 n u, at the minor that is to blame", async () => {
    for (const n of [24, 96, 130]) {
      const limit = 20 * n * u;
      await check(sample("just positive", correlation(n, 1.05 * limit)), true);
      const a = sample("just indefinite", correlation(n, -1.05 * limit)), { order } = refusal(a);
      assert.ok(minor(wide(a), order) <= limit, `minor ${order} is positive definite`);
      assert.ok(
        order === 1 || minor(wide(a), order - 1) >= -limit,
        `minor ${order - 1} is not positive definite already`,
      );
    }
  });

  it("names the first bad minor exactly where nothing is in doubt", async () => {
    const orders = [1, 2, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 150];
    await every(orders, String, (order) => {
      const a = sample("", t.map(correlation(150, 0.2), (value, i, j) => (i === j && i + 1 >= order ? -1 : value)));
      const error = refusal(a);
      assert.equal(error.order, order);
      assert.match(error.message, new RegExp(`cholesky.*\\b${order}\\b.*150x150`));
    });
    assert.equal(refusal(sample("zero", t.dense(3, 3))).order, 1);
    assert.equal(refusal(sample("ones", fill(4, 4, () => 1))).order, 2);
  });

  it("reads the lower triangle only and writes exact zeros above the diagonal", () => {
    const a = sample("", symmetric(90, (i) => 1 + i % 7)),
      upper = sample("", t.map(wide(a), (v, i, j) => (j > i ? NaN : v)));
    const { l } = choleskySync(upper);
    sameBits(l.data, choleskySync(a).l.data, "with NaN above the diagonal");
    hold(contracts.cholesky(a, l), "with NaN above the diagonal");
  });

  it("returns empty for 0x0 and the square root for 1x1", () => {
    assert.deepEqual([...choleskySync(Matrix.zeros(0, 0)).l.shape], [0, 0]);
    assert.deepEqual(choleskySync([[9]]).l.toArray(), [[3]]);
    assert.deepEqual(choleskySync([[2 ** 120]]).l.toArray(), [[2 ** 60]]);
  });

  it("gives NumPy's factor", () => {
    const { a, l, cond } = reference().cholesky;
    const off = t.relative(wide(table(l)), wide(choleskySync(a).l));
    assert.ok(off <= 12 * cond, `off by ${off} u`);
  });

  it("adds jitter only when asked, and tells how much", async () => {
    const semi = sample(
      "rank 10 of 40",
      t.map(t.matmul64(normal(40, 10, 3), t.transpose(normal(40, 10, 3))), (v) => v),
    );
    const shifted = sample("", t.map(wide(semi), (v, i, j) => (i === j ? v - 2e-5 : v)));
    refusal(shifted);
    const { l, jitter } = await cholesky(shifted, { jitter: true });
    assert.ok(jitter > 0 && jitter <= 4 * 40 * u * 1000 * 15, `jitter is ${jitter}`);
    hold(
      contracts.cholesky(sample("", t.map(wide(shifted), (v, i, j) => (i === j ? v + jitter : v))), l),
      "with jitter",
    );
    assert.equal(choleskySync([[4]], { jitter: true }).jitter, 0);
    assert.throws(() => choleskySync([[1, 0], [0, -1]], { jitter: true }), NotPositiveDefiniteError);
  });

  it("factors views, transposed and enclosed, without touching them", () => {
    const a = sample("", t.gram(normal(80, 70, 5)));
    for (const turned of [false, true]) {
      const { view, whole } = placeInside(a, turned), before = numbers(whole).data;
      hold(contracts.cholesky(a, choleskySync(view).l), "view");
      sameBits(numbers(whole).data, before, "what surrounds the view");
    }
  });

  it("gives the same bits async and blocking", async () => {
    const a = sample("", t.gram(normal(320, 300, 6)));
    sameBits((await cholesky(a)).l.data, choleskySync(a).l.data, "L");
  });

  it("proves its result with a figure that agrees with a measurement from outside", () => {
    for (const recipe of positive()) {
      const a = recipe.make(), { l, proof } = choleskySync(a, { proof: true });
      const L = wide(l), value = t.normF(t.minus(wide(a), t.matmul64(L, t.transpose(L)))) / t.normF(wide(a)) / u;
      const told: number = proof?.figures.residual?.value ?? NaN;
      assert.ok(proof?.holds, recipe.name);
      assert.ok(Math.abs(told - value) <= 1e-4 * value + 1e-6, `${recipe.name}: told ${told}, measured ${value}`);
    }
  });

  it("gives NaN for NaN input when checkFinite is off", () => {
    assert.ok(choleskySync([[1, 0], [NaN, 1]], { checkFinite: false }).l.data.every(Number.isNaN));
  });
});
