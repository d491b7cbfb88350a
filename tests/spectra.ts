// Matrices for the direct methods: symmetric ones that break careless eigensolvers, square ones for full singular value
// decompositions, regular ones for inverses; and eigenvalues by Sturm counts and inverses by elimination, in float64.
import {
  fill,
  normal,
  orthonormal,
  Random,
  randomSample,
  randsvd,
  type Recipe,
  type Sample,
  sample,
  square,
  symmetric,
  tall,
  uniform,
} from "./matrices.ts";
import { abs, type Dense, dense, gram, largest, map, maxFloat, normF } from "./metrics.ts";

/** Standard numbers, symmetric: the lower triangle decides. */
export function goe(n: number, seed: number): Dense {
  const a = normal(n, n, seed);
  return map(a, (value, i, j) => (i >= j ? value : a.x[j * n + i]!));
}

function wilkinson(n: number): Dense {
  return fill(n, n, (i, j) => (i === j ? Math.abs(i - (n - 1) / 2) : Math.abs(i - j) === 1 ? 1 : 0));
}

/** Copies of W21+, each coupled to the next by a small number: every eigenvalue many times over, nearly. */
function gluedWilkinson(n: number, glue: number): Dense {
  const part = wilkinson(21);
  return fill(n, n, (i, j) => {
    const same = Math.floor(i / 21) === Math.floor(j / 21);
    return same ? part.x[(i % 21) * 21 + (j % 21)]! : Math.abs(i - j) === 1 ? glue : 0;
  });
}

/** D C D with D = 1e-15 ... 1e15 and C symmetric with a heavy diagonal. */
function graded(n: number): Dense {
  const d = (i: number): number => 10 ** ((30 * i) / (n - 1) - 15);
  return map(goe(n, 81), (value, i, j) => (i === j ? 4 + value : value / 8) * d(i) * d(j));
}

/** Rows and columns from last to first. */
function turned(a: Dense): Dense {
  return map(a, (_, i, j) => a.x[(a.m - 1 - i) * a.n + a.n - 1 - j]!);
}

/** Diagonal blocks [[0, c], [c, 0]]. */
function swaps(n: number, c: number): Dense {
  return fill(n, n, (i, j) => (i !== j && i >> 1 === j >> 1 ? c : 0));
}

function constant(n: number, c: number): Dense {
  return fill(n, n, () => c);
}

function times(a: Dense, c: number): Dense {
  return map(a, (value) => Math.min(Math.max(value * c, -maxFloat), maxFloat));
}

function recipes(n: number, list: readonly (readonly [string, () => Dense])[]): Recipe[] {
  return list.map(([name, make]) => ({ name: `${name}, ${n}`, make: () => sample(`${name}, ${n}`, make()) }));
}

