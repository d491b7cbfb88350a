// Linear systems: Cholesky for positive definite matrices, LU for general ones (certified QR where its pivots grow too
// much), triangular solves. The backward error is measured, and mended once where it misses its bound; the condition is
// estimated.
import { backwardError, BOUND } from "./backward.ts";
import { geadd, gemm, laset, trsm } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { accepted, Check, diagonal, isFinite, notANumber, requireInRange, statistics } from "./check.ts";
import { factorPositive, lowerTriangle, requireSquare } from "./cholesky.ts";
import { beginEstimate, type Norms, norms, reciprocalCondition, type Solver } from "./condition.ts";
import { ArgumentError, ShapeError, SingularError } from "./errors.ts";
import type { VectorLike } from "./input.ts";
import { encodeLu, invertLu, solveLu, solveLuTransposed } from "./lu.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { isSingle, wide } from "./pair.ts";
import { type Proof, type ProofOptions, prove, type Proven } from "./proof.ts";
import { certifiedQr } from "./qr.ts";
import { refine, type Scaled, scaled } from "./refine.ts";

export interface SolveOptions extends RunOptions, ProofOptions {
  /** What A is: general (default), positive definite (its lower triangle is read), lower or upper triangular. */
  assume?: "general" | "positive" | "lower" | "upper";
  /** Correct x to nearly float64, from float64 input as it is, and return it as x64 too. */
  refine?: boolean;
}

/** rcond estimates 1/(‖A‖₁‖A⁻¹‖₁); converged tells whether the backward error met its bound and, with refine, the
 * corrections settled. */
export interface Solution<X> extends Proven {
  x: X;
  /** With refine: x in float64, row-major. */
  x64?: Float64Array;
  rcond: number;
  converged: boolean;
}

export interface TriangularOptions extends RunOptions {
  /** Read the lower triangle. Default: the upper one. */
  lower?: boolean;
  /** Solve with the transpose. */
  trans?: boolean;
  /** The diagonal counts as ones and is not read. */
  unitDiagonal?: boolean;
}

/** Factors of A. */
interface Factored extends Solver, Disposable {
  /** Waits for them; throws where A is singular. */
  ready?(): Algorithm<void>;
  /** X = A⁻¹ outright. */
  invert?(X: Matrix): void;
  /** Whether they stayed within float32. */
  finite?(): Algorithm<boolean>;
}

type Assume = NonNullable<SolveOptions["assume"]>;

function* factored(A: Matrix, assume: Assume, op: string): Algorithm<Factored> {
  if (assume === "positive") return yield* byCholesky(A);
  return assume === "general" ? byLu(A, op) : triangular(A, assume);
}

function* byCholesky(A: Matrix): Algorithm<Factored> {
  const { L } = yield* factorPositive(A, lowerTriangle(A), false, "solve");
  const solve = (B: Matrix): void => {
    trsm("left", "lower", 1, L, B); //    B = L⁻¹ B
    trsm("left", "lower", 1, L.T, B); //  B = L⁻ᵀ B
  };
  return { solve, solveTransposed: solve, [Symbol.dispose]: () => L[Symbol.dispose]() };
}

function byLu(A: Matrix, op: string): Factored {
  const n = A.shape[0];
  const f = encodeLu(A);
  return {
    *ready(): Algorithm<void> {
      yield settled();
      if (f.zero > 0) {
        throw new SingularError(`${op}: this ${n}x${n} matrix is singular: its pivot ${f.zero} is 0`, f.zero);
      }
    },
    *finite(): Algorithm<boolean> {
      return (yield* statistics(f.LU)).nonFinite === undefined;
    },
    invert: (X) => invertLu(f, X),
    solve: (B) => solveLu(f, B),
    solveTransposed: (B) => solveLuTransposed(f, B),
    [Symbol.dispose]: () => f[Symbol.dispose](),
  };
}

