// How far a result is off, in float64 from the numbers themselves. What would take a whole product of matrices is
// estimated from a few vectors of random signs: the mean of |E g|² is |E|_F².
import { productBound } from "../tests/contracts.ts";
import { Random } from "../tests/matrices.ts";
import { u } from "../tests/metrics.ts";
import { type Case, TOL } from "./cases.ts";
import type { Operand, Operands } from "./files.ts";

/** Vectors of an estimate. */
const P = 4;

export interface Figures {
  /** Relative to the operands. */
  readonly residual: number;
  readonly bound: number;
  /** |QᵀQ - I|_F of the worst basis. */
  readonly orthogonality?: number;
  readonly orthogonalityBound?: number;
}

/** P columns of float64, row by row. */
type Vectors = Float64Array;

function signs(n: number, lot = 0): Vectors {
  const random = new Random(5 + lot);
  return Float64Array.from({ length: n * P }, () => (random.uniform() < 0.5 ? -1 : 1));
}

/** A X */
function times({ shape: [m, n], data }: Operand, x: Vectors): Vectors {
  const y = new Float64Array(m * P);
  for (let i = 0; i < m; i++) {
    let [y0, y1, y2, y3] = [0, 0, 0, 0];
    for (let j = 0, at = i * n; j < n; j++, at++) {
      const a = data[at]!, from = j * P;
      y0 += a * x[from]!;
      y1 += a * x[from + 1]!;
      y2 += a * x[from + 2]!;
      y3 += a * x[from + 3]!;
    }
    y.set([y0, y1, y2, y3], i * P);
  }
  return y;
}

/** Aᵀ X */
function transposed({ shape: [m, n], data }: Operand, x: Vectors): Vectors {
  const y = new Float64Array(n * P);
  for (let i = 0; i < m; i++) {
    const x0 = x[i * P]!, x1 = x[i * P + 1]!, x2 = x[i * P + 2]!, x3 = x[i * P + 3]!;
    for (let j = 0, at = i * n; j < n; j++, at++) {
      const a = data[at]!, to = j * P;
      y[to] = y[to]! + a * x0;
      y[to + 1] = y[to + 1]! + a * x1;
      y[to + 2] = y[to + 2]! + a * x2;
      y[to + 3] = y[to + 3]! + a * x3;
    }
  }
  return y;
}

const apply = (A: Operand, x: Vectors, turned = false): Vectors => turned ? transposed(A, x) : times(A, x);
const minus = (x: Vectors, y: Vectors): Vectors => x.map((value, i) => value - y[i]!);
const by = (x: Vectors, s: ArrayLike<number>): Vectors => x.map((value, i) => value * s[Math.floor(i / P)]!);

function length(x: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * x[i]!;
  return Math.sqrt(sum);
}

/** |E|_F from E G. */
const estimate = (x: Vectors): number => length(x) / Math.sqrt(P);

/** What takes a read of a large operand, of each operand once. */
function remembered<T>(compute: (A: Operand) => T): (A: Operand) => T {
  const known = new WeakMap<Float32Array, T>();
  return (A) => {
    let found = known.get(A.data);
    if (found === undefined) known.set(A.data, found = compute(A));
    return found;
  };
}

const size = remembered(({ data }: Operand): number => length(data));

/** |A|_2 by a few steps of power iteration, never more than the truth. */
const norm2 = remembered((A: Operand): number => {
  let x = signs(A.shape[1]), found = 0;
  for (let i = 0; i < 6; i++) {
    const y = times(A, x), most = length(y);
    found = most / length(x);
    x = transposed(A, y.map((value) => value / most));
  }
  return found;
});

/** The lower triangle as a matrix, or as the symmetric matrix it stands for. */
function lower({ shape: [m, n], data }: Operand, mirrored: boolean): Operand {
  const whole = data.slice();
  for (let i = 0; i < m; i++) {
    for (let j = i + 1; j < n; j++) whole[i * n + j] = mirrored ? data[j * n + i]! : 0;
  }
  return { shape: [m, n], data: whole };
}

/** Of the columns of Q, or of its rows. */
function skew(Q: Operand, byRows = false): number {
  const g = signs(Q.shape[byRows ? 0 : 1]);
  return estimate(minus(apply(Q, apply(Q, g, byRows), !byRows), g));
}

