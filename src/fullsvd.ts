// The full SVD and singular values: scaling, orientation, completion, signs around bidiagonal.ts.
import { geadd, methodFor, scale } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { decompose, valuesOnly } from "./bidiagonal.ts";
import { accepted, notANumber, statistics } from "./check.ts";
import { ArgumentError, OverflowError } from "./errors.ts";
import { jacobiSvd } from "./jacobi.ts";
import { singular } from "./lapack.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { type ProofOptions, type Proven, proveFullSvd } from "./proof.ts";
import { completed } from "./complete.ts";
import { fixSigns } from "./signs.ts";
import { exponentOf } from "./small64.ts";

export interface FullSvdOptions extends RunOptions, ProofOptions {
  k?: undefined;
  /** reduced (default): U is m x p, Vᵀ p x n, p = min(m, n); complete: both are square. */
  mode?: "reduced" | "complete";
  /** bidiagonal (default): reduction and divide and conquer; jacobi: block Jacobi, slower; lapack: gesdd of a vendor's
   * library (engine blas). */
  method?: "auto" | "krylov" | "subspace" | "gram" | "bidiagonal" | "jacobi" | "lapack";
}

export interface Svd extends Proven {
  u: Matrix;
  s: Float32Array;
  vt: Matrix;
  converged: boolean;
}

/** A copy of A, or of its transpose where it is wide, with its largest entry in [1/2, 1), and the power of two taken
 * off. */
export function normalized(A: Matrix, max: number): { N: Matrix; back: number } {
  const tall = A.shape[0] < A.shape[1] ? A.T : A;
  const N = Matrix.empty(tall.shape[0], tall.shape[1], A.device);
  using s = Matrix.from([max], [1, 1], { device: A.device });
  scale("normalize", tall, s, N);
  return { N, back: 2 ** exponentOf(max) };
}

function restored(s: Float64Array, back: number, op: string): Float32Array {
  const values = Float32Array.from(s, (x) => x * back);
  if (values.every(Number.isFinite)) return values;
  throw new OverflowError(`${op}: the largest singular value is beyond float32 (3.4e38); scale the matrix first`);
}

/** The public svd without k: options, checks, proof. */
export function* fullSvdJob(call: Call, a: MatrixLike, o: FullSvdOptions): Algorithm<Svd> {
  const { mode = "reduced", method = "auto" } = o;
  if (mode !== "reduced" && mode !== "complete") {
    throw new ArgumentError(`svd: there is no mode "${mode}"; modes are reduced, complete`);
  }
  if (method !== "auto" && method !== "bidiagonal" && method !== "jacobi" && method !== "lapack") {
    throw new ArgumentError(
      `svd: method "${method}" is not offered here; without k, methods are auto, bidiagonal, jacobi, lapack`,
    );
  }
  if (method === "lapack") call.requireLapack();
  const A = call.matrix(a);
  const chosen = method === "auto" ? methodFor("svd.method", A) : method;
  const result = yield* decomposed(A, mode === "complete", "svd", o.checkFinite, chosen);
  if (!o.proof || !result.converged) return result;
  return { ...result, proof: yield* proveFullSvd(A, result.u, result.s, result.vt) };
}

/** All singular triplets; op is named in errors. */
export function* decomposed(
  A: Matrix,
  complete: boolean,
  op: string,
  check: boolean | undefined,
  method = "bidiagonal",
): Algorithm<Svd> {
  const [m, n] = A.shape;
  const p = Math.min(m, n);
  const [rows, cols] = complete ? [m, n] : [p, p];
  const { max, nonFinite } = yield* statistics(A);
  if (!accepted(A, nonFinite, op, "A", check)) {
    const s = new Float32Array(p).fill(NaN);
    return { u: notANumber(m, rows, A), s, vt: notANumber(cols, n, A), converged: false };
  }
  const { N, back } = normalized(A, max);
  using scaled = N;
  const { U: long, s, V: short, converged } = p === 0
    ? empty(N)
    : yield* tripletsOf(scaled, method);
  const [U, V] = m < n ? [short, long] : [long, short];
  fixSigns(U, [V]);
  const u = yield* completed(U, rows);
  using right = yield* completed(V, cols);
  const vt = Matrix.empty(cols, n, A.device);
  geadd(1, right.T, 0, vt);
  yield settled();
  return { u, s: restored(s, back, op), vt, converged };
}

/** All triplets of a scaled matrix by the method, or by the default where LAPACK's miss their contract. */
function* tripletsOf(
  N: Matrix,
  method: string,
): Algorithm<{ U: Matrix; s: Float64Array; V: Matrix; converged: boolean }> {
  if (method === "jacobi") return yield* jacobiSvd(N);
  const given = method === "lapack" ? yield* singular(N) : undefined;
  return { ...(given ?? (yield* decompose(N))), converged: true };
}

function empty(N: Matrix): { U: Matrix; s: Float64Array; V: Matrix; converged: boolean } {
  const [m, n] = N.shape;
  return { U: Matrix.empty(m, 0, N.device), s: new Float64Array(0), V: Matrix.empty(n, 0, N.device), converged: true };
}

/** The singular values of a finite matrix, descending. */
export function* singularValues(A: Matrix, max: number, op: string): Algorithm<Float32Array> {
  if (Math.min(...A.shape) === 0) return new Float32Array(0);
  const { N, back } = normalized(A, max);
  using scaled = N;
  return restored(yield* valuesOnly(scaled), back, op);
}

/** The public svdvals. */
export function* svdvalsJob(call: Call, a: MatrixLike, o: RunOptions): Algorithm<Float32Array> {
  const A = call.matrix(a);
  const { max, nonFinite } = yield* statistics(A);
  if (!accepted(A, nonFinite, "svdvals", "A", o.checkFinite)) return new Float32Array(Math.min(...A.shape)).fill(NaN);
  return yield* singularValues(A, max, "svdvals");
}
