// The operations of the contract on Matrix, under their BLAS and LAPACK names: conform, choose a row, encode. Nothing
// runs until a driver submits it (run.ts); users of `tesserae/blas` finish with flush or flushSync.
import type { Native } from "../ffi/load.ts";
import * as abi from "../ffi/symbols.ts";
import { mostMicroseconds, type Size, type Whole } from "./cost.ts";
import type { Device, VendorEngine } from "./device.ts";
import { ArgumentError } from "./errors.ts";
import { Matrix } from "./matrix.ts";
import { record, telling, tracing } from "./trace.ts";
import { choose, type Engine, engines, type Key, type Tile, type Tiled, tiles } from "./tune.ts";

export { Matrix };
export { flush, flushSync } from "./run.ts";

export type Uplo = "lower" | "upper";
export type Side = "left" | "right";

/** What an operation may be told beyond its operands. */
export interface OperationOptions {
  /** Longest chain of float32 additions: 0 the library's own, 32 the short form for use inside factorisations. */
  chain?: number;
  /** A 1x2 or 1x1 u32 matrix (see words): where its first word is 0 when the turn comes, nothing is done. */
  when?: Matrix;
  /** Use this tile instead of the table's. */
  tile?: Tile;
  /** Use this engine instead of the one of the call or the table; it must be attached to the device. */
  engine?: Engine;
}

const uplos = { full: abi.TSR_FULL, lower: abi.TSR_LOWER, upper: abi.TSR_UPPER } as const;
const sides = { left: abi.TSR_LEFT, right: abi.TSR_RIGHT } as const;
export type Scaling = "multiply" | "normalize" | "restore";
const scalings: Record<Scaling, number> = {
  multiply: abi.TSR_MULTIPLY,
  normalize: abi.TSR_NORMALIZE,
  restore: abi.TSR_RESTORE,
};
export type Direction = "forward" | "backward";
const directions: Record<Direction, number> = { forward: abi.TSR_FORWARD, backward: abi.TSR_BACKWARD };
export type Form = "principal" | "gram";
const forms = { principal: abi.TSR_PRINCIPAL, gram: abi.TSR_GRAM, columns: abi.TSR_COLUMNS, rows: abi.TSR_ROWS };
export type Distribution = "uniform" | "normal";
const distributions: Record<Distribution, number> = { uniform: abi.TSR_UNIFORM, normal: abi.TSR_NORMAL };
const words = new Uint32Array(abi.TSR_OPTION_WORDS);

type Encoder = (native: Native, context: number, options: Uint32Array<ArrayBuffer>) => number;

const wholes: Record<Whole, { value: Tile; engine: VendorEngine; why: string }> = {
  geqrf: { value: "default", engine: "blas", why: "LAPACK's QR" },
  gesdd: { value: "default", engine: "blas", why: "LAPACK's SVD" },
  syevd: { value: "default", engine: "blas", why: "LAPACK's symmetric eigenproblem" },
};

/** Throws where operands lie on different devices. */
function sameDevice(op: string, matrices: readonly Matrix[]): Device {
  const device = matrices[0]!.device;
  for (const { device: other } of matrices) {
    if (other !== device) {
      throw new ArgumentError(
        `${op}: operands belong to two devices (${device.name}, ${other.name}); ` +
          "Matrix.from(m.data, m.shape, { device }) copies one",
      );
    }
  }
  return device;
}

