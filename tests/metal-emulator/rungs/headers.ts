// Rung 7: every message, enumeration value, struct, block and function that our Metal.h and Foundation.h declare is
// compared with metal-cpp, whose headers are Apple's own.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { canonical, closing, enumeratorsOf, type Message, type MetalCpp, readMetalCpp } from "./metalcpp.ts";
import { splitList, typeOf, withoutComments } from "./metalcpp.ts";

export interface Comparison {
  /** Declarations that are the same. */
  readonly agree: number;
  /** "line N: what differs". */
  readonly differences: readonly string[];
  /** Declarations of Foundation that metal-cpp does not have. */
  readonly unknown: readonly string[];
}

/** metal-cpp's tables, from the folder of an unpacked wheel of mlx-metal. */
export function metalCppOf(wheel: string): MetalCpp {
  const texts = ["Foundation", "Metal"].flatMap((part) => {
    const folder = join(wheel, "mlx/include/metal_cpp", part);
    return readdirSync(folder).filter((name) => name.endsWith(".hpp") && !name.startsWith("MTL4"))
      .map((name) => readFileSync(join(folder, name), "utf8"));
  });
  return readMetalCpp(texts);
}

/** Two canonical types; "?" and "?*" stand for what one side leaves open. */
function fits(ours: string, theirs: string): boolean {
  if (ours === theirs || ours === "?" || theirs === "?") return true;
  return ours === "?*" && theirs.endsWith("*") || theirs === "?*" && ours.endsWith("*");
}

/** The class and those that it derives from. */
function lineage(name: string, tables: MetalCpp): string[] {
  const names: string[] = [];
  for (let at: string | undefined = name; at && !names.includes(at); at = tables.bases.get(at)) names.push(at);
  return names.includes("NSObject") ? names : [...names, "NSObject"];
}

function show({ selector, instance, returns, takes }: Message): string {
  return `${instance ? "-" : "+"}(${returns})${selector} (${takes.join(", ")})`;
}

/** A method of Objective-C, from its declaration without the ";". */
function readMethod(declaration: string): Message | undefined {
  const [, sign, returns, rest] = /^([-+])\s*\(([^)]*)\)\s*([\s\S]+)$/.exec(declaration.trim()) ?? [];
  if (sign === undefined || returns === undefined || rest === undefined) return undefined;
  const parts = [...rest.matchAll(/(\w*)\s*:\s*\(((?:[^()]|\([^()]*\))*)\)\s*\w+/g)];
  return {
    selector: parts.length ? parts.map((part) => `${part[1]}:`).join("") : rest.trim(),
    instance: sign === "-",
    returns: canonical(returns),
    takes: parts.map((part) => canonical(part[2]!)),
  };
}

/** The text with the fake's own instance variables blanked out. */
function withoutFake(text: string): string {
  const start = text.indexOf(" EMULATED(");
  if (start < 0) return text;
  const end = closing(text, text.indexOf("(", start)) + 1;
  const blank = text.slice(start, end).replace(/[^\n]/g, " ");
  return withoutFake(text.slice(0, start) + blank + text.slice(end));
}

/** Collects what a header says against what metal-cpp says. */
class Findings {
  agree = 0;
  readonly differences: string[] = [];
  readonly unknown: string[] = [];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  differ(offset: number, what: string): void {
    this.differences.push(`line ${this.#text.slice(0, offset).split("\n").length}: ${what}`);
  }

  /** What Foundation has and metal-cpp does not; Metal is complete there. */
  lack(offset: number, name: string, what: string): void {
    if (name.startsWith("MTL")) this.differ(offset, `${what} is not in metal-cpp`);
    else this.unknown.push(what);
  }

  compare(offset: number, what: string, ours: string, theirs: string): void {
    if (ours === theirs) this.agree++;
    else this.differ(offset, `${what} is ${ours}, in metal-cpp ${theirs}`);
  }
}

function checkEnums(text: string, tables: MetalCpp, findings: Findings): void {
  const pattern = /\bNS_(?:ENUM|OPTIONS)\((\w+), (\w+)\)\s*\{([^}]*)\}|\benum\s*\{([^}]*)\}/g;
  for (const { index, 1: type, 2: name, 3: named, 4: anonymous } of text.matchAll(pattern)) {
    if (name !== undefined) {
      const theirs = tables.enums.get(name);
      if (theirs === undefined) findings.lack(index, name, name);
      else findings.compare(index, name, canonical(type!), theirs);
    }
    for (const [enumerator, value] of enumeratorsOf(named ?? anonymous!)) {
      const theirs = tables.enumerators.get(enumerator);
      if (theirs === undefined) findings.lack(index, enumerator, enumerator);
      else findings.compare(index, enumerator, `${value}`, `${theirs}`);
    }
  }
}

