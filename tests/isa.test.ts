// The kernels of every instruction set against plain loops and the reference tile: fixtures/isa.c on this machine, and
// for NEON as a program for arm64 under qemu's user-mode emulation.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build, buildStatic, findCompiler } from "../scripts/build.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "tests/fixtures/isa.c"), QEMU = "qemu-aarch64", INSTALL = "apt-get install -y qemu-user";
const compiler = findCompiler(), zig = compiler.identity.startsWith("zig");

/** A set's line of the report says how many cases it went through. */
function requireSets(command: string[], ...sets: string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command[0]!, command.slice(1), { encoding: "utf8" });
  assert.equal(status, 0, `${error ?? ""}${stdout}${stderr}`);
  for (const set of sets) assert.match(stdout, new RegExp(`^${set}: [1-9]\\d+ cases`, "m"));
  console.log(stdout.trim().replaceAll("\n", "; "));
}

function runs(program: string): boolean {
  return spawnSync(program, ["--version"]).status === 0;
}

/** Why NEON cannot be tested here; on a machine of CI qemu is installed where that is allowed. */
function obstacle(): string | undefined {
  if (!zig) return `the program for arm64 is made by zig, not by ${compiler.identity}: install zig`;
  if (!runs(QEMU) && process.env.CI === "true") spawnSync("sh", ["-c", INSTALL]);
  return runs(QEMU) ? undefined : `${QEMU} is missing: ${INSTALL}`;
}

test("this machine's sets", async () => {
  const library = await build(), program = join(root, "build/isa"), [command, ...first] = compiler.command;
  const flags = [...first, ...compiler.flags, "-std=c11", "-O2", "-D_GNU_SOURCE", `-Wl,-rpath,${dirname(library)}`];
  const made = spawnSync(command!, [...flags, "-o", program, source, library, "-lm"], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  requireSets([program], "portable", ...(process.arch === "arm64" ? ["neon"] : []));
});

if (process.platform === "linux" && process.arch === "x64") {
  const why = obstacle();
  test(`NEON under qemu${why ? `, skipped: ${why}` : ""}`, { skip: why !== undefined }, async () => {
    requireSets([QEMU, await buildStatic(compiler, "arm64", source)], "portable", "neon");
  });
}
