// Principal components: eigenvectors of the covariance, gathered in float64 block by block of rows, or singular
// triplets of the centred matrix.
import { empty64, geadd, gemm, hosted64, scale, syrk } from "./blas.ts";
import { type Algorithm, Call, type RunOptions, settled } from "./call.ts";
import { isFinite, notANumber, requireInRange } from "./check.ts";
import { eighJob } from "./eigh.ts";
import { centred, inReach, less, means, ones, row } from "./centred.ts";
import { ArgumentError, OverflowError, ShapeError } from "./errors.ts";
import { fullSvdJob } from "./fullsvd.ts";
import { requireNumber, requireOptions } from "./input.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { squaredColumns, sum } from "./proof.ts";
import { fixSigns } from "./signs.ts";
import { type Eigen, symmetricEigen } from "./small.ts";
import { iterated, planFor, topJob } from "./svd.ts";

export interface PcaOptions extends RunOptions {
  /** How many components, 0 to min(m, n). Default: all. */
  k?: number;
  /** Instead of k: as few components as explain this part of the variance, above 0 and at most 1. */
  variance?: number;
  /** Subtract the mean of each column. Default true. */
  center?: boolean;
  /** Divide each column by its standard deviation (a constant column by 1). Default false. */
  scale?: boolean;
  /** Scores of variance 1. Default false. */
  whiten?: boolean;
  /** covariance: one read of the rows, n² numbers; svd: the centred matrix itself. Default: covariance for n <= 512. */
  method?: "auto" | "covariance" | "svd";
}

/** What a fit leaves. */
export interface Model {
  /** k x n, orthonormal rows. */
  readonly components: Matrix;
  readonly mean: Float64Array;
  /** What each column was divided by. */
  readonly scales: Float64Array | undefined;
  readonly singularValues: Float32Array;
  readonly explainedVariance: Float32Array;
  readonly explainedVarianceRatio: Float32Array;
  /** Of each column of scores, with whiten: squares may be beyond float32. */
  readonly deviations: Float64Array | undefined;
}

/** Sums over rows: their number, the mean of each column (0 where it is not subtracted), and the lower triangle of the
 * products of the rows less that. */
export interface Gathered {
  readonly rows: number;
  readonly mean: Float64Array;
  readonly products: Float64Array;
  readonly device: Matrix["device"];
}

/** Numbers of the rows that are copied at a time, where they are wanted less their mean. */
const COPIED = 1 << 22;
/** Eigenproblems up to this order are solved in float64, and up to that one where few vectors are wanted: there eigh,
 * which finds all, takes longer. */
const SMALL = 256;
const MEDIUM = 1024;
/** Up to so many columns the covariance is the way. */
const NARROW = 512;

export function checkOptions(o: PcaOptions, op: string): void {
  requireOptions(o, op);
  const { k, variance, method = "auto" } = o;
  if (!["auto", "covariance", "svd"].includes(method)) {
    throw new ArgumentError(`${op}: there is no method "${method}"; methods are auto, covariance, svd`);
  }
  if (k !== undefined && variance !== undefined) {
    throw new ArgumentError(`${op}: k is ${k} and variance is ${variance}; give one of them`);
  }
  if (k !== undefined) requireNumber(k, "k", op, (x) => Number.isInteger(x) && x >= 0, "a whole number from 0");
  if (variance !== undefined) {
    requireNumber(variance, "variance", op, (x) => x > 0 && x <= 1, "above 0 and at most 1");
  }
}

function checkCount(o: PcaOptions, m: number, n: number, op: string): void {
  if (m === 0 || n === 0) {
    throw new ShapeError(`${op}: ${m} rows of ${n} numbers have no components; give at least one`);
  }
  if (o.k !== undefined && o.k > Math.min(m, n)) {
    throw new ArgumentError(`${op}: k is ${o.k}; ${m} rows of ${n} numbers have ${Math.min(m, n)} components`);
  }
}

/** Where blocks of rows begin and end whose copies take 16 MB at most, or a row; one without rows where there are none.
 */
function* blocks([m, n]: readonly [number, number]): Generator<[from: number, to: number]> {
  const step = Math.max(1, Math.floor(COPIED / n));
  let from = 0;
  do yield [from, Math.min(m, from + step)]; while ((from += step) < m);
}

/** The sums over rows, of which nothing is kept: products of the rows less their mean rounded to float32, made those of
 * the rows less their mean. */
