// Eigenvectors and singular vectors by block Jacobi: sweeps over all pairs of blocks of columns, each pair made
// diagonal by a small eigenproblem. Two-sided for symmetric matrices, refined from the matrix itself; one-sided for the
// others, after a QR factorisation, without which it converges badly (Bečka & Vajteršic 1999; Drmač & Veselić 2008).
import { apply, colstat, empty64, type Form, geadd, gemm, infoWords, jacobi, laset, tuned } from "./blas.ts";
import { type Algorithm, progress, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";
import { arranged, columnsOf, descending } from "./order.ts";
import { polish } from "./polish.ts";
import { certifiedQr } from "./qr.ts";

const u = 2 ** -24;
/** Most sweeps; matrices of two values, each of high multiplicity, take up to 18, others up to 10. */
const SWEEPS = 30;
/** Columns with a cosine up to ANGLE between them are orthogonal; those shorter than FLOOR √n σ₁ count as that long. */
const ANGLE = 4 * u;
const FLOOR = u / 16;
/** Columns shorter than NOTHING σ₁ / √n are rounding errors of the others, 2u in all: their vectors may be any that
 * complete the basis. */
const NOTHING = 2 * u;
/** Entries below ENTRY ‖A‖_F / √n count as 0. Where all but the diagonal have a norm below NEAR ‖A‖_F, T = VᵀAV is
 * computed anew, which takes off the rounding of the sweeps, until that norm is below ENOUGH ‖A‖_F; so often at most.
 * Past a thousand columns the bounds grow as √n. */
const ENTRY = 2 * u;
const NEAR = 16 * u;
const ENOUGH = 4 * u;
const REFINEMENTS = 3;

/** All pairs of an even number of blocks, in rounds in which each block occurs once (round-robin tournament). */
interface Tournament extends Disposable {
  /** Columns in all: those of the matrix and at the end some of zeros. */
  readonly columns: number;
  readonly rounds: number;
  /** Of a round: three rows of words, as apply takes them. */
  pairs(round: number): Matrix;
  /** How many small blocks of the last sweep were not diagonal; read after the queue has settled. */
  turned(): number;
  readonly G: Matrix;
  readonly J: Matrix;
}

function tournament(n: number, form: Form, like: Matrix): Tournament {
  const most = tuned("jacobi.block", like);
  const blocks = 2 * Math.ceil(n / (2 * most)), width = Math.ceil(n / blocks);
  const rounds = blocks - 1, count = blocks / 2;
  const words = infoWords(3 * rounds, count, like.device);
  const numbers = words.hostAs(Uint32Array);
  for (let r = 0; r < rounds; r++) {
    const player = (seat: number): number => seat === 0 ? rounds : (r + seat) % rounds;
    for (let t = 0; t < count; t++) {
      const [p, q] = [player(t), player(rounds - t)];
      numbers[3 * r * count + t] = Math.min(p, q);
      numbers[(3 * r + 1) * count + t] = Math.max(p, q);
    }
  }
  const k = 2 * width;
  const G = form === "gram" ? empty64(count * k, k, like.device) : Matrix.empty(count * k, k, like.device);
  const J = Matrix.empty(count * k, k, like.device);
  return {
    columns: blocks * width,
    rounds,
    pairs: (round) => words.rows(3 * round, 3 * round + 3),
    turned: () =>
      words.hostAs(Uint32Array).reduce((sum, word, i) => sum + (Math.floor(i / count) % 3 === 2 ? word : 0), 0),
    G,
    J,
    [Symbol.dispose]: () => [words, G, J].forEach((part) => part[Symbol.dispose]()),
  };
}

// ---- one-sided ----

/** Turns the columns of W until all are orthogonal; false where they are not after the last sweep. */
function* orthogonalize(W: Matrix, game: Tournament, sweeps: number): Algorithm<boolean> {
  const [n] = W.shape;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    yield settled();
    const floor = FLOOR * Math.sqrt(n) * lengths(W).reduce((a, b) => Math.max(a, b), 0);
    for (let round = 0; round < game.rounds; round++) {
      const pairs = game.pairs(round);
      apply("gram", W, pairs, game.G); //                               G = XᵀX
      jacobi("gram", game.G, game.J, pairs.rows(2, 3), ANGLE, floor); // G = J Λ Jᵀ
      apply("columns", W, pairs, game.J); //                            X = X J
      yield progress("jacobi", sweep * game.rounds + round + 1, sweeps * game.rounds);
    }
    yield settled();
    if (game.turned() === 0) return true;
  }
  return false;
}

/** Lengths of the columns. */
function lengths(W: Matrix): Float64Array {
  const [m, n] = W.shape, squares = new Float64Array(n), w = W.host();
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) squares[j]! += w[i * n + j]! ** 2;
  return squares.map(Math.sqrt);
}

/** The triangle of A with its columns in falling order of their largest entry, transposed, and that order. */
function* preconditioned(A: Matrix): Algorithm<{ R: Matrix; order: number[] }> {
  const n = A.shape[1];
  using s = Matrix.empty(1, n, A.device);
  using place = infoWords(1, 2, A.device);
  colstat(A, s, place);
  yield settled();
  const order = descending(s.host().subarray(0, n));
  using sorted = columnsOf(A, order);
  const { Q, R } = yield* certifiedQr(sorted, n, "svd");
  Q[Symbol.dispose]();
  return { R, order };
}

