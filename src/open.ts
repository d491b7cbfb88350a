// Opening devices: which one, with how many threads, and with which engines of vendors.
import process from "node:process";
import { load, type Native } from "../ffi/load.ts";
import { candidates } from "../ffi/locate.ts";
import { Device, type VendorEngine } from "./device.ts";
import { attachEngine, vendors } from "./engines.ts";
import { checkDebug, debugLevel, debugLine, read } from "./env.ts";
import { ArgumentError, DeviceError } from "./errors.ts";
import { requireOptions, shown } from "./input.ts";

export interface OpenOptions {
  /** "metal", "cpu", or an instruction set, as "cpu:avx2"; default: TSR_DEVICE, then metal where it can be opened, then
   * cpu. */
  device?: string;
  /** Path of the native library; default: TSR_LIB, then the one of this package. */
  library?: string;
  /** Threads of the CPU library, default: TSR_THREADS, then one for each processor. */
  threads?: number;
  /** Path of a BLAS and LAPACK for engine "blas", or true for the usual places; default: TSR_BLAS, then Accelerate on
   * macOS, else none until a call asks for it. */
  blas?: string | boolean;
  /** Path of mlx-c for engine "mlx", or true; default: TSR_MLX, then none until a call asks for it. */
  mlx?: string | boolean;
}

/** Opens a device of its own; close it (or `using`) when done. */
export function open(options: OpenOptions = {}): Device {
  requireOptions(options, "open");
  checkDebug();
  const threads = threadCount(options.threads ?? read("TSR_THREADS"));
  const { native, path } = load(candidates(options.library ?? read("TSR_LIB")));
  const asked = options.device ?? read("TSR_DEVICE");
  const device = asked === undefined ? openBest(native, path, threads) : new Device(asked, native, path, threads);
  try {
    for (const engine of Object.keys(vendors) as VendorEngine[]) equip(device, engine, options[engine]);
  } catch (error) {
    device.close();
    throw error;
  }
  const { name, facts, engines, passedOver } = device;
  if (debugLevel() >= 1) {
    const more = passedOver === undefined ? "" : `; ${passedOver}`;
    debugLine(`opened ${name}: ${facts.isa}, ${facts.threads} threads, ${engines.join(" ")}, ${path}${more}`);
  }
  return device;
}

/** Attaches an engine that was asked for; on macOS also Accelerate, which every machine has. */
function equip(device: Device, engine: VendorEngine, asked: string | boolean | undefined): void {
  if (asked === false) return;
  const named = typeof asked === "string" ? asked : vendors[engine].given();
  const always = engine === "blas" && process.platform === "darwin";
  if (named !== undefined || asked === true || always) attachEngine("open", device, engine, named);
}

/** Metal where it opens, else the CPU, which then tells why. */
function openBest(native: Native, path: string, threads: number): Device {
  try {
    return new Device("metal", native, path, threads);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return new Device("cpu", native, path, threads, `metal was passed over: ${error.message}`);
  }
}

function threadCount(value: number | string | undefined): number {
  if (value === undefined) return 0;
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1 || count > 256) {
    throw new ArgumentError(`threads (or TSR_THREADS) is ${value}; it must be a whole number from 1 to 256`);
  }
  return count;
}

let shared: Device | undefined;

/** The device that options name, or undefined. */
export function deviceOption(options: { readonly device?: Device }, op: string): Device | undefined {
  const { device } = options;
  if (device instanceof Device || !device) return device ?? undefined;
  throw new ArgumentError(`${op}: device is ${shown(device)}; give what open() returns, as open({ device: "cpu" })`);
}

/** The device used where none is given, opened at the first use. */
export function defaultDevice(): Device {
  if (!shared || shared.closed) shared = open();
  return shared;
}

/** The device of what is made with these options. */
export function deviceFor(options: { readonly device?: Device }, op: string): Device {
  requireOptions(options, op);
  return deviceOption(options, op) ?? defaultDevice();
}
