// Orthonormal bases.
import { geadd, gemm, rand } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { accepted, Check, isFinite, notANumber } from "./check.ts";
import { completed } from "./complete.ts";
import { ArgumentError, NotConvergedError, ShapeError } from "./errors.ts";
import { gramSchmidt } from "./gramschmidt.ts";
import { requireNumber, requireSeed, shown } from "./input.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { orthogonality, residualColumns, squaredColumns, sum } from "./proof.ts";
import { certifiedQr } from "./qr.ts";

/** Columns count as orthonormal up to this ‖QᵀQ − I‖ over √n. */
const ORTHONORMAL = 1e-3;

export interface OrthonormalizeOptions extends RunOptions {
  /** What becomes orthonormal. Default columns. */
  axis?: "columns" | "rows";
}

/** The public orthonormalize: the Q of a certified QR, of V or of its transpose. */
export function* orthonormalizeJob(call: Call, v: MatrixLike, o: OrthonormalizeOptions): Algorithm<Matrix> {
  const { axis = "columns" } = o;
  if (axis !== "columns" && axis !== "rows") {
    throw new ArgumentError(`orthonormalize: axis is "${axis}"; it is columns or rows`);
  }
  const M = call.matrix(v, "V");
  const V = axis === "rows" ? M.T : M;
  const [m, n] = V.shape;
  if (n > m) {
    throw new ShapeError(`orthonormalize: ${n} ${axis} of length ${m} cannot be orthonormal; at most ${m} can`);
  }
  using check = new Check(V);
  yield settled();
  if (!accepted(V, check.read().nonFinite, "orthonormalize", "V", o.checkFinite)) {
    return notANumber(M.shape[0], M.shape[1], M);
  }
  const { largest } = check;
  const { Q, R } = yield* certifiedQr(V, n, "orthonormalize", { phase: "orthonormalize", largest });
  R[Symbol.dispose]();
  if (axis === "columns") return Q;
  const rows = Matrix.empty(n, m, M.device);
  geadd(1, Q.T, 0, rows);
  yield settled();
  Q[Symbol.dispose]();
  return rows;
}

/** The public completeBasis: a square orthogonal matrix that begins with the columns of Q, which must be orthonormal.
 */
export function* completeBasisJob(call: Call, q: MatrixLike, o: RunOptions): Algorithm<Matrix> {
  const Q = call.matrix(q, "Q");
  const [m, n] = Q.shape;
  if (n > m) throw new ShapeError(`completeBasis: ${n} columns of length ${m} cannot be orthonormal; at most ${m} can`);
  if (!(yield* isFinite(Q, "completeBasis", "Q", o.checkFinite))) return notANumber(m, m, Q);
  const error = yield* orthogonality(Q);
  if (!(error <= ORTHONORMAL * Math.sqrt(Math.max(1, n)))) {
    const far = error.toExponential(1);
    throw new ArgumentError(`completeBasis: Q is not orthonormal (‖QᵀQ − I‖ is ${far}); use orthonormalize first`);
  }
  const copy = Matrix.empty(m, n, Q.device);
  geadd(1, Q, 0, copy);
  return yield* completed(copy, m);
}

export interface RandomOrthogonalOptions extends RunOptions {
  /** Factor of the result. Default 1. */
  gain?: number;
  /** 0 to 2^53 - 1. Default 0. */
  seed?: number;
}

/** The public randomOrthogonal: orthonormal columns (or rows, where n > m) with the uniform (Haar) distribution, times
 * gain. */
export function* randomOrthogonalJob(call: Call, m: number, n: number, o: RandomOrthogonalOptions): Algorithm<Matrix> {
  const { gain = 1, seed = 0 } = o;
  for (const size of [m, n]) {
    if (!Number.isInteger(size) || size < 0) {
      throw new ShapeError(
        `randomOrthogonal: shape ${shown(m)}x${shown(n)} is not possible; sizes are whole numbers from 0`,
      );
    }
  }
  requireSeed(seed, "randomOrthogonal");
  requireNumber(gain, "gain", "randomOrthogonal", Number.isFinite, "a finite number");
  using G = Matrix.random(Math.max(m, n), Math.min(m, n), { seed, device: call.device });
  const { Q, R } = yield* certifiedQr(G, Math.min(m, n), "randomOrthogonal");
  using columns = Q;
  R[Symbol.dispose]();
  const out = Matrix.empty(m, n, call.device);
  geadd(gain, m >= n ? columns : columns.T, 0, out);
  return out;
}

