// Norms, condition, rank and pseudoinverse, and compensated sums.
import { gemm, scale } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { accepted, notANumber, requireInRange, statistics } from "./check.ts";
import { requireSquare } from "./cholesky.ts";
import { ArgumentError, NonFiniteError, SingularError } from "./errors.ts";
import { decomposed, normalized, singularValues } from "./fullsvd.ts";
import { realNumbers, requireNumber, requireOptions, type VectorLike } from "./input.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { squaredColumns, sum, u } from "./proof.ts";
import { inverse } from "./solve.ts";

/** Which norm: the largest column or row sum (1, Infinity), Frobenius, the largest singular value (2) or their sum. */
export type NormOrder = 1 | 2 | "fro" | "nuc" | number;

/** Sum as if in twice the precision of float64 (Ogita, Rump & Oishi 2005, Sum2). */
export function sum2(values: VectorLike): number {
  const x = realNumbers(values, "sum2");
  let [total, error] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    const next = total + x[i]!;
    const part = next - total;
    error += (total - (next - part)) + (x[i]! - part);
    total = next;
  }
  return Number.isFinite(error) ? total + error : total;
}

/** Euclidean length without overflow or underflow on the way. */
export function norm2(values: VectorLike): number {
  return length(realNumbers(values, "norm2"));
}

function length(x: Float64Array): number {
  let max = 0;
  for (let i = 0; i < x.length; i++) {
    const size = Math.abs(x[i]!);
    if (!(size <= max)) max = size;
  }
  if (max === 0 || !Number.isFinite(max)) return max;
  let squares = 0;
  for (let i = 0; i < x.length; i++) squares += (x[i]! / max) * (x[i]! / max);
  return max * Math.sqrt(squares);
}

/** The norm of a vector: p = Infinity, -Infinity, 0 (how many are not 0) or any other number. */
export function vectorNorm(x: VectorLike, p: NormOrder, o: RunOptions): number {
  requireOptions(o, "norm");
  const sizes = realNumbers(x, "norm").map(Math.abs);
  const lost = sizes.findIndex((v) => !Number.isFinite(v));
  if (lost >= 0 && o.checkFinite === false) return NaN;
  if (lost >= 0) {
    const hint = "clean the data, or pass checkFinite: false for a NaN result";
    throw new NonFiniteError(`norm: the vector has ${x[lost]} at element ${lost}; ${hint}`, lost, 0);
  }
  if (p === 2 || p === "fro") return length(sizes);
  if (typeof p !== "number" || Number.isNaN(p)) {
    throw new ArgumentError(`norm: a vector has no norm "${p}"; p is a number, Infinity or "fro"`);
  }
  const most = p > 0 ? sizes.reduce((a, b) => (a >= b ? a : b), 0) : sizes.reduce((a, b) => (a <= b ? a : b), Infinity);
  if (Math.abs(p) === Infinity) return most;
  if (p === 0) return sizes.filter((v) => v !== 0).length;
  if (most === 0 || sizes.length === 0) return 0;
  return most * sum2(sizes.map((v) => (v / most) ** p)) ** (1 / p); // powers of at most 1, the largest of them 1
}

/** The largest sum of absolute values in a column. */
function columnSums(A: Matrix): number {
  const [m, n] = A.shape;
  const sums = new Float64Array(n);
  const step = Math.max(1, Math.floor(2 ** 20 / Math.max(1, n)));
  for (let i = 0; i < m; i += step) {
    A.readBlock(i, Math.min(m, i + step), 0, n).forEach((v, at) => sums[at % n]! += Math.abs(v));
  }
  return sums.reduce((a, b) => Math.max(a, b), 0);
}

/** The norm of a finite matrix. */
function* matrixNorm(A: Matrix, p: NormOrder, max: number, op: string): Algorithm<number> {
  switch (p) {
    case 1: return columnSums(A);
    case Infinity: return columnSums(A.T);
    case "fro": return Math.sqrt(sum(squaredColumns(A)));
    case 2: return (yield* singularValues(A, max, op))[0] ?? 0;
    case "nuc": return sum(yield* singularValues(A, max, op));
    default: throw new ArgumentError(`${op}: a matrix has no norm ${p}; p is 1, 2, Infinity, "fro" or "nuc"`);
  }
}

