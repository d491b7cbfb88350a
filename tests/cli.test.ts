// The program: help, wrong usage, info and its self-test, and the demo on the photograph.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { format } from "../src/demo.ts";
import { type Ended, run, runtime } from "./programs.ts";

const cli = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
const flags = runtime === "deno" ? ["run", "-A", "--no-check"] : [];

function tesserae(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  return run(process.execPath, [...flags, cli, ...args], environment);
}

test("cli: help lists the commands, and each command has its own", async () => {
  const { code, out, errors } = await tesserae(["--help"]);
  assert.deepEqual([code, errors], [0, ""]);
  assert.match(out, /info[\s\S]*demo[\s\S]*--version/);
  const demo = await tesserae(["demo", "--help"]);
  assert.equal(demo.code, 0);
  assert.match(demo.out, /--out[\s\S]*--json/);
});

test("cli: --version is package.json's", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  assert.equal((await tesserae(["--version"])).out, `${version}\n`);
});

const wrong: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [["frobnicate"], /no command "frobnicate"/],
  [["info", "--frob"], /--frob/],
  [["demo", "extra"], /extra/],
  [["demo", "--out"], /--out/],
];

for (const [args, message] of wrong) {
  test(`cli: wrong usage is told on stderr with exit code 2: ${args.join(" ")}`, async () => {
    const { code, out, errors } = await tesserae(args);
    assert.equal(code, 2);
    assert.equal(out, "");
    assert.match(errors, message);
    assert.match(errors, /tesserae (COMMAND|info|demo)/);
    assert.doesNotMatch(errors, /\bat \S+:\d+/);
  });
}

test("cli: info tells what is in use, and its self-test passes", async () => {
  const { code, out } = await tesserae(["info", "--json"], { TSR_THREADS: "1", TSR_TUNE: "qr.block=16" });
  assert.equal(code, 0);
  const facts = JSON.parse(out);
  assert.equal(facts.threads, 1);
  assert.deepEqual(facts.environment, { TSR_THREADS: "1", TSR_TUNE: "qr.block=16" });
  assert.deepEqual([facts.table[0].key, facts.table[0].value, facts.table[0].why], ["qr.block", 16, "TSR_TUNE"]);
  assert.equal(facts.abi, 1);
  assert.match(facts.library, /libtesserae/);
  assert.ok(facts.selfTest.length >= 5);
  assert.ok(facts.selfTest.every((t: { pass: boolean }) => t.pass));
  const text = await tesserae(["info"]);
  assert.match(text.out, /PASS[\s\S]*PASS/);
  assert.doesNotMatch(text.out, /FAIL|undefined|\[object/);
});

test("cli: a library that is not there, and wrong variables, are told in words", async () => {
  const missing = await tesserae(["info"], { TSR_LIB: "nowhere.so" });
  assert.equal(missing.code, 1);
  assert.match(missing.errors, /nowhere\.so/);
  const typo = await tesserae(["info"], { TSR_TUNE: "qr.blok=16" });
  assert.equal(typo.code, 1);
  assert.match(typo.errors, /qr\.blok[\s\S]*qr\.block/);
  for (const { errors } of [missing, typo]) assert.doesNotMatch(errors, /\bat \S+:\d+/);
});

test("cli: the demo takes the photograph apart within every contract, and writes pictures and plot", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tesserae-"));
  const { code, out, errors } = await tesserae(["demo", "--json", "--out", folder]);
  assert.equal(code, 0, errors);
  const report = JSON.parse(out);
  assert.equal(report.holds, true);
  assert.deepEqual(report.shape, [3072, 484]);
  const methods = report.rows.map((r: { operation: string; method: string }) => `${r.operation} ${r.method}`);
  for (const name of ["svd krylov", "svd subspace", "qr blocked", "qr cgs2", "cholesky blocked"]) {
    assert.ok(methods.includes(name), name);
  }
  for (const row of report.rows) assert.ok(row.residual > 0 && row.residual <= row.residualBound, JSON.stringify(row));
  const errorsByRank = report.pictures.map((p: { error: number }) => p.error);
  assert.ok(errorsByRank.every((e: number, i: number) => e > 0 && e < (errorsByRank[i - 1] ?? 1)), errorsByRank.join());
  for (const { file } of report.pictures) {
    const png = readFileSync(file);
    assert.equal(png.subarray(1, 4).toString(), "PNG");
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [1024, 484]);
  }
  const svg = readFileSync(report.files.at(-1), "utf8");
  assert.match(svg, /^<svg[^>]* xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  rmSync(folder, { recursive: true });
  assert.equal(errors, "", "progress belongs on a terminal only");
  fitsScreen(format(JSON.parse(out.replaceAll(folder, "out")), "A device."));
});

function fitsScreen(text: string): void {
  const lines = text.split("\n");
  assert.ok(lines.length <= 40, `${lines.length} lines`);
  assert.deepEqual(lines.filter((line) => [...line].length > 100), []);
  assert.equal(lines.filter((line) => line.endsWith("PASS")).length, 11);
}
