// Writes ffi/symbols.ts from ffi/tsr.h: the constants, the names of the status codes, and each function with its
// parameters. `bun scripts/abi.ts` writes, `bun scripts/abi.ts --check` only compares.
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";

const headerFile = new URL("../ffi/tsr.h", import.meta.url);
const symbolsFile = new URL("../ffi/symbols.ts", import.meta.url);

interface Constant {
  name: string;
  value: number;
}

interface Prototype {
  name: string;
  text: string;
  result: string;
  parameters: string[];
}

/** The groups of constants: one for each enum, in the order of the header. */
function constantGroups(header: string): Constant[][] {
  const code = header.replace(/\/\*[\s\S]*?\*\//g, "");
  return [...code.matchAll(/enum\s*\{([^}]*)\}/g)].map(([, body = ""]) =>
    body.split(",").map((item) => item.trim()).filter((item) => item !== "").map((item) => {
      const [, name, value] = /^(\w+)\s*=\s*(-?\d+)$/.exec(item) ?? [];
      if (name === undefined) throw new SyntaxError(`tsr.h: cannot read the constant "${item}"; write NAME = number`);
      return { name, value: Number(value) };
    })
  );
}

function kindOf(declaration: string): string {
  const type = declaration.replace(/\w+$/, "").trim();
  if (type.endsWith("*")) return "buffer";
  if (type === "uint32_t") return "u32";
  if (type === "double") return "f64";
  throw new SyntaxError(
    `tsr.h: no parameter kind for "${declaration}"; the contract has uint32_t, double and pointers`,
  );
}

function prototypes(header: string): Prototype[] {
  const code = header.replace(/\/\*[\s\S]*?\*\//g, "");
  return [...code.matchAll(/^TSR_API (u?int32_t) (\w+)\(([^)]*)\);$/gm)].map(([line, result, name, list = ""]) => ({
    name: name!,
    text: line.replace("TSR_API ", "").replace(/\s+/g, " "),
    result: result === "int32_t" ? "i32" : "u32",
    parameters: list === "void" ? [] : list.split(",").map((declaration) => kindOf(declaration.trim())),
  }));
}

/** A C prototype as comment lines of at most 120 columns. */
function comment(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1)!;
    if (last.length + word.length > 110) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.map((line) => `  // ${line}`).join("\n");
}

/** The text of ffi/symbols.ts that belongs to a header. */
export function symbolsText(header: string): string {
  const abi = /#define TSR_ABI (\d+)u/.exec(header)?.[1];
  const functions = prototypes(header);
  const declared = [...header.matchAll(/^TSR_API /gm)].length;
  if (abi === undefined) throw new SyntaxError("tsr.h: no line `#define TSR_ABI number`");
  if (declared !== functions.length) {
    throw new SyntaxError(
      `tsr.h: ${declared} functions are declared, ${functions.length} can be read; each stands on one line`,
    );
  }
  const groups = constantGroups(header);
  const statuses = groups.flat().filter(({ name }) => name === "TSR_OK" || name.startsWith("TSR_E_"));
  const constants = groups.map((group) =>
    group.map(({ name, value }) => `export const ${name} = ${value};`).join("\n")
  );
  const table = functions.map(({ name, text, result, parameters }) =>
    `${comment(text)}\n  ${name}: { parameters: [${
      parameters.map((p) => `"${p}"`).join(", ")
    }], result: "${result}" },`
  );
  return `// Generated from tsr.h by scripts/abi.ts. Do not edit: change tsr.h and run it again.

/** The contract that this package speaks; a library must answer the same from tsr_abi. */
export const TSR_ABI = ${abi};

${constants.join("\n\n")}

/** The names of the status codes. */
export const statusNames: Readonly<Record<number, string>> = {
${statuses.map(({ name, value }) => `  [${value}]: "${name}",`).join("\n")}
};

/** The functions of the library: parameters and result. A buffer is the typed array itself, never null. */
export const symbols = {
${table.join("\n")}
} as const;
`;
}

/** Why symbols.ts does not belong to tsr.h, or undefined. */
export function stale(): string | undefined {
  const wanted = symbolsText(readFileSync(headerFile, "utf8")).split("\n");
  const found = readFileSync(symbolsFile, "utf8").split("\n");
  const line = wanted.findIndex((text, i) => text !== found[i]);
  if (line < 0 && wanted.length === found.length) return undefined;
  const at = line < 0 ? wanted.length : line;
  return `ffi/symbols.ts is stale at line ${at + 1}: it says "${found[at] ?? ""}", tsr.h asks for "${
    wanted[at] ?? ""
  }". ` +
    "Run `bun scripts/abi.ts`.";
}

if (import.meta.main) {
  if (process.argv.includes("--check")) {
    const why = stale();
    if (why !== undefined) console.error(why);
    process.exitCode = why === undefined ? 0 : 1;
  } else {
    writeFileSync(symbolsFile, symbolsText(readFileSync(headerFile, "utf8")));
  }
}
