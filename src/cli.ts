#!/usr/bin/env bun
// The program `tesserae`: data on stdout, progress and errors on stderr; exit code 1 when a check fails, 2 for wrong
// usage.
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { TSR_ABI } from "../ffi/symbols.ts";
import type { Tell } from "./demo.ts";
import { surveyEngines } from "./engines.ts";
import { read, type Variable, variables } from "./env.ts";
import { cholesky, info, matmul, Matrix, type Proof, qr, solve, svd } from "./index.ts";
import { defaultDevice } from "./open.ts";
import { type Check, formatReport, makeReport } from "./report.ts";
import { version } from "./version.ts";

class UsageError extends Error {}

type Values = Readonly<Record<string, string | boolean | undefined>>;

interface Command {
  readonly summary: string;
  readonly usage: string;
  readonly options: Readonly<Record<string, { type: "boolean" | "string"; text: string }>>;
  /** Resolves to the exit code. */
  readonly run: (values: Values) => Promise<number>;
}

const json = { type: "boolean", text: "print JSON" } as const;

const commands: Readonly<Record<string, Command>> = {
  info: {
    summary: "what runs here: library, device, threads, dispatch table, self-test",
    usage: "tesserae info [--self-test] [--json]",
    options: {
      "self-test": { type: "boolean", text: "instead, try every operation and print a report to paste into an issue" },
      json,
    },
    run: runInfo,
  },
  demo: {
    summary: "take a photograph apart by SVD, QR and Cholesky, with proofs and pictures",
    usage: "tesserae demo [--out FOLDER] [--json]",
    options: { out: { type: "string", text: "folder for the pictures and the plot (default: out)" }, json },
    run: runDemo,
  },
  tune: {
    summary: "measure engines and methods on this machine, and print rows for TSR_TUNE=@FILE",
    usage: "tesserae tune [--out FILE] [--regret] [--json]",
    options: {
      out: { type: "string", text: "write the rows to this file" },
      regret: { type: "boolean", text: "also compare the choice with the best for 60 products" },
      json,
    },
    run: runTune,
  },
};

// ---- info ----

/** Small problems whose results are known, or measured against their contract. */
const checks: Readonly<Record<string, () => Promise<{ pass: boolean; detail: string }>>> = {
  "matmul 64x64 of whole numbers, exact": async () => {
    using a = Matrix.from(Array.from({ length: 4096 }, (_, i) => i % 7 - 3), [64, 64]);
    const found = (await matmul(a, a, { transB: true })).toArray();
    const rows = a.toArray();
    const wrong =
      rows.flatMap((x, i) => rows.filter((y, j) => found[i]![j] !== x.reduce((s, v, l) => s + v * y[l]!, 0))).length;
    return { pass: wrong === 0, detail: `${wrong} of 4096 entries wrong` };
  },
  "qr 200x50, contract": async () => proven(await qr(random(200, 50), { proof: true })),
  "svd 200x50 k = 5, contract": async () => proven(await svd(random(200, 50), { k: 5, proof: true })),
  "cholesky 50x50, contract": async () => proven(await cholesky(await gram(), { proof: true })),
  "solve 50x50, contract": async () =>
    proven(await solve(await gram(), new Array<number>(50).fill(1), { assume: "positive", proof: true })),
};

const random = (m: number, n: number): Matrix => Matrix.random(m, n, { seed: 1 });

async function gram(): Promise<Matrix> {
  using a = random(200, 50);
  return await matmul(a, a, { transA: true });
}

function proven({ proof }: { proof?: Proof }): { pass: boolean; detail: string } {
  const parts = Object.entries(proof!.figures).map(([name, { value, bound }]) =>
    `${name} ${value.toFixed(1)} ≤ ${bound.toFixed(0)} u`
  );
  return { pass: proof!.holds, detail: parts.join(", ") };
}

async function selfTest(): Promise<Check[]> {
  const results: Check[] = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      results.push({ name, ...await check() });
    } catch (error) {
      results.push({ name, pass: false, detail: error instanceof Error ? error.message : String(error) });
    }
  }
  return results;
}

async function runInfo({ json, "self-test": long }: Values): Promise<number> {
  return long ? await runReport(json === true) : await runFacts(json === true);
}

async function runReport(json: boolean): Promise<number> {
  const report = makeReport(defaultDevice(), await selfTest());
  console.log(json ? JSON.stringify(report, null, 2) : formatReport(report));
  return report.pass ? 0 : 1;
}

