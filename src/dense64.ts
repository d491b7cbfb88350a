// Small matrices in float64 by plain loops, numbers that are the same everywhere, and operands in a frame of NaN: what
// the self-test measures with, independent of every native library.
import type { Device } from "./device.ts";
import { Matrix } from "./matrix.ts";
import { u } from "./proof.ts";

/** A part of a contract: measured, and its bound, in the same unit. Where the bound is 0, what is counted is wrong. */
export interface Figure {
  readonly value: number;
  readonly bound: number;
}
export type Figures = Readonly<Record<string, Figure>>;

export interface Dense {
  readonly m: number;
  readonly n: number;
  readonly x: Float64Array;
}

export function dense(m: number, n: number, f: (i: number, j: number) => number): Dense {
  return { m, n, x: Float64Array.from({ length: m * n }, (_, at) => f(Math.floor(at / n), at % n)) };
}

export const get = (a: Dense, i: number, j: number): number => a.x[i * a.n + j]!;
export const turn = (a: Dense): Dense => dense(a.n, a.m, (i, j) => get(a, j, i));
export const abs = (a: Dense): Dense => ({ ...a, x: a.x.map(Math.abs) });
export const minus = (a: Dense, b: Dense): Dense => ({ ...a, x: a.x.map((value, at) => value - b.x[at]!) });
export const length = (x: Iterable<number>): number => Math.sqrt([...x].reduce((sum, value) => sum + value * value, 0));

export function times(a: Dense, b: Dense): Dense {
  const c = dense(a.m, b.n, () => 0);
  for (let i = 0; i < a.m; i++) {
    for (let l = 0; l < a.n; l++) {
      const factor = get(a, i, l);
      for (let j = 0; j < b.n; j++) c.x[i * b.n + j]! += factor * b.x[l * b.n + j]!;
    }
  }
  return c;
}

/** The largest; NaN where one is NaN. */
export function largest(values: Iterable<number>): number {
  let most = 0;
  for (const value of values) if (!(value <= most)) most = Number.isNaN(most) ? most : value;
  return most;
}

/** The largest of |a - b| over its scale. */
export function worst(a: Dense, b: Dense, scale: (at: number) => number): number {
  return largest(a.x.map((value, at) => {
    const error = Math.abs(value - b.x[at]!);
    return error === 0 ? 0 : error / scale(at);
  }));
}

export const count = (wrong: number): Figure => ({ value: wrong, bound: 0 });

/** Numbers that are not the same; NaN is the same as NaN. */
export function differing(a: ArrayLike<number>, b: ArrayLike<number>): Figure {
  return count(Array.from(a).filter((value, at) => !Object.is(value + 0, b[at]! + 0)).length);
}

/** ‖QᵀQ − I‖_F in units of u. */
export function orthogonality(q: Dense): Figure {
  const eye = dense(q.n, q.n, (i, j) => i === j ? 1 : 0);
  return { value: length(minus(times(turn(q), q), eye).x) / u, bound: 12 * Math.sqrt(q.n) };
}

/** Numbers in (-1, 1) that float32 holds: a hash of seed and place, the same everywhere. */
export function fixed(m: number, n: number, seed: number): Dense {
  return dense(m, n, (i, j) => {
    let x = Math.imul(i * n + j + 1, 0x9E3779B1) ^ Math.imul(seed, 0x27D4EB2F);
    x = Math.imul(x ^ x >>> 15, 0x85EBCA6B);
    x = Math.imul(x ^ x >>> 13, 0xC2B2AE35);
    return ((x ^ x >>> 16) >> 8) * 2 ** -23;
  });
}

/** G Gᵀ/n + I/4 of fixed numbers, as float32 holds it. */
export function positive(n: number): Dense {
  const g = fixed(n, n, 7), a = times(g, turn(g));
  return dense(n, n, (i, j) => Math.fround(get(a, i, j) / n + (i === j ? 0.25 : 0)));
}

// ---- operands ----

const BEFORE = 3, AFTER = 2;

/** An operand inside a larger matrix of NaN, which operations must leave as it is. */
export class Operand {
  readonly view: Matrix;
  readonly #whole: Matrix;

  constructor(device: Device, numbers: Dense, turned = false) {
    const { m, n, x } = turned ? turn(numbers) : numbers, cols = n + BEFORE + AFTER, rows = m + BEFORE + AFTER;
    const all = new Float32Array(rows * cols).fill(NaN);
    for (let i = 0; i < m; i++) all.set(x.subarray(i * n, i * n + n), (i + BEFORE) * cols + BEFORE);
    this.#whole = Matrix.from(all, [rows, cols], { device });
    const inner = this.#whole.sub(BEFORE, BEFORE + m, BEFORE, BEFORE + n);
    this.view = turned ? inner.T : inner;
  }

  /** The numbers, after all that was encoded has run. */
  read(): Dense {
    const [rows, cols] = this.#whole.shape, all = this.#whole.readBlock(0, rows, 0, cols);
    const inside = (at: number, size: number): boolean => at >= BEFORE && at < size - AFTER;
    const damage = all.findIndex((value, at) =>
      !Number.isNaN(value) && !(inside(Math.floor(at / cols), rows) && inside(at % cols, cols))
    );
    if (damage >= 0) throw new Error(`wrote outside of its operand, ${damage} numbers from the start of the memory`);
    return numbersOf(this.view);
  }
}

export function numbersOf(A: Matrix): Dense {
  const [m, n] = A.shape;
  return { m, n, x: Float64Array.from(A.readBlock(0, m, 0, n)) };
}

export function blank(device: Device, m: number, n: number): Operand {
  return new Operand(device, dense(m, n, () => NaN));
}
