// solve with refine: the error of x64 against solutions that are known exactly, over conditions, forms of input and
// kinds of matrices; and what is beyond reach says so.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  Matrix,
  OverflowError,
  SingularError,
  type Solution,
  solve,
  type SolveOptions,
  solveSync,
} from "../src/index.ts";
import { sized, thinned } from "./device.ts";
import { every, numbers } from "./helpers.ts";
import { fill, normal, randsvd } from "./matrices.ts";
import * as t from "./metrics.ts";
import type { Dense } from "./metrics.ts";
import { growth } from "./spectra.ts";

/** Bits after the point of A and of x: products of 44 bits, whose sums are exact in float64 for n up to 256. */
const BITS = { a: 30, x: 14 } as const;

function onGrid(a: Dense, bits: number): Dense {
  return t.map(a, (value) => Math.round(value * 2 ** bits) / 2 ** bits);
}

interface System {
  readonly A: Dense;
  readonly X: Dense;
  readonly B: Dense;
}

/** A system that is solved exactly by X: numbers of more bits than float32 has, right-hand sides without rounding. */
function system(A: Dense, k: number): System {
  const grid = onGrid(A, BITS.a), X = onGrid(t.map(normal(A.n, k, 9), (v) => v / 4), BITS.x);
  assert.ok(A.n <= 256 && t.largest(t.abs(grid).x) <= 1 && t.largest(t.abs(X).x) <= 2);
  return { A: grid, X, B: t.matmul64(grid, X) };
}

const flat = (a: Dense): { data: Float64Array; shape: number[] } => ({ data: a.x, shape: [a.m, a.n] });
const rows = (a: Dense): number[][] => Array.from({ length: a.m }, (_, i) => [...a.x.subarray(i * a.n, (i + 1) * a.n)]);

/** ‖x − x*‖ / ‖x*‖ of the worst column. */
function errorOf(x64: Float64Array | undefined, X: Dense): number {
  assert.ok(x64 instanceof Float64Array && x64.length === X.x.length, `x64 is ${x64}`);
  const errors = t.columnNorms(t.minus(t.dense(X.m, X.n, x64), X)), lengths = t.columnNorms(X);
  return t.largest(errors.map((e, j) => e / lengths[j]!));
}

/** Fails unless x64 is within the contract for this condition, and x is x64 in float32. */
function near({ x, x64, converged }: Solution<Matrix | Float32Array>, X: Dense, cond: number): void {
  const error = errorOf(x64, X);
  assert.ok(error <= 2 ** -44 * cond, `condition ${cond}: off by ${error}, allowed ${2 ** -44 * cond}`);
  assert.equal(converged, true);
  assert.deepEqual(x instanceof Matrix ? numbers(x).data : x, Float32Array.from(x64!));
}

const conditions = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 4e6];

