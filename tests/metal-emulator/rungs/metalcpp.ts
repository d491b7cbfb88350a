// Reads metal-cpp, Apple's C++ face of Metal and Foundation, into tables: which messages each class takes, with their
// types, and the values of enumerations, fields of structs, types of blocks and functions.

export interface Message {
  readonly selector: string;
  readonly instance: boolean;
  readonly returns: string;
  readonly takes: readonly string[];
}

export interface MetalCpp {
  /** By Objective-C class or protocol. */
  readonly messages: Map<string, Message[]>;
  readonly bases: Map<string, string>;
  readonly enumerators: Map<string, bigint>;
  /** Underlying types. */
  readonly enums: Map<string, string>;
  /** Fields, "type name". */
  readonly structs: Map<string, string[]>;
  readonly blocks: Map<string, string>;
  /** "returns(takes)". */
  readonly functions: Map<string, string>;
  readonly selectors: Set<string>;
}

/** Text without comments; lines stay. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (found) => found.replace(/[^\n]/g, " "));
}

/** Splits at commas outside brackets; `<` and `>` are brackets in lists of types, not in lists of values. */
export function splitList(text: string, brackets = "([{<>}])"): string[] {
  const parts: string[] = [];
  let depth = 0, start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    const bracket = brackets.indexOf(c);
    if (bracket >= 0) depth += bracket < brackets.length / 2 ? 1 : -1;
    else if (c === "," && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

const synonyms: Readonly<Record<string, string>> = {
  BOOL: "bool",
  NSTimeInterval: "double",
  CFTimeInterval: "double",
  "unsigned long": "NSUInteger",
  "id": "?*",
};

/** A type of C++ or Objective-C in one spelling. `prefix` belongs to names that carry none; "?" fits everything. */
export function canonical(type: string, prefix = ""): string {
  const block = /^([^(]*)\(\s*\^\s*\w*\s*\)\s*\((.*)\)$/s.exec(type.trim());
  if (block) {
    const takes = splitList(block[2]!).map((part) => canonical(typeOf(part), prefix));
    return `${canonical(block[1]!, prefix)}(^)(${takes.join(",")})`;
  }
  const plain = type.replace(/\b(?:const|class|struct|oneway|extern)\b/g, " ")
    .replace(/\bid\s*<\s*(\w+)\s*>/g, "$1 *").replace(/&/g, " ").replace(/\b(MTL|NS)::/g, "$1")
    .replace(/\s+/g, " ").trim();
  const [, name = "", stars = ""] = /^([\w: ]*\w)\s*(?:<.*>)?\s*([*\s]*)$/.exec(plain) ?? [];
  if (name === "") return `unreadable: ${plain}`;
  if (name.startsWith("_")) return "?";
  const known = synonyms[name];
  const full = known ?? (/^[A-Z]/.test(name) && !/^(?:MTL|NS|CF|SEL|Class)/.test(name) ? prefix + name : name);
  return full + stars.replace(/\s/g, "");
}

/** The type of a parameter, its name taken away. */
export function typeOf(parameter: string): string {
  if (parameter.includes("^")) return parameter;
  const named = /^(.*[\s*&])(\w+)(\[\])?$/s.exec(parameter.trim());
  if (!named || /^(?:const|class|unsigned)$/.test(named[1]!.trim())) return parameter;
  return named[1]! + (named[3] ? "*" : "");
}

function nameOf(parameter: string): string {
  return /\^\s*(\w+)/.exec(parameter)?.[1] ?? /(\w+)(?:\[\])?$/.exec(parameter)?.[1] ?? "";
}

/** An integer as enumerations write it; undefined for anything else. */
export function integer(text: string): bigint | undefined {
  const [, value, shift] = /^(\d+|0x[0-9a-fA-F]+)(?:[uU]?[lL]*)(?:\s*<<\s*(\d+))?$/.exec(text.trim()) ?? [];
  return value === undefined ? undefined : BigInt(value) << BigInt(shift ?? 0);
}

/** Names and values; undefined where the value is an expression that `integer` cannot read. */
export function enumeratorsOf(body: string): [string, bigint | undefined][] {
  let next: bigint | undefined = 0n;
  return splitList(body, "()").map((entry) => {
    const [name = "", value] = entry.split("=");
    const current: bigint | undefined = value === undefined ? next : integer(value);
    next = current === undefined ? undefined : current + 1n;
    return [name.trim(), current];
  });
}

/** Index of the bracket that closes the one at `open`. */
export function closing(text: string, open: number): number {
  for (let i = open, depth = 0; i < text.length; i++) {
    if ("({".includes(text[i]!)) depth++;
    else if (")}".includes(text[i]!) && --depth === 0) return i;
  }
  return text.length;
}

/** The text cut into its namespaces MTL and NS; what lies in others is left out. */
function namespaces(text: string): [string, string][] {
  const starts = [...text.matchAll(/\bnamespace\s+(\w+)\s*\{/g)];
  return starts.flatMap((start, i): [string, string][] => {
    const piece = text.slice(start.index, starts[i + 1]?.index);
    return start[1] === "MTL" || start[1] === "NS" ? [[start[1], piece]] : [];
  });
}

function readDeclarations(text: string, tables: MetalCpp): void {
  for (const [space, piece] of namespaces(text)) {
    for (const found of piece.matchAll(/_(?:MTL|NS)_(?:ENUM|OPTIONS)\(\s*([\w:]+)\s*,\s*(\w+)\s*\)\s*\{([^}]*)\}/g)) {
      tables.enums.set(space + found[2]!, canonical(found[1]!, space));
      for (const [name, value] of enumeratorsOf(found[3]!)) {
        if (value !== undefined) tables.enumerators.set(space + name, value);
      }
    }
    for (const found of piece.matchAll(/\bstruct\s+(\w+)\s*\{([^{}]*)\}\s*_(?:MTL|NS)_PACKED/g)) {
      const fields = found[2]!.split(";").map((field) => field.trim()).filter((field) => /^[\w:]+\s+\w+$/.test(field));
      tables.structs.set(
        space + found[1]!,
        fields.map((field) => `${canonical(typeOf(field), space)} ${nameOf(field)}`),
      );
    }
    for (const found of piece.matchAll(/\busing\s+(\w+)\s*=\s*([^;]*\^[^;]*);/g)) {
      tables.blocks.set(space + found[1]!, canonical(found[2]!, space));
    }
    for (const found of piece.matchAll(/\bclass\s+(\w+)\s*:\s*public\s+[\w:]+<\s*\w+\s*(?:,\s*([\w:]+)\s*)?>/g)) {
      tables.bases.set(space + found[1]!, canonical(found[2] ?? "NSObject", space));
    }
  }
  for (const found of text.matchAll(/extern\s+"C"\s+([\w:*\s]+?)\s*\b(\w+)\(([^)]*)\)\s*;/g)) {
    const takes = splitList(found[3]!).map((part) => canonical(typeOf(part)));
    tables.functions.set(found[2]!, `${canonical(found[1]!)}(${takes.join(",")})`);
  }
}

/** Each inline method, by the message that it sends. */
function readMethods(text: string, selectors: Map<string, string>, tables: MetalCpp): void {
  for (const found of text.matchAll(/_(?:MTL|NS)_INLINE\s[^;{}(]*?\b(MTL|NS)::(\w+)(?:<[^>]*>)?::\w+\s*\(/g)) {
    const open = found.index + found[0].length - 1, end = closing(text, open);
    const start = text.indexOf("{", end), body = text.slice(start, closing(text, start));
    const parameters = new Map(splitList(text.slice(open + 1, end)).map((p) => [nameOf(p), typeOf(p)]));
    const send = /sendMessage(?:Safe)?<([^()]*)>\(\s*([^,]+),\s*_(?:MTL|NS)_PRIVATE_SEL\((\w+)\)\s*,?([^;]*)\)\s*;/
      .exec(body);
    const selector = send && selectors.get(found[1]! + send[3]!);
    if (!selector) continue;
    const owner = /^(?:Referencing|Object)$/.test(found[2]!) ? "NSObject" : found[1]! + found[2]!;
    const takes = splitList(send[4]!).map((name) => canonical(parameters.get(name) ?? "_unknown", found[1]!));
    const message = {
      selector,
      instance: /^(?:this|pObj)$/.test(send[2]!.trim()),
      returns: canonical(send[1]!, found[1]!),
      takes,
    };
    tables.messages.set(owner, [...(tables.messages.get(owner) ?? []), message]);
  }
}

/** Reads all headers, given as texts. */
export function readMetalCpp(headers: readonly string[]): MetalCpp {
  const tables: MetalCpp = {
    messages: new Map(),
    bases: new Map(),
    enumerators: new Map(),
    enums: new Map(),
    structs: new Map(),
    blocks: new Map(),
    functions: new Map(),
    selectors: new Set(),
  };
  const texts = headers.map(withoutComments), selectors = new Map<string, string>();
  for (const text of texts) {
    for (const found of text.matchAll(/_(MTL|NS)_PRIVATE_DEF_SEL\(\s*(\w+)\s*,\s*"([^"]*)"\s*\)/g)) {
      selectors.set(found[1]! + found[2]!, found[3]!);
      tables.selectors.add(found[3]!);
    }
  }
  const init = { selector: "init", instance: true, returns: "?", takes: [] };
  tables.messages.set("NSObject", [init]);
  for (const text of texts) {
    readDeclarations(text, tables);
    readMethods(text, selectors, tables);
  }
  return tables;
}
