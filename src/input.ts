// What users may hand in as numbers, checked and copied into float32.
import { ArgumentError, DTypeError, OverflowError, ShapeError } from "./errors.ts";

export type NumberArray =
  | readonly number[]
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;
export type VectorLike = NumberArray;

/** Plain data accepted as a matrix: rows, or the objects of ndarray (`stride`), numpy-ts and npyjs (`fortranOrder`). */
export type MatrixData =
  | readonly NumberArray[]
  | {
    readonly data: NumberArray;
    readonly shape: readonly number[];
    readonly strides?: readonly number[];
    readonly stride?: readonly number[];
    readonly offset?: number;
    readonly fortranOrder?: boolean;
  };

interface Strided {
  data: NumberArray;
  shape: readonly [number, number];
  strides: readonly [number, number];
  offset: number;
}

/** The shape of plain data; throws DTypeError or ShapeError where it is none. */
export function shapeOf(source: MatrixData, op: string): [number, number] {
  if (Array.isArray(source)) {
    const rows = source as readonly NumberArray[];
    const n = rows.length === 0 ? 0 : lengthOf(rows[0]!, op, 0);
    rows.forEach((row, i) => {
      const length = lengthOf(row, op, i);
      if (length !== n) {
        throw new ShapeError(`${op}: row ${i} has ${length} numbers, row 0 has ${n}; all rows must be equally long`);
      }
    });
    return [rows.length, n];
  }
  return [...strided(source as Exclude<MatrixData, readonly NumberArray[]>, op).shape];
}

function lengthOf(row: unknown, op: string, i: number): number {
  if (isNumbers(row)) return row.length;
  throw new DTypeError(
    `${op}: row ${i} is ${kindOf(row)}; a matrix is an array of rows of numbers, or { data, shape } for flat numbers`,
  );
}

/** Copies plain data of shape m x n into target, row-major. A number beyond float32 is an OverflowError with its place.
 */
export function fillFrom(
  source: MatrixData,
  target: Float32Array | Float64Array,
  m: number,
  n: number,
  op: string,
): void {
  if (Array.isArray(source)) {
    (source as readonly NumberArray[]).forEach((row, i) => fillRow(row, target.subarray(i * n, i * n + n), i, 0, op));
    return;
  }
  const { data, strides: [rowStride, colStride], offset } = strided(
    source as Exclude<MatrixData, readonly NumberArray[]>,
    op,
  );
  if (colStride === 1 && rowStride === n) {
    fillFlat(data, offset, target.subarray(0, m * n), n, op);
    return;
  }
  const row = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    let j = 0;
    const place = (): string => `row ${i}, column ${j}`;
    for (; j < n; j++) row[j] = numberAt(data, offset + i * rowStride + j * colStride, op, place);
    fillRow(row, target.subarray(i * n, i * n + n), i, 0, op);
  }
}

/** The same numbers, row-major, in float64. */
export function wideFrom(source: MatrixData, m: number, n: number, op: string): Float64Array {
  const wide = new Float64Array(m * n);
  fillFrom(source, wide, m, n, op);
  return wide;
}

function fillFlat(data: NumberArray, offset: number, target: Float32Array | Float64Array, n: number, op: string): void {
  const part = data.length === target.length ? data : data.slice(offset, offset + target.length);
  if (part instanceof Float32Array) target.set(part);
  else fillRow(part, target, 0, n, op);
}

/** Tells where a number lies from its index. */
type Place = (index: number) => string;

const inVector: Place = (index) => `element ${index}`;

/** One row, or (n > 0) a run of rows of n numbers, from row i on. */
function fillRow(row: NumberArray, target: Float32Array | Float64Array, i: number, n: number, op: string): void {
  fill(row, target, op, (j) => n > 0 ? `row ${i + Math.floor(j / n)}, column ${j % n}` : `row ${i}, column ${j}`);
}

function fill(numbers: NumberArray, target: Float32Array | Float64Array, op: string, place: Place): void {
  if (Array.isArray(numbers)) { for (let j = 0; j < numbers.length; j++) numberAt(numbers, j, op, place); }
  target.set(numbers);
  for (let j = 0; j < target.length; j++) {
    const value = target[j]!;
    if ((value === Infinity || value === -Infinity) && Number.isFinite(numbers[j])) {
      throw new OverflowError(`${op}: ${numbers[j]} at ${place(j)} is beyond float32 (3.4e38); scale the data first`);
    }
  }
}

function numberAt(data: NumberArray, index: number, op: string, place: Place): number {
  const value: unknown = data[index];
  if (typeof value === "number") return value;
  throw new DTypeError(`${op}: ${place(index)} is ${kindOf(value)}; every element must be a real number`);
}

