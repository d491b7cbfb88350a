// Builds the fake Metal, build/emulator/libmetal_fake.so, and with it the library that has the Metal device,
// build/emulator/libtesserae.so, from core/, cpu/, vendor/ and metal/. Objects carry the hash of all that made them.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { asBytes, kernelSource } from "../../../scripts/kernels.mjs";
import { instructionFlags } from "../../../scripts/targets.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const folder = join(root, "build/emulator");
const fake = "tests/metal-emulator/fake";
const runtime = "tests/metal-emulator/runtime";
const sources = ["checks.m", "commands.m", "device.m", "encoder.m", "foundation.m", "kernels.m"];
const interfaces = ["Metal/Metal.h", "Foundation/Foundation.h"].map((name) => `${fake}/${name}`);
const contracts = ["ffi", "core", "cpu", "vendor"];
const CLANG = "clang-19";
export const PACKAGES: string = "clang-19 gobjc libblocksruntime-dev";
const COMMON = ["-O2", "-g1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra", "-pthread"];

/** What one object is made of, by what flags; `included` tells apart all that the source may include. */
interface Unit {
  readonly source: string;
  readonly flags: readonly string[];
  readonly included: string;
}

/** The tools of these builds, or what is missing; GCC knows where its Objective-C headers and library lie. */
interface Tools {
  readonly identity: string;
  readonly headers: string;
  readonly libraries: string;
}

function textOf(command: string, ...parameters: string[]): string | undefined {
  const { status, stdout } = spawnSync(command, parameters, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

function findTools(): Tools | undefined {
  const identity = textOf(CLANG, "--version")?.split("\n")[0];
  const headers = textOf("gcc", "-print-file-name=include/objc");
  const library = textOf("gcc", "-print-file-name=libobjc.so");
  if (!identity || !headers?.startsWith("/") || !library?.startsWith("/")) return undefined;
  if (!textOf(CLANG, "-print-file-name=libBlocksRuntime.so")?.startsWith("/")) return undefined;
  return { identity, headers, libraries: dirname(library) };
}

/** Why the fake cannot be built on this machine, with the command that changes that; undefined where it can. */
export function missing(): string | undefined {
  return findTools() ? undefined : `the fake Metal needs Debian's packages: apt install ${PACKAGES}`;
}

function needTools(): Tools {
  const tools = findTools();
  if (!tools) throw new Error(missing());
  return tools;
}

/**
 * What clang needs to compile a host's .m file against the fake. Only the folder objc of GCC's own headers may be
 * seen: its stdatomic.h does not suit clang.
 */
function hostFlags(): string[] {
  const { headers } = needTools();
  const include = join(folder, "include");
  mkdirSync(include, { recursive: true });
  if (!existsSync(join(include, "objc"))) symlinkSync(headers, join(include, "objc"));
  const language = ["-std=gnu11", "-fobjc-runtime=gcc", "-fno-objc-arc", "-fblocks", "-fno-exceptions"];
  return [...COMMON, ...language, "-I", join(root, fake), "-isystem", include];
}

/** What a host is linked with, beside its own objects. */
function hostLibraries(): string[] {
  const runtimes = ["-lBlocksRuntime", "-L", needTools().libraries, "-lobjc", "-ldl", "-lm", "-pthread"];
  return ["-Wl,-z,nodelete", "-Wl,--no-undefined", "-Wl,-rpath,$ORIGIN", ...runtimes];
}

function run(parameters: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(CLANG, parameters, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (text: Buffer) => output += text);
  child.stderr.on("data", (text: Buffer) => output += text);
  child.on("error", reject);
  child.on("close", (code) => code === 0 ? resolve() : reject(new Error(`${CLANG} failed:\n${output}`)));
  return promise;
}

function hashOf(...texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text).update("\0");
  return hash.digest("hex").slice(0, 16);
}

function filesOf(path: string, pattern: RegExp): string[] {
  if (!existsSync(join(root, path))) return [];
  return readdirSync(join(root, path)).filter((name) => pattern.test(name)).sort().map((name) => `${path}/${name}`);
}

/** Writes a file under a name of its own first, so that two builds at once do no harm. */
async function make(output: string, parameters: readonly string[]): Promise<void> {
  const part = `${output}.${process.pid}`;
  await run([...parameters, "-o", part]);
  renameSync(part, output);
}

function hashOfFiles(files: readonly string[]): string {
  return hashOf(...files.map((file) => readFileSync(join(root, file), "utf8")));
}

/** Hash of the headers in some folders. */
function headersIn(...folders: string[]): string {
  return hashOfFiles(folders.flatMap((path) => filesOf(path, /\.h$/)));
}

/** Compiles and links what has changed; the library's path. */
async function link(name: string, units: readonly Unit[], libraries: readonly string[]): Promise<string> {
  const objects = join(folder, "objects"), output = join(folder, name), stamp = join(objects, `${name}.txt`);
  mkdirSync(objects, { recursive: true });
  const { identity } = needTools();
  const made = units.map(({ source, flags, included }) => {
    const hash = hashOf(identity, included, ...flags, readFileSync(join(root, source), "utf8"));
    return { source, flags, object: join(objects, `${source.replaceAll("/", "-")}-${hash}.o`) };
  });
  const all = made.map(({ object }) => object), current = hashOf(...all, ...libraries);
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, "utf8") === current) return output;
  const waiting = made.filter(({ object }) => !existsSync(object));
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await make(next.object, [...next.flags, "-c", next.source]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  await make(output, ["-shared", ...all, ...libraries]);
  writeFileSync(stamp, current);
  return output;
}

