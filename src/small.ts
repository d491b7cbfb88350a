// Small dense problems in float64: Rayleigh-Ritz matrices of svd, covariances, triangles (a few hundred rows).
import { empty64, hosted64, syev } from "./blas.ts";
import { type Algorithm, type Pause, settled } from "./call.ts";
import type { Device } from "./device.ts";
import { Matrix } from "./matrix.ts";

/** Eigenpairs of a symmetric matrix: all values, descending, and as columns in float64 the vectors of the first. */
export interface Eigen {
  values: Float64Array;
  vectors: Matrix;
}

/** Singular triplets, values descending; u[i*n + j] and v[i*n + j] are entry j of the vectors of value i. */
export interface SmallSvd {
  u: Float64Array;
  s: Float64Array;
  v: Float64Array;
}

/** Eigenvalues of the symmetric matrix with this lower triangle (float64), and so many vectors. */
export function* symmetricEigen(G: Matrix, wanted: number, pause: Pause = settled()): Algorithm<Eigen> {
  const n = G.shape[0];
  using W = empty64(1, n, G.device);
  const vectors = empty64(n, wanted, G.device);
  syev(G, W, vectors);
  yield pause;
  return { values: W.hostAs(Float64Array).slice(), vectors };
}

/** [0 Rᵀ; R 0], whose eigenvalues are ± the singular values of R and whose vectors are [v; ± u] / √2 (Jordan; Lanczos):
 * small values keep the error of the largest, where those of RᵀR would lose half of the digits. */
function* augmented(n: number, r: ArrayLike<number>, wanted: number, device: Device): Algorithm<Eigen> {
  using J = hosted64(2 * n, 2 * n, device);
  const numbers = J.hostAs(Float64Array).fill(0);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) numbers[(n + i) * 2 * n + j] = r[i * n + j]!;
  const { values, vectors } = yield* symmetricEigen(J, wanted);
  return { values: values.subarray(0, n).map((x) => Math.max(0, x)), vectors };
}

/** Singular values of a square matrix, row-major, descending. */
export function* smallValues(n: number, r: ArrayLike<number>, device: Device): Algorithm<Float64Array> {
  const { values, vectors } = yield* augmented(n, r, 0, device);
  vectors[Symbol.dispose]();
  return values;
}

/** Below this part of the largest value, the vectors of a value and of its negative mix so far that their halves must
 * be made orthogonal again. */
const MIXED = 2 ** -20;

/** Singular triplets of a square matrix, row-major. */
export function* smallSvd(n: number, r: ArrayLike<number>, device: Device): Algorithm<SmallSvd> {
  const { values: s, vectors } = yield* augmented(n, r, n, device);
  using Z = vectors;
  const z = Z.hostAs(Float64Array);
  const [u, v] = [new Float64Array(n * n), new Float64Array(n * n)];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      v[i * n + j] = z[j * n + i]!;
      u[i * n + j] = z[(n + j) * n + i]!;
    }
    const mixed = s[i]! <= MIXED * s[0]!;
    for (const rows of [u, v]) {
      if (mixed) makeOrthogonal(n, i, rows);
      normalize(rows.subarray(i * n, i * n + n));
    }
  }
  return { u, s, v };
}

/** Rows of vectors, n numbers each, as k columns of a float32 matrix. */
export function fromRows(vectors: Float64Array, k: number, n: number, device: Device): Matrix {
  const M = Matrix.hosted(n, k, device);
  const m = M.host();
  for (let i = 0; i < k; i++) for (let j = 0; j < n; j++) m[j * k + i] = vectors[i * n + j]!;
  return M;
}

export function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

/** Makes x a unit vector; 0 stays 0. */
function normalize(x: Float64Array): void {
  const size = Math.sqrt(dot(x, x));
  if (size > 0) { for (let i = 0; i < x.length; i++) x[i]! /= size; }
}

/** Row `to` loses what it has of the rows before it, which are orthonormal. Where that leaves little of it, or it
 * was 0, the coordinate vector farthest from their span takes its place: the value is rounding alone, and any direction
 * serves. */
function makeOrthogonal(n: number, to: number, rows: Float64Array): void {
  const x = rows.subarray(to * n, to * n + n);
  normalize(x);
  if (project(n, to, rows, x) > 1 / 2) return;
  const covered = new Float64Array(n);
  for (let r = 0; r < to; r++) for (let j = 0; j < n; j++) covered[j]! += rows[r * n + j]! ** 2;
  const farthest = covered.reduce((best, c, j) => (c < covered[best]! ? j : best), 0);
  x.fill(0)[farthest] = 1;
  project(n, to, rows, x);
}

/** Projects x twice; returns the length left of it. */
function project(n: number, to: number, rows: Float64Array, x: Float64Array): number {
  for (let pass = 0; pass < 2; pass++) {
    for (let r = 0; r < to; r++) {
      const row = rows.subarray(r * n, r * n + n), t = dot(row, x);
      for (let j = 0; j < n; j++) x[j]! -= t * row[j]!;
    }
  }
  return Math.sqrt(dot(x, x));
}
