// Least squares and shortest solutions by one certified QR: the augmented system r + M z = f, Mᵀ r = g, corrected with
// residuals in float64 (Björck 1967).
import { colstat, empty64, geadd, gemm, infoWords, scale, syrk, tuned } from "./blas.ts";
import { type Algorithm, progress, settled } from "./call.ts";
import { factorCholesky } from "./cholesky.ts";
import { solveTriangle } from "./extremes.ts";
import { Matrix } from "./matrix.ts";
import { changes, Pair, subtractProduct } from "./pair.ts";
import { certifiedQr } from "./qr.ts";
import { exponentOf } from "./small64.ts";

/** A tall matrix M, its columns scaled by powers of two: M = N 2^e. `low` holds what M has beyond float32. */
export interface Scaled extends Disposable {
  readonly N: Matrix;
  readonly low: Matrix | undefined;
  readonly exponents: Int32Array;
}

/** N = Q R; without Q it is N R⁻¹, where R serves for that. */
export interface Factors extends Disposable {
  readonly Q: Matrix | undefined;
  readonly R: Matrix;
}

/** Scales the columns of M, finite, m >= n > 0. */
export function* scaleColumns(M: Matrix, beyond: Matrix | undefined): Algorithm<Scaled> {
  const [m, n] = M.shape;
  using s = Matrix.empty(1, n, M.device);
  using place = infoWords(1, 2, M.device);
  colstat(M, s, place);
  const normalized = (A: Matrix): Matrix => {
    const B = Matrix.empty(m, n, A.device);
    scale("normalize", A, s, B); //             N = M 2^-e
    return B;
  };
  const N = normalized(M);
  const low = beyond && normalized(beyond);
  yield settled();
  const exponents = Int32Array.from(s.host().subarray(0, n), exponentOf);
  return { N, low, exponents, [Symbol.dispose]: () => [N, low].forEach((A) => A?.[Symbol.dispose]()) };
}

/** N = Q R, certified. Cost 4 m n². */
export function* factorQr({ N }: Scaled, op: string): Algorithm<Factors> {
  const { Q, R } = yield* certifiedQr(N, N.shape[1], op, { phase: op });
  yield settled();
  return { Q, R, [Symbol.dispose]: () => [Q, R].forEach((A) => A[Symbol.dispose]()) };
}

/** Columns of NᵀN from one pause to the next. */
const PANEL = 512;

/** RᵀR = NᵀN, a quarter of the work and no Q; undefined where NᵀN is not positive definite to rounding. */
export function* factorGram({ N }: Scaled): Algorithm<Factors | undefined> {
  const n = N.shape[1];
  const L = Matrix.zeros(n, n, { device: N.device });
  for (let j = 0; j < n; j += PANEL) {
    const e = Math.min(n, j + PANEL);
    syrk("lower", 1, N.cols(j, e).T, 0, L.sub(j, e, j, e));
    gemm(1, N.cols(e, n).T, N.cols(j, e), 0, L.sub(e, n, j, e));
    yield progress("gram", e, n);
  }
  if ((yield* factorCholesky(L)) === 0) return { Q: undefined, R: L.T, [Symbol.dispose]: () => L[Symbol.dispose]() };
  L[Symbol.dispose]();
  return undefined;
}

/** How the corrections end: so many always, or as many as help, until what is missing is small enough. */
export interface Corrections {
  readonly least: number;
  readonly most: number;
  readonly enough: number;
}

export interface Augmented {
  /** Row-major, one column a right-hand side. */
  r: Float64Array;
  z: Float64Array;
  /** Length of the last correction over that of what was wanted, the worst column; and of what is then still missing,
   * as far as the corrections go on shrinking alike. */
  change: number;
  missing: number;
}

/** Solves r + N z = F, Nᵀ r = G for k columns; F (m x k) and G (n x k) are float64; `wanted` is what must settle. */
export function* solveAugmented(
  { N, low }: Scaled,
  { Q, R }: Factors,
  F: Matrix,
  G: Matrix,
  wanted: "r" | "z",
  { least, most, enough }: Corrections,
  op: string,
): Algorithm<Augmented> {
  const [m, n] = N.shape;
  const k = F.shape[1];
  const t = { chain: tuned("qr.chain", N) };
  using r = new Pair(m, k, N);
  using z = new Pair(n, k, N);
  using f64 = empty64(m, k, N.device);
  using g64 = empty64(n, k, N.device);
  using f = Matrix.empty(m, k, N.device);
  using g = Matrix.empty(n, k, N.device);
  using d = Matrix.empty(n, k, N.device);
  let [change, missing] = [1, Infinity];
  for (let step = 0; step <= most; step++) {
    geadd(1, F, 0, f64);
    geadd(1, G, 0, g64);
    if (step > 0) {
      geadd(-1, r.whole, 1, f64);
      subtractProduct(N, low, z, f64); //                f = F − r − N z
      subtractProduct(N.T, low?.T, r, g64); //           g = G − Nᵀ r
    }
    geadd(1, f64, 0, f);
    geadd(1, g64, 0, g);
    if (Q) {
      solveTriangle(R, true, g, t); //                   h = R⁻ᵀ g
      gemm(1, Q.T, f, 0, d, t);
      geadd(-1, g, 1, d); //                             d = Qᵀ f − h
      gemm(-1, Q, d, 1, f, t); //                        r = r + f − Q d
      solveTriangle(R, false, d, t); //                  z = z + R⁻¹ d
    } else {
      gemm(1, N.T, f, 0, d, t);
      geadd(-1, g, 1, d);
      solveTriangle(R, true, d, t); //                   d = R⁻ᵀ (Nᵀ f − g)
      solveTriangle(R, false, d, t); //                  z = z + R⁻¹ d
      gemm(-1, N, d, 1, f, t); //                        r = r + f − N R⁻¹ d
    }
    r.add(f, step === 0);
    z.add(d, step === 0);
    if (step < least) {
      yield progress(op, step, least);
      continue;
    }
    yield settled();
    const before = change;
    change = (wanted === "z" ? changes(d, z.whole) : changes(f, r.whole)).reduce((x, y) => Math.max(x, y), 0);
    missing = change * change / before;
    if (missing <= enough || !(change <= before / 2)) break;
  }
  return { r: r.whole.hostAs(Float64Array).slice(), z: z.whole.hostAs(Float64Array).slice(), change, missing };
}
