// Least squares: certified QR with corrections by the augmented system; the shortest solution from singular values
// where columns depend on each other. Small problems run on the host in float64.
import { decompose, type Decomposed, valuesOnly } from "./bidiagonal.ts";
import {
  type Corrections,
  factorGram,
  factorQr,
  type Factors,
  scaleColumns,
  type Scaled,
  solveAugmented,
} from "./augmented.ts";
import { empty64, geadd, gemm, laset, resid, scale, tuned } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { isFinite, notANumber, requireInRange, statistics } from "./check.ts";
import { ShapeError } from "./errors.ts";
import { type Extremes, extremes, stretch, withColumns } from "./extremes.ts";
import { normalized } from "./fullsvd.ts";
import { requireNumber, type VectorLike } from "./input.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { beyond, columnExponents, isSingle, Pair, SETTLED, subtractProduct, wide } from "./pair.ts";
import { type ProofOptions, prove, type Proven, relative, squaredColumns, u } from "./proof.ts";
import { leastSquares64 } from "./lstsq64.ts";
import { fromRows, smallSvd, smallValues } from "./small.ts";
import { countAbove, exponentOf } from "./small64.ts";

export interface LstsqOptions extends RunOptions, ProofOptions {
  /** Singular values at most rcond times the largest count as 0. Default: the rank is full where the columns, scaled to
   * unit length, are independent to rounding; else min(m, n) times the rounding of the numbers given (float64 only
   * where the host computes, or with refine). */
  rcond?: number;
  /** Correct x to nearly float64, from float64 input as it is, and return it as x64 too. */
  refine?: boolean;
}

/** residualNorm: ‖b − Ax‖ of each column. cond: largest over smallest singular value of A, to four
 * digits while it is below 100, and beyond as far as float32 factors tell. converged: whether ‖Aᵀr‖ met its bound and,
 * with refine, the corrections settled. */
export interface LeastSquares<X> extends Proven {
  x: X;
  /** With refine: x in float64, row-major. */
  x64?: Float64Array;
  rank: number;
  residualNorm: Float32Array;
  cond: number;
  converged: boolean;
}

/** Problems of at most so many numbers run on the host in float64. */
const HOST = 2 ** 16;
/** Triangles of at most this order are taken apart in float64; that takes longer for larger ones. */
const SMALL = 64;
/** Corrections without and with refine. */
const CORRECTIONS = { least: 2, most: 2, enough: SETTLED };
const REFINE = { least: 1, most: 12, enough: SETTLED };
/** Corrections with the triangle of NᵀN. */
const BY_GRAM = { least: 1, most: 12, enough: 2 ** -24 };
/** The largest condition for the triangle of NᵀN: rounding times its square is 1. By then the corrections show whether
 * it serves: what they settle on solves NᵀN z = Nᵀ b to rounding, however the triangle was found. */
const WELL = 2 ** 12;
/** From this many times the threshold of the rank on, the two outermost singular values decide. */
const CLEAR = 1.125;
/** Corrections that end above this have not settled. */
const LOST = 2 ** -20;
const BOUND = 32;
/** Corrections mend dependence down to this; the factors themselves do not tell it from rounding below. */
const RESOLVED = 4 * u;

/** One problem: A is m x n, B is m x k; a and b are the same numbers in float64, row-major, as they were given (a only
 * where it is needed). */
interface Problem {
  readonly A: Matrix;
  readonly B: Matrix;
  readonly a: Float64Array | undefined;
  readonly b: Float64Array;
  /** Whether the numbers of A were float32 to begin with. */
  readonly single: boolean;
  readonly options: LstsqOptions;
}

/** x in float64, row-major, and what is known of it. */
interface Answer {
  x: Float64Array;
  rank: number;
  /** Descending; those of A. */
  s: Float64Array;
  change: number;
  /** ‖b − Ax‖ of each column, where it is known better than from the rounded x. */
  lengths?: Float32Array;
  /** Where the rank is not full: orthonormal left vectors of the values that count, as columns. */
  left?: Matrix;
}

