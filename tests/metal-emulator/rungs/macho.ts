// Reads a Mach-O library of one architecture: what it exports and imports, what it is linked with, and whether its
// ad-hoc signature holds.
import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

export interface MachO {
  readonly arch: string;
  readonly installName: string;
  /** Install names, in the order of their numbers, from 1. */
  readonly libraries: readonly string[];
  /** What dyld finds in the export trie. */
  readonly exports: readonly string[];
  /** "symbol library" of every undefined symbol. */
  readonly imports: readonly string[];
  readonly selectors: readonly string[];
  /** "14.0" for macOS 14. */
  readonly minimum: string;
}

const MAGIC = 0xfeedfacf, DYLIB = 6, BUNDLE = 8, UNIVERSAL = 0xcafebabe;
const arches: Readonly<Record<number, string>> = { 0x01000007: "x64", 0x0100000c: "arm64" };
const LC = {
  symtab: 0x2,
  loadDylib: 0xc,
  idDylib: 0xd,
  segment: 0x19,
  signature: 0x1d,
  dyldInfo: 0x80000022,
  buildVersion: 0x32,
  exportsTrie: 0x80000033,
};

interface Command {
  readonly kind: number;
  readonly at: number;
}

function stringAt(file: Buffer, at: number): string {
  return file.toString("utf8", at, file.indexOf(0, at));
}

/** The libraries in a file: one for each architecture. */
export function slices(file: Buffer): Buffer[] {
  if (file.readUInt32BE(0) !== UNIVERSAL) return [file];
  return Array.from({ length: file.readUInt32BE(4) }, (_, i) => {
    const at = file.readUInt32BE(16 + 20 * i);
    return file.subarray(at, at + file.readUInt32BE(20 + 20 * i));
  });
}

function commandsOf(file: Buffer): Command[] {
  if (file.readUInt32LE(0) !== MAGIC || ![DYLIB, BUNDLE].includes(file.readUInt32LE(12))) {
    throw new Error("not a library of one 64-bit architecture");
  }
  const commands: Command[] = [];
  for (let at = 32; commands.length < file.readUInt32LE(16); at += file.readUInt32LE(at + 4)) {
    commands.push({ kind: file.readUInt32LE(at), at });
  }
  return commands;
}

/** An unsigned number in groups of seven bits, lowest first; [value, next offset]. */
function uleb(file: Buffer, at: number): [number, number] {
  let value = 0;
  for (let scale = 1;; scale *= 128) {
    const byte = file[at++]!;
    value += (byte & 127) * scale;
    if (byte < 128) return [value, at];
  }
}

/** Names in the export trie whose root lies at `start`. */
function trieNames(file: Buffer, start: number, size: number): string[] {
  const names: string[] = [], waiting: [number, string][] = size === 0 ? [] : [[0, ""]];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    const [length, data] = uleb(file, start + node[0]);
    if (length > 0) names.push(node[1]);
    let at = data + length + 1;
    for (let child = 0; child < file[data + length]!; child++) {
      const label = stringAt(file, at);
      const [offset, next] = uleb(file, at + label.length + 1);
      waiting.push([offset, node[1] + label]);
      at = next;
    }
  }
  return names.sort();
}

/** Undefined symbols with the library that each is looked up in. */
function undefinedSymbols(file: Buffer, at: number, libraries: readonly string[]): string[] {
  const [symbols, count, strings] = [8, 12, 16].map((field) => file.readUInt32LE(at + field)) as [
    number,
    number,
    number,
  ];
  const found: string[] = [];
  for (let i = 0; i < count; i++) {
    const entry = symbols + 16 * i, type = file[entry + 4]!;
    const debugging = (type & 0xe0) !== 0, external = (type & 0x01) !== 0, defined = (type & 0x0e) !== 0;
    if (debugging || !external || defined) continue;
    const library = libraries[file[entry + 7]! - 1] ?? `library ${file[entry + 7]}`;
    found.push(`${stringAt(file, strings + file.readUInt32LE(entry))} ${library}`);
  }
  return found.sort();
}

