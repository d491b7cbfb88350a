// Matrix: a dense float32 matrix or a view of one. A view is its native descriptor; `.T` and sub-views copy nothing.
import * as abi from "../ffi/symbols.ts";
import type { Device } from "./device.ts";
import { ArgumentError, OutOfMemoryError, ShapeError } from "./errors.ts";
import { fillFrom, type MatrixData, type NumberArray, requireSeed, shapeOf, shown, vectorFrom } from "./input.ts";
import { deviceFor } from "./open.ts";
import { Storage } from "./storage.ts";
import { text } from "./text.ts";

/** Anything a call accepts as a matrix. */
export type MatrixLike = Matrix | MatrixData;
export interface DeviceOptions {
  device?: Device;
}
export interface RandomOptions extends DeviceOptions {
  /** 0 to 2^53 - 1. Default 0. */
  seed?: number;
  distribution?: "normal" | "uniform";
}

/** Descriptors take turns: an operation uses at most six at once, and making arrays costs more than filling them. */
const descriptors = Array.from({ length: 8 }, () => new Uint32Array(abi.TSR_VIEW_WORDS));
let turn = 0;

const bytesOf: Readonly<Record<number, number>> = { [abi.TSR_F32]: 4, [abi.TSR_F64]: 8, [abi.TSR_U32]: 4 };

function checkSize(m: number, n: number, what: string): void {
  for (const size of [m, n]) {
    if (!Number.isInteger(size) || size < 0 || size > 0xffff_ffff) {
      throw new ShapeError(
        `${what}: shape ${shown(m)}x${shown(n)} is not possible; sizes are whole numbers from 0 to 4294967295`,
      );
    }
  }
}

function checkRange(start: number, end: number, size: number, what: string): void {
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > size) {
    throw new ShapeError(`${what} ${start} to ${end} lie outside 0 to ${size}`);
  }
}

export class Matrix implements Disposable {
  // Private, so that a matrix posted to a worker arrives as its shape only.
  readonly #storage: Storage;
  // As stored: rows, columns, leading dimension; `transposed` views swap the first two.
  readonly #rows: number;
  readonly #cols: number;
  readonly #ld: number;
  readonly #offset: number;
  readonly transposed: boolean;
  readonly shape: readonly [number, number];
  readonly #type: number;
  readonly #owner: boolean;

  /** Use Matrix.from, zeros, eye, diag or random. */
  constructor(storage: Storage, view: Layout, owner: boolean) {
    const { rows, cols, ld, offset, transposed, type } = view;
    this.#storage = storage;
    this.#rows = rows;
    this.#cols = cols;
    this.#ld = ld;
    this.#offset = offset;
    this.transposed = transposed;
    this.shape = transposed ? [cols, rows] : [rows, cols];
    this.#owner = owner;
    this.#type = type;
  }

  // ---- making ----

  /** A copy of the given numbers: nested arrays, an object with `data` and `shape`, a Matrix, or numbers with a shape.
   * What does not fit float32 exactly is rounded; beyond its range: OverflowError. */
  static from(data: MatrixLike): Matrix;
  static from(data: NumberArray, shape: readonly number[], options?: DeviceOptions): Matrix;
  static from(data: MatrixLike | NumberArray, shape?: readonly number[], options: DeviceOptions = {}): Matrix {
    if (data instanceof Matrix) {
      if (shape === undefined) return data.copy();
      throw new ShapeError(
        `Matrix.from: a Matrix, here ${data.shape.join("x")}, is copied as it is; ` +
          "with a shape give its numbers: Matrix.from(m.data, shape)",
      );
    }
    const source = shape === undefined ? data as MatrixData : { data: data as NumberArray, shape };
    return Matrix.fromData(source, deviceFor(options, "Matrix.from"), "Matrix.from");
  }

  /** Plain data as a new matrix; op is named in errors. */
  static fromData(source: MatrixData, device: Device, op: string): Matrix {
    const [m, n] = shapeOf(source, op);
    const matrix = Matrix.#make(m, n, device, abi.TSR_F32, true);
    try {
      fillFrom(source, matrix.host(), m, n, op);
    } catch (error) {
      matrix[Symbol.dispose]();
      throw error;
    }
    return matrix;
  }