/** The public lstsq for a matrix of right-hand sides. */
export function* lstsqJob(call: Call, a: MatrixLike, b: MatrixLike, o: LstsqOptions): Algorithm<LeastSquares<Matrix>> {
  const [A, B] = [call.matrix(a), call.matrix(b, "b")];
  return yield* solution({ A, B, a: needed(a, A, o), b: wide(b, B, "lstsq"), single: isSingle(a), options: o });
}

/** The public lstsq for one right-hand side. */
export function* lstsqVectorJob(
  call: Call,
  a: MatrixLike,
  b: VectorLike,
  o: LstsqOptions,
): Algorithm<LeastSquares<Float32Array>> {
  const [A, B] = [call.matrix(a), call.column(b, "b")];
  const numbers = Float64Array.from(b as ArrayLike<number>);
  const result = yield* solution({ A, B, a: needed(a, A, o), b: numbers, single: isSingle(a), options: o });
  using X = result.x;
  return { ...result, x: X.readBlock(0, X.shape[0], 0, 1) };
}

/** The numbers of A in float64 where they count: on the host, and where refine has more than float32 to go by. */
function needed(source: MatrixLike, A: Matrix, o: LstsqOptions): Float64Array | undefined {
  const [m, n] = A.shape;
  return m * n <= HOST || (o.refine && !isSingle(source)) ? wide(source, A, "lstsq") : undefined;
}

function* solution(p: Problem): Algorithm<LeastSquares<Matrix>> {
  const { A, B, options: o } = p;
  const [m, n] = A.shape;
  const k = B.shape[1];
  if (B.shape[0] !== m) throw new ShapeError(`lstsq: A is ${m}x${n}, b has ${B.shape[0]} rows; it must have ${m}`);
  if (o.rcond !== undefined) requireNumber(o.rcond, "rcond", "lstsq", (x) => x >= 0, "0 or more");
  const finite = (yield* isFinite(A, "lstsq", "A", o.checkFinite)) && (yield* isFinite(B, "lstsq", "b", o.checkFinite));
  if (!finite) {
    const [x64, residualNorm] = [new Float64Array(n * k).fill(NaN), new Float32Array(k).fill(NaN)];
    const x = notANumber(n, k, A);
    return { x, ...(o.refine ? { x64 } : {}), rank: 0, residualNorm, cond: NaN, converged: false };
  }
  const answer = m * n === 0 ? nothing(n, k) : m * n <= HOST ? yield* onHost(p) : yield* onDevice(p);
  const X = Matrix.hosted(n, k, A.device);
  X.host().set(answer.x);
  yield* requireInRange(X, "lstsq", "x");
  const { lengths, normal } = yield* measure(A, X, B, answer.s, answer.left);
  const proof = prove({ normal });
  const first = answer.s[0] ?? 0;
  const last = answer.s.at(-1) ?? 0;
  return {
    x: X,
    ...(o.refine ? { x64: answer.x } : {}),
    rank: answer.rank,
    residualNorm: answer.lengths ?? lengths,
    cond: first === 0 ? (answer.s.length === 0 ? 0 : Infinity) : first / last,
    converged: proof.holds && !(o.refine && answer.change > LOST),
    ...(o.proof ? { proof } : {}),
  };
}

/** The answer for a matrix without numbers: 0 is the shortest. */
function nothing(n: number, k: number): Answer {
  return { x: new Float64Array(n * k), rank: 0, s: new Float64Array(0), change: 0 };
}

function* onHost({ A, B, a, b, single, options: o }: Problem): Algorithm<Answer> {
  const [[m, n], k] = [A.shape, B.shape[1]];
  const unit = Math.min(m, n) * (single ? 2 * u : Number.EPSILON);
  const corrections = o.refine ? REFINE.most : 0;
  const problem = { m, n, a: a!, k, b, rcond: o.rcond, unit, corrections };
  const { left, lengths, ...answer } = yield* leastSquares64(problem, A.device);
  const known = { ...answer, lengths: Float32Array.from(lengths) };
  if (!left) return known;
  const L = Matrix.hosted(m, answer.rank, A.device);
  L.host().set(left);
  return { ...known, left: L };
}

