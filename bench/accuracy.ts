// Prints for each operation the worst case over the torture set in units of its contract's bound, beside LAPACK's own
// test ratio for the same result and scipy.linalg in float32 on the same matrix. Ends with 1 where a bound is broken.
import process from "node:process";
import { Matrix } from "../src/index.ts";
import type { Sample } from "../tests/matrices.ts";
import type { Figure } from "../tests/metrics.ts";
import { agree, Local, type Named, trial } from "./accuracy/algebra.ts";
import type { Question } from "./accuracy/formulas.ts";
import { type Operation, operations, plain } from "./accuracy/operations.ts";
import { Scipy } from "./accuracy/peer.ts";
import { lay, short, Worst } from "./accuracy/table.ts";
import { times } from "./accuracy/times.ts";
import { commandLine, refuse } from "./options.ts";
import { NoPythonError } from "./python.ts";

/** One operation on one matrix. */
interface Job {
  readonly op: Operation;
  readonly name: string;
  readonly large: boolean;
  readonly make: () => Sample;
}

interface Row {
  readonly ours: Worst;
  readonly lapack: Worst;
  readonly theirs: Worst;
  /** Where LAPACK's ratio goes beyond its threshold, and what it is for scipy's result there. */
  readonly beyond: string[];
}

const made = new Map<string, Sample>();

/** Large matrices take as long to make as to factor, and several operations want them: they are kept. */
function keep(name: string, make: () => Sample): Sample {
  let sample = made.get(name);
  if (!sample) made.set(name, sample = make());
  return sample;
}

function jobs(wanted: readonly Operation[], quick: boolean): Job[] {
  return wanted.flatMap((op) => [
    ...op.small().map(({ name, make }) => ({ op, name, large: false, make })),
    ...(quick ? [] : op.large().map(({ name, make }) => ({ op, name, large: true, make: () => keep(name, make) }))),
  ]);
}

/** The result of this library. */
function compute(op: Operation, given: Named): Named {
  const operands: Record<string, Matrix> = {};
  for (const [name, { shape, data }] of Object.entries(given)) {
    operands[name] = Matrix.from({ data: data as Float32Array, shape });
  }
  const result = op.run(operands, given), found = plain(result);
  for (const x of [...Object.values(operands), ...Object.values(result)]) if (x instanceof Matrix) x[Symbol.dispose]();
  return found;
}

/** What scipy promises too: accuracy, not this library's signs and zeros. */
const shared = (figures: readonly Figure[]): Figure[] =>
  figures.filter(({ contract, bound }) => bound > 0 && !/told and true/.test(contract));

/** Measures one result, and scipy's beside it; the worst figure of this library in units of its bound. */
async function measure(job: Job, row: Row, scipy: Scipy | undefined): Promise<number> {
  const { op, name, large } = job, a = job.make(), given: Named = { a, ...op.beside?.(a) };
  const found = compute(op, given);
  await scipy?.prepare(op.scipy, given);
  if (large) await scipy!.give(found);
  const algebra = large ? scipy!.algebra("ours") : new Local({ ...given, ...found });
  const figures = large ? await op.formula({ given, found, algebra }) : op.judge(given, found, name);
  const most = row.ours.take(figures, name);
  const ratio = op.lapack ? row.lapack.take(await op.lapack({ given, found, algebra }), name) : 0;
  const other = scipy ? await compare(job, given, row, scipy) : undefined;
  if (ratio > 1) {
    const its = other ? new Worst().take(await op.lapack!(other), "") : NaN;
    row.beyond.push(`${op.name}: ${short(ratio)} of its threshold on ${name}, where scipy's is ${short(its)}`);
  }
  return most;
}

/** Measures scipy's result for the same matrix, where it has one. */
async function compare(job: Job, given: Named, row: Row, scipy: Scipy): Promise<Question | undefined> {
  const { op, name, large } = job, answer = await scipy.compute();
  if ("error" in answer) {
    row.theirs.miss();
    return undefined;
  }
  const question = { given, found: await scipy.fetch(answer.shapes), algebra: scipy.algebra("theirs") };
  row.theirs.take(shared(large ? await op.formula(question) : op.judge(given, question.found, name)), name);
  return question;
}

