// The public surface. Every function that returns a promise has a blocking twin with the suffix Sync: same arguments,
// same result.
import type { RunOptions } from "./call.ts";
import { orthonormalizeJob, type OrthonormalizeOptions } from "./basis.ts";
import { type Cholesky, choleskyJob, type CholeskyOptions } from "./cholesky.ts";
import { defaultDevice } from "./device.ts";
import type { VectorLike } from "./input.ts";
import type { Matrix, MatrixLike } from "./matrix.ts";
import { matmulJob, type MatmulOptions, matvecJob } from "./product.ts";
import { type Qr, qrJob, type QrOptions, type TriangleOnly } from "./qr.ts";
import { runAsync, runSync } from "./run.ts";
import {
  type Solution,
  solveJob,
  type SolveOptions,
  solveTriangularJob,
  solveVectorJob,
  type TriangularOptions,
} from "./solve.ts";
import { topJob, type TopOptions, type TopSvd } from "./svd.ts";
import { effective } from "./tune.ts";
import { version } from "./version.ts";

export * from "./errors.ts";
export { type Device, open, type OpenOptions } from "./device.ts";
export type { NumberArray, VectorLike } from "./input.ts";
export { type DeviceOptions, Matrix, type MatrixLike } from "./matrix.ts";
export type { Proof, ProofOptions, Proven } from "./proof.ts";
export { explain, type Explained, explainSync, type Operation } from "./trace.ts";
export type {
  Cholesky,
  CholeskyOptions,
  MatmulOptions,
  OrthonormalizeOptions,
  Qr,
  QrOptions,
  RunOptions,
  Solution,
  SolveOptions,
  TriangleOnly,
};
export type { TopOptions, TopSvd, TriangularOptions };

/** C = alpha A B + beta C by BLAS gemm; 2 m n k operations. Throws ShapeError where the inner sizes differ. NaN and Inf
 * follow IEEE rules. */
export function matmul(a: MatrixLike, b: MatrixLike, options: MatmulOptions = {}): Promise<Matrix> {
  return runAsync("matmul", [a, b, options.out], options, (call) => matmulJob(call, a, b, options));
}
/** The blocking form of matmul. */
export function matmulSync(a: MatrixLike, b: MatrixLike, options: MatmulOptions = {}): Matrix {
  return runSync("matmul", [a, b, options.out], options, (call) => matmulJob(call, a, b, options));
}

type MatvecOptions = RunOptions & { trans?: boolean };

/** y = A x, or Aᵀ x with trans; 2 m n operations, one read of A. */
export function matvec(a: MatrixLike, x: VectorLike, options: MatvecOptions = {}): Promise<Float32Array> {
  return runAsync("matvec", [a], options, (call) => matvecJob(call, a, x, options));
}
/** The blocking form of matvec. */
export function matvecSync(a: MatrixLike, x: VectorLike, options: MatvecOptions = {}): Float32Array {
  return runSync("matvec", [a], options, (call) => matvecJob(call, a, x, options));
}

type WithoutQ = QrOptions & { mode: "r" };

/** A = Q R with orthonormal columns in Q, R upper triangular, R_jj >= 0, for every finite matrix whatever its
 * condition; 4 m n² operations. Certified block Gram-Schmidt, or cgs2: two-pass Gram-Schmidt by columns. */
export function qr(a: MatrixLike, options?: QrOptions & { mode?: "reduced" | "complete" }): Promise<Qr>;
export function qr(a: MatrixLike, options: WithoutQ): Promise<TriangleOnly>;
export function qr(a: MatrixLike, options: QrOptions = {}): Promise<Qr | TriangleOnly> {
  return runAsync("qr", [a], options, (call) => qrJob(call, a, options));
}
/** The blocking form of qr. */
export function qrSync(a: MatrixLike, options?: QrOptions & { mode?: "reduced" | "complete" }): Qr;
export function qrSync(a: MatrixLike, options: WithoutQ): TriangleOnly;
export function qrSync(a: MatrixLike, options: QrOptions = {}): Qr | TriangleOnly {
  return runSync("qr", [a], options, (call) => qrJob(call, a, options));
}

