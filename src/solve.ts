// Linear systems: Cholesky for positive definite matrices, LU for general ones (certified QR where its pivots grow too
// much), triangular solves. The backward error is measured in float64 and mended once where it misses its bound; the
// condition is estimated (Higham 1988, LAPACK lacn2).
import { geadd, gemm, resid, trsm } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { accepted, isFinite, notANumber, requireInRange, statistics } from "./check.ts";
import { factorPositive, lowerTriangle, requireSquare } from "./cholesky.ts";
import { ArgumentError, ShapeError, SingularError } from "./errors.ts";
import type { VectorLike } from "./input.ts";
import { factorLu, solveLu, solveLuTransposed } from "./lu.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { isSingle, wide } from "./pair.ts";
import { type Proof, type ProofOptions, prove, type Proven, squaredColumns, sum, u } from "./proof.ts";
import { certifiedQr } from "./qr.ts";
import { refine, scaled, type Scaled } from "./refine.ts";

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

/** Solves with A and with its transpose, in place. */
interface Factored extends Disposable {
  /** Whether the factors stayed within float32. */
  finite: boolean;
  solve(B: Matrix): void;
  solveTransposed(B: Matrix): void;
}

type Assume = NonNullable<SolveOptions["assume"]>;

function* factored(A: Matrix, assume: Assume, op: string): Algorithm<Factored> {
  if (assume === "positive") return yield* byCholesky(A);
  return assume === "general" ? yield* byLu(A, op) : triangular(A, assume);
}

function* byCholesky(A: Matrix): Algorithm<Factored> {
  using S = lowerTriangle(A);
  const { L } = yield* factorPositive(S, false, "solve");
  const solve = (B: Matrix): void => {
    trsm("left", "lower", 1, L, B); //    B = L⁻¹ B
    trsm("left", "lower", 1, L.T, B); //  B = L⁻ᵀ B
  };
  return { finite: true, solve, solveTransposed: solve, [Symbol.dispose]: () => L[Symbol.dispose]() };
}

function* byLu(A: Matrix, op: string): Algorithm<Factored> {
  const n = A.shape[0];
  const f = yield* factorLu(A);
  if (f.zero > 0) {
    throw new SingularError(`${op}: this ${n}x${n} matrix is singular: its pivot ${f.zero} is 0`, f.zero);
  }
  const { nonFinite } = yield* statistics(f.LU);
  return {
    finite: !nonFinite,
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
    finite: true,
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
    finite: true,
    solve: (B) => trsm("left", uplo, 1, A, B),
    solveTransposed: (B) => trsm("left", uplo, 1, A.T, B),
    [Symbol.dispose]: () => undefined,
  };
}

/** A zero pivot: a column of A lies exactly in the span of those before it. */
function requireDiagonal(T: Matrix, op: string): void {
  const n = T.shape[0];
  for (let i = 0; i < n; i++) {
    if (T.at(i, i) === 0) {
      throw new SingularError(`${op}: this ${n}x${n} matrix is singular: its pivot ${i + 1} is 0`, i + 1);
    }
  }
}

/** The part of A that counts, zero elsewhere: what the residual must be measured with. */
function counted(A: Matrix, assume: Assume): Matrix {
  if (assume === "general") return A.share();
  const [n, data] = [A.shape[0], A.copy()];
  const a = data.host();
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      if (assume === "positive") a[j * n + i] = a[i * n + j]!;
      if (assume === "upper") a[i * n + j] = 0;
      if (assume === "lower") a[j * n + i] = 0;
    }
  }
  return data;
}

/** ‖b − Ax‖ over √n u (‖A‖_F‖x‖ + ‖b‖), the worst column. R receives b − Ax. */
function* backwardError(A: Matrix, X: Matrix, B: Matrix, R: Matrix): Algorithm<number> {
  resid(A, X, B, R);
  yield settled();
  const norm = Math.sqrt(sum(squaredColumns(A)));
  const [r, x, b] = [R, X, B].map(squaredColumns) as [Float64Array, Float64Array, Float64Array];
  const unit = Math.sqrt(Math.max(1, A.shape[0])) * u;
  return r.reduce((worst, error, j) => {
    const scale = unit * (norm * Math.sqrt(x[j]!) + Math.sqrt(b[j]!));
    const figure = error === 0 ? 0 : Math.sqrt(error) / scale;
    return figure <= worst ? worst : figure;
  }, 0);
}

