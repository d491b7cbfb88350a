// The Metal kernels as one text: what the library gives to the GPU's compiler at run time, and what the emulator
// translates, file by file.
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { root } from "./setup.mjs";

const OWN_INCLUDE = /^\s*#\s*include\s+"([^"]+)"/;

/**
 * A file with every #include "..." replaced by that file, once each; #line tells where each line came from.
 * @param {string} path
 * @returns {string}
 */
export function resolveText(path) {
  const seen = new Set();
  const resolve = (file) => {
    seen.add(file);
    const lines = readFileSync(file, "utf8").replace(/\n$/, "").split("\n").map((line, i) => {
      const name = OWN_INCLUDE.exec(line)?.[1];
      if (name === undefined) return line;
      const header = join(dirname(file), name);
      return seen.has(header) ? "" : `${resolve(header)}\n#line ${i + 2} "${basename(file)}"`;
    });
    return `#line 1 "${basename(file)}"\n${lines.join("\n")}`;
  };
  return `${resolve(path)}\n`;
}

/**
 * All of metal/kernels in the order of their names; headers guard themselves against coming twice.
 * @returns {string}
 */
export function kernelSource() {
  const folder = join(root, "metal/kernels");
  const names = readdirSync(folder).filter((name) => name.endsWith(".metal")).sort();
  return names.map((name) => resolveText(join(folder, name))).join("");
}

/**
 * A text as the numbers of a C array, for `#include` inside braces.
 * @param {string} text
 * @returns {string}
 */
export function asBytes(text) {
  const bytes = [...new TextEncoder().encode(text)].map((byte) => (byte > 127 ? byte - 256 : byte));
  const lines = [];
  for (let i = 0; i < bytes.length; i += 24) lines.push(bytes.slice(i, i + 24).join(","));
  return `${lines.join(",\n")}\n`;
}
