// From a Ritz subspace to singular triplets: left vectors, values, right vectors, signs.
import { geadd, gemm, resid, scale, tuned } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";
import { factor } from "./qr.ts";
import { residualsOf, type Ritz, ritzVectors } from "./ritz.ts";
import { smallSvd } from "./small.ts";

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
  using Y = ritzVectors(eigen, k, Q);
  using X = Matrix.empty(B.shape[0], k, B.device);
  gemm(1, B, Y, 0, X, t); //                      X = B Y
  const qr = yield* factor(X, k); //        X = U₀ T
  yield settled();
  using U0 = qr.Q;
  using T = qr.R;
  const { u: left, s, v: right } = smallSvd(k, T.readBlock(0, k, 0, k)); // T = Ũ Σ Ṽᵀ
  using P = fromColumns(left, k, k, Q);
  const c = eigen.values.length;
  using W = fromColumns(rotated(eigen.vectors.subarray(0, k * c), right, k), k, c, Q);
  const L = Matrix.empty(B.shape[0], k, B.device);
  gemm(1, U0, P, 0, L, t); //                     U = U₀ Ũ
  using V0 = Matrix.empty(Q.shape[0], k, Q.device);
  gemm(1, Q, W, 0, V0, t); //                     V₀ = Q Y Ṽ
  using I = Matrix.eye(k, k, { device: Q.device });
  using E = Matrix.empty(k, k, Q.device);
  resid(V0.T, V0, I, E);
  const V = Matrix.empty(Q.shape[0], k, Q.device);
  geadd(1, V0, 0, V);
  gemm(0.5, V0, E, 1, V, t); //                   V = V₀ + V₀ (I − V₀ᵀV₀) / 2
  const known = c < Q.shape[0] && s[k - 1]! > STEEP * s[0]! ? ritz.errors : undefined;
  return { L, s, V, residuals: known && residualsOf(rotated(known, right, k), s) };
}

/** Rows of vectors (length n each) as columns of a float32 matrix. */
function fromColumns(vectors: Float64Array, k: number, n: number, like: Matrix): Matrix {
  const M = Matrix.hosted(n, k, like.device);
  const m = M.host();
  for (let i = 0; i < k; i++) for (let j = 0; j < n; j++) m[j * k + i] = vectors[i * n + j]!;
  return M;
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

/** Turns signs so that in each column of U the first entry within 2^-10 of the largest is positive. */
export function* fixSigns(U: Matrix, V: Matrix): Algorithm<void> {
  yield settled();
  const [m, k] = U.shape;
  const numbersOfU = U.host();
  using signs = Matrix.hosted(1, k, U.device);
  const sign = signs.host();
  for (let j = 0; j < k; j++) {
    let max = 0;
    for (let i = 0; i < m; i++) max = Math.max(max, Math.abs(numbersOfU[i * k + j]!));
    let i = 0;
    while (i < m - 1 && Math.abs(numbersOfU[i * k + j]!) < (1 - 2 ** -10) * max) i++;
    sign[j] = m > 0 && numbersOfU[i * k + j]! < 0 ? -1 : 1;
  }
  scale("multiply", U, signs);
  scale("multiply", V, signs);
}