const BOUND = 8;

interface Solved {
  X: Matrix;
  rcond: number;
  error: number;
  /** With refine. */
  x64?: Float64Array;
  settled?: boolean;
}

/** X = A⁻¹ B with its measured backward error and the condition estimate. */
function* solveFactored(A: Matrix, B: Matrix, f: Factored): Algorithm<Solved> {
  const [n, k] = B.shape;
  const X = Matrix.empty(n, k, A.device);
  using R = Matrix.empty(n, k, A.device);
  geadd(1, B, 0, X);
  f.solve(X);
  let error = yield* backwardError(A, X, B, R);
  if (!(error <= BOUND)) {
    f.solve(R); //                       one step of iterative refinement
    geadd(1, R, 1, X);
    error = yield* backwardError(A, X, B, R);
  }
  return { X, error, rcond: yield* reciprocalCondition(A, f) };
}

/** By the factors that suit A; a general matrix whose pivots grew too much is factored again by certified QR. */
function* solveBest(A: Matrix, B: Matrix, assume: Assume, op: string): Algorithm<Solved> {
  using f = yield* factored(A, assume, op);
  const solved = yield* solveFactored(A, B, f);
  const overflown = Number.isNaN(solved.error) && f.finite; // the solution itself leaves float32
  if (solved.error <= BOUND || assume !== "general" || overflown) return solved;
  using q = yield* byQr(A, op);
  solved.X[Symbol.dispose]();
  return yield* solveFactored(A, B, q);
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
function* solveRefined(given: Given, assume: Assume): Algorithm<Solved> {
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

function* refinedBy({ A, B, b }: Given, system: Scaled, f: Factored): Algorithm<Solved> {
  using factors = f;
  const [n, k] = B.shape;
  const { x: x64, change, contraction } = yield* refine(system, b, k, factors.solve);
  const rcond = yield* reciprocalCondition(system.N, factors);
  const X = Matrix.hosted(n, k, A.device);
  X.host().set(x64);
  using R = Matrix.empty(n, k, A.device);
  const error = yield* backwardError(A, X, B, R);
  return { X, error, rcond, x64, settled: contraction <= SHRINK && change <= 2 ** -44 / rcond };
}

/** 1/(‖A‖₁ est ‖A⁻¹‖₁). */
function* reciprocalCondition(A: Matrix, f: Factored): Algorithm<number> {
  const [n] = A.shape;
  if (n === 0) return Infinity;
  const a = A.readBlock(0, n, 0, n);
  const columns = new Float64Array(n);
  for (let i = 0; i < n * n; i++) columns[i % n]! += Math.abs(a[i]!);
  const norm = columns.reduce((x, y) => Math.max(x, y), 0);
  const inverse = yield* inverseNorm(n, A, f);
  return norm === 0 ? 0 : 1 / norm / inverse;
}

/** Higham's estimate of ‖A⁻¹‖₁: a lower bound, rarely below a third of it. */
function* inverseNorm(n: number, A: Matrix, f: Factored): Algorithm<number> {
  using V = Matrix.hosted(n, 1, A.device);
  const v = V.host().subarray(0, n);
  const apply = function* (x: (i: number) => number, solve: (B: Matrix) => void): Algorithm<void> {
    for (let i = 0; i < n; i++) v[i] = x(i);
    solve(V);
    yield settled();
  };
  const length = (): number => v.reduce((s, x) => s + Math.abs(x), 0);
  const largest = (): number => v.reduce((best, x, i) => Math.abs(x) > Math.abs(v[best]!) ? i : best, 0);
  yield* apply(() => 1 / n, f.solve);
  let estimate = length();
  let signs = v.map((x) => x < 0 ? -1 : 1);
  for (let step = 0, at = -1; step < 5; step++) {
    yield* apply((i) => signs[i]!, f.solveTransposed);
    const next = largest();
    if (next === at) break;
    at = next;
    yield* apply((i) => i === at ? 1 : 0, f.solve);
    const before = estimate;
    estimate = Math.max(before, length());
    const now = v.map((x) => x < 0 ? -1 : 1);
    if (estimate <= before || now.every((s, i) => s === signs[i])) break;
    signs = now;
  }
  yield* apply((i) => (i % 2 === 0 ? 1 : -1) * (1 + i / Math.max(1, n - 1)), f.solve);
  return Math.max(estimate, 2 * length() / (3 * n));
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
  const [A, B] = [call.matrix(a), call.matrix(b)];
  return yield* solution({ A, B, a: wideA(a, A, o), b: o.refine ? wide(b, B, "solve") : undefined, options: o });
}

/** The public solve for one right-hand side. */
export function* solveVectorJob(
  call: Call,
  a: MatrixLike,
  b: VectorLike,
  o: SolveOptions,
): Algorithm<Solution<Float32Array>> {
  const [A, B] = [call.matrix(a), call.column(b)];
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
  const { max, nonFinite } = yield* statistics(M);
  const finite = accepted(M, nonFinite, "solve", "A", o.checkFinite) &&
    (yield* isFinite(B, "solve", "b", o.checkFinite));
  if (!finite) {
    const x64 = new Float64Array(n * k).fill(NaN);
    return { x: notANumber(n, k, A), ...(b ? { x64 } : {}), rcond: NaN, converged: false };
  }
  const { X, rcond, error, x64, settled: reached = true } = b
    ? yield* solveRefined({ A: M, B, a, b, max }, assume)
    : yield* solveBest(M, B, assume, "solve");
  yield* requireInRange(X, "solve", "x");
  const proof: Proof = prove({
    backward: { value: error * Math.sqrt(Math.max(1, n)), bound: BOUND * Math.sqrt(Math.max(1, n)) },
  });
  const converged = proof.holds && reached;
  return { x: X, ...(x64 ? { x64 } : {}), rcond, converged, ...(o.proof ? { proof } : {}) };
}

/** The public solveTriangular. */
export function* solveTriangularJob(call: Call, t: MatrixLike, b: MatrixLike, o: TriangularOptions): Algorithm<Matrix> {
  const [T, B] = [call.matrix(t), call.matrix(b)];
  const n = requireSquare(T, "solveTriangular");
  if (B.shape[0] !== n) {
    throw new ShapeError(`solveTriangular: t is ${n}x${n}, b has ${B.shape[0]} rows; it must have ${n}`);
  }
  using M = counted(T, o.lower ? "lower" : "upper");
  if (o.unitDiagonal) { for (let i = 0; i < n; i++) M.host()[i * n + i] = 1; }
  const finite = (yield* isFinite(M, "solveTriangular", "t", o.checkFinite)) &&
    (yield* isFinite(B, "solveTriangular", "b", o.checkFinite));
  if (finite) requireDiagonal(M, "solveTriangular");
  const X = Matrix.empty(n, B.shape[1], T.device);
  geadd(1, B, 0, X);
  trsm("left", o.lower ? "lower" : "upper", 1, o.trans ? M.T : M, X);
  if (finite) yield* requireInRange(X, "solveTriangular", "the solution");
  return X;
}

/** A⁻¹ by solving with the identity, each column to the contract of solve. Throws SingularError. */
export function* inverse(A: Matrix, op: string): Algorithm<Matrix> {
  using I = Matrix.eye(A.shape[0], A.shape[0], { device: A.device });
  const { X } = yield* solveBest(A, I, "general", op);
  yield* requireInRange(X, op, "the inverse");
  return X;
}

/** The public inv: checks. */
export function* invJob(call: Call, a: MatrixLike, o: RunOptions): Algorithm<Matrix> {
  const A = call.matrix(a);
  const n = requireSquare(A, "inv");
  if (!(yield* isFinite(A, "inv", "A", o.checkFinite))) return notANumber(n, n, A);
  return yield* inverse(A, "inv");
}
