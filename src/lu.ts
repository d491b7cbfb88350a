// LU with partial pivoting (LAPACK getrf), and what follows from it: inverse, determinant.
import { geadd, getrf, infoWords, laset, laswp, trsm, tuned } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { isFinite, notANumber, requireInRange } from "./check.ts";
import { requireSquare } from "./cholesky.ts";
import { SingularError } from "./errors.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { type ProofOptions, type Proven, proveLu } from "./proof.ts";

/** Row p[i] of A is row i of L U. */
export type Lu = { l: Matrix; u: Matrix; p: Uint32Array } & Proven;
export type LuOptions = RunOptions & ProofOptions;

/** Both factors in one matrix, the exchanges, and the first zero pivot (from 1) or 0. */
export interface Pivoted extends Disposable {
  readonly LU: Matrix;
  readonly pivots: Matrix;
  readonly zero: number;
}

/** P A = L U; waits for the queue. Cost m n min(m, n) - min(m, n)³/3 multiplications. */
export function* factorLu(A: Matrix): Algorithm<Pivoted> {
  const [m, n] = A.shape;
  const LU = Matrix.empty(m, n, A.device);
  const pivots = infoWords(1, Math.min(m, n), A.device);
  using info = infoWords(1, 1, A.device);
  geadd(1, A, 0, LU);
  getrf(LU, pivots, info, { chain: tuned("lu.chain", A) });
  yield settled();
  const dispose = (): void => [LU, pivots].forEach((M) => M[Symbol.dispose]());
  return { LU, pivots, zero: info.hostAs(Uint32Array)[0]!, [Symbol.dispose]: dispose };
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

/** The order of rows that the exchanges make. */
function permutation(m: number, exchanges: Uint32Array): Uint32Array {
  const p = Uint32Array.from({ length: m }, (_, i) => i);
  exchanges.forEach((other, j) => [p[j], p[other]] = [p[other]!, p[j]!]);
  return p;
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
  const [l, u] = [Matrix.empty(m, k, A.device), Matrix.empty(k, n, A.device)];
  geadd(1, f.LU.cols(0, k), 0, l);
  laset("upper", 0, 1, l);
  geadd(1, f.LU.rows(0, k), 0, u);
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

/** The public slogdet: sign and logarithm of |det A|; -Infinity and sign 0 for a singular matrix. */
export function* slogdetJob(call: Call, a: MatrixLike, o: RunOptions): Algorithm<SignedLog> {
  const A = call.matrix(a);
  const n = requireSquare(A, "slogdet");
  if (!(yield* isFinite(A, "slogdet", "A", o.checkFinite))) return { sign: NaN, logAbsDet: NaN };
  using f = yield* factorLu(A);
  if (f.zero > 0) return { sign: 0, logAbsDet: -Infinity };
  let sign = 1;
  let logAbsDet = 0;
  const exchanges = f.pivots.hostAs(Uint32Array);
  for (let i = 0; i < n; i++) {
    const pivot = f.LU.at(i, i);
    if ((pivot < 0) !== (exchanges[i] !== i)) sign = -sign;
    logAbsDet += Math.log(Math.abs(pivot));
  }
  return { sign, logAbsDet };
}

/** The public det: the product of the pivots, as a float64 number (Infinity beyond its range). */
export function* detJob(call: Call, a: MatrixLike, o: RunOptions): Algorithm<number> {
  const A = call.matrix(a);
  const n = requireSquare(A, "det");
  if (!(yield* isFinite(A, "det", "A", o.checkFinite))) return NaN;
  using f = yield* factorLu(A);
  const exchanges = f.pivots.hostAs(Uint32Array);
  // Pivots are multiplied as fractions and exponents apart: neither overflows on the way.
  let [fraction, exponent] = [1, 0];
  for (let i = 0; i < n; i++) {
    fraction *= f.LU.at(i, i) * (exchanges[i] === i ? 1 : -1);
    if (fraction === 0) return 0;
    const shift = Math.floor(Math.log2(Math.abs(fraction)));
    fraction /= 2 ** shift;
    exponent += shift;
  }
  const half = Math.trunc(exponent / 2);
  return fraction * 2 ** half * 2 ** (exponent - half);
}

/** The public inv: checks. */
export function* invJob(call: Call, a: MatrixLike, o: RunOptions): Algorithm<Matrix> {
  const A = call.matrix(a);
  const n = requireSquare(A, "inv");
  if (!(yield* isFinite(A, "inv", "A", o.checkFinite))) return notANumber(n, n, A);
  return yield* inverse(A, "inv");
}

/** A⁻¹ by solving with the identity. Throws SingularError where a pivot is 0. */
export function* inverse(A: Matrix, op: string): Algorithm<Matrix> {
  const n = A.shape[0];
  using f = yield* factorLu(A);
  if (f.zero > 0) {
    throw new SingularError(`${op}: this ${n}x${n} matrix is singular: its pivot ${f.zero} is 0; use pinv`, f.zero);
  }
  const X = Matrix.eye(n, n, { device: A.device });
  solveLu(f, X);
  yield* requireInRange(X, op, "the inverse");
  return X;
}
