// Values from their vectors: an error of the vectors moves these by its square only.
import { gemm, tuned } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";

/** uᵀ A v of each pair of columns, in float64. */
export function* rayleigh(A: Matrix, U: Matrix, V: Matrix): Algorithm<Float64Array> {
  const [m, n] = [A.shape[0], V.shape[1]];
  using W = Matrix.empty(m, n, A.device);
  gemm(1, A, V, 0, W, { chain: tuned("reduce.chain", A) });
  yield settled();
  const values = new Float64Array(n);
  const [u, w] = [U.host(), W.host()];
  for (let i = 0; i < m * n; i++) values[i % n]! += u[i]! * w[i]!;
  return values;
}
