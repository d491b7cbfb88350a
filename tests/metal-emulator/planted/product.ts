// The planted tile kernel under test: its operands and float64 result, and what rungs 2 and 3 see of a plant.
import { type Emulator, EmulatorError, type Launch } from "../emulator.ts";

const U = 2 ** -24;

export interface Problem {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
  readonly beta: number;
}

export const problems: readonly Problem[] = [
  { m: 16, n: 16, k: 16, alpha: 1, beta: 0 },
  { m: 1, n: 1, k: 1, alpha: -2, beta: 0 },
  { m: 17, n: 15, k: 33, alpha: 0.5, beta: 0 },
  { m: 35, n: 40, k: 7, alpha: 1, beta: -1.5 },
];

/** A product whose operands have NaN between rows and, in B, below them; C is NaN too where beta is 0. */
export class Product {
  readonly #p: Problem;
  readonly #a: Float32Array;
  readonly #b: Float32Array;
  readonly #before: Float32Array;
  readonly c: Float32Array;
  readonly #lda: number;
  readonly #ldb: number;
  readonly #ldc: number;

  constructor(p: Problem) {
    this.#p = p;
    [this.#lda, this.#ldb, this.#ldc] = [p.k + 3, p.n + 2, p.n + 1];
    this.#a = padded(p.m, p.k, this.#lda, 1);
    this.#b = padded(p.k, p.n, this.#ldb, 2, 16);
    this.#before = p.beta === 0
      ? new Float32Array((p.m - 1) * this.#ldc + p.n).fill(NaN)
      : padded(p.m, p.n, this.#ldc, 3);
    this.c = this.#before.slice();
  }

  launch(plant: number, more: Partial<Launch> = {}): Launch {
    const { m, n, k, alpha, beta } = this.#p, args = new Uint32Array(8);
    args.set([m, n, k, this.#lda, this.#ldb, this.#ldc]);
    new Float32Array(args.buffer).set([alpha, beta], 6);
    const buffers = { 0: args, 1: this.#a, 2: this.#b, 3: this.c };
    return {
      groups: [Math.ceil(n / 16), Math.ceil(m / 16)],
      threads: [128],
      buffers,
      constants: { 0: plant },
      ...more,
    };
  }

  /** The largest error over its bound: the chain of k fused steps, then alpha and beta. NaN counts as infinite. */
  worst(): number {
    const { m, n, k, alpha, beta } = this.#p;
    let worst = 0;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        const old = beta === 0 ? 0 : beta * this.#before[i * this.#ldc + j]!;
        let exact = old, size = Math.abs(old);
        for (let l = 0; l < k; l++) {
          const term = alpha * this.#a[i * this.#lda + l]! * this.#b[l * this.#ldb + j]!;
          exact += term;
          size += Math.abs(term);
        }
        const ratio = Math.abs(this.c[i * this.#ldc + j]! - exact) / ((k + 2) * U * size);
        worst = Number.isNaN(ratio) ? Infinity : Math.max(worst, ratio);
      }
    }
    return worst;
  }
}

function padded(rows: number, columns: number, ld: number, seed: number, below = 0): Float32Array {
  const data = new Float32Array((rows - 1 + below) * ld + columns).fill(NaN);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      data[i * ld + j] = ((i * 7919 + j * 104729 + seed * 1299709) % 2003) / 1001 - 1 + 1e-3;
    }
  }
  return data;
}

export const orders: readonly number[] = [0, 1, 2, 3];

/** Rung 2: the errors or wrong numbers of a plant over all problems and orders; undefined where none is seen. */
export function seenByNumbers(plain: Emulator, plant: number): string | undefined {
  for (const problem of problems) {
    for (const order of orders) {
      const product = new Product(problem);
      try {
        plain.run("tile", product.launch(plant, { order }));
      } catch (error) {
        if (error instanceof EmulatorError) return error.message;
        throw error;
      }
      if (product.worst() > 1) return "wrong numbers";
    }
  }
  return undefined;
}

/** Rung 3: all that the checker says of a plant. */
export function seenByChecker(checked: Emulator, plant: number): string | undefined {
  const found: string[] = [];
  for (const problem of problems) {
    try {
      checked.run("tile", new Product(problem).launch(plant, { check: true }));
    } catch (error) {
      if (!(error instanceof EmulatorError)) throw error;
      found.push(error.message);
    }
  }
  return found.length === 0 ? undefined : found.join("\n");
}