export function* gather(X: Matrix, o: PcaOptions, op: string): Algorithm<Gathered> {
  const [m, n] = X.shape;
  yield* isFinite(X, op, "rows", o.checkFinite);
  const centred = o.center !== false && m > 0;
  const shift = centred ? (yield* means(X)).map(Math.fround) : new Float64Array(n);
  using E = ones(m, X);
  using total = empty64(1, n, X.device);
  using squares = empty64(n, n, X.device);
  for (const [from, to] of blocks(X.shape)) {
    using Y = centred ? less(X.rows(from, to), shift) : X.rows(from, to);
    const beta = from === 0 ? 0 : 1;
    gemm(1, E.rows(from, to).T, Y, beta, total);
    syrk("lower", 1, Y.T, beta, squares);
  }
  yield settled();
  const products = squares.hostAs(Float64Array).slice();
  if (!centred) return { rows: m, mean: shift, products, device: X.device };
  const offset = total.hostAs(Float64Array).map((x) => x / m);
  addSquare(products, offset, -m);
  return { rows: m, mean: offset.map((x, j) => x + shift[j]!), products, device: X.device };
}

/** The sums over both (Chan, Golub & LeVeque 1983); those of a are used up. */
export function merged(a: Gathered, b: Gathered, op: string): Gathered {
  const n = a.mean.length;
  if (b.mean.length !== n) throw new ShapeError(`${op}: rows of ${b.mean.length} numbers after rows of ${n}`);
  const rows = a.rows + b.rows;
  const { products, device } = a;
  const apart = b.mean.map((x, j) => x - a.mean[j]!);
  for (let i = 0; i < products.length; i++) products[i]! += b.products[i]!;
  addSquare(products, apart, a.rows * b.rows / rows);
  return { rows, mean: a.mean.map((x, j) => x + apart[j]! * b.rows / rows), products, device };
}

/** C += weight v vᵀ on the lower triangle. */
function addSquare(c: Float64Array, v: Float64Array, weight: number): void {
  const n = v.length;
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) c[i * n + j]! += weight * v[i]! * v[j]!;
}

/** Covariance of a fit: lower triangle in float64, with the means and the divisors. */
interface Covariance {
  readonly c: Float64Array;
  readonly mean: Float64Array;
  readonly scales: Float64Array | undefined;
}

function covariance({ rows, mean, products }: Gathered, o: PcaOptions): Covariance {
  const n = mean.length;
  const c = products.map((x) => x / Math.max(1, rows - 1));
  if (!o.scale) return { c, mean, scales: undefined };
  const scales = Float64Array.from({ length: n }, (_, i) => Math.sqrt(Math.max(0, c[i * n + i]!)) || 1);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) c[i * n + j]! /= scales[i]! * scales[j]!;
  return { c, mean, scales };
}

/** How many components the options ask for. */
function countOf(values: ArrayLike<number>, most: number, total: number, o: PcaOptions): number {
  if (o.variance === undefined) return o.k ?? most;
  let [k, explained] = [0, 0];
  while (k < most && (k === 0 || explained < o.variance * total)) explained += values[k++]!;
  return k;
}

/** The model from variances (descending, float64) and the k rows of components. */
function model(
  components: Matrix,
  variances: Float64Array,
  total: number,
  rows: number,
  fit: { mean: Float64Array; scales: Float64Array | undefined },
  o: PcaOptions,
): Model {
  const explainedVariance = Float32Array.from(variances);
  const singularValues = Float32Array.from(variances, (x) => Math.sqrt(x * Math.max(1, rows - 1)));
  for (const values of [explainedVariance, singularValues]) {
    if (values.includes(Infinity)) {
      throw new OverflowError("pca: a variance is beyond float32 (3.4e38); scale the data first");
    }
  }
  const explainedVarianceRatio = Float32Array.from(variances, (x) => total === 0 ? 0 : x / total);
  const deviations = o.whiten ? variances.map(Math.sqrt) : undefined;
  return { components, ...fit, singularValues, explainedVariance, explainedVarianceRatio, deviations };
}

/** Components from what was gathered. */
export function* fromCovariance(call: Call, gathered: Gathered, o: PcaOptions, op: string): Algorithm<Model> {
  const { rows, device } = gathered;
  const n = gathered.mean.length;
  checkCount(o, rows, n, op);
  const { c, mean, scales } = covariance(gathered, o);
  let total = 0;
  for (let i = 0; i < n; i++) total += Math.max(0, c[i * n + i]!);
  const most = Math.min(rows, n);
  if (Number.isNaN(total)) return lost(device, n, o.k ?? most);
  const wanted = o.k ?? most;
  const few = n <= SMALL || n <= MEDIUM && wanted <= n / 4;
  const { values, vectors } = few ? yield* float64Pairs(device, n, c, wanted) : yield* eigenpairs(call, n, c);
  using columns = vectors;
  const variances = values.map((x) => Math.max(0, x));
  const k = countOf(variances, most, total, o);
  const components = Matrix.empty(k, n, device);
  geadd(1, columns.cols(0, k).T, 0, components);
  return model(components, variances.slice(0, k), total, rows, { mean, scales }, o);
}

