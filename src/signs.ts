// The sign convention of singular and eigenvectors.
import { colstat, infoWords, scale } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";

/** Turns signs so that in each column of U the first entry within 2^-10 of the largest is positive; columns of the
 * others turn with it. */
export function* fixSigns(U: Matrix, others: readonly Matrix[]): Algorithm<void> {
  const k = U.shape[1];
  using largest = Matrix.empty(1, k, U.device);
  using place = infoWords(1, 2, U.device);
  colstat(U, largest, place);
  yield settled();
  using signs = Matrix.hosted(1, k, U.device);
  findSigns(U, largest.host(), signs.host());
  for (const M of [U, ...others]) scale("multiply", M, signs, M);
}

/** Row by row, as the numbers lie, until the entry of each column is found. */
function findSigns(U: Matrix, largest: Float32Array, signs: Float32Array): void {
  const [m, k] = U.shape, entries = U.host(), limits = new Float64Array(k), open = new Uint32Array(k);
  for (let j = 0; j < k; j++) {
    limits[j] = (1 - 2 ** -10) * largest[j]!;
    open[j] = j;
    signs[j] = 1;
  }
  for (let i = 0, left = k; i < m && left > 0; i++) {
    const [row, before] = [i * k, left];
    left = 0;
    for (let q = 0; q < before; q++) {
      const j = open[q]!, entry = entries[row + j]!;
      if (!(Math.abs(entry) >= limits[j]!)) open[left++] = j;
      else if (entry < 0) signs[j] = -1;
    }
  }
}
