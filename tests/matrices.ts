// Test matrices: the torture set for factorisations, spectra for top-k singular values, positive definite ones for
// Cholesky, and the edges; an emulated device gets small ones. Every number comes from a seed by exactly rounded
// arithmetic, so both runtimes get the same bits.
import { sized } from "./device.ts";
import { type Dense, dense, gram, map, matmul64, maxFloat, smallestEigenvalue, transpose } from "./metrics.ts";

/** A float32 matrix as plain data, which every function of the package accepts. */
export interface Sample {
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly data: Float32Array<ArrayBuffer>;
}

/** A named matrix, made when asked for. */
export interface Recipe {
  readonly name: string;
  readonly make: () => Sample;
}

/** Uniform doubles in [0, 1): the small fast counting generator of 32-bit words, two of them a number. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #count = 1;
  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = (seed / 2 ** 32) | 0;
    this.#c = 0x2545f491;
    for (let i = 0; i < 15; i++) this.word();
  }
  word(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
  uniform(): number {
    return ((this.word() >>> 5) * 2 ** 26 + (this.word() >>> 6)) / 2 ** 53;
  }
  /** Nearly normal, mean 0 and variance 1: twelve uniforms, for the sake of equal bits (no logarithm, no cosine). */
  normal(): number {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.word() / 2 ** 32;
    return sum;
  }
  /** A whole number from low to high, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }
}

export function fill(m: number, n: number, f: (i: number, j: number) => number): Dense {
  return map(dense(m, n), (_, i, j) => f(i, j));
}

export function normal(m: number, n: number, seed: number): Dense {
  const random = new Random(seed);
  return fill(m, n, () => random.normal());
}

export function uniform(m: number, n: number, seed: number): Dense {
  const random = new Random(seed);
  return fill(m, n, () => random.uniform());
}

/** Rounds to float32. */
export function sample(name: string, a: Dense): Sample {
  return { name, shape: [a.m, a.n], data: Float32Array.from(a.x) };
}

/** An m x n matrix of standard numbers, rounded. */
export function randomSample(m: number, n: number, seed: number): Sample {
  return sample(`random ${m}x${n}`, normal(m, n, seed));
}

/** Standard numbers, each times a power of ten from 10^-power to 10^power. */
export function scattered(m: number, n: number, power: number, seed: number): Sample {
  const random = new Random(seed), entries = fill(m, n, () => random.normal() * 10 ** random.between(-power, power));
  return sample(`${m}x${n}, 10^±${power}, ${seed}`, entries);
}

/** The numbers in the first rows and columns of an identity of order n. */
export function inIdentity(numbers: readonly (readonly number[])[], n: number): Sample {
  const name = `[${numbers.join("; ")}] in order ${n}`;
  return sample(name, fill(n, n, (i, j) => numbers[i]?.[j] ?? (i === j ? 1 : 0)));
}

const bases = new Map<string, Dense>();

/** Orthonormal columns to the last bits of a double, m >= n: normal numbers by Gram-Schmidt, twice. Kept for reuse. */
export function orthonormal(m: number, n: number, seed: number): Dense {
  const key = `${m}x${n}:${seed}`;
  let basis = bases.get(key);
  if (!basis) bases.set(key, basis = transpose(orthonormalRows(normal(n, m, seed))));
  return basis;
}

function orthonormalRows(rows: Dense): Dense {
  const { m, n, x } = rows;
  for (let k = 0; k < m; k++) {
    const v = x.subarray(k * n, k * n + n);
    for (let pass = 0; pass < 2; pass++) {
      for (let q = 0; q < k; q++) {
        let dot = 0;
        for (let i = 0; i < n; i++) dot += x[q * n + i]! * v[i]!;
        for (let i = 0; i < n; i++) v[i] = v[i]! - dot * x[q * n + i]!;
      }
    }
    const length = Math.sqrt(v.reduce((sum, value) => sum + value * value, 0));
    for (let i = 0; i < n; i++) v[i] = v[i]! / length;
  }
  return rows;
}

