// The tests' own measurements, in float64 and from nothing but the numbers of operands and results. Figures are
// multiples of
// u = 2^-24. A NaN anywhere makes a figure NaN, and no figure that is NaN is within a bound.
import assert from "node:assert/strict";

export const u: number = 2 ** -24;
/** Inputs below this count as 0, so every bound gains it once for each entry (in the Frobenius sense). */
export const tiny: number = 2 ** -126;
export const maxFloat: number = (2 - 2 ** -23) * 2 ** 127;

/** A row-major matrix of doubles. */
export interface Dense {
  readonly m: number;
  readonly n: number;
  readonly x: Float64Array;
}

/** What a result or an operand looks like from outside. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

export function dense(m: number, n: number, x: Float64Array = new Float64Array(m * n)): Dense {
  return { m, n, x };
}

/** The numbers of a matrix, widened. */
export function wide(a: Numbers): Dense {
  const [m, n] = a.shape as [number, number];
  assert.equal(a.data.length, m * n, `data of a ${m}x${n} matrix has ${a.data.length} elements`);
  return dense(m, n, Float64Array.from(a.data));
}

export function eye(n: number): Dense {
  const a = dense(n, n);
  for (let i = 0; i < n; i++) a.x[i * n + i] = 1;
  return a;
}

export function transpose(a: Dense): Dense {
  const { m, n, x } = a;
  const t = dense(n, m);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) t.x[j * m + i] = x[i * n + j]!;
  }
  return t;
}

/** Columns from..to of a. */
export function columns(a: Dense, from: number, to: number): Dense {
  const c = dense(a.m, to - from);
  for (let i = 0; i < a.m; i++) c.x.set(a.x.subarray(i * a.n + from, i * a.n + to), i * c.n);
  return c;
}

export function map(a: Dense, f: (value: number, i: number, j: number) => number): Dense {
  const c = dense(a.m, a.n);
  for (let i = 0, at = 0; i < a.m; i++) {
    for (let j = 0; j < a.n; j++, at++) c.x[at] = f(a.x[at]!, i, j);
  }
  return c;
}

export function abs(a: Dense): Dense {
  return dense(a.m, a.n, a.x.map(Math.abs));
}

/** a - b */
export function minus(a: Dense, b: Dense): Dense {
  assert.deepEqual([a.m, a.n], [b.m, b.n], "minus: shapes differ");
  return dense(a.m, a.n, a.x.map((value, at) => value - b.x[at]!));
}

/** A B, four rows of B at a time, in blocks of B that stay in cache. */
export function matmul64(a: Dense, b: Dense): Dense {
  assert.equal(a.n, b.m, `matmul64: ${a.m}x${a.n} by ${b.m}x${b.n}`);
  const { m, n: depth } = a, { n } = b, c = dense(m, n);
  const x = a.x, y = b.x, z = c.x;
  for (let from = 0; from < depth; from += 96) {
    const to = Math.min(from + 96, depth);
    for (let i = 0; i < m; i++) {
      const row = i * n;
      let k = from;
      for (; k + 3 < to; k += 4) {
        const at = i * depth + k, a0 = x[at]!, a1 = x[at + 1]!, a2 = x[at + 2]!, a3 = x[at + 3]!;
        const b0 = k * n, b1 = b0 + n, b2 = b1 + n, b3 = b2 + n;
        for (let j = 0; j < n; j++) {
          z[row + j] = z[row + j]! + (a0 * y[b0 + j]! + a1 * y[b1 + j]! + (a2 * y[b2 + j]! + a3 * y[b3 + j]!));
        }
      }
      for (; k < to; k++) {
        const a0 = x[i * depth + k]!, b0 = k * n;
        for (let j = 0; j < n; j++) z[row + j] = z[row + j]! + a0 * y[b0 + j]!;
      }
    }
  }
  return c;
}

/** A' A */
export function gram(a: Dense): Dense {
  return matmul64(transpose(a), a);
}

/** Frobenius norm; squares of float32 numbers cannot overflow a double. */
export function normF(a: Dense): number {
  let sum = 0;
  for (let at = 0; at < a.x.length; at++) sum += a.x[at]! * a.x[at]!;
  return Math.sqrt(sum);
}

/** Euclidean norm of each column. */
export function columnNorms(a: Dense): Float64Array {
  const sums = new Float64Array(a.n);
  for (let i = 0, at = 0; i < a.m; i++) {
    for (let j = 0; j < a.n; j++, at++) sums[j] = sums[j]! + a.x[at]! * a.x[at]!;
  }
  return sums.map(Math.sqrt);
}

/** Largest of some numbers; NaN if one is NaN; 0 of none. */
export function largest(values: Iterable<number>): number {
  let most = 0;
  for (const value of values) if (!(value <= most)) most = Number.isNaN(most) ? most : value;
  return most;
}

/** (value - allowance) / (u scale): what of an error is not excused by flushed inputs, in units of u. 0 of 0 is 0. */
export function inUnits(value: number, scale: number, allowance = 0): number {
  const rest = Math.max(0, value - allowance);
  return rest === 0 ? 0 : rest / (u * scale);
}

/** |Q'Q - I|_F / u */
export function orthogonality(q: Dense): number {
  return normF(minus(gram(q), eye(q.n))) / u;
}

