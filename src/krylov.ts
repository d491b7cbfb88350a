// Thick-restart randomised block Krylov iteration on AᵀA (Musco & Musco 2015; Wu & Simon 2000). It begins with a block
// of at least k columns, so that no value of a cluster is missed, and goes on with as many of the directions that the
// errors lie along as the engine takes well: narrow steps reach a tolerance with fewer columns in all.
import { empty64, geadd, gemm, tuned } from "./blas.ts";
import { type Algorithm, numbers, progress } from "./call.ts";
import { gramSchmidt } from "./gramschmidt.ts";
import { Matrix } from "./matrix.ts";
import {
  type Finish,
  negligible,
  type Operator,
  type Plan,
  type Ritz,
  ritzVectors,
  singular,
  startBlock,
  worst,
} from "./ritz.ts";
import { type Eigen, symmetricEigen } from "./small.ts";
import { house } from "./small64.ts";

/** A round is looked at where its error may be within this factor of the tolerance. */
const MARGIN = 10;

/** AᵀB = Q S + P R for the basis Q, B = A Q and the pending columns P behind it: R has a row for each of these, and a
 * column for each of B. Near the end, where no room is left for all that AᵀB leads to, it is not known. */
interface Coupling {
  readonly rows: number;
  readonly columns: number;
  readonly r: Float64Array;
  readonly known: boolean;
}

/** Grows the Krylov space of AᵀA until the k leading residuals are small; restarts keep the leading Ritz vectors. */
export function* krylov<T>(A: Operator, plan: Plan, finish: Finish<T>): Algorithm<T> {
  const { k, block, step, basis } = plan;
  const [m, n] = A.shape;
  using Q = Matrix.empty(n, Math.min(n, basis + block), A.device);
  using B = Matrix.empty(m, basis, A.device);
  const keep = Math.min(k + Math.ceil(3 * block / 2), basis - step);
  using gram = empty64(basis, basis, A.device); // the lower triangle of BᵀB
  let coupling: Coupling = { rows: block, columns: 0, r: new Float64Array(0), known: true };
  let [looked, before, far, multiplied] = [0, Infinity, false, 0];
  yield* startBlock(Q.cols(0, block), plan);
  for (;;) {
    const from = coupling.columns, width = Math.min(from === 0 ? block : step, coupling.rows);
    const to = from + width, end = from + coupling.rows, next = Math.min(width, n - end);
    const [Q2, B2, W] = [Q.cols(from, to), B.cols(from, to), Q.cols(end, end + next)];
    if (next === width) {
      A.both(Q2, B2, W); //                                               B₂ = A Q₂, W = Aᵀ B₂
    } else {
      A.times(Q2, B2);
      if (next > 0) A.transposed(B2.cols(0, next), W);
    }
    gemm(1, B2.T, B.cols(0, to), 0, gram.sub(from, to, 0, to)); //        B₂ᵀ B
    using S = Matrix.empty(end + next, next, A.device);
    if (next > 0) yield* gramSchmidt(Q.cols(0, end + next), end, S); //   W = Q S + Q₃ R
    coupling = grown(coupling, width, S);
    multiplied += width + next;
    const passes = Math.ceil(multiplied / block), full = to + Math.min(step, coupling.rows) > basis;
    const last = coupling.rows === 0 || multiplied + 2 * step > plan.maxPasses * block;
    if (far && !last && !full) {
      far = false;
      yield progress("svd", passes, plan.maxPasses);
      continue;
    }
    const pause = numbers("svd", passes, plan.maxPasses);
    const eigen = yield* symmetricEigen(gram.sub(0, to, 0, to), Math.min(to, full ? Math.max(k, keep) : k), pause);
    using _ = eigen.vectors;
    const errors = pairErrors(eigen, coupling, k);
    const result = { Q: Q.cols(0, to), B: B.cols(0, to), eigen, errors, passes };
    const error = worst(result, k);
    if (last || error <= plan.tol) {
      const done = yield* finish(result, last);
      if (done || last) return done!;
    }
    if (step < block && errors && step < coupling.rows) coupling = chosen(coupling, Q, eigen, errors, step);
    else far = isFar(error, before, passes - looked, plan.tol);
    [looked, before] = [passes, error];
    if (full) coupling = yield* restart(result, { Q, B }, coupling, keep, gram);
  }
}

/** Whether the error is so large that the next round need not be looked at. In a round it falls by a factor that may
 * square from one to the next; the one known is that since the last look, one round or two (four passes) ago. */
function isFar(error: number, before: number, passes: number, tol: number): boolean {
  const ratio = error / before;
  return error * (passes > 2 ? ratio : ratio * ratio) > MARGIN * tol;
}

/** R once the first `width` pending columns are in the basis and those that their products brought are pending, with
 * their coefficients in the columns of S. */
function grown({ rows, columns, r, known }: Coupling, width: number, S: Matrix): Coupling {
  const [end, next] = S.shape, left = end - (columns + width), to = columns + width;
  const s = S.readBlock(to, end, 0, next), wider = new Float64Array(left * to);
  for (let i = 0; i < left; i++) {
    if (width + i < rows) wider.set(r.subarray((width + i) * columns, (width + i + 1) * columns), i * to);
    for (let j = 0; j < next; j++) wider[i * to + columns + j] = s[i * next + j]!;
  }
  return { rows: left, columns: to, r: wider, known: known && next === width };
}

