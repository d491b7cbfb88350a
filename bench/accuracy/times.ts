// The time of each operation at three sizes beside scipy.linalg in float32: turns of either one after the other on one
// thread each, and the worst figure of both in units of the contract's bound.
import { info, Matrix, open } from "../../src/index.ts";
import type { Named } from "./algebra.ts";
import { type Operation, ordinary, plain } from "./operations.ts";
import { Scipy } from "./peer.ts";
import { lay, short, Worst } from "./table.ts";

const SIZES = [64, 256, 1024];
/** A turn repeats short calls to last TURN_MS; so many turns, or fewer when they have taken so long. */
const [TURNS, TURN_MS, TURNS_MS] = [7, 40, 6000];

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Milliseconds of one call, as the mean of so many. */
function turn(op: Operation, operands: Record<string, Matrix>, given: Named, inner: number): number {
  const start = performance.now();
  for (let i = 0; i < inner; i++) {
    for (const x of Object.values(op.run(operands, given))) if (x instanceof Matrix) x[Symbol.dispose]();
  }
  return (performance.now() - start) / inner;
}

async function theirTurn(scipy: Scipy, inner: number): Promise<number> {
  const answer = await scipy.compute(inner);
  if ("error" in answer) throw new Error(`scipy gave no result: ${answer.error}`);
  return answer.ms;
}

const repeats = (ms: number): number => Math.max(1, Math.round(TURN_MS / ms));

/** Cells of one line, and whether the contract holds. */
async function line(op: Operation, n: number, scipy: Scipy): Promise<{ cells: string[]; holds: boolean }> {
  using device = open({ threads: 1 });
  const a = ordinary(op, n), given: Named = { a, ...op.beside?.(a) };
  const operands = Object.fromEntries(
    Object.entries(given).map((
      [name, { shape, data }],
    ) => [name, Matrix.from(data as Float32Array, [shape[0]!, shape[1]!], { device })]),
  );
  await scipy.prepare(op.scipy, given);
  const found = plain(op.run(operands, given));
  await scipy.give(found);
  const [ours, theirs]: [number[], number[]] = [[], []];
  const inner = repeats(turn(op, operands, given, 1));
  await theirTurn(scipy, 1);
  const theirInner = repeats(await theirTurn(scipy, 1)), start = performance.now();
  while (ours.length < 3 || (ours.length < TURNS && performance.now() - start < TURNS_MS)) {
    ours.push(turn(op, operands, given, inner));
    theirs.push(await theirTurn(scipy, theirInner));
  }
  const answer = await scipy.compute();
  const other = "error" in answer ? {} : await scipy.fetch(answer.shapes);
  const worst = [new Worst(), new Worst()] as const;
  worst[0].take(await op.formula({ given, found, algebra: scipy.algebra("ours") }), "");
  const figures = await op.formula({ given, found: other, algebra: scipy.algebra("theirs") });
  worst[1].take(figures.filter(({ bound }) => bound > 0), "");
  const [mine, its] = [median(ours), median(theirs)];
  return {
    cells: [op.name, a.shape.join("x"), mine.toFixed(3), its.toFixed(3), (mine / its).toFixed(2)]
      .concat(worst.map(({ ratio }) => short(ratio)), worst[0].figure),
    holds: worst[0].ratio <= 1,
  };
}

/** Prints the table of times; 1 where a contract does not hold, or there is nothing to compare with. */
export async function times(wanted: readonly Operation[], progress: (text: string) => void): Promise<number> {
  if (info()["emulated"]) throw new Error("the device is emulated: its times mean nothing");
  using scipy = await Scipy.start(1);
  const lines: string[][] = [];
  let broken = 0;
  for (const op of wanted) {
    for (const n of SIZES) {
      progress(`${op.name}, ${n}`);
      const { cells, holds } = await line(op, n, scipy);
      lines.push(cells);
      if (!holds) broken++;
    }
  }
  progress("");
  const headings = ["operation", "shape", "ms", `${scipy.version}, ms`, "times", "of bound", "scipy's", "worst figure"];
  console.log(lay(headings, lines, new Set([2, 3, 4, 5, 6])));
  console.log(`\nOne thread each, medians of interleaved turns. ${broken} of ${lines.length} break their bounds.`);
  return broken === 0 ? 0 : 1;
}
