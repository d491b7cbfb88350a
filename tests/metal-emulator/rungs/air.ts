// Rung 8: kernels as Apple's compiler left them in MLX's metallib (AIR, LLVM's bitcode), compiled for this machine and
// linked with the emulator's runtime, so that they can be run beside our translation of their source.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const emulator = fileURLToPath(new URL("..", import.meta.url));
const build = fileURLToPath(new URL("../../../build/emulator-air", import.meta.url));
const DISASSEMBLER = "llvm-dis-19";
const CLANG = "clang++-19";
/** Bytes for a thread: AIR's matrices have 64 elements each. */
const STACK = 1 << 20;
const FLAGS = ["-fPIC", "-ffp-contract=off", "-O1", ...(process.arch === "x64" ? ["-mfma", "-mf16c"] : [])];

/** What is missing here to run AIR, with the command that changes that; undefined where nothing is. */
export function lacksLlvm(): string | undefined {
  const missing = [DISASSEMBLER, CLANG].filter((tool) => spawnSync(tool, ["--version"]).status !== 0);
  return missing.length === 0 ? undefined : `${missing.join(" and ")} not found: apt-get install -y clang-19 llvm-19`;
}

/** The bitcode of some functions of a metallib. */
function readMetallib(path: string, names: readonly string[]): Map<string, Uint8Array> {
  const file = openSync(path, "r");
  const read = (at: number, size: number): Buffer => {
    const bytes = Buffer.alloc(size);
    if (readSync(file, bytes, 0, size, at) !== size) throw new Error(`${path} ends before byte ${at + size}`);
    return bytes;
  };
  const head = read(0, 88), number = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));
  if (head.toString("latin1", 0, 4) !== "MTLB") throw new Error(`${path} is no metallib`);
  const code = number(head, 72), table = read(number(head, 24), number(head, 32) + 8);
  const found = new Map<string, Uint8Array>();
  for (let i = 0, entry = 4; i < table.readUInt32LE(0); i++, entry += table.readUInt32LE(entry)) {
    let name = "", offset = 0, size = 0;
    for (let at = entry + 4; table.toString("latin1", at, at + 4) !== "ENDT"; at += 6 + table.readUInt16LE(at + 4)) {
      const tag = table.toString("latin1", at, at + 4), value = table.subarray(at + 6);
      if (tag === "NAME") name = value.toString("latin1", 0, value.indexOf(0));
      else if (tag === "OFFT") offset = number(value, 16);
      else if (tag === "MDSZ") size = number(value, 0);
    }
    if (names.includes(name)) found.set(name, read(code + offset, size));
  }
  closeSync(file);
  return found;
}

/** The parts of `{a, "b, c", {d}}` between commas at the top. */
function items(text: string): string[] {
  const out: string[] = [];
  let depth = 0, quoted = false, from = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = text[i] ?? ",";
    if (c === '"') quoted = !quoted;
    else if (!quoted && "({[<".includes(c)) depth++;
    else if (!quoted && ")}]>".includes(c)) depth--;
    else if (!quoted && depth === 0 && c === ",") {
      out.push(text.slice(from, i).trim());
      from = i + 1;
    }
  }
  return out;
}

const cTypes: Readonly<Record<string, string>> = { i8: "uint8_t", i16: "uint16_t", i32: "uint32_t", float: "uint32_t" };

function cType(type: string): string {
  if (type.startsWith("ptr")) return "void *";
  const [, lanes, of] = /^<(\d) x (i\d+)>/.exec(type) ?? [];
  if (lanes === undefined) return cTypes[/^\w+/.exec(type)![0]]!;
  return of === "i32" ? `uint${lanes}` : `ushort${lanes}`;
}

/** What is read from the text of a kernel's module. */
interface Kernel {
  readonly name: string;
  /** Types of the parameters in C. */
  readonly types: readonly string[];
  /** Expressions of the emulator's that give them. */
  readonly bound: readonly string[];
  readonly constants: readonly { readonly symbol: string; readonly index: number; readonly type: string }[];
  readonly predicates: readonly string[];
}