describe("solve with refine", () => {
  it("is right to 2^-44 times the condition, for many right-hand sides and for one, in both forms", async () => {
    const cases = conditions.flatMap((cond) => [3, 20, 65, 150].map((n) => ({ n, cond })));
    await every(thinned(cases, 5), ({ n, cond }) => `${n}, condition ${cond}`, async ({ n, cond }, at) => {
      for (const mode of [2, 3] as const) {
        const { A, X, B } = system(randsvd(n, n, cond, mode), 5);
        const many = at % 2 === 0 ? solveSync(flat(A), flat(B), { refine: true }) : await solve(rows(A), rows(B), {
          refine: true,
        });
        near(many, X, cond);
        const b = t.columns(B, 2, 3).x, options = { refine: true, proof: true };
        const one = at % 2 === 0 ? await solve(flat(A), b, options) : solveSync(rows(A), [...b], options);
        near(one, t.columns(X, 2, 3), cond);
        assert.ok(one.x instanceof Float32Array && one.proof?.holds);
      }
    });
  });

  it("is right for numbers and solutions of 53 bits, by exact fractions", async () => {
    const systems = [
      { name: "Hilbert", A: fill(5, 5, (i, j) => 1 / (i + j + 1)), cond: 4.7e5 },
      ...conditions.map((cond) => ({ name: `condition ${cond}`, A: randsvd(30, 30, cond, 3), cond })),
    ];
    await every(systems, ({ name }) => name, ({ A, cond }) => {
      const b = normal(A.m, 1, 3);
      near(solveSync(flat(A), b.x, { refine: true }), t.dense(A.n, 1, exactly(A, b.x)), cond);
    });
  });

  it("takes float32 matrices as they are, whatever their scale and the way they lie in memory", () => {
    const A = onGrid(randsvd(60, 60, 1e5, 3), 20), X = onGrid(normal(60, 2, 9), BITS.x), B = t.matmul64(A, X);
    for (const scale of [2 ** -100, 1, 2 ** 100]) {
      const [M, b] = [t.map(t.transpose(A), (v) => v * scale), t.map(B, (v) => v * scale)];
      near(solveSync(Matrix.from(M.x, [60, 60]).T, flat(b), { refine: true }), X, 1.1e5);
    }
  });

  it("serves every kind of matrix, and reads no more of it than that says", () => {
    const triangle = t.map(normal(80, 80, 5), (v, i, j) => i === j ? 0.5 + Math.abs(v) / 16 : j < i ? v / 64 : 0);
    const spd = t.gram(randsvd(90, 90, 1e3, 3));
    const kinds: readonly (readonly [NonNullable<SolveOptions["assume"]>, Dense, number])[] = [
      ["positive", spd, 1e6],
      ["lower", triangle, 10],
      ["upper", t.transpose(triangle), 10],
    ];
    for (const [assume, given, cond] of kinds) {
      const { A, X, B } = system(given, 3);
      const read = t.map(A, (v, i, j) => (assume === "upper" ? i > j : j > i) ? NaN : v);
      near(solveSync(flat(read), flat(B), { assume, refine: true }), X, cond);
    }
  });

  it("falls back to QR where elimination loses everything", () => {
    for (const n of sized([20, 64, 200], [20, 64])) {
      for (const noise of [0, 0.02]) {
        const { A, X, B } = system(t.wide(growth(n, noise)), 2);
        near(solveSync(flat(A), flat(B), { refine: true }), X, 200);
      }
    }
  });

  it("says that it has not converged where the condition is far beyond its reach", async () => {
    const cases = [1e9, 1e11, 1e13, 1e15].flatMap((cond) => [20, 150].map((n) => ({ n, cond })));
    await every(thinned(cases, 2), ({ n, cond }) => `${n}, condition ${cond}`, ({ n, cond }) => {
      for (const mode of [2, 3, 4] as const) {
        const A = randsvd(n, n, cond, mode), X = normal(n, 2, 9), B = t.matmul64(A, X);
        const { converged, x64, proof } = solveSync(flat(A), flat(B), { refine: true, proof: true });
        assert.ok(!converged, `mode ${mode}: converged, off by ${errorOf(x64, X)}`);
        assert.ok(proof!.figures.backward!.value <= 8 * Math.sqrt(n), "its backward error is that of any solve");
      }
    });
    assert.throws(() => solveSync([[1, 2], [2, 4]], [1, 1], { refine: true }), SingularError);
    await assert.rejects(solve([[1, 1], [1, 1 + 1e-12]], [1, 1], { refine: true }), SingularError);
  });

  it("takes what is empty, one number or zero, and says nothing of x64 unless asked", () => {
    assert.equal(solveSync([[4]], [8]).x64, undefined);
    assert.deepEqual([...solveSync([[3]], [1], { refine: true }).x64!], [1 / 3]);
    const zero = solveSync(Matrix.eye(3), [0, 0, 0], { refine: true });
    assert.deepEqual([[...zero.x64!], zero.converged], [[0, 0, 0], true]);
    const none = solveSync(Matrix.zeros(0, 0), Matrix.zeros(0, 3), { refine: true });
    assert.deepEqual([[...none.x.shape], none.x64!.length, none.converged], [[0, 3], 0, true]);
    assert.equal(solveSync(Matrix.eye(3), Matrix.zeros(3, 0), { refine: true }).converged, true);
  });

  it("serves diagonals from one end of float32 to the other, whatever they are taken for", async () => {
    const far = [[1e19, 1e-19], [1e20, 1e-20], [1e-22, 1e22], [1e25, 1e-25], [1e30, 1e-30]];
    // Metal takes numbers below 2^-126 for 0, and with them the rest of small numbers beside large ones.
    const pairs = [[1e15, 1e-15], [1, 2e-38], [2e-38, 1], ...sized(far, [])];
    for (const kind of ["general", "positive", "lower", "upper"] as const) {
      await every(pairs, String, async ([p, q]) => {
        const { x, x64, rcond, converged } = await solve([[p!, 0], [0, q!]], [1, 3], { assume: kind, refine: true });
        const errors = [x64![0]! * p! - 1, x64![1]! * q! / 3 - 1].map(Math.abs), cond = Math.max(p! / q!, q! / p!);
        assert.ok(t.largest(errors) <= (cond < 1e53 ? 2 ** -44 : t.u), `off by ${errors}`);
        assert.deepEqual([converged, x], [true, Float32Array.from(x64!)]);
        assert.ok(rcond * cond >= 0.99 && rcond * cond <= 3, `rcond ${rcond}`);
      });
    }
  });

  it("throws where the solution is beyond float32, and gives NaN where it may", () => {
    assert.throws(() => solveSync([[1e-30]], [1e30], { refine: true }), OverflowError);
    const nan = solveSync([[NaN, 1], [1, 1]], [1, 2], { refine: true, checkFinite: false });
    assert.ok(nan.x.every(Number.isNaN) && nan.x64!.every(Number.isNaN) && !nan.converged);
  });
});

/** The solution of A x = b for these doubles, by elimination without fractions (Bareiss), rounded at the end. */
function exactly(A: Dense, b: Float64Array): Float64Array {
  const n = A.n, scale = 2 ** 90;
  const whole = (value: number): bigint => BigInt(value * scale);
  const w = rows(A).map((row, i) => [...row, b[i]!].map(whole));
  let previous = 1n;
  for (let k = 0; k < n; k++) {
    const p = w.findIndex((row, i) => i >= k && row[k] !== 0n);
    [w[k], w[p]] = [w[p]!, w[k]!];
    const mine = w[k]!, pivot = mine[k]!;
    for (const [i, row] of w.entries()) {
      if (i === k) continue;
      const f = row[k]!;
      for (let j = 0; j <= n; j++) row[j] = (pivot * row[j]! - f * mine[j]!) / previous;
    }
    previous = pivot;
  }
  return Float64Array.from(w, (row, i) => Number((row[n]! << 80n) / row[i]!) / 2 ** 80);
}