const orthogonal = (k: number, ...errors: number[]) => ({
  orthogonality: Math.max(...errors),
  orthogonalityBound: 12 * Math.sqrt(k) * u,
});

/** A matrix, with its row of means taken off each row if there is one, times lots of vectors from either side. */
interface Sides {
  /** A G, as many lots as `LOTS`; G. */
  readonly right: readonly (readonly [product: Vectors, g: Vectors])[];
  /** Aᵀ H and H. */
  readonly left: readonly (readonly [product: Vectors, h: Vectors])[];
}

/** Lots of P vectors each for what is told of single columns. */
const LOTS = 4;
const known = new WeakMap<Float32Array, Sides>();

/** Of each matrix once, because it takes as long as a read or two of a large one by the contenders. */
function sides(A: Operand, mean?: Float64Array): Sides {
  let found = known.get(A.data);
  if (found) return found;
  const [m, n] = A.shape, lots = Array.from({ length: LOTS }, (_, i) => i);
  const ofMean = (g: Vectors, c: number): number => mean ? mean.reduce((sum, x, j) => sum + x * g[j * P + c]!, 0) : 0;
  const ofOnes = (h: Vectors, c: number): number => h.reduce((sum, x, i) => sum + (i % P === c ? x : 0), 0);
  const columns = Array.from({ length: P }, (_, c) => c);
  found = {
    right: lots.map((lot) => {
      const g = signs(n, lot), off = columns.map((c) => ofMean(g, c));
      return [times(A, g).map((value, i) => value - off[i % P]!), g];
    }),
    left: lots.map((lot) => {
      const h = signs(m, lot), off = columns.map((c) => ofOnes(h, c));
      return [transposed(A, h).map((value, i) => value - (mean?.[Math.floor(i / P)] ?? 0) * off[i % P]!), h];
    }),
  };
  known.set(A.data, found);
  return found;
}

/** The P products with column c of a matrix whose entry (i, c) is x(i, c). */
function against(vectors: Vectors, rows: number, x: (i: number) => number): number[] {
  const sums = new Array<number>(P).fill(0);
  for (let i = 0; i < rows; i++) for (let p = 0; p < P; p++) sums[p]! += vectors[i * P + p]! * x(i);
  return sums;
}

/** The largest of |A vᵢ - sᵢ uᵢ| over s₁, and of the same from the left; u and v in columns and rows. The mean of
 * (hᵀe)² over vectors of signs is |e|². */
function triplets(A: Operand, U: Operand, s: ArrayLike<number>, Vt: Operand, mean?: Float64Array): number {
  const [m, n] = A.shape, k = s.length, { left, right } = sides(A, mean);
  let worst = 0;
  for (let c = 0; c < k; c++) {
    const u = (i: number): number => U.data[i * k + c]!, v = (j: number): number => Vt.data[c * n + j]!;
    const difference = (x: number[], y: number[]): number => x.reduce((sum, e, p) => sum + (e - s[c]! * y[p]!) ** 2, 0);
    const sum = (lots: number[]): number => Math.sqrt(lots.reduce((a, b) => a + b) / (LOTS * P));
    const ahead = left.map(([product, h]) => difference(against(product, n, v), against(h, m, u)));
    const back = right.map(([product, g]) => difference(against(product, m, u), against(g, n, v)));
    worst = Math.max(worst, sum(ahead), sum(back));
  }
  return worst / s[0]!;
}

function means({ shape: [m, n], data }: Operand): Float64Array {
  const mean = new Float64Array(n);
  for (let i = 0; i < data.length; i++) mean[i % n]! += data[i]! / m;
  return mean;
}

/** Of a case's operands once, not for each contender. */
const truths = new WeakMap<Operands, Vectors>();

function product(c: Case, given: Operands, found: Operands, chain: number): Figures {
  const { a, b } = given, g = signs(c.n), C = found["c"]!;
  let truth = truths.get(given);
  if (!truth) truths.set(given, truth = apply(a!, apply(b!, g, c.transB), c.transA));
  const residual = estimate(minus(times(C, g), truth)) / (size(a!) * size(b!));
  return { residual, bound: productBound(c.k, chain) * u };
}

type Judge = (c: Case, given: Operands, found: Operands, chain: number) => Figures;