function* float64Pairs(device: Matrix["device"], n: number, c: Float64Array, wanted: number): Algorithm<Eigen> {
  using C = hosted64(n, n, device);
  C.hostAs(Float64Array).set(c);
  return yield* symmetricEigen(C, wanted);
}

/** Eigenpairs of a large covariance by eigh on its numbers scaled to about 1. */
function* eigenpairs(call: Call, n: number, c: Float64Array): Algorithm<Eigen> {
  let size = 0;
  for (let i = 0; i < n; i++) size = Math.max(size, c[i * n + i]!);
  const unit = size || 1;
  using C = Matrix.hosted(n, n, call.device);
  C.host().set(c.map((x) => x / unit));
  const { values, vectors } = yield* eighJob(call, C, {});
  using ascending = vectors;
  yield settled();
  const v = ascending.readBlock(0, n, 0, n), descending = Matrix.hosted(n, n, call.device);
  const d = descending.host();
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) d[i * n + j] = v[i * n + n - 1 - j]!;
  return { values: Float64Array.from(values, (x) => x * unit).reverse(), vectors: descending };
}

/** Turns the signs of components, k x n, where there are no scores to go by. */
export function fixComponents(components: Matrix): void {
  fixSigns(components.T, []);
}

/** The model for rows that are not finite. */
function lost(device: Matrix["device"], n: number, k: number): Model {
  const components = Matrix.hosted(k, n, device);
  components.host().fill(NaN);
  const nan = new Float32Array(k).fill(NaN);
  const mean = new Float64Array(n).fill(NaN);
  return {
    components,
    mean,
    scales: undefined,
    singularValues: nan,
    explainedVariance: nan.slice(),
    explainedVarianceRatio: nan.slice(),
    deviations: undefined, // scores are NaN in any case
  };
}

/** Components from the centred matrix itself. */
function* fromSvd(call: Call, X: Matrix, o: PcaOptions): Algorithm<Model> {
  const [m, n] = X.shape;
  const mean = o.center === false ? new Float64Array(n) : yield* means(X);
  const most = Math.min(m, n), freedom = Math.max(1, m - 1);
  const few = o.k !== undefined && o.k <= most / 4;
  const fit = few && o.k! > 0 && !o.scale ? yield* fromProducts(X, mean, o) : undefined;
  if (fit) return fit;
  using Y = less(X, mean);
  yield settled();
  let squares = squaredColumns(Y);
  let scales: Float64Array | undefined;
  if (o.scale) {
    scales = squares.map((x) => Math.sqrt(x / freedom) || 1);
    using inverses = row(scales.map((x) => 1 / x), X);
    scale("multiply", Y, inverses, Y);
    squares = squares.map((x, j) => x / scales![j]! ** 2);
  }
  using own = new Call(call.op, [Y], call.options, false); // Y ends with it, not with the public call
  const { u: U, s, vt } = few ? yield* topJob(own, Y, { k: o.k!, tol: TOL }) : yield* fullSvdJob(own, Y, {});
  U[Symbol.dispose]();
  using all = vt;
  const total = sum(squares) / freedom;
  const variances = Float64Array.from(s, (x) => x * x / freedom);
  const k = countOf(variances, Math.min(most, s.length), total, o);
  const components = Matrix.empty(k, n, X.device);
  geadd(1, all.rows(0, k), 0, components);
  return model(components, variances.slice(0, k), total, m, { mean, scales }, o);
}

/** The same without a copy of the rows, where that costs no accuracy and iteration is the way. */
function* fromProducts(X: Matrix, mean: Float64Array, o: PcaOptions): Algorithm<Model | undefined> {
  const [m, n] = X.shape, freedom = Math.max(1, m - 1);
  const { plan, way } = planFor(X, { k: o.k!, tol: TOL });
  const squares = squaredColumns(X);
  if (way !== "krylov" || !inReach(squares, mean, X.shape)) return undefined;
  using E = ones(m, X);
  using M = row(mean, X);
  const { u: U, s, vt } = yield* iterated(centred(X, E, M), m < n, plan);
  U[Symbol.dispose]();
  const total = squares.reduce((all, x, j) => all + Math.max(0, x - m * mean[j]! ** 2), 0) / freedom;
  return model(vt, Float64Array.from(s, (x) => x * x / freedom), total, m, { mean, scales: undefined }, o);
}

