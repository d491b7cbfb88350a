// QR of any m x n matrix by certified block Gram-Schmidt: scaling, the columns beyond, checks, proof.
import { geadd, gemm, methodFor, rand, scale, tuned } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { accepted, Check, notANumber, requireInRange } from "./check.ts";
import { ArgumentError, NotConvergedError } from "./errors.ts";
import { type Gram, gramSchmidt } from "./gramschmidt.ts";
import { householder } from "./lapack.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { type ProofOptions, type Proven, proveQr } from "./proof.ts";

export type QrMethod = "auto" | "blocked" | "cgs2" | "lapack";
export type QrMode = "reduced" | "complete" | "r";

export interface QrOptions extends RunOptions, ProofOptions {
  /** reduced (default): Q is m x min(m,n); complete: Q is m x m; r: only R. */
  mode?: QrMode;
  /** blocked (default), cgs2, or lapack: Householder reflections of a vendor's library (engine blas). */
  method?: QrMethod;
}

export type Qr = { q: Matrix; r: Matrix } & Proven;
export type TriangleOnly = { r: Matrix } & Proven;

/** Of the columns beyond those of A in a complete basis. */
const SEED = 1;

/** largest: what is known already of the columns, their largest absolute values. */
interface Way extends Gram {
  lapack?: boolean;
  largest?: Matrix;
}

/** A = Q R for any m x n matrix: columns scaled by powers of two, the first of them orthonormalised, the others
 * projected. */
function* factor(
  A: Matrix,
  columns: number,
  o: Way = {},
): Algorithm<{ Q: Matrix; R: Matrix; certified: boolean }> {
  const [m, n] = A.shape;
  const lead = Math.min(n, columns);
  const t = { chain: tuned("qr.chain", A) };
  const Q = Matrix.empty(m, columns, A.device);
  const R = Matrix.empty(columns, n, A.device);
  using own = o.largest ? undefined : new Check(A);
  const s = o.largest ?? own!.largest;
  using N = n > columns ? Matrix.empty(m, n, A.device) : Q.cols(0, n);
  scale("normalize", A, s, N); //                      N = A 2^-e
  if (n > columns) geadd(1, N.cols(0, lead), 0, Q.cols(0, lead));
  if (columns > n) rand("normal", SEED, Q.cols(n, columns));
  using F = Matrix.empty(columns, columns, A.device);
  const certified = (o.lapack && (yield* householder(Q, F))) || (yield* gramSchmidt(Q, 0, F, o));
  geadd(1, F.cols(0, lead), 0, R.cols(0, lead));
  gemm(1, Q.T, N.cols(lead, n), 0, R.cols(lead, n), t);
  scale("restore", R, s, R); //                        R = (Qᵀ N) 2^e
  return { Q, R, certified };
}

/** A = Q R with Q of so many columns, certified; op is named in the error. */
export function* certifiedQr(
  A: Matrix,
  columns: number,
  op: string,
  o: Way = {},
): Algorithm<{ Q: Matrix; R: Matrix }> {
  const { Q, R, certified } = yield* factor(A, columns, o);
  if (certified) return { Q, R };
  const shape = A.shape.join("x");
  throw new NotConvergedError(`${op}: factors of this ${shape} matrix could not be certified; please report it`);
}

/** The public qr: options, checks, proof. */
export function* qrJob(call: Call, a: MatrixLike, o: QrOptions): Algorithm<Qr | TriangleOnly> {
  const { mode = "reduced", method = "auto" } = o;
  if (!["reduced", "complete", "r"].includes(mode)) {
    throw new ArgumentError(`qr: there is no mode "${mode}"; modes are reduced, complete, r`);
  }
  if (!["auto", "blocked", "cgs2", "lapack"].includes(method)) {
    throw new ArgumentError(`qr: there is no method "${method}"; methods are auto, blocked, cgs2, lapack`);
  }
  if (method === "lapack") call.requireLapack();
  const A = call.matrix(a);
  const [m, n] = A.shape;
  const columns = mode === "complete" ? m : Math.min(m, n);
  using check = new Check(A);
  yield settled();
  if (!accepted(A, check.read().nonFinite, "qr", "A", o.checkFinite)) {
    const r = notANumber(columns, n, A);
    return mode === "r" ? { r } : { q: notANumber(m, columns, A), r };
  }
  const lapack = (method === "auto" ? methodFor("qr.method", A) : method) === "lapack";
  const way = { method: method === "cgs2" ? "cgs2" : "qr", phase: "qr", lapack, largest: check.largest } as const;
  const { Q, R } = yield* certifiedQr(A, columns, "qr", way);
  yield* requireInRange(R, "qr", "R");
  const proven: Proven = o.proof ? { proof: yield* proveQr(A, Q, R) } : {};
  if (mode !== "r") return { q: Q, r: R, ...proven };
  Q[Symbol.dispose]();
  return { r: R, ...proven };
}
