// The k leading singular triplets, from the Ritz subspace that krylov.ts, subspace.ts or gram.ts found.
import { atav, geadd, gemm, scale, tuned } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { accepted, notANumber, statistics } from "./check.ts";
import { ArgumentError, NotConvergedError, OverflowError, ShapeError } from "./errors.ts";
import type { FullSvdOptions, Svd } from "./fullsvd.ts";
import { gram } from "./gram.ts";
import { requireNumber, requireSeed, shown } from "./input.ts";
import { krylov } from "./krylov.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { type ProofOptions, proveSvd, squaredColumns, u } from "./proof.ts";
import { type Finish, FLOOR, type Operator, type Plan } from "./ritz.ts";
import { fixSigns } from "./signs.ts";
import { exponentOf } from "./small64.ts";
import { subspace } from "./subspace.ts";
import { extract } from "./triplets.ts";

export type SvdMethod = "auto" | "krylov" | "subspace" | "gram" | "bidiagonal" | "jacobi" | "lapack";

export interface TopOptions extends RunOptions, ProofOptions {
  /** How many triplets, 0 to min(m, n). */
  k: number;
  /** krylov: fewest reads of A; subspace: plain block power iteration; gram: eigenvectors of AᵀA (or AAᵀ) in float64.
   * Default: krylov, or gram where A has few columns (or rows). */
  method?: SvdMethod;
  /** Stop when every residual is at most tol times the largest singular value. Default 1e-5; below 2e-6 counts as 2e-6.
   */
  tol?: number;
  /** Most passes (below). Default 200. */
  maxPasses?: number;
  /** Columns of the first block beyond k. */
  oversample?: number;
  /** Seed of the random start, 0 to 2^53 - 1. Default 0. */
  seed?: number;
  /** n x j guess of the leading right vectors. */
  start?: MatrixLike;
  /** Throw NotConvergedError instead of returning converged: false. */
  strict?: boolean;
}

/** With k or without, as shows at run time. */
export type SvdOptions = Omit<TopOptions, "k"> & Omit<FullSvdOptions, "k"> & { k?: number | undefined };

export interface TopSvd extends Svd {
  /** max(‖Av − σu‖, ‖Aᵀu − σv‖) of each triplet. */
  residuals: Float32Array;
  /** Products of A or its transpose with a block that were made; one with fewer columns than the first block had counts
   * as that part of one. */
  passes: number;
}

/** Entries this far from 1 could overflow or vanish in the products: then a scaled copy is used. */
const SAFE_EXPONENT = 40;

type Way = "krylov" | "subspace" | "gram";

/** The k leading triplets of a finite matrix. */
function* leading(A: Matrix, max: number, plan: Plan, way: Way): Algorithm<TopSvd> {
  const exponent = exponentOf(max);
  const far = Math.abs(exponent) > SAFE_EXPONENT;
  using N = far ? Matrix.empty(A.shape[0], A.shape[1], A.device) : A.sub(0, A.shape[0], 0, A.shape[1]);
  if (far) {
    using s = Matrix.from([max], [1, 1], { device: A.device });
    scale("normalize", A, s, N);
  }
  const back = far ? 2 ** exponent : 1;
  const wide = A.shape[0] < A.shape[1], tall = wide ? N.T : N;
  const finish = finishing(products(tall), wide, plan);
  const result = yield* way === "gram" ? gram(tall, plan, finish) : ways[way](products(tall), plan, finish);
  return { ...result, s: result.s.map((x) => x * back), residuals: result.residuals.map((x) => x * back) };
}

const ways = { krylov, subspace };

function products(A: Matrix): Operator {
  const { shape, device } = A, t = { chain: tuned("svd.chain", A) };
  return {
    shape,
    device,
    times: (X, C) => gemm(1, A, X, 0, C, t),
    transposed: (X, C) => gemm(1, A.T, X, 0, C, t),
    both: (X, Y, Z) => atav(A, X, Y, Z, t),
  };
}

