// The public surface, declared apart from its implementation: types.test.ts holds src/index.ts against it. Matrix and
// Device have
// private parts, so the functions here take the real ones, and MatrixApi and DeviceApi say what these must offer.
// Units: u = 2^-24. Matrices are row-major float32. Sizes m (rows), n (columns), k (rank), p = min(m, n).

import type { Device, Matrix } from "../src/index.ts";

export type NumberArray =
  | readonly number[]
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;
export type VectorLike = NumberArray;
/** Anything a call accepts as a matrix. Plain data is copied once; a Matrix is used in place. What does not fit
 *  float32 exactly is rounded (refined solves keep float64 input as a pair); beyond its range: an error.
  *  Objects of ndarray (`stride`), numpy-ts and npyjs (`fortranOrder` is honoured) fit as they are; shapes are
  *  checked at run time. */
export type MatrixLike =
  | Matrix
  | readonly NumberArray[]
  | {
    readonly data: NumberArray;
    readonly shape: readonly number[];
    readonly strides?: readonly number[];
    readonly stride?: readonly number[];
    readonly offset?: number;
    readonly fortranOrder?: boolean;
  };

/** A dense float32 matrix, or a view of one, in memory shared by JavaScript and the device. */
export declare class MatrixApi implements Disposable {
  static from(data: MatrixLike): Matrix;
  static from(data: NumberArray, shape: readonly number[], options?: DeviceOptions): Matrix;
  static zeros(m: number, n: number, options?: DeviceOptions): Matrix;
  static eye(m: number, n?: number, options?: DeviceOptions): Matrix;
  static diag(values: VectorLike, options?: DeviceOptions): Matrix;
  /** Counter-based: the same numbers on every machine, runtime and device for a seed (no libm in the recipe). */
  static random(
    m: number,
    n: number,
    options?: DeviceOptions & { seed?: number; distribution?: "normal" | "uniform" },
  ): Matrix;
  readonly shape: readonly [number, number];
  /** The numbers themselves, row-major, no copy where the device shares memory. Throws on a non-contiguous view:
   *  use copy(). Length 0 after dispose. */
  readonly data: Float32Array<ArrayBuffer>;
  readonly T: Matrix;
  sub(rowStart: number, rowEnd: number, colStart: number, colEnd: number): Matrix;
  rows(start: number, end: number): Matrix;
  cols(start: number, end: number): Matrix;
  at(i: number, j: number): number;
  /** Copies of parts; the only way to the numbers of a matrix beyond the runtime's ArrayBuffer limit (4 GiB in Bun). */
  readBlock(rowStart: number, rowEnd: number, colStart: number, colEnd: number): Float32Array;
  writeBlock(rowStart: number, colStart: number, block: MatrixLike): void;
  copy(): Matrix;
  toArray(): number[][];
  toString(): string; // numpy-like, with the middle of large matrices left out
  [Symbol.dispose](): void;
  // also [Symbol.for("Jupyter.display")] for Deno notebooks, and node:util inspect
}

export interface DeviceOptions {
  device?: Device;
}
export interface RunOptions extends DeviceOptions {
  engine?: "auto" | "tiled" | "blas" | "mlx";
  /** The promise rejects within 100 ms of the abort. */
  signal?: AbortSignal;
  onProgress?: (event: { phase: string; done: number; total: number }) => void;
  /** Reject NaN and Inf with their position. Default: true for factorisations and solves, false for products (IEEE
   *  rules). */
  checkFinite?: boolean;
}
export interface ProofOptions {
  /** Measure the result against its contract, in float64. */ proof?: boolean;
}
/** Measured figure and bound of each part of the contract, as multiples of u; holds = every figure within its bound. */
export interface Proof {
  figures: Readonly<Record<string, { value: number; bound: number }>>;
  holds: boolean;
}
interface Proven {
  proof?: Proof;
}
type Run = RunOptions & ProofOptions;

// Every function and method that returns a promise has a blocking twin with the suffix Sync (matmulSync, qrSync,
// transformSync, pushSync, explainSync, ...), same arguments and result.
export declare function matmul(
  a: MatrixLike,
  b: MatrixLike,
  options?: RunOptions & { transA?: boolean; transB?: boolean; alpha?: number; beta?: number; out?: Matrix },
): Promise<Matrix>;
export declare function matvec(
  a: MatrixLike,
  x: VectorLike,
  options?: RunOptions & { trans?: boolean },
): Promise<Float32Array>;

