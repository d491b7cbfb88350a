// Leading singular triplets of a matrix of few columns: eigenvectors of AᵀA, its products exact, its sums in float64.
// The matrix is its own subspace, so nothing is kept beside it.
import { empty64, syrk } from "./blas.ts";
import { type Algorithm, numbers } from "./call.ts";
import { Matrix } from "./matrix.ts";
import type { Finish, Plan } from "./ritz.ts";
import { symmetricEigen } from "./small.ts";

/** AᵀA = Y Λ Yᵀ: the Ritz pairs of the whole space, which leave no residual. */
export function* gram<T>(A: Matrix, plan: Plan, finish: Finish<T>): Algorithm<T> {
  const n = A.shape[1];
  using Q = Matrix.eye(n, n, { device: A.device });
  using G = empty64(n, n, A.device);
  syrk("lower", 1, A.T, 0, G);
  const eigen = yield* symmetricEigen(G, plan.k, numbers("svd", 1, plan.maxPasses));
  using _ = eigen.vectors;
  return (yield* finish({ Q, B: A, eigen, errors: undefined, passes: 1 }, true))!;
}
