// The functions of tsr.h as they are, for tests of the contract: a context, views on arrays of the test's own,
// statuses by name.
import { load, type Native } from "../ffi/load.ts";
import * as abi from "../ffi/symbols.ts";
import { testDevice } from "./device.ts";

export interface Shape {
  type?: number;
  /** The leading dimension is so much larger than the columns. */
  slack?: number;
  offset?: number;
  trans?: boolean;
}

/**
 * A matrix of the test's own: element (i,j) of the operand by get and set, everything around it filled with
 * canaries.
 */
export class Operand {
  readonly m: number;
  readonly n: number;
  readonly data: Float32Array | Float64Array | Uint32Array;
  readonly view: Uint32Array<ArrayBuffer>;
  readonly #before: Uint8Array;

  constructor(m: number, n: number, data: Float32Array | Float64Array | Uint32Array, view: Uint32Array<ArrayBuffer>) {
    this.m = m;
    this.n = n;
    this.data = data;
    this.view = view;
    this.#before = this.#bytes().slice();
  }

  at(i: number, j: number): number {
    const ld = this.view[abi.TSR_VIEW_LD]!, offset = this.view[abi.TSR_VIEW_OFFSET_LOW]!;
    return offset + (this.view[abi.TSR_VIEW_TRANS] === 1 ? j * ld + i : i * ld + j);
  }

  get(i: number, j: number): number {
    return this.data[this.at(i, j)]!;
  }

  /** Fills the matrix, not its surroundings. */
  fill(f: (i: number, j: number) => number): this {
    for (let i = 0; i < this.m; i++) for (let j = 0; j < this.n; j++) this.data[this.at(i, j)] = f(i, j);
    return this;
  }

  /** A copy of the numbers, row-major, as float64. */
  values(): Float64Array {
    return Float64Array.from({ length: this.m * this.n }, (_, k) => this.get(Math.floor(k / this.n), k % this.n));
  }

  /** Index of an element outside the matrix that has changed, or -1. */
  damage(): number {
    const size = this.data.BYTES_PER_ELEMENT, now = this.#bytes(), free = new Uint8Array(this.data.length).fill(1);
    for (let i = 0; i < this.m; i++) for (let j = 0; j < this.n; j++) free[this.at(i, j)] = 0;
    const byte = now.findIndex((value, k) => value !== this.#before[k] && free[Math.floor(k / size)] === 1);
    return byte < 0 ? -1 : Math.floor(byte / size);
  }

  #bytes(): Uint8Array {
    return new Uint8Array(this.data.buffer, this.data.byteOffset, this.data.byteLength);
  }
}

const arrays = { [abi.TSR_F32]: Float32Array, [abi.TSR_F64]: Float64Array, [abi.TSR_U32]: Uint32Array };
const CANARY = 0x7FC12345;

const devices: Readonly<Record<string, number>> = { cpu: abi.TSR_DEVICE_CPU, metal: abi.TSR_DEVICE_METAL };

/** One context of the tests' device, with its own small tools. */
export class Raw implements Disposable {
  readonly native: Native;
  readonly context: number;
  readonly out: Uint32Array<ArrayBuffer> = new Uint32Array(new ArrayBuffer(16));
  /** Arrays that the library knows. */
  readonly #kept: unknown[] = [];

  constructor(config: { isa?: number; threads?: number } = {}) {
    this.native = library();
    const words = new Uint32Array(abi.TSR_CONFIG_WORDS);
    const device = devices[testDevice().name.split(":")[0]!]!;
    words.set([abi.TSR_ABI, device, config.isa ?? abi.TSR_ISA_BEST, config.threads ?? 0]);
    this.context = 0;
    this.ok(this.native.tsr_open(words, this.out));
    this.context = this.out[0]!;
  }

  [Symbol.dispose](): void {
    this.native.tsr_close(this.context);
  }

  /** Text of the last error; without a context of one's own, the thread's. */
  text(context: number = this.context): string {
    const buffer = new Uint8Array(600);
    this.native.tsr_error(context, buffer, buffer.length);
    return new TextDecoder().decode(buffer.subarray(0, buffer.indexOf(0)));
  }