function* byQr(A: Matrix, op: string): Algorithm<Factored> {
  const n = A.shape[0];
  const { Q, R } = yield* certifiedQr(A, n, op, { phase: "qr" });
  yield* requireInRange(R, op, "the factor R");
  requireDiagonal(R, op);
  return {
    solve: (B) => {
      using Y = Matrix.empty(n, B.shape[1], A.device);
      gemm(1, Q.T, B, 0, Y); //           B = R⁻¹ Qᵀ B
      geadd(1, Y, 0, B);
      trsm("left", "upper", 1, R, B);
    },
    solveTransposed: (B) => {
      using Y = Matrix.empty(n, B.shape[1], A.device);
      trsm("left", "upper", 1, R.T, B);
      gemm(1, Q, B, 0, Y); //             B = Q R⁻ᵀ B
      geadd(1, Y, 0, B);
    },
    [Symbol.dispose]: () => [Q, R].forEach((M) => M[Symbol.dispose]()),
  };
}

function triangular(A: Matrix, uplo: "lower" | "upper"): Factored {
  requireDiagonal(A, "solve");
  return {
    solve: (B) => trsm("left", uplo, 1, A, B),
    solveTransposed: (B) => trsm("left", uplo, 1, A.T, B),
    [Symbol.dispose]: () => undefined,
  };
}

/** A zero pivot: a column of A lies exactly in the span of those before it. */
function requireDiagonal(T: Matrix, op: string): void {
  const n = T.shape[0];
  const zero = diagonal(T).indexOf(0) + 1;
  if (zero > 0) throw new SingularError(`${op}: this ${n}x${n} matrix is singular: its pivot ${zero} is 0`, zero);
}

/** The part of A that counts, zero elsewhere: what the residual must be measured with. */
function counted(A: Matrix, assume: Assume): Matrix {
  if (assume === "general") return A.share();
  const n = A.shape[0];
  const M = Matrix.empty(n, n, A.device);
  geadd(1, A, 0, M);
  laset(assume === "upper" ? "lower" : "upper", 0, NaN, M);
  if (assume !== "positive") return M;
  using S = Matrix.empty(n, n, A.device);
  geadd(1, M, 0, S);
  laset("upper", 0, 0, S); //               S = what lies below the diagonal
  geadd(1, S.T, 1, M); //                   M = L + D + Lᵀ
  return M;
}

interface Answer {
  X: Matrix;
  /** Of an inverse: NaN. */
  rcond: number;
  error: number;
  /** With refine. */
  x64?: Float64Array;
  settled?: boolean;
}

/** A system, and what was read of it. */
interface System {
  readonly A: Matrix;
  /** Absent: the identity. */
  readonly B: Matrix | undefined;
  readonly size: Norms;
  /** Whether the figure of the error is asked for. */
  readonly exact: boolean;
}

/** X = A⁻¹ B with its measured backward error and the condition estimate. */
function* solveFactored({ A, B, size, exact }: System, f: Factored): Algorithm<Answer> {
  const n = A.shape[0], k = B ? B.shape[1] : n;
  const X = Matrix.empty(n, k, A.device);
  using R = Matrix.empty(n, k, A.device);
  if (!B && f.invert) f.invert(X);
  else {
    if (B) geadd(1, B, 0, X);
    else laset("full", 0, 1, X);
    f.solve(X);
  }
  using V = B && beginEstimate(n, A, f);
  const solved = { A, B, X, R, norm: size.frobenius };
  let error = yield* backwardError(solved, exact);
  if (!(error <= BOUND)) {
    f.solve(R); //                       one step of iterative refinement
    geadd(1, R, 1, X);
    error = yield* backwardError(solved, exact);
  }
  return { X, error, rcond: V ? yield* reciprocalCondition(size.one, V, f) : NaN };
}

/** By the factors that suit A; a general matrix whose pivots grew too much is factored again by certified QR. */
function* solveBest(system: System, assume: Assume, op: string): Algorithm<Answer> {
  using f = yield* factored(system.A, assume, op);
  if (f.ready) yield* f.ready();
  const solved = yield* solveFactored(system, f);
  if (solved.error <= BOUND || assume !== "general") return solved;
  const overflown = Number.isNaN(solved.error) && f.finite && (yield* f.finite()); // the solution itself leaves float32
  if (overflown) return solved;
  using q = yield* byQr(system.A, op);
  solved.X[Symbol.dispose]();
  return yield* solveFactored(system, q);
}