export type QrMethod = "auto" | "blocked" | "cgs2" | "lapack";
export declare function qr(
  a: MatrixLike,
  options?: Run & { mode?: "reduced" | "complete"; method?: QrMethod },
): Promise<{ q: Matrix; r: Matrix } & Proven>;
export declare function qr(
  a: MatrixLike,
  options: Run & { mode: "r"; method?: QrMethod },
): Promise<{ r: Matrix } & Proven>;

export type SvdMethod = "auto" | "krylov" | "subspace" | "gram" | "bidiagonal" | "jacobi" | "lapack";
export interface Svd extends Proven {
  u: Matrix;
  s: Float32Array;
  vt: Matrix;
  converged: boolean;
}
/** The k leading triplets, each with its residual max(|Av - su|, |A'u - sv|). Not converging is not an error unless
 *  strict. */
export declare function svd(
  a: MatrixLike,
  options: Run & {
    k: number;
    method?: SvdMethod;
    tol?: number;
    maxPasses?: number;
    oversample?: number;
    seed?: number;
    start?: MatrixLike;
    strict?: boolean;
  },
): Promise<Svd & { residuals: Float32Array; passes: number }>;
export declare function svd(
  a: MatrixLike,
  options?: Run & { k?: undefined; mode?: "reduced" | "complete"; method?: SvdMethod },
): Promise<Svd>;
export declare function svdvals(a: MatrixLike, options?: RunOptions): Promise<Float32Array>;

export declare function eigh(
  a: MatrixLike,
  options?: Run & { method?: "auto" | "tridiagonal" | "jacobi" | "lapack" },
): Promise<{ values: Float32Array; vectors: Matrix; converged: boolean } & Proven>;
export declare function eigvalsh(a: MatrixLike, options?: RunOptions): Promise<Float32Array>;
/** jitter: the multiple of the identity that had to be added, 0 unless asked for. */
export declare function cholesky(
  a: MatrixLike,
  options?: Run & { jitter?: boolean; method?: "auto" | "blocked" | "lapack" },
): Promise<{ l: Matrix; jitter: number } & Proven>;
export declare function lu(a: MatrixLike, options?: Run): Promise<{ l: Matrix; u: Matrix; p: Uint32Array } & Proven>;

export interface SolveOptions {
  assume?: "general" | "positive" | "lower" | "upper";
  refine?: boolean;
}
export interface Solution<X, X64> extends Proven {
  x: X; /** with refine */
  x64?: X64;
  rcond: number;
  converged: boolean;
}
export declare function solve(
  a: MatrixLike,
  b: VectorLike,
  options?: Run & SolveOptions,
): Promise<Solution<Float32Array, Float64Array>>;
export declare function solve(
  a: MatrixLike,
  b: MatrixLike,
  options?: Run & SolveOptions,
): Promise<Solution<Matrix, Float64Array>>;
export interface LeastSquares<X> extends Proven {
  x: X;
  x64?: Float64Array;
  rank: number;
  residualNorm: Float32Array;
  cond: number;
  converged: boolean;
}
export declare function lstsq(
  a: MatrixLike,
  b: VectorLike,
  options?: Run & { rcond?: number; refine?: boolean },
): Promise<LeastSquares<Float32Array>>;
export declare function lstsq(
  a: MatrixLike,
  b: MatrixLike,
  options?: Run & { rcond?: number; refine?: boolean },
): Promise<LeastSquares<Matrix>>;

export interface PcaOptions {
  k?: number; /** keep this fraction of the variance instead of k */
  variance?: number;
  center?: boolean;
  scale?: boolean;
  whiten?: boolean;
  method?: "auto" | "covariance" | "svd";
}
export declare class PcaApi {
  readonly components: Matrix;
  readonly mean: Float32Array;
  readonly singularValues: Float32Array;
  readonly explainedVariance: Float32Array;
  readonly explainedVarianceRatio: Float32Array;
  transform(x: MatrixLike): Promise<Matrix>;
  inverseTransform(scores: MatrixLike): Promise<Matrix>;
  /** Row blocks of any size, in any number, none of them kept; the result does not depend on the blocking beyond
   *  rounding. */
  static streamed(
    options?: RunOptions & PcaOptions,
  ): { push(rows: MatrixLike): Promise<void>; finish(): Promise<PcaApi> };
}
export declare function pca(x: MatrixLike, options?: RunOptions & PcaOptions): Promise<PcaApi & { scores: Matrix }>;

