// The house rules, as functions from the text of the tree to what breaks them. Each rule carries its reason.

/** Path from the root, with forward slashes, to text. */
export type Tree = ReadonlyMap<string, string>;

export interface Rule {
  readonly name: string;
  readonly why: string;
  readonly check: (tree: Tree) => string[];
}

const MAX_FILE = 400;
const MAX_FUNCTION = 60;
const MAX_COLUMNS = 120;

/** Written by scripts/abi.ts. */
const generated = "ffi/symbols.ts";

const isCode = (path: string): boolean => /\.(ts|mjs|c|h|py|m|metal)$/.test(path);
const isC = (path: string): boolean => /\.(c|h|m|metal)$/.test(path);
const isScript = (path: string): boolean => /\.(ts|mjs)$/.test(path);
const inLibrary = (path: string): boolean => /^(src|ffi)\/.*\.ts$/.test(path);

/** The text with comments (and, if asked, the insides of strings) blanked out; lines and columns stay. */
function bare(text: string, strings = true): string {
  const token = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`/g;
  const blank = (s: string): string => s.replace(/[^\n]/g, " ");
  return text.replace(token, (found) => {
    if (found.startsWith("/")) return blank(found);
    return strings ? found[0] + blank(found.slice(1, -1)) + found.at(-1) : found;
  });
}

/** Every violation of a test on single lines. */
function lines(
  tree: Tree,
  wanted: (path: string) => boolean,
  bad: (line: string) => boolean,
  prepare = (text: string) => text,
) {
  const found: string[] = [];
  for (const [path, text] of tree) {
    if (!wanted(path)) continue;
    prepare(text).split("\n").forEach((line, i) => {
      if (bad(line)) found.push(`${path}:${i + 1}: ${text.split("\n")[i]!.trim().slice(0, 90)}`);
    });
  }
  return found;
}

/** What a TypeScript or JavaScript file imports, statically or by import(). */
export function importsOf(text: string): string[] {
  const code = bare(text, false);
  const patterns = [
    /\b(?:import|export)\b[^;"'`]*?\bfrom\s*"([^"]+)"/g,
    /\bimport\s*"([^"]+)"/g,
    /\bimport\s*\(\s*"([^"]+)"/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1]!));
}

