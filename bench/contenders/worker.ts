// Runs one contender in a process of its own: a line of JSON in, a line out. run.ts starts it.
import { writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Params } from "../cases.ts";
import { type Files, load, store } from "../files.ts";
import type { Adapter, Job } from "./adapter.ts";

const contenders: Readonly<Record<string, () => Promise<{ adapter: (threads: number) => Promise<Adapter> }>>> = {
  "tesserae": () => import("./tesserae.ts"),
  "ml-matrix": () => import("./ml-matrix.ts"),
  "numpy-ts": () => import("./numpy-ts.ts"),
  "jax-js": () => import("./jax-js.ts"),
};

/** What run.ts asks. */
type Request =
  | { readonly do: "prepare"; readonly op: string; readonly params: Params; readonly files: Files }
  | { readonly do: "run"; readonly variant: string; readonly inner: number }
  | { readonly do: "save"; readonly variant: string; readonly folder: string };

const reply = (message: object): void => void writeSync(1, `${JSON.stringify(message)}\n`);

// What a package prints must not mix with the replies.
console.log = console.error;

class Worker {
  readonly #adapter: Adapter;
  #jobs = new Map<string, Job>();

  constructor(adapter: Adapter) {
    this.#adapter = adapter;
  }

  async answer(request: Request): Promise<object> {
    if (request.do === "prepare") return { variants: await this.#prepare(request.op, request.params, request.files) };
    const job = this.#jobs.get(request.variant);
    if (!job) throw new Error(`${request.variant} was not prepared`);
    if (request.do === "save") return { files: store(await job.outputs(), request.folder) };
    const start = performance.now();
    for (let i = 0; i < request.inner; i++) {
      const done = job.run();
      if (done instanceof Promise) await done;
    }
    return { ms: (performance.now() - start) / request.inner };
  }

  async #prepare(op: string, params: Params, files: Files): Promise<string[]> {
    this.#jobs = new Map();
    const ways = this.#adapter.ops[op];
    if (!ways) return [];
    const given = load(files);
    for (const [variant, make] of Object.entries(ways)) {
      const job = await make(given, params);
      if (job) this.#jobs.set(variant, job);
    }
    return [...this.#jobs.keys()];
  }
}

const text = (error: unknown): string => String(error).split("\n")[0]!.slice(0, 200);
const [name = "", threads = "1"] = process.argv.slice(2);
try {
  const adapter = await (await contenders[name]!()).adapter(Number(threads));
  const worker = new Worker(adapter);
  reply({ version: adapter.version, ops: Object.keys(adapter.ops) });
  for await (const line of createInterface({ input: process.stdin })) {
    reply(await worker.answer(JSON.parse(line) as Request).catch((error: unknown) => ({ error: text(error) })));
  }
} catch (error) {
  reply({ error: text(error) });
}
process.exit(0);