const terminal = process.stderr.isTTY;

function progress(text: string): void {
  if (terminal) process.stderr.write(`\r\x1b[K${text.slice(0, 100)}`);
}

/** Where a worst case is: which figure, of which matrix. */
const place = (worst: Worst): string => worst.count === 0 ? "" : `${worst.figure}: ${worst.where}`;

function print(rows: ReadonlyMap<Operation, Row>, scipy: Scipy | undefined, why: string): void {
  const beside = scipy ? `${scipy.version}, float32` : "scipy.linalg";
  const headings = ["operation", "matrices", "of bound", "worst case", "LAPACK", "of", beside, "worst case"];
  const lines = [...rows].map(([op, { ours, lapack, theirs }]) => {
    const threshold = op.lapack && lapack.count > 0 ? lapack.bound : undefined;
    const missing = theirs.missing > 0 ? ` (no result for ${theirs.missing})` : "";
    return [
      op.name,
      String(ours.count),
      short(ours.ratio),
      place(ours),
      threshold === undefined ? "-" : short(lapack.ratio * threshold),
      threshold === undefined ? "" : String(threshold),
      scipy ? short(theirs.ratio) : why,
      scipy ? place(theirs) + missing : "",
    ];
  });
  console.log(lay(headings, lines, new Set([1, 2, 4, 5, 6])));
  for (const line of [...rows.values()].flatMap(({ beyond }) => beyond)) console.log(`LAPACK's ratio for ${line}`);
}

/** The peer, after its float64 was held against the tests' own. One thread: those of a BLAS wait for each other by
 * spinning, which on a busy machine takes forever. */
async function start(): Promise<{ scipy?: Scipy; why: string }> {
  let scipy: Scipy | undefined;
  try {
    scipy = await Scipy.start(1);
    await scipy.prepare("qr", trial);
    await agree(new Local(trial), scipy.algebra("ours"));
    return { scipy, why: "" };
  } catch (error) {
    scipy?.[Symbol.dispose]();
    if (!(error instanceof NoPythonError)) throw error;
    console.error(`accuracy: ${error.message}`);
    return { why: "no Python" };
  }
}

async function survey(wanted: readonly Operation[], quick: boolean): Promise<number> {
  const begin = performance.now(), { scipy, why } = await start();
  using _end = scipy;
  if (!quick && !scipy) console.log("Large matrices are measured by NumPy, which is not here: small ones only.\n");
  const rows = new Map<Operation, Row>(
    wanted.map((op) => [op, { ours: new Worst(), lapack: new Worst(), theirs: new Worst(), beyond: [] }]),
  );
  const broken: string[] = [], list = jobs(wanted, quick || !scipy);
  for (const [at, job] of list.entries()) {
    progress(`${at + 1} of ${list.length}: ${job.op.name}, ${job.name}`);
    const most = await measure(job, rows.get(job.op)!, scipy).catch((error: Error) => {
      broken.push(`${job.op.name}, ${job.name}: ${error.message}`);
      return 0;
    });
    if (most > 1) broken.push(`${job.op.name}, ${job.name}: ${short(most)} of its bound`);
  }
  progress("");
  print(rows, scipy, why);
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  console.log(
    `\n${list.length} results in ${seconds} s. A contract holds where the worst case is at most 1 of its bound.`,
  );
  for (const line of broken) console.log(`BROKEN: ${line}`);
  return broken.length === 0 ? 0 : 1;
}

const { values, positionals } = commandLine("npm run accuracy -- [options] [PART of an operation's name ...]", {
  quick: { type: "boolean", text: "small matrices only" },
  times: { type: "boolean", text: "instead, times beside scipy's at three sizes" },
});
const wanted = operations.filter(({ name }) => positionals.length === 0 || positionals.some((p) => name.includes(p)));
if (wanted.length === 0) {
  refuse(`there is no operation ${positionals.join(", ")}; there are ${operations.map((op) => op.name).join("; ")}`, 2);
}
process.exitCode = await (values.times ? times(wanted, progress) : survey(wanted, values.quick ?? false));
