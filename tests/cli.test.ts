// The program: help, wrong usage, info and its self-test, and the demo on the photograph.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { load, type Native } from "../ffi/load.ts";
import * as abi from "../ffi/symbols.ts";
import { format } from "../src/demo.ts";
import { Device } from "../src/device.ts";
import { variables } from "../src/env.ts";
import { type Report, tryOperations, withoutFolders } from "../src/report.ts";
import { testDevice } from "./device.ts";
import { buildEmulator } from "./metal-emulator/build.ts";
import { buildLibrary, missing } from "./metal-emulator/fake/build.ts";
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
  const around = Object.entries(process.env).filter(([name, value]) => Object.hasOwn(variables, name) && value !== "");
  assert.deepEqual(facts.environment, { ...Object.fromEntries(around), TSR_THREADS: "1", TSR_TUNE: "qr.block=16" });
  assert.deepEqual([facts.table[0].key, facts.table[0].value, facts.table[0].why], ["qr.block", 16, "TSR_TUNE"]);
  assert.equal(facts.abi, 1);
  assert.match(facts.library, /libtesserae/);
  assert.ok(facts.selfTest.length >= 5);
  assert.ok(facts.selfTest.every((t: { pass: boolean }) => t.pass));
  const text = await tesserae(["info"]);
  assert.match(text.out, /PASS[\s\S]*PASS/);
  assert.doesNotMatch(text.out, /FAIL|undefined|\[object/);
});

// ---- the report ----

/** Every operation of tsr.h but stedc, bdsdc, larft and gemqrt, which eigh and svd end with. */
const operations = [
  ...["gemm reference", "gemm integers", "gemm float64", "atav", "syrk", "trsm", "potrf", "getrf", "laswp", "orth"],
  ...["eigh (latrd)", "svd (labrd)", "resid", "rand uniform", "rand normal", "laset", "geadd", "scale", "colstat"],
  ...["syev", "jacobi principal", "jacobi gram", "apply small", "apply update"],
];

