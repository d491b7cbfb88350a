// The operations whose time and memory are followed from size to size.
import * as la from "../../src/index.ts";
import { Matrix } from "../../src/index.ts";
import { raise, withSpectrum } from "../inputs.ts";

/** lean: inputs and outputs, 15 % more, and FIXED. triple: three times inputs and outputs, and FIXED. */
export type Bound = "lean" | "triple";
const FIXED = 64 * 2 ** 20;

type Result = Readonly<Record<string, unknown>>;

export interface Job {
  readonly name: string;
  readonly bound: Bound;
  /** Square ones grow in both directions; tall ones have so many columns and grow in rows. */
  readonly columns?: number;
  /** Rows for each column, where they are not as many. */
  readonly aspect?: number;
  readonly inputs: (m: number, n: number) => readonly Matrix[];
  readonly run: (x: readonly Matrix[]) => Promise<Matrix | Result>;
}

const one = (m: number, n: number): readonly Matrix[] => [Matrix.random(m, n, { seed: 1 })];

function definite(_: number, n: number): readonly Matrix[] {
  const A = Matrix.random(n, n, { seed: 1 });
  raise(A, 4 * Math.sqrt(n)); // only its lower triangle is read
  return [A];
}

const withRight = (m: number, n: number): readonly Matrix[] => [...one(m, n), Matrix.random(m, 1, { seed: 2 })];
const fading = (m: number, n: number): readonly Matrix[] => [withSpectrum(m, n, (i) => 1 / i)];

export const jobs: readonly Job[] = [
  {
    name: "matmul",
    bound: "lean",
    inputs: (m, n) => [...one(m, n), Matrix.random(n, n, { seed: 2 })],
    run: ([a, b]) => la.matmul(a!, b!),
  },
  { name: "qr", bound: "lean", inputs: one, run: async ([a]) => ({ ...await la.qr(a!) }) },
  { name: "cholesky", bound: "lean", inputs: definite, run: async ([a]) => ({ ...await la.cholesky(a!) }) },
  { name: "lu", bound: "lean", inputs: one, run: async ([a]) => ({ ...await la.lu(a!) }) },
  { name: "svd k=20", bound: "lean", inputs: fading, run: async ([a]) => ({ ...await la.svd(a!, { k: 20 }) }) },
  { name: "pca k=20", bound: "lean", inputs: fading, run: async ([a]) => components(await la.pca(a!, { k: 20 })) },
  { name: "solve", bound: "triple", inputs: withRight, run: async ([a, b]) => ({ ...await la.solve(a!, b!) }) },
  { name: "inv", bound: "triple", inputs: one, run: ([a]) => la.inv(a!) },
  {
    name: "lstsq, rows 2n",
    bound: "triple",
    aspect: 2,
    inputs: withRight,
    run: async ([a, b]) => ({ ...await la.lstsq(a!, b!) }),
  },
  { name: "eigh", bound: "triple", inputs: definite, run: async ([a]) => ({ ...await la.eigh(a!) }) },
  { name: "svd", bound: "triple", inputs: one, run: async ([a]) => ({ ...await la.svd(a!) }) },
  {
    name: "tall A V, 64 by 16",
    bound: "lean",
    columns: 64,
    inputs: (m, n) => [...one(m, n), Matrix.random(n, 16, { seed: 2 })],
    run: ([a, b]) => la.matmul(a!, b!),
  },
  {
    name: "tall AᵀB, 64 by 16",
    bound: "lean",
    columns: 64,
    inputs: (m, n) => [...one(m, n), Matrix.random(m, 16, { seed: 2 })],
    run: ([a, b]) => la.matmul(a!, b!, { transA: true }),
  },
  { name: "tall qr, 64", bound: "lean", columns: 64, inputs: one, run: async ([a]) => ({ ...await la.qr(a!) }) },
  {
    name: "tall svd k=8, 64",
    bound: "lean",
    columns: 64,
    inputs: fading,
    run: async ([a]) => ({ ...await la.svd(a!, { k: 8 }) }),
  },
  {
    name: "tall pca k=8, 64",
    bound: "lean",
    columns: 64,
    inputs: fading,
    run: async ([a]) => components(await la.pca(a!, { k: 8 })),
  },
  {
    name: "tall lstsq, 64",
    bound: "triple",
    columns: 64,
    inputs: withRight,
    run: async ([a, b]) => ({ ...await la.lstsq(a!, b!) }),
  },
  { name: "tall svd, 64", bound: "triple", columns: 64, inputs: one, run: async ([a]) => ({ ...await la.svd(a!) }) },
];

function components({ components, scores, mean }: Awaited<ReturnType<typeof la.pca>>): Result {
  return { components, scores, mean };
}

/** Bytes that a list of matrices and vectors holds. */
export function bytesOf(values: readonly unknown[]): number {
  const sizes: number[] = values.map((x) =>
    x instanceof Matrix ? 4 * x.shape[0] * x.shape[1] : ArrayBuffer.isView(x) ? x.byteLength : 0
  );
  return sizes.reduce((a, b) => a + b, 0);
}

export function boundOf(bound: Bound, bytes: number): number {
  return (bound === "lean" ? 1.15 : 3) * bytes + FIXED;
}
