// expm: values with 60 digits from elsewhere, laws of the exponential, and its edges.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { expm, expmSync, Matrix, NonFiniteError, OverflowError, ShapeError } from "../src/index.ts";
import { every, numbers, table } from "./helpers.ts";
import { normal, sample } from "./matrices.ts";
import * as t from "./metrics.ts";
import { wide } from "./metrics.ts";

interface Known {
  readonly a: readonly (readonly number[])[];
  readonly x: readonly (readonly number[])[];
  /** Relative condition number of the exponential at a, in the Frobenius norm. */
  readonly cond: number;
}

const known = JSON.parse(readFileSync(new URL("fixtures/expm.json", import.meta.url), "utf8")) as Record<string, Known>;

describe("expm", () => {
  it("gives the known exponentials to what their condition allows", async () => {
    await every(Object.entries(known), ([name]) => name, async ([, { a, x, cond }], at) => {
      const found = at % 2 === 0 ? expmSync(a) : await expm(a);
      const off = t.relative(wide(table(x)), wide(numbers(found)));
      const bound = 8 * Math.max(1, cond);
      assert.ok(off <= bound, `off by ${off} u, bound ${bound}`);
    });
  });

  it("turns sums of commuting matrices into products, at larger sizes", () => {
    for (const n of [33, 100]) {
      const a = sample("", t.map(normal(n, n, 4), (v) => v / Math.sqrt(n)));
      const minus = sample("", t.map(wide(a), (v) => -v));
      const product = t.matmul64(wide(numbers(expmSync(a))), wide(numbers(expmSync(minus))));
      const off = t.normF(t.minus(product, t.eye(n)));
      assert.ok(off <= 400 * Math.sqrt(n) * t.u, `exp(A) exp(-A) is off by ${off / t.u} u`);
    }
  });

  it("is orthogonal for a skew matrix", () => {
    const g = normal(64, 64, 5), skew = sample("", t.minus(g, t.transpose(g)));
    const q = wide(numbers(expmSync(skew))), off = t.orthogonality(q);
    // The derivative at a skew matrix is an isometry, so that the condition is |A| / |exp A| and the error allowed, in
    // u, 8 |A|, all in the Frobenius norm; Q'Q differs from I by at most twice the error.
    const bound = 2 * 8 * t.normF(wide(skew));
    assert.ok(off <= bound, `off by ${off} u, bound ${bound}`);
  });

  it("is exact where nothing is to be rounded", () => {
    assert.deepEqual(expmSync(Matrix.zeros(3, 3)).toArray(), Matrix.eye(3).toArray());
    assert.deepEqual([...expmSync(Matrix.zeros(0, 0)).shape], [0, 0]);
    assert.deepEqual(expmSync([[0, 2 ** 100], [0, 0]]).toArray(), [[1, 2 ** 100], [0, 1]]);
    assert.deepEqual(expmSync([[-1e38]]).toArray(), [[0]]);
  });

  it("refuses what has no exponential in float32", () => {
    assert.throws(() => expmSync([[100]]), OverflowError);
    assert.throws(() => expmSync([[3e38, 0], [0, 0]]), OverflowError);
    assert.throws(() => expmSync([[1, 2]]), ShapeError);
    assert.throws(() => expmSync([[NaN]]), NonFiniteError);
    assert.ok(Number.isNaN(expmSync([[NaN]], { checkFinite: false }).at(0, 0)));
  });
});
