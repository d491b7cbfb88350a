// Small least-squares problems on the host in float64: Householder QR, corrections by the augmented system with
// residuals in twice the precision (Björck 1967; Ogita, Rump & Oishi 2005).
import { dot } from "./small.ts";

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
    reflectColumns(f, j);
  }
  return f;
}

/** Applies the reflector in column j to those behind it, two at a time: each number of it is read once for both. */
function reflectColumns({ m, n, packed, beta }: Factored64, j: number): void {
  const b = beta[j]!;
  for (let k = j + 1; k < n; k += 2) {
    const x = k * m;
    const y = k + 1 < n ? x + m : x; //   the last one alone, twice over: it is then written twice alike
    let [s, t] = [0, 0];
    for (let i = j; i < m; i++) {
      const v = packed[j * m + i]!;
      s += v * packed[x + i]!;
      t += v * packed[y + i]!;
    }
    s *= b;
    t *= b;
    for (let i = j; i < m; i++) {
      const v = packed[j * m + i]!;
      const last = packed[y + i]! - t * v;
      packed[x + i]! -= s * v;
      packed[y + i] = last;
    }
  }
}

/** Turns x into v of the reflector I - beta v vᵀ that takes x to alpha times the first unit vector. */
export function house(x: Float64Array): { alpha: number; beta: number } {
  const norm = Math.sqrt(dot(x, x));
  if (norm === 0) return { alpha: 0, beta: 0 };
  const alpha = x[0]! > 0 ? -norm : norm;
  x[0]! -= alpha;
  return { alpha, beta: -1 / (alpha * x[0]!) };
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
