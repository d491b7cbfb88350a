// The C++ around a translated module: for each kernel a function that binds its parameters, and the module's table.
import type { Entry, Module, Parameter } from "./read.ts";

const quote = (text: string): string => JSON.stringify(text);

/** A text as C++ string literals, a line each. */
function literal(text: string): string {
  const escape = (line: string): string =>
    [...Buffer.from(line)].map((byte) =>
      byte === 0x22 || byte === 0x5c
        ? `\\${String.fromCharCode(byte)}`
        : byte >= 0x20 && byte < 0x7f
        ? String.fromCharCode(byte)
        : `\\${byte.toString(8).padStart(3, "0")}`
    ).join("");
  return text.split(/(?<=\n)/).map((line) => `"${escape(line)}"`).join("\n") || '""';
}

function argument(parameter: Parameter, type: string): string {
  const { kind, index, name, condition } = parameter;
  if (kind === "position") return `::emulator::${parameter.attribute}<${type}>()`;
  if (kind === "threadgroup") return `::emulator::threadgroup_buffer<${type}>(${index}, ${quote(name)})`;
  if (condition < 0) return `::emulator::buffer<${type}>(${index}, ${quote(name)})`;
  return `::emulator::buffer_if<${type}>(::emulator::Constant<bool, ${condition}>(), ${index}, ${quote(name)})`;
}

const kinds: Readonly<Record<Parameter["kind"], string>> = {
  buffer: "EMULATOR_BUFFER",
  threadgroup: "EMULATOR_THREADGROUP",
  position: "EMULATOR_POSITION",
};

function maxThreads({ kernel, templateArguments }: Entry): string {
  if (kernel.maxThreads === undefined) return "0";
  const instance = kernel.template === undefined ? "" : `<${templateArguments.join(", ")}>`;
  return `most_${kernel.name}${instance}::value`;
}

function binding({ call, kernel }: Entry, i: number): string {
  const bound = kernel.parameters.map((p, j) => argument(p, `signature${i}::argument<${j}>`));
  const rows = kernel.parameters.map((p) =>
    `{${kinds[p.kind]}, ${p.index}, ${quote(p.name)}, ${p.condition}, ${/\bconstant\b/.test(p.type) ? 1 : 0}}`
  );
  return [
    `typedef ::emulator::Signature<decltype(&${call})> signature${i};`,
    `static void run${i}() {`,
    `  ${call}(${bound.join(",\n    ")});`,
    "}",
    `static const emulator_parameter parameters${i}[] = {${[...rows, "{}"].join(", ")}};`,
  ].join("\n");
}

/** The end of the generated file: bindings and tables, or, for the strict pass, the instances to be checked. */
export function writeTables(name: string, module: Module, source: string, close: string): string {
  const { entries, constants, kernels } = module;
  const limits = kernels.filter((k) => k.maxThreads !== undefined).map((k) =>
    `${k.template === undefined ? "" : `template ${k.template} `}struct most_${k.name} ` +
    `{ static constexpr int value = int(${k.maxThreads}); };`
  );
  const rows = entries.map((entry, i) =>
    `{${quote(entry.name)}, run${i}, parameters${i}, ${entry.kernel.parameters.length}, ${maxThreads(entry)}, ` +
    `${quote(entry.kernel.file)}, ${entry.kernel.line}}`
  );
  const constantRows = constants.map((c) => `{${quote(c.name)}, ${quote(c.type)}, ${c.index}}`);
  return [
    "",
    `#line 1 "bindings of ${name}"`,
    "#ifndef EMULATOR_STRICT",
    ...limits,
    ...entries.map(binding),
    `static const emulator_kernel kernels[] = {${[...rows, "{}"].join(",\n  ")}};`,
    `static const emulator_constant constants[] = {${[...constantRows, "{}"].join(", ")}};`,
    `static const char text[] =\n${literal(source)};`,
    close,
    `extern "C" const emulator_module emulator_module_${name};`,
    `extern "C" const emulator_module emulator_module_${name} = {${quote(name)}, text, sizeof text - 1, kernels, ` +
    `${entries.length}, constants, ${constants.length}};`,
    "#else",
    ...entries.filter((e) => e.kernel.template !== undefined).map((e, i) => `auto *instance${i} = &${e.call};`),
    close,
    "#endif",
    "",
  ].join("\n");
}

/** The table of all modules of a library. */
export function writeRegistry(names: readonly string[], checked: boolean): string {
  return [
    '#include "runtime/emulator.h"',
    ...names.map((name) => `extern "C" const emulator_module emulator_module_${name};`),
    'extern "C" const emulator_module *const emulator_modules[];',
    `extern "C" const emulator_module *const emulator_modules[] = {${
      [...names.map((name) => `&emulator_module_${name}`), "nullptr"].join(", ")
    }};`,
    'extern "C" const uint32_t emulator_is_checked;',
    `extern "C" const uint32_t emulator_is_checked = ${checked ? 1 : 0};`,
    "",
  ].join("\n");
}