// ---- on the device ----

function* onDevice(p: Problem): Algorithm<Answer> {
  const { A, options: o } = p;
  const [m, n] = A.shape;
  using low = p.a && beyond(A, p.a, 0);
  using scaled = yield* m >= n ? scaleColumns(A, low) : scaleColumns(A.T, low?.T);
  const unit = o.refine ? RESOLVED : Math.min(m, n) * 2 * u;
  return (yield* byGram(p, scaled, o.rcond ?? unit)) ?? (yield* byQr(p, scaled, unit));
}

/** The triangle of NᵀN serves where N is well conditioned and the corrections show it; else undefined. */
function* byGram(p: Problem, scaled: Scaled, threshold: number): Algorithm<Answer | undefined> {
  const { A, options: o } = p;
  const most = Math.min(WELL, 1 / (CLEAR * threshold));
  if (!(most > 1)) return undefined;
  using factors = yield* factorGram(scaled);
  const ends = factors && (yield* extremes(factors.R, scaled.exponents));
  if (!factors || !ends || !(yield* isWell(factors.R, ends, most, o.rcond))) return undefined;
  const last = yield* stretch(A.shape[0] >= A.shape[1] ? A : A.T, ends.lowest);
  const s = Float64Array.of(ends.first, last);
  const answer = yield* corrected(p, scaled, factors, s, o.refine ? REFINE : BY_GRAM);
  return (o.refine ? answer.change <= LOST : answer.missing <= BY_GRAM.enough) ? answer : undefined;
}

/** Whether A, or else N, whose triangle this is, is well conditioned, and the rank of A full. */
function* isWell(
  R: Matrix,
  { first, last }: Extremes,
  most: number,
  rcond: number | undefined,
): Algorithm<boolean> {
  if (first <= most * last) return true;
  if (rcond !== undefined && !(last > CLEAR * rcond * first)) return false;
  const scaled = yield* extremes(R, new Int32Array(R.shape[0]));
  return scaled !== undefined && scaled.first <= WELL * scaled.last;
}

function* byQr(p: Problem, scaled: Scaled, unit: number): Algorithm<Answer> {
  const { options: o } = p;
  const { exponents } = scaled;
  const cols = exponents.length;
  using factors = yield* factorQr(scaled, "lstsq");
  const corrections = o.refine ? REFINE : CORRECTIONS;
  const threshold = o.rcond ?? unit;
  const ends = cols > SMALL ? yield* extremes(factors.R, exponents) : undefined;
  if (ends && ends.last > CLEAR * threshold * ends.first) {
    return yield* corrected(p, scaled, factors, Float64Array.of(ends.first, ends.last), corrections);
  }
  if (o.rcond === undefined && (yield* isIndependent(factors.R, unit))) {
    return yield* corrected(p, scaled, factors, yield* triangleValues(factors.R, exponents), corrections);
  }
  const { U, s, V } = yield* triangleSvd(factors.R, exponents);
  using left = U;
  using right = V;
  const rank = countAbove(s, threshold);
  return rank === cols
    ? yield* corrected(p, scaled, factors, s, corrections)
    : yield* shortest(p, scaled, factors.Q!, { U: left, s, V: right }, rank);
}

/** R 2^e in float64. */
function hostTriangle(R: Matrix, exponents: Int32Array): Float64Array {
  const n = exponents.length;
  return Float64Array.from(R.readBlock(0, n, 0, n), (x, i) => x * 2 ** exponents[i % n]!);
}

/** R 2^e with its largest entry in [1/2, 1), and the power of two taken off. */
function* normalizedTriangle(R: Matrix, exponents: Int32Array): Algorithm<{ N: Matrix; back: number }> {
  const most = exponents.reduce((x, y) => Math.max(x, y));
  using T = withColumns(R, exponents.map((e) => e - most));
  const { N, back } = normalized(T, (yield* statistics(T)).max);
  return { N, back: back * 2 ** most };
}