/** U diag(s) V' with known factors, m >= n. */
export function withSpectrum(m: number, n: number, s: (i: number) => number, seed = 0): Dense {
  const left = map(orthonormal(m, n, 2 * seed + 1), (value, _, j) => value * s(j));
  return matmul64(left, transpose(orthonormal(n, n, 2 * seed + 2)));
}

/** LAPACK's modes: 1 one large, 2 one small, 3 geometric, 4 arithmetic, 5 random logarithms; condition number cond. */
export function randsvd(m: number, n: number, cond: number, mode: 1 | 2 | 3 | 4 | 5): Dense {
  const last = Math.max(n - 1, 1), random = new Random(5);
  const logarithms = Array.from({ length: n }, () => random.uniform()).sort((p, q) => p - q);
  const modes = {
    1: (i: number) => (i === 0 ? 1 : 1 / cond),
    2: (i: number) => (i < n - 1 ? 1 : 1 / cond),
    3: (i: number) => cond ** (-i / last),
    4: (i: number) => 1 - (i / last) * (1 - 1 / cond),
    5: (i: number) => cond ** -logarithms[i]!,
  };
  return withSpectrum(m, n, modes[mode]);
}

/** Blocks of columns, each as ill-conditioned as 10^inner, glued into a matrix of condition about 10^outer. */
function glued(m: number, n: number, outer: number, inner: number, block = 32): Dense {
  const a = withSpectrum(m, n, (i) => 10 ** ((outer * i) / (n - 1)), 1);
  for (let from = 0; from < n; from += block) {
    const b = Math.min(block, n - from), back = transpose(orthonormal(b, b, 77));
    const part = fill(m, b, (i, j) => a.x[i * n + from + j]! * 10 ** ((inner * j) / Math.max(b - 1, 1)));
    const mixed = matmul64(part, back);
    for (let i = 0; i < m; i++) a.x.set(mixed.x.subarray(i * b, i * b + b), i * n + from);
  }
  return a;
}

/** The same with blocks piled up: each block the sum of the one before and a small new part. */
function piled(m: number, n: number, block = 32): Dense {
  const a = normal(m, n, 78);
  return map(
    a,
    (value, i, j) => (j < block ? value : a.x[i * n + (j % block)]! + value * 10 ** -(1 + Math.floor(j / block))),
  );
}

function lauchli(m: number, n: number, small: number): Dense {
  return fill(m, n, (i, j) => (i === 0 ? 1 : i === j + 1 ? small : 0));
}

function hilbert(m: number, n: number): Dense {
  return fill(m, n, (i, j) => 1 / (i + j + 1));
}

/** v, Dv, D(Dv), ... each scaled to length 1, D = diag(0.1 ... 10). */
function krylovColumns(m: number, n: number): Dense {
  const a = dense(m, n), random = new Random(9);
  let v = Array.from({ length: m }, () => random.uniform());
  for (let j = 0; j < n; j++) {
    const length = Math.sqrt(v.reduce((sum, value) => sum + value * value, 0));
    v.forEach((value, i) => a.x[i * n + j] = value / length);
    v = v.map((value, i) => (value / length) * (0.1 + (9.9 * i) / (m - 1)));
  }
  return a;
}

/** Geometric spectrum to 1e-20, with a duplicate of column 0 and a zero column. */
function stewart(m: number, n: number): Dense {
  const a = randsvd(m, n, 1e20, 3), copy = n >> 3, zero = (n >> 3) + 10;
  return map(a, (value, i, j) => (j === copy ? a.x[i * n]! : j === zero ? 0 : value));
}

function kahan(n: number, c = 0.285): Dense {
  const s = Math.sqrt(1 - c * c);
  return fill(n, n, (i, j) => s ** i * (i === j ? 1 : j > i ? -c : 0));
}

