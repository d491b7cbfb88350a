// Small dense problems on the host in float64: the Rayleigh-Ritz matrices of svd (a few hundred rows).

/** Eigenpairs of a symmetric matrix, values descending; vectors[i*n + j] is entry j of the vector of value i. */
export interface SmallEigen {
  values: Float64Array;
  vectors: Float64Array;
}

/** Singular triplets; u[i*n + j] and v[i*n + j] are entry j of the vectors of value i. */
export interface SmallSvd {
  u: Float64Array;
  s: Float64Array;
  v: Float64Array;
}

/** √(a² + b²) from operations that every engine rounds alike (Math.hypot is not one), so that runtimes agree in every
 * bit. */
function hypot(a: number, b: number): number {
  const [x, y] = [Math.abs(a), Math.abs(b)];
  const max = x > y ? x : y;
  const ratio = (x > y ? y : x) / max;
  return max === 0 ? 0 : max * Math.sqrt(1 + ratio * ratio);
}

/** Euclidean length without overflow. */
function length(x: Float64Array): number {
  const max = x.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  return max === 0 ? 0 : max * Math.sqrt(x.reduce((s, v) => s + (v / max) * (v / max), 0));
}

/** QL steps allowed for one eigenvalue; two or three are usual. */
const MAX_STEPS = 60;
const MAX_SWEEPS = 30;

/** All eigenpairs of the symmetric n x n matrix whose lower triangle is given, by Householder reduction to tridiagonal
 * form and QL with implicit Wilkinson shifts (Golub & Van Loan §8.3). About 9n³ operations. */
export function symmetricEigen(n: number, matrix: Float64Array): SmallEigen {
  const a = matrix.slice(0, n * n);
  const { d, e, q } = tridiagonalize(n, a);
  implicitQL(n, d, e, q);
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => d[j]! - d[i]!);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => vectors.set(q.subarray(from * n, from * n + n), to * n));
  return { values: Float64Array.from(order, (i) => d[i]!), vectors };
}

/** A = Qᵀ T Q with rows of q orthonormal, T tridiagonal: diagonal d, subdiagonal e[0..n-2]. Destroys a. */
function tridiagonalize(n: number, a: Float64Array): { d: Float64Array; e: Float64Array; q: Float64Array } {
  const d = new Float64Array(n);
  const e = new Float64Array(n);
  const betas = new Float64Array(n);
  const p = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    // The reflector I - beta v vᵀ takes column k below the diagonal to a multiple of its first entry; v is kept in that
    // column.
    let max = 0;
    for (let i = k + 1; i < n; i++) max = Math.max(max, Math.abs(a[i * n + k]!));
    let sum = 0;
    if (max > 0) { for (let i = k + 1; i < n; i++) sum += (a[i * n + k]! / max) * (a[i * n + k]! / max); }
    const head = a[(k + 1) * n + k]!;
    const norm = max * Math.sqrt(sum);
    if (norm === 0 || sum === (head / max) * (head / max)) {
      e[k] = head;
      continue;
    }
    const alpha = head > 0 ? -norm : norm;
    const v0 = head - alpha;
    e[k] = alpha;
    betas[k] = -v0 / alpha;
    for (let i = k + 2; i < n; i++) a[i * n + k]! /= v0;
    a[(k + 1) * n + k] = 1;
    rankTwoUpdate(n, k, a, betas[k]!, p);
  }
  for (let i = 0; i < n; i++) d[i] = a[i * n + i]!;
  return { d, e, q: accumulate(n, a, betas) };
}

/** A22 -= v wᵀ + w vᵀ on the lower triangle, v in column k of a, w = p - (beta/2)(pᵀv) v, p = beta A22 v. */
function rankTwoUpdate(n: number, k: number, a: Float64Array, beta: number, p: Float64Array): void {
  p.fill(0, k + 1);
  for (let i = k + 1; i < n; i++) {
    const vi = a[i * n + k]!;
    let sum = a[i * n + i]! * vi;
    for (let j = k + 1; j < i; j++) {
      const aij = a[i * n + j]!;
      sum += aij * a[j * n + k]!;
      p[j]! += aij * vi;
    }
    p[i]! += sum;
  }
  let pv = 0;
  for (let i = k + 1; i < n; i++) pv += (p[i]! *= beta) * a[i * n + k]!;
  for (let i = k + 1; i < n; i++) p[i]! -= 0.5 * beta * pv * a[i * n + k]!;
  for (let i = k + 1; i < n; i++) {
    const vi = a[i * n + k]!;
    const wi = p[i]!;
    for (let j = k + 1; j <= i; j++) a[i * n + j]! -= vi * p[j]! + wi * a[j * n + k]!;
  }
}

/** The product of the reflectors, as rows of the eigenbasis: last reflector first. */
function accumulate(n: number, a: Float64Array, betas: Float64Array): Float64Array {
  const q = new Float64Array(n * n);
  const dots = new Float64Array(n);
  for (let i = 0; i < n; i++) q[i * n + i] = 1;
  for (let k = n - 2; k >= 0; k--) {
    const beta = betas[k]!;
    if (beta === 0) continue;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += q[i * n + j]! * a[j * n + k]!;
      dots[i] = beta * sum;
    }
    for (let i = k + 1; i < n; i++) {
      const t = dots[i]!;
      for (let j = k + 1; j < n; j++) q[i * n + j]! -= t * a[j * n + k]!;
    }
  }
  return q;
}

