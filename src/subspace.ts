// Block subspace iteration V = orth(Aᵀ(A V)) with oversampling and Rayleigh-Ritz (Halko, Martinsson & Tropp 2011).
import { empty64, geadd, gemm, tuned } from "./blas.ts";
import { type Algorithm, numbers, settled } from "./call.ts";
import { gramSchmidt } from "./gramschmidt.ts";
import { Matrix } from "./matrix.ts";
import { type Finish, type Operator, type Plan, ritzVectors, startBlock, worst } from "./ritz.ts";
import { type Eigen, symmetricEigen } from "./small.ts";

/** V = orth(Aᵀ(A V)) until the k leading Ritz residuals are small. */
export function* subspace<T>(A: Operator, plan: Plan, finish: Finish<T>): Algorithm<T> {
  const l = plan.block;
  const [m, n] = A.shape;
  const t = { chain: tuned("svd.chain", A) };
  using V = Matrix.empty(n, l, A.device);
  using B = Matrix.empty(m, l, A.device);
  using Z = Matrix.empty(n, l, A.device);
  using R = Matrix.empty(l, l, A.device);
  using G = empty64(l, l, A.device);
  yield* startBlock(V, plan);
  for (let passes = 2;; passes += 2) {
    A.both(V, B, Z); //                 B = A V, Z = Aᵀ B
    gemm(1, B.T, B, 0, G); //           G = Bᵀ B = Y Λ Yᵀ
    const eigen = yield* symmetricEigen(G, plan.k, numbers("svd", passes, plan.maxPasses));
    using _ = eigen.vectors;
    const errors = l === n ? new Float64Array(plan.k) : yield* pairErrors(V, Z, eigen, plan.k, t);
    const result = { Q: V, B, eigen, errors, passes };
    const last = l === n || passes + 2 > plan.maxPasses;
    if (last || worst(result, plan.k) <= plan.tol) {
      const done = yield* finish(result, last);
      if (done || last) return done!;
    }
    geadd(1, Z, 0, V);
    yield* gramSchmidt(V, 0, R); //     V = orth(Z)
  }
}

/** AᵀB y − λ V y = Z y − λ V y for the k leading eigenpairs, one a row. */
function* pairErrors(
  V: Matrix,
  Z: Matrix,
  eigen: Eigen,
  k: number,
  t: { chain: number },
): Algorithm<Float64Array> {
  const [n, l] = V.shape;
  using Y = ritzVectors(eigen, k);
  using S = Matrix.diag(eigen.values.subarray(0, k), { device: V.device });
  using W = Matrix.empty(l, k, V.device);
  using E = Matrix.empty(k, n, V.device);
  gemm(1, Y, S, 0, W, t);
  gemm(1, Y.T, Z.T, 0, E, t);
  gemm(-1, W.T, V.T, 1, E, t);
  yield settled();
  return Float64Array.from(E.host().subarray(0, k * n));
}