function sparse(m: number, n: number, count: number): Dense {
  const a = dense(m, n), random = new Random(11);
  for (let i = 0; i < count; i++) a.x[random.between(0, m - 1) * n + random.between(0, n - 1)] = 1;
  return a;
}

function product(m: number, rank: number, n: number, seed: number): Dense {
  return matmul64(normal(m, rank, seed), normal(rank, n, seed + 1));
}

function clamp(a: Dense): Dense {
  return map(a, (value) => Math.min(Math.max(value, -maxFloat), maxFloat));
}

function recipes(list: readonly (readonly [string, () => Dense])[], m: number, n: number): Recipe[] {
  return list.map(([name, make]) => ({ name: `${name}, ${m}x${n}`, make: () => sample(name, make()) }));
}

/** Tall matrices that break careless factorisations; m > n >= 64. */
export function tall(m: number = sized(512, 150), n: number = sized(96, 66)): Recipe[] {
  const a = () => normal(m, n, 1), last = n - 1, half = n >> 1;
  return recipes(
    [
      ["geometric spectrum to 1e-3", () => randsvd(m, n, 1e3, 3)],
      ["geometric spectrum to 1e-6", () => randsvd(m, n, 1e6, 3)],
      ["geometric spectrum to 1e-9", () => randsvd(m, n, 1e9, 3)],
      ["geometric spectrum to 1e-12", () => randsvd(m, n, 1e12, 3)],
      ["one large singular value", () => randsvd(m, n, 1e7, 1)],
      ["one small singular value", () => randsvd(m, n, 1e7, 2)],
      ["arithmetic spectrum", () => randsvd(m, n, 1e6, 4)],
      ["logarithmic random spectrum", () => randsvd(m, n, 1e8, 5)],
      ["condition 1", () => randsvd(m, n, 1, 3)],
      ["glued 1 and 4", () => glued(m, n, 1, 4)],
      ["glued 4 and 8", () => glued(m, n, 4, 8)],
      ["glued 8 and 12", () => glued(m, n, 8, 12)],
      ["piled", () => piled(m, n)],
      ["Lauchli 1e-4", () => lauchli(m, n, 1e-4)],
      ["Lauchli 1e-9", () => lauchli(m, n, 1e-9)],
      ["Hilbert", () => hilbert(m, n)],
      ["Vandermonde on [0,1]", () => fill(m, n, (i, j) => (i / (m - 1)) ** j)],
      ["duplicate columns", () => map(a(), (_, i, j) => a0(m, n).x[i * n + (j % half)]!)],
      ["zero columns", () => map(a(), (value, _, j) => (j % 3 === 0 ? 0 : value))],
      ["first half zero", () => map(a(), (value, _, j) => (j < half ? 0 : value))],
      ["all zero", () => dense(m, n)],
      ["all ones", () => fill(m, n, () => 1)],
      ["all 0.1", () => fill(m, n, () => 0.1)],
      ["all one third", () => fill(m, n, () => 1 / 3)],
      ["columns graded 1e-30 to 1e30", () => map(a(), (value, _, j) => value * 10 ** ((60 * j) / last - 30))],
      ["scale 1e37", () => clamp(map(a(), (value) => value * (1e37 * Math.min(1, Math.sqrt(512 / m)))))],
      ["scale 1e30", () => map(a(), (value) => value * 1e30)],
      ["scale 1e-30", () => map(a(), (value) => value * 1e-30)],
      ["scale 1e-37", () => map(a(), (value) => value * 1e-37)],
      ["denormal 1e-42", () => map(a(), (value) => value * 1e-42)],
      ["rows graded 1e-12 to 1", () => map(a(), (value, i) => value * 10 ** ((12 * i) / (m - 1) - 12))],
      ["rank 5", () => product(m, 5, n, 3)],
      ["rank 1", () => product(m, 1, n, 13)],
      ["s-step Krylov basis", () => krylovColumns(m, n)],
      ["Stewart", () => stewart(m, n)],
      ["identity", () => fill(m, n, (i, j) => (i === j ? 1 : 0))],
      ["near duplicate 1e-7", () => map(a(), (v, i, j) => (j === 5 ? a0(m, n).x[i * n + 3]! + 1e-7 * v : v))],
      ["sparse", () => sparse(m, n, Math.ceil((m * n) / 983))],
      ["uniform", () => uniform(m, n, 21)],
      ["random", a],
    ],
    m,
    n,
  );
}