/** Encodes one operation of size m x n x k. */
function encode(
  key: Tiled | Whole,
  matrices: readonly Matrix[],
  size: Size,
  options: OperationOptions,
  call: Encoder,
): void {
  const device = sameDevice(key, options.when ? [...matrices, options.when] : matrices);
  const whole = key === "geqrf" || key === "gesdd" || key === "syevd";
  const row = whole ? wholes[key] : choose(key, device.kind, size.m, size.n, size.k, undefined, device.engines);
  const asked = options.engine ?? (whole ? "blas" : device.asked);
  const engine = asked === "auto" ? row.engine ?? "tiled" : asked;
  words[abi.TSR_OPTION_PREDICATE] = words[abi.TSR_OPTION_PREDICATE_INDEX] = 0; // what is reserved stays 0
  words[abi.TSR_OPTION_ENGINE] = engines.indexOf(engine);
  words[abi.TSR_OPTION_TILE] = tiles.indexOf(options.tile ?? row.value as Tile);
  words[abi.TSR_OPTION_CHAIN] = options.chain ?? 0;
  if (options.when) {
    const view = options.when.descriptor();
    words[abi.TSR_OPTION_PREDICATE] = view[abi.TSR_VIEW_BUFFER]!;
    words[abi.TSR_OPTION_PREDICATE_INDEX] = view[abi.TSR_VIEW_OFFSET_LOW]!;
  }
  const time = device.estimating && engine === "tiled" ? mostMicroseconds(key, matrices, size, device) : Infinity;
  if (!tracing()) return device.encoded(call(device.native, device.context, words), time);
  const start = performance.now();
  device.encoded(call(device.native, device.context, words), time);
  const hostMs = performance.now() - start;
  const shape = matrices.map((a) => a.shape.join("x")).join(" ");
  const why = options.tile || engine !== (row.engine ?? "tiled") ? "asked for by the call" : row.why;
  record(device, {
    op: key,
    shape,
    engine,
    tile: String(row.value),
    why,
    deviceMs: 0,
    hostMs,
    gflops: 0,
    bytes: 4 * matrices.reduce((s, a) => s + a.shape[0] * a.shape[1], 0),
  }, size.flops);
  if (telling) device.submit(true);
}

function sizeOf(A: Matrix, k: number, flops: number): Size {
  return { m: A.shape[0], n: A.shape[1], k, flops };
}

/** The block size or other parameter that the table gives an algorithm for a matrix. */
export function tuned(key: Key, A: Pick<Matrix, "shape" | "device">): number {
  const { value } = choose(key, A.device.kind, A.shape[0], A.shape[1], Math.min(...A.shape));
  if (typeof value !== "number") throw new ArgumentError(`${key} is a tile, not a number`);
  return value;
}

/** The method that the table gives a whole factorisation where the call leaves the choice. */
export function methodFor(key: Key, A: Matrix): string {
  const { kind, engines, asked, facts } = A.device, vendor = asked === "auto" || asked === "blas";
  const there = vendor && facts.blas?.lapack ? engines : ["tiled"];
  return String(choose(key, kind, A.shape[0], A.shape[1], Math.min(...A.shape), undefined, there).value);
}

/** Integer words that operations write: `info` of potrf and colstat, the certificate of orth. */
export function infoWords(m: number, n: number, device: Device): Matrix {
  const A = Matrix.hosted(m, n, device, abi.TSR_U32);
  A.hostAs(Uint32Array).fill(0);
  return A;
}

/** The first numbers of a temporary's memory as a matrix without gaps between its rows. */
export function packed(A: Matrix, rows: number, cols: number): Matrix {
  return new Matrix(A.storage, { rows, cols, ld: cols, offset: 0, transposed: false, type: abi.TSR_F32 }, false);
}

/** A temporary in float64, for Gram matrices and residuals. */
export function empty64(m: number, n: number, device: Device): Matrix {
  return Matrix.empty(m, n, device, abi.TSR_F64);
}

/** The same where JavaScript writes the numbers, at once. */
export function hosted64(m: number, n: number, device: Device): Matrix {
  return Matrix.hosted(m, n, device, abi.TSR_F64);
}

/** A = off outside the diagonal, diag on it; with a triangle only there (diag NaN: the diagonal stays). */
export function laset(uplo: Uplo | "full", off: number, diag: number, A: Matrix, o: OperationOptions = {}): void {
  const a = A.descriptor();
  encode("laset", [A], sizeOf(A, 0, 0), o, (native, c, w) => native.tsr_laset(c, uplos[uplo], off, diag, a, w));
}

