// LU with partial pivoting (LAPACK getrf), and determinants.
import { geadd, getrf, infoWords, laset, laswp, trsm, tuned } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { diagonal, isFinite, notANumber, requireInRange } from "./check.ts";
import { requireSquare } from "./cholesky.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { type ProofOptions, proveLu, type Proven } from "./proof.ts";
import { certifiedQr } from "./qr.ts";

/** Row p[i] of A is row i of L U. */
export type Lu = { l: Matrix; u: Matrix; p: Uint32Array } & Proven;
export type LuOptions = RunOptions & ProofOptions;

/** Both factors in one matrix, the exchanges, and, once the queue has passed, the first zero pivot (from 1) or 0. */
export interface Pivoted extends Disposable {
  readonly LU: Matrix;
  readonly pivots: Matrix;
  readonly zero: number;
}

/** P A = L U. Cost m n min(m, n) - min(m, n)³/3 multiplications. */
export function encodeLu(A: Matrix): Pivoted {
  const [m, n] = A.shape;
  const LU = Matrix.empty(m, n, A.device);
  const pivots = infoWords(1, Math.min(m, n), A.device);
  const info = infoWords(1, 1, A.device);
  geadd(1, A, 0, LU);
  getrf(LU, pivots, info, { chain: tuned("lu.chain", A) });
  return {
    LU,
    pivots,
    get zero(): number {
      return info.hostAs(Uint32Array)[0]!;
    },
    [Symbol.dispose]: () => [LU, pivots, info].forEach((M) => M[Symbol.dispose]()),
  };
}

/** The same, and waits for the queue. */
export function* factorLu(A: Matrix): Algorithm<Pivoted> {
  const f = encodeLu(A);
  yield settled();
  return f;
}

/** B = A⁻¹ B in place. */
export function solveLu({ LU, pivots }: Pivoted, B: Matrix): void {
  laswp(B, pivots, "forward"); //                        B = P B
  trsm("left", "lower", 1, LU, B, { unit: true }); //    B = L⁻¹ B
  trsm("left", "upper", 1, LU, B); //                    B = U⁻¹ B
}

/** B = A⁻ᵀ B in place. */
export function solveLuTransposed({ LU, pivots }: Pivoted, B: Matrix): void {
  trsm("left", "upper", 1, LU.T, B); //                  B = U⁻ᵀ B
  trsm("left", "lower", 1, LU.T, B, { unit: true }); //  B = L⁻ᵀ B
  laswp(B, pivots, "backward"); //                       B = Pᵀ B
}

/** X = A⁻¹. Cost 2n³/3 multiplications: L⁻¹ is lower triangular and takes a third of what a full solution does. */
export function invertLu({ LU, pivots }: Pivoted, X: Matrix): void {
  const n = LU.shape[0], nb = tuned("inv.block", LU);
  laset("full", 0, 1, X);
  for (let j = 0; j < n; j += nb) {
    trsm("left", "lower", 1, LU.sub(j, n, j, n), X.sub(j, n, j, Math.min(n, j + nb)), { unit: true }); // X = L⁻¹
  }
  trsm("left", "upper", 1, LU, X); //                    X = U⁻¹ L⁻¹
  laswp(X.T, pivots, "backward"); //                     X = U⁻¹ L⁻¹ P
}

/** The order of rows that the exchanges make. */
function permutation(m: number, exchanges: Uint32Array): Uint32Array {
  const p = Uint32Array.from({ length: m }, (_, i) => i);
  for (let j = 0; j < exchanges.length; j++) {
    const other = exchanges[j]!, row = p[j]!;
    p[j] = p[other]!;
    p[other] = row;
  }
  return p;
}

function copied(A: Matrix): Matrix {
  const B = Matrix.empty(A.shape[0], A.shape[1], A.device);
  geadd(1, A, 0, B);
  return B;
}