function checkTypes(text: string, tables: MetalCpp, findings: Findings): void {
  for (const { index, 1: body, 2: name } of text.matchAll(/\btypedef struct\s*\{([^}]*)\}\s*(\w+);/g)) {
    const fields = body!.split(";").map((line) => line.trim()).filter((line) => line !== "").flatMap((line) => {
      const [, type, names] = /^([\w ]+?)\s+([\w, ]+)$/.exec(line) ?? [];
      return splitList(names ?? "").map((field) => `${canonical(type!)} ${field}`);
    });
    const theirs = tables.structs.get(name!);
    if (!theirs) findings.lack(index, name!, `struct ${name}`);
    else findings.compare(index, `struct ${name}`, fields.join("; "), theirs.join("; "));
  }
  for (const { index, 1: type, 2: name } of text.matchAll(/\btypedef\s+(\w+ \(\^(\w+)\)\([^;]*\));/g)) {
    const theirs = tables.blocks.get(name!);
    if (!theirs) findings.lack(index, name!, `block ${name}`);
    else findings.compare(index, `block ${name}`, canonical(type!), theirs);
  }
  for (const { index, 1: returns, 2: name, 3: list } of text.matchAll(/^extern\s+(.+?)(\w+)\(([^)]*)\);/gm)) {
    const takes = splitList(list!).filter((part) => part !== "void").map((part) => canonical(typeOf(part)));
    const theirs = tables.functions.get(name!);
    if (!theirs) findings.lack(index, name!, `function ${name}`);
    else findings.compare(index, `function ${name}`, `${canonical(returns!)}(${takes.join(",")})`, theirs);
  }
}

function checkMessage(owner: string, ours: Message, offset: number, tables: MetalCpp, findings: Findings): void {
  const what = `${ours.instance ? "-" : "+"}[${owner} ${ours.selector}]`;
  const same = lineage(owner, tables).flatMap((name) => tables.messages.get(name) ?? [])
    .filter(({ selector }) => selector === ours.selector);
  if (same.length === 0) {
    const others = [...tables.messages].filter(([, list]) => list.some((m) => m.selector === ours.selector));
    const where = others.map(([name]) => name).slice(0, 3).join(", ");
    if (where !== "") findings.differ(offset, `${what} is in metal-cpp a message to ${where}`);
    else findings.lack(offset, owner, what);
    return;
  }
  const agrees = same.some((m) =>
    m.instance === ours.instance && fits(ours.returns, m.returns) && m.takes.length === ours.takes.length &&
    m.takes.every((type, i) => fits(ours.takes[i]!, type))
  );
  if (agrees) findings.agree++;
  else findings.differ(offset, `${what} is ${show(ours)}, in metal-cpp ${same.map(show).join(" or ")}`);
}

function checkClasses(text: string, tables: MetalCpp, findings: Findings): void {
  const pattern = /^@(?:protocol|interface) (\w+)\b(?! *,)(?: : (\w+))?(?: <(\w+)>)?([\s\S]*?)^@end/gm;
  for (const { index, 0: whole, 1: owner, 2: base, 3: protocol, 4: body } of text.matchAll(pattern)) {
    const parent = base ?? protocol ?? "NSObject";
    if (owner !== "NSObject" && !tables.bases.has(owner!)) findings.lack(index, owner!, owner!);
    else if (!lineage(owner!, tables).includes(parent)) {
      findings.differ(index, `${owner} derives from ${parent}, in metal-cpp from ${tables.bases.get(owner!)}`);
    } else findings.agree++;
    const offset = index + whole.length - "@end".length - body!.length;
    for (const { index: at, 0: line } of body!.matchAll(/^[-+][^;]+/gm)) {
      const message = readMethod(line);
      if (message) checkMessage(owner!, message, offset + at, tables, findings);
      else findings.differ(offset + at, `${line} cannot be read`);
    }
  }
}

/** Compares one header of ours with metal-cpp. */
export function compareHeader(header: string, tables: MetalCpp): Comparison {
  const text = withoutFake(withoutComments(header)), findings = new Findings(text);
  checkEnums(text, tables, findings);
  checkTypes(text, tables, findings);
  checkClasses(text, tables, findings);
  return findings;
}
