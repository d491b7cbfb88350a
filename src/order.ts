// Columns in the order of their values.
import { geadd } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";

/** The places of the values from the smallest to the largest, equal ones as they are. */
export function ascending(values: ArrayLike<number>): number[] {
  return Array.from({ length: values.length }, (_, i) => i).sort((i, j) => values[i]! - values[j]!);
}

/** The same from the largest to the smallest. */
export function descending(values: ArrayLike<number>): number[] {
  return Array.from({ length: values.length }, (_, i) => i).sort((i, j) => values[j]! - values[i]!);
}

/** A new matrix: column order[j] of M as its column j. */
export function columnsOf(M: Matrix, order: readonly number[]): Matrix {
  const N = Matrix.empty(M.shape[0], order.length, M.device);
  order.forEach((from, to) => geadd(1, M.cols(from, from + 1), 0, N.cols(to, to + 1)));
  return N;
}

/** Values and the columns of matrices that belong to them, both in this order; the matrices are disposed where they
 * change. */
export function* arranged(
  values: Float64Array,
  matrices: readonly Matrix[],
  order: readonly number[],
): Algorithm<{ values: Float64Array; matrices: readonly Matrix[] }> {
  if (order.every((from, to) => from === to)) return { values, matrices };
  const moved = matrices.map((M) => columnsOf(M, order));
  yield settled();
  for (const M of matrices) M[Symbol.dispose]();
  return { values: values.map((_, i) => values[order[i]!]!), matrices: moved };
}
