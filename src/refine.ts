// Iterative refinement of a solved system to nearly float64 (Wilkinson; Carson & Higham 2017): factors in float32,
// residuals of the numbers as they were given and the solution in float64.
import { empty64, geadd, laset, rand } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";
import { beyond, changes, columnExponents, Pair, SETTLED, subtractProduct } from "./pair.ts";
import { exponentOf } from "./small64.ts";

/** A with its largest entry in [1/2, 1), or larger where others would vanish, and what it has beyond float32: A = (N +
 * low) 2^exponent. */
export interface Scaled extends Disposable {
  readonly N: Matrix;
  readonly low: Matrix | undefined;
  readonly exponent: number;
}

/** Numbers from 2^-KEPT on keep all the digits of a double in two of float32; where a matrix spans more than KEPT +
 * ROOM powers of two, the least keep fewer. */
const KEPT = 126 - 53;
/** Exponent up to which entries may grow: products with random numbers and their sums stay within float32. */
const ROOM = 110;

/** Scales A, whose largest entry is max; a are its numbers in float64 where they were more than float32. */
export function scaled(A: Matrix, a: Float64Array | undefined, max: number): Scaled {
  const [m, n] = A.shape, given = A.readBlock(0, m, 0, n);
  const min = given.reduce((least, x) => x === 0 ? least : Math.min(least, Math.abs(x)), max);
  const depth = exponentOf(max) - exponentOf(min);
  const exponent = exponentOf(max) - Math.min(ROOM, Math.max(0, depth - KEPT));
  const N = Matrix.hosted(m, n, A.device);
  const back = 2 ** -exponent;
  N.host().set(given.map((x) => x * back));
  const low = a && beyond(A, a, exponent);
  return { N, low, exponent, [Symbol.dispose]: () => [N, low].forEach((M) => M?.[Symbol.dispose]()) };
}

export interface Refined {
  /** n x k, row-major. */
  x: Float64Array;
  /** Length of the last correction over that of x, the worst column. */
  change: number;
  /** What one step left of an error, the slowest step seen. */
  contraction: number;
}

/** Most steps; where the factors serve, 2 to 6 do. */
const MOST = 12;
/** Below this nothing is left of an error to measure by. */
const GONE = 2 ** -60;

/** x = A⁻¹ b by `solve`, which does it in place with factors of N, and corrections x = x + N⁻¹ (b − A x) while they
 * help. */
export function* refine(
  { N, low, exponent }: Scaled,
  b: Float64Array,
  k: number,
  solve: (B: Matrix) => void,
): Algorithm<Refined> {
  const n = N.shape[0];
  const exponents = columnExponents(b, k);
  // The last column has the solution 0 and starts from random numbers: there the error itself is seen. Corrections that
  // are small prove nothing where the factors are not nearly singular and A is.
  using B = empty64(n, k + 1, N.device);
  using x = new Pair(n, k + 1, N);
  using r = empty64(n, k + 1, N.device);
  using d = Matrix.empty(n, k + 1, N.device);
  laset("full", 0, 0, B);
  laset("full", 0, 0, d);
  rand("normal", 0, d.cols(k, k + 1));
  x.add(d, true);
  yield settled();
  const rhs = B.hostAs(Float64Array);
  b.forEach((value, i) => rhs[i + Math.floor(i / k)] = value * 2 ** -exponents[i % k]!);
  const start = errorLength(x.whole);
  let [left, change, contraction] = [start, Infinity, 0];
  for (let step = 1; step <= MOST; step++) {
    geadd(1, B, 0, r);
    subtractProduct(N, low, x, r); //     r = b − A x
    geadd(1, r, 0, d);
    solve(d);
    x.add(d, false); //                   x = x + A⁻¹ r
    yield settled();
    const before = { left, change };
    left = errorLength(x.whole);
    change = changes(d, x.whole).subarray(0, k).reduce((worst, c) => Math.max(worst, c), 0);
    if (!(left <= GONE * start)) contraction = Math.max(contraction, left / before.left);
    if (step > 1 && (change <= SETTLED || !(change <= before.change / 2))) break;
  }
  const all = x.whole.hostAs(Float64Array);
  const answer = Float64Array.from(b, (_, i) => all[i + Math.floor(i / k)]! * 2 ** (exponents[i % k]! - exponent));
  return { x: answer, change, contraction };
}

/** Length of the last column. */
function errorLength(X: Matrix): number {
  const [n, k] = X.shape;
  const x = X.hostAs(Float64Array);
  let squares = 0;
  for (let i = 0; i < n; i++) squares += x[i * k + k - 1]! ** 2;
  return Math.sqrt(squares);
}
