// The house rules hold for this tree, and each rule catches a planted violation.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { stale } from "../scripts/abi.ts";
import { functionLengths, importOrder, importsOf, rules, type Tree } from "./tidy.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

function readTree(): Map<string, string> {
  const tree = new Map<string, string>();
  for (const folder of ["src", "ffi", "core", "cpu", "metal", "vendor", "tests", "scripts", "bench"]) {
    for (const name of readdirSync(join(root, folder), { recursive: true }) as string[]) {
      if (/\.\w+$/.test(name)) tree.set(`${folder}/${name}`, readFileSync(join(root, folder, name), "utf8"));
    }
  }
  for (const name of ["README.md", "CONTRIBUTING.md", "package.json", "deno.json"]) {
    tree.set(name, readFileSync(join(root, name), "utf8"));
  }
  return tree;
}

const tree = readTree();

for (const rule of rules) {
  test(`tidy: ${rule.name}`, () => {
    const found = rule.check(tree);
    assert.equal(found.length, 0, `${rule.name} (${rule.why}):\n  ${found.join("\n  ")}`);
  });
}

test("tidy: ffi/symbols.ts is what scripts/abi.ts makes of ffi/tsr.h", () => {
  assert.equal(stale(), undefined);
});

// ---- the checker itself ----

const readme = "```\nsrc/errors, src/version → ffi/load → src/env\n→ src/small → src/qr → src/index\n```\n" +
  "| `TSR_LIB` | path |\n";
const clean: Readonly<Record<string, string>> = {
  "README.md": readme,
  "src/errors.ts": "export class ShapeError extends RangeError {}\n",
  "ffi/load.ts": 'import { ShapeError } from "../src/errors.ts";\nexport const load = () => new ShapeError();\n',
  "src/env.ts":
    "export const variables = {\n  TSR_LIB: 1,\n};\nexport const read = (name: string) => process.env[name];\n",
  "src/small.ts": "export const small = 1;\n",
  "src/qr.ts": 'import { small } from "./small.ts";\n' +
    'import { ShapeError } from "./errors.ts";\nexport const qr = (): void => { throw new ShapeError(small); };\n',
  "src/version.ts": 'export const version = "1";\n',
  "src/index.ts": 'export { version } from "./version.ts";\nexport { qr } from "./qr.ts";\n' +
    'import { load } from "../ffi/load.ts";\nimport { read, variables } from "./env.ts";\n' +
    'load(read("TSR_LIB"), variables);\n',
  "cpu/a.h": "int a(void);\n",
  "cpu/a.c": '#include "a.h"\nint a(void) {\n  return 1;\n}\n',
  "package.json": '{"version": "1", "exports": {".": "x"}}',
  "deno.json": '{"version": "1", "exports": {".": "y"}}',
};

function violations(name: string, change: Readonly<Record<string, string>>): string[] {
  const planted: Tree = new Map(Object.entries({ ...clean, ...change }));
  return rules.find((rule) => rule.name === name)!.check(planted);
}

test("tidy checker: a clean tree passes every rule", () => {
  for (const rule of rules) assert.deepEqual(violations(rule.name, {}), [], rule.name);
});