/** The k leading singular triplets, each with its residual max(‖Av − σu‖, ‖Aᵀu − σv‖). Not converging is no error
 * unless strict. Thick-restart block Krylov, or subspace iteration; 2 m n (k + 4) operations a pass, 6 to 16 passes for
 * decaying values. */
export function svd(a: MatrixLike, options: TopOptions): Promise<TopSvd> {
  return runAsync("svd", [a, options.start], options, (call) => topJob(call, a, options));
}
/** The blocking form of svd. */
export function svdSync(a: MatrixLike, options: TopOptions): TopSvd {
  return runSync("svd", [a, options.start], options, (call) => topJob(call, a, options));
}

/** A = L Lᵀ from the lower triangle of A; n³/3 operations. Throws NotPositiveDefiniteError with the order of the first
 * bad minor. */
export function cholesky(a: MatrixLike, options: CholeskyOptions = {}): Promise<Cholesky> {
  return runAsync("cholesky", [a], options, (call) => choleskyJob(call, a, options));
}
/** The blocking form of cholesky. */
export function choleskySync(a: MatrixLike, options: CholeskyOptions = {}): Cholesky {
  return runSync("cholesky", [a], options, (call) => choleskyJob(call, a, options));
}

function isVector(b: VectorLike | MatrixLike): b is VectorLike {
  return ArrayBuffer.isView(b) || (Array.isArray(b) && !Array.isArray(b[0]));
}

/** x with A x = b, its backward error measured in float64, and the reciprocal condition of A. Throws SingularError. */
export function solve(a: MatrixLike, b: VectorLike, options?: SolveOptions): Promise<Solution<Float32Array>>;
export function solve(a: MatrixLike, b: MatrixLike, options?: SolveOptions): Promise<Solution<Matrix>>;
export function solve(
  a: MatrixLike,
  b: VectorLike | MatrixLike,
  options: SolveOptions = {},
): Promise<Solution<Float32Array | Matrix>> {
  return runAsync<Solution<Float32Array | Matrix>>(
    "solve",
    [a, b],
    options,
    (call) => isVector(b) ? solveVectorJob(call, a, b, options) : solveJob(call, a, b, options),
  );
}
/** The blocking form of solve. */
export function solveSync(a: MatrixLike, b: VectorLike, options?: SolveOptions): Solution<Float32Array>;
export function solveSync(a: MatrixLike, b: MatrixLike, options?: SolveOptions): Solution<Matrix>;
export function solveSync(
  a: MatrixLike,
  b: VectorLike | MatrixLike,
  options: SolveOptions = {},
): Solution<Float32Array | Matrix> {
  return runSync<Solution<Float32Array | Matrix>>(
    "solve",
    [a, b],
    options,
    (call) => isVector(b) ? solveVectorJob(call, a, b, options) : solveJob(call, a, b, options),
  );
}

/** X with T X = B (or Tᵀ X = B) for a triangular T; n² operations a column. Throws SingularError where the diagonal has
 * a zero. */
export function solveTriangular(t: MatrixLike, b: MatrixLike, options: TriangularOptions = {}): Promise<Matrix> {
  return runAsync("solveTriangular", [t, b], options, (call) => solveTriangularJob(call, t, b, options));
}
/** The blocking form of solveTriangular. */
export function solveTriangularSync(t: MatrixLike, b: MatrixLike, options: TriangularOptions = {}): Matrix {
  return runSync("solveTriangular", [t, b], options, (call) => solveTriangularJob(call, t, b, options));
}

/** An orthonormal basis that contains the span of the columns (or rows) of v, of the same shape; 4 m n² operations. */
export function orthonormalize(v: MatrixLike, options: OrthonormalizeOptions = {}): Promise<Matrix> {
  return runAsync("orthonormalize", [v], options, (call) => orthonormalizeJob(call, v, options));
}
/** The blocking form of orthonormalize. */
export function orthonormalizeSync(v: MatrixLike, options: OrthonormalizeOptions = {}): Matrix {
  return runSync("orthonormalize", [v], options, (call) => orthonormalizeJob(call, v, options));
}

/** What is in use: version, library, device, instruction set, threads, engines, and the dispatch table in force. */
export function info(): Record<string, unknown> {
  const { name, library, facts } = defaultDevice();
  return { version, name, library, ...facts, table: effective() };
}