/** A system as it was given: `a` the numbers of A in float64 where they were more than float32, b those of B; max is
 * the largest entry of A. */
interface Given {
  readonly A: Matrix;
  readonly B: Matrix;
  readonly a: Float64Array | undefined;
  readonly b: Float64Array;
  readonly max: number;
}

/** X = A⁻¹ B, corrected in float64; by certified QR where the factors that suit A do not serve. */
function* solveRefined(given: Given, assume: Assume): Algorithm<Answer> {
  using whole = scaled(given.A, given.a, given.max);
  using low = whole.low && counted(whole.low, assume);
  const system = { ...whole, low };
  const first = yield* refinedBy(given, system, yield* factored(whole.N, assume, "solve"));
  if (first.settled || assume !== "general") return first;
  const q = yield* byQr(whole.N, "solve");
  first.X[Symbol.dispose]();
  return yield* refinedBy(given, system, q);
}

/** What one step may leave of an error. */
const SHRINK = 1 / 2;

function* refinedBy({ A, B, b }: Given, system: Scaled, f: Factored): Algorithm<Answer> {
  using factors = f;
  const [n, k] = B.shape;
  if (factors.ready) yield* factors.ready();
  const { x: x64, change, contraction } = yield* refine(system, b, k, factors.solve);
  using V = beginEstimate(n, A, factors);
  const { one } = yield* norms(system.N);
  const rcond = yield* reciprocalCondition(one, V, factors);
  const X = Matrix.hosted(n, k, A.device);
  X.host().set(x64);
  using R = Matrix.empty(n, k, A.device);
  const { frobenius: norm } = yield* norms(A);
  const error = yield* backwardError({ A, B, X, R, norm }, true);
  return { X, error, rcond, x64, settled: contraction <= SHRINK && change <= 2 ** -44 / rcond };
}

/** A problem as it comes in: b only with refine. */
interface Problem {
  readonly A: Matrix;
  readonly B: Matrix;
  readonly a: Float64Array | undefined;
  readonly b: Float64Array | undefined;
  readonly options: SolveOptions;
}

/** The public solve for a matrix of right-hand sides. */
export function* solveJob(call: Call, a: MatrixLike, b: MatrixLike, o: SolveOptions): Algorithm<Solution<Matrix>> {
  const [A, B] = [call.matrix(a), call.matrix(b, "b")];
  return yield* solution({ A, B, a: wideA(a, A, o), b: o.refine ? wide(b, B, "solve") : undefined, options: o });
}

/** The public solve for one right-hand side. */
export function* solveVectorJob(
  call: Call,
  a: MatrixLike,
  b: VectorLike,
  o: SolveOptions,
): Algorithm<Solution<Float32Array>> {
  const [A, B] = [call.matrix(a), call.column(b, "b")];
  const numbers = o.refine ? Float64Array.from(b) : undefined;
  const result = yield* solution({ A, B, a: wideA(a, A, o), b: numbers, options: o });
  using X = result.x;
  return { ...result, x: X.readBlock(0, X.shape[0], 0, 1) };
}

/** The numbers of A in float64 where refine has more than float32 to go by. */
function wideA(source: MatrixLike, A: Matrix, o: SolveOptions): Float64Array | undefined {
  return o.refine && !isSingle(source) ? wide(source, A, "solve") : undefined;
}

