// Small least-squares problems, on the host in float64.
import type { Algorithm } from "./call.ts";
import type { Matrix } from "./matrix.ts";
import { type SmallSvd, smallSvd, smallValues } from "./small.ts";
import { applyQ64, augmented64, countAbove, factor64, type Factored64, triangle64, unitColumns } from "./small64.ts";

/** A is m x n, b is m x k, row-major. Singular values at most rcond times the largest count as 0; undefined: at most
 * unit times, and all count where the columns, scaled to unit length, are independent to that. */
export interface Problem64 {
  readonly m: number;
  readonly n: number;
  readonly a: Float64Array;
  readonly k: number;
  readonly b: Float64Array;
  readonly rcond: number | undefined;
  readonly unit: number;
  /** Most corrections with residuals in twice the precision. */
  readonly corrections: number;
}

export interface Answer64 {
  /** n x k, row-major. */
  x: Float64Array;
  rank: number;
  /** Singular values of A, descending. */
  s: Float64Array;
  /** Length of the last correction over that of x, the worst column. */
  change: number;
  /** ‖b − Ax‖ of each column. */
  lengths: Float64Array;
  /** Where the rank is not full: left singular vectors of the values that count, m x rank. */
  left: Float64Array | undefined;
}

/** tall is A, or its transpose where A is wide: its QR, and the singular triplets of the triangle. */
interface Taken {
  readonly m: number;
  readonly n: number;
  readonly q: Factored64;
  readonly svd: SmallSvd;
  readonly rank: number;
  readonly corrections: number;
}

const none = new Float64Array();

/** x with the least ‖b − Ax‖, the shortest such. */
export function* leastSquares64(problem: Problem64, device: Matrix["device"]): Algorithm<Answer64> {
  const { m, n, a, k, b, rcond, unit, corrections } = problem;
  const [rows, cols] = m >= n ? [m, n] : [n, m];
  const q = factor64(rows, cols, m >= n ? transposed(m, n, a) : a);
  const r = triangle64(q);
  const s = yield* smallValues(cols, r, device);
  const above = countAbove(s, rcond ?? unit);
  const independent = above === cols || rcond === undefined && s[0]! > 0 &&
      countAbove(yield* smallValues(cols, unitColumns(cols, r), device), unit) === cols;
  const rank = independent ? cols : above;
  const svd = independent ? { u: none, s, v: none } : yield* smallSvd(cols, r, device);
  const taken: Taken = { m, n, q, svd, rank, corrections };
  const [x, lengths] = [new Float64Array(n * k), new Float64Array(k)];
  let change = 0;
  for (let c = 0; c < k; c++) {
    const rhs = Float64Array.from({ length: m }, (_, i) => b[i * k + c]!);
    const column = independent ? corrected(taken, rhs) : { x: shortest(taken, rhs), change: 0 };
    change = Math.max(change, column.change);
    lengths[c] = residualLength(m, n, a, column.x, rhs);
    column.x.forEach((value, j) => x[j * k + c] = value);
  }
  return { x, rank, s, change, lengths, left: independent ? undefined : leftVectors(taken) };
}

function transposed(m: number, n: number, a: Float64Array): Float64Array {
  const t = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) t[j * m + i] = a[i * n + j]!;
  return t;
}

function corrected({ m, n, q, corrections }: Taken, b: Float64Array): { x: Float64Array; change: number } {
  if (m >= n) {
    const { z, change } = augmented64(q, b, new Float64Array(n), "z", corrections);
    return { x: z, change };
  }
  const { r, change } = augmented64(q, new Float64Array(n), b, "r", corrections);
  return { x: r, change };
}

/** V diag(1/s) Uᵀ Qᵀ b over the values that count, or Q U diag(1/s) Vᵀ b where A is wide. */
function shortest({ m, n, q, svd, rank }: Taken, b: Float64Array): Float64Array {
  const { u: U, s, v: V } = svd;
  const cols = s.length;
  const y = new Float64Array(Math.max(m, n));
  if (m < n) {
    combine(V, U, s, rank, b, y.subarray(0, cols));
    applyQ64(q, y, false);
    return y;
  }
  y.set(b);
  applyQ64(q, y, true);
  const x = new Float64Array(n);
  combine(U, V, s, rank, y.subarray(0, cols), x);
  return x;
}

/** x = the sum of (from_i · c / s_i) to_i over the values that count. */
function combine(
  from: Float64Array,
  to: Float64Array,
  s: Float64Array,
  rank: number,
  c: Float64Array,
  x: Float64Array,
): void {
  const n = s.length;
  for (let i = 0; i < rank; i++) {
    let t = 0;
    for (let j = 0; j < n; j++) t += from[i * n + j]! * c[j]!;
    for (let j = 0; j < n; j++) x[j]! += t / s[i]! * to[i * n + j]!;
  }
}

/** Left singular vectors of A of the values that count, as columns. */
function leftVectors({ m, n, q, svd, rank }: Taken): Float64Array {
  const cols = svd.s.length;
  const left = new Float64Array(m * rank);
  for (let i = 0; i < rank; i++) {
    const y = new Float64Array(m);
    y.set((m < n ? svd.v : svd.u).subarray(i * cols, i * cols + cols));
    if (m >= n) applyQ64(q, y, false);
    y.forEach((value, row) => left[row * rank + i] = value);
  }
  return left;
}

function residualLength(m: number, n: number, a: Float64Array, x: Float64Array, b: Float64Array): number {
  let squares = 0;
  for (let i = 0; i < m; i++) {
    let t = b[i]!;
    for (let j = 0; j < n; j++) t -= a[i * n + j]! * x[j]!;
    squares += t * t;
  }
  return Math.sqrt(squares);
}
