// Block subspace iteration V = orth(Aᵀ(A V)) with oversampling and Rayleigh-Ritz (Halko, Martinsson & Tropp 2011).
import { empty64, geadd, gemm, tuned } from "./blas.ts";
import { type Algorithm, numbers } from "./call.ts";
import { Matrix } from "./matrix.ts";
import { squaredColumns, u } from "./proof.ts";
import { gramSchmidt } from "./qr.ts";
import {
  type Estimate,
  FLOOR,
  NEGLIGIBLE,
  type Plan,
  type Ritz,
  singular,
  type Space,
  startBlock,
  worst,
} from "./ritz.ts";
import { type SmallEigen, symmetricEigen } from "./small.ts";

/** V = orth(Aᵀ(A V)) until the k leading Ritz residuals are small. */
export function* subspace(A: Matrix, plan: Plan, space: Space): Algorithm<Ritz> {
  const l = plan.block;
  const n = A.shape[1];
  const t = { chain: tuned("svd.chain", A) };
  const { Q: V, B } = space;
  using Z = Matrix.empty(n, l, A.device);
  using R = Matrix.empty(l, l, A.device);
  using G = empty64(l, l, A.device);
  yield* startBlock(V, plan);
  for (let passes = 2;; passes += 2) {
    gemm(1, A, V, 0, B, t); //          B = A V
    gemm(1, B.T, B, 0, G); //           G = Bᵀ B = Y Λ Yᵀ
    gemm(1, A.T, B, 0, Z, t); //        Z = Aᵀ B
    yield numbers("svd", passes, plan.maxPasses);
    const eigen = symmetricEigen(l, G.hostAs(Float64Array));
    const ritz = yield* subspaceResiduals(V, Z, eigen, plan.k, t);
    const result = { Q: V, B, eigen, passes, ...ritz };
    if (l === n || passes + 2 > plan.maxPasses || worst(ritz.residuals, eigen) <= plan.tol) return result;
    geadd(1, Z, 0, V);
    yield* gramSchmidt(V, 0, R); //     V = orth(Z)
  }
}

/** ‖Aᵀu − σv‖ = ‖Z y / σ − σ V y‖ for the k leading eigenvectors y. */
function* subspaceResiduals(
  V: Matrix,
  Z: Matrix,
  eigen: SmallEigen,
  k: number,
  t: { chain: number },
): Algorithm<Estimate> {
  const [n, l] = V.shape;
  const values = Array.from(eigen.values.subarray(0, k), singular);
  const first = singular(eigen.values[0]!);
  const known = values.map((s) => s > NEGLIGIBLE * u * first);
  using Y = Matrix.hosted(l, 2 * k, V.device);
  const y = Y.host();
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < l; j++) {
      y[j * 2 * k + i] = known[i] ? eigen.vectors[i * l + j]! / values[i]! : 0;
      y[j * 2 * k + k + i] = known[i] ? eigen.vectors[i * l + j]! * values[i]! : 0;
    }
  }
  using E = Matrix.empty(n, k, V.device);
  gemm(1, Z, Y.cols(0, k), 0, E, t);
  gemm(-1, V, Y.cols(k, 2 * k), 1, E, t);
  yield numbers("svd", 0, 0);
  const residuals = squaredColumns(E).map((x) => Math.max(Math.sqrt(x), FLOOR * u * first));
  return { residuals, sure: known.every(Boolean) && l < V.shape[0] };
}