/** B = alpha A + beta B. */
export function geadd(alpha: number, A: Matrix, beta: number, B: Matrix, o: OperationOptions = {}): void {
  const [a, b] = [A.descriptor(), B.descriptor()];
  encode("geadd", [A, B], sizeOf(B, 0, 0), o, (native, c, w) => native.tsr_geadd(c, alpha, a, beta, b, w));
}

/** C = alpha A B + beta C. C in float64 (empty64): exact products, sums in float64. */
export function gemm(alpha: number, A: Matrix, B: Matrix, beta: number, C: Matrix, o: OperationOptions = {}): void {
  const a = A.descriptor(), b = B.descriptor(), d = C.descriptor();
  const size = sizeOf(C, A.shape[1], 2 * C.shape[0] * C.shape[1] * A.shape[1]);
  encode("gemm", [A, B, C], size, o, (native, c, w) => native.tsr_gemm(c, alpha, a, b, beta, d, w));
}

/** Y = A V and Z = Aᵀ Y; where V has few columns, in one pass over A. */
export function atav(A: Matrix, V: Matrix, Y: Matrix, Z: Matrix, o: OperationOptions = {}): void {
  const [a, v, y, z] = [A.descriptor(), V.descriptor(), Y.descriptor(), Z.descriptor()];
  const size = sizeOf(Y, A.shape[1], 4 * A.shape[0] * A.shape[1] * V.shape[1]);
  encode("atav", [A, V, Y, Z], size, o, (native, c, w) => native.tsr_atav(c, a, v, y, z, w));
}

/** C = alpha A Aᵀ + beta C on one triangle. */
export function syrk(uplo: Uplo, alpha: number, A: Matrix, beta: number, C: Matrix, o: OperationOptions = {}): void {
  const [a, d] = [A.descriptor(), C.descriptor()];
  const size = sizeOf(C, A.shape[1], C.shape[0] * (C.shape[0] + 1) * A.shape[1]);
  encode("syrk", [A, C], size, o, (native, c, w) => native.tsr_syrk(c, uplos[uplo], alpha, a, beta, d, w));
}

/** B = alpha A⁻¹ B (left) or alpha B A⁻¹ (right), A triangular; uplo names the triangle as stored, before any
 * transpose. */
export function trsm(
  side: Side,
  uplo: Uplo,
  alpha: number,
  A: Matrix,
  B: Matrix,
  o: OperationOptions & { unit?: boolean } = {},
): void {
  const [a, b] = [A.descriptor(), B.descriptor()];
  const flags = sides[side] | uplos[uplo] | (o.unit ? abi.TSR_UNIT : abi.TSR_NON_UNIT);
  const size = sizeOf(B, A.shape[0], B.shape[0] * B.shape[1] * A.shape[0]);
  encode("trsm", [A, B], size, o, (native, c, w) => native.tsr_trsm(c, flags, alpha, a, b, w));
}

/** A = L Lᵀ in place, lower triangle; the first bad pivot j (from 1) writes base + j to info, and later calls with it
 * do nothing. */
export function potrf(A: Matrix, info: Matrix, base: number, o: OperationOptions = {}): void {
  const [a, i] = [A.descriptor(), info.descriptor()];
  encode(
    "potrf",
    [A],
    sizeOf(A, 0, A.shape[0] ** 3 / 3),
    o,
    (native, c, w) => native.tsr_potrf(c, a, i, base, w),
  );
}

/** P A = L U in place for any m x n: row j was exchanged with row pivots[j] (from 0); pivots = infoWords(1, min(m, n)).
 * info = the first pivot (from 1) that is exactly 0, or 0. */
export function getrf(A: Matrix, pivots: Matrix, info: Matrix, o: OperationOptions = {}): void {
  const [a, p, i] = [A.descriptor(), pivots.descriptor(), info.descriptor()];
  const [m, n] = A.shape, k = Math.min(m, n);
  const size = sizeOf(A, 0, 2 * m * n * k - (m + n) * k ** 2 + 2 * k ** 3 / 3);
  encode("getrf", [A, pivots], size, o, (native, c, w) => native.tsr_getrf(c, a, p, i, w));
}

