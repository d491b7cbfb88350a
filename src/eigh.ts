// Symmetric eigenproblems by Householder reduction to tridiagonal form, divide and conquer in float64 and
// back-transformation (LAPACK syevd; Cuppen 1981; Gu & Eisenstat 1995).
import { geadd, laset, methodFor, scale, stedc } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { accepted, notANumber, statistics } from "./check.ts";
import { lowerTriangle, requireSquare } from "./cholesky.ts";
import { ArgumentError, OverflowError } from "./errors.ts";
import { jacobiVectors } from "./jacobi.ts";
import { symmetric } from "./lapack.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { arranged, ascending } from "./order.ts";
import { polish, polished } from "./polish.ts";
import { type ProofOptions, proveEigh, type Proven } from "./proof.ts";
import { rayleigh } from "./rayleigh.ts";
import { accumulated, applyReflectors, tridiagonalize } from "./reduce.ts";
import { fixSigns } from "./signs.ts";
import { exponentOf } from "./small64.ts";

export interface EighOptions extends RunOptions, ProofOptions {
  /** tridiagonal (default): reduction and divide and conquer; jacobi: block Jacobi, slower; lapack: syevd of a vendor's
   * library (engine blas). */
  method?: "auto" | "tridiagonal" | "jacobi" | "lapack";
}

/** Eigenvalues ascending, vectors as columns, the first entry of each within 2^-10 of its largest positive. */
export type Eigh = { values: Float32Array; vectors: Matrix; converged: boolean } & Proven;

/** Where the values are this flat, ‖λ‖ > FLAT √n max|λ|, the reduction costs them a few digits: they are taken again.
 */
const FLAT = 0.9;

/** The symmetric matrix whose lower triangle is S (zero above). */
function mirrored(S: Matrix): Matrix {
  const n = S.shape[0];
  using below = Matrix.empty(n, n, S.device);
  const F = Matrix.empty(n, n, S.device);
  geadd(1, S, 0, below);
  laset("upper", 0, 0, below);
  geadd(1, S.T, 0, F);
  geadd(1, below, 1, F);
  return F;
}

/** Eigenvalues of S (lower triangle, zero above, largest entry in [1/2, 1)), ascending, and vectors if asked for. */
function* decompose(S: Matrix, vectors: boolean): Algorithm<{ values: Float64Array; V: Matrix | undefined }> {
  const n = S.shape[0];
  using work = Matrix.empty(n, n, S.device);
  geadd(1, S, 0, work);
  const { DE, Q } = yield* tridiagonalize(work); //  S = Q T Qᵀ
  using bands = DE;
  const V = yield* (vectors ? eigenvectors(bands, Q) : withoutVectors(bands, Q));
  const values = bands.hostAs(Float64Array).slice(0, n);
  if (!V || !flat(values)) return { values, V };
  using given = V;
  using F = mirrored(S);
  const nearer = polish(given);
  return yield* sorted(yield* rayleigh(F, nearer, nearer), nearer);
}

/** Those of Q T Qᵀ; the bands become the eigenvalues. */
function* eigenvectors(DE: Matrix, Q: Matrix): Algorithm<Matrix> {
  using outer = accumulated(Q);
  const [n] = Q.shape, Z = Matrix.empty(n, n, Q.device);
  stedc(DE, Z); //                        T = Z Λ Zᵀ
  yield* applyReflectors(outer, Z); //    V = Q Z
  return (yield* polished([Z]))[0]!;
}

function* withoutVectors(DE: Matrix, Q: Matrix): Algorithm<undefined> {
  Q[Symbol.dispose]();
  using none = Matrix.empty(0, 0, DE.device);
  stedc(DE, none);
  yield settled();
}

/** The same by Jacobi's method. */
function* rotate(S: Matrix): Algorithm<{ values: Float64Array; V: Matrix; converged: boolean }> {
  using F = mirrored(S);
  const { V, converged } = yield* jacobiVectors(F);
  return { ...(yield* sorted(yield* rayleigh(F, V, V), V)), converged };
}

/** The same by a vendor's LAPACK; undefined where that misses the contract. */
function* vendor(S: Matrix): Algorithm<{ values: Float64Array; V: Matrix } | undefined> {
  using F = mirrored(S);
  return yield* symmetric(F);
}

function flat(values: Float64Array): boolean {
  const max = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const squares = values.reduce((a, b) => a + b * b, 0);
  return squares > FLAT * FLAT * values.length * max * max;
}

/** Values in ascending order with their columns. */
function* sorted(values: Float64Array, V: Matrix): Algorithm<{ values: Float64Array; V: Matrix }> {
  const { values: inOrder, matrices } = yield* arranged(values, [V], ascending(values));
  return { values: inOrder, V: matrices[0]! };
}

function* decomposed(
  S: Matrix,
  vectors: boolean,
  asked: string,
): Algorithm<{ values: Float64Array; V: Matrix | undefined; converged: boolean }> {
  const method = asked === "auto" ? methodFor("eigh.method", S) : asked;
  if (!vectors || S.shape[0] === 0) return { ...(yield* decompose(S, vectors)), converged: true };
  if (method === "jacobi") return yield* rotate(S);
  const given = method === "lapack" ? yield* vendor(S) : undefined;
  return { ...(given ?? (yield* decompose(S, true))), converged: true };
}

function* eigen(call: Call, a: MatrixLike, o: EighOptions, op: string, vectors: boolean): Algorithm<Partial<Eigh>> {
  const { method = "auto" } = o;
  if (method !== "auto" && method !== "tridiagonal" && method !== "jacobi" && method !== "lapack") {
    throw new ArgumentError(`${op}: there is no method "${method}"; methods are auto, tridiagonal, jacobi, lapack`);
  }
  if (method === "lapack") call.requireLapack();
  const A = call.matrix(a);
  const n = requireSquare(A, op);
  using S = lowerTriangle(A);
  const { max, nonFinite } = yield* statistics(S);
  if (!accepted(S, nonFinite, op, "the lower triangle of A", o.checkFinite)) {
    return { values: new Float32Array(n).fill(NaN), vectors: notANumber(n, n, A), converged: false };
  }
  using s = Matrix.from([max], [1, 1], { device: A.device });
  scale("normalize", S, s, S);
  const { values: scaled, V, converged } = yield* decomposed(S, vectors, method);
  const back = 2 ** exponentOf(max);
  const values = Float32Array.from(scaled, (x) => x * back);
  if (!values.every(Number.isFinite)) {
    throw new OverflowError(`${op}: an eigenvalue is beyond float32 (3.4e38); scale the matrix first`);
  }
  if (!V) return { values };
  fixSigns(V, []);
  if (!o.proof) return { values, vectors: V, converged };
  using F = mirrored(S);
  return { values, vectors: V, converged, proof: yield* proveEigh(F, scaled, V) };
}

/** The public eigh: options, checks, proof. */
export function* eighJob(call: Call, a: MatrixLike, o: EighOptions): Algorithm<Eigh> {
  return (yield* eigen(call, a, o, "eigh", true)) as Eigh;
}

/** The public eigvalsh. */
export function* eigvalshJob(call: Call, a: MatrixLike, o: RunOptions): Algorithm<Float32Array> {
  return (yield* eigen(call, a, o, "eigvalsh", false)).values!;
}
