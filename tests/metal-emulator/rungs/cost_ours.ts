// The launches that our library makes of a product: the real host code on the fake Metal, which writes them down.
import { spawnSync } from "node:child_process";
import { Buffer } from "node:buffer";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { load, type Native } from "../../../ffi/load.ts";
import * as abi from "../../../ffi/symbols.ts";
import { options, viewOf } from "../../raw.ts";
import { buildEmulator } from "../build.ts";
import { Emulator } from "../emulator.ts";
import { buildFake, buildLibrary } from "../fake/build.ts";
import { Fake } from "../fake/fake.ts";
import type { Grid } from "./cost.ts";
import type { ProductShape } from "./cost_mlx.ts";

const recorderSource = fileURLToPath(new URL("cost_recorder.c", import.meta.url));
const build = fileURLToPath(new URL("../../../build/emulator", import.meta.url));
const TEXT_BYTES = 1 << 20;

interface Recorder {
  cost_open(path: Uint8Array): number;
  cost_record(on: number): void;
  cost_take(text: Uint8Array, capacity: number): number;
}

interface Ffi {
  dlopen(path: string, symbols: object): { symbols: unknown };
}

function buildRecorder(): string {
  const library = join(build, "libcost_recorder.so");
  mkdirSync(build, { recursive: true });
  const flags = ["-std=c11", "-O1", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-shared", "-Wl,-z,nodelete"];
  const { status, stderr } = spawnSync("clang-19", [...flags, recorderSource, "-o", library, "-ldl"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`clang-19 failed:\n${stderr}`);
  return library;
}

function openRecorder(path: string): Recorder {
  const deno = (globalThis as unknown as { Deno?: Ffi }).Deno;
  const ffi = deno ?? process.getBuiltinModule("bun:ffi") as unknown as Ffi;
  const entry = (parameters: string[], result: string): object =>
    deno ? { parameters, result } : { args: parameters, returns: result };
  return ffi.dlopen(path, {
    cost_open: entry(["buffer"], "i32"),
    cost_record: entry(["u32"], "void"),
    cost_take: entry(["buffer", "u32"], "u32"),
  }).symbols as Recorder;
}

/** Rows and columns of C in a threadgroup. */
const tileSizes: Readonly<Record<string, readonly [number, number]>> = {
  "64": [64, 64],
  "64fine": [64, 64],
  "64deep": [64, 64],
  "64x32": [64, 32],
  "32": [32, 32],
};
/** GEMM_BAND of metal/kernels/gemm.h. */
const BAND = 8;
const REDUCE_THREADS = 256;

/** Threadgroups of a kernel that see the same sizes; `args` are the words of its arguments. */
function classesOf(kernel: string, args: Uint32Array): (group: number) => string {
  const word = (i: number): number => args[i]!;
  if (kernel === "split_reduce") {
    const [m, n, first] = [word(0), word(1), word(5)];
    return (group) => `${Math.min(REDUCE_THREADS, m * n - (first + group) * REDUCE_THREADS)}`;
  }
  const size = tileSizes[/^gemm_[nt]{2}_(\w+)$/.exec(kernel)?.[1] ?? ""];
  if (!size) throw new Error(`kernel ${kernel} has no classes of threadgroups here`);
  const [m, n, k, first, tiles, part] = [word(0), word(1), word(2), word(7), word(8), word(9)];
  const rows = Math.ceil(m / size[0]), columns = Math.ceil(n / size[1]);
  return (group) => {
    const tile = (first + group) % tiles, q = Math.floor((first + group) / tiles);
    const band = Math.floor(tile / (BAND * columns)), within = tile - band * BAND * columns;
    const height = Math.min(BAND, rows - band * BAND);
    const i0 = (band * BAND + within % height) * size[0], j0 = Math.floor(within / height) * size[1];
    return `${Math.min(size[0], m - i0)} ${Math.min(size[1], n - j0)} ${Math.min(part, k - q * part)}`;
  };
}

const pairs = (text: string): [number, number][] => {
  const words = text.trim().split(" ").filter((word) => word !== "").map(Number);
  return words.flatMap((word, i): [number, number][] => i % 2 === 0 ? [[word, words[i + 1]!]] : []);
};

function readGrid(line: string): Grid {
  const [kernel = "", groups = "", threads = "", constants = "", buffers = "", hex = ""] = line.split(";");
  const args = new Uint8Array(Buffer.from(hex, "hex"));
  return {
    kernel,
    groups: groups.trim().split(" ").map(Number),
    threads: threads.trim().split(" ").map(Number),
    constants: Object.fromEntries(pairs(constants)),
    values: { 0: args, 1: new Uint8Array(Uint32Array.of(1).buffer) },
    gate: 1,
    lengths: Object.fromEntries(pairs(buffers).filter(([index]) => index > 1)),
    classOf: classesOf(kernel, new Uint32Array(args.buffer, 0, args.length >> 2)),
  };
}

/** A context of our library on the emulated device. */
export class Ours implements Disposable {
  readonly emulator: Emulator;
  readonly #native: Native;
  readonly #context: number;
  readonly #recorder: Recorder;
  readonly #out: Uint32Array<ArrayBuffer> = new Uint32Array(new ArrayBuffer(16));

  static async open(): Promise<Ours> {
    const [fake, library, { checked }] = [await buildFake(), await buildLibrary(), await buildEmulator()];
    return new Ours(fake, library, checked, buildRecorder());
  }

  constructor(fake: string, library: string, kernels: string, recorder: string) {
    this.emulator = new Emulator(kernels);
    this.#recorder = openRecorder(recorder);
    if (this.#recorder.cost_open(new Uint8Array(Buffer.from(`${kernels}\0`))) !== 0) {
      throw new Error(`cannot open ${kernels}`);
    }
    new Fake(fake).set("TSR_EMULATED_KERNELS", recorder);
    this.#native = load([library]).native;
    const words = new Uint32Array(abi.TSR_CONFIG_WORDS);
    words.set([abi.TSR_ABI, abi.TSR_DEVICE_METAL, abi.TSR_ISA_BEST, 1]);
    this.#context = 0;
    this.#ok(this.#native.tsr_open(words, this.#out));
    this.#context = this.#out[0]!;
  }

  [Symbol.dispose](): void {
    this.#native.tsr_close(this.#context);
  }

  #ok(status: number): void {
    if (status === abi.TSR_OK) return;
    const text = new Uint8Array(600);
    this.#native.tsr_error(this.#context, text, text.length);
    throw new Error(new TextDecoder().decode(text.subarray(0, text.indexOf(0))));
  }

  #view(rows: number, cols: number, trans: boolean, kept: unknown[]): Uint32Array<ArrayBuffer> {
    const [r, c] = trans ? [cols, rows] : [rows, cols], memory = new Uint8Array(new ArrayBuffer(rows * cols * 4));
    kept.push(memory);
    this.#ok(this.#native.tsr_wrap(this.#context, memory, memory.length, 0, this.#out));
    return viewOf(this.#out[0]!, r, c, { trans: trans ? 1 : 0 });
  }

  /** The launches of C = A B. */
  grids({ trans, m, n, k }: ProductShape): Grid[] {
    const kept: unknown[] = [];
    const a = this.#view(m, k, trans[0] === "t", kept), b = this.#view(k, n, trans[1] === "t", kept);
    const c = this.#view(m, n, false, kept);
    this.#recorder.cost_record(1);
    this.#ok(this.#native.tsr_gemm(this.#context, 1, a, b, 0, c, options()));
    this.#ok(this.#native.tsr_submit(this.#context, abi.TSR_INLINE, this.#out));
    this.#ok(this.#native.tsr_wait(this.#context, this.#out[0]!, 60));
    this.#recorder.cost_record(0);
    for (const view of [a, b, c]) this.#ok(this.#native.tsr_free(this.#context, view[abi.TSR_VIEW_BUFFER]!));
    const text = new Uint8Array(TEXT_BYTES), length = this.#recorder.cost_take(text, text.length);
    if (length === 0) throw new Error("no launch was recorded");
    return new TextDecoder().decode(text.subarray(0, length)).trimEnd().split("\n").map(readGrid);
  }
}
