// Float64 numbers as sums of two of float32: input as it was given, solutions on their way, exact products of both.
import { empty64, geadd, gemm } from "./blas.ts";
import { wideFrom } from "./input.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { exponentOf } from "./small64.ts";

/** Whether the numbers given were float32 to begin with. */
export function isSingle(source: MatrixLike): boolean {
  return source instanceof Matrix || "data" in source && source.data instanceof Float32Array;
}

/** The numbers in float64, row-major: as given, or those of the float32 matrix M made of them. */
export function wide(source: MatrixLike, M: Matrix, op: string): Float64Array {
  const [m, n] = M.shape;
  return source instanceof Matrix ? Float64Array.from(M.readBlock(0, m, 0, n)) : wideFrom(source, m, n, op);
}

/** What the numbers of A have beyond float32, times 2^-exponent. */
export function beyond(A: Matrix, a: Float64Array, exponent: number): Matrix {
  const [m, n] = A.shape;
  const low = Matrix.hosted(m, n, A.device);
  const back = 2 ** -exponent;
  low.host().set(a.map((x) => (x - Math.fround(x)) * back));
  return low;
}

/** Exponents of powers of two just above the largest entry of each of k columns. */
export function columnExponents(b: Float64Array, k: number): Int32Array {
  const most = new Float64Array(k);
  b.forEach((x, i) => most[i % k] = Math.max(most[i % k]!, Math.abs(x)));
  return Int32Array.from(most, exponentOf);
}

/** A matrix of float64 numbers, also as the sum of two of float32. */
export class Pair implements Disposable {
  readonly whole: Matrix;
  readonly high: Matrix;
  readonly low: Matrix;
  readonly #rest: Matrix;

  constructor(m: number, k: number, like: Matrix) {
    this.whole = empty64(m, k, like.device);
    this.high = Matrix.empty(m, k, like.device);
    this.low = Matrix.empty(m, k, like.device);
    this.#rest = empty64(m, k, like.device);
  }

  /** whole += A, or = A; then both parts. */
  add(A: Matrix, first: boolean): void {
    geadd(1, A, first ? 0 : 1, this.whole);
    geadd(1, this.whole, 0, this.high);
    geadd(1, this.whole, 0, this.#rest);
    geadd(-1, this.high, 1, this.#rest);
    geadd(1, this.#rest, 0, this.low);
  }

  [Symbol.dispose](): void {
    for (const M of [this.whole, this.high, this.low, this.#rest]) M[Symbol.dispose]();
  }
}

/** C -= (M + low) X in float64. */
export function subtractProduct(M: Matrix, low: Matrix | undefined, X: Pair, C: Matrix): void {
  gemm(-1, M, X.high, 1, C);
  gemm(-1, M, X.low, 1, C);
  if (low) gemm(-1, low, X.high, 1, C);
}

/** Corrections this small are rounding of the pairs. */
export const SETTLED: number = 2 ** -47;

/** Length of each column of a correction over that of what it made; 0 of a correction that is 0. */
export function changes(part: Matrix, whole: Matrix): Float64Array {
  const k = part.shape[1];
  const [p, w] = [part.host().subarray(0, part.shape[0] * k), whole.hostAs(Float64Array)];
  const sums = new Float64Array(2 * k);
  for (let i = 0; i < p.length; i++) {
    sums[i % k]! += p[i]! ** 2;
    sums[k + i % k]! += w[i]! ** 2;
  }
  return sums.subarray(0, k).map((x, j) => x === 0 ? 0 : Math.sqrt(x / sums[k + j]!));
}
