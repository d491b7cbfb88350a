// From a Ritz subspace to singular triplets: left vectors, values, right vectors, signs.
import { gemm, tuned } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";
import { polish } from "./polish.ts";
import { certifiedQr } from "./qr.ts";
import { residualsOf, type Ritz, ritzVectors } from "./ritz.ts";
import { fromRows, smallSvd } from "./small.ts";

/** Left vectors, values, right vectors, and the residuals where they are known. */
export interface Triplets {
  L: Matrix;
  s: Float64Array;
  V: Matrix;
  residuals: Float64Array | undefined;
}

/** Below this part of the largest value, rounding in B y turns the left vector: such residuals are measured. */
const STEEP = 2 ** -10;

/** U, σ, V of the k leading Ritz triplets: certified QR of B Y, small SVD of its triangle, one Newton-Schulz step for
 * V. */
export function* extract(ritz: Ritz, k: number): Algorithm<Triplets> {
  const { Q, B, eigen } = ritz;
  const t = { chain: tuned("svd.chain", B) };
  using Y = ritzVectors(eigen, k);
  using X = Matrix.empty(B.shape[0], k, B.device);
  gemm(1, B, Y, 0, X, t); //                      X = B Y
  const qr = yield* certifiedQr(X, k, "svd"); //        X = U₀ T
  yield settled();
  using U0 = qr.Q;
  using T = qr.R;
  const { u: left, s, v: right } = yield* smallSvd(k, T.readBlock(0, k, 0, k), Q.device); // T = Ũ Σ Ṽᵀ
  using P = fromRows(left, k, k, Q.device);
  using R = fromRows(right, k, k, Q.device);
  const c = eigen.values.length;
  using W = Matrix.empty(c, k, Q.device);
  gemm(1, Y, R, 0, W, t); //                      W = Y Ṽ
  const L = Matrix.empty(B.shape[0], k, B.device);
  gemm(1, U0, P, 0, L, t); //                     U = U₀ Ũ
  using V0 = Matrix.empty(Q.shape[0], k, Q.device);
  gemm(1, Q, W, 0, V0, t); //                     V₀ = Q W
  const V = polish(V0);
  const known = c < Q.shape[0] && s[k - 1]! > STEEP * s[0]! ? ritz.errors : undefined;
  return { L, s, V, residuals: known && residualsOf(rotated(known, right, k), s) };
}

/** Row i of the result: the sum over j of rotation[i][j] times row j. */
function rotated(rows: Float64Array, rotation: Float64Array, k: number): Float64Array {
  const n = rows.length / k;
  const out = new Float64Array(k * n);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) {
      const r = rotation[i * k + j]!;
      for (let l = 0; l < n; l++) out[i * n + l]! += r * rows[j * n + l]!;
    }
  }
  return out;
}
