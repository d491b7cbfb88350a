#!/usr/bin/env node
// Builds the native library, lib/<platform>-<arch>/libtesserae.<ext>, from core/, cpu/ and, for Apple Silicon, metal/.
// What is up to date is left alone: objects and the library carry the hash of all that made them. Plain JavaScript for
// Node, because it runs before all else.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { root, say, SetupError } from "./setup.mjs";
import { C_FLAGS, staticTargetFor, targetFor } from "./targets.mjs";

const ZIG_VERSION = "0.15.2";

/**
 * A C compiler: its command line up to the flags, and what tells it from others.
 * @typedef {{ command: string[], flags: string[], identity: string }} Compiler
 */

/** The first line a program prints about itself; undefined where it does not run. */
function identityOf(command, argument) {
  const { status, stdout } = spawnSync(command[0], [...command.slice(1), argument], { encoding: "utf8" });
  return status === 0 ? stdout.split("\n")[0] : undefined;
}

/** Every machine of the architecture must be able to run the library, hence the baseline processor. */
function zigAt(path, where) {
  const version = identityOf([path], "version");
  return version && { command: [path, "cc"], flags: ["-mcpu=baseline"], identity: `zig ${version} (${where})` };
}

/**
 * zig of the ziglang wheel in build/venv, installed at the first need. A failed try is noted, so that it is not
 * repeated each time.
 */
function zigOfVenv() {
  const venv = join(root, "build/venv"), python = join(venv, "bin/python"), failed = join(venv, "failed.txt");
  if (existsSync(failed)) return undefined;
  const path = () =>
    identityOf([python, "-c"], "import ziglang, os; print(os.path.join(os.path.dirname(ziglang.__file__), 'zig'))");
  if (!existsSync(python) || !path()) {
    say(`build: installing zig ${ZIG_VERSION} (Python wheel ziglang) into build/venv, once`);
    const why = installZig(venv, python);
    if (why !== undefined) {
      say(`build: ${why}; looking for cc instead. To try zig again, delete build/venv.`);
      mkdirSync(venv, { recursive: true });
      writeFileSync(failed, `${why}\n`);
      return undefined;
    }
  }
  return zigAt(path() ?? "", "build/venv");
}

/** Why zig could not be installed, or undefined. */
function installZig(venv, python) {
  const made = spawnSync("python3", ["-m", "venv", venv], { encoding: "utf8" });
  if (made.error) return "there is no python3 to install zig with";
  if (made.status !== 0) {
    return "python3 cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)";
  }
  const pip = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--only-binary=:all:",
    `ziglang==${ZIG_VERSION}`,
  ];
  const installed = spawnSync(python, pip, { encoding: "utf8" });
  if (installed.status === 0) return undefined;
  const last = installed.stderr.trim().split("\n").at(-1);
  return `pip could not install ziglang ${ZIG_VERSION} (no network?): ${last}`;
}

function systemCompiler() {
  const version = identityOf(["cc"], "--version");
  return version && { command: ["cc"], flags: [], identity: `cc: ${version}` };
}

/**
 * zig from PATH, else from the venv, else cc.
 * @returns {Compiler}
 */
export function findCompiler() {
  const compiler = zigAt("zig", "PATH") ?? zigOfVenv() ?? systemCompiler();
  if (compiler) return compiler;
  throw new SetupError(
    "There is no C compiler: install zig (https://ziglang.org/download), or Python 3 with venv (and a network), " +
      "or a C compiler as cc (Debian and Ubuntu: apt install gcc; macOS: xcode-select --install). Then delete " +
      "build/venv, and run this again.",
  );
}

/** What to do about a compiler that failed for want of a right or of room. */
function adviceOn(output) {
  if (/Permission denied|Read-only file system|EACCES|AccessDenied/.test(output)) {
    return `\nMake ${join(root, "build")} and ${join(root, "lib")} writable for this user, and run this again.`;
  }
  return /No space left/.test(output) ? "\nThe disk is full: make room, and run this again." : "";
}

/** Runs a compiler; its output when it fails is the error's text. */
function compile(compiler, parameters) {
  const [program, ...first] = compiler.command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...first, ...compiler.flags, ...parameters], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (text) => output += text);
    child.stderr.on("data", (text) => output += text);
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0 && output !== "") say(output.trimEnd());
      if (code === 0) resolve();
      else reject(new SetupError(`${compiler.identity} failed:\n${output.trimEnd()}${adviceOn(output)}`));
    });
  });
}

/**
 * Compiles C files into one shared library, with the flags of the real one.
 * @param {Compiler} compiler
 * @param {string[]} sources
 * @param {string} output
 * @returns {Promise<void>}
 */