/** R Y for the first so many eigenvectors, row by row. */
function times({ rows, columns, r }: Coupling, { vectors }: Eigen, count: number): Float64Array {
  const [y, ld] = [vectors.hostAs(Float64Array), vectors.shape[1]], product = new Float64Array(rows * count);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) addRow(product, i * count, r[i * columns + j]!, y, j * ld, count);
  }
  return product;
}

/** n numbers of y from `to` on, plus factor times those of x from `from` on. */
function addRow(y: Float64Array, to: number, factor: number, x: Float64Array, from: number, n: number): void {
  if (factor !== 0) { for (let i = 0; i < n; i++) y[to + i]! += factor * x[from + i]!; }
}

/** Errors of the k leading Ritz pairs without another product: AᵀB y − λ Q y lies along the pending columns alone, with
 * the coordinates R y there; it is 0 where none are left. */
function pairErrors(eigen: Eigen, coupling: Coupling, k: number): Float64Array | undefined {
  const { rows, columns, known } = coupling;
  if (columns < k || (rows > 0 && !known)) return undefined;
  const product = times(coupling, eigen, k), errors = new Float64Array(k * rows);
  for (let i = 0; i < rows; i++) for (let j = 0; j < k; j++) errors[j * rows + i] = product[i * k + j]!;
  return errors;
}

/** Turns the pending columns so that the first `count` of them, which the next step takes, hold most of the errors: a
 * QR decomposition of these that takes the largest first (Businger & Golub 1965). Only the other rows of R are turned.
 */
function chosen(
  { rows, columns, r, known }: Coupling,
  Q: Matrix,
  { values }: Eigen,
  errors: Float64Array,
  count: number,
): Coupling {
  const k = errors.length / rows, first = singular(values[0]!);
  const lines = new Float64Array((k + rows) * rows); // the errors, and behind them the rows of the turn
  lines.set(errors);
  for (let i = 0; i < rows; i++) lines[(k + i) * rows + i] = 1;
  for (let at = 0; at < count; at++) {
    let [largest, most] = [0, -1];
    for (let i = 0; i < k; i++) {
      let squares = 0;
      for (let j = at; j < rows; j++) squares += lines[i * rows + j]! ** 2;
      const size = negligible(singular(values[i]!), first) ? 0 : squares / values[i]!; // as a residual
      if (size > most) [largest, most] = [i, size];
    }
    const v = lines.slice(largest * rows + at, (largest + 1) * rows), { beta } = house(v);
    for (let i = 0; i < k + rows; i++) {
      const from = i * rows + at;
      let t = 0;
      for (let j = 0; j < v.length; j++) t += v[j]! * lines[from + j]!;
      for (let j = 0; j < v.length; j++) lines[from + j]! -= beta * t * v[j]!;
    }
  }
  const turn = lines.subarray(k * rows), turned = new Float64Array(r.length);
  for (let i = count; i < rows; i++) {
    for (let j = 0; j < rows; j++) addRow(turned, i * columns, turn[j * rows + i]!, r, j * columns, columns);
  }
  const P = Q.cols(columns, columns + rows);
  using U = Matrix.hosted(rows, rows, Q.device);
  U.host().set(turn);
  using X = Matrix.empty(Q.shape[0], rows, Q.device);
  gemm(1, P, U, 0, X, { chain: tuned("svd.chain", Q) });
  geadd(1, X, 0, P);
  return { rows, columns, r: turned, known };
}

/** Q = Q Y, B = B Y for the kept Ritz vectors Y; the pending columns move behind them and are orthonormalised once
 * more. */
function* restart(
  ritz: Ritz,
  { Q, B }: { Q: Matrix; B: Matrix },
  coupling: Coupling,
  keep: number,
  gram: Matrix,
): Algorithm<Coupling> {
  const { rows, columns, known } = coupling;
  const t = { chain: tuned("svd.chain", B) };
  using Y = ritzVectors(ritz.eigen, keep);
  using X = Matrix.empty(Q.shape[0], keep + rows, Q.device);
  gemm(1, ritz.Q, Y, 0, X.cols(0, keep), t);
  geadd(1, Q.cols(columns, columns + rows), 0, X.cols(keep, keep + rows));
  geadd(1, X, 0, Q.cols(0, keep + rows));
  using Z = Matrix.empty(B.shape[0], keep, Q.device);
  gemm(1, ritz.B, Y, 0, Z, t);
  geadd(1, Z, 0, B.cols(0, keep));
  using R = Matrix.empty(keep + rows, rows, Q.device);
  yield* gramSchmidt(Q.cols(0, keep + rows), keep, R);
  const [g, basis] = [gram.hostAs(Float64Array), gram.shape[1]];
  g.fill(0, 0, keep * basis);
  for (let i = 0; i < keep; i++) g[i * basis + i] = ritz.eigen.values[i]!;
  return { rows, columns: keep, r: times(coupling, ritz.eigen, keep), known };
}