/** The public norm of a matrix. */
export function* normJob(call: Call, a: MatrixLike, p: NormOrder, o: RunOptions): Algorithm<number> {
  const A = call.matrix(a);
  const { max, nonFinite } = yield* statistics(A);
  if (!accepted(A, nonFinite, "norm", "A", o.checkFinite)) return NaN;
  return yield* matrixNorm(A, p, max, "norm");
}

/** The part of the largest number that cond brings to about 1: the inverse has room for a condition of 2^216, and what
 * is lost of it at its lower end does not count. */
const LOW = 2 ** -90;

export interface CondOptions extends RunOptions {
  /** Which norm; default 2: largest over smallest singular value. */
  p?: 1 | 2 | "fro" | typeof Infinity;
}

/** The public cond: ‖A‖ ‖A⁻¹‖, Infinity for a singular matrix. */
export function* condJob(call: Call, a: MatrixLike, o: CondOptions): Algorithm<number> {
  const { p = 2 } = o;
  const A = call.matrix(a);
  const { max, nonFinite } = yield* statistics(A);
  if (![1, 2, "fro", Infinity].includes(p)) {
    throw new ArgumentError(`cond: p is ${p}; it is 1, 2, "fro" or Infinity`);
  }
  if (!accepted(A, nonFinite, "cond", "A", o.checkFinite)) return NaN;
  if (p === 2) {
    const s = yield* singularValues(A, max, "cond");
    return s.length === 0 ? 0 : s.at(-1) === 0 ? Infinity : s[0]! / s.at(-1)!;
  }
  requireSquare(A, "cond");
  // The condition does not depend on the scale, but the numbers of A and of its inverse must fit float32.
  using N = normalized(A, Math.max(max * LOW, 2 ** -126)).N;
  try {
    using X = yield* inverse(N, "cond");
    yield settled();
    return (yield* matrixNorm(N, p, max, "cond")) * (yield* matrixNorm(X, p, 0, "cond"));
  } catch (error) {
    if (error instanceof SingularError) return Infinity;
    throw error;
  }
}

/** The rank that counts: singular values above tol, default max(m, n) 2u σ₁. */
export function* matrixRankJob(call: Call, a: MatrixLike, o: RunOptions & { tol?: number }): Algorithm<number> {
  const A = call.matrix(a);
  const { max, nonFinite } = yield* statistics(A);
  if (!accepted(A, nonFinite, "matrixRank", "A", o.checkFinite)) return NaN;
  if (o.tol !== undefined) requireNumber(o.tol, "tol", "matrixRank", (x) => x >= 0, "0 or more");
  const s = yield* singularValues(A, max, "matrixRank");
  const tol = o.tol ?? Math.max(...A.shape) * 2 * u * (s[0] ?? 0);
  return s.filter((x) => x > tol).length;
}

/** The public pinv: V diag(1/σ) Uᵀ over the singular values above rcond σ₁, default max(m, n) 2u. */
export function* pinvJob(call: Call, a: MatrixLike, o: RunOptions & { rcond?: number }): Algorithm<Matrix> {
  const A = call.matrix(a);
  const [m, n] = A.shape;
  const { rcond = Math.max(m, n) * 2 * u } = o;
  requireNumber(rcond, "rcond", "pinv", (x) => x >= 0, "0 or more");
  const { u: U, s, vt } = yield* decomposed(A, false, "pinv", o.checkFinite);
  using left = U;
  using right = vt;
  if (s.some(Number.isNaN)) return notANumber(n, m, U);
  using inverses = Matrix.from(s.map((x) => (x > rcond * s[0]! ? 1 / x : 0)), [1, s.length], { device: U.device });
  scale("multiply", right.T, inverses, right.T);
  const X = Matrix.empty(n, m, U.device);
  gemm(1, right.T, left.T, 0, X);
  yield* requireInRange(X, "pinv", "the pseudoinverse");
  return X;
}
