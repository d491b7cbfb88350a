// Thick-restart randomised block Krylov iteration on AᵀA (Musco & Musco 2015; Wu & Simon 2000).
import { atav, empty64, geadd, gemm, tuned } from "./blas.ts";
import { type Algorithm, numbers, progress } from "./call.ts";
import { gramSchmidt } from "./gramschmidt.ts";
import { Matrix } from "./matrix.ts";
import { type Finish, type Plan, type Ritz, ritzVectors, type Space, startBlock, worst } from "./ritz.ts";
import { type Eigen, symmetricEigen } from "./small.ts";

/** A round is looked at where its error may be within this factor of the tolerance. */
const MARGIN = 10;

/** Grows the Krylov space of AᵀA by blocks until the k leading residuals are small; restarts keep the leading Ritz
 * vectors. */
export function* krylov<T>(A: Matrix, plan: Plan, space: Space, finish: Finish<T>): Algorithm<T> {
  const { k, block, basis } = plan;
  const n = A.shape[1];
  const { Q, B } = space;
  const t = { chain: tuned("svd.chain", A) };
  const keep = Math.min(k + Math.ceil(block / 2), basis - block);
  const wanted = Math.max(k, keep);
  using gram = empty64(basis, basis, A.device); // the lower triangle of BᵀB
  let [from, to, passes] = [0, block, 0];
  let [looked, before, far] = [0, Infinity, false];
  yield* startBlock(Q.cols(0, block), plan);
  for (;;) {
    const next = Math.min(to - from, n - to);
    const [Q2, B2, W] = [Q.cols(from, to), B.cols(from, to), Q.cols(to, to + next)];
    if (next === to - from) {
      atav(A, Q2, B2, W, t); //                                           B₂ = A Q₂, W = Aᵀ B₂
    } else {
      gemm(1, A, Q2, 0, B2, t);
      if (next > 0) gemm(1, A.T, B2.cols(0, next), 0, W, t);
    }
    passes += next > 0 ? 2 : 1;
    gemm(1, B2.T, B.cols(0, to), 0, gram.sub(from, to, 0, to)); //        B₂ᵀ B
    using R = Matrix.empty(to + next, next, A.device);
    if (next > 0) {
      yield* gramSchmidt(Q.cols(0, to + next), to, R); //                 W = Q S + Q₃ R
    }
    const last = next === 0 || passes + 2 > plan.maxPasses;
    if (far && !last && to + next <= basis) {
      far = false;
      yield progress("svd", passes, plan.maxPasses);
      [from, to] = [to, to + next];
      continue;
    }
    const pause = numbers("svd", passes, plan.maxPasses);
    const eigen = yield* symmetricEigen(gram.sub(0, to, 0, to), Math.min(to, wanted), pause);
    using _ = eigen.vectors;
    const errors = pairErrors(eigen, from, to, R, k);
    const result = { Q: Q.cols(0, to), B: B.cols(0, to), eigen, errors, passes };
    const error = worst(result, k);
    if (last || error <= plan.tol) {
      const done = yield* finish(result, last);
      if (done || last) return done!;
    }
    far = isFar(error, before, passes - looked, plan.tol);
    [looked, before] = [passes, error];
    if (to + next > basis) {
      yield* restart(result, Q, B, keep, next, t);
      const leading = gram.hostAs(Float64Array).fill(0, 0, keep * basis);
      for (let i = 0; i < keep; i++) leading[i * basis + i] = eigen.values[i]!;
      to = keep;
    }
    [from, to] = [to, to + next];
  }
}

/** Whether the error is so large that the next round need not be looked at. In a round it falls by a factor that may
 * square from one to the next; the one known is that since the last look, one round or two (four passes) ago. */
function isFar(error: number, before: number, passes: number, tol: number): boolean {
  const ratio = error / before;
  return error * (passes > 2 ? ratio : ratio * ratio) > MARGIN * tol;
}

/** Errors of the k leading Ritz pairs without another product: AᵀB y − λ Q y lies along the next block alone, with the
 * coordinates R y there, as far as the last block reaches; it is 0 where the basis fills the space. */
function pairErrors({ vectors }: Eigen, from: number, to: number, R: Matrix, k: number): Float64Array | undefined {
  const [width, next] = [to - from, R.shape[1]];
  if (next === 0) return new Float64Array(k);
  if (next < width || to < k) return undefined;
  const r = R.readBlock(to, to + next, 0, width);
  const [y, ld] = [vectors.hostAs(Float64Array), vectors.shape[1]];
  const errors = new Float64Array(k * next);
  for (let i = 0; i < k; i++) {
    for (let row = 0; row < next; row++) {
      let dot = 0;
      for (let j = row; j < width; j++) dot += r[row * width + j]! * y[(from + j) * ld + i]!;
      errors[i * next + row] = dot;
    }
  }
  return errors;
}

/** Q = Q Y, B = B Y for the kept Ritz vectors Y; the next block moves behind them and is orthonormalised once more. */
function* restart(ritz: Ritz, Q: Matrix, B: Matrix, keep: number, next: number, t: { chain: number }): Algorithm<void> {
  const to = ritz.Q.shape[1];
  using Y = ritzVectors(ritz.eigen, keep);
  using X = Matrix.empty(Q.shape[0], keep + next, Q.device);
  gemm(1, ritz.Q, Y, 0, X.cols(0, keep), t);
  geadd(1, Q.cols(to, to + next), 0, X.cols(keep, keep + next));
  geadd(1, X, 0, Q.cols(0, keep + next));
  using Z = Matrix.empty(B.shape[0], keep, Q.device);
  gemm(1, ritz.B, Y, 0, Z, t);
  geadd(1, Z, 0, B.cols(0, keep));
  using R = Matrix.empty(keep + next, next, Q.device);
  yield* gramSchmidt(Q.cols(0, keep + next), keep, R);
}
