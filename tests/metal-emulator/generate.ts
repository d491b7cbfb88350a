// The generator: a .metal file as C++ for the emulator. See README.md for what it takes and what it refuses.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { writeCuda } from "./generator/cuda.ts";
import { foldOverloads } from "./generator/fold.ts";
import { resolveText } from "../../scripts/kernels.mjs";
import { type Module, readModule } from "./generator/read.ts";
import { Refusal, Text } from "./generator/text.ts";
import { writeTables } from "./generator/write.ts";

const include = fileURLToPath(new URL("include", import.meta.url));

export interface Options {
  /** Command line of a clang of version 15 or later, or of zig c++. */
  readonly compiler: readonly string[];
  /**
   * Sources that are not our own: headers are found by the compiler along `preprocessor`, and the text may define
   * things in namespace metal, so it is not put into an unnamed namespace.
   */
  readonly external?: boolean;
  /** CUDA instead of the emulator's C++. */
  readonly cuda?: boolean;
  /** -I and -D for the preprocessor. */
  readonly preprocessor?: readonly string[];
}

export interface Generated {
  readonly name: string;
  readonly cpp: string;
  readonly module: Module;
}

/** A name that C++ can have, from a file's. */
export const moduleName = (path: string): string => basename(path).replace(/\.metal$/, "").replace(/\W/g, "_");

/** Macros and own headers expanded by clang; the words of Metal's library stay in the text, and so do line markers. */
function preprocess(text: string, folder: string, options: Options): string {
  const [program, ...first] = options.compiler;
  const defines = ["EMULATOR_TEXT_PASS", "__METAL__=1", "__METAL_MACOS__=1", "__METAL_VERSION__=310"];
  const parameters = [
    ...["-E", "-x", "c++", "-std=c++17", "-undef", "-nostdinc", "-nostdinc++", "-Wno-builtin-macro-redefined"],
    ...["-D__cplusplus=201402L", "-D__cpp_variable_templates=201304"],
    ...[...defines.map((d) => `-D${d}`), "-isystem", include, ...(options.preprocessor ?? []), "-"],
  ];
  const { status, stdout, stderr, error } = spawnSync(program!, [...first, ...parameters], {
    input: text,
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (error) throw error;
  if (status !== 0) throw new Refusal(stderr.trimEnd());
  return stdout;
}

/** What the language has and C++ has not: constructors of vec<T, N>, and literals of half and bfloat. */
function rewriteForms(text: Text): void {
  for (const m of text.mask.matchAll(/\bvec\s*</g)) {
    const end = text.closeAngle(m.index + m[0].length - 1);
    if (end < 0 || !/^\s*\(/.test(text.mask.slice(end + 1, end + 20))) continue;
    if (/\boperator\s+(?:metal\s*::\s*)?$/.test(text.mask.slice(Math.max(0, m.index - 40), m.index))) continue;
    text.edit(m.index, m.index + 3, "make_vec");
  }
  for (const m of text.mask.matchAll(/(?<![\w.])((?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)(bf|BF|h|H)\b/g)) {
    const [, digits, suffix] = m as unknown as [string, string, string];
    const number = /[.eE]/.test(digits) ? digits : `${digits}.`;
    text.edit(m.index, m.index + m[0].length, `(${/h/i.test(suffix) ? "half" : "bfloat"})(${number}f)`);
  }
}

/** Translates one file. Throws a Refusal for what is outside the subset. */
export function generate(path: string, options: Options): Generated {
  return translate(path, options.external ? readFileSync(path, "utf8") : resolveText(path), options);
}

/** Translates a text as if it stood in the file. */
export function translate(path: string, source: string, options: Options): Generated {
  const name = moduleName(path), marked = options.external ? `#line 1 "${basename(path)}"\n${source}` : source;
  const text = new Text(basename(path), preprocess(marked, dirname(path), options));
  foldOverloads(text);
  const module = readModule(text, options.cuda ?? false);
  rewriteForms(text);
  text.settle();
  if (options.cuda) return { name, cpp: writeCuda(text.result(), module), module };
  const [open, close] = options.external ? ["", ""] : ["namespace {", "}"];
  const library = options.external ? "msl_internal.hpp" : "metal_stdlib";
  const cpp = `#include <${library}>\n${open}\n${text.result()}${writeTables(name, module, source, close)}`;
  return { name, cpp, module };
}

const usage =
  "usage: generate.ts IN.metal OUT [--cuda] [--external] [--compiler CLANG++] [-I DIR]... [-D NAME[=VALUE]]...";

function main(parameters: string[]): void {
  const files: string[] = [], preprocessor: string[] = [];
  let external = false, cuda = false, compiler = "clang++-19";
  for (let word = parameters.shift(); word !== undefined; word = parameters.shift()) {
    if (word === "--external") external = true;
    else if (word === "--cuda") cuda = true;
    else if (word === "--compiler") compiler = parameters.shift() ?? compiler;
    else if (word === "-I" || word === "-D") preprocessor.push(word, parameters.shift() ?? "");
    else if (/^-[ID]/.test(word)) preprocessor.push(word);
    else files.push(word);
  }
  if (files.length !== 2) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }
  try {
    const { cpp, module } = generate(join(files[0]!), { compiler: compiler.split(" "), external, cuda, preprocessor });
    writeFileSync(files[1]!, cpp);
    console.error(`${files[0]}: ${module.entries.length} kernels, ${module.constants.length} function constants`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main(process.argv.slice(2));
