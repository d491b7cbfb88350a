// How many columns svd with k values multiplies with its matrix, in blocks of k + 4 (a pass): no more than two passes
// beyond a reference implementation of block Krylov iteration on the same eight spectra, at the same size, where every
// block has that width, and fewer where blocks are narrow; with residuals that are true.
import assert from "node:assert/strict";
import { it } from "node:test";
import { Matrix, svdSync } from "../src/index.ts";
import * as contracts from "./contracts.ts";
import { every, numbers } from "./helpers.ts";
import { fill, normal, type Sample, sample } from "./matrices.ts";
import * as t from "./metrics.ts";
import { type Dense, hold, wide } from "./metrics.ts";

const [m, n, k, tol] = [3000, 1000, 20, 1e-5];

/** A dense matrix with these singular values: a diagonal between two reflections on each side. */
function withValues(s: (i: number) => number): Dense {
  let a = fill(m, n, (i, j) => (i === j ? s(i + 1) : 0));
  for (const seed of [1, 2]) a = reflected(t.transpose(reflected(t.transpose(a), seed)), seed + 2);
  return a;
}

/** H A for H = I - 2 v v' of a random direction v. */
function reflected(a: Dense, seed: number): Dense {
  const direction = normal(a.m, 1, seed), length = t.normF(direction), v = direction.x.map((value) => value / length);
  const w = t.matmul64(t.dense(1, a.m, v), a).x;
  return t.map(a, (value, i, j) => value - 2 * v[i]! * w[j]!);
}

/** Passes of the reference at this tolerance, and the most of an engine that takes narrow blocks. */
const table: readonly { name: string; passes: number; narrow: number; s?: (i: number) => number }[] = [
  { name: "10^(-i/10)", passes: 6, narrow: 6, s: (i) => 10 ** (-(i - 1) / 10) },
  { name: "i^-2", passes: 8, narrow: 8, s: (i) => i ** -2 },
  { name: "1/i", passes: 12, narrow: 10, s: (i) => 1 / i },
  { name: "i^-1/2", passes: 16, narrow: 14, s: (i) => 1 / Math.sqrt(i) },
  { name: "25 values and noise", passes: 6, narrow: 6, s: (i) => (i <= 25 ? 1 / Math.sqrt(i) : 1e-2) },
  {
    name: "a cluster straddling k",
    passes: 8,
    narrow: 8,
    s: (i) => (i <= 15 ? 1 / Math.sqrt(i) : i <= 40 ? 0.2 : 0.1 / Math.sqrt(i)),
  },
  { name: "a gap of 1 % at k", passes: 48, narrow: 38, s: (i) => (i <= 20 ? 1 : 0.99 * Math.exp(-(i - 21) / 400)) },
  { name: "random numbers", passes: 62, narrow: 44 },
];

it("svd with k values multiplies few columns, and its residuals are true", async () => {
  const lines: string[] = [];
  await every(table, ({ name }) => name, ({ name, passes: reference, narrow, s }) => {
    const a: Sample = sample(name, s ? withValues(s) : normal(m, n, 11)), A = Matrix.from(a);
    const result = svdSync(A, { k, tol, method: "krylov" }), [U, Vt] = [numbers(result.u), numbers(result.vt)];
    lines.push(`${name.padEnd(24)} ${result.passes} (${reference})`);
    const most = A.device.kind === "cpu" ? narrow : reference + 2;
    assert.ok(result.passes <= most, `${result.passes} passes, ${most} at most; the reference takes ${reference}`);
    assert.equal(result.converged, true);
    if (s) {
      const sigma = Float64Array.from({ length: k }, (_, i) => s(i + 1));
      return hold(contracts.svd(a, { ...result, u: U, vt: Vt }, sigma, tol), name);
    }
    const residuals = contracts.tripletResiduals(wide(a), wide(U), result.s, wide(Vt));
    residuals.forEach((value, i) => {
      assert.ok(value <= tol * result.s[0]!, `residual ${i} is ${value}`);
      const ratio = value / result.residuals[i]!;
      const near = Math.max(ratio, 1 / ratio) <= 1.3 || value <= 32 * t.u * result.s[0]!;
      assert.ok(near, `residual ${i} is ${ratio} of what is told`);
    });
  });
  console.log(`passes at tolerance ${tol} (reference)\n  ${lines.join("\n  ")}`);
});
