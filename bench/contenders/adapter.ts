// What a contender in JavaScript gives to worker.ts.
import type { Params } from "../cases.ts";
import type { Operand, Operands } from "../files.ts";

/** One computation, made ready. */
export interface Job {
  /** What is timed; the last result stays with the job. */
  run(): unknown;
  /** The numbers of the last result, by the names that residuals.ts reads. */
  outputs(): Record<string, Operand> | Promise<Record<string, Operand>>;
}

/** Operands in the layout that the contender likes best; undefined: not to be had from it. */
export type Make = (given: Operands, params: Params) => Job | undefined | Promise<Job | undefined>;

export interface Adapter {
  readonly version: string;
  /** By operation, then by the way to it. */
  readonly ops: Readonly<Record<string, Readonly<Record<string, Make>>>>;
}

/** Keeps the last result, and frees the one before. */
export function job<R>(
  compute: () => R | Promise<R>,
  outputs: (result: R) => Record<string, Operand> | Promise<Record<string, Operand>>,
  free: (result: R) => void = () => {},
): Job {
  let last: { result: R } | undefined;
  const keep = (result: R): void => {
    if (last) free(last.result);
    last = { result };
  };
  return {
    run: () => {
      const result = compute();
      return result instanceof Promise ? result.then(keep) : keep(result);
    },
    outputs: () => {
      if (!last) throw new Error("nothing was computed yet");
      return outputs(last.result);
    },
  };
}

/** A list of numbers as a matrix of one row. */
export function row(values: ArrayLike<number>): Operand {
  return { shape: [1, values.length], data: Float32Array.from(values) };
}
