// What makes columns orthonormal after the fact: the estimate of how far they are from it, the Newton-Schulz step
// where that is too far, and one pass of Gram-Schmidt for columns that nearly are.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Algorithm } from "../src/call.ts";
import { orthogonality } from "../src/estimate.ts";
import { Matrix } from "../src/index.ts";
import { polished } from "../src/polish.ts";
import { gramSchmidt } from "../src/gramschmidt.ts";
import { runSync } from "../src/run.ts";
import { sized } from "./device.ts";
import { numbers } from "./helpers.ts";
import { normal, orthonormal, sample } from "./matrices.ts";
import * as t from "./metrics.ts";

const [m, n] = sized([150, 120], [70, 60]) as [number, number];

/** Orthonormal columns plus random numbers of this many u in all, times √n. */
function nearly(error: number): t.Dense {
  const noise = normal(m, n, 3), size = (error * t.u * Math.sqrt(n)) / t.normF(noise);
  return t.map(orthonormal(m, n, 2), (value, i, j) => value + size * noise.x[i * n + j]!);
}

function run<T>(job: () => Algorithm<T>): T {
  return runSync("test", [], {}, job);
}

const lossOf = (X: Matrix): number => t.orthogonality(t.wide(numbers(X))) / Math.sqrt(n);

describe("columns that are nearly orthonormal", () => {
  it("are told by an estimate that is right to a tenth", () => {
    for (const error of [3, 8, 100, 1e4]) {
      const X = Matrix.from(sample("", nearly(error))), [told] = run(() => orthogonality([X]));
      const truth = lossOf(X) / 12;
      assert.ok(Math.abs(told! - truth) <= 0.1 * truth, `told ${told}, measured ${truth}`);
    }
  });

  it("are told by at least half where their error has one direction, whichever that is", () => {
    const n = 24, size = 0.01;
    for (let seed = 0; seed < 150; seed++) {
      const v = normal(n, 1, seed), scale = size / t.normF(v) ** 2;
      const a = t.map(t.dense(n, n), (_, i, j) => (i === j ? 1 : 0) + scale * v.x[i]! * v.x[j]!);
      const X = Matrix.from(sample("", a)), [told] = run(() => orthogonality([X]));
      const truth = t.orthogonality(t.wide(numbers(X))) / Math.sqrt(n) / 12;
      assert.ok(told! >= truth / 2, `direction ${seed}: told ${told}, measured ${truth}`);
    }
  });

  it("stay as they are where they are good, and are mended where not", () => {
    const [good, bad] = [3, 400].map((error) => Matrix.from(sample("", nearly(error)))) as [Matrix, Matrix];
    assert.ok(lossOf(good) <= 9 && lossOf(bad) > 12);
    const [same, mended] = run(() => polished([good, bad])) as [Matrix, Matrix];
    assert.equal(same, good);
    assert.ok(lossOf(mended) <= 2, `${lossOf(mended)}`);
  });

  it("are made orthonormal in one pass, and others in as many as they need", () => {
    const far = [normal(m, n, 5), t.map(normal(m, n, 6), (value, i, j) => (j < 40 ? value : (i % 7) + 1e-3 * value))];
    for (const a of [nearly(1e4), ...far.map(unit)]) {
      const X = Matrix.from(sample("", a)), R = Matrix.empty(n, n, X.device);
      assert.ok(run(() => gramSchmidt(X, 0, R, { near: true })));
      assert.ok(lossOf(X) <= 12, `${lossOf(X)}`);
      const product = t.matmul64(t.wide(numbers(X)), t.wide(numbers(R)));
      assert.ok(t.relative(t.wide(sample("", a)), product) <= 16);
    }
  });
});

/** Columns of length 1. */
function unit(a: t.Dense): t.Dense {
  const lengths = t.columnNorms(a);
  return t.map(a, (value, _, j) => value / lengths[j]!);
}
