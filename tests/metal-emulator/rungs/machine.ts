// Rung 6: the arm64 code of the cross-built library, run under an emulator of the processor (cross/arm/run.py) with a
// model of Objective-C and Metal behind its imports.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const program = here("../../../tests/metal-emulator/cross/arm/run.py");
/** Debian's packages of Python are seen by the system's own only. */
const pythons = ["/usr/bin/python3", "python3"];

/** What the run came to. */
export interface Machine {
  /** Wrong elements of a product, on the CPU and on Metal. */
  readonly wrong: Readonly<Record<"cpu" | "metal", number>>;
  /** Objects that were left, by kind, and misuse. */
  readonly live: Readonly<Record<string, number>>;
  readonly errors: readonly string[];
  readonly messages: number;
  readonly selectors: number;
  /** Kernels in the order of their dispatches. */
  readonly dispatches: readonly string[];
  readonly binds: number;
  readonly rebases: number;
  /** What was given to Metal's compiler. */
  readonly source: string;
}

function python(): string | undefined {
  return pythons.find((name) => spawnSync(name, ["-c", "import unicorn"]).status === 0);
}

/** Why the code cannot be run here; undefined where it can. */
export function lacksUnicorn(): string | undefined {
  return python() ? undefined : "running arm64 code needs Debian's package: apt install python3-unicorn";
}

/** Runs a library for Apple Silicon with kernels of an emulation library; throws where the run does not end. */
export function runMachineCode(library: string, kernels: string): Machine {
  const parameters = ["-B", program, library, kernels, here("../../../ffi/tsr.h")];
  const { status, stdout, stderr } = spawnSync(python()!, parameters, { encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(stderr.trim().split("\n").at(-1) ?? "no reason given");
  return JSON.parse(stdout) as Machine;
}
