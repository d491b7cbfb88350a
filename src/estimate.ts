// Norms of errors, estimated from a few Gaussian vectors in float64: the mean of ‖E g‖² is ‖E‖_F².
import { empty64, geadd, rand, resid } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";
import { sum, u } from "./proof.ts";

/** From so many an error of many directions is told to a few percent, and one of a single direction is told as less
 * than half of it in one of 900 cases. */
const PROBES = 16;
const SEED = 11;

/** m x 16 standard normal numbers. */
export function gaussian(m: number, like: Matrix): Matrix {
  const G = Matrix.empty(m, PROBES, like.device);
  rand("normal", SEED, G);
  return G;
}

/** -A X, accumulated in float64 and rounded once. */
export function negative(A: Matrix, X: Matrix): Matrix {
  const Y = Matrix.zeros(A.shape[0], X.shape[1], { device: A.device });
  resid(A, X, Y, Y);
  return Y;
}

/** Estimated squares of the lengths of the rows of E from Y - A X = E G. */
export function* rowSquares(Y: Matrix, A: Matrix, X: Matrix): Algorithm<Float64Array> {
  using E = difference(Y, A, X);
  yield settled();
  return squaresOf(E);
}

export const length = (squares: Float64Array): number => Math.sqrt(sum(squares));

/** ‖QᵀQ − I‖_F of each of these matrices of n columns, estimated, over its bound 12 √n u. */
export function* orthogonality(matrices: readonly Matrix[]): Algorithm<number[]> {
  using G = gaussian(matrices[0]!.shape[1], matrices[0]!);
  const errors = matrices.map((Q) => defect(Q, G));
  yield settled();
  return errors.map((E) => {
    using error = E;
    return length(squaresOf(error)) / (12 * Math.sqrt(E.shape[0]) * u);
  });
}

/** (QᵀQ − I) G in float64. */
function defect(Q: Matrix, G: Matrix): Matrix {
  using W = negative(Q, G);
  using N = Matrix.empty(G.shape[0], G.shape[1], Q.device);
  geadd(-1, G, 0, N);
  return difference(N, Q.T, W);
}

function difference(Y: Matrix, A: Matrix, X: Matrix): Matrix {
  const E = empty64(Y.shape[0], Y.shape[1], Y.device);
  resid(A, X, Y, E);
  return E;
}

function squaresOf(E: Matrix): Float64Array {
  const [m, k] = E.shape, e = E.hostAs(Float64Array), sums = new Float64Array(m);
  for (let i = 0, at = 0; i < m; i++) {
    let sum = 0;
    for (const end = at + k; at < end; at++) sum += e[at]! * e[at]!;
    sums[i] = sum / k;
  }
  return sums;
}