test("cli: info --self-test prints a report that shows as it is in Markdown, and names no folder", async () => {
  const { library } = testDevice();
  const { code, out, errors } = await tesserae(["info", "--self-test"], { TSR_LIB: library });
  assert.deepEqual([code, errors], [0, ""], out);
  assert.match(out, /^```text\n[^`]*\n```\n$/);
  assert.doesNotMatch(out, /FAIL|undefined|NaN|\[object/);
  assert.ok(!out.includes(dirname(library)) && !/(^|[\s=(])\/\w/m.test(out), out);
  for (const fact of ["device", "chip", "memory", "system", "runtime", "library", "engines"]) {
    assert.match(out, new RegExp(`^${fact} +\\S`, "m"));
  }
  assert.match(out, /^environment .*TSR_LIB=libtesserae/m);
  const bytes = readFileSync(library), hash = createHash("sha256").update(bytes).digest("hex");
  assert.ok(out.includes(`libtesserae`) && out.includes(`${bytes.length} bytes, sha256 ${hash.slice(0, 16)}`), out);
  for (const name of operations) assert.ok(out.includes(`PASS  ${name} `), name);
  assert.deepEqual(out.split("\n").filter((line) => [...line].length > 120), []);
});

test("cli: info --self-test --json gives figures within bounds for the device and what stands beside it", async () => {
  const { code, out } = await tesserae(["info", "--self-test", "--json"]);
  assert.equal(code, 0, out);
  const report: Report = JSON.parse(out);
  const names = report.operations.map(({ name }) => name);
  assert.deepEqual(operations.filter((name) => !names.includes(name)), []);
  assert.ok(report.algorithms.length >= 5 && report.pass);
  for (const { name, sides } of report.operations) {
    assert.equal(sides.length, 2, name);
    for (const { figures, tiles } of sides) {
      assert.ok(Object.keys(figures).length > 0 && tiles !== "", name);
      for (const { value, bound } of Object.values(figures)) assert.ok(value >= 0 && value <= bound, name);
    }
  }
});

test("cli: info --self-test ends with exit code 1 and names what fails", async () => {
  const tile = testDevice().name === "metal" ? "packed" : "simd64";
  const { code, out } = await tesserae(["info", "--self-test"], { TSR_TUNE: `syrk=${tile}` });
  assert.equal(code, 1);
  assert.match(out, /^FAIL {2}syrk +device: syrk: this device has no tile/m);
  assert.match(out, /^PASS {2}trsm /m);
  assert.match(out, /^FAIL: \d+ of the above/m);
});

type Plant = (native: Native) => Partial<Native>;

/** One fault an operation, planted where JavaScript calls the library, and the trial that must see it. */
const plants: Readonly<Record<string, Plant>> = {
  "gemm integers": (n) => ({ tsr_gemm: (c, alpha, ...rest) => n.tsr_gemm(c, alpha * (1 + 2 ** -20), ...rest) }),
  "gemm float64": (n) => ({ tsr_gemm: (c, alpha, ...rest) => n.tsr_gemm(c, alpha * (1 + 2 ** -20), ...rest) }),
  "atav": (n) => ({
    tsr_atav: (c, A, V, Y, Z, o) => n.tsr_atav(c, A, V, Y, Z, o) || n.tsr_laset(c, abi.TSR_UPPER, 0, NaN, Z, o),
  }),
  "syrk": (n) => ({ tsr_syrk: (c, _, ...rest) => n.tsr_syrk(c, abi.TSR_UPPER, ...rest) }),
  "trsm": (n) => ({ tsr_trsm: (c, flags, alpha, ...rest) => n.tsr_trsm(c, flags, alpha * 1.001, ...rest) }),
  "potrf": (n) => ({ tsr_potrf: (c, A, info, base, o) => n.tsr_potrf(c, A, info, base + 1, o) }),
  "getrf": (n) => ({
    tsr_getrf: (c, A, pivots, info, o) =>
      n.tsr_getrf(c, A, pivots, info, o) || n.tsr_laswp(c, A, pivots, abi.TSR_FORWARD, o),
  }),
  "laswp": (n) => ({ tsr_laswp: (c, A, pivots, direction, o) => n.tsr_laswp(c, A, pivots, 1 - direction, o) }),
  "orth": (n) => ({ tsr_orth: (c, W, T, info, floor, seed, o) => n.tsr_orth(c, W, T, info, floor + 1e9, seed, o) }),
  "eigh (latrd)": (n) => ({
    tsr_stedc: (c, DE, Z, o) => n.tsr_laset(c, abi.TSR_FULL, 0, 1, Z, o) && n.tsr_stedc(c, DE, Z, o),
  }),
  "svd (labrd)": (n) => ({
    tsr_labrd: (c, A, L, R, T, DE, o) => n.tsr_labrd(c, A, L, R, T, DE, o) || n.tsr_laset(c, abi.TSR_FULL, 0, 1, R, o),
  }),
  "resid": (n) => ({
    tsr_resid: (c, A, X, B, R, o) => n.tsr_resid(c, A, X, B, R, o) || n.tsr_laset(c, abi.TSR_UPPER, 0, NaN, R, o),
  }),
  "rand uniform": (n) => ({ tsr_rand: (c, kind, low, ...rest) => n.tsr_rand(c, kind, low + 1, ...rest) }),
  "rand normal": (n) => ({ tsr_rand: (c, kind, low, high, A, o) => n.tsr_rand(c, kind, low, high + 1, A, o) }),
  "laset": (n) => ({ tsr_laset: (c, uplo, off, ...rest) => n.tsr_laset(c, uplo, off * (1 + 2 ** -23), ...rest) }),
  "geadd": (n) => ({ tsr_geadd: (c, alpha, ...rest) => n.tsr_geadd(c, alpha * (1 + 2 ** -22), ...rest) }),
  "scale": (n) => ({ tsr_scale: (c, _, ...rest) => n.tsr_scale(c, abi.TSR_RESTORE, ...rest) }),
  "colstat": (n) => ({
    tsr_colstat: (c, A, S, info, o) => n.tsr_colstat(c, A, S, info, o) || n.tsr_laset(c, abi.TSR_FULL, 1, 1, info, o),
  }),
  "syev": (n) => ({ tsr_syev: (c, G, W, Z, o) => n.tsr_syev(c, G, W, Z, o) || n.tsr_laset(c, 0, 0, 1, Z, o) }),
  "jacobi gram": (n) => ({
    tsr_jacobi: (c, form, G, J, words, ...rest) => n.tsr_jacobi(c, form, G, J, words, 0.01, 1, rest[2]),
  }),
  "jacobi principal": (n) => ({
    tsr_jacobi: (c, form, G, J, words, ...rest) => n.tsr_jacobi(c, form, G, J, words, 100, 0, rest[2]),
  }),
  "apply small": (n) => ({
    tsr_apply: (c, form, ...rest) => n.tsr_apply(c, form === abi.TSR_PRINCIPAL ? abi.TSR_GRAM : form, ...rest),
  }),
  "apply update": (n) => ({
    tsr_apply: (c, form, A, pairs, B, o) =>
      n.tsr_apply(c, form, A, pairs, B, o) || n.tsr_laset(c, abi.TSR_UPPER, 0, NaN, A, o),
  }),
};

/** The trials whose figures a fault puts beyond their bounds: not those that it ends with an error. */
function failing(plant: Plant): string[] {
  const { library } = testDevice(), { native } = load([library]);
  using device = new Device("cpu", { ...native, ...plant(native) }, library, 1);
  const wrong = tryOperations([device]).filter(({ pass }) => !pass);
  return wrong.filter(({ sides }) => Object.keys(sides[0]!.figures).length > 0).map((trial) => trial.name);
}

for (const [name, plant] of Object.entries(plants)) {
  test(`cli: the self-test sees a planted fault: ${name}`, () => {
    const wrong = failing(plant);
    assert.ok(wrong.includes(name), wrong.join());
  });
}

test("cli: the self-test sees reflectors that are left out, and triangles that are", () => {
  const none = (view: ArrayBufferView, word: number): Uint32Array<ArrayBuffer> =>
    Uint32Array.from(view as Uint32Array, (value, i) => i === word ? 0 : value);
  const both = ["eigh (latrd)", "svd (labrd)"];
  const wrong: Plant[] = [
    (n) => ({
      tsr_gemqrt: (c, V, N, C, o) => n.tsr_gemqrt(c, none(V, abi.TSR_VIEW_COLS), none(N, abi.TSR_VIEW_ROWS), C, o),
    }),
    (n) => ({ tsr_larft: (c, _V, N, o) => n.tsr_laset(c, abi.TSR_FULL, 0, 0, N, o) }),
  ];
  for (const plant of wrong) assert.deepEqual(failing(plant).filter((name) => both.includes(name)), both);
});

test("cli: of paths in a report only the last part is left", () => {
  const text = 'a=/srv/me/lib.so, "/Volumes/A B/x.dylib": no (/var/x/y) 3/4 /usr/lib/z.so; ok';
  assert.equal(withoutFolders(text), 'a=lib.so, "x.dylib": no (y) 3/4 z.so; ok');
});

const noFake = missing();

test(`cli: info --self-test on the emulated GPU${noFake ? `, skipped: ${noFake}` : ""}`, {
  skip: noFake !== undefined,
}, async () => {
  const emulated = {
    TSR_LIB: await buildLibrary(),
    TSR_EMULATED_KERNELS: (await buildEmulator()).plain,
    TSR_DEVICE: "",
  };
  const { code, out } = await tesserae(["info", "--self-test"], emulated);
  assert.equal(code, 0, out);
  assert.match(out, /^device +metal, Emulated Metal, emulated/m);
  assert.match(out, /^at opening\n(PASS {2}.*: holds\n){5}/m);
  assert.match(out, /^PASS {2}gemm simd64 .* simd64$/m);
  assert.match(out, /^PASS {2}potrf .* device$/m);
  const old = await tesserae(["info", "--self-test"], { ...emulated, TSR_EMULATED_FAMILY: "1006" });
  assert.equal(old.code, 1);
  assert.match(old.out, /^FAIL {2}Metal opens: .*older than Apple M1/m);
});

test("cli: a library that is not there, and wrong variables, are told in words", async () => {
  const missing = await tesserae(["info"], { TSR_LIB: "nowhere.so" });
  assert.equal(missing.code, 1);
  assert.match(missing.errors, /nowhere\.so/);
  const typo = await tesserae(["info"], { TSR_TUNE: "qr.blok=16" });
  assert.equal(typo.code, 1);
  assert.match(typo.errors, /qr\.blok[\s\S]*qr\.block/);
  for (const [name, value] of [["TSR_DEBUG", "9"], ["TSR_THREADS", "two"], ["TSR_TUNE", "abc"]] as const) {
    const { code, errors } = await tesserae(["info"], { [name]: value });
    assert.deepEqual([code, errors.trim().split("\n").length], [1, 1], errors);
    assert.match(errors, new RegExp(`^tesserae: .*${name}.*${value}`));
  }
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
