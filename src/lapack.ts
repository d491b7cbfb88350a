// Whole factorisations by a vendor's LAPACK. Each result is certified before it is used: residual and orthogonality
// are estimated in float64. Where it misses, our own method runs. In float32, LAPACK's singular and eigenvectors are
// orthonormal to about 15 √n u only: one Newton-Schulz step mends that, and the values are taken again.
import { geadd, geqrf, gesdd, infoWords, scale, syevd } from "./blas.ts";
import { type Algorithm, note } from "./call.ts";
import { gaussian, length, negative, orthogonality, rowSquares } from "./estimate.ts";
import { Matrix } from "./matrix.ts";
import { arranged, ascending, descending } from "./order.ts";
import { polish } from "./polish.ts";
import { squaredColumns, u } from "./proof.ts";
import { rayleigh } from "./rayleigh.ts";

/** An estimate is below half of the truth in one of 900 cases at most: an error that has one direction. */
const MARGIN = 2;
/** Residuals in u ‖A‖_F: what the values may be off by, since a residual can be all in one of them. */
const [SVD_RESIDUAL, EIGH_RESIDUAL] = [16, 24];

/** Whether figures over their bounds are all within the margin; if not, says which is not. */
function accepted(routine: string, figures: Readonly<Record<string, number>>): boolean {
  const missed = Object.entries(figures).filter(([, value]) => !(value * MARGIN <= 1));
  if (missed.length === 0) return true;
  const text = missed.map(([name, value]) => `${name} ${value.toPrecision(2)} of its bound`).join(", ");
  note(`${routine}: the library's result was not taken (${text}); the own method follows`);
  return false;
}

const over = (error: number, bound: number): number => error === 0 ? 0 : error / bound;

/** Q (m x n, m >= n, columns scaled) becomes the Q of its QR factorisation, R its R. False: Q is unchanged. */
export function* householder(Q: Matrix, R: Matrix): Algorithm<boolean> {
  const [m, n] = Q.shape;
  if (n === 0) return true;
  using B = Matrix.empty(m, n, Q.device);
  geqrf(Q, B, R);
  using G = gaussian(m, Q);
  using Y = negative(Q.T, G);
  using W = negative(B.T, G);
  const errors = yield* rowSquares(Y, R.T, W); //  (A - Q R)ᵀ G
  const sizes = squaredColumns(Q);
  const columns = errors.map((e, j) => over(Math.sqrt(e), 32 * u * Math.sqrt(sizes[j]!)));
  const good = accepted("geqrf", {
    residual: over(length(errors), 16 * u * length(sizes)),
    column: columns.reduce((a, b) => Math.max(a, b), 0),
    orthogonality: (yield* orthogonality([B]))[0]!,
  });
  if (good) geadd(1, B, 0, Q);
  return good;
}

/** A = U diag(s) Vᵀ for a scaled A with m >= n > 0, or undefined. */
export function* singular(A: Matrix): Algorithm<{ U: Matrix; s: Float64Array; V: Matrix } | undefined> {
  const [m, n] = A.shape;
  using S = Matrix.empty(1, n, A.device);
  using Vt = Matrix.empty(n, n, A.device);
  using info = infoWords(1, 1, A.device);
  using L = Matrix.empty(m, n, A.device);
  gesdd(A, L, S, Vt, info);
  const vectors = [polish(L), polish(Vt.T)] as const;
  const values = (yield* rayleigh(A, ...vectors)).map(Math.abs);
  const { values: s, matrices } = yield* arranged(values, vectors, descending(values));
  const [U, V] = [matrices[0]!, matrices[1]!];
  using rounded = Matrix.from(s, [1, n], { device: A.device });
  using G = gaussian(n, A);
  using Y = negative(A, G);
  using W = negative(V.T, G);
  scale("multiply", W.T, rounded, W.T);
  const errors = yield* rowSquares(Y, U, W); //  (A - U Σ Vᵀ) G
  const size = length(squaredColumns(A));
  const [left, right] = (yield* orthogonality([U, V])) as [number, number];
  const good = info.hostAs(Uint32Array)[0] === 0 && accepted("gesdd", {
    residual: over(length(errors), SVD_RESIDUAL * u * size),
    "orthogonality of U": left,
    "orthogonality of V": right,
  });
  if (good) return { U, s, V };
  for (const M of [U, V]) M[Symbol.dispose]();
  return undefined;
}

/** F = V diag(values) Vᵀ for a scaled symmetric F, n > 0, or undefined. */
export function* symmetric(F: Matrix): Algorithm<{ values: Float64Array; V: Matrix } | undefined> {
  const n = F.shape[0];
  using W = Matrix.empty(1, n, F.device);
  using info = infoWords(1, 1, F.device);
  using raw = Matrix.empty(n, n, F.device);
  syevd(F, W, raw, info);
  const polished = polish(raw), found = yield* rayleigh(F, polished, polished);
  const { values, matrices } = yield* arranged(found, [polished], ascending(found)), V = matrices[0]!;
  using rounded = Matrix.from(values, [1, n], { device: F.device });
  using G = gaussian(n, F);
  using X = negative(V, G);
  using Y = negative(F, X);
  scale("multiply", G.T, rounded, G.T);
  const errors = yield* rowSquares(Y, V, G); //  (F V - V Λ) G
  const size = length(squaredColumns(F));
  const good = info.hostAs(Uint32Array)[0] === 0 && accepted("syevd", {
    residual: over(length(errors), EIGH_RESIDUAL * u * size),
    orthogonality: (yield* orthogonality([V]))[0]!,
  });
  if (good) return { values, V };
  V[Symbol.dispose]();
  return undefined;
}
