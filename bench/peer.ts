// NumPy on OpenBLAS in a process of its own, which stands still while it is not its turn, so that its spinning threads
// disturb nobody. Needs Python 3 with numpy and scipy, else makes a virtual environment under build/ that has them.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Scratch files, and the peer's Python. */
export const build: string = fileURLToPath(new URL("../build", import.meta.url));
const script = fileURLToPath(new URL("./peer.py", import.meta.url));

/** What the peer is to compute. */
export interface Task {
  op: string;
  n: number;
  k: number;
  trans: boolean;
}

export interface Operand {
  shape: readonly [number, number];
  data: Float32Array;
}

const works = (python: string): boolean => spawnSync(python, ["-c", "import numpy, scipy"]).status === 0;

/** There is no Python with numpy and scipy, and none could be made. */
export class NoPythonError extends Error {}

/** A Python that has numpy and scipy. */
function findPython(): string {
  if (works("python3")) return "python3";
  const python = join(build, "peer/bin/python");
  if (existsSync(python) && works(python)) return python;
  console.error("bench: installing numpy and scipy into build/peer, once");
  const steps = [
    ["python3", "-m", "venv", join(build, "peer")],
    [python, "-m", "pip", "install", "--quiet", "numpy", "scipy", "threadpoolctl"],
  ] as const;
  for (const [command, ...args] of steps) {
    const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
    if (status === 0) continue;
    const why = error?.message ?? stderr.trim().split("\n").at(-1);
    throw new NoPythonError(
      `the peer needs Python 3 with venv, and a network the first time: ${args.join(" ")} failed: ${why}`,
    );
  }
  return python;
}

/** A Python program that answers each line of JSON with one, and stands still in between. */
export class Program implements Disposable {
  readonly #child: ChildProcess;
  readonly #replies: AsyncIterator<string>;
  #first: Record<string, unknown> = {};

  private constructor(script: string, threads: number) {
    const environment = { ...process.env, OPENBLAS_NUM_THREADS: String(threads) };
    this.#child = spawn(findPython(), [script], { env: environment, stdio: ["pipe", "pipe", "inherit"] });
    this.#replies = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  static async start(script: string, threads: number): Promise<Program> {
    const program = new Program(script, threads);
    program.#first = await program.#reply();
    program.#signal("SIGSTOP");
    return program;
  }

  /** What it said of itself at its start. */
  get first(): Record<string, unknown> {
    return this.#first;
  }

  async ask(request: object): Promise<Record<string, unknown>> {
    this.#signal("SIGCONT");
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    const reply = await this.#reply();
    this.#signal("SIGSTOP");
    return reply;
  }

  #signal(name: NodeJS.Signals): void {
    process.kill(this.#child.pid!, name);
  }

  async #reply(): Promise<Record<string, unknown>> {
    const { done, value } = await this.#replies.next();
    if (done) {
      const { signalCode, exitCode } = this.#child;
      throw new Error(`the peer ended early, with ${signalCode ?? exitCode}; its own message stands above, if any`);
    }
    return JSON.parse(value) as Record<string, unknown>;
  }

  [Symbol.dispose](): void {
    this.#signal("SIGKILL");
  }
}

/** Writes operands for a program to read: path and shape of each. */
export function store(operands: Readonly<Record<string, Operand>>): Record<string, readonly [string, number, number]> {
  const folder = join(build, "bench"), files: Record<string, readonly [string, number, number]> = {};
  mkdirSync(folder, { recursive: true });
  for (const [name, { shape, data }] of Object.entries(operands)) {
    const path = join(folder, `${name}.f32`);
    writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    files[name] = [path, ...shape];
  }
  return files;
}

export class Peer implements Disposable {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  static async start(threads: number): Promise<Peer> {
    return new Peer(await Program.start(script, threads));
  }

  get version(): string {
    return this.#program.first["version"] as string;
  }

  get kernel(): string {
    return this.#program.first["kernel"] as string;
  }

  async prepare(task: Task, operands: Readonly<Record<string, Operand>>): Promise<void> {
    await this.#program.ask({ do: "prepare", ...task, files: store(operands) });
  }

  /** Milliseconds of one call, as the mean of so many. */
  async run(inner: number): Promise<number> {
    return (await this.#program.ask({ do: "run", inner }))["ms"] as number;
  }

  async measure(): Promise<{ resid: number; orth: number | undefined }> {
    const { resid, orth } = await this.#program.ask({ do: "measure" });
    return { resid: resid as number, orth: (orth ?? undefined) as number | undefined };
  }

  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
  }
}
