// A program in a process of its own that answers each line of JSON with one, and stands still in between, so that its
// spinning threads disturb nobody.
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";

export type Reply = Readonly<Record<string, unknown>>;

/** It did not answer in time, and was ended. */
export class TimeoutError extends Error {}

/** What a shell says to OpenBLAS, MKL and OpenMP is not handed on: a peer is measured as it chooses for itself. */
const FOREIGN = /^(OPENBLAS|GOTO|MKL|OMP|KMP)_/;
const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));

export class Program implements Disposable {
  readonly #child: ChildProcess;
  readonly #replies: AsyncIterator<string>;
  readonly #failed = Promise.withResolvers<never>();
  #first: Reply = {};
  #ended = false;

  private constructor([command, ...args]: readonly string[], environment: Readonly<Record<string, string>>) {
    const env = { ...inherited, ...environment };
    this.#child = spawn(command!, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    this.#failed.promise.catch(() => {}); // it is told where a reply is waited for
    this.#child.on("error", (error) => {
      this.#ended = true;
      this.#failed.reject(new Error(`${command} could not be started: ${error.message}`));
    });
    this.#replies = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  static async start(command: readonly string[], environment: Readonly<Record<string, string>>): Promise<Program> {
    const program = new Program(command, environment);
    program.#first = await program.#reply(Infinity);
    program.#signal("SIGSTOP");
    return program;
  }

  /** What it said of itself at its start. */
  get first(): Reply {
    return this.#first;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Its answer; a TimeoutError, and its end, when that takes longer. */
  async ask(request: object, limitMs: number = Infinity): Promise<Reply> {
    this.#signal("SIGCONT");
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    const reply = await this.#reply(limitMs);
    this.#signal("SIGSTOP");
    return reply;
  }

  #signal(name: NodeJS.Signals): void {
    if (!this.#ended) process.kill(this.#child.pid!, name);
  }

  async #reply(limitMs: number): Promise<Reply> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = limitMs === Infinity ? undefined : setTimeout(() => resolve(undefined), limitMs);
    const answer = await Promise.race([this.#replies.next(), promise, this.#failed.promise]);
    clearTimeout(timer);
    if (answer === undefined) {
      this[Symbol.dispose]();
      throw new TimeoutError(`no answer in ${limitMs / 1000} s`);
    }
    if (!answer.done) return JSON.parse(answer.value) as Reply;
    this.#ended = true;
    const { signalCode, exitCode, spawnfile } = this.#child;
    throw new Error(`${spawnfile} ended early, with ${signalCode ?? exitCode}; its own message stands above, if any`);
  }

  [Symbol.dispose](): void {
    this.#signal("SIGKILL");
    this.#ended = true;
  }
}
