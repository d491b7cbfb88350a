// Loads the native library in Bun or in Deno behind one type. Arguments are not checked here: Bun coerces bad
// numbers in silence, so callers pass whole numbers in range, and typed arrays, never null.
import { readFileSync } from "node:fs";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { LibraryError } from "../src/errors.ts";
import {
  symbols,
  TSR_ABI,
  TSR_E_CANCELED,
  TSR_E_DEVICE,
  TSR_E_MEMORY,
  TSR_E_TIMEOUT,
  TSR_INLINE,
  TSR_OK,
  TSR_QUEUED,
} from "./symbols.ts";

type Symbols = typeof symbols;

interface Kinds {
  u32: number;
  f64: number;
  buffer: ArrayBufferView;
}

type Arguments<P extends readonly (keyof Kinds)[]> = { -readonly [I in keyof P]: Kinds[P[I]] };

/** The functions of tsr.h. */
export type Native = { readonly [K in keyof Symbols]: (...args: Arguments<Symbols[K]["parameters"]>) => number };

/** A library and the file it came from. */
export interface Loaded {
  readonly native: Native;
  readonly path: string;
}

interface Signature {
  readonly parameters: readonly string[];
  readonly result: string;
}

type Functions = Readonly<Record<string, (...args: never[]) => unknown>>;
type Open = (path: string, signatures: Readonly<Record<string, Signature>>) => Functions;

interface BunFfi {
  dlopen(path: string, symbols: Record<string, { args: readonly string[]; returns: string }>): { symbols: Functions };
}

interface DenoFfi {
  dlopen(path: string, symbols: Readonly<Record<string, Signature>>): { symbols: Functions };
  permissions: { querySync(wanted: { name: "read"; path: string }): { state: string } };
}

const deno = (globalThis as unknown as { Deno?: DenoFfi }).Deno;

/** The runtime's own way to open a library. */
function opener(): Open {
  if (deno) return (path, signatures) => deno.dlopen(path, signatures).symbols;
  const bun = process.versions["bun"] === undefined
    ? undefined
    : process.getBuiltinModule("bun:ffi") as unknown as BunFfi | undefined;
  if (bun) {
    return (path, signatures) => {
      const table = Object.entries(signatures).map((
        [name, { parameters, result }],
      ) => [name, { args: parameters, returns: result }]);
      return bun.dlopen(path, Object.fromEntries(table)).symbols;
    };
  }
  throw new LibraryError("Tesserae runs on Bun and Deno; this runtime has neither's way to load a native library", {
    tried: [],
  });
}

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error);

/**
 * Whether the file ends before the parts that are to be loaded. Linux loads such a library and kills the process at
 * the first touch of what is missing, so this must be seen before. Without permission to read, nobody can tell.
 */
function truncated(path: string): boolean {
  if (deno && deno.permissions.querySync({ name: "read", path }).state !== "granted") return false;
  let file: DataView;
  try {
    const bytes = readFileSync(path);
    file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch {
    return false; // opening the library tells why
  }
  const elf64 = 0x7F454C46, loadable = 1;
  if (file.byteLength < 64 || file.getUint32(0) !== elf64 || file.getUint8(4) !== 2) return false;
  const table = Number(file.getBigUint64(32, true)),
    size = file.getUint16(54, true),
    count = file.getUint16(56, true);
  if (table + size * count > file.byteLength) return true;
  return Array.from({ length: count }, (_, i) => table + i * size).some((at) =>
    file.getUint32(at, true) === loadable &&
    file.getBigUint64(at + 8, true) + file.getBigUint64(at + 32, true) > BigInt(file.byteLength)
  );
}

/** Why the file is no library for this package; undefined and the functions where it is one. */
function attempt(open: Open, path: string): { native: Native } | { why: string; cause?: unknown } {
  if (truncated(path)) return { why: "the file is truncated" };
  let abi: unknown;
  try {
    abi = open(path, { tsr_abi: symbols.tsr_abi })["tsr_abi"]?.();
  } catch (cause) {
    return { why: messageOf(cause), cause };
  }
  if (abi !== TSR_ABI) return { why: `the library speaks ABI ${abi}, this package ABI ${TSR_ABI}: build it again` };
  try {
    return { native: open(path, symbols) as unknown as Native };
  } catch (cause) {
    return { why: messageOf(cause), cause };
  }
}

// ---- the end of the process ----

/** Cancels all work of a context and waits until it has stopped; the context stays. */
function quiesce(native: Native, context: number): void {
  const out = new Uint32Array(1);
  if (native.tsr_submit(context, TSR_QUEUED, out) !== TSR_OK) return;
  const last = out[0]!;
  for (let ticket = last; ticket > 0; ticket--) {
    if (native.tsr_wait(context, ticket, 0) !== TSR_E_TIMEOUT) break;
    native.tsr_cancel(context, ticket);
  }
  native.tsr_wait(context, last, 1);
}

/** How a ticket can end; of a queued one its submission does not tell. */
const endings: ReadonlySet<number> = new Set([TSR_E_CANCELED, TSR_E_MEMORY, TSR_E_DEVICE]);

const inWorker = !isMainThread || "WorkerGlobalScope" in globalThis;

/**
 * A runtime that ends frees the memory of its arrays, so nothing may be at work on it then. The end of a process is
 * told first. A worker may be ended by others at any moment, and nobody is told: there all work is done within the
 * call that submits it.
 */
function stopAtEnd(native: Native): Native {
  const open = new Set<number>();
  const stop = () => {
    for (const context of open) quiesce(native, context);
  };
  process.on("exit", stop);
  process.on("uncaughtExceptionMonitor", () => {
    if (process.listenerCount("uncaughtException") === 0) stop();
  });
  const { tsr_open, tsr_close, tsr_submit } = native;
  const guarded = {
    ...native,
    tsr_open: (config: ArrayBufferView, context: ArrayBufferView): number => {
      const status = tsr_open(config, context);
      if (status === TSR_OK) open.add(new Uint32Array(context.buffer, context.byteOffset, 1)[0]!);
      return status;
    },
    tsr_close: (context: number): number => {
      open.delete(context);
      return tsr_close(context);
    },
  };
  if (!inWorker) return guarded;
  return {
    ...guarded,
    tsr_submit: (context, mode, ticket) => {
      const status = tsr_submit(context, TSR_INLINE, ticket);
      return mode === TSR_QUEUED && endings.has(status) ? TSR_OK : status;
    },
  };
}

const loaded = new Map<string, Native>();

/** The first of these files that is a library for this package. It stays loaded until the process ends. */
export function load(paths: readonly string[]): Loaded {
  const open = opener();
  const tried: string[] = [];
  let cause: unknown;
  for (const path of paths) {
    const known = loaded.get(path);
    if (known) return { native: known, path };
    const result = attempt(open, path);
    if ("native" in result) {
      const native = stopAtEnd(result.native);
      loaded.set(path, native);
      return { native, path };
    }
    tried.push(`${path}: ${result.why}`);
    cause ??= result.cause;
  }
  const advice =
    "Build it with `npm run build` in the package's folder, or name another file (TSR_LIB, or the option library).";
  throw new LibraryError(`The native library cannot be used.\n  ${tried.join("\n  ")}\n${advice}`, { tried, cause });
}
