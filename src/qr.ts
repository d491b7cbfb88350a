// QR by certified block Gram-Schmidt (BCGSI+ with guarded Cholesky-QR panels, Barlow & Smoktunowicz 2013; Yamazaki,
// Tomov & Dongarra 2015 for the Gram matrix in higher precision). One column a block is two-pass Gram-Schmidt, "twice
// is enough" made safe.
import { geadd, gemm, infoWords, laset, methodFor, orth, rand, scale, tuned } from "./blas.ts";
import { type Algorithm, type Call, numbers, progress, type RunOptions, settled, STRETCH } from "./call.ts";
import { accepted, Check, notANumber, requireInRange } from "./check.ts";
import { ArgumentError, NotConvergedError } from "./errors.ts";
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

/** Passes over a block: two always but for the first one, which nothing is projected off, the others only where the
 * certificate fails. */
const PASSES = 6;
/** From this pass on, a column still this near to the span of the others is rounding noise that will not leave it (rows
 * that are equal round in the same way): it is replaced. Before, even a column of relative size 1e-20 may yet find its
 * direction. */
const LAST_CHANCE = 2;
const NOISE = 2 ** -18;
const SEED = 1;

/** cgs2 works column by column; a phase tells progress under that name; columns of length 1 that are nearly
 * orthogonal need a second pass only where the certificate asks for it. */
interface Gram {
  method?: "qr" | "cgs2";
  phase?: string;
  near?: boolean;
}

/** largest: what is known already of the columns, their largest absolute values. */
interface Way extends Gram {
  lapack?: boolean;
  largest?: Matrix;
}

/** Columns that cgs2 takes together: it looks once for all of them whether two passes were enough. */
const TOGETHER = 16;

/** Orthonormalises the columns from `from` on of Q against those before them and each other, in place; R (p x (p -
 * from)) receives the coefficients, so that [old Q, A] = [old Q, new Q] R. Cost 4 m p² for a whole matrix. */
export function* gramSchmidt(
  Q: Matrix,
  from: number,
  R: Matrix,
  { method = "qr", phase = "", near = false }: Gram = {},
): Algorithm<boolean> {
  const [m, p] = Q.shape;
  const b = tuned(`${method}.block`, Q);
  const t = { chain: tuned("qr.chain", Q) };
  using redo = infoWords(Math.ceil((p - from) / b) * PASSES, 2, Q.device); // a word for each pass over each block
  using C = Matrix.empty(p, b, Q.device);
  using Ts = Matrix.empty(2 * b, b, Q.device);
  laset("full", 0, 0, R);
  const block = (j: number, passes: number): void => {
    const e = Math.min(p, j + b);
    const word = (j - from) / b * PASSES;
    const again = (pass: number): Matrix => redo.rows(word + pass, word + pass + 1);
    const [P, W, c] = [Q.cols(0, j), Q.cols(j, e), C.sub(0, j, 0, e - j)];
    const [S, T] = [R.sub(0, j, j - from, e - from), R.sub(j, e, j - from, e - from)];
    const [T1, T2] = [Ts.sub(0, e - j, 0, e - j), Ts.sub(b, b + e - j, 0, e - j)];
    gemm(1, P.T, W, 0, S, t); //                       S = Qᵀ W
    gemm(-1, P, S, 1, W, t); //                        W = W - Q S
    orth(W, T, again(0), 0, SEED + j); //                 W = W T⁻¹
    for (let pass = 1; pass < passes; pass++) {
      const o = pass === 1 && !near && j > 0 ? t : { ...t, when: again(pass - 1) };
      gemm(1, P.T, W, 0, c, o); //                     C = Qᵀ W
      gemm(-1, P, c, 1, W, o); //                      W = W - Q C
      gemm(1, c, T, 1, S, o); //                       S = S + C T
      const floor = pass < LAST_CHANCE ? 0 : NOISE;
      orth(W, T1, again(pass), floor, SEED + j + pass * p, o); // W = W T₁⁻¹
      gemm(1, T1, T, 0, T2, o); //                     T = T₁ T
      geadd(1, T2, 0, T, o);
    }
  };
  const words = (): Uint32Array => redo.hostAs(Uint32Array);
  if (b > 1) {
    let work = 0;
    for (let j = from; j < p; j += b) {
      block(j, PASSES);
      const e = Math.min(p, j + b);
      if (phase === "" && (work += 4 * m * e * (e - j)) < STRETCH) continue;
      work = 0;
      yield progress(phase, e, phase ? p : 0);
    }
    yield settled();
  } else {
    // Operations that pass by cost as much to encode as others: two passes over some columns, and only where that was
    // not enough all of them once more, from the first of these columns on.
    using before = Matrix.empty(m, Math.min(TOGETHER, p - from), Q.device);
    for (let j = from; j < p; j += TOGETHER) {
      const e = Math.min(p, j + TOGETHER);
      geadd(1, Q.cols(j, e), 0, before.cols(0, e - j));
      for (let i = j; i < e; i++) block(i, 2);
      yield numbers(phase, e, phase ? p : 0);
      const bad = firstBad(words(), j - from, e - from) + from;
      if (bad < e) geadd(1, before.cols(bad - j, e - j), 0, Q.cols(bad, e));
      for (let i = bad; i < e; i++) block(i, PASSES);
    }
    yield settled();
  }
  return words().every((word, i) => i % (2 * PASSES) !== 2 * (PASSES - 1) || word === 0);
}

/** The first column of [from, end) whose second pass asks for another one; end: none. */
function firstBad(words: Uint32Array, from: number, end: number): number {
  let j = from;
  while (j < end && words[2 * (j * PASSES + 1)] === 0) j++;
  return j;
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
  geadd(1, A, 0, N);
  scale("normalize", N, s); //                         N = A 2^-e
  if (n > columns) geadd(1, N.cols(0, lead), 0, Q.cols(0, lead));
  if (columns > n) rand("normal", SEED, Q.cols(n, columns));
  using F = Matrix.empty(columns, columns, A.device);
  const certified = (o.lapack && (yield* householder(Q, F))) || (yield* gramSchmidt(Q, 0, F, o));
  geadd(1, F.cols(0, lead), 0, R.cols(0, lead));
  gemm(1, Q.T, N.cols(lead, n), 0, R.cols(lead, n), t);
  scale("restore", R, s); //                           R = (Qᵀ N) 2^e
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
