// Small least-squares problems on the host in float64: Householder QR, corrections by the augmented system with
// residuals in twice the precision (Björck 1967; Ogita, Rump & Oishi 2005).
import { type SmallSvd, smallSvd } from "./small.ts";

/** M = Q R, m >= n. Columns lie one after the other; those of `packed` hold R above the diagonal and the reflectors
 * I - beta v vᵀ from it on. */
export interface Factored64 {
  readonly m: number;
  readonly n: number;
  readonly columns: Float64Array;
  readonly packed: Float64Array;
  readonly diagonal: Float64Array;
  readonly beta: Float64Array;
}

/** Householder QR of m x n numbers stored by columns; 2mn² operations. */
export function factor64(m: number, n: number, columns: Float64Array): Factored64 {
  const f: Factored64 = {
    m,
    n,
    columns,
    packed: columns.slice(),
    diagonal: new Float64Array(n),
    beta: new Float64Array(n),
  };
  for (let j = 0; j < n; j++) {
    const x = f.packed.subarray(j * m + j, j * m + m);
    const { alpha, beta } = house(x);
    f.diagonal[j] = alpha;
    f.beta[j] = beta;
    for (let k = j + 1; k < n; k++) reflect(x, beta, f.packed.subarray(k * m + j, k * m + m));
  }
  return f;
}

/** Turns x into v of the reflector I - beta v vᵀ that takes x to alpha times the first unit vector. */
function house(x: Float64Array): { alpha: number; beta: number } {
  const norm = Math.sqrt(dot(x, x));
  if (norm === 0) return { alpha: 0, beta: 0 };
  const alpha = x[0]! > 0 ? -norm : norm;
  x[0]! -= alpha;
  return { alpha, beta: -1 / (alpha * x[0]!) };
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

/** y -= beta v (vᵀ y). */
function reflect(v: Float64Array, beta: number, y: Float64Array): void {
  const t = beta * dot(v, y);
  for (let i = 0; i < v.length; i++) y[i]! -= t * v[i]!;
}

/** y = Qᵀ y, or Q y, in place. */
export function applyQ64({ m, n, packed, beta }: Factored64, y: Float64Array, transposed: boolean): void {
  for (let step = 0; step < n; step++) {
    const j = transposed ? step : n - 1 - step;
    reflect(packed.subarray(j * m + j, j * m + m), beta[j]!, y.subarray(j));
  }
}

/** y = R⁻¹ y on the first n numbers, in place. */
function solveR({ m, n, packed, diagonal }: Factored64, y: Float64Array): void {
  for (let j = n - 1; j >= 0; j--) {
    const t = y[j]! /= diagonal[j]!;
    for (let i = 0; i < j; i++) y[i]! -= t * packed[j * m + i]!;
  }
}

/** y = R⁻ᵀ y. */
function solveRt({ m, n, packed, diagonal }: Factored64, y: Float64Array): void {
  for (let j = 0; j < n; j++) {
    let t = y[j]!;
    for (let i = 0; i < j; i++) t -= packed[j * m + i]! * y[i]!;
    y[j] = t / diagonal[j]!;
  }
}

/** R, row-major. */
export function triangle64({ m, n, packed, diagonal }: Factored64): Float64Array {
  const r = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < j; i++) r[i * n + j] = packed[j * m + i]!;
    r[j * n + j] = diagonal[j]!;
  }
  return r;
}

/** Singular triplets of an upper triangular matrix; rows of a triangle are nearer to orthogonal than its columns. */
export function triangleSvd(n: number, r: ArrayLike<number>): SmallSvd {
  const turned = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = i; j < n; j++) turned[j * n + i] = r[i * n + j]!;
  const { u, s, v } = smallSvd(n, turned);
  return { u: v, s, v: u };
}

/** Singular values of an upper triangular matrix, row-major, descending: bidiagonal form, then bisection. */
export function triangleValues64(n: number, r: Float64Array): Float64Array {
  const bands = bidiagonal(n, r.slice());
  const top = 2 * bands.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  return Float64Array.from({ length: n }, (_, i) => {
    let [low, high] = [0, top];
    for (let step = 0; step < 60 && high - low > Number.EPSILON * low; step++) {
      const middle = (low + high) / 2;
      if (countAbovePoint(bands, middle) > i) low = middle;
      else high = middle;
    }
    return low;
  });
}

/** Diagonal and superdiagonal, taking turns, of a bidiagonal matrix with the singular values of r (destroyed). */
function bidiagonal(n: number, r: Float64Array): Float64Array {
  const bands = new Float64Array(Math.max(0, 2 * n - 1));
  const v = new Float64Array(n);
  const w = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    for (let i = k; i < n; i++) v[i] = r[i * n + k]!;
    const left = house(v.subarray(k));
    bands[2 * k] = left.alpha;
    w.fill(0);
    for (let i = k; i < n; i++) for (let j = k + 1; j < n; j++) w[j]! += v[i]! * r[i * n + j]!;
    for (let i = k; i < n; i++) for (let j = k + 1; j < n; j++) r[i * n + j]! -= left.beta * v[i]! * w[j]!;
    if (k + 1 === n) break;
    const row = v.subarray(k + 1);
    row.set(r.subarray(k * n + k + 1, k * n + n));
    const right = house(row);
    bands[2 * k + 1] = right.alpha;
    for (let i = k + 1; i < n; i++) reflect(row, right.beta, r.subarray(i * n + k + 1, i * n + n));
  }
  return bands;
}

