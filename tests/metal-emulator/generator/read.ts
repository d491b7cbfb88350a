// Reads what the language says by attributes: kernels with their bindings, instances of kernel templates, function
// constants and threadgroup variables. Whatever it takes out of the text, C++ could not have compiled.
import { openAngle, splitTop, type Text } from "./text.ts";

export interface FunctionConstant {
  readonly type: string;
  readonly name: string;
  readonly index: number;
}

export interface Parameter {
  readonly kind: "buffer" | "threadgroup" | "position";
  readonly index: number;
  /** The attribute of a position. */
  readonly attribute: string;
  readonly type: string;
  readonly name: string;
  /** The function constant that switches a buffer on; -1 where there is none. */
  readonly condition: number;
}

export interface Kernel {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** `<typename T, int N>` of a template. */
  readonly template: string | undefined;
  /** The expression in max_total_threads_per_threadgroup. */
  readonly maxThreads: string | undefined;
  readonly file: string;
  readonly line: number;
}

/** A kernel that the host can ask for by name. */
export interface Entry {
  readonly name: string;
  readonly call: string;
  readonly kernel: Kernel;
  readonly templateArguments: readonly string[];
}

export interface Module {
  readonly constants: readonly FunctionConstant[];
  readonly kernels: readonly Kernel[];
  readonly entries: readonly Entry[];
}

const positions = [
  "thread_position_in_grid",
  "threadgroup_position_in_grid",
  "thread_position_in_threadgroup",
  "threads_per_threadgroup",
  "threadgroups_per_grid",
  "threads_per_grid",
  "dispatch_threads_per_threadgroup",
  "thread_index_in_threadgroup",
  "thread_index_in_simdgroup",
  "simdgroup_index_in_threadgroup",
  "simdgroups_per_threadgroup",
  "threads_per_simdgroup",
  "thread_execution_width",
];

/** Positions of which a kernel must take all with the same number of dimensions. */
const dimensioned = positions.slice(0, 4);

/** Attributes that may stand elsewhere and mean nothing to the emulator. */
const ignored = ["maybe_unused", "nodiscard", "likely", "unlikely", "clang::optnone", "unroll"];

const attributesOf = (text: string): string[] =>
  [...text.matchAll(/\[\[([^\]]*)\]\]/g)].flatMap((m) => splitTop(m[1]!).map((piece) => piece.text.trim()));

const hostName = (text: string): string => [...text.matchAll(/"((?:\\.|[^"\\])*)"/g)].map((m) => m[1]!).join("");

function readConstants(text: Text, cuda: boolean): FunctionConstant[] {
  const form = /\bconstant\s+([\w:]+)\s+(\w+)\s*\[\[\s*function_constant\s*\(\s*(\d+)\s*\)\s*\]\]\s*;/g;
  return [...text.mask.matchAll(form)].map((m) => {
    const [whole, type, name, index] = m as unknown as [string, string, string, string];
    const declaration = cuda
      ? `static __attribute__((used)) __constant__ ${type} ${name};`
      : `static const ::emulator::Constant<${type}, ${index}> ${name}{};`;
    text.edit(m.index, m.index + whole.length, declaration);
    return { type, name, index: Number(index) };
  });
}

/** One parameter from the text between the commas. */
function readParameter(text: Text, offset: number, part: string, constants: readonly FunctionConstant[]): Parameter {
  const attributes = attributesOf(part);
  const [, type = "", name = ""] = /^([\s\S]*?)(\w+)$/.exec(part.replace(/\[\[[^\]]*\]\]/g, " ").trim()) ?? [];
  let kind: Parameter["kind"] | undefined, index = 0, position = "", condition = -1;
  const bind = (found: Parameter["kind"], at: number, attribute = ""): void => {
    if (kind !== undefined) text.refuse(offset, `parameter ${name} has two bindings: ${attributes.join(", ")}`);
    [kind, index, position] = [found, at, attribute];
  };
  for (const attribute of attributes) {
    const [, word, argument] = /^(\w+)\s*(?:\(\s*(\w+)\s*\))?$/.exec(attribute) ?? [];
    if (word === "function_constant") {
      const constant = constants.find((c) => c.name === argument);
      if (constant?.type !== "bool") text.refuse(offset, `[[${attribute}]] needs a function constant of type bool`);
      condition = constant?.index ?? -1;
    } else if (word === "buffer" && argument !== undefined) {
      if (!/\b(?:device|constant)\b/.test(type)) text.refuse(offset, `buffer ${name} without device or constant`);
      if (Number(argument) > 30) text.refuse(offset, `buffer index ${argument} of ${name}, at most 30`);
      bind("buffer", Number(argument));
    } else if (word === "threadgroup" && argument !== undefined) {
      if (!/\bthreadgroup\b/.test(type)) text.refuse(offset, `[[${attribute}]] of ${name}, which is not threadgroup`);
      bind("threadgroup", Number(argument));
    } else if (positions.includes(attribute)) {
      if (!/^(?:const\s+)?u?(?:int|short)[23]?$/.test(type.trim())) {
        text.refuse(offset, `[[${attribute}]] of type ${type.trim()}`);
      }
      bind("position", 0, attribute);
    } else text.refuse(offset, `unknown attribute [[${attribute}]]`);
  }
  if (kind === undefined) text.refuse(offset, `parameter needs an attribute: ${part.trim().replace(/\s+/g, " ")}`);
  if (condition >= 0 && kind !== "buffer") text.refuse(offset, `${name}: only a buffer can have a function constant`);
  return { kind: kind ?? "buffer", index, attribute: position, type: type.trim(), name, condition };
}

