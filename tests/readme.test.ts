// The README's example runs and prints what its comments say; what the README promises exists.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import * as tesserae from "../src/index.ts";
import { run, runtime } from "./programs.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";

test("readme: the example is about ten lines, and each line that prints tells what", async () => {
  const lines = example.trimEnd().split("\n");
  assert.ok(lines.length >= 8 && lines.length <= 12, `${lines.length} lines`);
  const told = lines.filter((line) => line.startsWith("console.log(")).map((line) => line.split("; // ")[1]);
  const folder = mkdtempSync(join(tmpdir(), "tesserae-"));
  const file = join(folder, "example.ts");
  writeFileSync(file, example.replace('"tesserae"', JSON.stringify(new URL("../src/index.ts", import.meta.url).href)));
  const flags = runtime === "deno" ? ["run", "-A", "--no-check"] : [];
  const { code, out, errors } = await run(process.execPath, [...flags, file]);
  rmSync(folder, { recursive: true });
  assert.equal(code, 0, errors);
  assert.ok(told.length >= 3);
  assert.deepEqual(out.trimEnd().split("\n"), told);
});

test("readme: every function of its table exists, and every function that exists is in the table", () => {
  const cells = [...readme.matchAll(/^\| (`[^|]*) \|/gm)].map((m) => m[1]!);
  const named = cells.flatMap((cell) =>
    [...cell.matchAll(/`(\w+)\(/g), ...cell.matchAll(/, `(\w+)\(/g)].map((m) => m[1]!)
  );
  const functions = Object.entries(tesserae).filter(([name, value]) =>
    typeof value === "function" && /^[a-z]/.test(name)
  );
  const built = functions.map(([name]) => name).filter((name) => !name.endsWith("Sync"));
  assert.deepEqual(
    [...new Set(named)].filter((name) => !built.includes(name)),
    [],
    "in the README, and does not exist",
  );
  assert.deepEqual(built.filter((name) => !named.includes(name)), [], "exists, and not in the README");
});