/** Variances go with the square of the values: half the contract. */
const TOL = 2e-6;

function requireColumns(X: Matrix, n: number, op: string, what: string): void {
  const [m, given] = X.shape;
  if (given !== n) throw new ShapeError(`${op}: ${m}x${given} ${what}; rows of ${n} numbers are needed`);
}

/** What scores are multiplied by: 1 over the standard deviation, or 0 where there is none within the normal range. */
function whitening(deviations: Float64Array): Float64Array {
  return deviations.map((x) => x >= 2 ** -126 ? 1 / x : 0);
}

/** Scores of rows: (X − mean) / scales times the components, not whitened. */
function project(X: Matrix, { mean, scales }: Model, components: Matrix): Matrix {
  const T = Matrix.empty(X.shape[0], components.shape[0], X.device);
  using inverses = scales && row(scales.map((x) => 1 / x), X);
  for (const [from, to] of blocks(X.shape)) {
    using Y = less(X.rows(from, to), mean);
    if (inverses) scale("multiply", Y, inverses, Y);
    gemm(1, Y, components.T, 0, T.rows(from, to));
  }
  return T;
}

/** The public transform. */
export function* transformJob(call: Call, x: MatrixLike, fit: Model): Algorithm<Matrix> {
  const [X, components] = [call.matrix(x, "x"), call.matrix(fit.components, "components")];
  requireColumns(X, components.shape[1], "transform", "given");
  const finite = yield* isFinite(X, "transform", "x", call.options.checkFinite);
  const T = project(X, fit, components);
  if (fit.deviations) multiply(T, whitening(fit.deviations));
  if (finite) yield* requireInRange(T, "transform", "the scores");
  return T;
}

function multiply(T: Matrix, factors: Float64Array): void {
  using F = row(factors, T);
  scale("multiply", T, F, T);
}

/** The public inverseTransform. */
export function* inverseTransformJob(call: Call, scores: MatrixLike, fit: Model): Algorithm<Matrix> {
  const [S, components] = [call.matrix(scores, "scores"), call.matrix(fit.components, "components")];
  const [k, n] = components.shape;
  requireColumns(S, k, "inverseTransform", "scores given");
  const finite = yield* isFinite(S, "inverseTransform", "scores", call.options.checkFinite);
  const m = S.shape[0];
  using T = Matrix.empty(m, k, S.device);
  geadd(1, S, 0, T);
  if (fit.deviations) multiply(T, fit.deviations);
  const X = Matrix.empty(m, n, S.device);
  gemm(1, T, components, 0, X);
  if (fit.scales) multiply(X, fit.scales);
  using E = ones(m, S);
  using mean = row(fit.mean, S);
  gemm(1, E, mean, 1, X);
  if (finite) yield* requireInRange(X, "inverseTransform", "the rows");
  return X;
}

/** The public pca: a fit and the scores of its rows, the first entry of each column of scores within 2^-10 of its
 * largest positive. */
export function* pcaJob(call: Call, x: MatrixLike, o: PcaOptions): Algorithm<{ fit: Model; scores: Matrix }> {
  checkOptions(o, "pca");
  const X = call.matrix(x, "x");
  const [m, n] = X.shape;
  checkCount(o, m, n, "pca");
  if (!(yield* isFinite(X, "pca", "x", o.checkFinite))) {
    const fit = lost(X.device, n, o.k ?? Math.min(m, n));
    return { fit, scores: notANumber(m, fit.components.shape[0], X) };
  }
  const { method = "auto" } = o;
  const narrow = n <= NARROW || (o.k === undefined && m >= n);
  const fit = method === "svd" || (method === "auto" && !narrow)
    ? yield* fromSvd(call, X, o)
    : yield* fromRows(call, X, o);
  const scores = project(X, fit, fit.components);
  fixSigns(scores, [fit.components.T]);
  if (fit.deviations) multiply(scores, whitening(fit.deviations));
  yield* requireInRange(scores, "pca", "the scores");
  return { fit, scores };
}

function* fromRows(call: Call, X: Matrix, o: PcaOptions): Algorithm<Model> {
  return yield* fromCovariance(call, yield* gather(X, o, "pca"), o, "pca");
}
