// Right-looking blocked Cholesky (LAPACK potrf): diagonal panel, triangular solve, symmetric update.
import { geadd, infoWords, laset, potrf, syrk, trsm, tuned } from "./blas.ts";
import { type Algorithm, type Call, progress, type RunOptions, settled } from "./call.ts";
import { isFinite, notANumber } from "./check.ts";
import { ArgumentError, NotPositiveDefiniteError, ShapeError } from "./errors.ts";
import { shown } from "./input.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { type ProofOptions, proveCholesky, type Proven, u } from "./proof.ts";

export interface CholeskyOptions extends RunOptions, ProofOptions {
  /** Where A is not positive definite, add a multiple of the identity, 4 n u mean(diag) times 1, 10, 100 or 1000.
   * Default false. */
  jitter?: boolean;
  method?: "auto" | "blocked" | "lapack";
}

/** jitter: the multiple of the identity that had to be added, 0 unless asked for. */
export type Cholesky = { l: Matrix; jitter: number } & Proven;

/** L of A = L Lᵀ in place, from the lower triangle (above it A must be 0); returns 0 or the order of the first leading
 * minor that is not positive definite. */
export function* factorCholesky(A: Matrix): Algorithm<number> {
  const n = A.shape[0];
  const nb = tuned("cholesky.block", A);
  const t = { chain: tuned("cholesky.chain", A) };
  using info = infoWords(1, 1, A.device);
  for (let j = 0; j < n; j += nb) {
    const e = Math.min(j + nb, n);
    const [A11, A21, A22] = [A.sub(j, e, j, e), A.sub(e, n, j, e), A.sub(e, n, e, n)];
    potrf(A11, info, j, t); //                          A₁₁ = L₁₁ L₁₁ᵀ
    trsm("right", "lower", 1, A11.T, A21, t); //        A₂₁ = A₂₁ L₁₁⁻ᵀ
    syrk("lower", -1, A21, 1, A22, t); //               A₂₂ = A₂₂ − A₂₁ A₂₁ᵀ
    yield progress("cholesky", e, n);
  }
  yield settled();
  return info.hostAs(Uint32Array)[0]!;
}

export function requireSquare(A: Matrix, op: string): number {
  const [m, n] = A.shape;
  if (m !== n) throw new ShapeError(`${op}: A is ${m}x${n}; it must be square`);
  return n;
}

/** Tries of jitter: each ten times the one before. */
const TRIES = 4;

/** A + jitter I = L Lᵀ with the smallest jitter that does, 0 first; L is given as the lower triangle of A. */
export function* factorPositive(
  A: Matrix,
  L: Matrix,
  jitter: boolean,
  op: string,
): Algorithm<{ L: Matrix; jitter: number }> {
  const n = A.shape[0];
  let first = 0;
  for (let attempt = 0; attempt <= (jitter ? TRIES : 0); attempt++) {
    if (attempt > 0) takeLower(A, L);
    const added = attempt === 0 ? 0 : yield* addToDiagonal(L, attempt);
    const order = yield* factorCholesky(L);
    if (order === 0) return { L, jitter: added };
    first ||= order;
  }
  L[Symbol.dispose]();
  const otherWay = op === "solve" ? 'leave out assume: "positive"' : "use eigh or solve, or pass jitter: true";
  const advice = jitter ? "even the largest jitter did not help" : otherWay;
  throw new NotPositiveDefiniteError(
    `${op}: the leading minor of order ${first} of this ${n}x${n} matrix is not positive definite; ${advice}`,
    first,
  );
}

function* addToDiagonal(L: Matrix, attempt: number): Algorithm<number> {
  yield settled();
  const n = L.shape[0];
  const l = L.host();
  let trace = 0;
  for (let i = 0; i < n; i++) trace += l[i * n + i]!;
  const tau = Math.fround(4 * n * u * Math.abs(trace / n) * 10 ** (attempt - 1));
  for (let i = 0; i < n; i++) l[i * n + i]! += tau;
  return tau;
}

/** The public cholesky: options, checks, proof. */
export function* choleskyJob(call: Call, a: MatrixLike, o: CholeskyOptions): Algorithm<Cholesky> {
  const { method = "auto" } = o;
  if (!["auto", "blocked"].includes(method)) {
    throw new ArgumentError(`cholesky: method "${method}" is not offered here; methods are auto, blocked`);
  }
  const { jitter: asked = false } = o;
  if (typeof asked !== "boolean") {
    throw new ArgumentError(`cholesky: jitter is ${shown(asked)}; it is true or false: its size follows from A`);
  }
  const A = call.matrix(a);
  const n = requireSquare(A, "cholesky");
  const start = lowerTriangle(A);
  if (!(yield* isFinite(start, "cholesky", "the lower triangle of A", o.checkFinite))) {
    start[Symbol.dispose]();
    return { l: notANumber(n, n, A), jitter: 0 };
  }
  const { L, jitter } = yield* factorPositive(A, start, asked, "cholesky");
  if (!o.proof) return { l: L, jitter };
  using S = lowerTriangle(A);
  yield settled();
  const s = S.host();
  for (let i = 0; i < n; i++) s[i * n + i]! += jitter;
  return { l: L, jitter, proof: yield* proveCholesky(S, L) };
}

/** A copy of the lower triangle, zero above it: the part of A that is read. */
export function lowerTriangle(A: Matrix): Matrix {
  const S = Matrix.empty(A.shape[0], A.shape[1], A.device);
  takeLower(A, S);
  return S;
}

function takeLower(A: Matrix, S: Matrix): void {
  geadd(1, A, 0, S);
  laset("upper", 0, NaN, S);
}

/** The public isPositiveDefinite: whether the lower triangle of A has a Cholesky factor. */
export function* isPositiveDefiniteJob(call: Call, a: MatrixLike, o: RunOptions): Algorithm<boolean> {
  const A = call.matrix(a);
  requireSquare(A, "isPositiveDefinite");
  using S = lowerTriangle(A);
  if (!(yield* isFinite(S, "isPositiveDefinite", "the lower triangle of A", o.checkFinite))) return false;
  return (yield* factorCholesky(S)) === 0;
}
