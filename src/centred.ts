// The rows of a matrix less their mean: as a copy, or as far as products with columns go.
import { empty64, geadd, gemm, tuned } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";
import { sum } from "./proof.ts";
import type { Operator } from "./ritz.ts";

/** A row of numbers as a matrix. */
export function row(values: ArrayLike<number>, like: Matrix): Matrix {
  const R = Matrix.hosted(1, values.length, like.device);
  R.host().set(values);
  return R;
}

export function ones(m: number, like: Matrix): Matrix {
  const E = Matrix.hosted(m, 1, like.device);
  E.host().subarray(0, m).fill(1);
  return E;
}

/** Means of the columns, in float64; waits for the queue. */
export function* means(X: Matrix): Algorithm<Float64Array> {
  const [m, n] = X.shape;
  using E = ones(m, X);
  using S = empty64(1, n, X.device);
  gemm(1, E.T, X, 0, S);
  yield settled();
  return S.hostAs(Float64Array).map((x) => x / m);
}

/** Rows of X less a row given in float64, in two float32 steps. */
export function less(X: Matrix, mean: Float64Array): Matrix {
  const [m, n] = X.shape;
  const Y = Matrix.empty(m, n, X.device);
  geadd(1, X, 0, Y);
  using E = ones(m, X);
  for (const part of [mean, mean.map((x) => x - Math.fround(x))]) {
    using R = row(part, X);
    gemm(-1, E, R, 1, Y);
  }
  return Y;
}

/** Most that the mean may add to the centred matrix, in terms of it: products without a copy then lose so much of their
 * accuracy. */
const MEAN = 2;
/** Norms of matrices whose products can neither overflow nor vanish. */
const [SMALL, LARGE] = [2 ** -30, 2 ** 40];

/** Whether products of the centred matrix are as good without a copy of it: ‖1 μᵀ‖ ≤ MEAN σ₁, from squares of the
 * columns as they are. */
export function inReach(squares: Float64Array, mean: Float64Array, [m, n]: Matrix["shape"]): boolean {
  const all = sum(squares), offset = m * sum(mean.map((x) => x * x));
  const widest = squares.reduce((most, x, j) => Math.max(most, x - m * mean[j]! ** 2), (all - offset) / Math.min(m, n));
  return offset <= MEAN ** 2 * widest && all >= SMALL ** 2 * m * n && all <= LARGE ** 2;
}

/** X − 1 μᵀ, or where that is wide its transpose, by its products with columns; 1 is m x 1, μᵀ 1 x n. */
export function centred(X: Matrix, ones: Matrix, mean: Matrix): Operator {
  const wide = X.shape[0] < X.shape[1];
  const [A, x, y] = wide ? [X.T, mean.T, ones.T] : [X, ones, mean]; // A − x y
  const t = { chain: tuned("svd.chain", X) };
  const product = (M: Matrix, V: Matrix, C: Matrix, column: Matrix, row: Matrix): void => {
    using r = Matrix.empty(1, V.shape[1], X.device);
    gemm(1, M, V, 0, C, t);
    gemm(1, row, V, 0, r, t);
    gemm(-1, column, r, 1, C, t);
  };
  const times: Operator["times"] = (V, C) => product(A, V, C, x, y);
  const transposed: Operator["transposed"] = (U, C) => product(A.T, U, C, y.T, x.T);
  return {
    shape: A.shape,
    device: X.device,
    times,
    transposed,
    both: (V, Y, Z) => {
      times(V, Y);
      transposed(Y, Z);
    },
  };
}