/** Symmetric matrices: random, clustered, split, constant, graded, huge and tiny. n even. */
export function symmetrics(n = 96): Recipe[] {
  const half = n / 2;
  return recipes(n, [
    ["random", () => goe(n, 82)],
    ["Wilkinson", () => wilkinson(n)],
    ["glued Wilkinson, 1e-4", () => gluedWilkinson(n, 1e-4)],
    ["glued Wilkinson, 1e-7", () => gluedWilkinson(n, 1e-7)],
    ["1 and -1", () => symmetric(n, (i) => (i % 2 === 0 ? 1 : -1))],
    ["geometric to 1e-7, both signs", () => symmetric(n, (i) => (i % 2 === 0 ? 1 : -1) * 1e-7 ** (i / (n - 1)))],
    ["two clusters", () => symmetric(n, (i) => (i < half ? 1 : 2) + (1e-6 * i) / n)],
    ["one cluster", () => symmetric(n, (i) => 1 + 1e-7 * i)],
    ["one large value", () => symmetric(n, (i) => (i === 0 ? 1 : 1e-6))],
    ["half rank", () => symmetric(n, (i) => (i < half ? 1 + i : 0))],
    ["rank 1", () => symmetric(n, (i) => (i === 3 ? -2 : 0))],
    ["negative definite", () => symmetric(n, (i) => -1 - i)],
    ["all 0.1", () => constant(n, 0.1)],
    ["all one third", () => constant(n, 1 / 3)],
    ["all ones", () => constant(n, 1)],
    ["0.1 + 0.9 I", () => fill(n, n, (i, j) => (i === j ? 1 : 0.1))],
    ["Gram matrix of uniform", () => gram(uniform(4 * n, n, 83))],
    ["Hilbert", () => fill(n, n, (i, j) => 1 / (i + j + 1))],
    ["-1 2 -1", () => fill(n, n, (i, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0))],
    ["arrow", () => fill(n, n, (i, j) => (i === j ? i : i === 0 || j === 0 ? 1 : 0))],
    ["graded 1e-30 to 1e30", () => graded(n)],
    ["graded 1e30 to 1e-30", () => turned(graded(n))],
    ["zero", () => dense(n, n)],
    ["identity", () => fill(n, n, (i, j) => (i === j ? 1 : 0))],
    ["diagonal, descending", () => fill(n, n, (i, j) => (i === j ? n - i : 0))],
    ["ones on the other diagonal", () => fill(n, n, (i, j) => (i + j === n - 1 ? 1 : 0))],
    ["largest 3e38", () => times(symmetric(n, (i) => 1 - i / n), 3e38)],
    ["swaps of 3e38", () => swaps(n, 3e38)],
    ["scale 1e-30", () => times(goe(n, 84), 1e-30)],
    ["scale 1e-37", () => times(goe(n, 85), 1e-37)],
    ["denormal 1e-42", () => times(goe(n, 86), 1e-42)],
    ["one number, the last", () => fill(n, n, (i, j) => (i === n - 1 && j === n - 1 ? -7 : 0))],
    [
      "rows of scale 1e-20 among others",
      () => map(goe(n, 87), (v, i, j) => (i % 3 === 0 || j % 3 === 0 ? v * 1e-20 : v)),
    ],
  ]);
}

/** Square ones, and rectangles on both sides of the border where QR comes first. */
export function directs(n = 96): Recipe[] {
  const reused = [...square(n), ...tall(2 * n, 64).filter((r) => !/scale 1e37|random|condition 1,/.test(r.name))];
  const names = /GOE|random|Wilkinson|1 and -1|two clusters|one cluster|graded|swaps|largest|denormal|1e-37|all ones/;
  return [
    ...reused,
    ...symmetrics(n).filter((r) => names.test(r.name)).map((r) => ({ ...r, name: `symmetric ${r.name}` })),
    ...recipes(n, [
      ["every value 1", () => orthonormal(n, n, 91)],
      ["two clusters of values", () => randsvd2(n, (i) => (i < n / 2 ? 1 : 1e-3) * (1 + 1e-7 * i))],
      ["bidiagonal of ones", () => fill(n, n, (i, j) => (j === i || j === i + 1 ? 1 : 0))],
      ["nilpotent", () => fill(n, n, (i, j) => (j === i + 1 ? 1 : 0))],
      ["rows graded", () => map(normal(n, n, 92), (v, i) => v * 10 ** ((60 * i) / (n - 1) - 30))],
    ]),
    { name: "wide of all 0.1, 60x150", make: () => sample("wide of all 0.1", fill(60, 150, () => 0.1)) },
    { name: "wide, 70x100", make: () => randomSample(70, 100, 93) },
  ];
}

function randsvd2(n: number, values: (i: number) => number): Dense {
  const left = orthonormal(n, n, 94), right = orthonormal(n, n, 95);
  return fill(n, n, (i, j) => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += left.x[i * n + k]! * values(k) * right.x[j * n + k]!;
    return sum;
  });
}

