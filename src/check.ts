// Checks of operands that read every number once: NaN and Inf, and the scale of the entries.
import { colstat, infoWords } from "./blas.ts";
import { type Algorithm, settled } from "./call.ts";
import { NonFiniteError, OverflowError } from "./errors.ts";
import { Matrix } from "./matrix.ts";

/** Largest absolute value of a matrix, and the place of its first NaN or Inf in row-major order. */
export interface Statistics {
  max: number;
  nonFinite: [number, number] | undefined;
}

/** Statistics on their way: encoded here, to be read once the queue has passed. */
export class Check implements Disposable {
  /** Largest absolute value of each column. */
  readonly largest: Matrix;
  readonly #place: Matrix;
  readonly #columns: number;

  constructor(A: Matrix) {
    this.#columns = A.shape[1];
    this.largest = Matrix.empty(1, this.#columns, A.device);
    this.#place = infoWords(1, 2, A.device);
    colstat(A, this.largest, this.#place);
  }

  read(): Statistics {
    const [row, column] = this.#place.hostAs(Uint32Array) as unknown as [number, number];
    const s = this.largest.host();
    let max = 0;
    for (let j = 0; j < this.#columns; j++) max = Math.max(max, s[j]!);
    return { max, nonFinite: row > 0 ? [row - 1, column - 1] : undefined };
  }

  [Symbol.dispose](): void {
    this.largest[Symbol.dispose]();
    this.#place[Symbol.dispose]();
  }
}

/** Reads A once and waits for the queue. */
export function* statistics(A: Matrix): Algorithm<Statistics> {
  using check = new Check(A);
  yield settled();
  return check.read();
}

/** False where A has NaN or Inf and the caller accepts NaN results; throws NonFiniteError where not. */
export function* isFinite(A: Matrix, op: string, name: string, check: boolean | undefined): Algorithm<boolean> {
  const { nonFinite } = yield* statistics(A);
  return accepted(A, nonFinite, op, name, check);
}

/** The same where the statistics are known already. */
export function accepted(
  A: Matrix,
  nonFinite: Statistics["nonFinite"],
  op: string,
  name: string,
  check: boolean | undefined,
): boolean {
  if (!nonFinite) return true;
  if (check === false) return false;
  const [row, column] = nonFinite;
  throw new NonFiniteError(
    `${op}: ${name} has ${A.at(row, column)} at row ${row}, column ${column}; ` +
      "clean the data, or pass checkFinite: false for NaN results",
    row,
    column,
  );
}

/** Throws where a result has left the range of float32. */
export function* requireInRange(R: Matrix, op: string, name: string): Algorithm<void> {
  const { nonFinite } = yield* statistics(R);
  if (nonFinite) {
    throw new OverflowError(`${op}: an entry of ${name} is beyond float32 (3.4e38); scale the input first`);
  }
}

/** A matrix of NaN, the result for input that is not finite. */
export function notANumber(m: number, n: number, like: Matrix): Matrix {
  const A = Matrix.hosted(m, n, like.device);
  A.host().fill(NaN);
  return A;
}

/** The diagonal of a square matrix, once the queue has passed. */
export function diagonal(A: Matrix): Float32Array {
  const { numbers, down, across } = A.lines();
  const d = new Float32Array(A.shape[0]);
  for (let i = 0; i < d.length; i++) d[i] = numbers[i * (down + across)]!;
  return d;
}
