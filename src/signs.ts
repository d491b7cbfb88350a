// The sign convention of singular and eigenvectors.
import { scale } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";

/** Turns signs so that in each column of U the first entry within 2^-10 of the largest is positive; columns of the
 * others turn with it. */
export function* fixSigns(U: Matrix, others: readonly Matrix[]): Algorithm<void> {
  yield settled();
  const [m, k] = U.shape;
  const entries = U.host();
  using signs = Matrix.hosted(1, k, U.device);
  const sign = signs.host();
  for (let j = 0; j < k; j++) {
    let max = 0;
    for (let i = 0; i < m; i++) max = Math.max(max, Math.abs(entries[i * k + j]!));
    let i = 0;
    while (i < m - 1 && Math.abs(entries[i * k + j]!) < (1 - 2 ** -10) * max) i++;
    sign[j] = m > 0 && entries[i * k + j]! < 0 ? -1 : 1;
  }
  for (const M of [U, ...others]) scale("multiply", M, signs);
}
