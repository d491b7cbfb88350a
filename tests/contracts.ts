// The contracts, one function an operation: each measures a result against its operand and returns figures with their
// bounds.
import * as t from "./metrics.ts";
import { type Dense, type Figure, type Numbers, u, wide } from "./metrics.ts";

function orthogonal(contract: string, q: Dense): Figure {
  return { contract, value: t.orthogonality(q), bound: 12 * Math.sqrt(q.n) };
}

function count(contract: string, value: number): Figure {
  return { contract, value, bound: 0 };
}

/** How many of these are not at least 0; NaN is not. */
function negative(values: ArrayLike<number>): number {
  return Array.from(values).filter((value) => !(value >= 0)).length;
}

/** A = Q R: thin or complete Q, R upper triangular or trapezoidal with a diagonal from 0 up. */
export function qr(a: Numbers, q: Numbers, r: Numbers): Figure[] {
  const [A, Q, R] = [wide(a), wide(q), wide(r)];
  const product = t.matmul64(Q, R);
  return [
    orthogonal("orthogonality of Q", Q),
    { contract: "residual of QR", value: t.relative(A, product), bound: 16 },
    { contract: "worst column of QR", value: t.relativeColumns(A, product), bound: 32 },
    ...triangle(r),
  ];
}

/** R alone: what can be said of it without Q. */
export function triangle(r: Numbers): Figure[] {
  return [
    count("entries of R below the diagonal", t.belowDiagonal(wide(r))),
    count("negative diagonal entries of R", negative(t.diagonal(wide(r)))),
  ];
}

/** Q spans the columns of A as far as they are independent. */
export function basis(a: Numbers, q: Numbers): Figure[] {
  const [A, Q] = [wide(a), wide(q)];
  const inside = t.matmul64(Q, t.matmul64(t.transpose(Q), A));
  return [orthogonal("orthogonality of the basis", Q), {
    contract: "part of A outside",
    value: t.relative(A, inside),
    bound: 16,
  }];
}

export interface Triplets {
  readonly u: Numbers;
  readonly s: ArrayLike<number>;
  readonly vt: Numbers;
  readonly residuals: ArrayLike<number>;
  readonly converged: boolean;
}

/** max(|Av - su|, |A'u - sv|) of each triplet. */
export function tripletResiduals(A: Dense, U: Dense, s: ArrayLike<number>, Vt: Dense): Float64Array {
  const V = t.transpose(Vt), times = (x: Dense): Dense => t.map(x, (value, _, j) => value * s[j]!);
  const left = t.columnNorms(t.minus(t.matmul64(A, V), times(U)));
  const right = t.columnNorms(t.minus(t.matmul64(t.transpose(A), U), times(V)));
  return left.map((value, i) => Math.max(value, right[i]!));
}

/** k leading triplets; sigma are the true singular values, all or at least k of them. */
export function svd(a: Numbers, result: Triplets, sigma: ArrayLike<number>, tol: number): Figure[] {
  const [A, U, Vt] = [wide(a), wide(result.u), wide(result.vt)];
  const { s, residuals, converged } = result;
  const first = sigma[0] ?? 0, k = s.length, floor = t.tiny * Math.sqrt(A.x.length);
  const truth = tripletResiduals(A, U, s, Vt);
  const errors = Array.from(s, (value, i) => Math.abs(value - sigma[i]!));
  const figures = [
    orthogonal("orthogonality of U", U),
    orthogonal("orthogonality of V", t.transpose(Vt)),
    count("singular values negative or out of order", disorder(s)),
    count("vectors with the wrong sign", wrongSigns(U)),
    count("lengths that are not k", [U.n, Vt.m, residuals.length].filter((length) => length !== k).length),
    { contract: "residuals told and true", value: disagreement(truth, residuals, 32 * u * first + floor), bound: 1.3 },
  ];
  if (!converged) return figures;
  return [
    ...figures,
    { contract: "largest residual", value: t.inUnits(t.largest(truth), first, floor), bound: Math.max(tol / u, 32) },
    {
      contract: "error of singular values",
      value: t.inUnits(t.largest(errors), first, floor),
      bound: Math.max(tol / u, 16),
    },
  ];
}

function disorder(s: ArrayLike<number>): number {
  return negative(s) + Array.from(s).filter((value, i) => i > 0 && !(value <= s[i - 1]!)).length;
}

/** Vectors whose first entry of nearly the largest size is not positive. */
function wrongSigns(U: Dense): number {
  let wrong = 0;
  for (let j = 0; j < U.n; j++) {
    const column = t.columns(U, j, j + 1).x, most = t.largest(column.map(Math.abs));
    const leading = column.find((value) => Math.abs(value) >= (1 - 2 ** -10) * most) ?? 0;
    if (U.m > 0 && !(leading > 0)) wrong++;
  }
  return wrong;
}

/** The worst quotient of two residuals, either way, where one of them is above the floor of rounding. */
function disagreement(truth: ArrayLike<number>, told: ArrayLike<number>, floor: number): number {
  return t.largest(Array.from(truth, (value, i) => {
    if (Number.isNaN(value + told[i]!)) return NaN;
    const [low, high] = value <= told[i]! ? [value, told[i]!] : [told[i]!, value];
    return high <= floor ? 0 : high / Math.max(low, floor);
  }));
}

