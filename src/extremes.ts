// The largest and the smallest singular value of a triangle, by two Lanczos recurrences side by side (Golub & Kahan
// 1965; Paige 1971): on RᵀR and on its inverse.
import { atav, empty64, gemm, rand, scale, trsm } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";

/** lowest: a vector with ‖R x‖ = last ‖x‖, nearly. */
export interface Extremes {
  readonly first: number;
  readonly last: number;
  readonly lowest: Float32Array;
}

/** Steps until the values must have settled. */
const MOST = 100;
/** A Ritz value θ has settled where ‖RᵀR y − θ y‖ is below this part of it: its own error is about the square, over
 * the gap to the next one. */
const SETTLED = 2 ** -11;
const SEED = 17;

/** B = R⁻¹ B, or R⁻ᵀ B, for the upper triangle R, which may be the transpose of a lower one. */
export function solveTriangle(R: Matrix, transposed: boolean, B: Matrix, o: { chain?: number } = {}): void {
  trsm("left", R.transposed ? "lower" : "upper", 1, transposed ? R.T : R, B, o);
}

/** The largest and the smallest singular value of R 2^e, R upper triangular with zeros below, to four digits or better
 * as far as float32 resolves them; undefined where they have not settled or are not numbers. */
export function* extremes(R: Matrix, exponents: Int32Array): Algorithm<Extremes | undefined> {
  const most = exponents.reduce((x, y) => Math.max(x, y), -Infinity);
  const back = 2 ** most;
  const restored = exponents.every((e) => e === most) ? undefined : withColumns(R, exponents.map((e) => e - most));
  using copy = restored;
  const ends = yield* outermost(copy ?? R);
  return ends && { ...ends, first: ends.first * back, last: ends.last * back };
}

/** R 2^e. */
export function withColumns(R: Matrix, exponents: Int32Array): Matrix {
  using factors = Matrix.from(Float64Array.from(exponents, (e) => 2 ** e), [1, exponents.length], { device: R.device });
  const S = Matrix.empty(R.shape[0], R.shape[1], R.device);
  scale("multiply", R, factors, S);
  return S;
}

/** ‖A x‖/‖x‖: near the shortest direction it is right to the square of what x is wrong by. */
export function* stretch(A: Matrix, x: Float32Array): Algorithm<number> {
  const [m, n] = A.shape;
  using X = Matrix.from(x, [n, 1], { device: A.device });
  using image = empty64(m, 1, A.device);
  gemm(1, A, X, 0, image);
  yield settled();
  return norm(image.hostAs(Float64Array)) / norm(X.host().subarray(0, n));
}

function* outermost(R: Matrix): Algorithm<Extremes | undefined> {
  const n = R.shape[0];
  using start = Matrix.empty(n, 1, R.device);
  using middle = Matrix.empty(n, 1, R.device);
  using high = Matrix.hosted(n, 1, R.device);
  using image = Matrix.hosted(n, 1, R.device);
  using low = Matrix.hosted(n, 1, R.device);
  rand("normal", SEED, start);
  yield settled();
  const first = Float64Array.from(start.host().subarray(0, n));
  const [above, below] = [new Lanczos(first), new Lanczos(first)];
  for (let step = 0; step < MOST; step++) {
    if (!above.settled) {
      high.host().set(above.direction);
      atav(R, high, middle, image); //        RᵀR v
    }
    if (!below.settled) {
      low.host().set(below.direction);
      solveTriangle(R, true, low);
      solveTriangle(R, false, low); //        (RᵀR)⁻¹ v
    }
    yield settled();
    if (!above.settled) above.take(image.host());
    if (!below.settled) below.take(low.host());
    if (!(above.value < Infinity && below.value < Infinity)) return undefined;
    if (!above.settled || !below.settled) continue;
    // Once more by the inverse: what the vector has left of long directions would count (first/last)-fold.
    low.host().set(below.vector());
    solveTriangle(R, true, low);
    solveTriangle(R, false, low);
    yield settled();
    const lowest = low.host().slice(0, n);
    return { first: Math.sqrt(above.value), last: 1 / Math.sqrt(below.value), lowest };
  }
  return undefined;
}

/** The recurrence of a symmetric operator; the one who has it applies the operator to each direction. */
class Lanczos {
  readonly #basis: Float64Array[];
  readonly #diagonal: number[] = [];
  readonly #off: number[] = [];
  /** The largest Ritz value, and whether it has settled. */
  value = 0;
  settled = false;

  constructor(start: Float64Array) {
    const length = norm(start);
    this.#basis = [start.map((x) => x / length)];
  }

  get direction(): Float64Array {
    return this.#basis.at(-1)!;
  }

  /** The operator's image of the direction. */
  take(image: Float32Array): void {
    const [v, before] = [this.direction, this.#basis.at(-2)];
    const coupling = this.#off.at(-1) ?? 0;
    let alpha = 0;
    for (let i = 0; i < v.length; i++) alpha += v[i]! * image[i]!;
    const rest = new Float64Array(v.length);
    for (let i = 0; i < v.length; i++) rest[i] = image[i]! - alpha * v[i]! - (before ? coupling * before[i]! : 0);
    const beta = norm(rest);
    this.#diagonal.push(alpha);
    this.value = largest(this.#diagonal, this.#off, Math.max(this.value, alpha) + coupling);
    this.settled = beta <= SETTLED * this.value * norm(this.#ritz());
    if (this.settled || !(beta < Infinity)) return;
    this.#off.push(beta);
    for (let i = 0; i < rest.length; i++) rest[i]! /= beta;
    this.#basis.push(rest);
  }

  /** The Ritz vector's coordinates over the last of them, which is the most stable one to start from. */
  #ritz(): Float64Array {
    const k = this.#diagonal.length;
    const y = new Float64Array(k);
    y[k - 1] = 1;
    for (let i = k - 1; i > 0; i--) {
      const next = i + 1 < k ? this.#off[i]! * y[i + 1]! : 0;
      y[i - 1] = ((this.value - this.#diagonal[i]!) * y[i]! - next) / this.#off[i - 1]!;
    }
    return y;
  }

  vector(): Float64Array {
    const y = this.#ritz();
    const length = norm(y);
    const x = new Float64Array(this.direction.length);
    this.#basis.forEach((v, j) => {
      for (let i = 0; i < x.length; i++) x[i]! += v[i]! * (y[j]! / length);
    });
    return x;
  }
}

function norm(x: Float32Array | Float64Array): number {
  let squares = 0;
  for (let i = 0; i < x.length; i++) squares += x[i]! * x[i]!;
  return Math.sqrt(squares);
}

/** The largest eigenvalue of a tridiagonal matrix, which lies below top, by bisection; NaN of what is not finite. */
function largest(diagonal: readonly number[], off: readonly number[], top: number): number {
  let [low, high] = [diagonal.reduce((x, y) => Math.max(x, y)), top];
  if (!(high < Infinity)) return NaN;
  for (;;) {
    const x = (low + high) / 2;
    if (!(x > low && x < high)) return high;
    if (isAbove(x, diagonal, off)) high = x;
    else low = x;
  }
}

/** Whether x is above all eigenvalues: x I − T has positive pivots only. */
function isAbove(x: number, diagonal: readonly number[], off: readonly number[]): boolean {
  let pivot = 1;
  for (let i = 0; i < diagonal.length; i++) {
    pivot = x - diagonal[i]! - (i > 0 ? off[i - 1]! ** 2 / pivot : 0);
    if (!(pivot > 0)) return false;
  }
  return true;
}