/** Square and regular: well conditioned or moderately not, at odd sizes and scales. */
export function regulars(): Recipe[] {
  const sizes = [1, 2, 3, 16, 31, 64, 65, 97, 130];
  const list = [1, 1e2, 1e4, 1e5].flatMap((cond) =>
    [33, 96].map((n) => [`condition ${cond}, ${n}`, () => randsvd(n, n, cond, 3)] as const)
  );
  return [
    ...sizes.map((n) => ({ name: `random ${n}`, make: () => sample(`random ${n}`, normal(n, n, 100 + n)) })),
    ...[
      ...list,
      ["one small value", () => randsvd(80, 80, 1e4, 2)] as const,
      ["0.1 + 0.9 I", () => fill(80, 80, (i, j) => (i === j ? 1 : 0.1))] as const,
      ["upper triangular", () => map(normal(50, 50, 36), (v, i, j) => (j < i ? 0 : i === j ? 3 + v : v / 7))] as const,
      ["a permutation", () => fill(60, 60, (i, j) => (j === (7 * i + 3) % 60 ? 1 : 0))] as const,
      ["scale 1e-25", () => times(normal(40, 40, 37), 1e-25)] as const,
      ["scale 1e25", () => times(normal(40, 40, 38), 1e25)] as const,
    ].map(([name, make]) => ({ name, make: () => sample(name, make()) })),
  ];
}

/** Wilkinson's matrix, on which elimination with partial pivoting grows by 2^(n-1); with noise, the same with numbers
 * that round: its inverse is modest, and eliminating loses all of it. */
export function growth(n: number, noise = 0): Sample {
  const random = new Random(n),
    name = `growth ${n}${noise > 0 ? " with noise" : ""}`,
    less = (): number => 1 - noise * random.uniform();
  return sample(name, fill(n, n, (i, j) => (j === n - 1 ? less() : i === j ? 1 : i > j ? -less() : 0)));
}

/** Both kinds at sizes where it hurts, spoils everything, and leaves float32. */
export const growing: readonly Recipe[] = [20, 64, 200].flatMap((n) =>
  [0, 0.02].map((noise) => ({ name: `growth ${n}, noise ${noise}`, make: () => growth(n, noise) }))
);

/** A matrix of known eigenvalues, ascending, at any size for n² operations: -1 2 -1 between two reflections. */
export function reflected(n: number): { a: Sample; values: Float64Array } {
  const a = fill(n, n, (i, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0));
  for (const seed of [97, 98]) reflect(a, normal(n, 1, seed).x);
  const values = Float64Array.from({ length: n }, (_, i) => 2 - 2 * Math.cos(((i + 1) * Math.PI) / (n + 1)));
  return { a: sample(`reflected ${n}`, a), values };
}

/** A = H A H in place, H = I - 2 v v' / v'v. */
function reflect(a: Dense, v: Float64Array): void {
  const { n, x } = a, length = normF(dense(n, 1, v)), unit = v.map((value) => value / length);
  const w = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) w[i] = w[i]! + 2 * x[i * n + j]! * unit[j]!;
  }
  const half = unit.reduce((sum, value, i) => sum + value * w[i]!, 0);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) x[i * n + j]! -= unit[i]! * w[j]! + w[i]! * unit[j]! - 2 * half * unit[i]! * unit[j]!;
  }
}

/** All eigenvalues of the symmetric matrix with this lower triangle, ascending: right to about 1e-14 of the largest. */
export function eigenvalues64(a: Dense): Float64Array {
  const n = a.n, scale = largest(abs(a).x), values = new Float64Array(n);
  if (scale === 0) return values;
  const { d, squares } = tridiagonal(map(a, (_, i, j) => a.x[Math.max(i, j) * n + Math.min(i, j)]! / scale));
  const reach = largest(d.map(Math.abs)) + 2 * Math.sqrt(largest(squares));
  for (let k = 0; k < n; k++) {
    let low = k === 0 ? -reach : values[k - 1]!, high = reach;
    while (high - low > 4e-16 * reach) {
      const middle = (low + high) / 2;
      if (middle <= low || middle >= high) break;
      if (below(d, squares, middle) > k) high = middle;
      else low = middle;
    }
    values[k] = low;
  }
  return values.map((value) => value * scale);
}