function strided(source: Exclude<MatrixData, readonly NumberArray[]>, op: string): Strided {
  if (typeof source !== "object" || source === null || !("data" in source)) {
    throw new DTypeError(
      `${op}: ${kindOf(source)} is no matrix; give nested arrays, { data, shape }, or a Matrix. ` +
        "A Matrix sent to a worker arrives without its numbers: send { data: m.data, shape: m.shape }",
    );
  }
  const { data, shape, offset = 0, fortranOrder = false } = source;
  checkNumbers(data, op);
  if (!Array.isArray(shape) && !ArrayBuffer.isView(shape) || shape.length !== 2) {
    throw new ShapeError(
      `${op}: shape is [${shape}]; a matrix has two sizes (a vector of n numbers as a column: [n, 1])`,
    );
  }
  const [m, n] = [Number(shape[0]), Number(shape[1])];
  if (!Number.isInteger(m) || !Number.isInteger(n) || m < 0 || n < 0) {
    throw new ShapeError(`${op}: shape is [${shape}]; sizes are whole numbers from 0`);
  }
  const given = source.strides ?? source.stride;
  const [rowStride, colStride] = given ? [Number(given[0]), Number(given[1])] : fortranOrder ? [1, m] : [n, 1];
  const ends = [0, (m - 1) * rowStride, (n - 1) * colStride, (m - 1) * rowStride + (n - 1) * colStride].map((x) =>
    x + offset
  );
  if (![rowStride, colStride, offset].every(Number.isInteger)) {
    throw new ArgumentError(
      `${op}: strides [${rowStride}, ${colStride}] and offset ${offset} must be whole numbers of elements`,
    );
  }
  if (m > 0 && n > 0 && (Math.min(...ends) < 0 || Math.max(...ends) >= data.length)) {
    throw new ShapeError(
      `${op}: shape ${m}x${n} needs ${m * n} numbers within data, which has ${data.length} (offset ${offset})`,
    );
  }
  if (given === undefined && offset === 0 && m * n !== data.length) {
    throw new ShapeError(`${op}: shape ${m}x${n} needs ${m * n} numbers, data has ${data.length}`);
  }
  return { data, shape: [m, n], strides: [rowStride, colStride], offset };
}

/** Whether this is a list of real numbers (elements of plain arrays are checked as they are copied). */
function isNumbers(data: unknown): data is NumberArray {
  const bigint = data instanceof BigInt64Array || data instanceof BigUint64Array;
  return Array.isArray(data) || (ArrayBuffer.isView(data) && !bigint && !(data instanceof DataView));
}

function checkNumbers(data: unknown, op: string): asserts data is NumberArray {
  if (isNumbers(data)) return;
  throw new DTypeError(`${op}: ${kindOf(data)} is no list of numbers; give an array or a typed array of real numbers`);
}

/** A vector as float64, every number checked to be one. */
export function realNumbers(values: VectorLike, op: string): Float64Array {
  checkNumbers(values, op);
  return Float64Array.from({ length: values.length }, (_, i) => numberAt(values, i, op, inVector));
}

/** A vector as float32. */
export function vectorFrom(values: VectorLike, op: string): Float32Array<ArrayBuffer> {
  checkNumbers(values, op);
  const out = new Float32Array(values.length);
  fill(values, out, op, inVector);
  return out;
}

/** Throws unless these are options. What has a length or a shape is an operand in their place. */
export function requireOptions(options: unknown, op: string): void {
  if (typeof options === "object" && options !== null) {
    const { length, shape } = options as { length?: unknown; shape?: unknown };
    if (length === undefined && shape === undefined) return; // else an array or a matrix; `in` would be slower
  }
  throw new ArgumentError(`${op}: options are ${shown(options)}; give them by name in an object, as { name: value }`);
}

/** Throws unless an option is a number, which NaN and Inf are too, and fits. */
export function requireNumber(
  value: unknown,
  name: string,
  op: string,
  fits?: (x: number) => boolean,
  wanted: string = "a number",
): void {
  if (typeof value === "number" && (!fits || fits(value))) return;
  throw new ArgumentError(`${op}: ${name} is ${shown(value)}; it must be ${wanted}`);
}

export function requireSeed(seed: unknown, op: string): void {
  requireNumber(seed, "seed", op, (x) => Number.isSafeInteger(x) && x >= 0, "a whole number from 0 to 2^53 - 1");
}

/** A value as messages tell it: strings quoted, objects by their type. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "object" || typeof value === "function" ? kindOf(value) : String(value);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  return `an object of type ${value.constructor?.name ?? "Object"}`;
}
