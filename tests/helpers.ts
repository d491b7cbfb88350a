// What the test files share: a check over a list, comparing bits, placing operands, answers from elsewhere, child
// programs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Matrix } from "../src/index.ts";
import type { Case } from "./cases.ts";
import { fill, Random, type Sample, sample } from "./matrices.ts";
import { type Dense, type Numbers, transpose, wide } from "./metrics.ts";
import { bun, deno, run, runtime } from "./programs.ts";

/** Checks every item and reports all that fail, each by its name. */
export async function every<T>(
  items: readonly T[],
  name: (item: T) => string,
  check: (item: T, at: number) => Promise<void> | void,
): Promise<void> {
  const failures: string[] = [];
  for (const [at, item] of items.entries()) {
    try {
      await check(item, at);
    } catch (error) {
      failures.push(`${name(item)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  assert.ok(items.length > 0, "there is nothing to check");
  assert.equal(
    failures.length,
    0,
    `${failures.length} of ${items.length} failed\n  ${failures.slice(0, 20).join("\n  ")}`,
  );
}

function bitsOf(a: Float32Array): Uint32Array {
  return new Uint32Array(a.buffer, a.byteOffset, a.length);
}

/** Fails at the first element whose bits differ. */
export function sameBits(a: Float32Array, b: Float32Array, what: string): void {
  assert.equal(a.length, b.length, `${what}: lengths differ`);
  const [x, y] = [bitsOf(a), bitsOf(b)];
  const at = x.findIndex((word, i) => word !== y[i]);
  assert.equal(at, -1, `${what}: element ${at} is ${a[at]} and ${b[at]}`);
}

/** The numbers of a matrix, whatever view it is. */
export function numbers(a: Matrix): Numbers & { readonly data: Float32Array } {
  const [m, n] = a.shape;
  return { shape: [m, n], data: a.readBlock(0, m, 0, n) };
}

/** An operand inside a larger matrix of NaN: odd offsets, ld > n, and, with turned, stored transposed. */
export interface Placed {
  readonly whole: Matrix;
  readonly view: Matrix;
}

const BEFORE = 3;
const AFTER = 2;

export function placeInside(sample: Sample, turned = false): Placed {
  const [m, n] = sample.shape, more = BEFORE + AFTER;
  const [rows, cols] = turned ? [n, m] : [m, n];
  const all = new Float32Array((rows + more) * (cols + more)).fill(NaN);
  const whole = Matrix.from(all, [rows + more, cols + more]);
  const inner = whole.sub(BEFORE, BEFORE + rows, BEFORE, BEFORE + cols);
  const view = turned ? inner.T : inner;
  view.writeBlock(0, 0, sample);
  return { whole, view };
}

/** Fails unless all that surrounds the view is still NaN. */
export function intact(placed: Placed, what: string): void {
  const [m, n] = placed.whole.shape, all = numbers(placed.whole).data;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const inside = i >= BEFORE && i < m - AFTER && j >= BEFORE && j < n - AFTER;
      assert.ok(
        inside || Number.isNaN(all[i * n + j]),
        `${what}: wrote outside its view, at row ${i - BEFORE}, column ${j - BEFORE}`,
      );
    }
  }
}

/** Answers that came from elsewhere. */
export function reference(): Reference {
  const [answers, script] = ["fixtures/reference.json", "fixtures/make.py"];
  try {
    return JSON.parse(readFileSync(new URL(answers, import.meta.url), "utf8")) as Reference;
  } catch (cause) {
    throw new Error(`tests/${answers} cannot be read; tests/${script} writes it`, { cause });
  }
}

type Rows = readonly (readonly number[])[];
interface Reference {
  matmul: { a: Rows; b: Rows; c: Rows; ab: Rows; combined: Rows; ax: readonly number[] };
  tall: { a: Rows; q: Rows; r: Rows; cond: number };
  square: { a: Rows; q: Rows; r: Rows; cond: number };
  wide: { a: Rows; q: Rows; r: Rows; cond: number };
  svd: { a: Rows; u: Rows; s: readonly number[]; vt: Rows; gap: number };
  hilbert: { n: number; s: readonly number[] };
  cholesky: { a: Rows; l: Rows; cond: number };
  solve: { a: Rows; b: Rows; x: Rows; cond: number };
  triangular: { t: Rows; b: Rows; answers: Readonly<Record<string, { x: Rows; cond: number }>> };
}

/** Nested rows as numbers with a shape. */
export function table(rows: Rows): Numbers {
  return { shape: [rows.length, rows[0]?.length ?? 0], data: rows.flat() };
}

/** Runs a file beside the tests in a process of its own and returns what it printed on its last line, as JSON. */
export async function child<T>(file: string, args: readonly string[] = [], kind: "bun" | "deno" = runtime): Promise<T> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const [program, flags] = kind === "deno"
    ? [deno, ["run", "-A", "--no-check", "--v8-flags=--expose-gc"]]
    : [bun, ["--expose-gc"]];
  const { code, out, errors } = await run(program, [...flags, path, ...args]);
  assert.equal(code, 0, `${file} ${args.join(" ")} ended with ${code}\n${out}\n${errors}`);
  return JSON.parse(out.trim().split("\n").at(-1)!) as T;
}

/** Operands of a product as a call takes them, its options, and what they mean; at seeds the numbers. */
export function operandsOf(c: Case, at: number): {
  readonly a: Sample;
  readonly b: Sample;
  readonly options: { readonly transA: boolean; readonly transB: boolean; readonly alpha: number };
  readonly meant: { readonly A: Dense; readonly B: Dense; readonly alpha: number };
} {
  const random = new Random(at), next = c.input === "constant" ? () => 0.1 : () => 2 * random.uniform() - 1;
  const a = sample("", c.transA ? fill(c.k, c.m, next) : fill(c.m, c.k, next));
  const b = sample("", c.transB ? fill(c.n, c.k, next) : fill(c.k, c.n, next));
  const { transA, transB, alpha } = c, turn = (x: Sample, yes: boolean) => (yes ? transpose(wide(x)) : wide(x));
  return { a, b, options: { transA, transB, alpha }, meant: { A: turn(a, transA), B: turn(b, transB), alpha } };
}