/** The sign and logarithm of the determinant and the inverse where there is one, in float64 by elimination with the
 * largest entry of all that is left as pivot: nothing grows. */
export function eliminate64(a: Dense): { sign: number; log: number; inverse: Dense } {
  const n = a.n, w = fill(n, 2 * n, (i, j) => (j < n ? a.x[i * n + j]! : j - n === i ? 1 : 0));
  const rows = Array.from({ length: n }, (_, i) => w.x.subarray(i * 2 * n, (i + 1) * 2 * n));
  const order = Array.from({ length: n }, (_, i) => i), inverse = dense(n, n);
  let sign = 1, log = 0;
  for (let k = 0; k < n; k++) {
    let [p, q] = [k, k];
    for (let i = k; i < n; i++) {
      for (let j = k; j < n; j++) if (Math.abs(rows[i]![j]!) > Math.abs(rows[p]![q]!)) [p, q] = [i, j];
    }
    [rows[p], rows[k], order[q], order[k]] = [rows[k]!, rows[p]!, order[k]!, order[q]!];
    for (const row of rows) [row[q], row[k]] = [row[k]!, row[q]!];
    const mine = rows[k]!, d = mine[k]!;
    if (d === 0) return { sign: 0, log: -Infinity, inverse: dense(0, 0) };
    sign *= Math.sign(d) * (p === k ? 1 : -1) * (q === k ? 1 : -1);
    log += Math.log(Math.abs(d));
    mine.set(mine.map((value) => value / d));
    for (const other of rows) {
      const f = other[k]!;
      if (other !== mine && f !== 0) { for (let j = k; j < 2 * n; j++) other[j]! -= f * mine[j]!; }
    }
  }
  rows.forEach((row, k) => inverse.x.set(row.subarray(n), order[k]! * n));
  return { sign, log, inverse };
}

/** How many eigenvalues of a tridiagonal matrix lie below x. */
function below(d: Float64Array, squares: Float64Array, x: number): number {
  let count = 0, pivot = 1;
  for (let i = 0; i < d.length; i++) {
    pivot = d[i]! - x - (i === 0 ? 0 : squares[i - 1]! / pivot);
    if (pivot === 0) pivot = 1e-300;
    if (pivot < 0) count++;
  }
  return count;
}

/** Householder's reduction: the diagonal and the squares beside it. Destroys a. */
function tridiagonal(a: Dense): { d: Float64Array; squares: Float64Array } {
  const { n, x } = a, squares = new Float64Array(Math.max(n - 1, 0)), v = new Float64Array(n), w = new Float64Array(n);
  for (let k = 0; k + 2 < n; k++) {
    let sum = 0;
    for (let i = k + 1; i < n; i++) sum += (v[i] = x[i * n + k]!) ** 2;
    squares[k] = sum;
    if (sum < 1e-300) continue;
    v[k + 1] = v[k + 1]! + (v[k + 1]! < 0 ? -1 : 1) * Math.sqrt(sum);
    const scale = 2 / (2 * sum + 2 * Math.abs(x[(k + 1) * n + k]!) * Math.sqrt(sum));
    let half = 0;
    for (let i = k + 1; i < n; i++) {
      let dot = 0;
      for (let j = k + 1; j < n; j++) dot += x[i * n + j]! * v[j]!;
      w[i] = scale * dot;
      half += scale * w[i]! * v[i]! / 2;
    }
    for (let i = k + 1; i < n; i++) w[i] = w[i]! - half * v[i]!;
    for (let i = k + 1; i < n; i++) {
      const vi = v[i]!, wi = w[i]!;
      for (let j = k + 1; j < n; j++) x[i * n + j] = x[i * n + j]! - vi * w[j]! - wi * v[j]!;
    }
  }
  if (n > 1) squares[n - 2] = x[(n - 1) * n + n - 2]! ** 2;
  return { d: Float64Array.from({ length: n }, (_, i) => x[i * n + i]!), squares };
}
