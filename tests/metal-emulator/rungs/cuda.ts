// Rung 9: the kernels as CUDA, on a GPU of NVIDIA's: real SIMD-groups, and a compiler that nobody here wrote. The
// library's host drives them through the fake Metal, each launch beside the same launch in the emulator. It is
// `npm run verify:cuda`; with --prepare only what needs clang is made, with --prepared that is taken as it is: for a
// machine that has nvcc but no clang. Skipped where there is no nvcc or no GPU; with CI=true that is a failure.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { buildEmulator, findCompiler, metalFiles } from "../build.ts";
import { buildFake, buildLibrary } from "../fake/build.ts";
import { generate } from "../generate.ts";
import { wheel } from "./wheel.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const own = here("cuda");
const include = here("../include/cuda");
/** All that a GPU machine needs beside the tree; what nvcc makes goes into a folder of its own in there. */
const folder = join(root, "build/cuda");
const made = join(folder, "made");
/** Names of all our kernels, a line each. */
const list = join(folder, "kernels.txt");
const cases = "tests/metal-emulator/rungs/cuda_cases.ts";
/** Test files whose numbers come from kernels, of those that end in a minute: a launch copies its operands twice. */
const suites = ["apply", "basis", "cholesky", "getrf", "lu", "matmul", "solve"];
const tools = ["memcheck", "racecheck", "synccheck"];
const STEP_MS = 280_000;
const BUNDLED = ["libobjc.so.4", "libBlocksRuntime.so.0"];

// ---- what needs clang ----

interface Translated {
  readonly name: string;
  readonly text: string;
  readonly kernels: readonly string[];
}

/** The CUDA text of a .metal file, with its list of entry points and function constants. */
function translated(path: string, external: boolean, preprocessor: readonly string[]): Translated {
  const { command } = findCompiler();
  const { name, cpp, module } = generate(path, { compiler: command, cuda: true, external, preprocessor });
  const kernels = module.entries.map((e) => e.name);
  const entries = kernels.map((kernel) => `{"${kernel}", (const void *)kernels::k_${kernel}}`);
  const constants = module.constants.map((c) =>
    `{${c.index}, (const void *)&kernels::${c.name}, sizeof kernels::${c.name}}`
  );
  const array = (type: string, of: string, rows: string[]): string =>
    `static const ${type} ${of}[] = {${[...rows, "{}"].join(",\n  ")}};`;
  const text = [
    `${cpp}#include "launch.hpp"`,
    array("cuda_kernel", "cuda_kernels_here", entries),
    array("cuda_constant", "cuda_constants_here", constants),
    `extern "C" const cuda_module cuda_module_${name};`,
    `extern "C" const cuda_module cuda_module_${name} = {cuda_kernels_here, cuda_constants_here};`,
    "",
  ].join("\n");
  return { name, text, kernels };
}

/** The list of lists, for a program with these modules. */
function registry(names: readonly string[]): string {
  const declared = names.map((name) => `extern "C" const cuda_module cuda_module_${name};\n`).join("");
  const rows = [...names.map((name) => `&cuda_module_${name}`), "nullptr"].join(", ");
  return `#include "launch.hpp"\n${declared}const cuda_module *const cuda_modules[] = {${rows}};\n`;
}

/** MLX's constructors are not marked for the device, Metal needs no mark; its loops are to be unrolled by nvcc too. */
function suited(text: string): string {
  return text.replace(/\b(Transform\w+)\(const float/g, "__device__ $1(const float")
    .replaceAll("#pragma clang loop unroll(full)", "#pragma unroll");
}

async function prepare(): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const [library, fake, { plain }] = [await buildLibrary(), await buildFake(), await buildEmulator()];
  copyFileSync(library, join(folder, "libtesserae.so"));
  copyFileSync(fake, join(folder, "libmetal_fake.so"));
  copyFileSync(plain, join(folder, "libkernels.so"));
  for (const name of BUNDLED) {
    const path = spawnSync("gcc", [`-print-file-name=${name}`], { encoding: "utf8" }).stdout.trim();
    if (existsSync(path)) copyFileSync(path, join(folder, name));
  }
  const modules = metalFiles(join(root, "metal/kernels")).map((path) => translated(path, false, []));
  for (const { name, text } of modules) writeFileSync(join(folder, `${name}.cu`), text);
  writeFileSync(join(folder, "modules.cpp"), registry(modules.map(({ name }) => name)));
  writeFileSync(list, modules.flatMap(({ kernels }) => kernels).join("\n"));
  const mlx = wheel();
  if ("missing" in mlx) console.log(`no times beside MLX's kernel: ${mlx.missing}`);
  else {
    const { text } = translated(here("cuda/mlx_product.metal"), true, ["-I", join(mlx.folder, "mlx/include")]);
    writeFileSync(join(folder, "mlx_product.cu"), suited(text));
    writeFileSync(join(folder, "timed.cpp"), registry(["gemm", "mlx_product"]));
  }
  console.log(`${modules.length} files of kernels translated into ${folder}`);
}