const kept = new Map<string, Dense>();

/** The normal matrix from which several recipes take columns, made once. */
function a0(m: number, n: number): Dense {
  const key = `${m}x${n}`;
  let a = kept.get(key);
  if (!a) kept.set(key, a = normal(m, n, 1));
  return a;
}

/** Square ones. */
export function square(n: number = sized(96, 66)): Recipe[] {
  return recipes(
    [
      ["Kahan", () => kahan(n)],
      ["square random", () => normal(n, n, 31)],
      ["square geometric spectrum to 1e-10", () => randsvd(n, n, 1e10, 3)],
      ["square of half rank", () => product(n, n >> 1, n, 33)],
      ["square zero", () => dense(n, n)],
      ["square Hilbert", () => hilbert(n, n)],
      ["square all 0.1", () => fill(n, n, () => 0.1)],
      ["square all one third", () => fill(n, n, () => 1 / 3)],
      ["0.1 + 0.9 I", () => fill(n, n, (i, j) => (i === j ? 1 : 0.1))],
      ["Gram matrix of uniform", () => gram(uniform(4 * n, n, 35))],
      ["square identity", () => fill(n, n, (i, j) => (i === j ? 1 : 0))],
      ["upper triangular", () => map(normal(n, n, 36), (value, i, j) => (j < i ? 0 : value))],
      ["row of ones over zeros", () => fill(n, n, (i) => (i === 0 ? 1 : 0))],
    ],
    n,
    n,
  );
}

/** Wide, thin and tiny ones. */
export function odd(): Recipe[] {
  const shapes = [[50, 96], [96, 97], [97, 96], [1, 40], [40, 1], [2, 300], [300, 2], [33, 64], [7, 5]] as const;
  const random = shapes.map(([m, n], at) => ({ name: `random, ${m}x${n}`, make: () => randomSample(m, n, 41 + at) }));
  return [
    ...random,
    { name: "wide of rank 3, 40x90", make: () => sample("wide of rank 3", product(40, 3, 90, 51)) },
    { name: "wide zero, 20x60", make: () => sample("wide zero", dense(20, 60)) },
    { name: "one number 3", make: () => sample("one number 3", fill(1, 1, () => 3)) },
    { name: "one number -3", make: () => sample("one number -3", fill(1, 1, () => -3)) },
    { name: "one number 0", make: () => sample("one number 0", fill(1, 1, () => 0)) },
    { name: "one number 1e38", make: () => sample("one number 1e38", fill(1, 1, () => 1e38)) },
    { name: "one number 2^-126", make: () => sample("one number 2^-126", fill(1, 1, () => -(2 ** -126))) },
    { name: "one row of zeros, 1x9", make: () => sample("one row of zeros", dense(1, 9)) },
  ];
}

/** The whole torture set at the sizes of the quick suite. */
export function torture(): Recipe[] {
  return [...tall(), ...square(), ...odd()];
}

/** A few at a size where several panels and threads take part. */
export function large(): Recipe[] {
  const names = /1e-9,|glued 4|all 0\.1|all zero|rank 5|graded 1e-30|s-step/;
  return tall(sized(2048, 300), sized(192, 98)).filter((recipe) => names.test(recipe.name));
}

/** A matrix with known singular values, and its k leading ones wanted. */
export interface Spectrum {
  readonly name: string;
  readonly k: number;
  readonly sigma: Float64Array;
  readonly make: () => Sample;
}

