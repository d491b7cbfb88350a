// The contracts of the direct methods, as in contracts.ts: figures with their bounds, in units of u.
import * as t from "./metrics.ts";
import { type Dense, type Figure, type Numbers, u, wide } from "./metrics.ts";

type Values = ArrayLike<number>;

function orthogonal(contract: string, q: Dense): Figure {
  return { contract, value: t.orthogonality(q), bound: 12 * Math.sqrt(q.n) };
}

function count(contract: string, value: number): Figure {
  return { contract, value, bound: 0 };
}

/** What inputs below the normal range may add to an error. */
function floor(a: Dense): number {
  return t.tiny * Math.sqrt(a.x.length);
}

/** How many of some conditions, NaN included, do not hold. */
function broken(values: Values, holds: (value: number, at: number) => boolean): number {
  return Array.from(values).filter((value, at) => !holds(value, at)).length;
}

/** Columns whose first entry of nearly the largest size is not positive. */
function wrongSigns(v: Dense): number {
  let wrong = 0;
  for (let j = 0; j < v.n; j++) {
    const column = t.columns(v, j, j + 1).x, most = t.largest(column.map(Math.abs));
    const leading = column.find((value) => Math.abs(value) >= (1 - 2 ** -10) * most) ?? 0;
    if (v.m > 0 && !(leading > 0)) wrong++;
  }
  return wrong;
}

function worst(values: Values, truth: Values): number {
  return t.largest(Array.from(values, (value, i) => Math.abs(value - truth[i]!)));
}

/** The symmetric matrix with this lower triangle. */
export function whole(a: Numbers): Dense {
  const A = wide(a), n = A.n;
  return t.map(A, (value, i, j) => (i >= j ? value : A.x[j * n + i]!));
}

/** Eigenvalues alone, ascending. */
export function eigenvalues(a: Numbers, values: Values, truth: Values): Figure[] {
  const error = t.inUnits(worst(values, truth), t.largest(Array.from(truth, Math.abs)), floor(wide(a)));
  return [
    count("wrong number of eigenvalues", Math.abs(values.length - truth.length)),
    count("eigenvalues out of order", broken(values, (value, i) => i === 0 || value >= values[i - 1]!)),
    { contract: "error of eigenvalues", value: error, bound: 24 },
  ];
}

/** A V = V diag(values), A given by its lower triangle. */
export function eigh(a: Numbers, values: Values, vectors: Numbers, truth: Values): Figure[] {
  const A = whole(a), V = wide(vectors);
  const E = t.minus(t.matmul64(A, V), t.map(V, (value, _, j) => value * values[j]!));
  return [
    ...eigenvalues(a, values, truth),
    { contract: "residual of eigh", value: t.inUnits(t.normF(E), t.normF(A), floor(A)), bound: 48 },
    orthogonal("orthogonality of eigenvectors", V),
    count("eigenvectors with the wrong sign", wrongSigns(V)),
  ];
}

/** The same for sizes where probing has to do: A V T against V diag(values) T for vectors T of signs. */
export function eighProbed(a: Numbers, values: Values, vectors: Numbers): Figure[] {
  const A = whole(a), V = wide(vectors), n = A.n, probes = 12;
  // Of the squares of such a probe the mean over all signs is that of the Frobenius norm.
  const T = t.map(t.dense(n, probes), (_, i, j) => ((i * i * (2 * j + 3) + 5 * i + j) % 11 < 5.5 ? 1 : -1));
  const VT = t.matmul64(V, T), scaled = t.map(T, (value, i) => value * values[i]!);
  const E = t.minus(t.matmul64(A, VT), t.matmul64(V, scaled)), G = t.minus(t.matmul64(t.transpose(V), VT), T);
  return [
    { contract: "residual of eigh, probed", value: t.normF(E) / Math.sqrt(probes) / (u * t.normF(A)), bound: 48 },
    {
      contract: "orthogonality of eigenvectors, probed",
      value: t.normF(G) / Math.sqrt(probes) / u,
      bound: 12 * Math.sqrt(n),
    },
    count("eigenvectors with the wrong sign", wrongSigns(V)),
  ];
}

