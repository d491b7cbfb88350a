// Builds the emulator's libraries from .metal files: libkernels.so, and libkernels_checked.so, whose every access is
// watched. What is up to date is left alone: objects and libraries carry the hash of all that made them.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { generate, moduleName, type Options } from "./generate.ts";
import { resolveText } from "../../scripts/kernels.mjs";
import { instrument } from "./generator/instrument.ts";
import { writeRegistry } from "./generator/write.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const runtime = [
  "runtime/bfloat.cpp",
  "runtime/checker.cpp",
  "runtime/fiber.cpp",
  "runtime/launch.cpp",
  "runtime/packed.cpp",
  "runtime/schedule.cpp",
];
const LEAST_CLANG = 15;
const DAY_MS = 86_400_000;

export interface Libraries {
  readonly plain: string;
  readonly checked: string;
}

export interface Compiler {
  readonly command: readonly string[];
  readonly identity: string;
}

/** No compiler, or a compiler that failed. */
export class BuildError extends Error {
  override readonly name = "BuildError";
}

function compilerAt(command: readonly string[]): Compiler | undefined {
  const { status, stdout } = spawnSync(command[0]!, [...command.slice(1), "--version"], { encoding: "utf8" });
  const version = status === 0 ? /clang version (\d+)[^\n]*/.exec(stdout) : null;
  if (version === null || Number(version[1]) < LEAST_CLANG) return undefined;
  return { command, identity: `${command.join(" ")}: ${version[0]}` };
}

/** Debian's clang by version, else any clang++, else zig from PATH. */
export function findCompiler(): Compiler {
  const versions = Array.from({ length: 8 }, (_, i) => [`clang++-${LEAST_CLANG + 7 - i}`]);
  for (const command of [["clang++-19"], ...versions, ["clang++"], ["zig", "c++"]]) {
    const found = compilerAt(command);
    if (found) return found;
  }
  throw new BuildError(
    `The Metal emulator needs clang ${LEAST_CLANG} or later, or zig, and finds neither. On Debian and Ubuntu: ` +
      "apt-get install -y clang-19; elsewhere put zig (https://ziglang.org/download) on PATH.",
  );
}

/** Instructions for fused multiply-add and half: without them each is a call of the C library. */
function processorFlags(): string[] {
  if (process.arch !== "x64" || !existsSync("/proc/cpuinfo")) return [];
  const known = new Set(/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" "));
  return ["avx2", "fma", "f16c"].filter((flag) => known.has(flag)).map((flag) => `-m${flag}`);
}

function flagsOf(compiler: Compiler): string[] {
  return [
    ...["-std=c++20", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", "-fvisibility=hidden", "-Wall", "-Wextra"],
    ...processorFlags(),
    ...(compiler.command.includes("c++") ? ["-fno-sanitize=undefined"] : []),
  ];
}

/** What kernels may hold without a warning: attributes and pragmas of Metal, helpers that no kernel uses. */
const kernelFlags = [
  ...["-Wno-unknown-attributes", "-Wno-unknown-pragmas", "-Wno-unused-function", "-Wno-unused-const-variable"],
  ...["-Wno-duplicate-decl-specifier", "-Wno-pass-failed", "-Wno-constant-conversion"],
];

function run(compiler: Compiler, parameters: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const [program, ...first] = compiler.command;
    const child = spawn(program!, [...first, ...parameters], { cwd: here, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (text) => output += text);
    child.stderr.on("data", (text) => output += text);
    child.on("error", reject);
    child.on("close", (code) => {
      if (output !== "") process.stderr.write(output);
      if (code === 0) resolve();
      else reject(new BuildError(`${compiler.identity} failed:\n${output.trimEnd()}`));
    });
  });
}

const hashOf = (...texts: string[]): string => createHash("sha256").update(texts.join("\0")).digest("hex").slice(0, 16);

function textOf(folder: string): string {
  const files = readdirSync(join(here, folder), { withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ name }) => name).sort().map((name) => readFileSync(join(here, folder, name), "utf8")).join("\0");
}

/** An object to make: its file, and the steps to it. */
interface Work {
  readonly object: string;
  readonly make: (part: string) => Promise<void>;
}