/** A, given by its lower triangle, = L L'. */
export function cholesky(a: Numbers, l: Numbers): Figure[] {
  const [A, L] = [wide(a), wide(l)], n = A.n;
  const whole = t.map(A, (value, i, j) => (i >= j ? value : A.x[j * n + i]!));
  const Lt = t.transpose(L);
  return [
    { contract: "residual of LL'", value: t.relative(whole, t.matmul64(L, Lt)), bound: 12 },
    count("entries of L above the diagonal", t.belowDiagonal(Lt)),
    count("diagonal entries of L not positive", t.diagonal(L).filter((value) => !(value > 0)).length),
  ];
}

/** A X = B, column by column: |b - Ax| over (|A| |x| + |b|). */
export function solve(A: Dense, x: Numbers, b: Numbers): Figure[] {
  const [X, B] = [wide(x), wide(b)], size = t.norm2(A);
  const errors = t.columnNorms(t.minus(B, t.matmul64(A, X)));
  const [xs, bs] = [t.columnNorms(X), t.columnNorms(B)];
  const worst = t.largest(errors.map((e, j) => t.inUnits(e, size * xs[j]! + bs[j]!, t.tiny * Math.sqrt(A.x.length))));
  return [{ contract: "backward error of a column", value: worst, bound: 8 * Math.sqrt(A.n) }];
}

/** T X = B with T triangular: |B - TX| over |T| |X|. */
export function triangular(T: Dense, x: Numbers, b: Numbers): Figure[] {
  const [X, B] = [wide(x), wide(b)];
  const error = t.normF(t.minus(B, t.matmul64(T, X)));
  const value = t.inUnits(error, t.norm2(T) * t.normF(X), t.tiny * Math.sqrt(T.x.length));
  return [{ contract: "residual of a triangular solve", value, bound: 8 * Math.sqrt(T.n) }];
}

/** The terms of a product: C = alpha A B + beta C0. */
export interface Product {
  readonly A: Dense;
  readonly B: Dense;
  readonly alpha?: number;
  readonly beta?: number;
  readonly C0?: Dense;
}

/** Units of |alpha| |A| |B| + |beta| |C0| that the rounding of a product of this depth may reach. */
export function productBound(depth: number, chain: number): number {
  const length = Math.min(Math.max(depth, 1), chain);
  return length + Math.ceil(Math.log2(Math.ceil(Math.max(depth, 1) / length))) + 2;
}

/** Every element of C against float64. */
export function product(c: Numbers, p: Product, chain: number): Figure[] {
  const C = wide(c), depth = p.A.n;
  const truth = combine(t.matmul64(p.A, p.B), p, (x) => x);
  const scale = combine(t.matmul64(t.abs(p.A), t.abs(p.B)), p, Math.abs);
  const errors = Array.from(t.minus(C, truth).x, (e, at) => t.inUnits(Math.abs(e), scale.x[at]!, depth * t.tiny));
  return [{ contract: "element of a product", value: t.largest(errors), bound: productBound(depth, chain) }];
}

/** The same for products too big to repeat: C t against A (B t) for a vector t of signs. */
export function probe(c: Numbers, p: Product, chain: number): Figure[] {
  const C = wide(c), depth = p.A.n;
  const signs = t.dense(p.B.n, 1, Float64Array.from({ length: p.B.n }, (_, i) => ((i * i + 3 * i) % 7 < 3 ? 1 : -1)));
  const times = (x: Dense, y: Dense): Dense => t.matmul64(x, y);
  const C0 = p.C0 ? { C0: times(p.C0, signs) } : {};
  const truth = combine(times(p.A, times(p.B, signs)), { ...p, ...C0 }, (x) => x);
  const sizes = p.C0 ? { C0: times(t.abs(p.C0), t.abs(signs)) } : {};
  const scale = combine(times(t.abs(p.A), times(t.abs(p.B), t.abs(signs))), { ...p, ...sizes }, Math.abs);
  const rows = Array.from(
    t.minus(times(C, signs), truth).x,
    (e, at) => t.inUnits(Math.abs(e), scale.x[at]!, depth * C.n * t.tiny),
  );
  return [{ contract: "row of a product", value: t.largest(rows), bound: productBound(depth, chain) }];
}

function combine(ab: Dense, p: Product, f: (x: number) => number): Dense {
  const alpha = f(p.alpha ?? 1), beta = f(p.beta ?? 0);
  return t.map(ab, (value, i, j) => alpha * value + (beta === 0 ? 0 : beta * f(p.C0!.x[i * ab.n + j]!)));
}

/** X minimises |B - AX|, column by column: |A'r| over |A| (|A| |x| + |b|). */
export function lstsq(A: Dense, x: Numbers, b: Numbers): Figure[] {
  const [X, B] = [wide(x), wide(b)], size = t.norm2(A);
  const normal = t.columnNorms(t.matmul64(t.transpose(A), t.minus(B, t.matmul64(A, X))));
  const [xs, bs] = [t.columnNorms(X), t.columnNorms(B)];
  const floor = t.tiny * Math.sqrt(A.x.length);
  const worst = t.largest(normal.map((g, j) => size === 0 ? g : t.inUnits(g / size, size * xs[j]! + bs[j]!, floor)));
  return [{ contract: "normal equations", value: worst, bound: 32 * Math.sqrt(A.n) }];
}
