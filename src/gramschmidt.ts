// Certified block Gram-Schmidt (BCGSI+ with guarded Cholesky-QR panels, Barlow & Smoktunowicz 2013; Yamazaki, Tomov &
// Dongarra 2015 for the Gram matrix in higher precision), whose second pass is measured to be needed. One column a
// block is two-pass Gram-Schmidt, "twice is enough" made safe.
import { geadd, gemm, infoWords, laset, type OperationOptions, orth, packed, syrk, tuned } from "./blas.ts";
import { type Algorithm, numbers, progress, settled, STRETCH } from "./call.ts";
import { Matrix } from "./matrix.ts";
import { u } from "./proof.ts";

/** Passes over a panel: the second one where the products of its columns with each other and with those before tell
 * that it is needed, the others only where the certificate of orth fails. */
const PASSES = 6;
/** What a panel may leave of |[P W]ᵀ W - [0 I]ᵀ|_F without a second pass, in u times the square root of its columns:
 * all panels together then keep |QᵀQ - I|_F below LOSS sqrt(2n) u. */
const LOSS = 6;
/** From this pass on, a column still this near to the span of the others is rounding noise that will not leave it (rows
 * that are equal round in the same way): it is replaced. Before, even a column of relative size 1e-20 may yet find its
 * direction. */
const LAST_CHANCE = 2;
const NOISE = 2 ** -18;
/** Columns less the others that are no longer than the least normal number cannot be divided by it in float32: they are
 * replaced in any pass. */
const TINY = 2 ** -126;
/** Of the random numbers in columns that are replaced. */
const SEED = 1;
/** Columns that cgs2 takes together: it looks once for all of them whether two passes were enough. */
const TOGETHER = 16;

/** cgs2 works column by column; a phase tells progress under that name; columns of length 1 that are nearly
 * orthogonal need a second pass only where the certificate asks for it; passes: most over a panel, where a caller can
 * begin again should they not be enough, since a pass that is skipped costs its encoding. */
export interface Gram {
  method?: "qr" | "cgs2";
  phase?: string;
  near?: boolean;
  passes?: number;
}

interface Panels {
  readonly Q: Matrix;
  readonly R: Matrix;
  readonly from: number;
  /** Columns of a panel. */
  readonly b: number;
  readonly near: boolean;
  readonly passes: number;
  readonly t: OperationOptions;
  /** A word for each pass over each panel: whether it asks for another one. */
  readonly redo: Matrix;
  /** Scratch: [P W]ᵀ W, T₁ and T₁ T, the loss. */
  readonly C: Matrix;
  readonly Ts: Matrix;
  readonly loss: Matrix;
}

/** Orthonormalises columns j, ..., j + b - 1. */
function panel({ Q, R, from, b, near, t, redo, C, Ts, loss }: Panels, j: number, passes: number): void {
  const e = Math.min(Q.shape[1], j + b), w = e - j, first = (j - from) / b * PASSES;
  const again = (pass: number): Matrix => redo.rows(first + pass, first + pass + 1);
  const [P, W, products] = [Q.cols(0, j), Q.cols(j, e), packed(C, e, w)], c = products.rows(0, j);
  const [S, T] = [R.sub(0, j, j - from, e - from), R.sub(j, e, j - from, e - from)];
  const [T1, T2] = [Ts.sub(0, w, 0, w), Ts.sub(b, b + w, 0, w)];
  if (j > 0) {
    gemm(1, P.T, W, 0, S, t); //                       S = Qᵀ W
    gemm(-1, P, S, 1, W, t); //                        W = W - Q S
  }
  orth(W, T, again(0), TINY, SEED + j); //             W = W T⁻¹
  for (let pass = 1; pass < passes; pass++) {
    const decides = pass === 1 && !near && j > 0;
    let o = decides ? t : { ...t, when: again(pass - 1) };
    if (j > 0) gemm(1, P.T, W, 0, c, o); //            C = Qᵀ W
    if (decides && b > 1) o = { ...t, when: lost(W, products, loss, t) };
    if (j > 0) {
      gemm(-1, P, c, 1, W, o); //                      W = W - Q C
      gemm(1, c, T, 1, S, o); //                       S = S + C T
    }
    const floor = pass < LAST_CHANCE ? TINY : NOISE;
    orth(W, T1, again(pass), floor, SEED + j + pass * Q.shape[1], o); // W = W T₁⁻¹
    gemm(1, T1, T, 0, T2, o); //                       T = T₁ T
    geadd(1, T2, 0, T, o);
  }
}

