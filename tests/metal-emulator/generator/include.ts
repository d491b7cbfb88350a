// The whole text of a .metal file: its own headers resolved, as newLibraryWithSource must be given it.
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A file with every #include "..." replaced by that file, once each; line markers tell where each line came from. */
export function resolveText(path: string): string {
  const seen = new Set<string>();
  const resolve = (file: string): string => {
    seen.add(file);
    const lines = readFileSync(file, "utf8").replace(/\n$/, "").split("\n").map((line, i) => {
      if (/^\s*#\s*pragma\s+once\b/.test(line)) return "";
      const name = /^\s*#\s*include\s+"([^"]+)"/.exec(line)?.[1];
      if (name === undefined) return line;
      const header = join(dirname(file), name);
      return seen.has(header) ? "" : `${resolve(header)}\n#line ${i + 2} "${basename(file)}"`;
    });
    return `#line 1 "${basename(file)}"\n${lines.join("\n")}`;
  };
  return `${resolve(path)}\n`;
}