export type RangeOptions = RunOptions & ({ k: number } | { eps: number });

/** Columns added at a time while eps is not reached. */
const STEP = 32;
/** Products with a shorter matrix might be taken for 0 in Gram-Schmidt. */
const SHORT = 2 ** -100;

/** The public rangeFinder: orthonormal Q whose span holds A but for `error` = ‖A − QQᵀA‖_F / ‖A‖_F, measured in
 * float64. One power step (Halko, Martinsson & Tropp 2011), k columns, or in steps of 32 as many
 * as eps asks for. */
export function* rangeFinderJob(call: Call, a: MatrixLike, o: RangeOptions): Algorithm<{ q: Matrix; error: number }> {
  const A = call.matrix(a);
  const [m, n] = A.shape;
  const p = Math.min(m, n);
  const wanted: { k?: number; eps?: number } = o;
  if ((wanted.k === undefined) === (wanted.eps === undefined)) {
    throw new ArgumentError(`rangeFinder: k is ${shown(wanted.k)} and eps is ${shown(wanted.eps)}; give one of them`);
  }
  const { k = Math.min(p, STEP), eps = Infinity } = wanted;
  if (!Number.isInteger(k) || k < 0 || k > p) {
    throw new ArgumentError(`rangeFinder: k is ${shown(k)}; a ${m}x${n} matrix has a range for k from 0 to ${p}`);
  }
  requireNumber(eps, "eps", "rangeFinder", (x) => x > 0, "greater than 0");
  if (!(yield* isFinite(A, "rangeFinder", "A", o.checkFinite))) return { q: notANumber(m, k, A), error: NaN };
  const norm = Math.sqrt(sum(squaredColumns(A)));
  let q = Matrix.empty(m, 0, A.device);
  for (let columns = k;; columns = Math.min(p, columns + STEP)) {
    q = yield* extended(A, q, columns, norm < SHORT ? 1 / SHORT : 1);
    const error = norm === 0 ? 0 : (yield* leftOver(A, q)) / norm;
    if (columns === p || wanted.k !== undefined || error <= eps) return { q, error };
  }
}

/** Q with columns more, from A (Aᵀ (A Ω)) with so many times A, orthonormal to those it had. */
function* extended(A: Matrix, Q: Matrix, columns: number, times: number): Algorithm<Matrix> {
  const [m, n] = A.shape;
  const have = Q.shape[1];
  const basis = Matrix.empty(m, columns, A.device);
  using X = Matrix.empty(n, columns - have, A.device);
  using R = Matrix.empty(columns, columns - have, A.device);
  using S = Matrix.empty(columns - have, columns - have, A.device);
  const Y = basis.cols(have, columns);
  geadd(1, Q, 0, basis.cols(0, have));
  rand("normal", have + 1, X);
  gemm(times, A, X, 0, Y); //              Y = A Ω
  yield* gramSchmidt(basis, have, R);
  gemm(times, A.T, Y, 0, X); //            X = Aᵀ Y
  if (columns - have <= n) yield* gramSchmidt(X, 0, S);
  gemm(times, A, X, 0, Y); //              Y = A X
  const certified = yield* gramSchmidt(basis, have, R);
  if (!certified) throw new NotConvergedError(`rangeFinder: a basis of ${columns} columns could not be certified`);
  Q[Symbol.dispose]();
  return basis;
}

/** ‖A − Q QᵀA‖_F, the residual in float64. */
function* leftOver(A: Matrix, Q: Matrix): Algorithm<number> {
  using C = Matrix.empty(Q.shape[1], A.shape[1], A.device);
  gemm(1, Q.T, A, 0, C);
  return Math.sqrt(sum(yield* residualColumns(Q, C, A)));
}
