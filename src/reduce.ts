// Reductions by Householder reflectors in panels (LAPACK's latrd and labrd; triangles as in Puglisi 1992 and Joffrain
// et al. 2006): a symmetric matrix to tridiagonal form, any other to upper bidiagonal form, and the way back.
import { empty64, geadd, gemm, gemqrt, labrd, larft, latrd, tuned } from "./blas.ts";
import { type Algorithm, progress, STRETCH } from "./call.ts";
import { Matrix } from "./matrix.ts";

/** Q = H₀ H₁ H₂ ... in blocks of as many reflectors as N has columns; they are the columns of V. The block that begins
 * at column j is I - V (I + N) Vᵀ with V the rows from j on of these columns, N the rows j and on of N. */
export interface Reflectors extends Disposable {
  readonly V: Matrix;
  readonly N: Matrix;
}

/** A = Q B Qᵀ; DE (float64, 2 x n) holds the diagonal of B and the band beside it, whose last number is none. Q as its
 * reflectors. */
export interface Tridiagonal {
  readonly DE: Matrix;
  readonly Q: Matrix;
}

/** A = Q B Pᵀ; DE (float64, 2 x n) holds the diagonal of B and the band above it, whose last number is none. */
export interface Bidiagonal {
  readonly DE: Matrix;
  readonly Q: Matrix;
  readonly P: Matrix;
}

/** Reduces a symmetric A, whose lower triangle is read and overwritten; its largest entry must lie in [1/2, 1). */
export function* tridiagonalize(A: Matrix): Algorithm<Tridiagonal> {
  const [n] = A.shape, nb = tuned("reduce.block", A), width = tuned("reduce.update", A);
  const t = { chain: tuned("reduce.chain", A) };
  const Q = Matrix.zeros(n, n, { device: A.device });
  using L = Matrix.empty(n, 2 * nb, A.device);
  using R = Matrix.empty(n, 2 * nb, A.device);
  using T = Matrix.empty(nb, nb, A.device);
  const DE = empty64(2, n, A.device);
  let work = 0;
  for (let j = 0; j < n; j += nb) {
    const e = Math.min(j + nb, n), b = e - j, k = n - j;
    const [l, r, s] = [L.sub(0, k, 0, 2 * b), R.sub(0, k, 0, 2 * b), T.sub(0, b, 0, b)];
    latrd(A.sub(j, n, j, n), l, r, s, DE.cols(j, e)); //     A Q = Q B in these columns
    geadd(1, l.cols(0, b), 0, Q.sub(j, n, j, e));
    for (let c = e; c < n; c += width) {
      const end = Math.min(c + width, n);
      gemm(-1, l.rows(c - j, k), r.rows(c - j, end - j).T, 1, A.sub(c, n, c, end), t); // A₂₂ = A₂₂ − L₂ R₂ᵀ
    }
    if ((work += k * k * b) < STRETCH && e < n) continue;
    work = 0;
    yield progress("tridiagonal", e, n);
  }
  return { DE, Q };
}

/** Reduces A (m >= n), which is overwritten; its largest entry must lie in [1/2, 1). */
export function* bidiagonalize(A: Matrix): Algorithm<Bidiagonal> {
  const [m, n] = A.shape, nb = tuned("reduce.block", A);
  const t = { chain: tuned("reduce.chain", A) };
  const [Q, P] = [Matrix.zeros(m, n, { device: A.device }), Matrix.zeros(n, n, { device: A.device })];
  using L = Matrix.empty(m, 2 * nb, A.device);
  using R = Matrix.empty(n, 2 * nb, A.device);
  using T = Matrix.empty(nb, 2 * nb, A.device);
  const DE = empty64(2, n, A.device);
  let work = 0;
  for (let j = 0; j < n; j += nb) {
    const e = Math.min(j + nb, n), b = e - j;
    const [l, r, s] = [L.sub(0, m - j, 0, 2 * b), R.sub(0, n - j, 0, 2 * b), T.sub(0, b, 0, 2 * b)];
    labrd(A.sub(j, m, j, n), l, r, s, DE.cols(j, e)); //     A P = Q B in these columns
    geadd(1, l.cols(0, b), 0, Q.sub(j, m, j, e));
    geadd(1, r.cols(b, 2 * b), 0, P.sub(j, n, j, e));
    gemm(-1, l.rows(b, m - j), r.rows(b, n - j).T, 1, A.sub(e, m, e, n), t); // A₂₂ = A₂₂ − L₂ R₂ᵀ
    if ((work += 2 * (m - j) * (n - j) * b) < STRETCH && e < n) continue;
    work = 0;
    yield progress("bidiagonal", e, n);
  }
  return { DE, Q, P };
}

/** A product of reflectors in a form that can be applied, from their vectors, which are taken over. T = striu(VᵀV) +
 * diag(VᵀV)/2 of each block, which may be wider than a panel, is inverted in float64, and N = T⁻¹ - I rounded once: T
 * is nearly I where V has many numbers of one size, so that this costs less of the orthogonality than the panels' T in
 * float32. */
export function accumulated(V: Matrix, block: number = tuned("reflectors.block", V)): Reflectors {
  const n = V.shape[1], N = Matrix.empty(n, Math.max(1, Math.min(block, n)), V.device);
  larft(V, N);
  return { V, N, [Symbol.dispose]: () => [V, N].forEach((part) => part[Symbol.dispose]()) };
}

/** Reflectors that are applied to a matrix, however large, from one pause to the next: each operation copies it. */
const APPLIED = 512;

/** C = Q C in place, the last blocks first. */
export function* applyReflectors({ V, N }: Reflectors, C: Matrix): Algorithm<void> {
  const [m, n] = V.shape, [, k] = C.shape, [, block] = N.shape;
  const count = Math.max(APPLIED, STRETCH / (2 * m * k));
  for (let e = n, j: number; e > 0; e = j) {
    j = Math.max(0, Math.ceil((e - count) / block) * block);
    gemqrt(V.sub(j, m, j, e), N.rows(j, e), C.rows(j, m));
    yield progress("reflectors", n - j, n);
  }
}
