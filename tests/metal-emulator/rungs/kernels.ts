// Rungs 0 and 1, which look at the kernels' text and run nothing: words and forms outside our subset of the language,
// and the types of the translated text with every address space distinct, as C++14.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { resolveText } from "../../../scripts/kernels.mjs";
import { maskOf } from "../generator/text.ts";
import { type Options, translate } from "../generate.ts";

const here = fileURLToPath(new URL("..", import.meta.url));
const scratch = fileURLToPath(new URL("../../../build/emulator-rungs", import.meta.url));

interface Word {
  readonly pattern: RegExp;
  readonly why: string;
}

/** Searched in the text without comments, strings and preprocessor lines. */
const words: readonly Word[] = [
  { pattern: /\b(?:double|long\s+double)\b/, why: "the GPU has no double" },
  { pattern: /\bgoto\b/, why: "the language has no goto" },
  { pattern: /\b(?:try|catch|throw|virtual|new|delete|dynamic_cast|typeid)\b/, why: "the language has no such word" },
  { pattern: /\bstd\s*::/, why: "Apple's compiler has no namespace std" },
  { pattern: /\[[&=][^\]]*\]\s*[({]|\[\s*\]\s*[({]/, why: "the language has no lambdas" },
  { pattern: /\bstatic\b/, why: "no static variables; helpers are inline" },
  { pattern: /\b(?:atomic_float|atomic\s*<\s*float\s*>)/, why: "sums by float atomics depend on the order of threads" },
  { pattern: /\bfast\s*::/, why: "no fast math" },
  { pattern: /\b(?:if\s+constexpr|requires|concept|co_await)\b/, why: "Metal's language is C++14" },
  { pattern: /\bauto\s*&?\s*\[/, why: "Metal's language is C++14" },
  {
    pattern: /\b(?:fmaf|sqrtf|fabsf|expf|logf|powf|floorf|memcpy|memset|malloc|free|printf|assert|abort)\s*\(/,
    why: "a function of the C library",
  },
  { pattern: /(?<![\w.])(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?(?![\w.])/, why: "a float ends in f" },
  { pattern: /\b0[xX][\da-fA-F.]+[pP]/, why: "Metal's language is C++14, without hexadecimal floats" },
  { pattern: /\b(?:threadgroup|simdgroup)_barrier\s*\(\s*\)/, why: "a barrier names the memory it orders" },
  { pattern: /\.[xyzw]{2,4}\b/, why: "one component at a time: CUDA has no swizzles" },
  { pattern: /\bsimdgroup_async_copy\w*/, why: "not part of the language" },
];

const lineOf = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;

/** Functions at file scope without the word that lets CUDA compile them for the device. */
function bareHelpers(mask: string): number[] {
  const head = /^(?!(?:inline|kernel|template|METAL_FUNC|constant)\b)[A-Za-z_][\w:<>, *&]*\s[*&]?\w+\([^;{}]*\)\s*\{/gm;
  return [...mask.matchAll(head)].map((m) => m.index);
}

/** A template whose function is no kernel and not inline. */
function bareTemplates(mask: string): number[] {
  const head =
    /^template\s*<[^;{}()]*>\s*(?!inline\b|METAL_FUNC\b|kernel\b|struct\b|\[\[)[A-Za-z_][\w:<>, *&]*\s[*&]?\w+\(/gm;
  return [...mask.matchAll(head)].map((m) => m.index);
}

/** Kernels whose first statement, after their threadgroup variables, does not read the gate. */
function openGates(mask: string): number[] {
  const found: number[] = [];
  for (const m of mask.matchAll(/\bkernel\s+void\s+\w+\s*\(([^{}]*)\)\s*\{/g)) {
    const body = mask.slice(m.index + m[0].length).replace(/^(?:\s*threadgroup\s[^;]*;)*\s*/, "");
    const parameter = /\bdevice\s+const\s+uint\s*\*\s*gate\s*\[\[\s*buffer\s*\(\s*1\s*\)\s*\]\]/.test(m[1]!);
    if (!parameter || !/^[^;{}]*\*gate\b/.test(body)) found.push(m.index);
  }
  return found;
}

/** The text without the lines that only the host's compiler sees. */
const forDevice = (text: string): string =>
  text.replace(/^#\s*ifndef __METAL_VERSION__$[\s\S]*?^#\s*(?:else|endif)$/gm, (part) => part.replace(/[^\n]/g, " "))
    .replace(
      /(^#\s*ifdef __METAL_VERSION__$[\s\S]*?^#\s*else$)([\s\S]*?^#\s*endif$)/gm,
      (_, device, host) => device + host.replace(/[^\n]/g, " "),
    );

/**
 * Rung 0 over one file of kernels or a header of theirs: `file:line: why: what`. `whole` is the text with its headers.
 */
export function lintText(path: string, text: string, whole: string = text): string[] {
  const mask = maskOf(text), name = basename(path), found: string[] = [];
  const add = (offset: number, why: string): void => {
    const line = lineOf(text, offset);
    found.push(`${name}:${line}: ${why}: ${text.split("\n")[line - 1]!.trim()}`);
  };
  for (const { pattern, why } of words) {
    for (const m of mask.matchAll(new RegExp(pattern, "g"))) add(m.index, why);
  }
  for (const m of forDevice(text).matchAll(/^[ \t]*#\s*include\s*<(?!metal_\w+>)[^>]*>/gm)) {
    add(m.index + m[0].indexOf("#"), "only <metal_*> and own headers can be included");
  }
  for (const offset of [...bareHelpers(mask), ...bareTemplates(mask)]) add(offset, "a helper starts with inline");
  if (/\bkernel\s+void\b/.test(mask)) {
    if (!/^#pragma METAL fp contract\(off\)$/m.test(whole)) add(0, "#pragma METAL fp contract(off) is missing");
    for (const offset of openGates(mask)) add(offset, "the gate is buffer 1, and the first statement reads it");
  }
  return found;
}

const quiet = ["-Wno-unknown-attributes", "-Wno-unknown-pragmas", "-Wno-gnu-line-marker", "-Wno-pass-failed"];

/** What a compiler says about a generated file. */
function complaints(options: Options, name: string, cpp: string, parameters: readonly string[]): string {
  mkdirSync(scratch, { recursive: true });
  const file = join(scratch, `${name}-${process.pid}.cpp`), [program, ...first] = options.compiler;
  writeFileSync(file, cpp);
  const { stderr, error } = spawnSync(program!, [...first, ...parameters, ...quiet, file], { encoding: "utf8" });
  rmSync(file);
  if (error) throw error;
  return stderr.trim();
}

/** Rung 1: what clang says about the types, empty when nothing. */
export function checkTypes(path: string, options: Options, text: string = resolveText(path)): string {
  const { name, cpp } = translate(path, text, options);
  const unused = ["function", "const-variable", "variable"].map((what) => `-Wno-unused-${what}`);
  return complaints(options, name, cpp, [
    ...["-std=c++14", "-fsyntax-only", "-DEMULATOR_STRICT", "-Wall", "-Wextra", "-pedantic-errors", ...unused],
    ...["-isystem", join(here, "include")],
  ]);
}

/** What clang says about the CUDA form, compiled for the device without CUDA's own headers; empty when nothing. */
export function checkCuda(path: string, options: Options): string {
  const { name, cpp } = translate(path, resolveText(path), { ...options, cuda: true });
  const device = ["-x", "cuda", "--cuda-device-only", "--cuda-gpu-arch=sm_90", "-nocudainc", "-nocudalib"];
  return complaints(options, name, cpp, [
    ...[...device, "-Xclang", "-target-feature", "-Xclang", "+ptx80", "-Wno-unknown-cuda-version"],
    ...["-std=c++17", "-O1", "-ffp-contract=off", "-I", join(here, "include/cuda"), "-S", "-o", "/dev/null"],
  ]);
}
