// Measures a result against its contract, in float64. Figures and bounds are multiples of u = 2^-24.
import { empty64, geadd, gemm, resid, tuned } from "./blas.ts";
import { type Algorithm, numbers, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";

export const u: number = 2 ** -24;
/** Inputs below this count as 0. */
const TINY = 2 ** -126;

/** Asks for the measurement. */
export interface ProofOptions {
  /** Measure the result against its contract, in float64. */
  proof?: boolean;
}

/** Measured figure and bound of each part of the contract, as multiples of u; holds = every figure within its bound. */
export interface Proof {
  figures: Readonly<Record<string, { value: number; bound: number }>>;
  holds: boolean;
}

export interface Proven {
  proof?: Proof;
}

/** A proof from figures; NaN never holds. */
export function prove(figures: Record<string, { value: number; bound: number }>): Proof {
  return { figures, holds: Object.values(figures).every(({ value, bound }) => value <= bound) };
}

/** Squared lengths of the columns of B - A X, each entry accumulated in float64. Cost 2 m n k in float64. */
export function* residualColumns(A: Matrix, X: Matrix, B: Matrix): Algorithm<Float64Array> {
  const [m, n] = B.shape;
  const sums = new Float64Array(n);
  const step = Math.max(1, Math.floor(tuned("proof.numbers", B) / Math.max(1, n)));
  for (let i = 0; i < m; i += step) {
    const e = Math.min(m, i + step);
    using R = empty64(e - i, n, B.device);
    resid(A.rows(i, e), X, B.rows(i, e), R);
    yield numbers("proof", e, m);
    addSquares(R.hostAs(Float64Array), sums);
  }
  return sums;
}

/** Squared lengths of the columns of a matrix, once the queue has passed. */
export function squaredColumns(A: Matrix): Float64Array {
  const [m, n] = A.shape;
  const { numbers, down, across } = A.lines();
  const sums = new Float64Array(n);
  if (across === 1) {
    let i = 0;
    for (; i + 4 <= m; i += 4) { // rows together: a sum is fetched and put back once for four numbers
      const p = i * down, q = p + down, r = q + down, s = r + down;
      for (let j = 0; j < n; j++) {
        const x = numbers[p + j]!, y = numbers[q + j]!, z = numbers[r + j]!, w = numbers[s + j]!;
        sums[j]! += (x * x + y * y) + (z * z + w * w);
      }
    }
    for (; i < m; i++) {
      for (let j = 0, at = i * down; j < n; j++) sums[j]! += numbers[at + j]! * numbers[at + j]!;
    }
    return sums;
  }
  for (let j = 0; j < n; j++) {
    let squares = 0;
    for (let i = 0, at = j * across; i < m; i++) squares += numbers[at + i]! * numbers[at + i]!;
    sums[j] = squares;
  }
  return sums;
}

function addSquares(numbers: ArrayLike<number>, sums: Float64Array): void {
  const n = sums.length;
  for (let i = 0; i < numbers.length; i += n) {
    for (let j = 0; j < n; j++) sums[j]! += numbers[i + j]! * numbers[i + j]!;
  }
}

export function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

/** ‖QᵀQ − I‖_F. */
export function* orthogonality(Q: Matrix): Algorithm<number> {
  const n = Q.shape[1];
  using G = empty64(n, n, Q.device);
  gemm(1, Q.T, Q, 0, G);
  yield settled();
  const g = G.hostAs(Float64Array);
  for (let i = 0; i < n; i++) g[i * n + i]! -= 1;
  return Math.sqrt(sum(g.map((x) => x * x)));
}

/** value = error over scale in units of u, 0 where both vanish; the floor is what inputs below 2^-126 may add. */
export function relative(error: number, scale: number, count: number, bound: number): { value: number; bound: number } {
  const floor = TINY * Math.sqrt(count);
  return { value: error === 0 ? 0 : error / (u * scale), bound: scale === 0 ? bound : bound + floor / (u * scale) };
}

/** The contract of qr: ‖A − QR‖_F, each column of it, ‖QᵀQ − I‖_F. */
export function* proveQr(A: Matrix, Q: Matrix, R: Matrix): Algorithm<Proof> {
  const [m, n] = A.shape;
  const errors = yield* residualColumns(Q, R, A);
  const scales = squaredColumns(A);
  const columns = Array.from(errors, (e, j) => relative(Math.sqrt(e), Math.sqrt(scales[j]!), m, 32));
  const worst = columns.reduce((a, b) => b.value / b.bound > a.value / a.bound ? b : a, { value: 0, bound: 32 });
  return prove({
    residual: relative(Math.sqrt(sum(errors)), Math.sqrt(sum(scales)), m * n, 16),
    column: worst,
    orthogonality: { value: (yield* orthogonality(Q)) / u, bound: 12 * Math.sqrt(Q.shape[1]) },
  });
}

/** The contract of svd with k values: the largest of ‖Av − σu‖ and ‖Aᵀu − σv‖ over σ₁, ‖UᵀU − I‖_F and ‖VᵀV − I‖_F. */
export function* proveSvd(A: Matrix, U: Matrix, s: Float32Array, Vt: Matrix, tol: number): Algorithm<Proof> {
  const [m, n] = A.shape;
  const k = s.length;
  const errors = yield* tripletResiduals(A, U, s, Vt, "proof");
  const floor = TINY * Math.sqrt(m * n);
  const first = s[0] ?? 0;
  const residual = { value: 0, bound: Math.max(tol / u, 32) };
  if (k > 0) Object.assign(residual, relative(Math.max(...errors), first, m * n, residual.bound));
  if (first === 0 && residual.value > 0) residual.bound = floor / u;
  return prove({
    residual,
    orthogonalityU: { value: (yield* orthogonality(U)) / u, bound: 12 * Math.sqrt(k) },
    orthogonalityV: { value: (yield* orthogonality(Vt.T)) / u, bound: 12 * Math.sqrt(k) },
  });
}

/** max(‖A v_i − σ_i u_i‖, ‖Aᵀ u_i − σ_i v_i‖) of each triplet, in float64. */
export function* tripletResiduals(
  A: Matrix,
  U: Matrix,
  s: Float32Array,
  Vt: Matrix,
  phase: string,
): Algorithm<Float64Array> {
  const left = yield* scaledResidual(A, Vt.T, U, s, `${phase} of u`);
  const right = yield* scaledResidual(A.T, U, Vt.T, s, `${phase} of v`);
  return Float64Array.from(s, (_, i) => Math.sqrt(Math.max(left[i]!, right[i]!)));
}

/** Squared lengths of the columns of X diag(s) - A Y, as [-A, X] [Y; diag(s)] would give, in two float64 steps. */
function* scaledResidual(
  A: Matrix,
  Y: Matrix,
  X: Matrix,
  s: Float32Array,
  phase: string,
): Algorithm<Float64Array> {
  const [m, k] = X.shape;
  const sums = new Float64Array(k);
  const step = Math.max(1, Math.floor(tuned("proof.numbers", X) / Math.max(1, k)));
  using zero = Matrix.zeros(Math.min(step, m), k, { device: X.device });
  for (let i = 0; i < m; i += step) {
    const e = Math.min(m, i + step);
    using R = empty64(e - i, k, X.device);
    resid(A.rows(i, e), Y, zero.rows(0, e - i), R);
    yield numbers(phase, e, m);
    const r = R.hostAs(Float64Array);
    const x = X.readBlock(i, e, 0, k);
    for (let j = 0; j < r.length; j++) r[j]! += x[j]! * s[j % k]!;
    addSquares(r, sums);
  }
  return sums;
}

/** The contract of cholesky: ‖A − LLᵀ‖_F, A given by its lower triangle. */
export function* proveCholesky(A: Matrix, L: Matrix): Algorithm<Proof> {
  const n = A.shape[0];
  let [error, scale] = [0, 0];
  const step = Math.max(1, Math.floor(tuned("proof.numbers", A) / Math.max(1, n)));
  for (let i = 0; i < n; i += step) {
    const e = Math.min(n, i + step);
    using R = empty64(e - i, e, A.device);
    resid(L.sub(i, e, 0, e), L.sub(0, e, 0, e).T, A.sub(i, e, 0, e), R);
    yield numbers("proof", e, n);
    const r = R.hostAs(Float64Array);
    const a = A.readBlock(i, e, 0, e);
    for (let row = i; row < e; row++) {
      for (let j = 0; j <= row; j++) {
        const at = (row - i) * e + j;
        const twice = j < row ? 2 : 1;
        error += twice * r[at]! ** 2;
        scale += twice * a[at]! ** 2;
      }
    }
  }
  return prove({ residual: relative(Math.sqrt(error), Math.sqrt(scale), n * n, 12) });
}

/** The contract of eigh: ‖AV − VΛ‖_F and ‖VᵀV − I‖_F, A symmetric in full, Λ as returned. */
export function* proveEigh(A: Matrix, values: ArrayLike<number>, V: Matrix): Algorithm<Proof> {
  const n = A.shape[0];
  const errors = yield* scaledResidual(A, V, V, Float32Array.from(values), "proof");
  const scale = Math.sqrt(sum(squaredColumns(A)));
  return prove({
    residual: relative(Math.sqrt(sum(errors)), scale, n * n, 48 * Math.sqrt(Math.max(1, n / 1024))),
    orthogonality: { value: (yield* orthogonality(V)) / u, bound: 12 * Math.sqrt(n) },
  });
}

/** The contract of the full svd: ‖A − U diag(s) Vᵀ‖_F, ‖UᵀU − I‖_F and ‖VᵀV − I‖_F. */
export function* proveFullSvd(A: Matrix, U: Matrix, s: Float32Array, Vt: Matrix): Algorithm<Proof> {
  const [m, n] = A.shape;
  const p = s.length;
  const errors = yield* productResidual(A, U.cols(0, p), s, Vt.rows(0, p));
  const scale = Math.sqrt(sum(squaredColumns(A)));
  return prove({
    residual: relative(Math.sqrt(sum(errors)), scale, m * n, 48 * Math.sqrt(Math.max(1, p / 1024))),
    orthogonalityU: { value: (yield* orthogonality(U)) / u, bound: 12 * Math.sqrt(U.shape[1]) },
    orthogonalityV: { value: (yield* orthogonality(Vt.T)) / u, bound: 12 * Math.sqrt(Vt.shape[0]) },
  });
}

/** Squared lengths of the columns of A - U diag(s) Vt in float64, U diag(s) as a sum of two float32 matrices. */
function* productResidual(A: Matrix, U: Matrix, s: Float32Array, Vt: Matrix): Algorithm<Float64Array> {
  const [m, n] = A.shape;
  const p = s.length;
  const sums = new Float64Array(n);
  const step = Math.max(1, Math.floor(tuned("proof.numbers", A) / Math.max(1, n)));
  for (let i = 0; i < m; i += step) {
    const e = Math.min(m, i + step);
    using R = empty64(e - i, n, A.device);
    using high = Matrix.hosted(e - i, p, A.device);
    using low = Matrix.hosted(e - i, p, A.device);
    const [h, l] = [high.host(), low.host()];
    U.readBlock(i, e, 0, p).forEach((x, at) => {
      const product = x * s[at % p]!;
      h[at] = product;
      l[at] = product - h[at]!;
    });
    geadd(1, A.rows(i, e), 0, R);
    gemm(-1, high, Vt, 1, R);
    gemm(-1, low, Vt, 1, R);
    yield numbers("proof", e, m);
    addSquares(R.hostAs(Float64Array), sums);
  }
  return sums;
}

/** The contract of lu: ‖PA − LU‖_F over ‖abs(L) abs(U)‖_F. */
export function* proveLu(A: Matrix, L: Matrix, U: Matrix, p: Uint32Array): Algorithm<Proof> {
  const [m, n] = A.shape;
  using P = Matrix.hosted(m, n, A.device);
  p.forEach((from, to) => P.writeBlock(to, 0, A.rows(from, from + 1)));
  const errors = yield* residualColumns(L, U, P);
  using absL = absolute(L);
  using absU = absolute(U);
  using C = Matrix.empty(m, n, A.device);
  gemm(1, absL, absU, 0, C);
  yield settled();
  const scale = Math.sqrt(sum(squaredColumns(C)));
  return prove({ residual: relative(Math.sqrt(sum(errors)), scale, m * n, 4 * Math.max(1, n)) });
}

function absolute(A: Matrix): Matrix {
  const [m, n] = A.shape;
  const B = Matrix.hosted(m, n, A.device);
  B.host().set(A.readBlock(0, m, 0, n).map(Math.abs));
  return B;
}
