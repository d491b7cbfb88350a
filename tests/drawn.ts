// What the laws are tested on: shapes from 0 to 40 and recipes of matrices, drawn by fast-check. A recipe prints as a
// line, so that a failure can be read and repeated.
import { it } from "node:test";
import fc from "fast-check";
import { sized } from "./device.ts";
import { fill, normal, Random, type Sample, sample, uniform, withSpectrum } from "./matrices.ts";
import * as t from "./metrics.ts";
import { type Dense, wide } from "./metrics.ts";

const SEED = 20260;
/** Laws are tried on so many drawn examples, of so many rows or columns at most. */
const RUNS = sized(100, 6);
const MOST = sized(40, 20);

type Maker = (m: number, n: number, seed: number) => Dense;
const kinds: Readonly<Record<string, Maker>> = {
  zero: (m, n) => t.dense(m, n),
  "whole numbers": (m, n, seed) => whole(m, n, seed, 9),
  "rank 3 or less": (m, n, seed) => t.matmul64(whole(m, 3, seed, 9), whole(3, n, seed + 1, 9)),
  "equal columns": (m, n, seed) => t.matmul64(normal(m, 1, seed), fill(1, n, () => 1)),
  "mostly zero": (m, n, seed) => t.map(normal(m, n, seed), (v, i, j) => ((i * 7 + j * 3 + seed) % 5 === 0 ? v : 0)),
  "graded columns": (m, n, seed) => t.map(normal(m, n, seed), (v, _, j) => v * 2 ** (20 - j)),
  positive: uniform,
  normal,
};

/** A matrix by its recipe. */
export interface Drawn {
  readonly m: number;
  readonly n: number;
  readonly kind: string;
  readonly seed: number;
}

/** Shapes of a chain of three products, m x k by k x l by l x n. */
export interface Chain extends Drawn {
  readonly k: number;
  readonly l: number;
}

/** A square matrix of condition 10^digits. */
export interface Regular {
  readonly n: number;
  readonly digits: number;
  readonly seed: number;
}

const size = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 2) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: MOST }) },
);
const seed = fc.nat({ max: 1_000_000 });
const parts = { m: size, n: size, kind: fc.constantFrom(...Object.keys(kinds)), seed };

export const matrix: fc.Arbitrary<Drawn> = fc.record(parts);
export const chain: fc.Arbitrary<Chain> = fc.record({ ...parts, k: size, l: size });
export const regular: fc.Arbitrary<Regular> = fc.record({
  n: fc.integer({ min: 1, max: MOST }),
  digits: fc.integer({ min: 0, max: 3 }),
  seed,
});
export const power: fc.Arbitrary<number> = fc.integer({ min: -20, max: 20 });
export const flag: fc.Arbitrary<boolean> = fc.boolean();

/** A law as a test: it holds for all that is drawn. A failure tells the seed, the path to it, and the recipe. */
export function law<T extends [unknown, ...unknown[]]>(
  name: string,
  drawn: { [K in keyof T]: fc.Arbitrary<T[K]> },
  check: (...values: T) => void,
): void {
  it(name, () => fc.assert(fc.property<T>(...drawn, check), { seed: SEED, numRuns: RUNS }));
}

export function make({ m, n, kind, seed }: Drawn): Sample {
  return sample(`${kind}, ${m}x${n}`, kinds[kind]!(m, n, seed));
}

/** The same recipe, but for kinds whose rank is a matter of the tolerance. */
export function clear(drawn: Drawn): Drawn {
  return drawn.kind === "graded columns" ? { ...drawn, kind: "normal" } : drawn;
}

/** The three factors of a chain. */
export function makeChain({ m, k, l, n, kind, seed }: Chain): [Sample, Sample, Sample] {
  const a = make({ m, n: k, kind, seed }), b = make({ m: k, n: l, kind, seed: seed + 1 });
  return [a, b, make({ m: l, n, kind, seed: seed + 2 })];
}

export function makeRegular({ n, digits, seed }: Regular): Sample {
  return sample(`regular ${n}`, withSpectrum(n, n, (i) => 10 ** (-digits * i / Math.max(1, n - 1)), seed % 8));
}

/** The symmetric matrix A + A'. */
export function makeSymmetric(drawn: Drawn): Sample {
  const a = wide(make({ ...drawn, m: drawn.n }));
  return sample(`symmetric ${drawn.n}`, t.map(t.transpose(a), (v, i, j) => v + a.x[i * a.n + j]!));
}

/** A'A + I, safely positive definite. */
export function makePositive(drawn: Drawn): Sample {
  const g = t.gram(wide(make({ ...drawn, kind: "normal" })));
  return sample(`positive ${drawn.n}`, t.map(g, (v, i, j) => (i === j ? v + 1 : v)));
}

/** Whole numbers from -most to most. */
export function whole(m: number, n: number, seed: number, most: number): Dense {
  const random = new Random(seed);
  return fill(m, n, () => random.between(-most, most));
}

export function scaled(a: Sample, by: number): Sample {
  return { ...a, data: a.data.map((value) => value * by) };
}

export function turned(a: Sample): Sample {
  return sample(a.name, t.transpose(wide(a)));
}

/** The numbers 0 to n - 1 in an order drawn from a seed. */
function order(n: number, seed: number): number[] {
  const random = new Random(seed), list = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.between(0, i);
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}

/** Rows in another order. */
export function shuffled(a: Sample, seed: number): Sample {
  const [m, n] = a.shape, from = order(m, seed);
  return sample(a.name, fill(m, n, (i, j) => a.data[from[i]! * n + j]!));
}

/** Rows and columns in another order, the same for both, and with signs: P A P' with P orthogonal and exact. */
export function similar(a: Sample, seed: number): Sample {
  const [m, n] = a.shape, from = order(m, seed), sign = (i: number) => ((i * 5 + seed) % 3 === 0 ? -1 : 1);
  return sample(a.name, fill(m, n, (i, j) => sign(i) * sign(j) * a.data[from[i]! * n + from[j]!]!));
}

/** Rows and columns of zeros added. */
export function padded(a: Sample, rows: number, columns: number): Sample {
  const [m, n] = a.shape;
  return sample(a.name, fill(m + rows, n + columns, (i, j) => (i < m && j < n ? a.data[i * n + j]! : 0)));
}

/** Rows and columns from 0 to m and n. */
export function corner(a: Sample, m: number, n: number): Sample {
  return sample(a.name, fill(m, n, (i, j) => a.data[i * a.shape[1] + j]!));
}
