// The array that the adapters hand to foreign suites: a shape and float32 numbers. It goes to Tesserae as it is, so
// that shapes are Tesserae's to judge; what is computed here is bookkeeping that no factorisation takes part in.
import type { Matrix } from "../../src/index.ts";

export type Nested = number | boolean | readonly Nested[];

export class Plain {
  readonly shape: readonly number[];
  readonly data: Float32Array;

  constructor(shape: readonly number[], data: Float32Array) {
    this.shape = shape;
    this.data = data;
  }

  get size(): number {
    return this.data.length;
  }

  /** Nested lists, as deep as they are. */
  nested(): Nested {
    let level: Nested[] = [...this.data];
    for (let axis = this.shape.length - 1; axis > 0; axis--) {
      const length = this.shape[axis]!, count = this.shape.slice(0, axis).reduce((product, n) => product * n, 1);
      level = Array.from({ length: count }, (_, i) => level.slice(i * length, (i + 1) * length));
    }
    return this.shape.length === 0 ? level[0]! : level;
  }
}

/** The shape of nested lists, and their numbers in order. */
export function flatten(value: Nested): { shape: number[]; data: Float32Array } {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  const numbers = Array.isArray(value) ? value.flat(Infinity) : [value];
  return { shape, data: Float32Array.from(numbers, Number) };
}

/** A result's shape and numbers. */
export function read(result: Matrix | Float32Array): { shape: readonly number[]; data: Float32Array } {
  if (result instanceof Float32Array) return { shape: [result.length], data: result };
  const [m, n] = result.shape;
  return { shape: result.shape, data: result.readBlock(0, m, 0, n) };
}