/** Where kernels' bodies begin and end, and where the threadgroup variables in them are declared. */
interface Bodies {
  readonly ranges: [from: number, to: number][];
  readonly variables: Set<number>;
}

/** `threadgroup T x[..];` in a kernel's body becomes a reference to memory of the group. */
function rewriteVariables(text: Text, from: number, to: number, cuda: boolean, { ranges, variables }: Bodies): void {
  ranges.push([from, to]);
  const form = /(?<=[;{}]\s*)threadgroup\s+((?:[^;*&=()[\]{},<]|::|<[^;<>]*>)+?)\s+(\w+)\s*((?:\[[^\]]*\]\s*)*);/g;
  let slot = 0;
  for (const m of text.mask.slice(from, to).matchAll(form)) {
    const [whole, type, name] = m as unknown as [string, string, string];
    const start = from + m.index, words = type.replace(/\s+/g, " ");
    variables.add(start);
    const extent = m[3]!.replace(/\s+/g, " ");
    text.edit(
      start,
      start + whole.length,
      cuda
        ? `__shared__ ${words} ${name}${extent};`
        : `typedef ${words} ${name}__t ${extent}; threadgroup ${name}__t &${name} = ` +
          `::emulator::threadgroup_variable<${name}__t>(${slot}, "${name}");`,
    );
    slot++;
  }
  if (slot > 64) text.refuse(from, `${slot} threadgroup variables in one kernel, at most 64 here`);
}

/** Threadgroup variables of any other form would silently become variables of each thread. */
function checkVariables(text: Text, { ranges, variables }: Bodies): void {
  for (const m of text.mask.matchAll(/(?<=(?:^|[;{}])\s*)threadgroup\s+([^;{}]*)[;{]/g)) {
    const pointer = /^[^=,]*[*&(]/.test(m[1]!);
    if (pointer || variables.has(m.index)) continue;
    const inKernel = ranges.some(([from, to]) => m.index > from && m.index < to);
    text.refuse(
      m.index,
      inKernel
        ? "threadgroup variables are declared one a statement, without a value"
        : "threadgroup variables are declared at kernel scope",
    );
  }
}

/** `<...>` of a template head that ends where the text ends. */
function templateBefore(text: Text, offset: number): string | undefined {
  const before = text.mask.slice(0, offset).trimEnd();
  if (!before.endsWith(">")) return undefined;
  const open = openAngle(before);
  return /template\s*$/.test(before.slice(0, open)) ? text.source.slice(open, before.length) : undefined;
}

function checkParameters(text: Text, offset: number, name: string, parameters: readonly Parameter[]): void {
  for (const kind of ["buffer", "threadgroup"]) {
    const used = parameters.filter((p) => p.kind === kind).map((p) => p.index);
    if (new Set(used).size !== used.length) text.refuse(offset, `${name}: a ${kind} index is used twice`);
  }
  const sizes = parameters.filter((p) => dimensioned.includes(p.attribute)).map((p) => /[23]$/.exec(p.type)?.[0]);
  if (new Set(sizes).size > 1) text.refuse(offset, `${name}: positions with different numbers of dimensions`);
}

interface Definitions {
  readonly kernels: Map<string, Kernel>;
  readonly entries: Entry[];
}

function readKernels(text: Text, constants: readonly FunctionConstant[], cuda: boolean): Definitions {
  const kernels = new Map<string, Kernel>(),
    entries: Entry[] = [],
    bodies: Bodies = { ranges: [], variables: new Set() };
  for (const m of text.mask.matchAll(/((?:\[\[[^\]]*\]\]\s*|\bkernel\b\s*)+)void\s+(\w+)\s*\(/g)) {
    const head = m[1]!, name = m[2]!, attributes = attributesOf(head);
    if (!attributes.includes("kernel") && !/\bkernel\b/.test(head.replace(/\[\[[^\]]*\]\]/g, ""))) continue;
    const open = m.index + m[0].length - 1, end = text.close(open);
    const body = /^(?:\s*\[\[[^\]]*\]\])*\s*([{;])/.exec(text.mask.slice(end + 1));
    if (body === null || body[1] === ";") continue;
    if (cuda && attributes.includes("kernel")) {
      const at = m.index + head.length;
      text.edit(at, at + "void".length, "__device__ void");
    }
    const from = end + body[0].length, to = text.close(from);
    for (const attribute of attributes) {
      if (!/^(?:kernel$|max_total_threads_per_threadgroup\b|host_name\b)/.test(attribute)) {
        text.refuse(m.index, `kernel ${name}: unknown attribute [[${attribute}]]`);
      }
    }
    const parameters = splitTop(text.mask.slice(open + 1, end))
      .map((piece) => readParameter(text, open + 1 + piece.offset, piece.text, constants));
    checkParameters(text, m.index, name, parameters);
    if (kernels.has(name)) text.refuse(m.index, `kernel ${name} is defined twice`);
    const most = attributes.map((a) => /^max_total_threads_per_threadgroup\s*\(([\s\S]*)\)$/.exec(a)?.[1]);
    const kernel: Kernel = {
      name,
      parameters,
      template: templateBefore(text, m.index),
      maxThreads: most.find((expression) => expression !== undefined)?.trim(),
      ...text.where(m.index),
    };
    rewriteVariables(text, from, to, cuda, bodies);
    kernels.set(name, kernel);
    const named = /host_name\s*\(([^)]*)\)/.exec(text.source.slice(m.index, m.index + head.length));
    if (kernel.template === undefined) {
      entries.push({ name: named ? hostName(named[1]!) : name, call: name, kernel, templateArguments: [] });
    }
  }
  checkVariables(text, bodies);
  return { kernels, entries };
}

