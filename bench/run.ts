// The bench: every case beside the peers, each time beside its residual; time and memory against size; the change since
// the stored baseline of this machine; tables and plots in out/bench.
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { info } from "../src/index.ts";
import { lay } from "./accuracy/table.ts";
import { compare, formatComparison, marksOf, readBaseline, saveBaseline } from "./baseline.ts";
import { allCases, type Case } from "./cases.ts";
import { type Contender, javascript, native, OURS, startAll } from "./contenders.ts";
import { type Limits, measureLimits } from "./limits.ts";
import { machineKey } from "./machine.ts";
import { commandLine, refuse } from "./options.ts";
import { drawMemory, drawRatios, drawTimes } from "./plots.ts";
import {
  grow,
  type Grown,
  type Growth,
  growths,
  scaleCells,
  scaleHeadings,
  scaleNumeric,
  type ScaleRow,
} from "./scale/rows.ts";
import { cells, headings, numeric, remarks, type Standing, standing } from "./standing.ts";
import { Foresight, type Outcome, race } from "./turns.ts";

const out = fileURLToPath(new URL("../out/bench", import.meta.url));
/** After so long the JavaScript peers, most of which are slow, are asked no more, so that the rest has its time. */
const SCRIPTS_MS = 3 * 60_000;
/** With --quick, cases with fewer operations only. */
const QUICK_FLOPS = 1e9;

const { values, positionals } = commandLine("npm run bench -- [options] [PART of a case's name ...]", {
  only: { type: "string", multiple: true, value: "PART", text: "cases whose name has this part; several: any of them" },
  quick: { type: "boolean", text: "small cases, few turns" },
  save: { type: "boolean", text: "store the times as this machine's baseline in bench/baselines" },
  threads: { type: "string", value: "N", text: "threads of every contender (default: ours)" },
  json: { type: "boolean", text: "print a line of JSON for each time" },
  peer: { type: "boolean", text: "without the JavaScript peers" },
  alone: { type: "boolean", text: "without any peer" },
  awaited: { type: "boolean", text: "promises of this library instead of its blocking calls" },
  deno: { type: "boolean", text: "this library under Deno" },
  torch: { type: "string", value: "PYTHON", text: "a Python that has PyTorch, which then is a peer" },
});

const facts = info(), begun = performance.now();
const threads = Number(values.threads ?? facts["threads"]);
const chain = facts["chain"] as number;
const quick = values.quick ?? false;
const parts = [...values.only ?? [], ...positionals];
const wanted = (name: string): boolean => parts.length === 0 || parts.some((part) => name.includes(part));

if (facts["emulated"]) {
  refuse(`device ${facts["device"]} is emulated: its times mean nothing, so there is no bench on it`, 1);
}
if (!(Number.isInteger(threads) && threads > 0)) refuse(`--threads ${values.threads}: a number from 1 on`, 2);

function tell(name: string): void {
  const text = `${((performance.now() - begun) / 1000).toFixed(0).padStart(4)} s  ${name}`;
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
}

const late = ({ name }: Contender): boolean => javascript.includes(name) && performance.now() - begun > SCRIPTS_MS;

/** One line of --json for each contender of a case. */
function json(outcome: Outcome): void {
  for (const { figures, ...timed } of outcome.timed) {
    console.log(JSON.stringify({ case: outcome.case.name, op: outcome.case.op, threads, ...timed, ...figures }));
  }
  for (const missed of outcome.missed) console.log(JSON.stringify({ case: outcome.case.name, threads, ...missed }));
}

/** All figures so far, for programs. */
function keep(outcomes: readonly Outcome[], scale: readonly ScaleRow[]): void {
  writeFileSync(join(out, "results.json"), `${JSON.stringify({ key, limits, outcomes, scale }, undefined, 1)}\n`);
}

async function measure(cases: readonly Case[]): Promise<{ outcomes: Outcome[]; told: string[] }> {
  if (cases.length === 0) return { outcomes: [], told: [] };
  const peers = values.alone ? [] : [...native, ...values.peer ? [] : javascript];
  const settings = { threads, deno: values.deno ?? false, ...(values.torch && { torch: values.torch }) };
  const started = await startAll([OURS, ...peers], settings), { absent } = started;
  let { contenders } = started;
  const told = [
    ...contenders.map(({ name, version }) => name === version ? name : `${name}: ${version}`),
    ...Object.entries(absent).map(([name, why]) => `${name} is absent: ${why}`),
  ];
  const foresight = new Foresight(), outcomes: Outcome[] = [];
  try {
    for (const c of cases) {
      tell(c.name);
      if (contenders.some(late)) {
        told.push(`JavaScript peers from ${c.name} on: not tried, ${SCRIPTS_MS / 60_000} minutes had passed`);
        for (const contender of contenders.filter(late)) contender[Symbol.dispose]();
        contenders = contenders.filter((contender) => !late(contender));
      }
      const outcome = await race(values.awaited ? { ...c, awaited: true } : c, contenders, { chain, quick }, foresight);
      if (values.json) json(outcome);
      outcomes.push(outcome);
      keep(outcomes, []); // an interrupted run leaves what it has
    }
  } finally {
    for (const contender of contenders) contender[Symbol.dispose]();
  }
  return { outcomes, told };
}

