// The full SVD by Householder reduction to bidiagonal form, divide and conquer in float64 on BᵀB, back-transformation
// (LAPACK gesdd; Gu & Eisenstat 1995), after a QR factorisation where there are many rows.
import { bdsdc, geadd, gemm, scale, tuned } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { NotConvergedError } from "./errors.ts";
import { gramSchmidt } from "./gramschmidt.ts";
import { Matrix } from "./matrix.ts";
import { arranged, descending } from "./order.ts";
import { polish, polished } from "./polish.ts";
import { certifiedQr } from "./qr.ts";
import { rayleigh } from "./rayleigh.ts";
import { accumulated, applyReflectors, bidiagonalize } from "./reduce.ts";

/** From this ratio of rows to columns on, QR comes first. */
const TALL = 1.5;
/** Where the values are this flat, ‖σ‖ > FLAT √n σ₁, the reduction costs them a few digits: they are taken again. */
const FLAT = 0.9;
/** Below this part of the largest a singular value says little about the length of B z. */
const SMALL = 2 ** -12;
/** Passes of Gram-Schmidt that make the left vectors orthonormal for all but matrices of rank 1 or 2 as a rule. */
const FEW = 2;

/** A = U diag(s) Vᵀ with U m x n and V n x n. */
export interface Decomposed {
  U: Matrix;
  s: Float64Array;
  V: Matrix;
}

/** The SVD of A (m >= n, n > 0), finite, largest entry in [1/2, 1). Values descending. */
export function* decompose(A: Matrix): Algorithm<Decomposed> {
  const [m, n] = A.shape;
  if (m < TALL * n) return yield* square(A);
  const { Q: Q0, R } = yield* certifiedQr(A, A.shape[1], "svd"); //       A = Q₀ R
  using first = Q0;
  using core = R;
  const { U: U0, s, V } = yield* square(core);
  using inner = U0;
  const U = Matrix.empty(m, n, A.device);
  gemm(1, first, inner, 0, U, { chain: tuned("reduce.chain", A) }); // U = Q₀ U₀
  return { U, s, V };
}

/** The singular values alone, descending. */
export function* valuesOnly(A: Matrix): Algorithm<Float64Array> {
  const [m, n] = A.shape;
  using work = yield* triangleOrCopy(A, m >= TALL * n);
  const { DE, Q, P } = yield* bidiagonalize(work);
  using bands = DE;
  using none = Matrix.empty(0, 0, A.device);
  for (const part of [Q, P]) part[Symbol.dispose]();
  bdsdc(bands, none);
  yield settled();
  return bands.hostAs(Float64Array).slice(0, n);
}

function* triangleOrCopy(A: Matrix, tall: boolean): Algorithm<Matrix> {
  if (!tall) return duplicate(A);
  const { Q, R } = yield* certifiedQr(A, A.shape[1], "svd");
  Q[Symbol.dispose]();
  return R;
}

function duplicate(A: Matrix): Matrix {
  const W = Matrix.empty(A.shape[0], A.shape[1], A.device);
  geadd(1, A, 0, W);
  return W;
}

function* square(A: Matrix): Algorithm<Decomposed> {
  const [m, n] = A.shape;
  using work = duplicate(A);
  const { DE, Q, P } = yield* bidiagonalize(work); //  A = Q B Pᵀ
  using bands = DE;
  using outer = accumulated(Q);
  using other = accumulated(P);
  using B = rounded(bands);
  const Z = Matrix.empty(n, n, A.device);
  bdsdc(bands, Z); //                                  B = ? diag(s) Zᵀ
  yield settled();
  const s = bands.hostAs(Float64Array).slice(0, n);
  const W = lengthened(yield* leftVectors(B, s, Z), m);
  yield* applyReflectors(outer, W); //                 U = Q U₀
  yield* applyReflectors(other, Z); //                 V = P Z
  const [U, V] = (yield* polished([W, Z])) as [Matrix, Matrix];
  return yield* ordered(A, U, s, V);
}

/** The bands of B in float32. */
function rounded(DE: Matrix): Matrix {
  const B = Matrix.empty(2, DE.shape[1], DE.device);
  geadd(1, DE, 0, B);
  return B;
}

/** The left singular vectors of B: B Z diag(s)⁻¹ made orthonormal. */
function* leftVectors(B: Matrix, s: Float64Array, Z: Matrix): Algorithm<Matrix> {
  const n = s.length;
  using T = Matrix.empty(n, n, B.device);
  for (const way of [{ near: true, passes: FEW }, { near: true }]) {
    const X = images(B, s, Z);
    if (yield* gramSchmidt(X, 0, T, way)) return X; // X = U₀ T, T nearly I
    X[Symbol.dispose]();
  }
  throw new NotConvergedError(`svd: left vectors of this ${n}x${n} matrix could not be certified; please report it`);
}

/** B Z diag(s)⁻¹. Columns of values below SMALL s₁ are rounding errors in part, and come shorter. */
function images(B: Matrix, s: Float64Array, Z: Matrix): Matrix {
  const X = times(B, Z);
  using inverse = Matrix.from(s.map((value) => 1 / (Math.max(value, SMALL * s[0]!) || 1)), [1, s.length], {
    device: B.device,
  });
  scale("multiply", X, inverse, X);
  return X;
}

/** B Z for the upper bidiagonal B: rows of Z times the diagonal, plus the rows below times the other band. */
function times(B: Matrix, Z: Matrix): Matrix {
  const n = Z.shape[0];
  const X = Matrix.empty(n, n, Z.device);
  scale("multiply", Z.T, B.rows(0, 1), X.T);
  if (n < 2) return X;
  using below = Matrix.empty(n - 1, n, Z.device);
  scale("multiply", Z.rows(1, n).T, B.sub(1, 2, 0, n - 1), below.T);
  geadd(1, below, 1, X.rows(0, n - 1));
  return X;
}

/** [C; 0] with m rows. */
function lengthened(C: Matrix, m: number): Matrix {
  const [n, k] = C.shape;
  if (m === n) return C;
  using given = C;
  const W = Matrix.zeros(m, k, { device: C.device });
  geadd(1, given, 0, W.rows(0, n));
  return W;
}

/** Values taken again as uᵀ A v where they are flat; descending. */
function* ordered(A: Matrix, U: Matrix, s: Float64Array, V: Matrix): Algorithm<Decomposed> {
  const n = s.length;
  const first = s.reduce((a, b) => Math.max(a, b), 0);
  const isFlat = s.reduce((a, b) => a + b * b, 0) > FLAT * FLAT * n * first * first;
  if (!isFlat) return { U, s, V };
  using left = U;
  using right = V;
  const vectors = [polish(left), polish(right)] as const;
  const values = (yield* rayleigh(A, ...vectors)).map(Math.abs);
  const { values: sorted, matrices } = yield* arranged(values, vectors, descending(values));
  return { U: matrices[0]!, s: sorted, V: matrices[1]! };
}