  ok(status: number): void {
    if (status !== abi.TSR_OK) throw new Error(`${nameOf(status)}: ${this.text()}`);
  }

  /** A handle for memory of so many bytes. */
  wrap(memory: Uint8Array<ArrayBuffer>): number {
    this.#kept.push(memory);
    this.ok(this.native.tsr_wrap(this.context, memory, memory.byteLength, 0, this.out));
    return this.out[0]!;
  }

  /** An m x n operand in memory of its own, all canaries. */
  matrix(m: number, n: number, { type = abi.TSR_F32, slack = 0, offset = 0, trans = false }: Shape = {}): Operand {
    const [rows, cols] = trans ? [n, m] : [m, n];
    const length = offset + rows * (cols + slack) + 3;
    const data = new arrays[type as 0 | 1 | 3](new ArrayBuffer(length * (type === abi.TSR_F64 ? 8 : 4)));
    new Uint32Array(data.buffer).fill(CANARY);
    const handle = rows * cols === 0 ? 0 : this.wrap(new Uint8Array(data.buffer));
    const view = viewOf(handle, rows, cols, { ld: cols + slack, offset, trans: trans ? 1 : 0, type });
    return new Operand(m, n, data, view);
  }

  /** Runs what was encoded, in this thread. */
  run(): void {
    this.ok(this.native.tsr_submit(this.context, abi.TSR_INLINE, this.out));
    this.ok(this.native.tsr_wait(this.context, this.out[0]!, 60));
  }

  submit(mode: number = abi.TSR_QUEUED): number {
    this.ok(this.native.tsr_submit(this.context, mode, this.out));
    return this.out[0]!;
  }

  /** The records of what has run since the last call: number and tile. */
  trace(): [number, number][] {
    const records = new Float64Array(4096 * abi.TSR_TRACE_WORDS);
    this.ok(this.native.tsr_trace(this.context, records, 4096, this.out));
    return Array.from({ length: this.out[0]! }, (_, i) => [
      records[i * abi.TSR_TRACE_WORDS + abi.TSR_TRACE_NUMBER]!,
      records[i * abi.TSR_TRACE_WORDS + abi.TSR_TRACE_TILE]!,
    ]);
  }
}

/** The instruction sets that this machine has, as numbers of tsr.h. */
export function instructionSets(): number[] {
  return [abi.TSR_ISA_AVX512, abi.TSR_ISA_AVX2, abi.TSR_ISA_NEON, abi.TSR_ISA_PORTABLE].filter((isa) => {
    try {
      using raw = new Raw({ isa, threads: 1 });
      return raw.context > 0;
    } catch (error) {
      if (/TSR_E_UNSUPPORTED/.test(String(error))) return false;
      throw error;
    }
  });
}

export function library(): Native {
  return load([testDevice().library]).native;
}

export function nameOf(status: number): string {
  return abi.statusNames[status] ?? `status ${status}`;
}

/** A descriptor; what is not given is 0, batch 1, and ld the number of columns. */
export function viewOf(
  buffer: number,
  rows: number,
  cols: number,
  { ld = cols, offset = 0, trans = 0, type = abi.TSR_F32 }: {
    ld?: number;
    offset?: number;
    trans?: number;
    type?: number;
  } = {},
): Uint32Array<ArrayBuffer> {
  const view = new Uint32Array(abi.TSR_VIEW_WORDS);
  view.set([buffer, rows, cols, ld, offset >>> 0, Math.floor(offset / 2 ** 32), trans, type, 1]);
  return view;
}

/** Options: all zero but these words. */
export function options(words: Readonly<Record<number, number>> = {}): Uint32Array<ArrayBuffer> {
  const array = new Uint32Array(abi.TSR_OPTION_WORDS);
  for (const [index, value] of Object.entries(words)) array[Number(index)] = value;
  return array;
}

/** An array whose memory has gone: a null pointer for the library. */
export function detached(): Uint32Array<ArrayBuffer> {
  const array = new Uint32Array(new ArrayBuffer(64));
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}
