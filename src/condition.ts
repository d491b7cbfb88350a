// Norms of a matrix, and the condition of a factored one: Higham's estimate of ‖A⁻¹‖₁ (Higham 1988, LAPACK lacn2).
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";

/** Frobenius norm and largest sum of a column. NaN or Inf where A has one, and only there. */
export interface Norms {
  readonly frobenius: number;
  readonly one: number;
}

/** Waits for the queue and reads A once. */
export function* norms(A: Matrix): Algorithm<Norms> {
  yield settled();
  const { numbers, down, across } = A.lines(), [m, n] = A.shape;
  const [squares, one] = across === 1 ? alongRows(numbers, m, n, down) : alongColumns(numbers, m, n, across);
  return { frobenius: Math.sqrt(squares), one: Number.isFinite(squares) ? one : NaN };
}

/** Sum of squares and largest sum of a column, four rows at a time: one chain of additions would wait for itself. */
function alongRows(a: Float32Array, m: number, n: number, down: number): [squares: number, one: number] {
  const sums = new Float64Array(n), fours = m - m % 4;
  let [even, odd] = [0, 0];
  for (let i = 0; i < fours; i += 4) {
    const p = i * down, q = p + down, r = q + down, s = r + down;
    for (let j = 0; j < n; j++) {
      const x = Math.abs(a[p + j]!), y = Math.abs(a[q + j]!), z = Math.abs(a[r + j]!), w = Math.abs(a[s + j]!);
      sums[j]! += (x + y) + (z + w);
      even += x * x + y * y;
      odd += z * z + w * w;
    }
  }
  for (let i = fours; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const x = Math.abs(a[i * down + j]!);
      sums[j]! += x;
      even += x * x;
    }
  }
  let one = 0;
  for (let j = 0; j < n; j++) one = Math.max(one, sums[j]!);
  return [even + odd, one];
}

function alongColumns(a: Float32Array, m: number, n: number, across: number): [squares: number, one: number] {
  let [squares, one] = [0, 0];
  for (let j = 0; j < n; j++) {
    let sum = 0;
    for (let i = 0, at = j * across; i < m; i++) {
      const x = Math.abs(a[at + i]!);
      sum += x;
      squares += x * x;
    }
    one = Math.max(one, sum);
  }
  return [squares, one];
}

/** Solves with a matrix and with its transpose, in place. */
export interface Solver {
  solve(B: Matrix): void;
  solveTransposed(B: Matrix): void;
}

/** Encodes the two solves that the estimate needs in any case. */
export function beginEstimate(n: number, A: Matrix, f: Solver): Matrix {
  const V = Matrix.hosted(n, 2, A.device), v = V.host();
  for (let i = 0; i < n; i++) {
    v[2 * i] = 1 / n;
    v[2 * i + 1] = (i % 2 === 0 ? 1 : -1) * (1 + i / Math.max(1, n - 1));
  }
  f.solve(V);
  return V;
}

/** 1/(‖A‖₁ est ‖A⁻¹‖₁) once the solves of V have run. */
export function* reciprocalCondition(one: number, V: Matrix, f: Solver): Algorithm<number> {
  const n = V.shape[0];
  if (n === 0) return Infinity;
  const inverse = yield* inverseNorm(n, V, f);
  return one === 0 ? 0 : 1 / one / inverse;
}

/** A lower bound, rarely below a third of it. */
function* inverseNorm(n: number, V: Matrix, f: Solver): Algorithm<number> {
  const begun = V.host();
  using W = Matrix.hosted(n, 1, V.device);
  const w = W.host().subarray(0, n), signs = new Float32Array(n);
  let [estimate, alternating] = [0, 0];
  for (let i = 0; i < n; i++) {
    estimate += Math.abs(begun[2 * i]!);
    alternating += Math.abs(begun[2 * i + 1]!);
    signs[i] = begun[2 * i]! < 0 ? -1 : 1;
  }
  for (let step = 0, at = -1; step < 5; step++) {
    w.set(signs);
    f.solveTransposed(W);
    yield settled();
    const next = largest(w);
    if (next === at) break;
    at = next;
    w.fill(0);
    w[at] = 1;
    f.solve(W);
    yield settled();
    let [length, changed] = [0, false];
    for (let i = 0; i < n; i++) {
      const x = w[i]!, sign = x < 0 ? -1 : 1;
      length += Math.abs(x);
      changed ||= sign !== signs[i];
      signs[i] = sign;
    }
    if (!(length > estimate)) break;
    estimate = length;
    if (!changed) break;
  }
  return Math.max(estimate, 2 * alternating / (3 * n));
}

function largest(v: Float32Array): number {
  let best = 0;
  for (let i = 1; i < v.length; i++) if (Math.abs(v[i]!) > Math.abs(v[best]!)) best = i;
  return best;
}