function* solution({ A, B, a, b, options: o }: Problem): Algorithm<Solution<Matrix>> {
  const { assume = "general" } = o;
  if (!["general", "positive", "lower", "upper"].includes(assume)) {
    throw new ArgumentError(`solve: assume is "${assume}"; it is general, positive, lower or upper`);
  }
  const n = requireSquare(A, "solve");
  const k = B.shape[1];
  if (B.shape[0] !== n) throw new ShapeError(`solve: A is ${n}x${n}, b has ${B.shape[0]} rows; it must have ${n}`);
  using M = counted(A, assume);
  using rhs = new Check(B);
  const size = yield* norms(M);
  const finite = (Number.isFinite(size.one) || (yield* isFinite(M, "solve", "A", o.checkFinite))) &&
    accepted(B, rhs.read().nonFinite, "solve", "b", o.checkFinite);
  if (!finite) {
    const x64 = new Float64Array(n * k).fill(NaN);
    return { x: notANumber(n, k, A), ...(b ? { x64 } : {}), rcond: NaN, converged: false };
  }
  const { X, rcond, error, x64, settled: reached = true } = b
    ? yield* solveRefined({ A: M, B, a, b, max: (yield* statistics(M)).max }, assume)
    : yield* solveBest({ A: M, B, size, exact: o.proof ?? false }, assume, "solve");
  if (b || !(error <= BOUND)) yield* requireInRange(X, "solve", "x");
  const proof: Proof = prove({
    backward: { value: error * Math.sqrt(Math.max(1, n)), bound: BOUND * Math.sqrt(Math.max(1, n)) },
  });
  const converged = proof.holds && reached;
  return { x: X, ...(x64 ? { x64 } : {}), rcond, converged, ...(o.proof ? { proof } : {}) };
}

/** The public solveTriangular. NaN or Inf in an entry that counts reaches the solution, or lies on the diagonal: only
 * where one of these shows something are the operands looked through. */
export function* solveTriangularJob(call: Call, t: MatrixLike, b: MatrixLike, o: TriangularOptions): Algorithm<Matrix> {
  const [T, B] = [call.matrix(t, "t"), call.matrix(b, "b")];
  const n = requireSquare(T, "solveTriangular");
  if (B.shape[0] !== n) {
    throw new ShapeError(`solveTriangular: t is ${n}x${n}, b has ${B.shape[0]} rows; it must have ${n}`);
  }
  const { lower = false, trans = false, unitDiagonal: unit = false } = o;
  const X = Matrix.empty(n, B.shape[1], T.device);
  geadd(1, B, 0, X);
  trsm("left", lower !== T.transposed ? "lower" : "upper", 1, trans ? T.T : T, X, { unit }); // as stored
  using result = new Check(X);
  yield settled();
  const tells = B.shape[1] > 0 && T.device.engines.length === 1; // a vendor's library may pass over what it takes for 0
  const regular = unit || diagonal(T).every((x) => x !== 0 && Number.isFinite(x));
  if (tells && regular && !result.read().nonFinite) return X;
  using M = counted(T, lower ? "lower" : "upper");
  yield settled();
  const m = M.host();
  for (let i = 0; i < n && unit; i++) m[i * n + i] = 1;
  const finite = (yield* isFinite(M, "solveTriangular", "t", o.checkFinite)) &&
    (yield* isFinite(B, "solveTriangular", "b", o.checkFinite));
  if (finite) {
    requireDiagonal(M, "solveTriangular");
    yield* requireInRange(X, "solveTriangular", "the solution");
  }
  return X;
}

/** A⁻¹, each column to the contract of solve. Throws SingularError. */
export function* inverse(A: Matrix, op: string, size?: Norms): Algorithm<Matrix> {
  const { X, error } = yield* solveBest(
    { A, B: undefined, size: size ?? (yield* norms(A)), exact: false },
    "general",
    op,
  );
  if (!(error <= BOUND)) yield* requireInRange(X, op, "the inverse");
  return X;
}

/** The public inv: checks. */
export function* invJob(call: Call, a: MatrixLike, o: RunOptions): Algorithm<Matrix> {
  const A = call.matrix(a);
  const n = requireSquare(A, "inv");
  const size = yield* norms(A);
  if (!Number.isFinite(size.one) && !(yield* isFinite(A, "inv", "A", o.checkFinite))) return notANumber(n, n, A);
  return yield* inverse(A, "inv", size);
}