/** Singular values alone, descending. */
export function singularValues(a: Numbers, s: Values, truth: Values): Figure[] {
  const error = t.inUnits(worst(s, truth), t.largest(Array.from(truth)), floor(wide(a)));
  return [
    count("wrong number of singular values", Math.abs(s.length - truth.length)),
    count("singular values negative", broken(s, (value) => value >= 0)),
    count("singular values out of order", broken(s, (value, i) => i === 0 || value <= s[i - 1]!)),
    { contract: "error of singular values", value: error, bound: 16 },
  ];
}

export interface Full {
  readonly u: Numbers;
  readonly s: Values;
  readonly vt: Numbers;
}

/** A = U diag(s) V', thin or complete. */
export function svd(a: Numbers, { u: left, s, vt }: Full, truth: Values): Figure[] {
  const A = wide(a), U = wide(left), V = t.transpose(wide(vt)), p = s.length;
  const US = t.map(t.columns(U, 0, p), (value, _, j) => value * s[j]!);
  const E = t.minus(A, t.matmul64(US, t.transpose(t.columns(V, 0, p))));
  return [
    ...singularValues(a, s, truth),
    { contract: "residual of svd", value: t.inUnits(t.normF(E), t.normF(A), floor(A)), bound: 48 },
    orthogonal("orthogonality of U", U),
    orthogonal("orthogonality of V", V),
    count("vectors with the wrong sign", wrongSigns(t.columns(U, 0, p))),
  ];
}

/** P A = L U: row i of L U is row p[i] of A. */
export function lu(a: Numbers, l: Numbers, upper: Numbers, p: Values): Figure[] {
  const A = wide(a), L = wide(l), U = wide(upper), size = Math.min(A.m, A.n);
  const PA = t.map(A, (_, i, j) => A.x[p[i]! * A.n + j]!);
  const scale = t.normF(t.matmul64(t.abs(L), t.abs(U)));
  const sorted = Float64Array.from(p).sort();
  return [
    {
      contract: "residual of LU",
      value: t.inUnits(t.normF(t.minus(PA, t.matmul64(L, U))), scale, floor(A)),
      bound: 4 * size,
    },
    count("entries of L above the diagonal", t.belowDiagonal(t.transpose(L))),
    count("diagonal entries of L that are not 1", broken(t.diagonal(L), (value) => value === 1)),
    count("entries of L beyond 1", broken(L.x, (value) => Math.abs(value) <= 1)),
    count("entries of U below the diagonal", t.belowDiagonal(U)),
    count("rows that p leaves out", Math.abs(sorted.length - A.m) + broken(sorted, (row, i) => row === i)),
  ];
}

/** A X = I: the error over |A| |X|. */
export function inverse(a: Numbers, x: Numbers): Figure[] {
  const A = wide(a), X = wide(x), n = A.n;
  const error = t.normF(t.minus(t.matmul64(A, X), t.eye(n)));
  return [{
    contract: "residual of an inverse",
    value: t.inUnits(error, t.norm2(A) * t.normF(X), t.tiny * n * t.normF(X)),
    bound: 8 * Math.sqrt(n),
  }];
}

/** The four conditions of Moore and Penrose, each in units of what the factors' sizes allow. */
export function pseudoinverse(a: Numbers, x: Numbers): Figure[] {
  const A = wide(a), X = wide(x), [sizeA, sizeX] = [t.norm2(A), t.norm2(X)];
  const AX = t.matmul64(A, X), XA = t.matmul64(X, A), bound = 8 * Math.sqrt(Math.max(A.m, A.n));
  const figure = (contract: string, error: Dense, scale: number): Figure => ({
    contract,
    value: t.inUnits(t.normF(error), scale),
    bound,
  });
  return [
    figure("A X A = A", t.minus(t.matmul64(AX, A), A), sizeA * sizeX * t.normF(A)),
    figure("X A X = X", t.minus(t.matmul64(XA, X), X), sizeA * sizeX * t.normF(X)),
    figure("A X is symmetric", t.minus(AX, t.transpose(AX)), sizeA * t.normF(X)),
    figure("X A is symmetric", t.minus(XA, t.transpose(XA)), sizeA * t.normF(X)),
  ];
}

/** |value - truth| within so many u of a scale. */
export function close(contract: string, value: number, truth: number, scale: number, bound: number): Figure {
  return { contract, value: value === truth ? 0 : Math.abs(value - truth) / (u * scale), bound };
}
