// The k leading singular triplets, from the Ritz subspace that krylov.ts or subspace.ts found.
import { geadd, gemm, resid, scale, tuned } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { isFinite, notANumber, statistics } from "./check.ts";
import { ArgumentError, NotConvergedError, OverflowError, ShapeError } from "./errors.ts";
import { krylov } from "./krylov.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { type ProofOptions, type Proven, proveSvd, tripletResiduals, u } from "./proof.ts";
import { factor } from "./qr.ts";
import { type Plan, residualsOf, type Ritz, ritzVectors } from "./ritz.ts";
import { smallSvd } from "./small.ts";
import { subspace } from "./subspace.ts";

export type SvdMethod = "auto" | "krylov" | "subspace" | "bidiagonal" | "jacobi" | "lapack";

export interface TopOptions extends RunOptions, ProofOptions {
  /** How many triplets, 0 to min(m, n). */
  k: number;
  /** krylov (default): fewest reads of A; subspace: plain block power iteration. */
  method?: SvdMethod;
  /** Stop when every residual is at most tol times the largest singular value. Default 1e-5; below 2e-6 counts as 2e-6.
   */
  tol?: number;
  /** Most products with A or its transpose. Default 200. */
  maxPasses?: number;
  /** Columns of a block beyond k. */
  oversample?: number;
  /** Seed of the random start, 0 to 2^53 - 1. Default 0. */
  seed?: number;
  /** n x j guess of the leading right vectors. */
  start?: MatrixLike;
  /** Throw NotConvergedError instead of returning converged: false. */
  strict?: boolean;
}

export interface Svd extends Proven {
  u: Matrix;
  s: Float32Array;
  vt: Matrix;
  converged: boolean;
}

export interface TopSvd extends Svd {
  /** max(‖Av − σu‖, ‖Aᵀu − σv‖) of each triplet. */
  residuals: Float32Array;
  /** Products with A or its transpose that were made. */
  passes: number;
}

/** Left vectors, values, right vectors, and the residuals where they are known. */
interface Triplets {
  L: Matrix;
  s: Float64Array;
  V: Matrix;
  residuals: Float64Array | undefined;
}

/** Below this part of the largest value, rounding in B y turns the left vector: such residuals are measured. */
const STEEP = 2 ** -10;

/** U, σ, V of the k leading Ritz triplets: certified QR of B Y, small SVD of its triangle, one Newton-Schulz step for
 * V. */
function* extract(ritz: Ritz, k: number): Algorithm<Triplets> {
  const { Q, B, eigen } = ritz;
  const t = { chain: tuned("svd.chain", B) };
  using Y = ritzVectors(eigen, k, Q);
  using X = Matrix.empty(B.shape[0], k, B.device);
  gemm(1, B, Y, 0, X, t); //                      X = B Y
  const qr = yield* factor(X, k); //        X = U₀ T
  yield settled();
  using U0 = qr.Q;
  using T = qr.R;
  const { u: left, s, v: right } = smallSvd(k, T.readBlock(0, k, 0, k)); // T = Ũ Σ Ṽᵀ
  using P = fromColumns(left, k, k, Q);
  const c = eigen.values.length;
  using W = fromColumns(rotated(eigen.vectors.subarray(0, k * c), right, k), k, c, Q);
  const L = Matrix.empty(B.shape[0], k, B.device);
  gemm(1, U0, P, 0, L, t); //                     U = U₀ Ũ
  using V0 = Matrix.empty(Q.shape[0], k, Q.device);
  gemm(1, Q, W, 0, V0, t); //                     V₀ = Q Y Ṽ
  using I = Matrix.eye(k, k, { device: Q.device });
  using E = Matrix.empty(k, k, Q.device);
  resid(V0.T, V0, I, E);
  const V = Matrix.empty(Q.shape[0], k, Q.device);
  geadd(1, V0, 0, V);
  gemm(0.5, V0, E, 1, V, t); //                   V = V₀ + V₀ (I − V₀ᵀV₀) / 2
  const known = c < Q.shape[0] && s[k - 1]! > STEEP * s[0]! ? ritz.errors : undefined;
  return { L, s, V, residuals: known && residualsOf(rotated(known, right, k), s) };
}

/** Rows of vectors (length n each) as columns of a float32 matrix. */
function fromColumns(vectors: Float64Array, k: number, n: number, like: Matrix): Matrix {
  const M = Matrix.hosted(n, k, like.device);
  const m = M.host();
  for (let i = 0; i < k; i++) for (let j = 0; j < n; j++) m[j * k + i] = vectors[i * n + j]!;
  return M;
}

/** Row i of the result: the sum over j of rotation[i][j] times row j. */
function rotated(rows: Float64Array, rotation: Float64Array, k: number): Float64Array {
  const n = rows.length / k;
  const out = new Float64Array(k * n);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) {
      const r = rotation[i * k + j]!;
      for (let l = 0; l < n; l++) out[i * n + l]! += r * rows[j * n + l]!;
    }
  }
  return out;
}

/** Turns signs so that in each column of U the first entry within 2^-10 of the largest is positive. */
function* fixSigns(U: Matrix, V: Matrix): Algorithm<void> {
  yield settled();
  const [m, k] = U.shape;
  const numbersOfU = U.host();
  using signs = Matrix.hosted(1, k, U.device);
  const sign = signs.host();
  for (let j = 0; j < k; j++) {
    let max = 0;
    for (let i = 0; i < m; i++) max = Math.max(max, Math.abs(numbersOfU[i * k + j]!));
    let i = 0;
    while (i < m - 1 && Math.abs(numbersOfU[i * k + j]!) < (1 - 2 ** -10) * max) i++;
    sign[j] = m > 0 && numbersOfU[i * k + j]! < 0 ? -1 : 1;
  }
  scale("multiply", U, signs);
  scale("multiply", V, signs);
}

