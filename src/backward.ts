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
import { geadd, gemm, laset, resid } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import type { Matrix } from "./matrix.ts";
import { squaredColumns, u } from "./proof.ts";

/** The contract of solve. */
export const BOUND = 8;

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

/** At most the bound where that can be proven, else as measured in float64, and then R is the residual; exact: always
 * that. */
export function* backwardError({ A, B, X, R, norm }: Solved, exact: boolean): Algorithm<number> {
  const n = A.shape[0];
  if (!exact) {
    start(B, R);
    gemm(-1, A, X, 1, R, { chain: CHAIN }); //   r̂ = b − A x
    yield settled();
    const c = SECOND_ORDER * (Math.min(n, CHAIN) + Math.ceil(Math.log2(Math.max(1, Math.ceil(n / CHAIN)))) + 2);
    const most = worst(n, norm, { R, X, B }, c * u, Math.sqrt(n) * n * TINY);
    if (most <= BOUND) return most;
  }
  start(B, R);
  resid(A, X, R, R);
  yield settled();
  return worst(n, norm, { R, X, B }, 0, 0);
}

/** R = B. */
function start(B: Matrix | undefined, R: Matrix): void {
  if (B) geadd(1, B, 0, R);
  else laset("full", 0, 1, R);
}

/** Of residuals known to relative · (‖A‖‖x‖ + ‖b‖) + absolute; NaN where a column has it. */
function worst(
  n: number,
  norm: number,
  { R, X, B }: Pick<Solved, "R" | "X" | "B">,
  relative: number,
  absolute: number,
): number {
  const [r, x, b] = [squaredColumns(R), squaredColumns(X), B && squaredColumns(B)];
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
