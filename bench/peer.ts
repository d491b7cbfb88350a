// NumPy on OpenBLAS in a process of its own, which stands still while it is not its turn, so that its spinning threads
// disturb nobody. Needs Python 3 with numpy and scipy, else makes a virtual environment under build/ that has them.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const build = fileURLToPath(new URL("../build", import.meta.url));
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
    throw new Error(
      `the peer needs Python 3 with venv, and a network the first time: ${args.join(" ")} failed: ${why}`,
    );
  }
  return python;
}

export class Peer implements Disposable {
  readonly #child: ChildProcess;
  readonly #replies: AsyncIterator<string>;
  readonly #folder: string = join(build, "bench");
  version = "";
  kernel = "";

  private constructor(threads: number) {
    const environment = { ...process.env, OPENBLAS_NUM_THREADS: String(threads) };
    this.#child = spawn(findPython(), [script], { env: environment, stdio: ["pipe", "pipe", "inherit"] });
    this.#replies = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
    mkdirSync(this.#folder, { recursive: true });
  }

  static async start(threads: number): Promise<Peer> {
    const peer = new Peer(threads);
    const { version, kernel } = await peer.#reply();
    Object.assign(peer, { version, kernel });
    peer.#signal("SIGSTOP");
    return peer;
  }

  async prepare(task: Task, operands: Readonly<Record<string, Operand>>): Promise<void> {
    const files: Record<string, readonly [string, number, number]> = {};
    for (const [name, { shape, data }] of Object.entries(operands)) {
      const path = join(this.#folder, `${name}.f32`);
      writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      files[name] = [path, ...shape];
    }
    await this.#ask({ do: "prepare", ...task, files });
  }

  /** Milliseconds of one call, as the mean of so many. */
  async run(inner: number): Promise<number> {
    return (await this.#ask({ do: "run", inner }))["ms"] as number;
  }

  async measure(): Promise<{ resid: number; orth: number | undefined }> {
    const { resid, orth } = await this.#ask({ do: "measure" });
    return { resid: resid as number, orth: (orth ?? undefined) as number | undefined };
  }

  async #ask(request: object): Promise<Record<string, unknown>> {
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
    if (done) throw new Error("the peer ended early; its own message stands above");
    return JSON.parse(value) as Record<string, unknown>;
  }

  [Symbol.dispose](): void {
    this.#signal("SIGKILL");
  }
}