/** The texts in the section __objc_methname. */
function selectorsOf(file: Buffer, segments: readonly Command[]): string[] {
  for (const { at } of segments) {
    for (let i = 0; i < file.readUInt32LE(at + 64); i++) {
      const section = at + 72 + 80 * i;
      if (stringAt(file, section).slice(0, 16) !== "__objc_methname") continue;
      const offset = file.readUInt32LE(section + 48), size = Number(file.readBigUInt64LE(section + 40));
      return file.toString("utf8", offset, offset + size).split("\0").filter((text) => text !== "").sort();
    }
  }
  return [];
}

export function readMachO(file: Buffer): MachO {
  const commands = commandsOf(file), all = (...kinds: number[]) => commands.filter(({ kind }) => kinds.includes(kind));
  const nameIn = ({ at }: Command) => stringAt(file, at + file.readUInt32LE(at + 8));
  const libraries = commands.filter(({ kind }) => (kind & 0xff) === LC.loadDylib || kind === 0x80000018).map(nameIn);
  const [trie] = all(LC.exportsTrie),
    [info] = all(LC.dyldInfo),
    [symtab] = all(LC.symtab),
    [version] = all(LC.buildVersion);
  const exported = trie ? trie.at + 8 : (info?.at ?? 0) + 40;
  const minimum = version ? file.readUInt32LE(version.at + 12) : 0;
  return {
    arch: arches[file.readUInt32LE(4)] ?? "unknown",
    installName: all(LC.idDylib).map(nameIn)[0] ?? "",
    libraries,
    exports: trieNames(file, file.readUInt32LE(exported), file.readUInt32LE(exported + 4)),
    imports: symtab ? undefinedSymbols(file, symtab.at, libraries) : [],
    selectors: selectorsOf(file, all(LC.segment)),
    minimum: `${minimum >>> 16}.${minimum >>> 8 & 255}`,
  };
}

/** The page hashes of a code directory against the file; the numbers of the pages that differ. */
function differingPages(file: Buffer, directory: Buffer): number[] {
  const [hashes, , , pages, limit] = [16, 20, 24, 28, 32].map((field) => directory.readUInt32BE(field)) as number[];
  const size = directory[36]!, page = 1 << directory[39]!, wrong: number[] = [];
  for (let i = 0; i < pages!; i++) {
    const bytes = file.subarray(i * page, Math.min(limit!, (i + 1) * page));
    const hash = createHash("sha256").update(bytes).digest().subarray(0, size);
    if (!hash.equals(directory.subarray(hashes! + i * size, hashes! + (i + 1) * size))) wrong.push(i);
  }
  return wrong;
}

export interface Signature {
  readonly adHoc: boolean;
  /** How many, from the start of the file, are signed. */
  readonly bytes: number;
  /** Pages whose content is not what was signed. */
  readonly wrong: readonly number[];
  /** Whether all bytes before the signature are signed. */
  readonly whole: boolean;
}

/** The signature, or why there is none that can be checked. */
export function readSignature(file: Buffer): Signature | string {
  const command = commandsOf(file).find(({ kind }) => kind === LC.signature);
  if (!command) return "there is no LC_CODE_SIGNATURE";
  const start = file.readUInt32LE(command.at + 8);
  const blobs = file.subarray(start, start + file.readUInt32LE(command.at + 12));
  if (blobs.readUInt32BE(0) !== 0xfade0cc0) return "the signature is no SuperBlob";
  for (let i = 0; i < blobs.readUInt32BE(8); i++) {
    const directory = blobs.subarray(blobs.readUInt32BE(16 + 8 * i));
    if (directory.readUInt32BE(0) !== 0xfade0c02) continue;
    if (directory[37] !== 2) return `hash type ${directory[37]} is not SHA-256`;
    return {
      adHoc: (directory.readUInt32BE(12) & 2) !== 0,
      bytes: directory.readUInt32BE(32),
      wrong: differingPages(file, directory),
      whole: directory.readUInt32BE(32) === start,
    };
  }
  return "there is no code directory";
}