/** How many singular values of the bidiagonal matrix are above x: positive pivots of [0 Bᵀ; B 0] − x I, reordered. */
function countAbovePoint(bands: Float64Array, x: number): number {
  let count = 0;
  let pivot = -x;
  for (let i = 0; i < bands.length; i++) {
    if (pivot === 0) pivot = -Number.MIN_VALUE;
    pivot = -x - bands[i]! * bands[i]! / pivot;
    if (pivot > 0) count++;
  }
  return count;
}

const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);

/** e with 2^(e-1) <= |x| < 2^e; 0 of 0. */
export function exponentOf(x: number): number {
  double[0] = x;
  return x === 0 ? 0 : ((halves[1]! >>> 20) & 0x7ff) - 1022;
}

/** Columns of a triangle scaled by powers of two to lengths in [1/2, 1). */
export function unitColumns(n: number, r: Float64Array): Float64Array {
  const squares = new Float64Array(n);
  for (let i = 0; i < n * n; i++) squares[i % n]! += r[i]! * r[i]!;
  const factors = squares.map((x) => 2 ** -exponentOf(Math.sqrt(x)));
  return r.map((x, i) => x * factors[i % n]!);
}

/** How many of these (descending) are above tol times the first. */
export function countAbove(s: Float64Array, tol: number): number {
  return s.filter((x) => x > tol * s[0]!).length;
}

/** r and z of the augmented system r + M z = f, Mᵀ r = g: z solves the least-squares problem M z = f for g = 0, r is
 * the shortest solution of Mᵀ r = g for f = 0. */
export interface Augmented64 {
  r: Float64Array;
  z: Float64Array;
  /** Length of the last correction over that of what was wanted. */
  change: number;
}

/** Where corrections no longer halve, or are this small, nothing more can be gained. */
const SETTLED = 2 ** -53;

/** Solves the augmented system by QR, then corrects it so many times at most; `wanted` is what must settle. */
export function augmented64(
  q: Factored64,
  f: Float64Array,
  g: Float64Array,
  wanted: "r" | "z",
  corrections: number,
): Augmented64 {
  const { m, n } = q;
  const [r, z] = [new Float64Array(m), new Float64Array(n)];
  let change = Infinity;
  for (let step = 0; step <= corrections; step++) {
    const [df, dg] = step === 0 ? [f.slice(), g.slice()] : residuals(q, f, g, r, z);
    solveRt(q, dg); //                                h = R⁻ᵀ g
    applyQ64(q, df, true); //                         [d; e] = Qᵀ f
    const dz = df.slice(0, n);
    for (let j = 0; j < n; j++) {
      dz[j]! -= dg[j]!; //                            z = R⁻¹ (d − h)
      df[j] = dg[j]!; //                              r = Q [h; e]
    }
    solveR(q, dz);
    applyQ64(q, df, false);
    for (let i = 0; i < m; i++) r[i]! += df[i]!;
    for (let j = 0; j < n; j++) z[j]! += dz[j]!;
    const before = change;
    change = wanted === "z" ? ratio(dz, z) : ratio(df, r);
    if (step > 0 && (change <= SETTLED || !(change <= before / 2))) break;
  }
  return { r, z, change };
}

function ratio(part: Float64Array, whole: Float64Array): number {
  const [p, w] = [dot(part, part), dot(whole, whole)];
  return p === 0 ? 0 : Math.sqrt(p / w);
}

/** f − r − M z and g − Mᵀ r, as if every product and sum were exact, then rounded. */
function residuals(
  { m, n, columns }: Factored64,
  f: Float64Array,
  g: Float64Array,
  r: Float64Array,
  z: Float64Array,
): [Float64Array, Float64Array] {
  const [df, dg] = [f.slice(), g.slice()];
  const [lowF, lowG] = [new Float64Array(m), new Float64Array(n)];
  for (let i = 0; i < m; i++) subtract(df, lowF, i, 1, r[i]!);
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < m; i++) {
      const a = columns[j * m + i]!;
      subtract(df, lowF, i, a, z[j]!);
      subtract(dg, lowG, j, a, r[i]!);
    }
  }
  return [df.map((x, i) => x + lowF[i]!), dg.map((x, j) => x + lowG[j]!)];
}

/** 2²⁷ + 1 splits a double into two halves of 26 bits (Dekker). */
const SPLIT = 134217729;

/** high[at] + low[at] -= a b, where low gathers the rounding errors of the product and of the sum. */
function subtract(high: Float64Array, low: Float64Array, at: number, a: number, b: number): void {
  const p = a * b;
  const ta = SPLIT * a;
  const tb = SPLIT * b;
  const ah = ta - (ta - a);
  const bh = tb - (tb - b);
  const al = a - ah;
  const bl = b - bh;
  const error = ah * bh - p + ah * bl + al * bh + al * bl;
  const h = high[at]!;
  const s = h - p;
  const t = s - h;
  high[at] = s;
  low[at]! += h - (s - t) - (p + t) - error;
}