/** The table without its empty columns. */
function filled(names: readonly string[], rows: readonly string[][], right: ReadonlySet<number>): string {
  const kept = names.map((_, j) => j).filter((j) => rows.some((row) => row[j] !== ""));
  const pick = (row: readonly string[]): string[] => kept.map((j) => row[j]!);
  return lay(pick(names), rows.map(pick), new Set(kept.flatMap((j, at) => (right.has(j) ? [at] : []))));
}

const geometric = (ratios: readonly number[]): string =>
  Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length).toFixed(2);

function summary(standings: readonly Standing[], all: readonly Growth[]): string[] {
  const ratios = standings.flatMap(({ ratio }) => ratio ?? []), losses = standings.filter(({ loss }) => loss);
  const breaches = all.flatMap((growth) => growth.breaches.map(({ name }) => `${name}: memory`));
  return [
    ...(ratios.length > 0
      ? [
        `${ratios.length} cases beside the fastest peer: ratio ${geometric(ratios)} in the geometric mean, ` +
        `${Math.min(...ratios).toFixed(2)} at worst; faster in ${ratios.filter((r) => r > 1).length}`,
      ]
      : []),
    `losses: ${[...losses.map(({ case: c }) => c.name), ...breaches].join("; ") || "none"}`,
  ];
}

function report(outcomes: readonly Outcome[], told: readonly string[], { rows, failed }: Grown): string {
  const standings = outcomes.map(stand), all = growths(rows);
  const load = `load ${loadavg()[0]!.toFixed(2)}`;
  const table = standings.length === 0 ? [] : [
    filled(headings, standings.map(cells), numeric),
    "",
    "ms: median of turns, ~: most of them disturbed; way: the fastest of the peers in native code; ratio: its time",
    "over ours, the median over turns next to each other; reached: the least time that the arithmetic, or reading the",
    "operands once, can take here, over ours",
    "",
    ...standings.flatMap((s, i) => remarks(s, outcomes[i]!.timed)),
  ];
  const scale = rows.length === 0 ? [] : ["", filled(scaleHeadings, all.map(scaleCells), scaleNumeric)];
  const marks = marksOf(standings, rows), stored = readBaseline(key);
  return [
    `${key}, ${load}`,
    ...told,
    ...(limits
      ? [`limits, measured: ${limits.gflops.toFixed(0)} GFLOP/s of multiply-adds, ${limits.gbs.toFixed(1)} GB/s read`]
      : []),
    "",
    ...table,
    ...scale,
    ...failed.map((line) => `FAIL ${line}`),
    "",
    ...summary(standings, all),
    ...(stored
      ? ["", formatComparison(compare(marks, stored))]
      : [`no baseline of ${key} yet: --save stores this run`]),
    ...(values.save ? [`stored in ${saveBaseline(key, marks)}`] : []),
  ].join("\n");
}

async function draw(standings: readonly Standing[], all: readonly Growth[]): Promise<string[]> {
  const plots = {
    ...(standings.some(({ ratio }) => ratio !== undefined) && { "ratios.svg": drawRatios(standings) }),
    ...(all.length > 0 && { "time.svg": drawTimes(all), "memory.svg": drawMemory(all) }),
  };
  const files: string[] = [];
  for (const [name, svg] of Object.entries(plots)) {
    writeFileSync(join(out, name), await svg);
    files.push(join(out, name));
  }
  return files;
}

const cases = allCases(threads).filter(({ name, flops }) => wanted(name) && !(quick && flops > QUICK_FLOPS));
const key = machineKey(String(facts["isa"] ?? facts["device"]), Number(facts["cores"]), threads);
mkdirSync(out, { recursive: true });
const limits: Limits | undefined = cases.length > 0 ? await measureLimits(threads) : undefined;
const stand = (outcome: Outcome): Standing => standing(outcome, limits);
const { outcomes, told } = await measure(cases);
const grown = grow(wanted, threads, quick, tell);
if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
if (outcomes.length === 0 && grown.rows.length === 0 && grown.failed.length === 0) {
  refuse(
    `no case is called ${parts.join(" or ")}; there are ${allCases(threads).map(({ name }) => name).join("; ")}`,
    2,
  );
}
const text = report(outcomes, told, grown);
writeFileSync(join(out, "report.txt"), `${text}\n`);
keep(outcomes, grown.rows);
const plots = await draw(outcomes.map(stand), growths(grown.rows));
if (values.json) { for (const row of grown.rows) console.log(JSON.stringify({ threads, ...row })); }
else console.log(text);
const seconds = ((performance.now() - begun) / 1000).toFixed(0);
console.error(`${seconds} s; written: ${[join(out, "report.txt"), join(out, "results.json"), ...plots].join(", ")}`);
const broken = outcomes.map(stand).some(({ holds }) => !holds) || grown.failed.length > 0;
process.exit(broken ? 1 : 0);