/** The singular values of R 2^e. */
function* triangleValues(R: Matrix, exponents: Int32Array): Algorithm<Float64Array> {
  const n = exponents.length;
  if (n <= SMALL) return yield* smallValues(n, hostTriangle(R, exponents), R.device);
  const { N, back } = yield* normalizedTriangle(R, exponents);
  using T = N;
  return (yield* valuesOnly(T)).map((x) => x * back);
}

/** The SVD of R 2^e. */
function* triangleSvd(R: Matrix, exponents: Int32Array): Algorithm<Decomposed> {
  const n = exponents.length, { device } = R;
  if (n <= SMALL) {
    const { u: left, s, v: right } = yield* smallSvd(n, hostTriangle(R, exponents), device);
    return { U: fromRows(left, n, n, device), s, V: fromRows(right, n, n, device) };
  }
  const { N, back } = yield* normalizedTriangle(R, exponents);
  using T = N;
  const { U, s, V } = yield* decompose(T);
  return { U, s: s.map((x) => x * back), V };
}

/** Whether the columns of R, scaled to unit length, are independent to rounding. */
function* isIndependent(R: Matrix, unit: number): Algorithm<boolean> {
  const n = R.shape[0], scales = Int32Array.from(squaredColumns(R), (x) => -exponentOf(Math.sqrt(x)));
  const ends = n > SMALL ? yield* extremes(R, scales) : undefined;
  return ends ? ends.last > unit * ends.first : countAbove(yield* triangleValues(R, scales), unit) === n;
}

/** Full rank: the augmented system, right-hand sides scaled by powers of two. */
function* corrected(
  { A, b }: Problem,
  scaled: Scaled,
  factors: Factors,
  s: Float64Array,
  corrections: Corrections,
): Algorithm<Answer & { missing: number }> {
  const { exponents: shifts } = scaled;
  const [m, n] = A.shape;
  const k = b.length / m;
  const rank = Math.min(m, n);
  const over = m >= n;
  const rhs = over ? b : b.map((x, i) => x * 2 ** -shifts[Math.floor(i / k)]!);
  const exponents = columnExponents(rhs, k);
  const { device } = A;
  using F = empty64(Math.max(m, n), k, device);
  using G = empty64(rank, k, device);
  yield settled();
  const [given, none] = over ? [F, G] : [G, F];
  given.hostAs(Float64Array).set(rhs.map((x, i) => x * 2 ** -exponents[i % k]!));
  none.hostAs(Float64Array).fill(0);
  const { r, z, ...ends } = yield* solveAugmented(scaled, factors, F, G, over ? "z" : "r", corrections, "lstsq");
  if (!over) return { x: r.map((x, i) => x * 2 ** exponents[i % k]!), rank, s, ...ends };
  const x = z.map((x, i) => x * 2 ** (exponents[i % k]! - shifts[Math.floor(i / k)]!));
  const squares = new Float64Array(k);
  r.forEach((x, i) => squares[i % k]! += x * x);
  return { x, rank, s, ...ends, lengths: Float32Array.from(squares, (x, c) => Math.sqrt(x) * 2 ** exponents[c]!) };
}