/** Diagonalises the tridiagonal matrix (d, e); rotations act on the rows of q. */
function implicitQL(n: number, d: Float64Array, e: Float64Array, q: Float64Array): void {
  let norm = 0;
  for (let i = 0; i < n; i++) norm = Math.max(norm, Math.abs(d[i]!), Math.abs(e[i]!));
  for (let l = 0; l < n; l++) {
    for (let step = 0;; step++) {
      let m = l;
      while (m < n - 1 && !negligible(e[m]!, d[m]!, d[m + 1]!, norm)) m++;
      if (m === l) break;
      if (step === MAX_STEPS) {
        throw new Error(`symmetricEigen: no convergence after ${MAX_STEPS} steps at value ${l} of ${n}`);
      }
      chase(n, l, m, d, e, q);
    }
  }
}

/** Small beside its neighbours, or beside the rounding of the whole matrix (values far below that are noise). */
function negligible(e: number, above: number, below: number, norm: number): boolean {
  return Math.abs(e) <= Number.EPSILON * Math.max(Math.abs(above) + Math.abs(below), norm / 16);
}

/** One implicit QL step on rows l..m. */
function chase(n: number, l: number, m: number, d: Float64Array, e: Float64Array, q: Float64Array): void {
  const half = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  const r = hypot(half, 1);
  let g = d[m]! - d[l]! + e[l]! / (half + (half >= 0 ? r : -r));
  let s = 1;
  let c = 1;
  let p = 0;
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    const h = hypot(f, g);
    e[i + 1] = h;
    if (h === 0) {
      d[i + 1]! -= p;
      e[m] = 0;
      return;
    }
    s = f / h;
    c = g / h;
    g = d[i + 1]! - p;
    const t = (d[i]! - g) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
    rotate(q, i * n, (i + 1) * n, n, c, s);
  }
  d[l]! -= p;
  e[l] = g;
  e[m] = 0;
}

/** Rows x, y of q become c x - s y, s x + c y. */
function rotate(q: Float64Array, x: number, y: number, n: number, c: number, s: number): void {
  for (let j = 0; j < n; j++) {
    const a = q[x + j]!;
    const b = q[y + j]!;
    q[x + j] = c * a - s * b;
    q[y + j] = s * a + c * b;
  }
}

/** All singular triplets of an n x n matrix by one-sided Jacobi (Hestenes), values descending. */
export function smallSvd(n: number, matrix: ArrayLike<number>): SmallSvd {
  // Columns of the matrix as rows of w, rotated until orthogonal; v gathers the rotations.
  const w = new Float64Array(n * n);
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    v[i * n + i] = 1;
    for (let j = 0; j < n; j++) w[j * n + i] = matrix[i * n + j]!;
  }
  const size = Number.EPSILON * length(w); // columns shorter than this are rounding, and never become orthogonal
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) if (!jacobiSweep(n, w, v, size * size)) break;
  const norms = Float64Array.from({ length: n }, (_, i) => length(w.subarray(i * n, i * n + n)));
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => norms[j]! - norms[i]!);
  const out: SmallSvd = { u: new Float64Array(n * n), s: new Float64Array(n), v: new Float64Array(n * n) };
  const noise = n * Number.EPSILON * (norms[order[0]!] ?? 0);
  order.forEach((from, to) => {
    const s = norms[from]!;
    out.s[to] = s;
    out.v.set(v.subarray(from * n, from * n + n), to * n);
    // A column that rounding alone made has no direction of its own.
    if (s <= noise) completeRow(n, to, out.u);
    else for (let j = 0; j < n; j++) out.u[to * n + j] = w[from * n + j]! / s;
  });
  return out;
}

/** Row `to` becomes a unit vector orthogonal to the rows before it: what is left, twice projected, of the coordinate
 * vector that is farthest from their span. */
function completeRow(n: number, to: number, u: Float64Array): void {
  const covered = new Float64Array(n);
  for (let r = 0; r < to; r++) for (let j = 0; j < n; j++) covered[j]! += u[r * n + j]! * u[r * n + j]!;
  const farthest = covered.reduce((best, x, j) => (x < covered[best]! ? j : best), 0);
  const x = new Float64Array(n);
  x[farthest] = 1;
  for (let pass = 0; pass < 2; pass++) {
    for (let r = 0; r < to; r++) {
      let dot = 0;
      for (let j = 0; j < n; j++) dot += u[r * n + j]! * x[j]!;
      for (let j = 0; j < n; j++) x[j]! -= dot * u[r * n + j]!;
    }
  }
  const size = length(x);
  u.set(x.map((y) => y / size), to * n);
}

/** Whether anything was rotated. */
function jacobiSweep(n: number, w: Float64Array, v: Float64Array, noise: number): boolean {
  let rotated = false;
  for (let i = 0; i < n - 1; i++) {
    for (let j = i + 1; j < n; j++) {
      let [aii, ajj, aij] = [0, 0, 0];
      for (let k = 0; k < n; k++) {
        const x = w[i * n + k]!;
        const y = w[j * n + k]!;
        aii += x * x;
        ajj += y * y;
        aij += x * y;
      }
      if (Math.abs(aij) <= 1e-15 * Math.sqrt(aii * ajj) || Math.min(aii, ajj) <= noise) continue;
      rotated = true;
      const zeta = (ajj - aii) / (2 * aij);
      const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + hypot(1, zeta));
      const c = 1 / hypot(1, t);
      rotate(w, i * n, j * n, n, c, c * t);
      rotate(v, i * n, j * n, n, c, c * t);
    }
  }
  return rotated;
}