/** The two objects of a .metal file. */
function kernelWork(path: string, folder: string, common: string, options: Options): Record<keyof Libraries, Work> {
  const compiler = { command: options.compiler, identity: options.compiler.join(" ") };
  const flags = [...flagsOf(compiler), ...kernelFlags, "-isystem", "include", "-g1"];
  const stamp = options.external ? generate(path, options).cpp : resolveText(path);
  const stem = join(folder, `${moduleName(path)}-${hashOf(common, stamp)}`);
  const cppOf = (part: string): string => {
    const cpp = `${part}.cpp`;
    writeFileSync(cpp, generate(path, options).cpp);
    return cpp;
  };
  const plain = async (part: string): Promise<void> => {
    const cpp = cppOf(part);
    await run(compiler, [...flags, "-O2", "-c", cpp, "-o", part]);
    rmSync(cpp);
  };
  const checked = async (part: string): Promise<void> => {
    const cpp = cppOf(part), ll = `${part}.ll`;
    const still = ["-O1", "-fno-vectorize", "-fno-slp-vectorize"];
    await run(compiler, [...flags, ...still, "-w", "-S", "-emit-llvm", cpp, "-o", ll]);
    writeFileSync(ll, instrument(readFileSync(ll, "utf8")));
    await run(compiler, [...flagsOf(compiler), ...still, "-w", "-c", ll, "-o", part]);
    rmSync(cpp);
    rmSync(ll);
  };
  return { plain: { object: `${stem}.o`, make: plain }, checked: { object: `${stem}-checked.o`, make: checked } };
}

async function makeAll(work: readonly Work[]): Promise<void> {
  const waiting = work.filter(({ object }) => !existsSync(object));
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const part = `${next.object}.${process.pid}`;
      await next.make(part);
      renameSync(part, next.object);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

/**
 * Links a library, unless it is there with the same objects. Its name carries their hash, so that two processes that
 * build at once cannot take each other's; a link has the plain name.
 */
async function link(kind: keyof Libraries, compiler: Compiler, objects: readonly string[], names: string[]) {
  const registry = writeRegistry(names, kind === "checked"), folder = dirname(objects[0]!);
  const name = kind === "plain" ? "libkernels" : "libkernels_checked";
  const library = join(folder, `${name}-${hashOf(...objects, registry)}.so`), part = `${library}.${process.pid}`;
  if (!existsSync(library)) {
    writeFileSync(`${part}.cpp`, registry);
    const resident = process.platform === "linux" ? ["-Wl,-z,nodelete"] : [];
    await run(compiler, [...flagsOf(compiler), "-I.", "-shared", ...resident, "-o", part, `${part}.cpp`, ...objects]);
    rmSync(`${part}.cpp`);
    renameSync(part, library);
  }
  symlinkSync(basename(library), part);
  renameSync(part, join(folder, `${name}.so`));
  return library;
}

/** Removes objects and libraries that are a day old and not current. Younger ones may be another process's. */
function prune(folder: string, current: readonly string[]): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (!/-[\da-f]{16}\S*\.(?:o|so)(?:\.|$)/.test(name) || current.includes(path)) continue;
    if (Date.now() - statSync(path).mtimeMs > DAY_MS) rmSync(path);
  }
}

/** All .metal files of a folder; none where there is no folder. */
export function metalFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.endsWith(".metal")).sort().map((name) => join(folder, name));
}

/** Makes both libraries of some .metal files in build/NAME where anything has changed. */
export async function buildEmulator(
  sources: readonly string[] = metalFiles(join(root, "metal/kernels")),
  name = "emulator",
  options: Omit<Options, "compiler"> = {},
): Promise<Libraries> {
  const compiler = findCompiler(), folder = join(root, "build", name);
  mkdirSync(folder, { recursive: true });
  const flags = flagsOf(compiler).join(" ");
  const generator = ["generate.ts", "build.ts"].map((file) => readFileSync(join(here, file), "utf8")).join("\0");
  const headers = textOf("include") + readFileSync(join(here, "runtime/machine.hpp"), "utf8") +
    readFileSync(join(here, "runtime/emulator.h"), "utf8");
  const common = hashOf(compiler.identity, flags, generator, textOf("generator"), headers);
  const kernels = sources.map((path) => kernelWork(path, folder, common, { ...options, compiler: compiler.command }));
  const own = hashOf(compiler.identity, flags, textOf("runtime"));
  const shared = runtime.map((file): Work => ({
    object: join(folder, `${basename(file, ".cpp")}-${own}.o`),
    make: (part) => run(compiler, [...flagsOf(compiler), "-O2", "-g1", "-c", file, "-o", part]),
  }));
  const start = Date.now(), work = [...shared, ...kernels.flatMap((k) => [k.checked, k.plain])];
  const missing = work.filter(({ object }) => !existsSync(object)).length;
  await makeAll(work);
  const names = sources.map(moduleName), objects = shared.map((w) => w.object);
  const [plain, checked] = await Promise.all(
    (["plain", "checked"] as const).map((kind) =>
      link(kind, compiler, [...kernels.map((k) => k[kind].object), ...objects], names)
    ),
  );
  prune(folder, [...work.map((w) => w.object), plain!, checked!]);
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  if (missing > 0) console.error(`emulator: ${sources.length} .metal files, ${missing} objects made in ${seconds} s`);
  return { plain: plain!, checked: checked! };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const files = process.argv.slice(2);
  const { plain, checked } = files.length === 0 ? await buildEmulator() : await buildEmulator(files, "emulator-own");
  console.log(`${plain}\n${checked}`);
}
