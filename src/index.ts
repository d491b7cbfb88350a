// The public surface. Every function that returns a promise has a blocking twin with the suffix Sync: same arguments,
// same result.
import type { Progress, RunOptions } from "./call.ts";
import {
  completeBasisJob,
  orthonormalizeJob,
  type OrthonormalizeOptions,
  randomOrthogonalJob,
  type RandomOrthogonalOptions,
  rangeFinderJob,
  type RangeOptions,
} from "./basis.ts";
import { type Cholesky, choleskyJob, type CholeskyOptions, isPositiveDefiniteJob } from "./cholesky.ts";
import { expmJob } from "./expm.ts";
import { type Eigh, eighJob, type EighOptions, eigvalshJob } from "./eigh.ts";
import { type FullSvdOptions, fullSvdJob, type Svd, svdvalsJob } from "./fullsvd.ts";
import type { VectorLike } from "./input.ts";
import { type LeastSquares, lstsqJob, type LstsqOptions, lstsqVectorJob } from "./lstsq.ts";
import type { Matrix, MatrixLike } from "./matrix.ts";
import { detJob, type Lu, luJob, type LuOptions, type SignedLog, slogdetJob } from "./lu.ts";
import { type CondOptions, condJob, matrixRankJob, normJob, type NormOrder, pinvJob, vectorNorm } from "./norm.ts";
import { addJob, type AddOptions, type MatmulOptions, matmulJob, matvecJob } from "./product.ts";
import { type Qr, qrJob, type QrOptions, type TriangleOnly } from "./qr.ts";
import { runAsync, runSync } from "./run.ts";
import {
  invJob,
  type Solution,
  solveJob,
  type SolveOptions,
  solveTriangularJob,
  solveVectorJob,
  type TriangularOptions,
} from "./solve.ts";
import { defaultDevice } from "./open.ts";
import { type SvdOptions, topJob, type TopOptions, type TopSvd } from "./svd.ts";
import { effective } from "./tune.ts";
import { version } from "./version.ts";

export * from "./errors.ts";
export type { Device } from "./device.ts";
export { open, type OpenOptions } from "./open.ts";
export type { NumberArray, VectorLike } from "./input.ts";
export { type DeviceOptions, Matrix, type MatrixLike } from "./matrix.ts";
export type { Proof, ProofOptions, Proven } from "./proof.ts";
export { explain, type Explained, explainSync, type Operation } from "./trace.ts";
export type {
  Cholesky,
  CholeskyOptions,
  MatmulOptions,
  OrthonormalizeOptions,
  Progress,
  Qr,
  QrOptions,
  RunOptions,
  Solution,
  SolveOptions,
  TriangleOnly,
};
export type { SvdOptions, TopOptions, TopSvd, TriangularOptions };
export type { AddOptions, CondOptions, Eigh, EighOptions, FullSvdOptions, Lu, LuOptions, NormOrder };
export type { RandomOrthogonalOptions, RangeOptions, SignedLog, Svd };
export type { LeastSquares, LstsqOptions };
export { norm2, sum2 } from "./norm.ts";
export { Pca, pca, pcaSync, type PcaStream, type PushOptions } from "./pca.ts";
export type { PcaOptions } from "./components.ts";

// The call that runs refuses what is no object as options: until then they may be null.

/** C = alpha A B + beta C by BLAS gemm; 2 m n k operations. Throws ShapeError where the inner sizes differ. NaN and Inf
 * follow IEEE rules. */
