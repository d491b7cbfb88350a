// What the iterations for leading singular triplets share: the plan, the subspace, its Ritz values and their residuals.
import { geadd, rand } from "./blas.ts";
import { type Algorithm, progress } from "./call.ts";
import { Matrix } from "./matrix.ts";
import { gramSchmidt } from "./qr.ts";
import type { SmallEigen } from "./small.ts";

/** A subspace and what is known of its Ritz triplets: basis Q (n x c), B = A Q, eigenpairs of BᵀB, estimated residuals.
 */
export interface Ritz {
  Q: Matrix;
  B: Matrix;
  eigen: SmallEigen;
  residuals: Float64Array;
  /** Whether the estimates hold: not where a value is lost in rounding or the basis fills the space. */
  sure: boolean;
  passes: number;
}

export type Estimate = Pick<Ritz, "residuals" | "sure">;

export interface Plan {
  k: number;
  tol: number;
  maxPasses: number;
  block: number;
  basis: number;
  seed: number;
  start: Matrix | undefined;
}

/** Where an iteration works: Q for the basis (n rows), B for A Q (m rows). */
export interface Space {
  Q: Matrix;
  B: Matrix;
}

/** σ of an eigenvalue of BᵀB. */
export const singular = (lambda: number): number => Math.sqrt(Math.max(0, lambda));
/** Residuals below this many u times the largest value are rounding; singular values below it have no direction of
 * their own. */
export const FLOOR = 8;
export const NEGLIGIBLE = 64;

/** The largest residual over the largest singular value. */
export function worst(residuals: Float64Array, eigen: SmallEigen): number {
  const first = singular(eigen.values[0]!);
  return first === 0 ? 0 : residuals.reduce((a, b) => Math.max(a, b), 0) / first;
}

/** First block of a basis: the guess, filled up with random columns, orthonormalised. */
export function* startBlock(Q: Matrix, plan: Plan): Algorithm<void> {
  const [n, b] = Q.shape;
  rand("normal", plan.seed, Q);
  if (plan.start) {
    geadd(1, plan.start.cols(0, Math.min(b, plan.start.shape[1])), 0, Q.cols(0, Math.min(b, plan.start.shape[1])));
  }
  using R = Matrix.empty(b, b, Q.device);
  yield* gramSchmidt(Q, 0, R);
  yield progress("svd", 0, n);
}

/** The leading eigenvectors as columns, in float32. */
export function ritzVectors(eigen: SmallEigen, k: number, like: Matrix): Matrix {
  const c = eigen.values.length;
  const Y = Matrix.hosted(c, k, like.device);
  const y = Y.host();
  for (let i = 0; i < k; i++) for (let j = 0; j < c; j++) y[j * k + i] = eigen.vectors[i * c + j]!;
  return Y;
}