/** |A - B|_F / (u |A|_F) */
export function relative(a: Dense, b: Dense): number {
  return inUnits(normF(minus(a, b)), normF(a), tiny * Math.sqrt(a.x.length));
}

/** The worst column of A - B, each in units of u times the length of that column of A. */
export function relativeColumns(a: Dense, b: Dense): number {
  const errors = columnNorms(minus(a, b)), lengths = columnNorms(a);
  return largest(errors.map((e, j) => inUnits(e, lengths[j]!, tiny * Math.sqrt(a.m))));
}

/** Number of entries below the diagonal that are not exactly 0. */
export function belowDiagonal(r: Dense): number {
  let count = 0;
  for (let i = 1; i < r.m; i++) {
    for (let j = 0; j < Math.min(i, r.n); j++) if (r.x[i * r.n + j] !== 0) count++;
  }
  return count;
}

/** The diagonal, as long as the shorter side. */
export function diagonal(a: Dense): number[] {
  return Array.from({ length: Math.min(a.m, a.n) }, (_, i) => a.x[i * a.n + i]!);
}

/** Largest singular value by power iteration on A'A from a fixed start: never more than the truth, and close to it. */
export function norm2(a: Dense, steps = 40): number {
  const scale = largest(abs(a).x);
  if (!(scale > 0 && scale < Infinity) || a.n === 0) return scale;
  const t = transpose(a);
  let v = dense(a.n, 1, Float64Array.from({ length: a.n }, (_, i) => 1 + ((i * 7919) % 13) / 13));
  let sigma = 0;
  for (let step = 0; step < steps; step++) {
    const length = normF(v);
    const w = matmul64(a, map(v, (value) => value / length / scale));
    sigma = normF(w) * scale;
    v = matmul64(t, w);
    if (!(normF(v) > 0)) break;
  }
  return sigma;
}

/** The triangle R of a float64 Householder QR, n x n; m >= n. */
function triangle64(a: Dense): Dense {
  const { m, n } = a, t = transpose(a).x, r = dense(n, n);
  for (let j = 0; j < n; j++) {
    const at = j * m;
    let sum = 0;
    for (let i = j; i < m; i++) sum += t[at + i]! * t[at + i]!;
    const first = t[at + j]!, length = first > 0 ? -Math.sqrt(sum) : Math.sqrt(sum);
    r.x[j * n + j] = length;
    if (length === 0) {
      for (let k = j + 1; k < n; k++) r.x[j * n + k] = t[k * m + j]!;
      continue;
    }
    t[at + j] = first - length;
    const half = sum - first * length;
    for (let k = j + 1; k < n; k++) {
      let dot = 0;
      for (let i = j; i < m; i++) dot += t[at + i]! * t[k * m + i]!;
      const factor = dot / half;
      for (let i = j; i < m; i++) t[k * m + i] = t[k * m + i]! - factor * t[at + i]!;
      r.x[j * n + k] = t[k * m + j]!;
    }
  }
  return r;
}

/** All singular values, descending, by float64 QR and one-sided Jacobi: right to about 1e-14 of the largest. */
export function singularValues64(a: Dense): Float64Array {
  const scale = largest(abs(a).x);
  if (a.m === 0 || a.n === 0 || scale === 0) return new Float64Array(Math.min(a.m, a.n));
  const tall = map(a.m >= a.n ? a : transpose(a), (value) => value / scale);
  const w = triangle64(tall), n = w.n;
  for (let sweep = 0; sweep < 30; sweep++) {
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) if (rotate(w.x, p * n, q * n, n)) rotated = true;
    }
    if (!rotated) break;
  }
  return columnNorms(transpose(w)).map((s) => s * scale).sort().reverse();
}

/** Makes two rows of w orthogonal by a plane rotation; false when they are already. */
function rotate(w: Float64Array, p: number, q: number, n: number): boolean {
  let pp = 0, qq = 0, pq = 0;
  for (let i = 0; i < n; i++) {
    const x = w[p + i]!, y = w[q + i]!;
    pp += x * x;
    qq += y * y;
    pq += x * y;
  }
  // Rows shorter than 1e-17 of the largest (lengths are about 1) are rounding noise.
  if (!(Math.abs(pq) > 1e-15 * Math.sqrt(pp * qq)) || Math.min(pp, qq) < 1e-34) return false;
  const zeta = (qq - pp) / (2 * pq);
  const t = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const c = 1 / Math.sqrt(1 + t * t), s = c * t;
  for (let i = 0; i < n; i++) {
    const x = w[p + i]!, y = w[q + i]!;
    w[p + i] = c * x - s * y;
    w[q + i] = s * x + c * y;
  }
  return true;
}

/** Eigenvalue of a symmetric matrix closest to minus infinity, by a shift that makes every eigenvalue positive. */
export function smallestEigenvalue(a: Dense): number {
  const shift = normF(a);
  const values = singularValues64(map(a, (value, i, j) => value + (i === j ? shift : 0)));
  return values.length === 0 ? 0 : values.at(-1)! - shift;
}

/** One figure of a contract, measured. */
export interface Figure {
  readonly contract: string;
  readonly value: number;
  readonly bound: number;
}

/** Fails unless every figure is a number within its bound. */
export function hold(figures: readonly Figure[], where: string): void {
  for (const { contract, value, bound } of figures) {
    assert.ok(value <= bound, `${where}: ${contract} is ${value.toPrecision(4)}, its bound ${bound.toPrecision(4)}`);
  }
}