/** The k leading triplets of a matrix that is known by its products, or where it is wide those of its transpose. */
export function iterated(tall: Operator, wide: boolean, plan: Plan): Algorithm<TopSvd> {
  return krylov(tall, plan, finishing(tall, wide, plan));
}

/** Turns a Ritz subspace into the result, or into nothing where its triplets, once rotated among close values and
 * measured where estimates do not hold, miss the tolerance and another round may still help. */
function finishing(A: Operator, wide: boolean, plan: Plan): Finish<TopSvd> {
  let [reads, before] = [0, Infinity];
  return function* (ritz, last) {
    const { L, s, V, residuals: estimated } = yield* extract(ritz, plan.k);
    const [U, right] = wide ? [V, L] : [L, V];
    fixSigns(U, [right]);
    const values = Float32Array.from(s);
    const residuals = Float32Array.from(estimated ?? (yield* measured(A, L, values, V)));
    const vt = Matrix.empty(plan.k, right.shape[0], A.device);
    geadd(1, right.T, 0, vt);
    right[Symbol.dispose]();
    reads += estimated ? 0 : 2;
    const worst = residuals.reduce((a, b) => Math.max(a, b), 0);
    const converged = worst <= plan.tol * values[0]!;
    if (converged || last || worst > before / 2) {
      return { u: U, s: values, vt, converged, residuals, passes: ritz.passes + reads };
    }
    before = worst;
    for (const M of [U, vt]) M[Symbol.dispose]();
    return undefined;
  };
}

/** max(‖Av − σu‖, ‖Aᵀu − σv‖) of each triplet from products in float32, and what their rounding adds. */
function* measured({ times, transposed }: Operator, U: Matrix, s: Float32Array, V: Matrix): Algorithm<Float64Array> {
  const left = yield* missed(times, V, s, U), right = yield* missed(transposed, U, s, V);
  const floor = FLOOR * u * (s[0] ?? 0);
  return Float64Array.from(s, (_, i) => Math.sqrt(Math.max(left[i]!, right[i]!) + floor * floor));
}

/** Squared lengths of the columns of A Y − X diag(s). */
function* missed(times: Operator["times"], Y: Matrix, s: Float32Array, X: Matrix): Algorithm<Float64Array> {
  using E = Matrix.empty(X.shape[0], s.length, X.device);
  using S = Matrix.diag(s, { device: X.device });
  times(Y, E);
  gemm(-1, X, S, 1, E);
  yield settled();
  return squaredColumns(E);
}

/** Blocks are a multiple of so many columns, since products with them cost as much as with the next multiple; beyond
 * so many, they have k. */
const EVEN = 8;
const WIDE = 64;
/** Where A has no more columns than so many blocks, finding them by iteration takes as long as decomposing AᵀA. */
const FEW = 8;

/** Smallest meaningful tolerance: rounding alone leaves residuals of this size. */
const MIN_TOL = 32 * u;