const long = (n: number): string => "  call();\n".repeat(n);
const planted: readonly (readonly [rule: string, path: string, text: string])[] = [
  ["import order", "src/errors.ts", 'import { qr } from "./qr.ts";\n'],
  ["import order", "src/env.ts", 'const later = await import("./index.ts");\n'],
  ["import order", "src/stray.ts", "export {};\n"],
  ["import order", "README.md", readme.replace("src/index", "src/gone → src/index")],
  ["algorithm imports", "src/qr.ts", 'import { load } from "../ffi/load.ts";\n'],
  ["environment", "src/qr.ts", "const x = process.env.HOME;\n"],
  ["environment", "src/qr.ts", 'const x = read("TSR_NEW");\n'],
  ["environment", "README.md", readme + "| `TSR_GONE` | x |\n"],
  ["environment", "README.md", readme.replace("TSR_LIB", "LIB")],
  ["environment", "src/index.ts", 'import { load } from "../ffi/load.ts";\n'],
  ["dead files", "src/stray.ts", "export {};\n"],
  ["dead files", "cpu/stray.h", "int x;\n"],
  ["dead exports", "src/errors.ts", clean["src/errors.ts"]! + "export function unused(): void {}\n"],
  ["switched-off code", "cpu/a.c", "#if 0\nint b;\n#endif\n"],
  ["switched-off code", "src/qr.ts", "if (false) qr();\n"],
  ["commented-out code", "src/qr.ts", "// const x = qr(a);\n"],
  ["commented-out code", "src/qr.ts", "  // gemm(1, a, b);\n"],
  ["commented-out code", "cpu/a.c", "/* x = y + 1; */\n"],
  ["commented-out code", "cpu/a.c", "/* so:\n * }\n */\n"],
  ["open ends", "src/qr.ts", "// TODO: faster\n"],
  ["random numbers", "src/qr.ts", "const x = Math.random();\n"],
  ["sizes", "src/qr.ts", "x();\n".repeat(401)],
  ["sizes", "src/qr.ts", `x(); //${"-".repeat(114)}\n`],
  ["sizes", "src/qr.ts", `export function f(a: number): { x: number } {\n${long(59)}}\n`],
  ["sizes", "src/qr.ts", `class C {\n  m(): void {\n${long(59)}  }\n}\n`],
  ["sizes", "src/qr.ts", `const f = async () => {\n${long(59)}};\n`],
  ["sizes", "src/qr.ts", `function f(\n  a: number,\n): void {\n${long(59)}}\n`],
  ["sizes", "cpu/a.c", `static int f(int a,\n             int b) {\n${long(59)}}\n`],
  ["machine paths", "README.md", "open /home/me/x\n"],
  ["versions", "deno.json", '{"version": "2", "exports": {".": "y"}}'],
  ["versions", "deno.json", '{"version": "1", "exports": {}}'],
  ["versions", "src/version.ts", 'export const version = "0";\n'],
  ["any", "src/qr.ts", "const x = y as any;\n"],
];

for (const [i, [rule, path, text]] of planted.entries()) {
  test(`tidy checker: ${rule} catches plant ${i} in ${path}`, () => {
    assert.ok(violations(rule, { [path]: text }).length > 0, `not caught: ${text.slice(0, 80)}`);
  });
}

const innocent: readonly (readonly [rule: string, path: string, text: string])[] = [
  ["commented-out code", "src/qr.ts", "// X = A Y; the panel comes first (see below);\n"],
  ["commented-out code", "src/qr.ts", "gemm(1, A, Y, 0, X); // X = A Y\n"],
  ["commented-out code", "src/qr.ts", 'const url = "https://x"; // where from\n'],
  ["any", "src/qr.ts", "// for any size\nconst x = 'any';\n"],
  ["sizes", "src/qr.ts", `function f() {\n${long(58)}}\n`],
  ["sizes", "src/qr.ts", `x(); //${"-".repeat(113)}\n`],
  ["machine paths", "README.md", "#!/usr/bin/env bash\n"],
];

for (const [i, [rule, path, text]] of innocent.entries()) {
  test(`tidy checker: ${rule} leaves innocent text ${i} alone`, () => {
    assert.deepEqual(violations(rule, { [path]: text }), []);
  });
}

test("tidy checker: imports of every form are seen", () => {
  const text = 'import a from "./a.ts";\nimport {\n  b,\n} from "./b.ts";\nimport "./c.ts";\n' +
    'export * from "./d.ts";\nawait import("./e.ts");\n' +
    'export type { F } from "./f.ts"; // import "./no.ts"\n';
  assert.deepEqual(importsOf(text).sort(), ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts"]);
});

test("tidy checker: the README's list is read, and functions are found in this tree", () => {
  assert.ok(importOrder(tree.get("README.md")!).length > 5);
  assert.deepEqual(importOrder(readme), [["src/errors", "src/version"], ["ffi/load"], ["src/env"], ["src/small"], [
    "src/qr",
  ], [
    "src/index",
  ]]);
  assert.ok(functionLengths("tests/tidy.test.ts", tree.get("tests/tidy.test.ts")!).length >= 5);
});
