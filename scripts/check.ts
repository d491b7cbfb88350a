// The gate behind `npm test`: stale code, types, lint, then one suite under Bun and under Deno, a process for each
// file, and the same again on emulated Metal. `npm test -- qr` runs only the test files whose name contains "qr",
// without the static checks; with `--emulated` too they run on emulated Metal alone, in all circumstances.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { missing, PACKAGES } from "../tests/metal-emulator/fake/build.ts";
import { builds, parts, reasons } from "./emulated.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const reports = join(root, "build/reports");
const folders = ["src", "ffi", "tests", "bench", "scripts"];
/** `npm run verify` takes all of what the gate takes a part of. */
const patience = process.env["TSR_WHOLE"] === "1" ? 3 : 1;
const TEST_MS = 300_000 * patience;
const STEP_MS = 600_000 * patience;

interface Outcome {
  ok: boolean;
  why: string;
  output: string;
  seconds: number;
}

/** What a test file did, as its runtime's JUnit report tells. */
interface Counts {
  passed: number;
  failed: number;
  skipped: string[];
}

const statics: readonly (readonly string[])[] = [
  ["bun", "scripts/abi.ts", "--check"],
  ["tsc"],
  ["deno", "check", "--quiet", ...folders],
  ["deno", "lint", "--quiet"],
];

const runtimes: Readonly<Record<string, (file: string, report: string) => string[]>> = {
  Bun: (file, report) => [
    ...["bun", "test", `--timeout=${TEST_MS}`, "--only-failures", "--reporter=junit", `--reporter-outfile=${report}`],
    `./${file}`,
  ],
  Deno: (file, report) => ["deno", "test", "-A", "--no-check", "--reporter=dot", `--junit-path=${report}`, file],
};

/** A set of test files under one runtime, in one environment. */
interface Suite {
  readonly name: string;
  readonly runtime: string;
  readonly files: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The heads of the process groups at work. */
const working = new Set<number>();

/** Ends a command with all that it started. */
function end(head: number): void {
  try {
    if (working.delete(head)) process.kill(-head, "SIGKILL");
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}

/** Runs a command to its end, with its output kept. */
function execute(command: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const start = performance.now();
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const child = spawn(command[0]!, command.slice(1), {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env: { ...process.env, NO_COLOR: "1", ...more },
  });
  const head = child.pid;
  if (head !== undefined) working.add(head);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    if (head !== undefined) end(head);
  }, STEP_MS);
  const settle = (ok: boolean, why: string) => {
    clearTimeout(timer);
    if (head !== undefined) working.delete(head);
    resolve({
      ok,
      why,
      output: Buffer.concat(chunks).toString().trimEnd(),
      seconds: (performance.now() - start) / 1000,
    });
  };
  child.on("error", (error) => settle(false, `could not be started: ${error.message}`));
  child.on("close", (code, signal) => {
    if (late) settle(false, `did not end within ${STEP_MS / 1000} s`);
    else settle(code === 0, signal === null ? `exit code ${code}` : `ended by ${signal}`);
  });
  return promise;
}

/** The test cases of a JUnit report; undefined where the run left none. */
function readReport(path: string): Counts | undefined {
  let xml: string;
  try {
    xml = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  const cases = [...xml.matchAll(/<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g)];
  // Deno also lists the group that a case stands in, as NAME beside NAME > CASE.
  const groups = new Set(
    cases.map(([, name = ""]) => name.replace(/ &gt; .*/, "")).filter((name, i) => name !== cases[i]![1]),
  );
  const counts: Counts = { passed: 0, failed: 0, skipped: [] };
  for (const [, name = "", body = ""] of cases.filter(([, name]) => !groups.has(name!))) {
    if (/<(failure|error)\b/.test(body)) counts.failed++;
    else if (/<skipped\b/.test(body)) counts.skipped.push(name);
    else counts.passed++;
  }
  return counts;
}

/** One test file of a suite: prints a line, and the output where something failed. */
async function runFile({ name, runtime, env }: Suite, file: string): Promise<Counts> {
  const report = join(reports, `${name}-${file}.xml`.replaceAll(/[^\w.-]+/g, "-"));
  rmSync(report, { force: true });
  const outcome = await execute(runtimes[runtime]!(file, report), env);
  const counts = readReport(report) ?? { passed: 0, failed: 0, skipped: [] };
  let note = "";
  if (!outcome.ok && counts.failed === 0) {
    counts.failed = 1;
    note = `, ${outcome.why}`;
  } else if (counts.passed + counts.failed + counts.skipped.length === 0) {
    counts.failed = 1;
    note = ", the file has no test";
  }
  const skips = counts.skipped.length > 0 ? `, ${counts.skipped.length} skipped` : "";
  const line = `${counts.passed} passed, ${counts.failed} failed${skips}${note}`;
  console.log(`  ${file.padEnd(32)} ${line.padEnd(28)} ${outcome.seconds.toFixed(1).padStart(6)} s  ${name}`);
  if (counts.failed > 0) console.log(indent(outcome.output));
  return counts;
}

function indent(text: string): string {
  return text.split("\n").map((line) => `    ${line}`).join("\n");
}

async function runStatics(): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, skipped: [] };
  for (const command of statics) {
    const { ok, why, output, seconds } = await execute(command);
    console.log(`$ ${command.join(" ")}\n  ${ok ? "ok" : `FAILED, ${why}`}${seconds.toFixed(1).padStart(8)} s`);
    if (!ok) console.log(indent(output));
    counts[ok ? "passed" : "failed"]++;
  }
  return counts;
}