const judges: Readonly<Record<Case["op"], Judge>> = {
  call: product,
  gemm: product,
  atav: (c, { a, b }, { z }, chain) => {
    const g = signs(c.k), error = minus(times(z!, g), transposed(a!, times(a!, times(b!, g))));
    const residual = estimate(error) / (size(a!) ** 2 * size(b!));
    return { residual, bound: (productBound(c.n, chain) + productBound(c.m, chain)) * u };
  },
  syrk: (c, { a }, found, chain) => {
    const g = signs(c.m), error = minus(times(lower(found["c"]!, true), g), times(a!, transposed(a!, g)));
    return { residual: estimate(error) / size(a!) ** 2, bound: productBound(c.k, chain) * u };
  },
  trsm: (c, { a, b }, { x }) => {
    const T = lower(a!, false), g = signs(c.n), error = minus(times(b!, g), times(T, times(x!, g)));
    return { residual: estimate(error) / (norm2(T) * size(x!)), bound: 8 * Math.sqrt(c.m) * u };
  },
  qr: (c, { a }, { q, r }) => {
    const g = signs(c.n), error = minus(times(a!, g), times(q!, times(r!, g)));
    return { residual: estimate(error) / size(a!), bound: 16 * u, ...orthogonal(c.n, skew(q!)) };
  },
  cholesky: (c, { a }, { l }) => {
    const L = lower(l!, false), g = signs(c.n), error = minus(times(a!, g), times(L, transposed(L, g)));
    return { residual: estimate(error) / size(a!), bound: 12 * u };
  },
  svdk: (c, { a }, { u: U, s, vt }) => ({
    residual: triplets(a!, U!, s!.data, vt!),
    bound: Math.max(TOL, 32 * u),
    ...orthogonal(c.k, skew(U!), skew(vt!, true)),
  }),
  svd: (c, { a }, { u: U, s, vt }) => {
    const g = signs(c.n), error = minus(times(a!, g), times(U!, by(times(vt!, g), s!.data)));
    const bound = 48 * u * Math.sqrt(Math.max(1, c.n / 1024));
    return { residual: estimate(error) / size(a!), bound, ...orthogonal(c.n, skew(U!), skew(vt!, true)) };
  },
  eigh: (c, { a }, { values, vectors }) => {
    const g = signs(c.n), error = minus(times(a!, times(vectors!, g)), times(vectors!, by(g, values!.data)));
    const bound = 48 * u * Math.sqrt(Math.max(1, c.n / 1024));
    return { residual: estimate(error) / size(a!), bound, ...orthogonal(c.n, skew(vectors!)) };
  },
  solve: (c, { a, b }, { x }) => {
    const g = signs(c.k), error = minus(times(b!, g), times(a!, times(x!, g)));
    return { residual: estimate(error) / (norm2(a!) * size(x!) + size(b!)), bound: 8 * Math.sqrt(c.n) * u };
  },
  lstsq: (c, { a, b }, { x }) => {
    const g = signs(c.k), error = transposed(a!, minus(times(b!, g), times(a!, times(x!, g))));
    const scale = norm2(a!) * (norm2(a!) * size(x!) + size(b!));
    return { residual: estimate(error) / scale, bound: 32 * Math.sqrt(c.n) * u };
  },
  pca: (c, { a }, { components, s, scores }) => {
    const k = c.k, U = { shape: scores!.shape, data: scores!.data.map((value, i) => value / s!.data[i % k]!) };
    const residual = triplets(a!, U, s!.data, components!, means(a!));
    return { residual, bound: TOL, ...orthogonal(k, skew(components!, true)) };
  },
};

/** Figures of a result with the bounds of our contract; `chain` is the longest chain of additions in a product. */
export function judge(c: Case, given: Operands, found: Operands, chain: number): Figures {
  return judges[c.op](c, given, found, chain);
}

/** Whether a result of ours holds its contract. NaN does not. */
export function holds({ residual, bound, orthogonality = 0, orthogonalityBound = 0 }: Figures): boolean {
  return residual <= bound && orthogonality <= orthogonalityBound;
}

/** Whether a peer's result is good enough to be compared with: what float32 can do, not our contract. */
export function comparable({ residual, orthogonality = 0 }: Figures): boolean {
  return residual <= TOL && orthogonality <= 1e-2;
}