/** Entries this far from 1 could overflow or vanish in the products: then a scaled copy is used. */
const SAFE_EXPONENT = 40;

/** The k leading triplets of a finite matrix. */
function* leading(A: Matrix, max: number, plan: Plan, method: "krylov" | "subspace"): Algorithm<TopSvd> {
  const exponent = max > 0 ? Math.floor(Math.log2(max)) + 1 : 0;
  const far = Math.abs(exponent) > SAFE_EXPONENT;
  using N = far ? Matrix.empty(A.shape[0], A.shape[1], A.device) : A.sub(0, A.shape[0], 0, A.shape[1]);
  if (far) {
    using s = Matrix.from([max], [1, 1], { device: A.device });
    geadd(1, A, 0, N);
    scale("normalize", N, s);
  }
  const wide = A.shape[0] < A.shape[1];
  const tall = wide ? N.T : N;
  const [m, n] = tall.shape;
  using Q = Matrix.empty(n, Math.min(n, plan.basis + plan.block), A.device);
  using B = Matrix.empty(m, plan.basis, A.device);
  const space = method === "krylov" ? { Q, B } : { Q: Q.cols(0, plan.block), B: B.cols(0, plan.block) };
  const ritz = yield* (method === "krylov" ? krylov : subspace)(tall, plan, space);
  const { L, s, V, residuals: estimated } = yield* extract(ritz, plan.k);
  const [U, right] = wide ? [V, L] : [L, V];
  yield* fixSigns(U, right);
  const vt = Matrix.empty(plan.k, A.shape[1], A.device);
  geadd(1, right.T, 0, vt);
  const values = Float32Array.from(s);
  const residuals = estimated ?? (yield* tripletResiduals(N, U, values, vt, "residuals"));
  const passes = estimated ? ritz.passes : ritz.passes + 2;
  right[Symbol.dispose]();
  const converged = residuals.every((r) => r <= plan.tol * (values[0] ?? 0));
  const back = far ? 2 ** exponent : 1;
  return {
    u: U,
    s: values.map((x) => x * back),
    vt,
    converged,
    residuals: Float32Array.from(residuals, (r) => r * back),
    passes,
  };
}

/** Smallest meaningful tolerance: rounding alone leaves residuals of this size. */
const MIN_TOL = 32 * u;

function planFor(A: Matrix, o: TopOptions, method: "krylov" | "subspace"): Plan {
  const n = Math.min(...A.shape);
  const { k, seed = 0, maxPasses = 200 } = o;
  const tol = Math.max(o.tol ?? 1e-5, MIN_TOL);
  if (!Number.isInteger(k) || k < 0 || k > n) {
    throw new ArgumentError(`svd: k is ${k}; a ${A.shape.join("x")} matrix has triplets for k from 0 to ${n}`);
  }
  if (!(o.tol === undefined || o.tol > 0)) throw new ArgumentError(`svd: tol is ${o.tol}; it must be greater than 0`);
  if (!Number.isInteger(maxPasses) || maxPasses < 2) {
    throw new ArgumentError(`svd: maxPasses is ${maxPasses}; it must be at least 2`);
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ArgumentError(`svd: seed is ${seed}; it must be a whole number from 0 to 2^53 - 1`);
  }
  const extra = o.oversample ?? (method === "subspace" ? 10 : tuned("svd.oversample", A));
  if (!Number.isInteger(extra) || extra < 0) {
    throw new ArgumentError(`svd: oversample is ${extra}; it must be a whole number from 0`);
  }
  const plan = { k, tol, maxPasses, seed, start: undefined };
  if (method === "subspace") {
    const block = Math.min(n, k + extra);
    return { ...plan, block, basis: block };
  }
  // A block narrower than a cluster of values can miss some of it, so it has at least k columns unless the answer may
  // be rough.
  const block = Math.min(n, k <= 64 ? Math.max(k, Math.min(64, Math.max(k + extra, 8))) : tol >= 1e-3 ? 64 : k);
  const basis = Math.max(tuned("svd.basis", A) * block, 6 * k);
  return { ...plan, block, basis: basis > n / 2 ? n : basis }; // a basis that large may as well fill the space
}

/** The guess as columns of the short side: right vectors, or for a wide matrix their images. */
function guess(call: Call, A: Matrix, start: MatrixLike): Matrix {
  const S = call.matrix(start);
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
  if (!["auto", "krylov", "subspace"].includes(method)) {
    throw new ArgumentError(`svd: method "${method}" is not offered here; with k, methods are auto, krylov, subspace`);
  }
  const A = call.matrix(a);
  const chosen = method === "subspace" ? "subspace" : "krylov";
  const plan = planFor(A, o, chosen);
  const { k } = plan;
  if (!(yield* isFinite(A, "svd", "A", o.checkFinite))) return lost(A, k);
  if (k === 0) return { ...lost(A, 0), converged: true };
  if (o.start) plan.start = guess(call, A, o.start);
  const { max } = yield* statistics(A);
  const result = yield* leading(A, max, plan, chosen);
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