/** Decays of real data and the hard ones, m x n with k values wanted. */
export function spectra(m: number = sized(400, 150), n: number = sized(240, 90), k: number = sized(12, 8)): Spectrum[] {
  const kinds: readonly (readonly [string, (i: number) => number])[] = [
    ["10^(-i/10)", (i) => 10 ** (-(i - 1) / 10)],
    ["i^-2", (i) => i ** -2],
    ["1/i", (i) => 1 / i],
    ["i^-1/2", (i) => 1 / Math.sqrt(i)],
    ["25 and noise", (i) => (i <= 25 ? 1 / Math.sqrt(i) : 1e-2)],
    ["a cluster straddling k", (i) => (i <= k - 4 ? 1 / Math.sqrt(i) : i <= 2 * k ? 0.2 : 0.1 / Math.sqrt(i))],
    ["a gap of 1 % at k", (i) => (i <= k ? 1 : 0.99 * Math.exp(-(i - k - 1) / 400))],
    ["flat with a slope", (i) => 1 - (0.5 * (i - 1)) / n],
  ];
  return kinds.map(([name, s]) => ({
    name,
    k,
    sigma: Float64Array.from({ length: n }, (_, i) => s(i + 1)),
    make: () => sample(`spectrum ${name}`, withSpectrum(m, n, (i) => s(i + 1), 2)),
  }));
}

/** Q diag(values) Q', symmetric to the last bit. */
export function symmetric(n: number, values: (i: number) => number, seed = 3): Dense {
  const q = orthonormal(n, n, seed);
  const a = matmul64(map(q, (value, _, j) => value * values(j)), transpose(q));
  return map(a, (value, i, j) => (i >= j ? value : a.x[j * n + i]!));
}

/** Unit diagonal, smallest eigenvalue as asked: a correlation matrix, shifted and scaled back. */
export function correlation(n: number, lambda: number): Dense {
  const g = gram(normal(3 * n, n, 61));
  const unit = map(g, (value, i, j) => (i === j ? 1 : value / Math.sqrt(g.x[i * n + i]! * g.x[j * n + j]!)));
  const low = smallestEigenvalue(unit), shift = (lambda - low) / (1 - lambda);
  return map(unit, (value, i, j) => (i === j ? 1 : value / (1 + shift)));
}

/** Positive definite matrices, all of which Cholesky must factor. */
export function positive(n: number = sized(96, 66)): Recipe[] {
  return recipes(
    [
      ["Gram matrix of random", () => gram(normal(2 * n, n, 62))],
      ["Gram matrix of uniform", () => gram(uniform(4 * n, n, 35))],
      ["Hilbert with a shift", () => map(hilbert(n, n), (value, i, j) => (i === j ? value + 1e-3 : value))],
      ["condition 1e4", () => symmetric(n, (i) => 1e4 ** (-i / (n - 1)))],
      ["product of Kahan factors", () => gram(kahan(n, 0.03))],
      ["0.1 + 0.9 I", () => fill(n, n, (i, j) => (i === j ? 1 : 0.1))],
      ["identity", () => fill(n, n, (i, j) => (i === j ? 1 : 0))],
      ["tridiagonal -1 2 -1", () => fill(n, n, (i, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0))],
      ["graded 1e-15 to 1e15", () => graded(n, 15)],
      ["scale 1e30", () => map(gram(normal(2 * n, n, 62)), (value) => value * 1e30)],
      ["scale 1e-30", () => map(gram(normal(2 * n, n, 62)), (value) => value * 1e-30)],
      ["barely positive", () => correlation(n, 25 * n * 2 ** -24)],
    ],
    n,
    n,
  );
}

/** D C D with C well conditioned and D = 10^-power ... 10^power. */
function graded(n: number, power: number): Dense {
  const d = (i: number) => 10 ** ((power * i) / (n - 1) - power / 2);
  return map(correlation(n, 0.1), (value, i, j) => value * d(i) * d(j));
}
