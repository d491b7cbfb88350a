// The emulator from JavaScript: opens a library of build.ts and runs kernels on typed arrays.
import { Buffer } from "node:buffer";
import process from "node:process";

type Words = Float32Array | Float64Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;

/** A buffer of `length` bytes of which only a window is real: the typed array, from byte `at` on. */
export interface Sparse {
  readonly window: Words;
  readonly length: number;
  readonly at: number;
}

export interface Launch {
  /** Threadgroups, and threads of one, in x, y, z. */
  readonly groups: readonly number[];
  readonly threads: readonly number[];
  /** By index. What the kernel writes is in the arrays afterwards. */
  readonly buffers: Readonly<Record<number, Words | Sparse>>;
  /** Bytes of threadgroup memory by index. */
  readonly threadgroup?: Readonly<Record<number, number>>;
  /** Values of function constants by index. A float is given as its bits. */
  readonly constants?: Readonly<Record<number, number | boolean>>;
  /** 0 forward, 1 reverse, 2 and 3 shuffled. */
  readonly order?: number;
  /** Both need the checked library. */
  readonly check?: boolean;
  readonly count?: boolean;
  /** Only so many threadgroups from this one on, in row-major order. */
  readonly some?: { readonly first: number; readonly count: number };
}

const costNames = [
  "launches",
  "groups",
  "threads",
  "barriers",
  "mostBarriers",
  "matrixSteps",
  "simdOperations",
  "deviceRead",
  "deviceWritten",
  "threadgroupRead",
  "threadgroupWritten",
  "fma",
  "mul",
  "add",
  "other",
] as const;

/** See emulator_cost in runtime/emulator.h. */
export type Cost = Readonly<Record<(typeof costNames)[number], number>>;

/** A launch that was refused or stopped, or in which the checker found faults: one line each. */
export class EmulatorError extends Error {
  override readonly name = "EmulatorError";
}

interface Native {
  emulator_run_packed(
    kernel: Uint8Array,
    words: Uint32Array,
    memory: Uint8Array,
    error: Uint8Array,
    size: number,
  ): number;
  emulator_costs_packed(kernel: Uint8Array, costs: Float64Array): number;
  emulator_names(names: Uint8Array, size: number): number;
  emulator_set_layout(layout: Uint8Array): void;
  emulator_layout(layout: Uint8Array): void;
  emulator_reset_costs(): void;
}

const signatures: Readonly<Record<keyof Native, readonly [parameters: readonly string[], result: string]>> = {
  emulator_run_packed: [["buffer", "buffer", "buffer", "buffer", "u32"], "i32"],
  emulator_costs_packed: [["buffer", "buffer"], "i32"],
  emulator_names: [["buffer", "u32"], "u32"],
  emulator_set_layout: [["buffer"], "void"],
  emulator_layout: [["buffer"], "void"],
  emulator_reset_costs: [[], "void"],
};

interface Ffi {
  dlopen(path: string, symbols: object): { symbols: unknown };
}

function open(path: string): Native {
  const deno = (globalThis as unknown as { Deno?: Ffi }).Deno;
  const ffi = deno ?? process.getBuiltinModule("bun:ffi") as unknown as Ffi;
  const table = Object.entries(signatures).map(([name, [parameters, result]]) => [
    name,
    deno ? { parameters, result } : { args: parameters, returns: result },
  ]);
  return ffi.dlopen(path, Object.fromEntries(table)).symbols as Native;
}

/** A gap behind each buffer, so that a step too far meets memory of nobody. */
const GAP = 4096;
const ALIGNMENT = 256;
const ERROR_BYTES = 8192;

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(`${value}\0`));
const bytesOf = (array: Words): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const isSparse = (value: Words | Sparse): value is Sparse => "window" in value;
const three = (values: readonly number[], fill: number): number[] => [0, 1, 2].map((i) => values[i] ?? fill);
const wide = (value: number): number[] => [value >>> 0, Math.floor(value / 2 ** 32)];

/** The operands side by side in one block, and the words that describe them. */
function pack(launch: Launch): { words: Uint32Array; memory: Uint8Array; parts: { array: Words; at: number }[] } {
  const buffers = Object.entries(launch.buffers), parts: { array: Words; at: number }[] = [];
  const shared = Object.entries(launch.threadgroup ?? {}), constants = Object.entries(launch.constants ?? {});
  const words = [...three(launch.groups, 1), ...three(launch.threads, 1), 0, 0, 0];
  words.push(launch.some?.first ?? 0, launch.some?.count ?? 0, launch.order ?? 0);
  words.push((launch.check ? 1 : 0) + (launch.count ? 2 : 0), buffers.length, shared.length, constants.length);
  let end = GAP;
  for (const [index, operand] of buffers) {
    const array = isSparse(operand) ? operand.window : operand;
    const sparse = isSparse(operand) ? [...wide(operand.length), ...wide(operand.at)] : [0, 0, 0, 0];
    words.push(Number(index), end, array.byteLength, ...sparse);
    parts.push({ array, at: end });
    end = Math.ceil((end + array.byteLength + GAP) / ALIGNMENT) * ALIGNMENT;
  }
  for (const [index, bytes] of [...shared, ...constants]) words.push(Number(index), Number(bytes));
  const memory = new Uint8Array(end);
  for (const { array, at } of parts) memory.set(bytesOf(array), at);
  return { words: Uint32Array.from(words), memory, parts };
}

/** A library of kernels. */
export class Emulator {
  readonly #native: Native;

  constructor(path: string) {
    this.#native = open(path);
  }

  names(): string[] {
    const size = this.#native.emulator_names(new Uint8Array(1), 0), names = new Uint8Array(Math.max(1, size));
    this.#native.emulator_names(names, size);
    return Buffer.from(names).toString("utf8").split("\n").filter((name) => /\w/.test(name));
  }

  run(kernel: string, launch: Launch): void {
    const { words, memory, parts } = pack(launch), error = new Uint8Array(ERROR_BYTES);
    const result = this.#native.emulator_run_packed(text(kernel), words, memory, error, ERROR_BYTES);
    for (const { array, at } of parts) bytesOf(array).set(memory.subarray(at, at + array.byteLength));
    if (result !== 0) throw new EmulatorError(Buffer.from(error.subarray(0, error.indexOf(0))).toString("utf8"));
  }

  /** All that launches of a kernel have cost since the last reset. */
  cost(kernel: string): Cost {
    const costs = new Float64Array(costNames.length);
    if (this.#native.emulator_costs_packed(text(kernel), costs) !== 0) throw new EmulatorError(`no kernel ${kernel}`);
    return Object.fromEntries(costNames.map((name, i) => [name, costs[i]!])) as Cost;
  }

  resetCosts(): void {
    this.#native.emulator_reset_costs();
  }

  /** Row and column of element i of lane l of an 8x8 matrix, at 2 (2 l + i). */
  get layout(): Uint8Array {
    const layout = new Uint8Array(128);
    this.#native.emulator_layout(layout);
    return layout;
  }

  set layout(layout: Uint8Array) {
    this.#native.emulator_set_layout(layout);
  }
}
