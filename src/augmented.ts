// Least squares and shortest solutions by one certified QR: the augmented system r + M z = f, Mᵀ r = g, corrected with
// residuals in float64 (Björck 1967).
import { colstat, empty64, geadd, gemm, infoWords, scale, trsm, tuned } from "./blas.ts";
import { type Algorithm, progress, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";
import { certifiedQr } from "./qr.ts";
import { exponentOf } from "./small64.ts";

/** A tall matrix M, its columns scaled by powers of two: M = N 2^e, N = Q R. `low` holds what M has beyond float32. */
export interface Tall extends Disposable {
  readonly N: Matrix;
  readonly low: Matrix | undefined;
  readonly Q: Matrix;
  readonly R: Matrix;
  readonly exponents: Int32Array;
}

/** Scales and factors M, finite, m >= n > 0. Cost 4 m n². */
export function* factorTall(M: Matrix, beyond: Matrix | undefined, op: string): Algorithm<Tall> {
  const [m, n] = M.shape;
  using s = Matrix.empty(1, n, M.device);
  using place = infoWords(1, 2, M.device);
  colstat(M, s, place);
  const normalized = (A: Matrix): Matrix => {
    const B = Matrix.empty(m, n, A.device);
    geadd(1, A, 0, B);
    scale("normalize", B, s); //                N = M 2^-e
    return B;
  };
  const N = normalized(M);
  const low = beyond && normalized(beyond);
  const { Q, R } = yield* certifiedQr(N, n, op, { phase: op });
  yield settled();
  const exponents = Int32Array.from(s.host().subarray(0, n), exponentOf);
  const dispose = (): void => [N, low, Q, R].forEach((A) => A?.[Symbol.dispose]());
  return { N, low, Q, R, exponents, [Symbol.dispose]: dispose };
}

/** How the corrections end: so many always, or as many as help. */
export interface Corrections {
  readonly least: number;
  readonly most: number;
}

export interface Augmented {
  /** Row-major, one column a right-hand side. */
  r: Float64Array;
  z: Float64Array;
  /** Length of the last correction over that of what was wanted, the worst column. */
  change: number;
}

/** A matrix of float64 numbers, also as the sum of two of float32. */
export class Pair implements Disposable {
  readonly whole: Matrix;
  readonly high: Matrix;
  readonly low: Matrix;
  readonly #rest: Matrix;

  constructor(m: number, k: number, like: Matrix) {
    this.whole = empty64(m, k, like.device);
    this.high = Matrix.empty(m, k, like.device);
    this.low = Matrix.empty(m, k, like.device);
    this.#rest = empty64(m, k, like.device);
  }

  /** whole += A, or = A; then both parts. */
  add(A: Matrix, first: boolean): void {
    geadd(1, A, first ? 0 : 1, this.whole);
    geadd(1, this.whole, 0, this.high);
    geadd(1, this.whole, 0, this.#rest);
    geadd(-1, this.high, 1, this.#rest);
    geadd(1, this.#rest, 0, this.low);
  }

  [Symbol.dispose](): void {
    for (const M of [this.whole, this.high, this.low, this.#rest]) M[Symbol.dispose]();
  }
}

/** C -= (M + low) X in float64. */
export function subtractProduct(M: Matrix, low: Matrix | undefined, X: Pair, C: Matrix): void {
  gemm(-1, M, X.high, 1, C);
  gemm(-1, M, X.low, 1, C);
  if (low) gemm(-1, low, X.high, 1, C);
}

/** Solves r + N z = F, Nᵀ r = G for k columns; F (m x k) and G (n x k) are float64; `wanted` is what must settle. */
export function* solveAugmented(
  tall: Tall,
  F: Matrix,
  G: Matrix,
  wanted: "r" | "z",
  { least, most }: Corrections,
  op: string,
): Algorithm<Augmented> {
  const { N, low, Q, R } = tall;
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
  let change = Infinity;
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
    trsm("left", "upper", 1, R.T, g, t); //              h = R⁻ᵀ g
    gemm(1, Q.T, f, 0, d, t);
    geadd(-1, g, 1, d); //                               d = Qᵀ f − h
    gemm(-1, Q, d, 1, f, t); //                          r = r + f − Q d
    trsm("left", "upper", 1, R, d, t); //                z = z + R⁻¹ d
    r.add(f, step === 0);
    z.add(d, step === 0);
    if (step < least) {
      yield progress(op, step, least);
      continue;
    }
    yield settled();
    const before = change;
    change = wanted === "z" ? worstRatio(d, z.whole) : worstRatio(f, r.whole);
    if (change <= SETTLED || !(change <= before / 2)) break;
  }
  return { r: r.whole.hostAs(Float64Array).slice(), z: z.whole.hostAs(Float64Array).slice(), change };
}

/** Corrections this small are rounding of the pairs. */
const SETTLED = 2 ** -47;

/** The largest quotient of the lengths of two columns. */
function worstRatio(part: Matrix, whole: Matrix): number {
  const k = part.shape[1];
  const [p, w] = [part.host().subarray(0, part.shape[0] * k), whole.hostAs(Float64Array)];
  const sums = new Float64Array(2 * k);
  for (let i = 0; i < p.length; i++) {
    sums[i % k]! += p[i]! ** 2;
    sums[k + i % k]! += w[i]! ** 2;
  }
  return sums.subarray(0, k).reduce((worst, x, j) => x === 0 ? worst : Math.max(worst, Math.sqrt(x / sums[k + j]!)), 0);
}