/** How all is built: with these flags, under a name that ends so. */
interface Variant {
  readonly suffix: string;
  readonly flags: readonly string[];
}

const ordinary: Variant = { suffix: "", flags: [] };

/**
 * Each access to memory, each undefined operation is looked at, in the fake and in all that drives the device; the
 * first bad one is the end.
 */
const watched: Variant = {
  suffix: "_sanitized",
  flags: ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-shared-libsan", "-fno-omit-frame-pointer"],
};

/** build/emulator/libmetal_fake.so. */
export function buildFake(variant: Variant = ordinary): Promise<string> {
  const flags = [...hostFlags(), ...variant.flags],
    included = hashOf(hashOfFiles(interfaces), headersIn(fake, runtime));
  const units = sources.map((name) => ({ source: `${fake}/${name}`, flags, included }));
  return link(`libmetal_fake${variant.suffix}.so`, units, [...hostLibraries(), ...variant.flags]);
}

/**
 * Compiles hosts (.m and .c files, paths from the root) into one library that is linked to the fake.
 * @param name file name in build/emulator
 * @param flags beside those of every host
 * @param generated what .m files include beside the headers of the tree
 */
export async function buildHost(
  name: string,
  files: readonly string[],
  flags: readonly string[] = [],
  generated = "",
  variant: Variant = ordinary,
): Promise<string> {
  await buildFake(variant);
  const c = { flags: [...COMMON, "-std=c11", "-O3", "-D_GNU_SOURCE", ...flags], included: headersIn(...contracts) };
  const objectiveC = {
    flags: [...hostFlags(), ...flags, ...variant.flags],
    included: hashOf(c.included, hashOfFiles(interfaces), headersIn("metal", "metal/kernels"), generated),
  };
  const units = files.map((source) => {
    if (source.endsWith(".m")) return { source, ...objectiveC };
    const more = source.startsWith("core/") ? variant.flags : instructionFlags(source, process.arch, false) ?? [];
    return { source, ...c, flags: [...c.flags, ...more] };
  });
  const libraries = ["-L", folder, `-lmetal_fake${variant.suffix}`, ...hostLibraries(), ...variant.flags];
  return link(name, units, libraries);
}

/** A change to one file of the library. */
export interface Planted {
  /** Names the library: build/emulator/libNAME.so. */
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** The changed copy of a file; what is to be changed must be there once. */
function plant({ name, file, from, to }: Planted): string {
  const parts = readFileSync(join(root, file), "utf8").split(from);
  if (parts.length !== 2) throw new Error(`${name}: ${file} has ${parts.length - 1} times "${from}"; one is needed`);
  const copy = join("build/emulator/planted", `${name}-${basename(file)}`);
  mkdirSync(join(folder, "planted"), { recursive: true });
  writeFileSync(join(root, copy), parts.join(to));
  return copy;
}

/** build/emulator/libtesserae.so: all of the library, with Metal as the fake. */
export function buildLibrary(planted?: Planted, variant: Variant = ordinary): Promise<string> {
  const include = join(folder, "include"), text = kernelSource(), bytes = join(include, "kernels.inc");
  mkdirSync(include, { recursive: true });
  writeFileSync(`${bytes}.${process.pid}`, asBytes(text));
  renameSync(`${bytes}.${process.pid}`, bytes);
  const files = ["core", "cpu", "metal", "vendor"].flatMap((path) => filesOf(path, /\.[cm]$/))
    .filter((path) => instructionFlags(path, process.arch, false))
    .map((path) => path === planted?.file ? plant(planted) : path);
  const flags = ["-DTSR_METAL", "-I", join(root, "metal")];
  return buildHost(`lib${planted?.name ?? "tesserae"}${variant.suffix}.so`, files, flags, text, variant);
}

/** The library, and the fake, watched by AddressSanitizer and UBSan, whose library must be in the process before it. */
export async function buildSanitized(planted?: Planted): Promise<{ library: string; preload: string }> {
  const preload = textOf(
    CLANG,
    `-print-file-name=libclang_rt.asan-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so`,
  );
  if (!preload?.startsWith("/")) throw new Error("AddressSanitizer is missing: apt install libclang-rt-19-dev");
  return { library: await buildLibrary(planted, watched), preload };
}

if (import.meta.main) {
  const [what] = process.argv.slice(2);
  console.log(what === "fake" ? await buildFake() : await buildLibrary());
}