async function runFacts(json: boolean): Promise<number> {
  const vendors = surveyEngines(defaultDevice());
  const facts = { version, abi: TSR_ABI, ...info(), vendors };
  const names = Object.keys(variables) as Variable[];
  const environment = Object.fromEntries(
    names.map((name) => [name, read(name)]).filter(([, value]) => value !== undefined),
  );
  const tests = await selfTest();
  const ok = tests.every((t) => t.pass);
  if (json) console.log(JSON.stringify({ ...facts, environment, selfTest: tests }, null, 2));
  else console.log(formatInfo({ ...facts, environment }, tests));
  return ok ? 0 : 1;
}

function formatInfo(facts: Record<string, unknown>, tests: readonly Check[]): string {
  const { table, ...plain } = facts;
  const rows = (table as Record<string, unknown>[]).map(({ key, device, value, why, engine, ...bounds }) => {
    const limits = Object.entries(bounds).map(([size, limit]) => ` ${size} < ${limit}`).join("");
    const where = `${key}${device === "*" ? "" : ` ${device}`}${limits}`;
    return `  ${where.padEnd(24)} ${String(engine ?? value).padEnd(8)} ${why}`;
  });
  return [
    ...Object.entries(plain).map(([name, value]) => `${name.padEnd(14)} ${inWords(value)}`),
    "dispatch       first row that fits",
    ...rows,
    "self-test",
    ...tests.map(({ name, pass, detail }) => `  ${pass ? "PASS" : "FAIL"}  ${name}: ${detail}`),
  ].join("\n");
}

function inWords(value: unknown): string {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value).map(([name, part]) => `${name}=${part}`).join(" ") || "none set";
}

// ---- demo ----

async function runDemo({ out, json }: Values): Promise<number> {
  const { demo, format } = await import("./demo.ts");
  const { tell, stop } = await progress();
  const report = await demo(typeof out === "string" ? out : "out", tell).finally(stop);
  console.log(json ? JSON.stringify({ ...report, ...info() }, null, 2) : format(report, machine()));
  return report.holds ? 0 : 1;
}

function machine(): string {
  const { device, isa, threads } = info();
  const { bun, deno } = process.versions as Record<string, string>;
  return `Device ${device} (${isa}), ${threads} threads, ${bun ? `Bun ${bun}` : `Deno ${deno}`}.`;
}

/** A bar on stderr where that is a terminal. */
async function progress(): Promise<{ tell: Tell; stop: () => void }> {
  if (!process.stderr.isTTY) return { tell: () => {}, stop: () => {} };
  const { SingleBar, Presets } = await import("cli-progress").catch((cause: unknown) => {
    throw new Error("progress on a terminal needs the package cli-progress: npm install cli-progress", { cause });
  });
  const bar = new SingleBar(
    { format: "{bar} {value}/{total} {next}", clearOnComplete: true, stream: process.stderr },
    Presets.shades_classic,
  );
  let done = -1;
  const tell = (next: string, pieces: number) => {
    if (++done === 0) bar.start(pieces, 0, { next });
    else bar.update(done, { next });
  };
  return { tell, stop: () => bar.stop() };
}

// ---- tune ----

async function runTune({ out, json, regret: compare }: Values): Promise<number> {
  const { formatTune, measure, regret } = await import("./measure.ts");
  const device = defaultDevice(),
    tell = (text: string): void => {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
    };
  const measured = measure(device, tell);
  const report = { ...measured, ...(compare && { regret: regret(device, measured.rows, tell) }) };
  tell("");
  if (typeof out === "string") writeFileSync(out, `${JSON.stringify(measured, null, 2)}\n`);
  console.log(json ? JSON.stringify(report, null, 2) : formatTune(report));
  return 0;
}

// ---- usage ----

function help(name?: string): string {
  const command = commands[name ?? ""];
  const options = {
    ...command?.options,
    help: { text: "print this" },
    ...(!command && { version: { text: "print the version" } }),
  };
  return [
    command
      ? `${command.usage}\n\n${command.summary}\n`
      : "tesserae COMMAND [options]: dense float32 linear algebra with proofs\n",
    ...(command ? [] : Object.entries(commands).map(([other, { summary }]) => `  ${other.padEnd(12)} ${summary}`)),
    ...Object.entries(options).map(([option, { text }]) => `  --${option.padEnd(12)} ${text}`),
  ].join("\n");
}

function parse(command: Command, name: string, args: string[]): Values {
  const options = { help: { type: "boolean", short: "h" } as const, ...command.options };
  try {
    return parseArgs({ args, options }).values as Values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${help(name)}`);
  }
}

async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h") {
    console.log(help());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    console.log(version);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new UsageError(`there is no command "${name}"\n\n${help()}`);
  const values = parse(command, name, rest);
  if (!values.help) return await command.run(values);
  console.log(help(name));
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exitCode = code,
  (error: unknown) => {
    const usage = error instanceof UsageError;
    process.stderr.write(`tesserae: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = usage ? 2 : 1;
  },
);