/** Dependent columns: x = V diag(1/s) Uᵀ b over the values that count, twice corrected. */
function* shortest(
  p: Problem,
  scaled: Scaled,
  Q: Matrix,
  { U: inner, s, V: other }: Decomposed, // of the triangle
  rank: number,
): Algorithm<Answer> {
  const { A, b } = p;
  const [m, n] = A.shape;
  const k = b.length / m;
  const t = { chain: tuned("qr.chain", A) };
  const short = Matrix.empty(s.length, rank, A.device);
  const long = Matrix.empty(Math.max(m, n), rank, A.device);
  geadd(1, other.cols(0, rank), 0, short);
  gemm(1, Q, inner.cols(0, rank), 0, long, t);
  const [U, V] = m >= n ? [long, short] : [short, long];
  using right = V;
  // A and b are scaled by powers of two, s with A.
  const exponent = scaled.exponents.reduce((x, y) => Math.max(x, y), -Infinity);
  using N = Matrix.empty(m, n, A.device);
  using size = Matrix.from([2 ** (exponent - 1)], [1, 1], { device: A.device });
  using inverses = Matrix.from(s.subarray(0, rank).map((x) => 2 ** exponent / x), [1, rank], { device: A.device });
  scale("normalize", A, size, N);
  const exponents = columnExponents(b, k);
  using B = empty64(m, k, A.device);
  using x = new Pair(n, k, A);
  using r64 = empty64(m, k, A.device);
  using r32 = Matrix.empty(m, k, A.device);
  using y = Matrix.empty(rank, k, A.device);
  using dx = Matrix.empty(n, k, A.device);
  yield settled();
  B.hostAs(Float64Array).set(b.map((value, i) => value * 2 ** -exponents[i % k]!));
  for (let step = 0; step <= CORRECTIONS.most; step++) {
    geadd(1, B, 0, r64);
    if (step > 0) subtractProduct(N, undefined, x, r64); // r = b − A x
    geadd(1, r64, 0, r32);
    gemm(1, U.T, r32, 0, y, t);
    scale("multiply", y.T, inverses, y.T);
    gemm(1, right, y, 0, dx, t);
    x.add(dx, step === 0); //                               x = x + V diag(1/s) Uᵀ r
  }
  yield settled();
  const solved = x.whole.hostAs(Float64Array).map((value, i) => value * 2 ** (exponents[i % k]! - exponent));
  return { x: solved, rank, s, change: 0, left: U };
}

/** ‖b − Ax‖ of each column, and the contract: ‖Aᵀ(b − Ax)‖ over √n u ‖A‖(‖A‖‖x‖ + ‖b‖); with left, of the part of A
 * that counts. */
function* measure(
  A: Matrix,
  X: Matrix,
  B: Matrix,
  s: Float64Array,
  left: Matrix | undefined,
): Algorithm<{ lengths: Float32Array; normal: { value: number; bound: number } }> {
  const [m, n] = A.shape;
  const k = B.shape[1];
  const first = s[0] ?? 0;
  const rows = left ? left.shape[1] : n;
  using R = empty64(m, k, A.device);
  using pair = new Pair(m, k, A);
  using G = empty64(rows, k, A.device);
  resid(A, X, B, R);
  yield settled();
  const r = R.hostAs(Float64Array);
  const squares = new Float64Array(k);
  r.forEach((x, i) => squares[i % k]! += x * x);
  const back = 2 ** exponentOf(r.reduce((max, x) => Math.max(max, Math.abs(x)), 0));
  for (let i = 0; i < r.length; i++) r[i]! /= back; //   it may be beyond float32
  pair.add(R, true);
  laset("full", 0, 0, G);
  subtractProduct(left ? left.T : A.T, undefined, pair, G);
  yield settled();
  const normals = new Float64Array(k);
  G.hostAs(Float64Array).forEach((g, i) => normals[i % k]! += ((left ? g * s[Math.floor(i / k)]! : g) * back) ** 2);
  const [xs, bs] = [squaredColumns(X), squaredColumns(B)];
  const bound = BOUND * Math.sqrt(Math.max(1, n));
  const figures = Array.from(normals, (g, c) => {
    if (first === 0) return { value: 0, bound };
    const unit = Math.max(1, first);
    const [error, size] = [Math.sqrt(g) / first / unit, (first * Math.sqrt(xs[c]!) + Math.sqrt(bs[c]!)) / unit];
    return relative(error, size, m * n, bound);
  });
  const worse = (a: typeof figures[number], b: typeof figures[number]): typeof figures[number] =>
    b.value / b.bound <= a.value / a.bound ? a : b;
  return { lengths: Float32Array.from(squares, Math.sqrt), normal: figures.reduce(worse, { value: 0, bound }) };
}
