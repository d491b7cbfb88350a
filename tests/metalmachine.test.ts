// Rung 6 of the Metal ladder: the machine code that is shipped for Apple Silicon, run.
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { buildFor, findCompiler } from "../scripts/build.mjs";
import { kernelSource } from "../scripts/kernels.mjs";
import { buildEmulator } from "./metal-emulator/build.ts";
import { lacksUnicorn, runMachineCode } from "./metal-emulator/rungs/machine.ts";

const compiler = findCompiler();
const zig = compiler.identity.startsWith("zig");
const skip = lacksUnicorn() ?? (zig ? false : "cross-building needs zig: delete build/venv, or install it");
const library = skip === false ? await buildFor(compiler, "darwin", "arm64") : "";
const kernels = skip === false ? (await buildEmulator()).plain : "";

test("rung 6: the arm64 code computes on the CPU and on Metal, and leaves nothing behind", { skip }, () => {
  const machine = runMachineCode(library, kernels);
  assert.deepEqual(machine.wrong, { cpu: 0, metal: 0 });
  assert.deepEqual(machine.errors, []);
  assert.deepEqual(machine.live, {});
  assert.equal(machine.source, kernelSource());
  assert.equal(machine.dispatches[0], "selftest");
  assert.equal(machine.dispatches.filter((name) => name.startsWith("gemm_nn_")).length, 3);
});

/** Bytes of the library, what to put there, and what the run must say. */
const patches: readonly [string, string, RegExp][] = [
  ["\0endEncoding\0", "\0endEncodinG\0", /\[encoder endEncodinG\]/],
  ["\0contents\0", "\0content\0\0", /\[buffer content\]/],
  ["\0gemm_nn_32\0", "\0gemm_nt_32\0", /wrong numbers/],
  ["\0selftest\0", "\0selftesT\0", /tsr_open/],
];

for (const [from, to, expected] of patches) {
  test(`rung 6 notices a library with ${JSON.stringify(to)}`, { skip }, () => {
    const file = readFileSync(library), at = file.indexOf(from), patched = `${library}.${process.pid}`;
    assert.ok(at > 0, `${JSON.stringify(from)} is in the library`);
    file.write(to, at, "latin1");
    writeFileSync(patched, file);
    let said = "";
    try {
      const { wrong, errors, live } = runMachineCode(patched, kernels);
      if (wrong.metal > 0 || errors.length > 0 || Object.keys(live).length > 0) said = `wrong numbers or ${errors[0]}`;
    } catch (error) {
      said = String(error);
    } finally {
      rmSync(patched);
    }
    assert.match(said, expected);
  });
}
