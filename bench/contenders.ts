// Who is measured: this library and its peers, each in a process of its own, with what they need installed once.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build, type Files } from "./files.ts";
import type { Params } from "./cases.ts";
import { Program, type Reply, TimeoutError } from "./program.ts";
import { findMkl } from "../tests/vendorlibraries.ts";
import { findPython } from "./python.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const folder = join(build, "contenders");

export const OURS = "tesserae";
/** The peers in native code: NumPy and SciPy on OpenBLAS, and what else is on this machine. */
export const native = ["numpy", "mkl", "torch"] as const;
/** Packages of the JavaScript peers. */
const packages: Readonly<Record<string, string>> = {
  "ml-matrix": "ml-matrix@6.15.1",
  "numpy-ts": "numpy-ts@1.7.0",
  "jax-js": "@jax-js/jax@0.1.25",
};
export const javascript: readonly string[] = Object.keys(packages);

/** Time for what is not measured: reading operands, writing results. */
const PATIENCE_MS = 120_000;

/** A process that computes cases when asked; started anew after it was ended for taking too long. */
export class Contender implements Disposable {
  readonly name: string;
  readonly #start: () => Promise<Program>;
  #program: Program | undefined;
  #first: Reply = {};
  #prepared: object | undefined;

  constructor(name: string, start: () => Promise<Program>) {
    this.name = name;
    this.#start = start;
  }

  async start(): Promise<void> {
    this.#program = await this.#start();
    this.#first = this.#program.first;
    const { error } = this.#first;
    if (error !== undefined) throw new Error(String(error));
  }

  get version(): string {
    return String(this.#first["version"]);
  }

  get pid(): number {
    return this.#program?.pid ?? 0;
  }

  offers(op: string): boolean {
    return (this.#first["ops"] as string[]).includes(op);
  }

  /** The ways it has to compute this. */
  async prepare(op: string, params: Params, files: Files): Promise<string[]> {
    this.#prepared = { do: "prepare", op, params, files };
    return (await this.#ask(this.#prepared, PATIENCE_MS))["variants"] as string[];
  }

  /** Milliseconds of one call, as the mean of so many. */
  async run(variant: string, inner: number, limitMs: number): Promise<number> {
    return (await this.#ask({ do: "run", variant, inner }, limitMs))["ms"] as number;
  }

  async save(variant: string, folder: string): Promise<Files> {
    return (await this.#ask({ do: "save", variant, folder }, PATIENCE_MS))["files"] as Files;
  }

  async #ask(request: object, limitMs: number): Promise<Reply> {
    if (!this.#program) {
      await this.start();
      if (request !== this.#prepared) await this.#ask(this.#prepared!, PATIENCE_MS);
    }
    try {
      const reply = await this.#program!.ask(request, limitMs);
      if (reply["error"] !== undefined) throw new Error(String(reply["error"]));
      return reply;
    } catch (error) {
      if (error instanceof TimeoutError) this.#program = undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#program?.[Symbol.dispose]();
  }
}

/** The packages of the JavaScript peers; why they are not here, if so. */
function install(): string | undefined {
  if (Object.values(packages).every((name) => existsSync(join(folder, "node_modules", name.replace(/(.)@.*/, "$1"))))) {
    return undefined;
  }
  console.error(`bench: installing ${javascript.join(", ")} into build/contenders, once`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  const flags = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
  const args = ["install", ...flags, ...Object.values(packages)];
  const { status, stderr, error } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" });
  return status === 0 ? undefined : `npm could not install it: ${error?.message ?? stderr.trim().split("\n")[0]}`;
}

export interface Settings {
  readonly threads: number;
  readonly deno: boolean;
  /** A Python that has PyTorch. */
  readonly torch?: string;
}

function mkl(): string {
  const found = findMkl();
  if ("missing" in found) throw new Error(found.missing);
  return found.path;
}

/** The command of a contender. */
function command(name: string, { threads, deno, torch }: Settings): string[] {
  const worker = [here("contenders/worker.ts"), name];
  switch (name) {
    case OURS:
      return [...deno ? ["deno", "run", "-A", "--no-check"] : [process.execPath], ...worker, String(threads)];
    case "numpy":
      return [findPython(["numpy", "scipy", "sklearn", "threadpoolctl"]), here("contenders/openblas.py")];
    case "mkl":
      return [findPython(["numpy"]), here("contenders/mkl.py"), mkl(), String(threads)];
    case "torch":
      if (torch === undefined) throw new Error("--torch PYTHON names a Python that has it");
      return [torch, here("contenders/pytorch.py"), String(threads)];
    default:
      return [process.execPath, ...worker, String(threads)];
  }
}

function starter(name: string, settings: Settings): () => Promise<Program> {
  const count = String(settings.threads), words = command(name, settings);
  const limits = { TSR_THREADS: count, OPENBLAS_NUM_THREADS: count, OMP_NUM_THREADS: count, MKL_DYNAMIC: "FALSE" };
  return () => Program.start(words, { ...limits, NODE_PATH: join(folder, "node_modules") });
}

/** Starts those named; who could not be, and why, comes beside them. */
export async function startAll(
  names: readonly string[],
  settings: Settings,
): Promise<{ contenders: Contender[]; absent: Record<string, string> }> {
  const contenders: Contender[] = [], absent: Record<string, string> = {};
  const missing = names.some((name) => javascript.includes(name)) ? install() : undefined;
  for (const name of names) {
    try {
      if (missing !== undefined && javascript.includes(name)) throw new Error(missing);
      const contender = new Contender(name, starter(name, settings));
      await contender.start();
      contenders.push(contender);
    } catch (error) {
      if (name === OURS) throw error;
      absent[name] = (error as Error).message;
    }
  }
  return { contenders, absent };
}
