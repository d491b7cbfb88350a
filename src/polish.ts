// One Newton-Schulz step towards the nearest matrix with orthonormal columns (Björck & Bowie 1971).
import { geadd, gemm, resid, tuned } from "./blas.ts";
import { Matrix } from "./matrix.ts";

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