/** What the options ask for, and the way where they leave it open. */
export function planFor(A: Pick<Matrix, "shape" | "device">, o: TopOptions): { plan: Plan; way: Way } {
  const n = Math.min(...A.shape);
  const { k, seed = 0, maxPasses = 200, method = "auto" } = o;
  const tol = Math.max(o.tol ?? 1e-5, MIN_TOL);
  if (!Number.isInteger(k) || k < 0 || k > n) {
    throw new ArgumentError(`svd: k is ${shown(k)}; a ${A.shape.join("x")} matrix has triplets for k from 0 to ${n}`);
  }
  const whole = (least: number) => (x: number) => Number.isInteger(x) && x >= least;
  if (o.tol !== undefined) requireNumber(o.tol, "tol", "svd", (x) => x > 0, "greater than 0");
  requireNumber(maxPasses, "maxPasses", "svd", whole(2), "a whole number from 2");
  requireSeed(seed, "svd");
  const { oversample } = o;
  if (oversample !== undefined) requireNumber(oversample, "oversample", "svd", whole(0), "a whole number from 0");
  const plan = { k, tol, maxPasses, seed, start: undefined };
  if (method === "subspace") {
    const block = Math.min(n, k + (oversample ?? 10));
    return { plan: { ...plan, block, step: block, basis: block }, way: method };
  }
  // A block narrower than a cluster of values can miss some of it, so the first one has at least k columns unless the
  // answer may be rough, and there are passes enough for several blocks.
  const narrow = tol >= 1e-3 && maxPasses >= 2 * Math.ceil(k / WIDE);
  const wanted = oversample === undefined ? EVEN * Math.ceil((k + tuned("svd.oversample", A)) / EVEN) : k + oversample;
  const block = Math.min(n, k <= WIDE ? Math.max(k, Math.min(WIDE, Math.max(wanted, EVEN))) : narrow ? WIDE : k);
  const unit = tuned("svd.step", A);
  const step = block > WIDE ? block : Math.min(block, unit * Math.ceil(block / 3 / unit));
  const basis = tuned("svd.basis", A) * Math.max(block, k);
  const way = method === "gram" || method === "auto" && block <= WIDE && n <= FEW * block ? "gram" : "krylov";
  // A basis larger than half of the space may as well fill it.
  return { plan: { ...plan, block, step, basis: basis > n / 2 ? n : basis }, way };
}

/** The guess as columns of the short side: right vectors, or for a wide matrix their images. */
function guess(call: Call, A: Matrix, start: MatrixLike): Matrix {
  const S = call.matrix(start, "start");
  const [m, n] = A.shape;
  if (S.shape[0] !== n) {
    throw new ShapeError(`svd: start is ${S.shape.join("x")}; for a ${m}x${n} matrix it needs ${n} rows`);
  }
  if (m >= n) return S;
  const X = Matrix.empty(m, S.shape[1], A.device);
  gemm(1, A, S, 0, X);
  return X;
}

/** The public svd with k: options, checks, proof. */
export function* topJob(call: Call, a: MatrixLike, o: TopOptions): Algorithm<TopSvd> {
  const { method = "auto" } = o;
  if (!["auto", "krylov", "subspace", "gram"].includes(method)) {
    throw new ArgumentError(
      `svd: method "${method}" is not offered here; with k, methods are auto, krylov, subspace, gram`,
    );
  }
  const A = call.matrix(a);
  const { plan, way } = planFor(A, o);
  const { k } = plan;
  const { max, nonFinite } = yield* statistics(A);
  if (!accepted(A, nonFinite, "svd", "A", o.checkFinite)) return lost(A, k);
  if (k === 0) return { ...lost(A, 0), converged: true };
  if (o.start) plan.start = guess(call, A, o.start);
  const result = yield* leading(A, max, plan, way);
  if (!result.s.every(Number.isFinite)) {
    throw new OverflowError("svd: the largest singular value is beyond float32 (3.4e38); scale the matrix first");
  }
  if (o.strict && !result.converged) {
    const reached = Math.max(...result.residuals) / result.s[0]!;
    throw new NotConvergedError(
      `svd: residual ${reached.toExponential(1)} after ${result.passes} passes, ${
        plan.tol.toExponential(1)
      } was asked for; ` +
        "raise maxPasses or tol",
    );
  }
  return o.proof ? { ...result, proof: yield* proveSvd(A, result.u, result.s, result.vt, plan.tol) } : result;
}

/** The result for input that is not finite, or for k = 0. */
function lost(A: Matrix, k: number): TopSvd {
  const [m, n] = A.shape;
  const nan = new Float32Array(k).fill(NaN);
  return {
    u: notANumber(m, k, A),
    s: nan,
    vt: notANumber(k, n, A),
    converged: false,
    residuals: nan.slice(),
    passes: 0,
  };
}
