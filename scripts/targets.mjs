// What the native library of a platform is made of: sources, flags, and what it is linked with. On Apple Silicon it
// holds the Metal device beside the CPU's. zig builds that without Apple's SDK, from declarations and stubs of our own.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { asBytes, kernelSource } from "./kernels.mjs";
import { root } from "./setup.mjs";

const COMMON = ["-O3", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-pthread"];
const WARNINGS = ["-Wall", "-Wextra", "-Wpedantic"];
const AVX2 = ["-mavx2", "-mfma"];
const OBJECTIVE_C = ["-std=gnu11", "-fno-objc-arc", "-fblocks", "-Wall", "-Wextra"];
const FRAMEWORKS = ["-framework", "Metal", "-framework", "Foundation", "-lobjc"];
const HEADERS = "tests/metal-emulator/fake", STUBS = "tests/metal-emulator/cross/stubs";
/** The oldest macOS: 14 has Metal's language 3.1. */
const ZIG_TARGETS = { "darwin-arm64": "aarch64-macos.14.0", "darwin-x64": "x86_64-macos.11.0" };

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

function cUnits(arch, defines) {
  const included = textOf(["ffi/tsr.h", ...filesIn(["core", "cpu", "vendor"], ".h")]);
  const flags = [...C_FLAGS, ...WARNINGS, ...defines];
  const files = filesIn(["core", "cpu", "vendor"], ".c").filter((file) => arch === "x64" || !file.endsWith("_avx2.c"));
  return files.map((file) => ({ file, flags: file.endsWith("_avx2.c") ? [...flags, ...AVX2] : flags, included }));
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
    units: [...cUnits(arch, defines), ...(metal ? metalUnits(folder, defines, zig, kernels) : [])],
    libraries: librariesFor(system, metal, zig),
    generated: metal ? [{ file: join(folder, "kernels.inc"), text: asBytes(kernels) }] : [],
  };
}
