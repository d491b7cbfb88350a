// Norms of expressions over matrices, in float64: what formulas.ts needs, and no more. Here by the tests' own code, for
// sizes that loops in JavaScript bear; peer.ts gives the same by NumPy.
import { whole } from "../../tests/factors.ts";
import { randomSample } from "../../tests/matrices.ts";
import * as t from "../../tests/metrics.ts";
import { type Dense, type Numbers, wide } from "../../tests/metrics.ts";
import { eigenvalues64 } from "../../tests/spectra.ts";

/** A matrix by its name, or what is made of others. "eye" is the identity with as many columns as its operand, "by"
 * scales columns by a vector, "rows" takes them in the order of one, "over" divides elementwise, with 0 / 0 = 0. */
export type Expr =
  | string
  | readonly ["mul" | "sub" | "over" | "by" | "rows", Expr, Expr]
  | readonly ["T" | "abs" | "eye" | "lower" | "centre" | "expm", Expr];

export interface Norms {
  readonly fro: number;
  readonly max: number;
  /** The Euclidean length of each column. */
  readonly columns: readonly number[];
  /** The sum of absolute values in each column; the largest is the 1-norm. */
  readonly sums: readonly number[];
}

export interface Algebra {
  norms(e: Expr): Promise<Norms>;
  /** The 2-norm from below, by power iteration. */
  two(e: Expr): Promise<number>;
  /** Singular values, descending. */
  singular(e: Expr): Promise<ArrayLike<number>>;
  /** Eigenvalues of a symmetric matrix, ascending. */
  eigen(e: Expr): Promise<ArrayLike<number>>;
}

export type Named = Readonly<Record<string, Numbers>>;

const functions: Readonly<Record<Exclude<Expr, string>[0], (x: Dense, y: Dense) => Dense>> = {
  mul: t.matmul64,
  sub: t.minus,
  over: (x, y) => t.map(x, (v, i, j) => v === 0 ? 0 : v / y.x[i * y.n + j]!),
  by: (x, s) => t.map(t.columns(x, 0, s.n), (v, _, j) => v * s.x[j]!),
  rows: (x, p) => t.map(x, (_, i, j) => x.x[p.x[i]! * x.n + j]!),
  T: t.transpose,
  abs: t.abs,
  eye: (x) => t.eye(x.n),
  lower: (x) => whole({ shape: [x.m, x.n], data: x.x }),
  centre: (x) => {
    const sums = t.matmul64(t.dense(1, x.m, new Float64Array(x.m).fill(1)), x).x;
    return t.map(x, (v, _, j) => v - sums[j]! / x.m);
  },
  expm: () => {
    throw new Error("the exponential in float64 is NumPy's part");
  },
};

export class Local implements Algebra {
  readonly #wide = new Map<string, Dense>();
  readonly #names: Named;

  constructor(names: Named) {
    this.#names = names;
  }

  value(e: Expr): Dense {
    if (typeof e !== "string") {
      const [op, ...parts] = e, [x, y] = parts.map((part) => this.value(part));
      return functions[op](x!, y!);
    }
    let found = this.#wide.get(e);
    if (!found) this.#wide.set(e, found = wide(this.#names[e]!));
    return found;
  }

  norms(e: Expr): Promise<Norms> {
    const x = this.value(e), size = t.abs(x), ones = t.dense(1, x.m, new Float64Array(x.m).fill(1));
    return Promise.resolve({
      fro: t.normF(x),
      max: t.largest(size.x),
      columns: [...t.columnNorms(x)],
      sums: [...t.matmul64(ones, size).x],
    });
  }

  two(e: Expr): Promise<number> {
    return Promise.resolve(t.norm2(this.value(e)));
  }

  singular(e: Expr): Promise<ArrayLike<number>> {
    return Promise.resolve(t.singularValues64(this.value(e)));
  }

  eigen(e: Expr): Promise<ArrayLike<number>> {
    return Promise.resolve(eigenvalues64(this.value(e)));
  }
}

/** Matrices on which every function of an algebra has something to do. */
export const trial: Named = {
  a: randomSample(30, 20, 1),
  b: randomSample(30, 20, 2),
  c: randomSample(20, 20, 3),
  s: randomSample(1, 20, 4),
  p: { shape: [1, 30], data: Float32Array.from({ length: 30 }, (_, i) => (7 * i + 3) % 30) },
};

const trials: readonly Expr[] = [
  "a",
  ["mul", ["T", "a"], "b"],
  ["sub", ["abs", "a"], ["over", "a", "b"]],
  ["rows", ["by", "a", "s"], "p"],
  ["sub", ["lower", "c"], ["eye", "c"]],
  ["centre", "a"],
];

/** Throws unless two algebras give the same figures of the trial's matrices. */
export async function agree(one: Algebra, other: Algebra): Promise<void> {
  const same = (what: string, e: Expr, x: ArrayLike<number>, y: ArrayLike<number>): void => {
    const size = Math.max(...Array.from(x, Math.abs));
    const off = Array.from(x, (v, i) => Math.abs(v - y[i]!)).findIndex((error) => !(error <= 1e-9 * size));
    if (x.length === y.length && off < 0) return;
    throw new Error(`${what} of ${JSON.stringify(e)}: ${x[off]} and ${y[off]} do not agree`);
  };
  for (const e of trials) {
    const [x, y] = [await one.norms(e), await other.norms(e)];
    same("norms", e, [x.fro, x.max, ...x.columns, ...x.sums], [y.fro, y.max, ...y.columns, ...y.sums]);
    same("two", e, [await one.two(e)], [await other.two(e)]);
    same("singular", e, await one.singular(e), await other.singular(e));
  }
  same("eigen", ["lower", "c"], await one.eigen(["lower", "c"]), await other.eigen(["lower", "c"]));
}
