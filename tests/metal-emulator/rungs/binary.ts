// Rung 5: the cross-built library for macOS as a file: exactly the functions of tsr.h are exported, every import is one
// that Apple's linker has written for another package, every selector is declared in our headers, the signature holds.
import type { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readMachO, readSignature, slices } from "./macho.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
/** What zig's linker adds by itself to each library. */
const linkers = ["___dso_handle", "__mh_dylib_header"];

/** The functions of tsr.h as the linker spells them. */
export function functionsOf(header: string): string[] {
  return [...header.matchAll(/^TSR_API\s+\w+\s+(\w+)\(/gm)].map((found) => `_${found[1]}`).sort();
}

/** "symbol library" of every import of every library in some folders. */
export function importsIn(folders: readonly string[]): Set<string> {
  const files = folders.flatMap((folder) =>
    (readdirSync(folder, { recursive: true }) as string[]).filter((name) => /\.(?:so|dylib)$/.test(name))
      .map((name) => join(folder, name))
  );
  return new Set(files.flatMap((file) => slices(readFileSync(file))).flatMap((library) => readMachO(library).imports));
}

/** The selectors that our Metal.h and Foundation.h declare. */
function declaredSelectors(): Set<string> {
  const headers = ["Metal/Metal.h", "Foundation/Foundation.h"].map((name) =>
    readFileSync(join(root, "tests/metal-emulator/fake", name), "utf8")
  );
  const methods = headers.flatMap((text) => [...text.matchAll(/^[-+] \([^)]*\)([^;]+);/gm)].map((found) => found[1]!));
  return new Set(methods.map((method) => {
    const parts = [...method.matchAll(/(\w+):\(/g)].map((found) => `${found[1]}:`);
    return parts.length > 0 ? parts.join("") : method.trim();
  }));
}

function beyond(what: string, have: readonly string[], allowed: ReadonlySet<string>): string[] {
  return have.filter((name) => !allowed.has(name)).map((name) => `${what} ${name}`);
}

/** What is wrong with a library of ours; the imports are compared only where those of others are known. */
export function faultsOf(file: Buffer, known?: ReadonlySet<string>): string[] {
  const library = readMachO(file), signature = readSignature(file);
  const functions = functionsOf(readFileSync(join(root, "ffi/tsr.h"), "utf8"));
  const faults = [
    ...beyond("exports, and tsr.h lacks,", library.exports, new Set([...functions, ...linkers])),
    ...beyond("does not export", functions, new Set(library.exports)),
    ...beyond("sends, and our headers lack,", library.selectors, declaredSelectors()),
  ];
  if (library.installName !== "@rpath/libtesserae.dylib") faults.push(`is named ${library.installName}`);
  if (known) faults.push(...beyond("imports what Apple's linker has in no known package:", library.imports, known));
  if (typeof signature !== "string") {
    if (!signature.adHoc) faults.push("the signature is not ad hoc");
    if (!signature.whole) faults.push("the signature does not cover the whole file");
    for (const page of signature.wrong) faults.push(`page ${page} is not what was signed`);
  } else if (library.arch === "arm64") faults.push(signature);
  return faults;
}