export function matmul(a: MatrixLike, b: MatrixLike, options: MatmulOptions = {}): Promise<Matrix> {
  return runAsync("matmul", [a, b, options?.out], options, (call) => matmulJob(call, a, b, options));
}
/** The blocking form of matmul. */
export function matmulSync(a: MatrixLike, b: MatrixLike, options: MatmulOptions = {}): Matrix {
  return runSync("matmul", [a, b, options?.out], options, (call) => matmulJob(call, a, b, options));
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
export function qr(a: MatrixLike, options?: QrOptions): Promise<Qr | TriangleOnly>;
export function qr(a: MatrixLike, options: QrOptions = {}): Promise<Qr | TriangleOnly> {
  return runAsync("qr", [a], options, (call) => qrJob(call, a, options));
}
/** The blocking form of qr. */
export function qrSync(a: MatrixLike, options?: QrOptions & { mode?: "reduced" | "complete" }): Qr;
export function qrSync(a: MatrixLike, options: WithoutQ): TriangleOnly;
export function qrSync(a: MatrixLike, options?: QrOptions): Qr | TriangleOnly;
export function qrSync(a: MatrixLike, options: QrOptions = {}): Qr | TriangleOnly {
  return runSync("qr", [a], options, (call) => qrJob(call, a, options));
}

/** With k, the leading singular triplets, each with its residual max(‖Av − σu‖, ‖Aᵀu − σv‖): thick-restart block
 * Krylov, or subspace iteration; 2 m n k operations a pass, 6 to 14 passes for decaying values; not converging is no
 * error unless strict. Without k, all of A = U diag(s) Vᵀ by bidiagonal reduction and divide and conquer (LAPACK
 * gesdd); about 4 m n² + 17 n³ operations. */
export function svd(a: MatrixLike, options: TopOptions): Promise<TopSvd>;
export function svd(a: MatrixLike, options?: FullSvdOptions): Promise<Svd>;
export function svd(a: MatrixLike, options: SvdOptions): Promise<TopSvd | Svd>;
export function svd(a: MatrixLike, options: TopOptions | FullSvdOptions = {}): Promise<TopSvd | Svd> {
  const start = options?.k === undefined ? undefined : options.start;
  return runAsync<TopSvd | Svd>("svd", [a, start], options, (call) =>
    options.k === undefined ? fullSvdJob(call, a, options) : topJob(call, a, options));
}
/** The blocking form of svd. */
export function svdSync(a: MatrixLike, options: TopOptions): TopSvd;
export function svdSync(a: MatrixLike, options?: FullSvdOptions): Svd;
export function svdSync(a: MatrixLike, options: SvdOptions): TopSvd | Svd;
export function svdSync(a: MatrixLike, options: TopOptions | FullSvdOptions = {}): TopSvd | Svd {
  const start = options?.k === undefined ? undefined : options.start;
  return runSync<TopSvd | Svd>("svd", [a, start], options, (call) =>
    options.k === undefined ? fullSvdJob(call, a, options) : topJob(call, a, options));
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

/** Right-hand sides, and what belongs to them. */
type Sides = VectorLike | MatrixLike;
type Either = Float32Array | Matrix;

function isVector(b: VectorLike | MatrixLike): b is VectorLike {
  return ArrayBuffer.isView(b) || (Array.isArray(b) && !Array.isArray(b[0]) && !ArrayBuffer.isView(b[0]));
}

/** x with A x = b, its backward error measured in float64, and the reciprocal condition of A. Throws SingularError. */
export function solve(a: MatrixLike, b: VectorLike, options?: SolveOptions): Promise<Solution<Float32Array>>;
export function solve(a: MatrixLike, b: MatrixLike, options?: SolveOptions): Promise<Solution<Matrix>>;
export function solve(a: MatrixLike, b: Sides, options?: SolveOptions): Promise<Solution<Either>>;
export function solve(a: MatrixLike, b: Sides, options: SolveOptions = {}): Promise<Solution<Either>> {
  return runAsync<Solution<Either>>(
    "solve",
    [a, b],
    options,
    (call) => isVector(b) ? solveVectorJob(call, a, b, options) : solveJob(call, a, b, options),
  );
}
/** The blocking form of solve. */
export function solveSync(a: MatrixLike, b: VectorLike, options?: SolveOptions): Solution<Float32Array>;
export function solveSync(a: MatrixLike, b: MatrixLike, options?: SolveOptions): Solution<Matrix>;
export function solveSync(a: MatrixLike, b: Sides, options?: SolveOptions): Solution<Either>;
export function solveSync(a: MatrixLike, b: Sides, options: SolveOptions = {}): Solution<Either> {
  return runSync<Solution<Either>>(
    "solve",
    [a, b],
    options,
    (call) => isVector(b) ? solveVectorJob(call, a, b, options) : solveJob(call, a, b, options),
  );
}

/** x with the least ‖b − Ax‖, the shortest such where the columns of A depend on each other or A is wide; rank, cond
 * and residual norms with it. Certified QR with two corrections by the augmented system, about 4 m n² operations;
 * problems of at most 2^16 numbers run on the host in float64. */
export function lstsq(a: MatrixLike, b: VectorLike, options?: LstsqOptions): Promise<LeastSquares<Float32Array>>;
export function lstsq(a: MatrixLike, b: MatrixLike, options?: LstsqOptions): Promise<LeastSquares<Matrix>>;
export function lstsq(a: MatrixLike, b: Sides, options?: LstsqOptions): Promise<LeastSquares<Either>>;
export function lstsq(a: MatrixLike, b: Sides, options: LstsqOptions = {}): Promise<LeastSquares<Either>> {
  return runAsync<LeastSquares<Either>>(
    "lstsq",
    [a, b],
    options,
    (call) => isVector(b) ? lstsqVectorJob(call, a, b, options) : lstsqJob(call, a, b, options),
  );
}
/** The blocking form of lstsq. */
export function lstsqSync(a: MatrixLike, b: VectorLike, options?: LstsqOptions): LeastSquares<Float32Array>;
export function lstsqSync(a: MatrixLike, b: MatrixLike, options?: LstsqOptions): LeastSquares<Matrix>;
export function lstsqSync(a: MatrixLike, b: Sides, options?: LstsqOptions): LeastSquares<Either>;
export function lstsqSync(a: MatrixLike, b: Sides, options: LstsqOptions = {}): LeastSquares<Either> {
  return runSync<LeastSquares<Either>>(
    "lstsq",
    [a, b],
    options,
    (call) => isVector(b) ? lstsqVectorJob(call, a, b, options) : lstsqJob(call, a, b, options),
  );
}

/** The exponential of a square matrix by scaling and squaring with Padé approximants; about (6 + log₂‖A‖) 2n³
 * operations. Throws OverflowError where it is beyond float32. */
export function expm(a: MatrixLike, options: RunOptions = {}): Promise<Matrix> {
  return runAsync("expm", [a], options, (call) => expmJob(call, a, options));
}
/** The blocking form of expm. */
export function expmSync(a: MatrixLike, options: RunOptions = {}): Matrix {
  return runSync("expm", [a], options, (call) => expmJob(call, a, options));
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

/** The singular values alone, descending; a third of svd's work. */
export function svdvals(a: MatrixLike, options: RunOptions = {}): Promise<Float32Array> {
  return runAsync("svdvals", [a], options, (call) => svdvalsJob(call, a, options));
}
/** The blocking form of svdvals. */
export function svdvalsSync(a: MatrixLike, options: RunOptions = {}): Float32Array {
  return runSync("svdvals", [a], options, (call) => svdvalsJob(call, a, options));
}

/** Eigenvalues (ascending) and orthonormal eigenvectors of a symmetric matrix, of which the lower triangle is read;
 * tridiagonal reduction and divide and conquer (LAPACK syevd), about 9 n³ operations. */
export function eigh(a: MatrixLike, options: EighOptions = {}): Promise<Eigh> {
  return runAsync("eigh", [a], options, (call) => eighJob(call, a, options));
}
/** The blocking form of eigh. */
export function eighSync(a: MatrixLike, options: EighOptions = {}): Eigh {
  return runSync("eigh", [a], options, (call) => eighJob(call, a, options));
}

/** The eigenvalues of a symmetric matrix alone, ascending; 4/3 n³ operations. */
export function eigvalsh(a: MatrixLike, options: RunOptions = {}): Promise<Float32Array> {
  return runAsync("eigvalsh", [a], options, (call) => eigvalshJob(call, a, options));
}
/** The blocking form of eigvalsh. */
export function eigvalshSync(a: MatrixLike, options: RunOptions = {}): Float32Array {
  return runSync("eigvalsh", [a], options, (call) => eigvalshJob(call, a, options));
}

/** Row p[i] of A is row i of L U, with partial pivoting (LAPACK getrf); 2/3 n³ operations. */
export function lu(a: MatrixLike, options: LuOptions = {}): Promise<Lu> {
  return runAsync("lu", [a], options, (call) => luJob(call, a, options));
}
/** The blocking form of lu. */
export function luSync(a: MatrixLike, options: LuOptions = {}): Lu {
  return runSync("lu", [a], options, (call) => luJob(call, a, options));
}

/** A⁻¹ by LU; 2 n³ operations. Throws SingularError. To solve A x = b, solve is faster and more accurate. */
export function inv(a: MatrixLike, options: RunOptions = {}): Promise<Matrix> {
  return runAsync("inv", [a], options, (call) => invJob(call, a, options));
}
/** The blocking form of inv. */
export function invSync(a: MatrixLike, options: RunOptions = {}): Matrix {
  return runSync("inv", [a], options, (call) => invJob(call, a, options));
}

/** The determinant, as a float64 number, by LU. Where it leaves that range, slogdet does not. */
export function det(a: MatrixLike, options: RunOptions = {}): Promise<number> {
  return runAsync("det", [a], options, (call) => detJob(call, a, options));
}
/** The blocking form of det. */
export function detSync(a: MatrixLike, options: RunOptions = {}): number {
  return runSync("det", [a], options, (call) => detJob(call, a, options));
}

/** Sign and logarithm of the absolute value of the determinant, by LU. */
export function slogdet(a: MatrixLike, options: RunOptions = {}): Promise<SignedLog> {
  return runAsync("slogdet", [a], options, (call) => slogdetJob(call, a, options));
}
/** The blocking form of slogdet. */
export function slogdetSync(a: MatrixLike, options: RunOptions = {}): SignedLog {
  return runSync("slogdet", [a], options, (call) => slogdetJob(call, a, options));
}

/** The condition ‖A‖ ‖A⁻¹‖ in the norm p: 2 (default) from the singular values, others by inversion; Infinity if
 * singular. */
export function cond(a: MatrixLike, options: CondOptions = {}): Promise<number> {
  return runAsync("cond", [a], options, (call) => condJob(call, a, options));
}
/** The blocking form of cond. */
export function condSync(a: MatrixLike, options: CondOptions = {}): number {
  return runSync("cond", [a], options, (call) => condJob(call, a, options));
}

/** How many singular values are above tol, default max(m, n) 2u σ₁ as in numpy. */
export function matrixRank(a: MatrixLike, options: RunOptions & { tol?: number } = {}): Promise<number> {
  return runAsync("matrixRank", [a], options, (call) => matrixRankJob(call, a, options));
}
/** The blocking form of matrixRank. */
export function matrixRankSync(a: MatrixLike, options: RunOptions & { tol?: number } = {}): number {
  return runSync("matrixRank", [a], options, (call) => matrixRankJob(call, a, options));
}

/** The Moore-Penrose inverse by svd, over the singular values above rcond σ₁. */
export function pinv(a: MatrixLike, options: RunOptions & { rcond?: number } = {}): Promise<Matrix> {
  return runAsync("pinv", [a], options, (call) => pinvJob(call, a, options));
}
/** The blocking form of pinv. */
export function pinvSync(a: MatrixLike, options: RunOptions & { rcond?: number } = {}): Matrix {
  return runSync("pinv", [a], options, (call) => pinvJob(call, a, options));
}

/** Whether the lower triangle of A has a Cholesky factor; n³/3 operations. */
export function isPositiveDefinite(a: MatrixLike, options: RunOptions = {}): Promise<boolean> {
  return runAsync("isPositiveDefinite", [a], options, (call) => isPositiveDefiniteJob(call, a, options));
}
/** The blocking form of isPositiveDefinite. */
export function isPositiveDefiniteSync(a: MatrixLike, options: RunOptions = {}): boolean {
  return runSync("isPositiveDefinite", [a], options, (call) => isPositiveDefiniteJob(call, a, options));
}

/** alpha A + beta B. */
export function add(a: MatrixLike, b: MatrixLike, options: AddOptions = {}): Promise<Matrix> {
  return runAsync("add", [a, b], options, (call) => addJob(call, a, b, options));
}
/** The blocking form of add. */
export function addSync(a: MatrixLike, b: MatrixLike, options: AddOptions = {}): Matrix {
  return runSync("add", [a, b], options, (call) => addJob(call, a, b, options));
}

/** A square orthogonal matrix that begins with the orthonormal columns of q. */
export function completeBasis(q: MatrixLike, options: RunOptions = {}): Promise<Matrix> {
  return runAsync("completeBasis", [q], options, (call) => completeBasisJob(call, q, options));
}
/** The blocking form of completeBasis. */
export function completeBasisSync(q: MatrixLike, options: RunOptions = {}): Matrix {
  return runSync("completeBasis", [q], options, (call) => completeBasisJob(call, q, options));
}

/** Random orthonormal columns (rows, where n > m), uniformly distributed, times gain; the same for a seed everywhere.
 * */
export function randomOrthogonal(m: number, n: number, options: RandomOrthogonalOptions = {}): Promise<Matrix> {
  return runAsync("randomOrthogonal", [], options, (call) => randomOrthogonalJob(call, m, n, options));
}
/** The blocking form of randomOrthogonal. */
export function randomOrthogonalSync(m: number, n: number, options: RandomOrthogonalOptions = {}): Matrix {
  return runSync("randomOrthogonal", [], options, (call) => randomOrthogonalJob(call, m, n, options));
}

/** Orthonormal columns that hold A but for a relative Frobenius error: k of them, or as many as eps asks for. */
export function rangeFinder(a: MatrixLike, options: RangeOptions): Promise<{ q: Matrix; error: number }> {
  return runAsync("rangeFinder", [a], options, (call) => rangeFinderJob(call, a, options));
}
/** The blocking form of rangeFinder. */
export function rangeFinderSync(a: MatrixLike, options: RangeOptions): { q: Matrix; error: number } {
  return runSync("rangeFinder", [a], options, (call) => rangeFinderJob(call, a, options));
}

/** The norm of a matrix (1, 2, "fro", "nuc", Infinity) or of a vector (any p). Default: Frobenius, or 2. */
export function norm(a: MatrixLike | VectorLike, p: NormOrder = "fro", options: RunOptions = {}): Promise<number> {
  if (isVector(a)) return Promise.try(vectorNorm, a, p, options);
  return runAsync("norm", [a], options, (call) => normJob(call, a, p, options));
}
/** The blocking form of norm. */
export function normSync(a: MatrixLike | VectorLike, p: NormOrder = "fro", options: RunOptions = {}): number {
  if (isVector(a)) return vectorNorm(a, p, options);
  return runSync("norm", [a], options, (call) => normJob(call, a, p, options));
}

/** What is in use: version, library, device, instruction set, threads, engines, and the dispatch table in force. */
export function info(): Record<string, unknown> {
  const { name, library, facts, passedOver } = defaultDevice();
  return { version, name, library, ...facts, ...(passedOver && { passedOver }), table: effective() };
}
