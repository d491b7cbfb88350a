// Columns that are nearly orthonormal, brought nearer where that is needed: one Newton-Schulz step towards the nearest
// matrix with orthonormal columns (Björck & Bowie 1971).
import { geadd, gemm, resid, tuned } from "./blas.ts";
import type { Algorithm } from "./call.ts";
import { orthogonality } from "./estimate.ts";
import { Matrix } from "./matrix.ts";

/** Most of its bound that an estimate of ‖XᵀX − I‖ may be: from 16 Gaussian vectors, it is right to a few percent
 * where rounding errors of many columns make it up. */
const ENOUGH = 0.85;

/** X + X (I − XᵀX) / 2 as a new matrix, the residual in float64: in float32 its rounding would spoil good columns. */
export function polish(X: Matrix): Matrix {
  const [m, n] = X.shape;
  using I = Matrix.eye(n, n, { device: X.device });
  using E = Matrix.empty(n, n, X.device);
  resid(X.T, X, I, E); //                                E = I − XᵀX
  const Y = Matrix.empty(m, n, X.device);
  geadd(1, X, 0, Y);
  gemm(0.5, X, E, 1, Y, { chain: tuned("reduce.chain", X) }); // Y = X + X E / 2
  return Y;
}

/** Each matrix as it is, or polished where its columns may not be orthonormal to 12 √n u. */
export function* polished(matrices: readonly Matrix[]): Algorithm<Matrix[]> {
  const errors = yield* orthogonality(matrices);
  return matrices.map((X, i) => {
    if (errors[i]! <= ENOUGH) return X;
    using given = X;
    return polish(given);
  });
}