// ---- what needs nvcc and the GPU ----

interface Outcome {
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: number;
}

function execute(command: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const start = performance.now();
  const child = spawn(command[0]!, command.slice(1), { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (text: Buffer) => output += text);
  child.stderr.on("data", (text: Buffer) => output += text);
  const timer = setTimeout(() => {
    output += `\nnot done after ${STEP_MS / 1000} s`;
    child.kill("SIGKILL");
  }, STEP_MS);
  const settle = (ok: boolean): void => {
    clearTimeout(timer);
    resolve({ ok, output, seconds: (performance.now() - start) / 1000 });
  };
  child.on("error", (error) => {
    output += `\n${error.message}`;
    settle(false);
  });
  child.on("close", (code) => settle(code === 0));
  return promise;
}

/** Does the work at most so many at a time; what came of it in the order of the items. */
async function several<T, R>(items: readonly T[], most: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i]!);
  };
  await Promise.all(Array.from({ length: most }, worker));
  return results;
}

let failures = 0;

function tell(what: string, { ok, output, seconds }: Outcome, note = ""): void {
  console.log(`${what.padEnd(40)} ${ok ? "ok" : "FAILED"} ${seconds.toFixed(1).padStart(6)} s${note}`);
  if (ok) return;
  failures++;
  console.log(output.split("\n").slice(-40).map((line) => `    ${line.slice(0, 300)}`).join("\n"));
}

/** Why there is nothing to do here; undefined where there is. */
function missing(): string | undefined {
  if (spawnSync("nvcc", ["--version"]).status !== 0) return "no nvcc on PATH: install NVIDIA's CUDA toolkit";
  if (spawnSync("nvidia-smi", ["-L"]).status !== 0) return "nvidia-smi finds no GPU of NVIDIA's";
  return undefined;
}

const flags = ["-arch=native", "-std=c++17", "-O3", "-fmad=false", "-lineinfo", "-Xcompiler", "-fPIC", "-w"];

async function compile(): Promise<boolean> {
  mkdirSync(made, { recursive: true });
  const generated = readdirSync(folder).filter((name) => /\.(?:cu|cpp)$/.test(name));
  const programs = ["launch.cu", ...(generated.includes("timed.cpp") ? ["time.cu"] : [])];
  const sources = [...generated.map((name) => join(folder, name)), ...programs.map((name) => join(own, name))];
  const objectOf = (source: string): string => join(made, `${source.split("/").at(-1)!.replace(/\.\w+$/, "")}.o`);
  const outcomes = await several(sources, availableParallelism(), (source) => {
    const mlx = source.endsWith("mlx_product.cu") ? ["-include", join(own, "mlx_cuda.hpp")] : [];
    return execute(["nvcc", ...flags, ...mlx, "-I", include, "-I", own, "-c", source, "-o", objectOf(source)]);
  });
  sources.forEach((source, i) => tell(`nvcc ${source.split("/").at(-1)}`, outcomes[i]!));
  if (failures > 0) return false;
  const apart = ["mlx_product", "time", "timed"].map((name) => join(made, `${name}.o`));
  const ours = sources.map(objectOf).filter((path) => !apart.includes(path));
  const library = join(folder, "libcuda_kernels.so");
  tell("link libcuda_kernels.so", await execute(["nvcc", "-shared", "-o", library, ...ours, "-ldl"]));
  if (!programs.includes("time.cu")) return failures === 0;
  const timed = [...apart, join(made, "gemm.o")];
  tell("link time", await execute(["nvcc", "-o", join(made, "time"), ...timed]));
  return failures === 0;
}

/** The environment in which the library opens the device whose kernels are the GPU's. */
const onGpu = (report: string): NodeJS.ProcessEnv => ({
  ...process.env,
  TSR_LIB: join(folder, "libtesserae.so"),
  TSR_DEVICE: "metal",
  TSR_EMULATED_KERNELS: join(folder, "libcuda_kernels.so"),
  TSR_CUDA_REPORT: report,
  LD_LIBRARY_PATH: [folder, process.env["LD_LIBRARY_PATH"] ?? ""].filter((path) => path !== "").join(":"),
  NO_COLOR: "1",
});