/** The SVD of A (m >= n, n > 0), finite, largest entry in [1/2, 1): A = U diag(s) Vᵀ, values descending. */
export function* jacobiSvd(
  A: Matrix,
  sweeps: number = SWEEPS,
): Algorithm<{ U: Matrix; s: Float64Array; V: Matrix; converged: boolean }> {
  const [m, n] = A.shape, t = { chain: tuned("reduce.chain", A) };
  const { R, order } = yield* preconditioned(A); //     A P = Q₀ R
  using triangle = R;
  using game = tournament(n, "gram", A);
  using W = Matrix.zeros(n, game.columns, { device: A.device });
  geadd(1, triangle.T, 0, W.cols(0, n)); //             W = Rᵀ
  const converged = yield* orthogonalize(W, game, sweeps); //   W = W J₁ J₂ ...
  const norms = lengths(W), longest = descending(norms).slice(0, n);
  const first = norms[longest[0]!]!;
  const rank = longest.filter((j) => norms[j]! > NOTHING * first / Math.sqrt(n)).length;
  using sorted = columnsOf(W, longest);
  laset("full", 0, 0, sorted.cols(rank, n));
  const qr = yield* certifiedQr(sorted, n, "svd"); //   W = V₁ |W|
  using V1 = qr.Q;
  qr.R[Symbol.dispose]();
  const V = Matrix.empty(n, n, A.device);
  order.forEach((to, from) => geadd(1, V1.rows(from, from + 1), 0, V.rows(to, to + 1))); // V = P V₁
  using X = Matrix.empty(m, n, A.device);
  gemm(1, A, V, 0, X, t); //                            X = A V
  laset("full", 0, 0, X.cols(rank, n));
  const { Q: U, R: T } = yield* certifiedQr(X, n, "svd"); // X = U T, T nearly diag(s)
  using nearly = T;
  yield settled();
  const diagonal = nearly.host();
  const values = Float64Array.from(longest, (from, j) => j < rank ? diagonal[j * (n + 1)]! : norms[from]!);
  const { values: s, matrices } = yield* arranged(values, [U, V], descending(values));
  return { U: matrices[0]!, s, V: matrices[1]!, converged };
}

// ---- two-sided ----

/** The Frobenius norm of (T + Tᵀ)/2 less its diagonal: what rounding adds to T alone, no rotation can take off. */
function offDiagonal(T: Matrix): number {
  const [n] = T.shape, t = T.host();
  let squares = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) squares += (t[i * n + j]! + t[j * n + i]!) ** 2 / 2;
  return Math.sqrt(squares);
}

/** T = JᵀTJ, V = VJ for all pairs. */
function* turn(T: Matrix, V: Matrix, game: Tournament, threshold: number, before: number): Algorithm<void> {
  for (let round = 0; round < game.rounds; round++) {
    const pairs = game.pairs(round);
    apply("principal", T, pairs, game.G); //                             G = T of these rows and columns
    jacobi("principal", game.G, game.J, pairs.rows(2, 3), threshold, 0); // G = J Λ Jᵀ
    apply("columns", T, pairs, game.J); //                               T = T J
    apply("rows", T, pairs, game.J); //                                  T = Jᵀ T
    apply("columns", V, pairs, game.J); //                               V = V J
    yield progress("jacobi", before * game.rounds + round + 1, SWEEPS * game.rounds);
  }
  yield settled();
}

/** Orthonormal V with Vᵀ F V nearly diagonal, for a symmetric F, finite, largest entry in [1/2, 1). */
export function* jacobiVectors(
  F: Matrix,
  sweeps: number = SWEEPS,
): Algorithm<{ V: Matrix; converged: boolean }> {
  const [n] = F.shape, t = { chain: tuned("reduce.chain", F) };
  using game = tournament(n, "principal", F);
  using T = Matrix.zeros(game.columns, game.columns, { device: F.device });
  using FV = Matrix.empty(n, n, F.device);
  const inner = T.sub(0, n, 0, n);
  geadd(1, F, 0, inner);
  yield settled();
  const size = Math.sqrt(lengths(T).reduce((a, b) => a + b * b, 0)), bound = size * Math.max(1, Math.sqrt(n / 1024));
  let V = Matrix.eye(game.columns, game.columns, { device: F.device });
  let [off, refined] = [Infinity, 0];
  for (let sweep = 0; sweep < sweeps && refined < REFINEMENTS; sweep++) {
    yield* turn(T, V, game, ENTRY * size / Math.sqrt(n), sweep);
    off = offDiagonal(T);
    if (off > NEAR * bound && game.turned() > 0 && sweep < sweeps - 1) continue;
    const nearer = polish(V);
    V[Symbol.dispose]();
    V = nearer;
    const v = V.sub(0, n, 0, n);
    gemm(1, F, v, 0, FV, t);
    gemm(1, v.T, FV, 0, inner, t); //  T = Vᵀ F V
    refined++;
    yield settled();
    off = offDiagonal(T);
    if (off <= ENOUGH * bound) break;
  }
  using padded = V;
  const vectors = Matrix.empty(n, n, F.device);
  geadd(1, padded.sub(0, n, 0, n), 0, vectors);
  yield settled();
  return { V: vectors, converged: off <= NEAR * bound };
}