/** `template [[host_name("x")]] kernel TYPE NAME<ARGUMENTS>;`, also with a parameter list behind the arguments. */
function readInstances(text: Text, { kernels, entries }: Definitions): void {
  const taken: [number, number][] = [];
  for (const m of text.mask.matchAll(/\btemplate\s*(?=\[\[)/g)) {
    const end = text.mask.indexOf(";", m.index), mask = text.mask.slice(m.index, end);
    if (!/\bhost_name\b/.test(mask)) continue;
    taken.push([m.index, end + 1]);
    const source = text.source.slice(m.index, end), from = source.indexOf("host_name");
    const name = hostName(source.slice(from, source.indexOf("]]", from)));
    if (!/\bkernel\b/.test(mask)) text.refuse(m.index, `instance ${name} is not marked kernel`);
    const bare = withoutParameters(mask.trimEnd()), open = bare.endsWith(">") ? openAngle(bare) : -1;
    const called = /([\w:]+)\s*$/.exec(bare.slice(0, Math.max(0, open)))?.[1];
    const kernel = kernels.get(called?.split("::").at(-1) ?? "");
    if (called === undefined || kernel?.template === undefined) {
      text.refuse(m.index, `instance ${name} of what is not a kernel template`);
      continue;
    }
    const templateArguments = splitTop(bare.slice(open + 1, -1)).map((piece) => piece.text.trim().replace(/\s+/g, " "));
    if (entries.some((entry) => entry.name === name)) text.refuse(m.index, `host_name ${name} is given twice`);
    entries.push({ name, call: `${called}<${templateArguments.join(", ")}>`, kernel, templateArguments });
  }
  text.blank(taken);
}

/** Cuts a parenthesised list off the end. */
function withoutParameters(text: string): string {
  if (!text.endsWith(")")) return text;
  let depth = 0;
  for (let i = text.length - 1; i >= 0; i--) {
    if (text[i] === ")") depth++;
    else if (text[i] === "(" && --depth === 0) return text.slice(0, i).trimEnd();
  }
  return text;
}

/** Takes all attributes out; those that nothing has read must be known. */
function blankAttributes(text: Text): void {
  const known = [...positions, ...ignored, "kernel", "host_name", "buffer", "threadgroup", "function_constant"];
  const constants = /\bconstant\s+[\w:]+\s+\w+\s*\[\[\s*function_constant[^\]]*\]\]\s*;/g;
  const read = [...text.mask.matchAll(constants)].map((m) => [m.index, m.index + m[0].length] as const);
  const found = [...text.mask.matchAll(/\[\[([^\]]*)\]\]/g)]
    .filter((m) => !read.some(([from, to]) => m.index >= from && m.index < to));
  for (const m of found) {
    for (const { text: attribute } of splitTop(m[1]!)) {
      const word = /^[\w:]*/.exec(attribute.trim())![0];
      if (word !== "max_total_threads_per_threadgroup" && !known.includes(word)) {
        text.refuse(m.index, `unknown attribute [[${word}]]`);
      }
    }
    const line = text.mask.slice(text.mask.lastIndexOf(";", m.index) + 1, m.index);
    if (/function_constant/.test(m[1]!) && !/\(/.test(line)) {
      text.refuse(m.index, "a function constant must read: constant TYPE NAME [[function_constant(INDEX)]];");
    }
  }
  text.blank(found.map((m) => [m.index, m.index + m[0].length]));
}

/** Reads the module and edits its text so that C++ can compile it. */
export function readModule(text: Text, cuda: boolean): Module {
  const constants = readConstants(text, cuda);
  const numbers = constants.map((c) => c.index);
  if (new Set(numbers).size !== numbers.length) text.refuse(0, "two function constants have one index");
  const definitions = readKernels(text, constants, cuda);
  readInstances(text, definitions);
  blankAttributes(text);
  return { constants, kernels: [...definitions.kernels.values()], entries: definitions.entries };
}