/** A word that is 0 where W is orthonormal, and orthogonal to the columns before it, as far as LOSS says; `products`
 * has the products with those before in its first rows. */
function lost(W: Matrix, products: Matrix, loss: Matrix, t: OperationOptions): Matrix {
  const [rows, b] = products.shape, G = products.rows(rows - b, rows), all = packed(products, 1, rows * b);
  const [word, one] = [loss.cols(0, 1), loss.cols(1, 2)];
  laset("full", 0, -1, G);
  syrk("lower", 1, W.T, 1, G, t); //                   G = WᵀW - I
  laset("full", 1, 1, loss);
  gemm(1 / (b * LOSS ** 2 * u), all, all.T, 1, word); // 1 + x is rounded to 1 where x is at most u
  geadd(-1, one, 1, word);
  return word;
}

function* byPanels(panels: Panels, phase: string): Algorithm<void> {
  const { Q: { shape: [m, p] }, from, b, passes } = panels;
  let work = 0;
  for (let j = from; j < p; j += b) {
    panel(panels, j, passes);
    const e = Math.min(p, j + b);
    if (phase === "" && (work += 4 * m * e * (e - j)) < STRETCH) continue;
    work = 0;
    yield progress(phase, e, phase ? p : 0);
  }
  yield settled();
}

/** Operations that pass by cost as much to encode as others: two passes over some columns, and only where that was not
 * enough all of them once more, from the first of these columns on. */
function* byColumns(panels: Panels, phase: string): Algorithm<void> {
  const { Q, from, redo } = panels, [m, p] = Q.shape;
  using before = Matrix.empty(m, Math.min(TOGETHER, p - from), Q.device);
  for (let j = from; j < p; j += TOGETHER) {
    const e = Math.min(p, j + TOGETHER);
    geadd(1, Q.cols(j, e), 0, before.cols(0, e - j));
    for (let i = j; i < e; i++) panel(panels, i, 2);
    yield numbers(phase, e, phase ? p : 0);
    const bad = firstBad(redo.hostAs(Uint32Array), j - from, e - from) + from;
    if (bad < e) geadd(1, before.cols(bad - j, e - j), 0, Q.cols(bad, e));
    for (let i = bad; i < e; i++) panel(panels, i, panels.passes);
  }
  yield settled();
}

/** The first column of [from, end) whose second pass asks for another one; end: none. */
function firstBad(words: Uint32Array, from: number, end: number): number {
  let j = from;
  while (j < end && words[2 * (j * PASSES + 1)] === 0) j++;
  return j;
}

/** Orthonormalises the columns from `from` on of Q against those before them and each other, in place; R (p x (p -
 * from)) receives the coefficients, so that [old Q, A] = [old Q, new Q] R. False where a panel's last pass asks for
 * one more. Cost 3 m p² for a whole matrix, 4 m p² where every panel needs its second pass. */
export function* gramSchmidt(
  Q: Matrix,
  from: number,
  R: Matrix,
  { method = "qr", phase = "", near = false, passes = PASSES }: Gram = {},
): Algorithm<boolean> {
  const p = Q.shape[1], b = tuned(`${method}.block`, Q), t = { chain: tuned("qr.chain", Q) };
  using redo = infoWords(Math.ceil((p - from) / b) * PASSES, 2, Q.device);
  using C = Matrix.empty(p, b, Q.device);
  using Ts = Matrix.empty(2 * b, b, Q.device);
  using loss = Matrix.empty(1, 2, Q.device);
  laset("full", 0, 0, R);
  yield* (b > 1 ? byPanels : byColumns)({ Q, R, from, b, near, passes, t, redo, C, Ts, loss }, phase);
  const words = redo.hostAs(Uint32Array);
  return words.every((word, i) => i % (2 * PASSES) !== 2 * (passes - 1) || word === 0);
}
