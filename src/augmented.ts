// Least squares and shortest solutions by one certified QR: the augmented system r + M z = f, Mᵀ r = g, corrected with
// residuals in float64 (Björck 1967).
import { colstat, empty64, geadd, gemm, infoWords, scale, trsm, tuned } from "./blas.ts";
import { type Algorithm, progress, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";
import { changes, Pair, SETTLED, subtractProduct } from "./pair.ts";
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
    change = (wanted === "z" ? changes(d, z.whole) : changes(f, r.whole)).reduce((x, y) => Math.max(x, y), 0);
    if (change <= SETTLED || !(change <= before / 2)) break;
  }
  return { r: r.whole.hostAs(Float64Array).slice(), z: z.whole.hostAs(Float64Array).slice(), change };
}