interface Tally {
  readonly launches: number;
  readonly groups: number;
  readonly words: number;
  readonly differing: number;
  readonly worst: number;
}

/** Sums up reports as launch.cu writes them: 40 bytes of name and five numbers a kernel. */
function readReports(paths: readonly string[]): Map<string, Tally> {
  const sums = new Map<string, Tally>();
  for (const path of paths.filter((path) => existsSync(path))) {
    const bytes = readFileSync(path);
    for (let at = 0; at + 80 <= bytes.length && bytes[at] !== 0; at += 80) {
      const name = bytes.subarray(at, bytes.indexOf(0, at)).toString();
      const numbers = [0, 1, 2, 3, 4].map((i) => bytes.readDoubleLE(at + 40 + 8 * i));
      const [launches, groups, words, differing, worst] = numbers;
      const old = sums.get(name) ?? { launches: 0, groups: 0, words: 0, differing: 0, worst: 0 };
      sums.set(name, {
        launches: old.launches + launches!,
        groups: old.groups + groups!,
        words: old.words + words!,
        differing: old.differing + differing!,
        worst: Math.max(old.worst, worst!),
      });
    }
  }
  return sums;
}

function tellKernels(reports: readonly string[]): void {
  const names = readFileSync(list, "utf8").split("\n");
  const sums = readReports(reports);
  console.log("kernel                launches    groups  words written  differing (from the emulator), worst in ulp");
  for (const name of names) {
    const s = sums.get(name);
    const line = s
      ? `${String(s.launches).padStart(9)} ${String(s.groups).padStart(9)} ${String(s.words).padStart(14)} ` +
        `${String(s.differing).padStart(12)} ${s.worst.toPrecision(3)}`
      : " never launched";
    if (!s) failures++;
    console.log(`${name.padEnd(20)} ${line}`);
  }
}

const reportOf = (name: string): string => join(made, `report-${name}`);

/** The cases of this rung; they come first, and without them the rest says nothing. */
async function runCases(): Promise<void> {
  rmSync(reportOf("cases"), { force: true });
  const outcome = await execute([process.execPath, cases], onGpu(reportOf("cases")));
  tell("cases against float64", outcome);
  if (outcome.ok) console.log(outcome.output.trimEnd());
}

async function runSuites(): Promise<void> {
  for (const name of suites) rmSync(reportOf(name), { force: true });
  const outcomes = await several(suites, Math.ceil(availableParallelism() / 2), (name) => {
    const parameters = ["test", `--timeout=${STEP_MS}`, "--only-failures", `./tests/${name}.test.ts`];
    return execute([process.execPath, ...parameters], onGpu(reportOf(name)));
  });
  suites.forEach((name, i) => {
    const counts = /(\d+) pass[\s\S]*?(\d+) fail/.exec(outcomes[i]!.output);
    tell(`tests/${name}.test.ts`, outcomes[i]!, counts ? `  ${counts[1]} passed, ${counts[2]} failed` : "");
  });
}

async function runTimes(): Promise<void> {
  if (!existsSync(join(made, "time"))) return;
  const outcome = await execute([join(made, "time")]);
  tell("times", outcome);
  if (outcome.ok) console.log(outcome.output.trimEnd());
}

async function sanitize(): Promise<void> {
  const outcomes = await several(tools, tools.length, (tool) => {
    const checker = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "9", "--print-limit", "20"];
    return execute([...checker, process.execPath, cases], onGpu(reportOf(tool)));
  });
  tools.forEach((tool, i) => {
    const summary = /={9} (?:ERROR|RACECHECK) SUMMARY:.*/.exec(outcomes[i]!.output)?.[0].slice(10) ?? "no summary";
    tell(`compute-sanitizer ${tool}`, outcomes[i]!, `  ${summary}`);
  });
}

const [mode = ""] = process.argv.slice(2);
if (!["", "--prepare", "--prepared"].includes(mode)) {
  console.error("usage: verify:cuda [--prepare | --prepared]");
  process.exit(2);
}
const why = mode === "--prepare" ? undefined : missing();
if (why !== undefined) {
  console.log(`rung 9 skipped: ${why}`);
  process.exit(process.env["CI"] === "true" ? 1 : 0);
}
if (mode !== "--prepared") await prepare();
if (mode !== "--prepare" && await compile()) {
  await runCases();
  await runTimes();
  await sanitize();
  await runSuites();
  tellKernels(["cases", ...suites].map(reportOf));
}
process.exit(failures > 0 ? 1 : 0);
