// What the native library of a platform is made of: sources, flags, and what it is linked with. On Apple Silicon it
// holds the Metal device beside the CPU's. zig builds that without Apple's SDK, from declarations and stubs of our own.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { asBytes, kernelSource } from "./kernels.mjs";
import { root } from "./setup.mjs";

const COMMON = ["-O3", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-pthread"];
const WARNINGS = ["-Wall", "-Wextra", "-Wpedantic"];
/** Files for one instruction set, by how their names end. */
const INSTRUCTION_SETS = [
  { end: "_avx2.c", arch: "x64", flags: ["-mavx2", "-mfma"] },
  {
    end: "_avx512.c",
    arch: "x64",
    flags: ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mfma"],
    // Its baseline processor has no vectors of 64 bytes until it is told so.
    zig: ["-mevex512"],
  },
  { end: "_neon.c", arch: "arm64", flags: [] },
];
const OBJECTIVE_C = ["-std=gnu11", "-fno-objc-arc", "-fblocks", "-Wall", "-Wextra"];
const FRAMEWORKS = ["-framework", "Metal", "-framework", "Foundation", "-lobjc"];
const HEADERS = "tests/metal-emulator/fake", STUBS = "tests/metal-emulator/cross/stubs";
/** The oldest macOS: 14 has Metal's language 3.1. */
const ZIG_TARGETS = { "darwin-arm64": "aarch64-macos.14.0", "darwin-x64": "x86_64-macos.11.0" };

/** Programs that need nothing of the machine they run on. */
const STATIC_TARGETS = { arm64: "aarch64-linux-musl", x64: "x86_64-linux-musl" };

/** Flags of every C file, of the library and of what tests compile. */
export const C_FLAGS = ["-std=c11", ...COMMON, "-D_GNU_SOURCE"];

/**
 * @typedef {{ file: string, flags: string[], included: string }} Unit A source, from the root; `included` is all that
 *   it may include.
 * @typedef {{ name: string, folder: string, library: string, flags: string[], units: Unit[], libraries: string[],
 *   generated: { file: string, text: string }[] }} Target The objects' folder, the file to make, flags of every call
 *   of the compiler, and files to write before.
 */

/** The files of some folders with one of the extensions, from the root. */
function filesIn(folders, ...extensions) {
  return folders.filter((folder) => existsSync(join(root, folder))).flatMap((folder) =>
    readdirSync(join(root, folder)).filter((name) => extensions.some((extension) => name.endsWith(extension))).sort()
      .map((name) => `${folder}/${name}`)
  );
}

function textOf(files) {
  return files.map((file) => readFileSync(join(root, file), "utf8")).join("\0");
}

/**
 * The flags for the instructions that a C file may use; undefined: it is for another architecture.
 * @param {string} file
 * @param {string} arch
 * @param {boolean} zig
 * @returns {string[] | undefined}
 */
export function instructionFlags(file, arch, zig) {
  const set = INSTRUCTION_SETS.find(({ end }) => file.endsWith(end));
  if (!set) return [];
  return set.arch === arch ? [...set.flags, ...(zig && set.zig ? set.zig : [])] : undefined;
}

function cUnits(arch, defines, zig) {
  const included = textOf(["ffi/tsr.h", ...filesIn(["core", "cpu", "vendor"], ".h")]);
  return filesIn(["core", "cpu", "vendor"], ".c").flatMap((file) => {
    const instructions = instructionFlags(file, arch, zig);
    return instructions ? [{ file, flags: [...C_FLAGS, ...WARNINGS, ...defines, ...instructions], included }] : [];
  });
}

/** folder is where kernels.inc will lie. */
function metalUnits(folder, defines, zig, kernels) {
  const ours = zig ? [`${HEADERS}/Metal`, `${HEADERS}/Foundation`, STUBS] : [];
  const folders = ["core", "cpu", "metal", "metal/kernels", ...ours];
  const included = textOf(["ffi/tsr.h", ...filesIn(folders, ".h", ".tbd")]) + kernels;
  const flags = [...OBJECTIVE_C, ...COMMON, ...defines, ...(zig ? ["-I", join(root, HEADERS)] : []), "-I", folder];
  return filesIn(["metal"], ".m").map((file) => ({ file, flags, included }));
}

/** What a library is linked with; the name in it is where programs that were linked with it look. */
function librariesFor(system, metal, zig) {
  if (system === "linux") return ["-pthread", "-lm", "-ldl", "-Wl,-s"];
  const stubs = filesIn([STUBS], ".tbd").map((file) => join(root, file));
  const frameworks = !metal ? [] : zig ? stubs : FRAMEWORKS;
  return ["-pthread", "-lm", "-Wl,-install_name,@rpath/libtesserae.dylib", ...frameworks];
}

/**
 * @param {string} system process.platform of where the library will run
 * @param {string} arch process.arch of that
 * @param {import("./build.mjs").Compiler} compiler
 * @returns {Target}
 */
export function targetFor(system, arch, compiler) {
  const name = `${system}-${arch}`, folder = join(root, "build", name), zig = compiler.identity.startsWith("zig");
  const metal = name === "darwin-arm64", defines = metal ? ["-DTSR_METAL"] : [];
  const kernels = metal ? kernelSource() : "";
  return {
    name,
    folder,
    library: join(root, "lib", name, `libtesserae.${system === "darwin" ? "dylib" : "so"}`),
    flags: zig && system === "darwin" ? ["-target", ZIG_TARGETS[name]] : [],
    units: [...cUnits(arch, defines, zig), ...(metal ? metalUnits(folder, defines, zig, kernels) : [])],
    libraries: librariesFor(system, metal, zig),
    generated: metal ? [{ file: join(folder, "kernels.inc"), text: asBytes(kernels) }] : [],
  };
}

/**
 * The sources of the library for a static program on Linux, which zig makes on any machine.
 * @param {"arm64" | "x64"} arch
 * @param {import("./build.mjs").Compiler} compiler
 * @returns {Target}
 */
export function staticTargetFor(arch, compiler) {
  const name = `linux-${arch}-static`, flags = ["-target", STATIC_TARGETS[arch], "-static"];
  return { ...targetFor("linux", arch, compiler), name, folder: join(root, "build", name), flags, libraries: ["-lm"] };
}
