// The report of the long self-test: what the machine is, what was tried on it, and what came out, for an owner to paste
// into an issue. It names no user, and of files only the last part of their path.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { arch, cpus, platform, release, totalmem } from "node:os";
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import process from "node:process";
import { TSR_ABI } from "../ffi/symbols.ts";
import type { Figures } from "./dense64.ts";
import type { Device } from "./device.ts";
import { read, type Variable, variables } from "./env.ts";
import { open } from "./open.ts";
import { type Trial, trials } from "./selftest.ts";
import { explainSync } from "./trace.ts";
import { version } from "./version.ts";

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly pass: boolean;
  readonly detail: string;
}

export interface Report {
  readonly machine: Readonly<Record<string, string>>;
  /** Of the device: what it was tried for when it was opened. */
  readonly opening: readonly Check[];
  /** The device whose figures stand beside those of the device. */
  readonly beside: string;
  readonly operations: readonly Tried[];
  readonly algorithms: readonly Check[];
  readonly seconds: number;
  readonly pass: boolean;
}

/** Tries every operation on the device and, beside it, on the CPU library: its plain C where the device is the CPU. */
export function makeReport(device: Device, algorithms: readonly Check[]): Report {
  const start = performance.now();
  using cpu = open({
    device: device.kind === "cpu" ? "cpu:portable" : "cpu",
    library: device.library,
    blas: false,
    mlx: false,
  });
  const operations = tryOperations([device, cpu]);
  const opening = openingOf(device);
  return {
    machine: machineOf(device),
    opening,
    beside: `${cpu.name} (${cpu.facts.isa})`,
    operations,
    algorithms: algorithms.map((check) => ({ ...check, detail: withoutFolders(check.detail) })),
    seconds: (performance.now() - start) / 1000,
    pass: [...opening, ...operations, ...algorithms].every(({ pass }) => pass),
  };
}

/** A device opens only where all of its checks hold. Where Metal was passed over by a library that has it, that is a
 * failure. */
function openingOf({ facts, passedOver }: Device): Check[] {
  const held = (facts.checks ?? []).map((name) => ({ name, pass: true, detail: "holds" }));
  if (passedOver === undefined || /this library has no Metal/.test(passedOver)) return held;
  return [{ name: "Metal opens", pass: false, detail: withoutFolders(passedOver) }, ...held];
}

// ---- the operations ----

/** What a device made of a trial. */
export interface Side {
  readonly figures: Figures;
  /** Time on the device, in milliseconds. */
  readonly ms: number;
  /** The kernels that ran, as tiles. */
  readonly tiles: string;
  /** Why there are no figures. */
  readonly error?: string;
}

export interface Tried {
  readonly name: string;
  readonly sides: readonly Side[];
  readonly pass: boolean;
}

/** Runs every trial on every one of the devices; the names of some come from what the first one offers. */
export function tryOperations(devices: readonly Device[]): Tried[] {
  return Object.entries(trials(devices[0]!)).map(([name, run]) => {
    const sides = devices.map((device) => tryOne(device, run));
    return { name, sides, pass: sides.every(holds) };
  });
}

function tryOne(device: Device, run: Trial): Side {
  try {
    const { value, operations, totals } = explainSync(() => run(device));
    const tiles = [...new Set(operations.map((o) => o.tile))].join(" ");
    return { figures: value, ms: totals["deviceMs"]!, tiles };
  } catch (error) {
    return { figures: {}, ms: 0, tiles: "", error: error instanceof Error ? error.message : String(error) };
  }
}

function holds({ figures, error }: Side): boolean {
  return error === undefined && Object.values(figures).every(({ value, bound }) => value <= bound);
}

// ---- the machine ----

/** What f tells; runtimes may forbid to ask. */
function told(f: () => string): string {
  try {
    return f();
  } catch (error) {
    return `not known (${error instanceof Error ? error.name : "refused"})`;
  }
}