/** Exchanges the rows j and pivots[j] of A, from the first j on, or backward from the last. */
export function laswp(A: Matrix, pivots: Matrix, direction: Direction, o: OperationOptions = {}): void {
  const [a, p, d] = [A.descriptor(), pivots.descriptor(), directions[direction]];
  encode("laswp", [A, pivots], sizeOf(A, 0, 0), o, (native, c, w) => native.tsr_laswp(c, a, p, d, w));
}

/** A panel of the tridiagonal reduction of a symmetric A, whose lower triangle is read and whose largest entry must lie
 * in [1/2, 1): A - L Rᵀ less its first nb rows and columns is the rest. L = [V W], R = [W V], n x 2nb; the reflectors
 * are I - V T⁻¹ Vᵀ with T nb x nb; DE (2 x nb, float32 or empty64) = diagonal and subdiagonal. */
export function latrd(A: Matrix, L: Matrix, R: Matrix, T: Matrix, DE: Matrix, o: OperationOptions = {}): void {
  const size = sizeOf(A, DE.shape[1], 2 * A.shape[0] ** 2 * DE.shape[1]);
  encode("latrd", [A, L, R, T, DE], size, o, panel("tsr_latrd", A, L, R, T, DE));
}

/** A panel of the reduction of A (m x n, m >= n) to upper bidiagonal form: L = [V X], m x 2nb, R = [Y U], n x 2nb, T =
 * [T of V, T of U], nb x 2nb; the rest as in latrd. */
export function labrd(A: Matrix, L: Matrix, R: Matrix, T: Matrix, DE: Matrix, o: OperationOptions = {}): void {
  const size = sizeOf(A, DE.shape[1], 4 * A.shape[0] * A.shape[1] * DE.shape[1]);
  encode("labrd", [A, L, R, T, DE], size, o, panel("tsr_labrd", A, L, R, T, DE));
}

function panel(
  name: "tsr_latrd" | "tsr_labrd",
  ...[A, L, R, T, DE]: [Matrix, Matrix, Matrix, Matrix, Matrix]
): Encoder {
  const [a, l, r, t, d] = [A.descriptor(), L.descriptor(), R.descriptor(), T.descriptor(), DE.descriptor()];
  return (native, c, w) => native[name](c, a, l, r, t, d, w);
}

/** The triangles N (n x nb) of the reflectors V, nb of them in a block, that gemqrt needs. */
export function larft(V: Matrix, N: Matrix, o: OperationOptions = {}): void {
  const [v, b] = [V.descriptor(), N.descriptor()], [m, n] = V.shape;
  const size = sizeOf(N, m, (m - n / 2) * n * N.shape[1]);
  encode("larft", [V, N], size, o, (native, c, w) => native.tsr_larft(c, v, b, w));
}

/** C = Q C for a product Q of blocks of reflectors: the one that begins at column j is I - W (I + N_j) Wᵀ with W the
 * rows from j on of its columns of V, nb = columns of N, and N_j the rows of N from j on (upper triangles). */
export function gemqrt(V: Matrix, N: Matrix, C: Matrix, o: OperationOptions = {}): void {
  const [v, b, d] = [V.descriptor(), N.descriptor(), C.descriptor()], [m, n] = V.shape;
  const size = sizeOf(C, n, 4 * (m - n / 2) * n * C.shape[1]);
  encode("gemqrt", [V, N, C], size, o, (native, c, w) => native.tsr_gemqrt(c, v, b, d, w));
}

/** Eigenvalues of the tridiagonal matrix whose bands are DE (empty64, 2 x n) to its first row, ascending; Z = vectors
 * as columns, n x n, or 0x0 for the values alone. */