function readKernel(name: string, text: string): Kernel {
  const nodes = new Map([...text.matchAll(/^!(\d+) = (?:distinct )?!\{(.*)\}$/gm)].map((m) => [m[1]!, m[2]!]));
  const node = (reference: string): string[] => items(nodes.get(reference.slice(1)) ?? "");
  const [, , list] = node(/^!air\.kernel = !\{(!\d+)\}/m.exec(text)![1]!);
  const signature = /^define weak_odr void @[^\n(]*\((.*)\) local_unnamed_addr/m.exec(text)![1]!;
  const types = items(signature).map(cType);
  const bound = node(list!).map((reference, i) => {
    const words = node(reference).map((word) => word.replace(/^!?"|"$/g, ""));
    const after = (key: string): string => words[words.indexOf(key) + 1]!;
    if (!words.includes("air.buffer")) return `emulator::${words[1]!.replace("air.", "")}<${types[i]}>()`;
    const buffer = `emulator::buffer<void *>(${after("air.location_index").replace("i32 ", "")}, "${words.at(-1)}")`;
    if (!words.includes("air.function_constant")) return buffer;
    const predicate = /@([\w.]+)/.exec(node(after("air.function_constant"))[0]!)![1]!;
    return `PREDICATE(${predicate}) ? ${buffer} : emulator::machine.disabled`;
  });
  const constants = [...text.matchAll(/^@(\S*\.MTL_FC_INIT_(\d+)_\w+) = .* constant (\w+) undef/gm)]
    .map((m) => ({ symbol: m[1]!, index: Number(m[2]), type: cTypes[m[3]!]! }));
  const predicates = [...new Set([...text.matchAll(/@(__metal_implicit_fc_pred_[\w.]+)/g)].map((m) => m[1]!))];
  return { name, types, bound, constants, predicates };
}

/**
 * The module for this machine: what the driver would set becomes global under a name of its own, and so does
 * threadgroup memory, which other fibers change behind a barrier. llvm.fmuladd leaves it to the backend to fuse a*b+c;
 * it is not fused here, as it is not in our translations.
 */
function retarget(text: string, kernel: Kernel): string {
  let ll = text.replace(/^target .*\n/gm, "").replace(/^@llvm\.(?:global_ctors|compiler\.used).*\n/gm, "")
    .replace(/,? section "air[^"]*"/g, "")
    .replace(/^(@\S+ =) internal unnamed_addr (addrspace\(3\) global)/gm, "$1 $2")
    .replace(/^(@\S*\.MTL_FC_INIT_\S+ =) .* constant (\w+) undef/gm, "$1 addrspace(2) global $2 0")
    .replace(/^(@__metal_implicit_fc_pred_\S+ =) internal/gm, "$1")
    .replaceAll("@llvm.fmuladd.f32(", "@air_multiply_add(")
    .replace(/^define weak_odr void/m, "define void");
  for (const symbol of [...kernel.constants.map((c) => c.symbol), ...kernel.predicates]) {
    ll = ll.replace(new RegExp(`@${symbol.replaceAll(".", "\\.")}(?![\\w.])`, "g"), `@"${kernel.name}.${symbol}"`);
  }
  const start = /^define internal void (@\S*_GLOBAL__sub_I\S*)\(\)/m.exec(ll)?.[1];
  return `${ll}\ndefine void @"${kernel.name}.start"() {\n${start ? `  call void ${start}()\n` : ""}  ret void\n}\n`;
}

/** C++ that declares what a kernel's module defines, and calls the kernel as the emulator wants it. */
function glueOf({ name, types, bound, constants, predicates }: Kernel, i: number): string {
  const flag = (predicate: string): string => `predicate${i}_${predicates.indexOf(predicate)}`;
  const calls = bound.map((text) => text.replace(/PREDICATE\(([\w.]+)\)/, (_, predicate: string) => flag(predicate)));
  return [
    'extern "C" {',
    `void kernel${i}(${types.join(", ")}) __asm__("${name}");`,
    `void start${i}() __asm__("${name}.start");`,
    ...constants.map((c) => `extern ${c.type} constant${i}_${c.index} __asm__("${name}.${c.symbol}");`),
    ...predicates.map((predicate) => `extern uint8_t ${flag(predicate)} __asm__("${name}.${predicate}");`),
    "}",
    `static void run${i}() {`,
    ...constants.map((c) => `  constant${i}_${c.index} = constant(${c.index});`),
    `  start${i}();`,
    `  kernel${i}(${calls.join(",\n    ")});`,
    "}",
  ].join("\n");
}

function glue(kernels: readonly Kernel[]): string {
  return [
    '#include "machine.hpp"',
    ...["uint", "ushort"].flatMap((type) =>
      [2, 3].map((lanes) =>
        `typedef ${
          type === "uint" ? "uint32_t" : "uint16_t"
        } ${type}${lanes} __attribute__((ext_vector_type(${lanes})));`
      )
    ),
    "static uint32_t constant(uint32_t index) {",
    "  const auto &slot = emulator::machine.constant[index % emulator::CONSTANT_SLOTS];",
    "  return slot.set && slot.index == index ? slot.bits : 0;",
    "}",
    ...kernels.map(glueOf),
    "static const emulator_kernel kernels[] = {",
    ...kernels.map(({ name }, i) => `  {"${name}", run${i}, nullptr, 0, 0, "air", 0},`),
    "};",
    'extern "C" const emulator_module emulator_module_air;',
    `const emulator_module emulator_module_air = {"air", "", 0, kernels, ${kernels.length}, nullptr, 0};`,
    'extern "C" const emulator_module *const emulator_modules[];',
    "const emulator_module *const emulator_modules[] = {&emulator_module_air, nullptr};",
    'extern "C" const uint32_t emulator_is_checked;',
    "const uint32_t emulator_is_checked = 0;",
    "",
  ].join("\n");
}

function compile(folder: string, parameters: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(CLANG, [...FLAGS, ...parameters], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr.on("data", (text: Buffer) => output += text);
  child.on("error", reject);
  child.on("close", (code) => code === 0 ? resolve() : reject(new Error(`${CLANG} failed:\n${output}`)));
  return promise;
}

async function make(metallib: string, names: readonly string[], folder: string): Promise<void> {
  const bitcode = readMetallib(metallib, names), kernels: Kernel[] = [];
  const objects: [object: string, parameters: string[]][] = [];
  for (const [i, name] of names.entries()) {
    const input = bitcode.get(name);
    if (!input) throw new Error(`${metallib} has no function ${name}`);
    const { status, stdout, stderr } = spawnSync(DISASSEMBLER, ["-o", "-", "-"], { input, maxBuffer: 1 << 28 });
    if (status !== 0) throw new Error(`${DISASSEMBLER}: ${stderr}`);
    const text = stdout.toString("utf8"), kernel = readKernel(name, text);
    kernels.push(kernel);
    writeFileSync(join(folder, `${i}.ll`), retarget(text, kernel));
    objects.push([`${i}.o`, ["-Wno-override-module", "-c", `${i}.ll`]]);
  }
  writeFileSync(join(folder, "glue.cpp"), glue(kernels));
  const shared = ["-std=c++20", "-fvisibility=hidden", "-Wno-unknown-attributes", `-DEMULATOR_STACK=${STACK}`];
  const cpp = [...shared, "-I", join(emulator, "runtime")];
  const runtime = readdirSync(join(emulator, "runtime")).filter((name) => name.endsWith(".cpp"));
  for (const path of ["glue.cpp", ...runtime.map((name) => join(emulator, "runtime", name))]) {
    objects.push([`${objects.length}.o`, [...cpp, "-c", path]]);
  }
  const air = join(emulator, "rungs");
  objects.push(["air.o", [...cpp, "-isystem", join(emulator, "include"), "-c", join(air, "air.cpp")]]);
  objects.push(["matrices.o", ["-Wno-override-module", "-c", join(air, "air.ll")]]);
  const waiting = [...objects];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await compile(folder, [...next[1], "-o", next[0]]);
  };
  await Promise.all([worker(), worker()]);
  const resident = process.platform === "linux" ? ["-Wl,-z,nodelete", "-Wl,-z,defs"] : [];
  await compile(folder, ["-shared", ...resident, ...objects.map(([object]) => object), "-o", "libair.so"]);
}

function textsOf(folder: string): string[] {
  return readdirSync(join(emulator, folder), { withFileTypes: true }).filter((entry) => entry.isFile())
    .map(({ name }) => readFileSync(join(emulator, folder, name), "utf8"));
}

/** A library of the emulator with some functions of a metallib under their own names. */
export async function buildAir(metallib: string, names: readonly string[]): Promise<string> {
  const own = ["rungs/air.ts", "rungs/air.cpp", "rungs/air.ll"].map((file) =>
    readFileSync(join(emulator, file), "utf8")
  );
  const hash = createHash("sha256").update(
    [metallib, ...names, ...own, ...textsOf("include"), ...textsOf("runtime")].join("\0"),
  );
  const folder = join(build, hash.digest("hex").slice(0, 16)), library = join(folder, "libair.so");
  if (existsSync(library)) return library;
  const part = `${folder}.${process.pid}`;
  mkdirSync(part, { recursive: true });
  await make(metallib, names, part);
  if (!existsSync(folder)) renameSync(part, folder);
  rmSync(part, { recursive: true, force: true });
  return library;
}
