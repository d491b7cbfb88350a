// Reductions by Householder reflectors in panels (LAPACK's latrd and labrd; triangles as in Puglisi 1992 and Joffrain
// et al. 2006): a symmetric matrix to tridiagonal form, any other to upper bidiagonal form, and the way back.
import { empty64, geadd, gemm, labrd, latrd, trsm, tuned } from "./blas.ts";
import { type Algorithm, progress } from "./call.ts";
import { Matrix } from "./matrix.ts";

/** Q = H₀ H₁ H₂ ... in panels of `block` reflectors. The panel that begins at column j is I - V T⁻¹ Vᵀ with V the rows
 * from j on of these columns, T the rows j and on of T. */
export interface Reflectors extends Disposable {
  readonly V: Matrix;
  readonly T: Matrix;
  readonly block: number;
}

/** A = Q B Qᵀ; DE (float64, 2 x n) holds the diagonal of B and the band beside it, whose last number is none. */
export interface Tridiagonal {
  readonly DE: Matrix;
  readonly Q: Reflectors;
}

/** A = Q B Pᵀ; DE (float64, 2 x n) holds the diagonal of B and the band above it, whose last number is none. */
export interface Bidiagonal {
  readonly DE: Matrix;
  readonly Q: Reflectors;
  readonly P: Reflectors;
}

function reflectors(m: number, n: number, block: number, like: Matrix): Reflectors {
  const [V, T] = [Matrix.empty(m, n, like.device), Matrix.empty(n, block, like.device)];
  const dispose = (): void => [V, T].forEach((part) => part[Symbol.dispose]());
  return { V, T, block, [Symbol.dispose]: dispose };
}

/** Keeps the panel that begins at column j. */
function keep({ V, T }: Reflectors, j: number, v: Matrix, t: Matrix): void {
  const [m] = V.shape, [, b] = v.shape;
  geadd(1, v, 0, V.sub(j, m, j, j + b));
  geadd(1, t, 0, T.sub(j, j + b, 0, b));
}

/** Reduces a symmetric A, whose lower triangle is read and overwritten; its largest entry must lie in [1/2, 1). */
export function* tridiagonalize(A: Matrix): Algorithm<Tridiagonal> {
  const [n] = A.shape, nb = tuned("reduce.block", A), width = tuned("reduce.update", A);
  const t = { chain: tuned("reduce.chain", A) };
  const Q = reflectors(n, n, nb, A);
  using L = Matrix.empty(n, 2 * nb, A.device);
  using R = Matrix.empty(n, 2 * nb, A.device);
  using T = Matrix.empty(nb, nb, A.device);
  const DE = empty64(2, n, A.device);
  for (let j = 0; j < n; j += nb) {
    const e = Math.min(j + nb, n), b = e - j, k = n - j;
    const [l, r, s] = [L.sub(0, k, 0, 2 * b), R.sub(0, k, 0, 2 * b), T.sub(0, b, 0, b)];
    latrd(A.sub(j, n, j, n), l, r, s, DE.cols(j, e)); //     A Q = Q B in these columns
    keep(Q, j, l.cols(0, b), s);
    for (let c = e; c < n; c += width) {
      const end = Math.min(c + width, n);
      gemm(-1, l.rows(c - j, k), r.rows(c - j, end - j).T, 1, A.sub(c, n, c, end), t); // A₂₂ = A₂₂ − L₂ R₂ᵀ
    }
    yield progress("tridiagonal", e, n);
  }
  return { DE, Q };
}

/** Reduces A (m >= n), which is overwritten; its largest entry must lie in [1/2, 1). */
export function* bidiagonalize(A: Matrix): Algorithm<Bidiagonal> {
  const [m, n] = A.shape, nb = tuned("reduce.block", A);
  const t = { chain: tuned("reduce.chain", A) };
  const [Q, P] = [reflectors(m, n, nb, A), reflectors(n, n, nb, A)];
  using L = Matrix.empty(m, 2 * nb, A.device);
  using R = Matrix.empty(n, 2 * nb, A.device);
  using T = Matrix.empty(nb, 2 * nb, A.device);
  const DE = empty64(2, n, A.device);
  for (let j = 0; j < n; j += nb) {
    const e = Math.min(j + nb, n), b = e - j;
    const [l, r, s] = [L.sub(0, m - j, 0, 2 * b), R.sub(0, n - j, 0, 2 * b), T.sub(0, b, 0, 2 * b)];
    labrd(A.sub(j, m, j, n), l, r, s, DE.cols(j, e)); //     A P = Q B in these columns
    keep(Q, j, l.cols(0, b), s.cols(0, b));
    keep(P, j, r.cols(b, 2 * b), s.cols(b, 2 * b));
    gemm(-1, l.rows(b, m - j), r.rows(b, n - j).T, 1, A.sub(e, m, e, n), t); // A₂₂ = A₂₂ − L₂ R₂ᵀ
    yield progress("bidiagonal", e, n);
  }
  return { DE, Q, P };
}

/** C = Q C in place, the last panel first. Vᵀ C is summed in float64: in float32 constant matrices round the same way
 * in every column, and Q loses three times as much. */
export function* applyReflectors({ V, T, block }: Reflectors, C: Matrix): Algorithm<void> {
  const [m, n] = V.shape, [, k] = C.shape, t = { chain: tuned("reduce.chain", V) };
  using X = empty64(block, k, V.device);
  using Y = Matrix.empty(block, k, V.device);
  for (let j = Math.floor((n - 1) / block) * block; j >= 0; j -= block) {
    const e = Math.min(j + block, n);
    const [v, s, c] = [V.sub(j, m, j, e), T.sub(j, e, 0, e - j), C.rows(j, m)];
    const [x, y] = [X.rows(0, e - j), Y.rows(0, e - j)];
    gemm(1, v.T, c, 0, x); //                    Y = Vᵀ C
    geadd(1, x, 0, y);
    trsm("left", "upper", 1, s, y, t); //        Y = T⁻¹ Y
    gemm(-1, v, y, 1, c, t); //                  C = C − V Y
    yield progress("reflectors", n - j, n);
  }
}
