// The same translation for CUDA: address spaces as CUDA has them, and an entry point for each kernel.
import type { Entry, Module, Parameter } from "./read.ts";
import { maskOf } from "./text.ts";

/** What the words of the language become. A `constant` at file scope is a value, elsewhere it only means const. */
function wordFor(word: string, before: string, after: string): string {
  if (word === "kernel") return "__device__";
  if (word === "inline") return "__device__ inline";
  if (word !== "constant") return "";
  const variable = /^\s*(?:constexpr\s+)?[\w:]+\s+\w+\s*(\[[^;]*)?=/.exec(after);
  if (variable === null || !/(?:^|[;}{])\s*$/.test(before)) return "const";
  return variable[1] === undefined && !/^\s*constexpr/.test(after) ? "static constexpr" : "static __constant__ const";
}

function replaceWords(text: string): string {
  const mask = maskOf(text);
  let out = "", position = 0;
  for (const m of mask.matchAll(/\b(?:device|threadgroup|thread|constant|kernel|inline)\b/g)) {
    const end = m.index + m[0].length;
    const before = mask.slice(Math.max(0, m.index - 400), m.index);
    out += text.slice(position, m.index) + wordFor(m[0], before, mask.slice(end, end + 200));
    position = end;
  }
  return (out + text.slice(position)).replace(/\bstatic constexpr\s+constexpr\b/g, "static constexpr");
}

const index = "MSL_TID(x) + MSL_NTID(x) * (MSL_TID(y) + MSL_NTID(y) * MSL_TID(z))";
const along = (f: (axis: string) => string): string => ["x", "y", "z"].map(f).join(", ");

/** Positions as three numbers each. */
const positions: Readonly<Record<string, string>> = {
  thread_position_in_grid: along((d) => `MSL_CTA(${d}) * MSL_NTID(${d}) + MSL_TID(${d})`),
  threadgroup_position_in_grid: along((d) => `MSL_CTA(${d})`),
  thread_position_in_threadgroup: along((d) => `MSL_TID(${d})`),
  threads_per_threadgroup: along((d) => `MSL_NTID(${d})`),
  dispatch_threads_per_threadgroup: along((d) => `MSL_NTID(${d})`),
  threadgroups_per_grid: along((d) => `MSL_NCTA(${d})`),
  threads_per_grid: along((d) => `MSL_NCTA(${d}) * MSL_NTID(${d})`),
  thread_index_in_threadgroup: `${index}, 0, 0`,
  thread_index_in_simdgroup: "::msl::lane(), 0, 0",
  simdgroup_index_in_threadgroup: `(${index}) / 32, 0, 0`,
  simdgroups_per_threadgroup: "(MSL_NTID(x) * MSL_NTID(y) * MSL_NTID(z) + 31) / 32, 0, 0",
  threads_per_simdgroup: "32, 0, 0",
  thread_execution_width: "32, 0, 0",
};

function argument(p: Parameter, j: number): string {
  const type = `S::argument<${j}>::type`;
  if (p.kind === "buffer") return `::msl::Binding<${type}>::of(b${p.index})`;
  if (p.kind === "threadgroup") return `(${type})(msl_shared + t${p.index})`;
  return `::msl::Position<${type}>::of(${positions[p.attribute]})`;
}

/** extern "C" k_NAME(buffers by index as pointers, then byte offsets of threadgroup memory). */
function entryPoint({ name, call, kernel }: Entry): string {
  const parameters = kernel.parameters.filter((p) => p.kind !== "position")
    .map((p) => p.kind === "buffer" ? `void *b${p.index}` : `unsigned t${p.index}`);
  return [
    `extern "C" __global__ void k_${name}(${parameters.join(", ")}) {`,
    `  typedef ::msl::Signature<decltype(&${call})> S;`,
    `  ${call}(${kernel.parameters.map(argument).join(",\n    ")});`,
    "}",
  ].join("\n");
}

/** The CUDA file of a module whose text has been read for CUDA. */
export function writeCuda(text: string, module: Module): string {
  return [
    "#include <msl_cuda.hpp>",
    "namespace kernels {",
    replaceWords(text),
    '#line 1 "entry points"',
    "extern __shared__ __attribute__((aligned(16))) char msl_shared[];",
    ...module.entries.map(entryPoint),
    "}",
    "",
  ].join("\n");
}
