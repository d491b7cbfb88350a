// The package as its users get it: packed, installed in an empty folder elsewhere, imported by name in both runtimes.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { platform } from "../ffi/locate.ts";
import { bun, deno, run } from "./programs.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
const app = `import { info, matmul, Matrix, type MatrixLike, qr, ShapeError } from "tesserae";
import { flush, gemm } from "tesserae/blas";
const rows: MatrixLike = [[1, 2], [3, 4]];
const c = await matmul(rows, rows);
const { q, r } = await qr(c, { proof: true });
const back = Matrix.zeros(2, 2);
gemm(1, q, r, 0, back);
await flush(back.device);
const refused = await matmul(rows, [[1, 2, 3]]).then(() => undefined, (e: ShapeError) => e);
const code: "TSR_SHAPE" | undefined = refused?.code;
const numbers = back.toArray().flat().map(Math.round);
console.log(JSON.stringify({ c: c.toArray(), back: numbers, code, library: info()["library"] }));
`;

let folder = "";
let packed: string[] = [];

async function must(
  program: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<string> {
  const { code, out, errors } = await run(program, args, environment);
  assert.equal(code, 0, `${program} ${args.join(" ")}\n${out}${errors}`);
  return out;
}

before(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "tesserae-")));
  const [user, mapped] = [join(folder, "user"), join(folder, "mapped")];
  mkdirSync(user);
  mkdirSync(mapped);
  await must("node", [join(root, "scripts/main.mjs"), "dist"]);
  const told = await must("npm", ["pack", root, "--json", "--ignore-scripts", "--pack-destination", folder]);
  packed = (JSON.parse(told) as { files: { path: string }[] }[])[0]!.files.map((file) => file.path);
  writeFileSync(join(user, "package.json"), '{ "type": "module", "private": true }\n');
  const archive = join(folder, `tesserae-${version}.tgz`);
  await must("npm", ["install", "--prefix", user, "--offline", "--no-audit", "--no-fund", "--ignore-scripts", archive]);
  writeFileSync(join(user, "app.ts"), app);
  writeFileSync(join(mapped, "app.ts"), app);
  cpSync(join(user, "node_modules"), join(mapped, "node_modules"), { recursive: true });
  const imports = { "tesserae": `npm:tesserae@${version}`, "tesserae/blas": `npm:tesserae@${version}/blas` };
  writeFileSync(join(mapped, "deno.json"), JSON.stringify({ nodeModulesDir: "manual", imports }));
});

after(() => rmSync(folder, { recursive: true, force: true }));

function right(out: string, place: string): void {
  const { c, back, code, library } = JSON.parse(out);
  assert.deepEqual(c, [[7, 10], [15, 22]]);
  assert.deepEqual(back, [7, 10, 15, 22]);
  assert.equal(code, "TSR_SHAPE");
  assert.ok(library.startsWith(join(folder, place, "node_modules")), `used ${library}`);
}

test("package: it holds the JavaScript, the types and the library, and nothing of the workshop", () => {
  assert.ok(packed.includes("dist/src/index.js") && packed.includes("dist/src/index.d.ts"), packed.join("\n"));
  assert.ok(packed.some((path) => path.startsWith(`dist/lib/${platform}/`)), packed.join("\n"));
  assert.deepEqual(
    packed.filter((path) => !/^(dist\/(src|ffi|lib)\/|README.md$|LICENSE$|package.json$)/.test(path)),
    [],
  );
});

test("package: Bun imports it by name", async () => {
  right(await must(bun, [join(folder, "user/app.ts")]), "user");
});

test("package: Deno imports it through package.json", async () => {
  right(await must(deno, ["run", "-A", "--no-lock", join(folder, "user/app.ts")]), "user");
});

test("package: Deno imports it through the imports of deno.json", async () => {
  right(
    await must(deno, [
      "run",
      "-A",
      "--no-lock",
      "--config",
      join(folder, "mapped/deno.json"),
      join(folder, "mapped/app.ts"),
    ]),
    "mapped",
  );
});

test("package: its types check in a user's program, and a wrong use does not", async () => {
  await must(deno, ["check", "--no-lock", join(folder, "user/app.ts")]);
  writeFileSync(
    join(folder, "user/wrong.ts"),
    'import { qr } from "tesserae";\nconst x: number = await qr([[1]]);\nconsole.log(x);\n',
  );
  const { code, errors } = await run(deno, ["check", "--no-lock", join(folder, "user/wrong.ts")]);
  assert.equal(code, 1);
  assert.match(errors, /TS2322/);
});

test("package: it brings the program", async () => {
  const out = await must(bun, [join(folder, "user/node_modules/.bin/tesserae"), "--version"]);
  assert.equal(out.trim(), version);
});
