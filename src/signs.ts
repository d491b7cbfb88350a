// The sign convention of singular and eigenvectors.
import { colstat, infoWords, scale } from "./blas.ts";
import { Matrix } from "./matrix.ts";

/** Turns signs so that in each column of U the first entry within 2^-10 of the largest is positive; columns of the
 * others turn with it. */
export function fixSigns(U: Matrix, others: readonly Matrix[]): void {
  using S = Matrix.empty(2, U.shape[1], U.device);
  using place = infoWords(1, 2, U.device);
  colstat(U, S, place);
  for (const M of [U, ...others]) scale("multiply", M, S.rows(1, 2), M);
}
