// The backward error of solve: what a float32 product proves of it is never less than the truth, and within what it
// promises of it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { backwardError, BOUND } from "../src/backward.ts";
import { flushSync } from "../src/blas.ts";
import type { Algorithm } from "../src/call.ts";
import { invSync, Matrix, solveSync } from "../src/index.ts";
import { sized } from "./device.ts";
import { fill, normal, randomSample, type Sample, sample } from "./matrices.ts";
import * as t from "./metrics.ts";
import { type Dense, u, wide } from "./metrics.ts";

function run<T>(algorithm: Algorithm<T>, like: Matrix): T {
  for (;;) {
    const { done, value } = algorithm.next();
    flushSync(like.device);
    if (done) return value;
  }
}

/** ‖b − Ax‖ over √n u (‖A‖‖x‖ + ‖b‖), the worst column. */
function truth(A: Dense, x: Dense, b: Dense): number {
  const [r, xs, bs] = [t.minus(b, t.matmul64(A, x)), x, b].map(t.columnNorms) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const norm = t.normF(A), unit = Math.sqrt(A.n) * u;
  return Math.max(...Array.from(r, (error, j) => error === 0 ? 0 : error / unit / (norm * xs[j]! + bs[j]!)));
}

/** b undefined: the identity. */
function told(a: Sample, x: Sample, b: Sample | undefined, exact: boolean): number {
  using A = Matrix.from(a), X = Matrix.from(x), B = b && Matrix.from(b), R = Matrix.zeros(x.shape[0], x.shape[1]);
  return run(backwardError({ A, B, X, R, norm: t.normF(wide(a)) }, exact), A);
}

/** A system, its solution, and that solution made wrong by about so many units of the contract. */
function wrong(a: Sample, by: number): { b: Sample; x: Sample } {
  const n = a.shape[0], b = randomSample(n, 3, n);
  using X = solveSync(a, b).x;
  const size = by * Math.sqrt(n) * u, noise = normal(n, 3, n + 1);
  return { b, x: sample("x", t.map(wide(X), (v, i, j) => v * (1 + size * noise.x[i * 3 + j]!))) };
}

describe("the backward error", () => {
  const sizes = [1, 2, 7, 31, 32, 33, 64, 150, sized(400, 200)];

  it("is as measured in float64 where that is asked for, and at least that where it is proven", () => {
    const seen = { proven: 0, measured: 0 };
    for (const n of sizes) {
      for (const by of [0, 1, 4, 10, 40, 400]) {
        const steady = sample("steady", fill(n, n, (i, j) => Math.fround(i === j ? n : 0.1)));
        for (const a of [randomSample(n, n, n + 5), steady]) {
          const { b, x } = wrong(a, by), [A, X, B] = [wide(a), wide(x), wide(b)];
          const error = truth(A, X, B), floor = 1e-3;
          const exact = told(a, x, b, true), most = told(a, x, b, false);
          assert.ok(Math.abs(exact - error) <= 1e-4 * error + floor, `${n}, ${by}: measured ${exact}, true ${error}`);
          assert.ok(most >= error * (1 - 1e-6) - floor, `${n}, ${by}: at most ${most}, true ${error}`);
          if (most === exact) seen.measured++;
          else {
            seen.proven++;
            assert.ok(most <= BOUND && most <= error + 6.3, `${n}, ${by}: at most ${most}, true ${error}`);
          }
        }
      }
    }
    assert.ok(seen.proven > 20 && seen.measured > 20, JSON.stringify(seen));
  });

  it("is estimated for many columns, which finds a single one that is wrong", () => {
    const columns = 70;
    for (const n of [64, sized(300, 100)]) {
      const a = randomSample(n, n, n), b = randomSample(n, columns, n + 1);
      using X = solveSync(a, b).x;
      const x = wide(X), noise = normal(n, 1, n + 2), size = 30 * n * u;
      const all = truth(wide(a), x, wide(b)), near = told(a, sample("x", x), b, false);
      assert.ok(near > all / 2 && near < 2 * all && near !== told(a, sample("x", x), b, true), `${near}, true ${all}`);
      using inverse = invSync(a);
      const y = wide(inverse), of = truth(wide(a), y, t.eye(n)), as = told(a, sample("", y), undefined, false);
      assert.ok(as > of / 2 && as < 2 * of, `${as} of the inverse, true ${of}`);
      for (const bad of [0, 33, columns - 1]) {
        const spoiled = sample("x", t.map(x, (v, i, j) => j === bad ? v * (1 + size * noise.x[i]!) : v));
        const error = truth(wide(a), wide(spoiled), wide(b)), found = told(a, spoiled, b, false);
        assert.ok(error > BOUND && Math.abs(found - error) <= 1e-3 * error, `column ${bad}: ${found}, true ${error}`);
      }
    }
  });

  it("is NaN as soon as one column is", () => {
    const a = randomSample(5, 5, 1), b = randomSample(5, 3, 2), x = randomSample(5, 3, 3);
    x.data[0] = NaN;
    assert.ok(Number.isNaN(told(a, x, b, false)));
    assert.equal(told(a, sample("", t.map(wide(x), () => 0)), sample("", t.map(wide(b), () => 0)), false), 0);
  });
});
