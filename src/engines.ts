// The engines of vendors: where their libraries usually lie, a trial of each in a child process, and its attachment to
// a device. A library may crash or hang while it loads; in a child that costs nothing.
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Device, VendorEngine } from "./device.ts";
import { read } from "./env.ts";
import { DeviceError } from "./errors.ts";

/** How long a library may take to load and to compute a few small matrices. */
const TRIAL_MS = 10_000;

interface Vendor {
  /** The path that the environment gives, and the name of the variable. */
  readonly given: () => string | undefined;
  readonly variable: string;
  readonly places: Readonly<Record<string, readonly string[]>>;
  /** What gets a machine such a library. */
  readonly advice: string;
}

const accelerate = "/System/Library/Frameworks/Accelerate.framework/Accelerate";

export const vendors: Readonly<Record<VendorEngine, Vendor>> = {
  blas: {
    given: () => read("TSR_BLAS"),
    variable: "TSR_BLAS",
    places: {
      darwin: [accelerate, "/opt/homebrew/opt/openblas/lib/libopenblas.dylib"],
      linux: ["libopenblas.so.0", "libmkl_rt.so.3", "libmkl_rt.so.2", "libblis.so.4"],
    },
    advice: "apt install libopenblas0, or give the path of an OpenBLAS, MKL or BLIS",
  },
  mlx: {
    given: () => read("TSR_MLX"),
    variable: "TSR_MLX",
    places: {
      darwin: ["/opt/homebrew/lib/libmlxc.dylib", "/usr/local/lib/libmlxc.dylib"],
      linux: ["libmlxc.so"],
    },
    advice: "brew install mlx-c, or give the path of libmlxc",
  },
};

/** What the trial of some libraries told: the first that serves, and why the ones before it do not. */
interface Trial {
  readonly path: string | undefined;
  readonly refused: readonly string[];
  /** Why nothing was tried in a child; undefined where it was. */
  readonly unchecked?: string;
}

const trials = new Map<string, Trial>();

/** A child of this runtime that runs probe.ts: its command, or why there can be none. */
function childCommand(): readonly string[] | { why: string } {
  const program = fileURLToPath(new URL(`./probe${import.meta.url.endsWith(".js") ? ".js" : ".ts"}`, import.meta.url));
  const name = basename(process.execPath);
  if (/^bun/.test(name)) return [process.execPath, program];
  if (/^deno/.test(name)) return [process.execPath, "run", "--no-prompt", "--no-check", "--allow-ffi", program];
  return { why: `${name} is no runtime that could run a trial` };
}

/** Tries the libraries one after the other in a child; one that ends it is passed over. */
function tryInChild(device: Device, engine: VendorEngine, paths: readonly string[]): Trial {
  const refused: string[] = [];
  let left = paths;
  while (left.length > 0) {
    const command = childCommand();
    if ("why" in command) return { path: left[0], refused, unchecked: command.why };
    const [program = "", ...parameters] = command;
    let result: ReturnType<typeof spawnSync>;
    try {
      result = spawnSync(program, [...parameters, device.library, engine, ...left], {
        timeout: TRIAL_MS,
        killSignal: "SIGKILL",
        encoding: "utf8",
      });
    } catch (error) {
      return { path: left[0], refused, unchecked: error instanceof Error ? error.message : String(error) };
    }
    const told = String(result.stdout).split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
    for (const { why } of told) if (why !== undefined) refused.push(why.replace(/^attach: /, ""));
    const served = told.find((t: { served?: boolean }) => t.served);
    if (served) return { path: served.path, refused };
    const begun = new Set(told.map((t: { path: string }) => t.path));
    const last = left.filter((path) => begun.has(path)).at(-1);
    if (result.status === 0) return { path: undefined, refused };
    if (last === undefined) {
      return { path: left[0], refused, unchecked: String(result.error?.message ?? result.stderr).trim() };
    }
    const late = result.signal === "SIGKILL";
    const ending = late ? `did not answer in ${TRIAL_MS / 1000} s` : "ended the trial";
    refused.push(`${last}: ${ending}${late ? "" : ` (${result.signal ?? `exit code ${result.status}`})`}`);
    left = left.slice(left.indexOf(last) + 1);
  }
  return { path: undefined, refused };
}

/** The library at this path, or at the usual places, becomes an engine of the device. */
export function attachEngine(op: string, device: Device, engine: VendorEngine, asked?: string): void {
  if (device.engines.includes(engine)) return;
  const { given, variable, places, advice } = vendors[engine];
  const named = asked ?? given();
  const paths = named === undefined ? places[process.platform] ?? [] : [named];
  const key = [device.library, engine, ...paths].join("\0");
  let trial = trials.get(key);
  if (!trial) {
    // Accelerate is part of macOS.
    trial = paths[0] === accelerate ? { path: accelerate, refused: [] } : tryInChild(device, engine, paths);
    trials.set(key, trial);
  }
  const refused = [...trial.refused];
  if (trial.path !== undefined) {
    try {
      device.attach(engine, trial.path);
      return;
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      refused.push(error.message);
    }
  }
  throw new DeviceError(
    `${op}: engine "${engine}" is not to be had: ${refused.join("; ")}. ` +
      `To get one: ${advice} in ${variable}, or in open({ ${engine} }).`,
  );
}

/** The engines with their libraries, or why there is none; for reports. */
export function surveyEngines(device: Device): Record<VendorEngine, string> {
  const tell = (engine: VendorEngine): string => {
    try {
      attachEngine("info", device, engine);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      return error.message;
    }
    const unchecked = [...trials.values()].find((t) => t.unchecked !== undefined)?.unchecked;
    const { library, kind } = device.facts[engine] ?? { library: "", kind: "" };
    return `${kind}, ${library}${unchecked === undefined ? "" : `; not tried in a child process: ${unchecked}`}`;
  };
  return { blas: tell("blas"), mlx: tell("mlx") };
}
