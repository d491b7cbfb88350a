// Deno with no permission but the path of the library: everything works; without it, the error says what to do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { candidates } from "../ffi/locate.ts";
import { deno, run } from "./programs.ts";

const program = fileURLToPath(new URL("./fixtures/permissions.ts", import.meta.url));
const library = candidates()[0]!;
const denoRun = (flags: readonly string[], environment: Record<string, string> = {}) =>
  run(deno, ["run", "--no-prompt", "--no-check", ...flags, program], environment);

test("permissions: the path of the library is all that Deno needs", async () => {
  const { code, out, errors } = await denoRun([`--allow-ffi=${library}`]);
  assert.equal(code, 0, errors);
  const { error, same, library: used } = JSON.parse(out);
  assert.ok(error < 1e-5, `error ${error}`);
  assert.equal(same, true);
  assert.equal(used, library);
});

test("permissions: without it the error names the library", async () => {
  const { code, errors } = await denoRun([]);
  assert.equal(code, 1);
  assert.match(errors, /LibraryError/);
  assert.ok(errors.includes(library), errors);
  assert.match(errors, /allow-ffi/);
});

test("permissions: a variable that may be read is honoured", async () => {
  const flags = [`--allow-ffi=${library}`, "--allow-env=TSR_THREADS"];
  const { code, errors } = await denoRun(flags, { TSR_THREADS: "none" });
  assert.equal(code, 1);
  assert.match(errors, /TSR_THREADS/);
});

test("permissions: at a terminal nothing else is asked for", async () => {
  const terminal = "import os, pty, signal, sys; signal.alarm(60); " +
    "sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
  const flags = ["run", "--no-check", `--allow-ffi=${library}`, program];
  const { code, out, errors } = await run("python3", ["-c", terminal, deno, ...flags]);
  assert.equal(code, 0, out + errors);
});