export function stedc(DE: Matrix, Z: Matrix, o: OperationOptions = {}): void {
  const [de, z] = [DE.descriptor(), Z.descriptor()];
  encode("stedc", [DE, Z], sizeOf(DE, 0, 0), o, (native, c, w) => native.tsr_stedc(c, de, z, w));
}

/** Singular values of the upper bidiagonal matrix whose bands are DE to its first row, descending; Z = right vectors as
 * columns, n x n, or 0x0. The left ones are the Q of a QR factorisation of B Z. */
export function bdsdc(DE: Matrix, Z: Matrix, o: OperationOptions = {}): void {
  const [de, z] = [DE.descriptor(), Z.descriptor()];
  encode("bdsdc", [DE, Z], sizeOf(DE, 0, 0), o, (native, c, w) => native.tsr_bdsdc(c, de, z, w));
}

/** Eigenvalues of the symmetric G (empty64, n x n, the lower triangle) to W (empty64, 1 x n), descending; Z (empty64,
 * n x v) = the vectors of the v largest as columns. All in float64; for orders up to about 1000. */
export function syev(G: Matrix, W: Matrix, Z: Matrix, o: OperationOptions = {}): void {
  const [g, w, z] = [G.descriptor(), W.descriptor(), Z.descriptor()];
  const size = sizeOf(G, Z.shape[1], 4 * G.shape[0] ** 3 / 3);
  encode("syev", [G, W, Z], size, o, (native, c, p) => native.tsr_syev(c, g, w, z, p));
}

/** Orthogonal J_t that make the symmetric blocks G_t diagonal; both lie one below the other, of order k <= 64. An
 * element counts as 0 up to tolerance s_i s_j, s = 1 (principal) or max(√g_ii, floor) (gram: the diagonal falls);
 * words (infoWords(1, count)): 0 where that is all of them and J_t = I. */
export function jacobi(
  form: Form,
  G: Matrix,
  J: Matrix,
  words: Matrix,
  tolerance: number,
  floor: number,
  o: OperationOptions = {},
): void {
  const [g, j, w, f] = [G.descriptor(), J.descriptor(), words.descriptor(), forms[form]];
  const call: Encoder = (native, c, p) => native.tsr_jacobi(c, f, g, j, w, tolerance, floor, p);
  encode("jacobi", [G, J], sizeOf(G, 0, 0), o, call);
}

/** For each pair of blocks of A, half as wide as the small blocks B_t of B: principal, their submatrix of a symmetric A
 * to B_t; gram, XᵀX to B_t; columns, X = X B_t; rows, X = B_tᵀ X. pairs (infoWords(3, count)) = first block, second
 * block, and 0 where columns and rows leave the pair alone. */
export function apply(
  form: Form | "columns" | "rows",
  A: Matrix,
  pairs: Matrix,
  B: Matrix,
  o: OperationOptions = {},
): void {
  const [a, p, b] = [A.descriptor(), pairs.descriptor(), B.descriptor()];
  const k = B.shape[1], lines = form === "rows" ? A.shape[1] : A.shape[0];
  const size = sizeOf(A, k, form === "principal" ? 0 : 2 * lines * k * B.shape[0]);
  encode("apply", [A, B], size, o, (native, c, w) => native.tsr_apply(c, forms[form], a, p, b, w));
}

/** S = the largest absolute value of each column, and where it has two rows the sign of the first entry within 2^-10 of
 * that; info = row, column (from 1) of the first NaN or Inf, or 0 0. */
export function colstat(A: Matrix, S: Matrix, info: Matrix, o: OperationOptions = {}): void {
  const [a, s, i] = [A.descriptor(), S.descriptor(), info.descriptor()];
  encode("colstat", [A, S], sizeOf(A, 0, 0), o, (native, c, w) => native.tsr_colstat(c, a, s, i, w));
}

/** B = the columns of A times s_j, or by the power of two of s_j: normalize brings their largest entry into [1/2, 1),
 * restore undoes it. B may be A. */