export declare function inv(a: MatrixLike, options?: RunOptions): Promise<Matrix>;
export declare function pinv(a: MatrixLike, options?: RunOptions & { rcond?: number }): Promise<Matrix>;
export declare function det(a: MatrixLike, options?: RunOptions): Promise<number>;
export declare function slogdet(a: MatrixLike, options?: RunOptions): Promise<{ sign: number; logAbsDet: number }>;
export declare function matrixRank(a: MatrixLike, options?: RunOptions & { tol?: number }): Promise<number>;
export declare function cond(
  a: MatrixLike,
  options?: RunOptions & { p?: 1 | 2 | "fro" | typeof Infinity },
): Promise<number>;
export declare function norm(
  a: MatrixLike | VectorLike,
  p?: 1 | 2 | "fro" | "nuc" | number,
  options?: RunOptions,
): Promise<number>;
export declare function solveTriangular(
  t: MatrixLike,
  b: MatrixLike,
  options?: RunOptions & { lower?: boolean; trans?: boolean; unitDiagonal?: boolean },
): Promise<Matrix>;
export declare function expm(a: MatrixLike, options?: RunOptions): Promise<Matrix>;
export declare function orthonormalize(
  v: MatrixLike,
  options?: RunOptions & { axis?: "columns" | "rows" },
): Promise<Matrix>;
export declare function completeBasis(q: MatrixLike, options?: RunOptions): Promise<Matrix>;
export declare function randomOrthogonal(
  m: number,
  n: number,
  options?: RunOptions & { gain?: number; seed?: number },
): Promise<Matrix>;
export declare function rangeFinder(
  a: MatrixLike,
  options: RunOptions & ({ k: number } | { eps: number }),
): Promise<{ q: Matrix; error: number }>;
export declare function isPositiveDefinite(a: MatrixLike, options?: RunOptions): Promise<boolean>;
export declare function add(
  a: MatrixLike,
  b: MatrixLike,
  options?: RunOptions & { alpha?: number; beta?: number },
): Promise<Matrix>;
export declare function sum2(x: VectorLike): number; // compensated, as if in twice the precision
export declare function norm2(x: VectorLike): number; // no overflow, no underflow

export declare function open(options?: { device?: string; library?: string; threads?: number }): Device;
export interface DeviceApi extends Disposable {
  readonly name: string;
  readonly kind: string;
  readonly engines: readonly string[];
  close(): void;
}
export declare function info(): Record<string, unknown>;
/** Runs f and tells what its own calls did, also while other calls run beside it. */
export declare function explain<T>(
  f: () => T | Promise<T>,
): Promise<{ value: T; operations: readonly Operation[]; totals: Record<string, number>; toString(): string }>;
export interface Operation {
  op: string;
  shape: string;
  engine: string;
  tile: string;
  why: string;
  deviceMs: number;
  hostMs: number;
  bytes: number;
  gflops: number;
}

/** All errors: `code` is stable, `message` names the operation, the shapes or value, and what to do. */
export declare class ShapeError extends RangeError {
  readonly code: "TSR_SHAPE";
}
export declare class ArgumentError extends RangeError {
  readonly code: "TSR_ARGUMENT";
}
export declare class DTypeError extends TypeError {
  readonly code: "TSR_DTYPE";
}
export declare class NonFiniteError extends RangeError {
  readonly code: "TSR_NON_FINITE";
  readonly row: number;
  readonly column: number;
}
export declare class OverflowError extends RangeError {
  readonly code: "TSR_OVERFLOW";
}
export declare class NotPositiveDefiniteError extends Error {
  readonly code: "TSR_NOT_POSITIVE_DEFINITE";
  readonly order: number;
}
export declare class SingularError extends Error {
  readonly code: "TSR_SINGULAR";
  readonly order: number;
}
export declare class NotConvergedError extends Error {
  readonly code: "TSR_NOT_CONVERGED";
}
export declare class OutOfMemoryError extends Error {
  readonly code: "TSR_OUT_OF_MEMORY";
  readonly bytes: number;
}
export declare class DeviceError extends Error {
  readonly code: "TSR_DEVICE";
}
export declare class DisposedError extends ReferenceError {
  readonly code: "TSR_DISPOSED";
}
export declare class LibraryError extends Error {
  readonly code: "TSR_LIBRARY";
  readonly tried: readonly string[];
}