/** The files of the suites in their order, one on each core. */
async function runSuites(suites: readonly Suite[]): Promise<Counts[]> {
  const waiting = suites.flatMap((suite) => suite.files.map((file) => ({ suite, file })));
  const results: Counts[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { suite, file } = next;
      const { passed, failed, skipped } = await runFile(suite, file);
      results.push({ passed, failed, skipped: skipped.map((name) => `${suite.name}, ${file}: ${name}`) });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return results;
}

/** What the rungs need beside the compilers of the fake Metal: a command that shows it is there, and its package. */
const tools: readonly (readonly [packages: string, ...command: string[]])[] = [
  ["llvm-19", "llvm-dis-19", "--version"],
  ["qemu-user", "qemu-aarch64", "--version"],
  ["python3-unicorn", "/usr/bin/python3", "-c", "import unicorn"],
];

/** Debian's tools for the emulator, the fake Metal and foreign machine code, where this machine lets us. */
async function installTools(): Promise<void> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return;
  const lacking = tools.filter(([, program = "", ...rest]) => spawnSync(program, rest).status !== 0);
  const packages = [...(missing() === undefined ? [] : PACKAGES.split(" ")), ...lacking.map(([name]) => name)];
  if (packages.length === 0) return;
  for (const command of [["apt-get", "update"], ["apt-get", "install", "-y", ...packages]]) {
    const { ok, why, seconds } = await execute(command, { DEBIAN_FRONTEND: "noninteractive" });
    console.log(`$ ${command.join(" ")}\n  ${ok ? "ok" : why}${seconds.toFixed(1).padStart(8)} s`);
  }
}

const testOf = (file: string): string => file.replace(/^tests\/(.*)\.test\.ts$/, "$1");

/** The suite on emulated Metal: what the gate runs of it, or the whole. */
async function runEmulated(files: readonly string[], whole: boolean): Promise<Counts[]> {
  const without = missing();
  if (without !== undefined) return [{ passed: 0, failed: 0, skipped: [`all tests on emulated Metal: ${without}`] }];
  const libraries: string[] = [];
  for (const command of builds) {
    const { ok, why, output, seconds } = await execute(command);
    libraries.push(...output.split("\n").filter((line) => line.endsWith(".so")));
    console.log(`$ ${command.join(" ")}\n  ${ok ? "ok" : `FAILED, ${why}`}${seconds.toFixed(1).padStart(8)} s`);
    if (ok) continue;
    console.log(indent(output));
    return [{ passed: 0, failed: 1, skipped: [] }];
  }
  const [library = "", kernels = "", watched = ""] = libraries;
  const circumstances = parts(library, kernels, watched, whole);
  const results = await runSuites(
    circumstances.map(({ takes, ...part }) => ({ ...part, files: files.filter((file) => takes(testOf(file))) })),
  );
  for (const reason of reasons(files.map(testOf), circumstances)) console.log(reason);
  return results;
}

/** Whether a test was skipped for want of another project's file, which no set-up of this machine can mend. */
const unfetched = (skipped: string): boolean => /tests\/compat\.test\.ts: .*cannot be fetched/.test(skipped);

const words = process.argv.slice(2), filters = words.filter((word) => word !== "--emulated");
const emulatedOnly = words.length > filters.length;
const all = readdirSync(join(root, "tests")).filter((name) => name.endsWith(".test.ts")).sort();
const files = all.filter((name) => filters.length === 0 || filters.some((f) => name.includes(f))).map((name) =>
  `tests/${name}`
);
if (files.length === 0) {
  console.error(`no test file's name contains ${filters.join(" or ")}; there are:\n  ${all.join("\n  ")}`);
  process.exit(2);
}
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  process.on(signal, () => {
    for (const head of working) end(head);
    process.exit(code);
  });
}
mkdirSync(reports, { recursive: true });
const start = performance.now();
const results: Counts[] = [];
if (words.length === 0) results.push(await runStatics());
else console.log("static checks left out: a part was asked for");
await installTools();
for (const command of Object.values(runtimes)) console.log(`$ ${command("FILE", "REPORT").join(" ")}`);
const suites = Object.keys(runtimes).map((runtime) => ({ name: runtime, runtime, env: {}, files }));
if (!emulatedOnly) results.push(...await runSuites(suites));
results.push(...await runEmulated(files, emulatedOnly));

const skipped = results.flatMap((r) => r.skipped);
for (const name of skipped) console.log(`skipped: ${name}`);
const passed = results.reduce((sum, r) => sum + r.passed, 0);
let failed = results.reduce((sum, r) => sum + r.failed, 0);
const lacking = skipped.filter((name) => !unfetched(name));
if (process.env.CI === "true" && lacking.length > 0) {
  console.log("CI=true: a skipped test counts as failed, but for those of files that cannot be fetched");
  failed += lacking.length;
}
console.log(`${((performance.now() - start) / 1000).toFixed(0)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