export function scale(mode: Scaling, A: Matrix, S: Matrix, B: Matrix, o: OperationOptions = {}): void {
  const [a, s, b] = [A.descriptor(), S.descriptor(), B.descriptor()];
  encode("scale", [A, S, B], sizeOf(B, 0, 0), o, (native, c, w) => native.tsr_scale(c, scalings[mode], a, s, b, w));
}

/** One certified panel of Gram-Schmidt: W becomes W T⁻¹. Columns that are not farther than floor from the span of those
 * before them are replaced by random ones. info[0] = 1 asks for another pass, info[1] counts dead columns.
 */
export function orth(
  W: Matrix,
  T: Matrix,
  info: Matrix,
  floor: number,
  seed: number,
  o: OperationOptions = {},
): void {
  const [a, t, i] = [W.descriptor(), T.descriptor(), info.descriptor()];
  const size = sizeOf(W, 0, 2 * W.shape[0] * W.shape[1] ** 2);
  encode("orth", [W, T], size, o, (native, c, w) => native.tsr_orth(c, a, t, i, floor, seed, w));
}

/** A = Q R with R_jj >= 0 for m >= n, by a vendor's LAPACK; Q is m x n. */
export function geqrf(A: Matrix, Q: Matrix, R: Matrix, o: OperationOptions = {}): void {
  const [a, q, r] = [A.descriptor(), Q.descriptor(), R.descriptor()], [m, n] = A.shape;
  const size = sizeOf(A, 0, 4 * m * n ** 2 - 4 * n ** 3 / 3);
  encode("geqrf", [A, Q, R], size, o, (native, c, w) => native.tsr_geqrf(c, a, q, r, w));
}

/** A = U diag(S) Vt, values descending, by a vendor's LAPACK; S is 1 x min(m, n), info as LAPACK means it. */
export function gesdd(A: Matrix, U: Matrix, S: Matrix, Vt: Matrix, info: Matrix, o: OperationOptions = {}): void {
  const [a, u, s, v, i] = [A.descriptor(), U.descriptor(), S.descriptor(), Vt.descriptor(), info.descriptor()];
  const [m, n] = A.shape, p = Math.min(m, n);
  const size = sizeOf(A, 0, 4 * Math.max(m, n) * p ** 2 + 13 * p ** 3);
  encode("gesdd", [A, U, S, Vt], size, o, (native, c, w) => native.tsr_gesdd(c, a, u, s, v, i, w));
}

/** A = V diag(W) V' from the lower triangle of A, values ascending, by a vendor's LAPACK; W is 1 x n. */
export function syevd(A: Matrix, W: Matrix, V: Matrix, info: Matrix, o: OperationOptions = {}): void {
  const [a, w, v, i] = [A.descriptor(), W.descriptor(), V.descriptor(), info.descriptor()];
  const size = sizeOf(A, 0, 9 * A.shape[0] ** 3);
  encode("syevd", [A, W, V], size, o, (native, c, p) => native.tsr_syevd(c, a, w, v, i, p));
}

/** R = B - A X, accumulated in float64. */
export function resid(A: Matrix, X: Matrix, B: Matrix, R: Matrix, o: OperationOptions = {}): void {
  const [a, x, b, r] = [A.descriptor(), X.descriptor(), B.descriptor(), R.descriptor()];
  const size = sizeOf(R, A.shape[1], 2 * R.shape[0] * R.shape[1] * A.shape[1]);
  encode("resid", [A, X, B, R], size, o, (native, c, w) => native.tsr_resid(c, a, x, b, r, w));
}

/** A = random numbers, a pure function of seed, row and column. */
export function rand(distribution: Distribution, seed: number, A: Matrix, o: OperationOptions = {}): void {
  const a = A.descriptor();
  const [low, high] = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  encode(
    "rand",
    [A],
    sizeOf(A, 0, 0),
    o,
    (native, c, w) => native.tsr_rand(c, distributions[distribution], low, high, a, w),
  );
}