export async function compileLibrary(compiler, sources, output) {
  mkdirSync(dirname(output), { recursive: true });
  const { flags, libraries } = targetFor(process.platform, process.arch, compiler);
  await compile(compiler, [...flags, ...C_FLAGS, "-shared", "-o", output, ...sources, ...libraries]);
}

/**
 * Compiles a C file into a program for this machine's own processor.
 * @param {Compiler} compiler
 * @param {string} source
 * @param {string} output
 * @returns {Promise<void>}
 */
export async function compileHere(compiler, source, output) {
  mkdirSync(dirname(output), { recursive: true });
  const native = { ...compiler, flags: [process.arch === "x64" ? "-march=native" : "-mcpu=native"] };
  await compile(native, [...C_FLAGS, "-o", output, source]);
}

function hashOf(...texts) {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text).update("\0");
  return hash.digest("hex").slice(0, 16);
}

/** The objects of a target; a name holds the hash of the source, all that it may include, the flags and compiler. */
function plan(compiler, target) {
  return target.units.map(({ file, flags, included }) => {
    const all = [...target.flags, ...flags], text = readFileSync(join(root, file), "utf8");
    const hash = hashOf(compiler.identity, ...compiler.flags, ...all, included, text);
    const name = file.replace("/", "-").replace(/\.\w+$/, "");
    return { file, flags: all, object: join(target.folder, `${name}-${hash}.o`) };
  });
}

/** Compiles what is missing, as many at a time as there are processors, and removes what is out of date. */
async function compileObjects(compiler, folder, objects) {
  const waiting = objects.filter(({ object }) => !existsSync(object));
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const part = `${next.object}.${process.pid}`;
      await compile(compiler, [...next.flags, "-c", "-o", part, join(root, next.file)]);
      renameSync(part, next.object);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const current = new Set(objects.map(({ object }) => basename(object)));
  for (const name of readdirSync(folder)) if (name.endsWith(".o") && !current.has(name)) rmSync(join(folder, name));
}

/**
 * Makes the library of a platform where sources, flags or compiler have changed; its path.
 * @param {Compiler} compiler
 * @param {string} system process.platform of where it will run
 * @param {string} arch process.arch of that
 * @returns {Promise<string>}
 */
export async function buildFor(compiler, system, arch) {
  const target = targetFor(system, arch, compiler), { folder, library, libraries } = target;
  mkdirSync(folder, { recursive: true });
  mkdirSync(dirname(library), { recursive: true });
  const objects = plan(compiler, target);
  const stamp = join(folder, "stamp.txt"), made = hashOf(...libraries, ...objects.map(({ object }) => object));
  if (existsSync(library) && existsSync(stamp) && readFileSync(stamp, "utf8") === made) return library;
  const start = Date.now();
  say(`build: ${compiler.identity}`);
  for (const { file, text } of target.generated) writeFileSync(file, text);
  await compileObjects(compiler, folder, objects);
  const part = `${library}.${process.pid}`;
  const linked = [...target.flags, "-shared", "-o", part, ...objects.map(({ object }) => object), ...libraries];
  await compile(compiler, linked).catch((error) => {
    rmSync(part, { force: true });
    throw error;
  });
  renameSync(part, library);
  writeFileSync(stamp, made);
  say(`build: ${library.slice(root.length)} in ${((Date.now() - start) / 1000).toFixed(1)} s`);
  return library;
}

/**
 * Makes a static program for Linux of a C file and the sources of the library; its path.
 * @param {Compiler} compiler zig
 * @param {"arm64" | "x64"} arch
 * @param {string} source
 * @returns {Promise<string>}
 */
export async function buildStatic(compiler, arch, source) {
  const target = staticTargetFor(arch, compiler), { folder, flags, libraries } = target;
  mkdirSync(folder, { recursive: true });
  const objects = plan(compiler, target), program = join(folder, basename(source, ".c"));
  await compileObjects(compiler, folder, objects);
  const parts = [source, ...objects.map(({ object }) => object)];
  await compile(compiler, [...flags, ...C_FLAGS, "-o", program, ...parts, ...libraries]);
  return program;
}

/**
 * Makes this machine's library; its path.
 * @returns {Promise<string>}
 */
export function build() {
  return buildFor(findCompiler(), process.platform, process.arch);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    await build();
  } catch (error) {
    const blocked = ["EACCES", "EPERM", "EROFS"].includes(error.code);
    if (!blocked && !(error instanceof SetupError)) throw error;
    say(
      blocked
        ? `may not write ${error.path}: make the folder writable for this user, and run this again.`
        : error.message,
    );
    process.exitCode = 1;
  }
}