/** The public lu: checks, proof. */
export function* luJob(call: Call, a: MatrixLike, o: LuOptions): Algorithm<Lu> {
  const A = call.matrix(a);
  const [m, n] = A.shape;
  const k = Math.min(m, n);
  if (!(yield* isFinite(A, "lu", "A", o.checkFinite))) {
    return { l: notANumber(m, k, A), u: notANumber(k, n, A), p: permutation(m, new Uint32Array()) };
  }
  using f = yield* factorLu(A);
  const [l, u] = m >= n ? [f.LU.share(), copied(f.LU.rows(0, n))] : [copied(f.LU.cols(0, m)), f.LU.share()];
  laset("upper", 0, 1, l); //      the larger factor stays where both were
  laset("lower", 0, NaN, u);
  yield* requireInRange(u, "lu", "U");
  const p = permutation(m, f.pivots.hostAs(Uint32Array));
  return o.proof ? { l, u, p, proof: yield* proveLu(A, l, u, p) } : { l, u, p };
}

/** A determinant as sign and logarithm of its absolute value. */
export interface SignedLog {
  sign: number;
  logAbsDet: number;
}

/** The factors whose product of diagonals is the determinant: U of LU, or, where its pivots grew beyond float32, U of
 * the LU of Q and R of QR. */
interface Diagonals {
  sign: number;
  pivots: Float64Array;
}

function* diagonals(A: Matrix): Algorithm<Diagonals> {
  using f = yield* factorLu(A);
  const own = signed(f);
  if (own.pivots.every(Number.isFinite)) return own;
  const { Q, R } = yield* certifiedQr(A, A.shape[0], "det");
  using orthogonal = Q;
  using triangle = R;
  using g = yield* factorLu(orthogonal);
  const { sign, pivots } = signed(g);
  const turn = pivots.reduce((s, x) => (x < 0 ? -s : s), sign);
  return { sign: turn, pivots: Float64Array.from(diagonal(triangle)) };
}

/** The pivots and the sign of the exchanges. */
function signed({ LU, pivots }: Pivoted): Diagonals {
  const exchanges = pivots.hostAs(Uint32Array);
  const sign = exchanges.reduce((s, other, j) => (other === j ? s : -s), 1);
  return { sign, pivots: Float64Array.from(diagonal(LU)) };
}

/** The public slogdet: sign and logarithm of |det A|; -Infinity and sign 0 for a singular matrix. */
export function* slogdetJob(call: Call, a: MatrixLike, o: RunOptions): Algorithm<SignedLog> {
  const A = call.matrix(a);
  requireSquare(A, "slogdet");
  if (!(yield* isFinite(A, "slogdet", "A", o.checkFinite))) return { sign: NaN, logAbsDet: NaN };
  let { sign, pivots } = yield* diagonals(A);
  if (pivots.includes(0)) return { sign: 0, logAbsDet: -Infinity };
  sign = pivots.reduce((product, x) => (x < 0 ? -product : product), sign);
  return { sign, logAbsDet: pivots.reduce((total, x) => total + Math.log(Math.abs(x)), 0) };
}

/** The public det: the product of the pivots, as a float64 number (Infinity beyond its range). */
export function* detJob(call: Call, a: MatrixLike, o: RunOptions): Algorithm<number> {
  const A = call.matrix(a);
  requireSquare(A, "det");
  if (!(yield* isFinite(A, "det", "A", o.checkFinite))) return NaN;
  const { sign, pivots } = yield* diagonals(A);
  // Pivots are multiplied as fractions and exponents apart: neither overflows on the way.
  let [fraction, exponent] = [sign, 0];
  for (const pivot of pivots) {
    fraction *= pivot;
    if (fraction === 0) return 0;
    const shift = Math.floor(Math.log2(Math.abs(fraction)));
    fraction /= 2 ** shift;
    exponent += shift;
  }
  const half = Math.trunc(exponent / 2);
  return fraction * 2 ** half * 2 ** (exponent - half);
}