function machineOf(device: Device): Record<string, string> {
  const { name, facts, library, engines } = device, { bun, deno } = process.versions as Record<string, string>;
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(0)} GiB`;
  const set = (Object.keys(variables) as Variable[]).map((variable) => [variable, read(variable)] as const)
    .filter(([, value]) => value !== undefined).map(([variable, value]) => `${variable}=${withoutFolders(value!)}`);
  return {
    "tesserae": `${version}, ABI ${TSR_ABI}`,
    "device": `${name}, ${facts.isa}${facts.emulated ? ", emulated: nothing here is about a GPU" : ""}`,
    "chip": told(() => `${cpus()[0]?.model ?? "not known"}, ${facts.cores} processors`),
    "memory": told(() => `${gib(totalmem())}, pages of ${facts.page} bytes`),
    "system": told(() => `${system()}, ${arch()}`),
    "runtime": bun ? `Bun ${bun}` : `Deno ${deno}`,
    "library": told(() => build(library)),
    "threads": `${facts.threads}`,
    "kernels": facts.tiles.join(" "),
    "engines": engines.map((engine) => withVendor(engine, device)).join(", "),
    "environment": set.join(" ") || "none set",
  };
}

function system(): string {
  const kernel = `${platform()} ${release()}`;
  if (platform() !== "darwin") return kernel;
  const product = spawnSync("sw_vers", ["-productVersion"], { encoding: "utf8" });
  return product.status === 0 ? `macOS ${product.stdout.trim()}, ${kernel}` : kernel;
}

/** The file, told apart from every other build of it. */
function build(library: string): string {
  const bytes = readFileSync(library), hash = createHash("sha256").update(bytes).digest("hex");
  return `${basename(library)}, ${bytes.length} bytes, sha256 ${hash.slice(0, 16)}`;
}

function withVendor(engine: string, { facts }: Device): string {
  const vendor = engine === "blas" || engine === "mlx" ? facts[engine] : undefined;
  return vendor ? `${engine} (${withoutFolders(vendor.kind)}, ${basename(vendor.library)})` : engine;
}

/** Text in which of every absolute path only the last part is left. */
export function withoutFolders(text: string): string {
  return text.replaceAll(/(^|[\s"'(=:;,])\/(?:[^/\n"');,]+\/)+/g, "$1");
}

// ---- as text ----

/** The report as a block of Markdown that shows it letter by letter. */
export function formatReport({ machine, opening, beside, operations, algorithms, seconds, pass }: Report): string {
  const failed = operations.filter((trial) => !trial.pass).length +
    [...opening, ...algorithms].filter((check) => !check.pass).length;
  const lines = [
    "tesserae self-test",
    "",
    ...Object.entries(machine).map(([name, value]) => `${name.padEnd(12)} ${value}`),
    "",
    "at opening",
    ...(opening.length > 0 ? opening.map(checkLine) : ["      this device has no self-test of its own"]),
    "",
    `each operation on the device, and beside it on ${beside}; figures in units of the contract`,
    [
      "      operation         part               ",
      "  device",
      " beside",
      "   bound",
      "      ms",
      "  beside",
      "  kernels",
    ].join(""),
    ...operations.flatMap(trialLines),
    "",
    "whole algorithms on the device",
    ...algorithms.map(checkLine),
    "",
    `${pass ? "PASS: everything holds" : `FAIL: ${failed} of the above`}, in ${seconds.toFixed(1)} s`,
  ];
  return ["```text", ...lines.map((line) => line.replaceAll("`", "'").trimEnd()), "```"].join("\n");
}

const verdict = (pass: boolean): string => pass ? "PASS" : "FAIL";
const checkLine = ({ name, pass, detail }: Check): string => `${verdict(pass)}  ${name}: ${detail}`;

function trialLines({ name, sides }: Tried): string[] {
  const parts = new Set(sides.flatMap(({ figures }) => Object.keys(figures)));
  const errors = sides.flatMap(({ error }, at) =>
    error === undefined ? [] : [
      `FAIL  ${name.padEnd(17)} ${at === 0 ? "device" : "beside"}: ${withoutFolders(error)}`,
    ]
  );
  return [...errors, ...[...parts].map((part, at) => partLine(at === 0 ? name : "", part, sides))];
}

function partLine(name: string, part: string, sides: readonly Side[]): string {
  const figures = sides.map((side) => side.figures[part]);
  const cell = (value: number | undefined, width: number): string =>
    value === undefined ? "-".padStart(width) : short(value).padStart(width);
  const pass = figures.every((figure) => figure === undefined || figure.value <= figure.bound);
  const times = sides.map(({ ms, error }) => (name === "" || error !== undefined ? "" : ms.toFixed(2)).padStart(8));
  return `${verdict(pass)}  ${name.padEnd(17)} ${part.padEnd(18)} ${cell(figures[0]?.value, 8)}${
    cell(figures[1]?.value, 7)
  }` +
    `${cell((figures[0] ?? figures[1])?.bound, 8)}${times.join("")}  ${name === "" ? "" : sides[0]!.tiles}`;
}

/** Three figures, without an exponent where that is short. */
const short = (value: number): string => Number.isInteger(value) ? `${value}` : Number(value.toPrecision(3)).toString();
