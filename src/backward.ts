// The backward error of a solved system: ‖b − Ax‖ over √n u (‖A‖_F‖x‖ + ‖b‖), the worst column.
//
// A float32 product proves the contract in most cases. With chains of 32 each entry of the computed residual r̂ is off
// by at most c u (|A||x| + |b|) + n 2^-126, c = min(n, 32) + ⌈log₂⌈n/32⌉⌉ + 2 (the contract of gemm; Higham 2002, ch. 3
// and 4). As ‖|A||x|‖ ≤ ‖|A|‖₂‖x‖ ≤ ‖A‖_F‖x‖, in each column
//
//     ‖b − Ax‖ ≤ ‖r̂‖ + c u (‖A‖_F‖x‖ + ‖b‖) + √n n 2^-126,
//
// a bound of the error that is at most c/√n above the truth: 6.2 at n = 32, 4.4 at 64, 2.3 at 256. Where this is not
// within the contract, or the figure itself is asked for, the residual is measured in float64.
//
// Many columns: that product costs as much as an inverse takes. There the residuals are first estimated from 16
// Gaussian vectors G: row j of Xᵀ(AᵀG) − BᵀG, in float64 but for one rounding of AᵀG and BᵀG, tells of column j. Its
// squares over ‖b − Ax‖² are distributed as χ² with 16 degrees, so that a column which breaks the contract is told as
// less than a quarter of it once in 10⁷; where one is told as more, all are looked into as above.
import { geadd, gemm, laset, resid } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { gaussian, negative, rowSquares } from "./estimate.ts";
import { Matrix } from "./matrix.ts";
import { squaredColumns, u } from "./proof.ts";

/** The contract of solve. */
export const BOUND = 8;

/** From so many columns on two products with 16 vectors cost less than one with all. */
const MANY = 64;
/** Of the contract, an estimate within which it is met. */
const CLEAR = 1 / 4;
const CHAIN = 32;
const TINY = 2 ** -126;
/** (1 + u)^c − 1 and the rounding of the norms, over c u. */
const SECOND_ORDER = 1.001;

/** A system, its solution, memory for the residual, and ‖A‖_F. B absent: the identity. */
export interface Solved {
  readonly A: Matrix;
  readonly B: Matrix | undefined;
  readonly X: Matrix;
  readonly R: Matrix;
  readonly norm: number;
}

/** At most the bound where that is shown, by an estimate of many columns or a bound of few, else as measured in
 * float64, and then R is the residual; exact: always that. */
export function* backwardError({ A, B, X, R, norm }: Solved, exact: boolean): Algorithm<number> {
  const n = A.shape[0];
  if (!exact && X.shape[1] >= MANY) {
    const near = worst(n, norm, yield* estimated(A, B, X), { X, B }, 0, 0);
    if (near <= CLEAR * BOUND) return near;
  }
  if (!exact) {
    start(B, R);
    gemm(-1, A, X, 1, R, { chain: CHAIN }); //   r̂ = b − A x
    yield settled();
    const c = SECOND_ORDER * (Math.min(n, CHAIN) + Math.ceil(Math.log2(Math.max(1, Math.ceil(n / CHAIN)))) + 2);
    const most = worst(n, norm, squaredColumns(R), { X, B }, c * u, Math.sqrt(n) * n * TINY);
    if (most <= BOUND) return most;
  }
  start(B, R);
  resid(A, X, R, R);
  yield settled();
  return worst(n, norm, squaredColumns(R), { X, B }, 0, 0);
}

/** Estimated squares of the lengths of the columns of B − A X. */
function* estimated(A: Matrix, B: Matrix | undefined, X: Matrix): Algorithm<Float64Array> {
  using G = gaussian(A.shape[0], A);
  using W = negative(A.T, G);
  using V = B ? negative(B.T, G) : Matrix.empty(G.shape[0], G.shape[1], A.device);
  if (!B) geadd(-1, G, 0, V);
  return yield* rowSquares(V, X.T, W); //        Xᵀ(AᵀG) − BᵀG
}

/** R = B. */
function start(B: Matrix | undefined, R: Matrix): void {
  if (B) geadd(1, B, 0, R);
  else laset("full", 0, 1, R);
}

/** Of residuals, r their squares, known to relative · (‖A‖‖x‖ + ‖b‖) + absolute; NaN where a column has it. */
function worst(
  n: number,
  norm: number,
  r: Float64Array,
  { X, B }: Pick<Solved, "X" | "B">,
  relative: number,
  absolute: number,
): number {
  const [x, b] = [squaredColumns(X), B && squaredColumns(B)];
  const unit = Math.sqrt(Math.max(1, n)) * u;
  let most = 0;
  for (let j = 0; j < r.length; j++) {
    const scale = norm * Math.sqrt(x[j]!) + (b ? Math.sqrt(b[j]!) : 1);
    const error = scale === 0 && r[j] === 0 ? 0 : Math.sqrt(r[j]!) + relative * scale + absolute;
    const figure = error === 0 ? 0 : error / (unit * scale);
    if (!(figure <= most)) most = figure;
    if (Number.isNaN(most)) return NaN;
  }
  return most;
}
