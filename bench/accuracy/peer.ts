// scipy.linalg in float32 beside this library, and NumPy in float64 for the figures of large matrices: peer.py, asked.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Numbers } from "../../tests/metrics.ts";
import { build, type Operand, store } from "../files.ts";
import type { Program } from "../program.ts";
import { startPython } from "../python.ts";
import type { Algebra, Expr, Named, Norms } from "./algebra.ts";

const script = fileURLToPath(new URL("./peer.py", import.meta.url));

/** JSON has null for what is not finite. */
const number = (value: number | null): number => value ?? NaN;

function operands(names: Named, prefix: string): Record<string, Operand> {
  return Object.fromEntries(
    Object.entries(names).map(([name, { shape, data }]) => [
      prefix + name,
      { shape: shape as [number, number], data: data instanceof Float32Array ? data : Float32Array.from(data) },
    ]),
  );
}

export class Scipy implements Disposable {
  readonly #program: Program;
  readonly version: string;

  private constructor(program: Program) {
    this.#program = program;
    this.version = program.first["version"] as string;
  }

  static async start(threads: number): Promise<Scipy> {
    return new Scipy(await startPython(script, threads));
  }

  async prepare(op: string, given: Named): Promise<void> {
    await this.#program.ask({ do: "prepare", op, files: store(operands(given, "")) });
  }

  /** Milliseconds of one call, as the mean of so many, and the shapes of what came out; or why nothing did. */
  async compute(inner = 1): Promise<{ ms: number; shapes: Record<string, number[]> } | { error: string }> {
    return await this.#program.ask({ do: "compute", inner }) as { ms: number; shapes: Record<string, number[]> };
  }

  /** What it computed. */
  async fetch(shapes: Readonly<Record<string, number[]>>): Promise<Named> {
    const found: Record<string, Numbers> = {}, path = join(build, "bench", "found.f32");
    for (const [name, shape] of Object.entries(shapes)) {
      await this.#program.ask({ do: "fetch", name, path });
      const bytes = readFileSync(path);
      found[name] = { shape, data: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) };
    }
    return found;
  }

  /** Takes results of this library, to measure them. */
  async give(found: Named): Promise<void> {
    const files = Object.entries(store(operands(found, "ours.")));
    await this.#program.ask({
      do: "give",
      files: Object.fromEntries(files.map(([name, file]) => [name.slice("ours.".length), file])),
    });
  }

  /** Float64 over the operands and one side's results. */
  algebra(whose: "ours" | "theirs"): Algebra {
    const ask = async (figure: string, e: Expr): Promise<unknown> =>
      (await this.#program.ask({ do: "measure", whose, figure, e }))["value"];
    const values = async (figure: string, e: Expr): Promise<number[]> =>
      (await ask(figure, e) as (number | null)[]).map(number);
    return {
      norms: async (e) => {
        const { fro, max, columns, sums } = await ask("norms", e) as Norms;
        return { fro: number(fro), max: number(max), columns: columns.map(number), sums: sums.map(number) };
      },
      two: async (e) => number(await ask("two", e) as number | null),
      singular: (e) => values("singular", e),
      eigen: (e) => values("eigen", e),
    };
  }

  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
  }
}