/** A relative specifier as a path from the root. */
export function resolve(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** The README's list: modules by group, in import order. */
export function importOrder(readme: string): string[][] {
  const blocks = [...readme.matchAll(/```[a-z]*\n([\s\S]*?)```/g)].map((m) => m[1]!);
  const block = blocks.find((b) => b.includes("→")) ?? "";
  return block.trim().split("→").map((group) =>
    group.split(",").map((name) => name.trim()).filter((name) => name !== "")
  );
}

function checkOrder(tree: Tree): string[] {
  const groups = importOrder(tree.get("README.md") ?? "");
  const rank = new Map<string, number>(
    groups.flatMap((names, i) => names.map((name) => [`${name}.ts`, i] as [string, number])),
  );
  const found: string[] = [];
  for (const [path, text] of tree) {
    if (!inLibrary(path)) continue;
    const own = rank.get(path);
    if (own === undefined) found.push(`${path} is not on the README's list of the import order`);
    for (const specifier of importsOf(text).filter((s) => s.startsWith("."))) {
      const target = resolve(path, specifier);
      const theirs = rank.get(target);
      if (theirs === undefined) found.push(`${path} imports ${target}, which is not on the list`);
      else if (own !== undefined && theirs > own) found.push(`${path} imports ${target}, which comes later`);
    }
  }
  for (const path of rank.keys()) if (!tree.has(path)) found.push(`${path} is on the README's list and does not exist`);
  return found;
}

/** What an algorithm may know, beside other algorithms: those are all that stand between src/small and src/index. */
const words = ["errors", "input", "matrix", "blas", "call", "check", "small", "proof"].map((name) => `src/${name}`);

function checkAlgorithms(tree: Tree): string[] {
  const order = importOrder(tree.get("README.md") ?? "").flat();
  const algorithms = order.slice(order.indexOf("src/small") + 1, order.indexOf("src/index"));
  const known = new Set([...words, ...algorithms].map((name) => `${name}.ts`));
  return algorithms.map((name) => `${name}.ts`).flatMap((path) =>
    importsOf(tree.get(path) ?? "")
      .map((specifier) => specifier.startsWith(".") ? resolve(path, specifier) : specifier)
      .filter((target) => !known.has(target))
      .map((target) => `${path} imports ${target}`)
  );
}

function checkEnvironment(tree: Tree): string[] {
  const found = lines(
    tree,
    (p) => inLibrary(p) && p !== "src/env.ts",
    (l) => /\bprocess\.env\b|\bDeno\.env\b|\bBun\.env\b/.test(l),
    bare,
  );
  const table = /variables = \{([\s\S]*?)\n\}/.exec(tree.get("src/env.ts") ?? "")?.[1] ?? "";
  const known = [...table.matchAll(/^\s*(TSR_\w+):/gm)].map((m) => m[1]!);
  const read = [...tree].filter(([p]) => inLibrary(p)).flatMap(([, t]) =>
    [...t.matchAll(/\bread\("(TSR_\w+)"\)/g)].map((m) => m[1]!)
  );
  const told = [...(tree.get("README.md") ?? "").matchAll(/^\| `(TSR_[A-Z]+)` \|/gm)].map((m) => m[1]!);
  for (const name of known) {
    if (!read.includes(name)) found.push(`${name} is in src/env.ts and nothing reads it`);
    if (!told.includes(name)) found.push(`${name} is in src/env.ts and not in the README's table`);
  }
  for (const name of [...read, ...told]) if (!known.includes(name)) found.push(`${name} is not in src/env.ts`);
  return found;
}

/** Files that something outside the tree starts: package.json's commands and entry points, test runner, C compiler. */
function isEntry(path: string): boolean {
  const named = ["scripts/main.mjs", "src/index.ts", "src/blas.ts", "src/cli.ts", "src/probe.ts", "ffi/tsr.h"];
  const compiled = /^(core|cpu|vendor|metal)\/[^/]*\.[cm]$|^metal\/kernels\/[^/]*\.metal$/;
  return named.includes(path) || /^tests\/.*\.test\.ts$/.test(path) || compiled.test(path);
}

function checkDeadFiles(tree: Tree): string[] {
  const files = [...tree.keys()].filter(isCode);
  const alive = new Set(files.filter(isEntry));
  const queue = [...alive];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const strings = [...bare(tree.get(path)!, false).matchAll(/["'`]([^"'`\n]+\.\w+)["'`]/g)].map((m) => m[1]!);
    const imported = path.endsWith(".py") ? tree.get(path)!.matchAll(/^(?:from|import) (\w+)/gm) : [];
    strings.push(...[...imported].map((m) => `./${m[1]}.py`));
    const targets = strings.flatMap((s) => [s, resolve(path, s), `tests/fixtures/${s}`]);
    for (const target of targets) {
      if (!tree.has(target) || alive.has(target)) continue;
      alive.add(target);
      queue.push(target);
    }
  }
  const texts = [...tree.values()].join("\n");
  const named = (path: string): boolean => path.endsWith(".py") && texts.includes(path);
  return files.filter((path) => !alive.has(path) && !named(path)).map((path) =>
    `${path} is reached from no entry point`
  );
}

/** Exported values that no other file names. */
function checkDeadExports(tree: Tree): string[] {
  const scripts = [...tree].filter(([path]) => isScript(path));
  const published = ["src/index.ts", "src/blas.ts", "tests/api.ts", generated];
  return scripts.filter(([path]) => !published.includes(path) && !path.endsWith(".test.ts")).flatMap(([path, text]) =>
    [...bare(text).matchAll(/^export (?:async )?(?:function\*?|const|let|class) (\w+)/gm)].map((m) => m[1]!)
      .filter((name) => !scripts.some(([other, t]) => other !== path && new RegExp(`\\b${name}\\b`).test(t)))
      .map((name) => `${path}: no other file uses ${name}`)
  );
}

const keyword =
  "const|let|var|return|import|export|await|throw|if|for|while|static|void|float|double|size_t|u?int\\d*(?:_t)?";
const codeInComment = [
  new RegExp(`^(?:${keyword})\\b[^.]*[;{]$`),
  /^[\w.[\]]+\s*[-+*/]?=\s*[^=;][^;]*;$/,
  /^[\w.]+\([^)]*\)\s*[;{]$/,
  /^\}[;,)]*$/,
  /^#\s*(?:include|define|if|ifdef|endif)\b/,
];

/** Comments that hold code. */
function checkCommentedCode(tree: Tree): string[] {
  const found: string[] = [];
  for (const [path, text] of tree) {
    if (path === generated || !isScript(path) && !isC(path)) continue;
    const kept = bare(text, false).split("\n");
    text.split("\n").forEach((line, i) => {
      if (line === kept[i] || kept[i]!.trim() !== "") return;
      const comment = line.trim().replace(/^(?:\/\/+|\/\*+|\*+(?!\/))\s?/, "").replace(/\s*\*\/$/, "").trim();
      if (codeInComment.some((pattern) => pattern.test(comment))) found.push(`${path}:${i + 1}: ${line.trim()}`);
    });
  }
  return found;
}

const scriptFunction = /^\s*(?:.*\)(?:: [^{}]*(?:\{[^{}]*\}[^{}]*)?)?|.*=>) \{$/;
const notFunction =
  /^\s*(?:(?:if|for|while|switch|try|catch|do|return|export class|class|interface)\b|\} (?:else|catch)|describe\()/;

/** Functions by layout: from the header to the closing brace at the same depth; in C both stand at the margin. */
export function functionLengths(path: string, text: string): { line: number; length: number }[] {
  const all = text.split("\n");
  const found: { line: number; length: number }[] = [];
  all.forEach((line, i) => {
    if (isC(path)) {
      const start = line === "}" ? all.findLastIndex((other, j) => j < i && /^(?:[a-zA-Z]|[-+] \()/.test(other)) : -1;
      if (start >= 0) found.push({ line: start + 1, length: i - start + 1 });
    } else if (scriptFunction.test(line) && !notFunction.test(line)) {
      const depth = /^\s*/.exec(line)![0];
      const end = all.findIndex((other, j) => j > i && other.startsWith(`${depth}}`));
      found.push({ line: i + 1, length: end - i + 1 });
    }
  });
  return found;
}

function checkSizes(tree: Tree): string[] {
  const found: string[] = [];
  for (const [path, text] of tree) {
    if (!isCode(path)) continue;
    const count = text.replace(/\n$/, "").split("\n").length;
    if (count > MAX_FILE && path !== generated) found.push(`${path} has ${count} lines, at most ${MAX_FILE}`);
    for (const { line, length } of functionLengths(path, text)) {
      if (length > MAX_FUNCTION) found.push(`${path}:${line}: function of ${length} lines, at most ${MAX_FUNCTION}`);
    }
    text.split("\n").forEach((line, i) => {
      if ([...line].length > MAX_COLUMNS) {
        found.push(`${path}:${i + 1}: ${[...line].length} columns, at most ${MAX_COLUMNS}`);
      }
    });
  }
  return found;
}

function checkVersions(tree: Tree): string[] {
  const [npm, deno] = ["package.json", "deno.json"].map((name) => JSON.parse(tree.get(name) ?? "{}"));
  const found: string[] = [];
  const own = /version = "([^"]*)"/.exec(tree.get("src/version.ts") ?? "")?.[1];
  if (npm.version !== deno.version || npm.version !== own) {
    found.push(`version ${npm.version} in package.json, ${deno.version} in deno.json, ${own} in src/version.ts`);
  }
  const [a, b] = [npm, deno].map((file) => Object.keys(file.exports ?? {}).join(" "));
  if (a !== b) found.push(`exports "${a}" in package.json, "${b}" in deno.json`);
  return found;
}

const mine = (path: string): boolean => path !== "tests/tidy.ts" && path !== "tests/tidy.test.ts";

/** Folders of a person or of one machine; Homebrew installs in the same place everywhere. */
const ONE_MACHINE = /(?:^|[\s"'`(=:])\/(?:home|root|Users|work|tmp|opt(?!\/homebrew)|mnt)\//;

export const rules: readonly Rule[] = [
  { name: "import order", why: "a layer may know only the layers below it", check: checkOrder },
  {
    name: "algorithm imports",
    why: "algorithm files read like formulas: no ffi, environment or tuning in them",
    check: checkAlgorithms,
  },
  { name: "environment", why: "settings are read in one place, and each is documented", check: checkEnvironment },
  { name: "dead files", why: "a file that nothing reaches is untested and misleads readers", check: checkDeadFiles },
  { name: "dead exports", why: "what nobody imports is dead or should be private", check: checkDeadExports },
  {
    name: "switched-off code",
    why: "version control keeps old code; the tree holds what runs",
    check: (tree) => lines(tree, isCode, (l) => /^\s*#\s*if\s+0\b|\bif\s*\((?:0|false)\)/.test(l), bare),
  },
  { name: "commented-out code", why: "comments say why; code that does not run rots", check: checkCommentedCode },
  {
    name: "open ends",
    why: "what is not done is absent or in the tracker, not a note in the code",
    check: (tree) => lines(tree, (p) => isCode(p) && mine(p), (l) => /\b(?:TODO|FIXME|XXX|HACK)\b/.test(l)),
  },
  {
    name: "random numbers",
    why: "the same seed gives the same result everywhere, so all randomness is the library's own generator",
    check: (tree) => lines(tree, inLibrary, (l) => /\bMath\.random\b/.test(l), bare),
  },
  { name: "sizes", why: "a file is read in one sitting, a function on one screen", check: checkSizes },
  {
    name: "machine paths",
    why: "a path of one machine works on no other",
    check: (tree) => lines(tree, mine, (l) => ONE_MACHINE.test(l)),
  },
  { name: "versions", why: "npm and Deno users must get the same thing", check: checkVersions },
  {
    name: "any",
    why: "any switches the type checker off for everything it touches",
    check: (tree) => lines(tree, inLibrary, (l) => /\bany\b/.test(l), bare),
  },
];