  static zeros(m: number, n: number, options: DeviceOptions = {}): Matrix {
    return Matrix.#zeros(m, n, options, "Matrix.zeros");
  }

  static #zeros(m: number, n: number, options: DeviceOptions, op: string): Matrix {
    checkSize(m, n, op);
    return Matrix.#make(m, n, deviceFor(options, op), abi.TSR_F32, true).#clear();
  }

  static eye(m: number, n: number = m, options: DeviceOptions = {}): Matrix {
    const matrix = Matrix.#zeros(m, n, options, "Matrix.eye");
    const numbers = matrix.host();
    for (let i = 0; i < Math.min(m, n); i++) numbers[i * n + i] = 1;
    return matrix;
  }

  static diag(values: NumberArray, options: DeviceOptions = {}): Matrix {
    const diagonal = vectorFrom(values, "Matrix.diag");
    const n = diagonal.length;
    const matrix = Matrix.#zeros(n, n, options, "Matrix.diag");
    const numbers = matrix.host();
    diagonal.forEach((value, i) => numbers[i * n + i] = value);
    return matrix;
  }

  /** Normal (default) or uniform [0, 1) numbers: a pure function of seed, row and column, the same on every machine,
   * runtime and device. */
  static random(m: number, n: number, options: RandomOptions = {}): Matrix {
    const device = deviceFor(options, "Matrix.random");
    const { seed = 0, distribution = "normal" } = options;
    checkSize(m, n, "Matrix.random");
    requireSeed(seed, "Matrix.random");
    if (distribution !== "normal" && distribution !== "uniform") {
      throw new ArgumentError(`Matrix.random: distribution is "${distribution}"; it is normal or uniform`);
    }
    const matrix = Matrix.#make(m, n, device, abi.TSR_F32, false);
    const kind = distribution === "normal" ? abi.TSR_NORMAL : abi.TSR_UNIFORM;
    const defaults = new Uint32Array(abi.TSR_OPTION_WORDS);
    const [low, high] = [seed >>> 0, Math.floor(seed / 2 ** 32)];
    device.encoded(device.native.tsr_rand(device.context, kind, low, high, matrix.descriptor(), defaults));
    device.submit(true);
    return matrix;
  }

  /** Uninitialised memory for a result or a temporary that operations write; type is one of tsr.h's. */
  static empty(m: number, n: number, device: Device, type: number = abi.TSR_F32): Matrix {
    return Matrix.#make(m, n, device, type, false);
  }

  /** Uninitialised memory that JavaScript writes at once: no work on its way uses it. */
  static hosted(m: number, n: number, device: Device, type: number = abi.TSR_F32): Matrix {
    return Matrix.#make(m, n, device, type, true);
  }

  static #make(m: number, n: number, device: Device, type: number, forHost: boolean): Matrix {
    checkSize(m, n, "Matrix");
    const bytes = m * n * bytesOf[type]!;
    if (bytes > Number.MAX_SAFE_INTEGER) throw new OutOfMemoryError(`${m}x${n} needs ${bytes} bytes`, bytes);
    const piece = device.memory.take(bytes, forHost);
    const layout = { rows: m, cols: n, ld: Math.max(1, n), offset: 0, transposed: false, type };
    return new Matrix(new Storage(device, piece), layout, true);
  }

  #clear(): Matrix {
    const { piece } = this.storage;
    if (!piece.fresh) piece.bytesView().fill(0);
    piece.fresh = false;
    return this;
  }

  // ---- views ----

  get storage(): Storage {
    return this.#storage;
  }

  get device(): Device {
    return this.#storage.device;
  }

  /** Whether this is a temporary in float64. */
  get wide(): boolean {
    return this.#type === abi.TSR_F64;
  }

  get T(): Matrix {
    return this.#sub(0, this.#rows, 0, this.#cols, !this.transposed);
  }

  /** Rows rowStart to rowEnd - 1, columns colStart to colEnd - 1, as a view of the same memory. */
  sub(rowStart: number, rowEnd: number, colStart: number, colEnd: number): Matrix {
    checkRange(rowStart, rowEnd, this.shape[0], "sub: rows");
    checkRange(colStart, colEnd, this.shape[1], "sub: columns");
    return this.transposed
      ? this.#sub(colStart, colEnd, rowStart, rowEnd, true)
      : this.#sub(rowStart, rowEnd, colStart, colEnd, false);
  }

  rows(start: number, end: number): Matrix {
    return this.sub(start, end, 0, this.shape[1]);
  }

  cols(start: number, end: number): Matrix {
    return this.sub(0, this.shape[0], start, end);
  }

  #sub(r0: number, r1: number, c0: number, c1: number, transposed: boolean): Matrix {
    const offset = this.#offset + r0 * this.#ld + c0;
    const layout = { rows: r1 - r0, cols: c1 - c0, ld: this.#ld, offset, transposed, type: this.#type };
    return new Matrix(this.storage, layout, false);
  }

  /** The same view, whose memory stays until this one is disposed too, whatever becomes of the other. */
  share(): Matrix {
    const layout = { rows: this.#rows, cols: this.#cols, ld: this.#ld, offset: this.#offset, type: this.#type };
    return new Matrix(this.storage.share(), { ...layout, transposed: this.transposed }, true);
  }

  /** The native descriptor, valid until a few more were asked for; the memory is kept until the work being encoded has
   * passed. */
  descriptor(): Uint32Array<ArrayBuffer> {
    const { piece, device } = this.storage;
    const offset = this.#offset + piece.base / bytesOf[this.#type]!;
    const view = descriptors[turn++ % descriptors.length]!;
    view[abi.TSR_VIEW_BUFFER] = device.memory.handle(piece.block);
    view[abi.TSR_VIEW_ROWS] = this.#rows;
    view[abi.TSR_VIEW_COLS] = this.#cols;
    view[abi.TSR_VIEW_LD] = this.#ld;
    view[abi.TSR_VIEW_OFFSET_LOW] = offset >>> 0;
    view[abi.TSR_VIEW_OFFSET_HIGH] = Math.floor(offset / 2 ** 32);
    view[abi.TSR_VIEW_TRANS] = this.transposed ? 1 : 0;
    view[abi.TSR_VIEW_TYPE] = this.#type;
    view[abi.TSR_VIEW_BATCH] = 1;
    piece.fresh = false;
    device.keep(piece);
    return view;
  }

  // ---- numbers ----

  /** Whether `data` is possible: rows follow each other without a gap, not transposed. */
  get contiguous(): boolean {
    const [rows, cols] = [this.#rows, this.#cols];
    return (!this.transposed || rows === 1 || cols === 1) && (this.#ld === cols || rows <= 1 || cols === 0);
  }

  /** The numbers themselves, row-major, not a copy. Throws on a non-contiguous view: use copy(). Length 0 after
   * dispose. */
  get data(): Float32Array<ArrayBuffer> {
    const { bytes } = this.storage.piece;
    if (!this.contiguous) {
      throw new ShapeError(`data: this ${this.shape.join("x")} view is not contiguous; use copy().data or readBlock`);
    }
    const whole = this.#owner && this.#offset === 0;
    const all = this.storage.expose(whole ? this.#rows * this.#cols : Math.floor(bytes / 4));
    return all.subarray(this.#offset, this.#offset + this.#rows * this.#cols);
  }

  /** The numbers where they lie, for loops of the package over all of them; a copy where JavaScript cannot see them. */
  lines(): Lines {
    if (this.storage.piece.block.buffer === undefined) {
      const [m, n] = this.shape;
      return { numbers: this.readBlock(0, m, 0, n), down: n, across: 1 };
    }
    const [down, across] = this.transposed ? [1, this.#ld] : [this.#ld, 1];
    return { numbers: this.host(), down, across };
  }

  /** The numbers in float32 from the first element on, for the package's own reading and writing. */
  host(): Float32Array<ArrayBuffer> {
    this.storage.piece.fresh = false;
    return this.storage.floats().subarray(this.#offset);
  }

  /** The same in float64 or u32, for temporaries of that type. */
  hostAs<T>(array: new (buffer: ArrayBuffer, byteOffset: number, length: number) => T): T {
    const view = this.storage.piece.bytesView();
    return new array(view.buffer, view.byteOffset, this.#rows * this.#cols);
  }

  at(i: number, j: number): number {
    checkRange(i, i + 1, this.shape[0], "at: row");
    checkRange(j, j + 1, this.shape[1], "at: column");
    return this.readBlock(i, i + 1, j, j + 1)[0]!;
  }

  /** A copy of a part, row-major. */
  readBlock(rowStart: number, rowEnd: number, colStart: number, colEnd: number): Float32Array {
    const part = this.sub(rowStart, rowEnd, colStart, colEnd);
    const out = new Float32Array(part.#rows * part.#cols);
    part.#stored(out, false);
    if (!part.transposed) return out;
    const [m, n] = part.shape;
    const turned = new Float32Array(m * n);
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) turned[i * n + j] = out[j * m + i]!;
    return turned;
  }

  /** Writes a part from other numbers. Throws while a call that has not ended reads or writes this matrix. */
  writeBlock(rowStart: number, colStart: number, block: MatrixLike): void {
    this.storage.requireFree("writeBlock");
    const source = block instanceof Matrix
      ? { data: block.readBlock(0, block.shape[0], 0, block.shape[1]), shape: block.shape }
      : block;
    const [m, n] = shapeOf(source, "writeBlock");
    const part = this.sub(rowStart, rowStart + m, colStart, colStart + n);
    const numbers = new Float32Array(m * n);
    fillFrom(source, numbers, m, n, "writeBlock");
    if (part.transposed) {
      const turned = new Float32Array(m * n);
      for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) turned[j * m + i] = numbers[i * n + j]!;
      part.#stored(turned, true);
    } else part.#stored(numbers, true);
  }

  /** Copies between this view, as stored, and numbers packed row by row. */
  #stored(packed: Float32Array<ArrayBuffer>, write: boolean): void {
    const { piece, device } = this.storage;
    const [rows, cols, ld] = [this.#rows, this.#cols, this.#ld];
    if (rows === 0 || cols === 0) return;
    if (piece.block.buffer === undefined) {
      const { native, context } = device;
      device.check((write ? native.tsr_write : native.tsr_read)(context, this.descriptor(), packed, cols));
      return;
    }
    const numbers = this.host(), [lines, length] = ld === cols ? [1, rows * cols] : [rows, cols];
    for (let i = 0; i < lines; i++) {
      const row = numbers.subarray(i * ld, i * ld + length);
      const line = packed.subarray(i * length, i * length + length);
      if (write) row.set(line);
      else line.set(row);
    }
  }

  /** A contiguous matrix of its own with the same numbers. */
  copy(): Matrix {
    const [m, n] = this.shape;
    const matrix = Matrix.#make(m, n, this.device, abi.TSR_F32, true);
    if (this.transposed || matrix.storage.piece.block.buffer === undefined) {
      matrix.#stored(this.readBlock(0, m, 0, n) as Float32Array<ArrayBuffer>, true);
    } else this.#stored(matrix.host(), false);
    return matrix;
  }

  toArray(): number[][] {
    const [m, n] = this.shape;
    const numbers = this.readBlock(0, m, 0, n);
    return Array.from({ length: m }, (_, i) => Array.from(numbers.subarray(i * n, i * n + n)));
  }

  /** Disposes the memory: views of it have length 0 from now on. Disposing a view only drops its reference. */
  [Symbol.dispose](): void {
    if (this.#owner) this.storage[Symbol.dispose]();
  }

  /** Like numpy: four figures, the middle of large matrices left out. */
  toString(): string {
    return text(this);
  }
}

// How Node-style inspection, Deno's console and Jupyter kernels show a matrix.
for (const name of ["nodejs.util.inspect.custom", "Deno.customInspect"]) {
  Object.defineProperty(Matrix.prototype, Symbol.for(name), {
    value(this: Matrix): string {
      return text(this);
    },
  });
}
Object.defineProperty(Matrix.prototype, Symbol.for("Jupyter.display"), {
  value(this: Matrix): Record<string, string> {
    return { "text/plain": text(this) };
  },
});

/** Element (i, j) is numbers[i * down + j * across]. */
export interface Lines {
  readonly numbers: Float32Array;
  readonly down: number;
  readonly across: number;
}

interface Layout {
  rows: number;
  cols: number;
  ld: number;
  offset: number;
  transposed: boolean;
  type: number;
}
