// What the iterations for leading singular triplets share: the plan, the subspace, its Ritz values and their residuals.
import { geadd, rand } from "./blas.ts";
import type { Algorithm } from "./call.ts";
import { gramSchmidt } from "./gramschmidt.ts";
import { Matrix } from "./matrix.ts";
import { u } from "./proof.ts";
import type { Eigen } from "./small.ts";

/** A subspace and what is known of its Ritz triplets: basis Q (n x c), B = A Q, eigenpairs of BᵀB. */
export interface Ritz {
  Q: Matrix;
  B: Matrix;
  eigen: Eigen;
  /** Row i: AᵀB y − λ Q y for the i-th of the k leading eigenvectors, in any orthonormal coordinates; undefined: not
   * known. */
  errors: Float64Array | undefined;
  passes: number;
}

/** Makes the result from a subspace whose estimates look good enough; undefined: go on. The last one must do. */
export type Finish<T> = (ritz: Ritz, last: boolean) => Algorithm<T | undefined>;

export interface Plan {
  k: number;
  tol: number;
  maxPasses: number;
  block: number;
  /** Columns of the blocks after the first. */
  step: number;
  basis: number;
  seed: number;
  start: Matrix | undefined;
}

/** A matrix as far as an iteration knows it, which needs at least as many rows as columns. */
export interface Operator extends Pick<Matrix, "shape" | "device"> {
  /** C = A X. */
  readonly times: (X: Matrix, C: Matrix) => void;
  /** C = Aᵀ X. */
  readonly transposed: (X: Matrix, C: Matrix) => void;
  /** Y = A X, Z = Aᵀ Y. */
  readonly both: (X: Matrix, Y: Matrix, Z: Matrix) => void;
}

/** σ of an eigenvalue of BᵀB. */
export const singular = (lambda: number): number => Math.sqrt(Math.max(0, lambda));

/** Rounding alone leaves residuals of this many u σ₁. */
export const FLOOR = 8;
/** A value below this many u σ₁ has no direction of its own, so its residual says nothing. */
const NEGLIGIBLE = 64;

/** Whether a singular value is so far below the first. */
export const negligible = (s: number, first: number): boolean => s <= NEGLIGIBLE * u * first;

/** ‖Aᵀu − σv‖ of each triplet from the rows of errors, and what rounding adds. */
export function residualsOf(errors: Float64Array, values: ArrayLike<number>): Float64Array {
  const k = values.length;
  const length = errors.length / k;
  return Float64Array.from(values, (s, i) => {
    const squares = errors.subarray(i * length, i * length + length).reduce((sum, x) => sum + x * x, 0);
    const [error, floor] = [negligible(s, values[0]!) ? 0 : squares / s / s, FLOOR * u * values[0]!];
    return Math.sqrt(error + floor * floor);
  });
}

/** The largest of the k leading residuals over the largest singular value. */
export function worst(ritz: Ritz, k: number): number {
  const values = Array.from(ritz.eigen.values.subarray(0, k), singular);
  if (values[0] === 0) return 0;
  if (!ritz.errors) return Infinity;
  return residualsOf(ritz.errors, values).reduce((a, b) => Math.max(a, b), 0) / values[0]!;
}

/** First block of a basis: the guess, filled up with random columns, orthonormalised. */
export function* startBlock(Q: Matrix, plan: Plan): Algorithm<void> {
  const b = Q.shape[1];
  rand("normal", plan.seed, Q);
  if (plan.start) {
    geadd(1, plan.start.cols(0, Math.min(b, plan.start.shape[1])), 0, Q.cols(0, Math.min(b, plan.start.shape[1])));
  }
  using R = Matrix.empty(b, b, Q.device);
  yield* gramSchmidt(Q, 0, R);
}

/** The leading eigenvectors as columns, in float32. */
export function ritzVectors({ vectors }: Eigen, k: number): Matrix {
  const Y = Matrix.empty(vectors.shape[0], k, vectors.device);
  geadd(1, vectors.cols(0, k), 0, Y);
  return Y;
}
