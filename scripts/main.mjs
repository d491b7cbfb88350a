#!/usr/bin/env node
// The one entry behind npm, bun and deno scripts: makes everything ready, then runs a program of this tree under Bun.
// Plain JavaScript for Node, because on a fresh machine there is nothing else yet.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import process from "node:process";

const commands = {
  start: ["src/cli.ts", "demo"],
  info: ["src/cli.ts", "info"],
  test: ["scripts/check.ts"],
  bench: ["bench/run.ts"],
  accuracy: ["bench/accuracy.ts"],
  verify: ["scripts/verify.ts"],
  "verify:cuda": ["tests/metal-emulator/rungs/cuda.ts"],
  "kernel-cost": ["tests/metal-emulator/rungs/cost_report.ts"],
  dist: ["scripts/dist.ts"],
  build: undefined,
  "build:darwin": ["scripts/darwin.ts"],
};

const [name, ...rest] = process.argv.slice(2);
const names = Object.keys(commands).join("|");
if (Number(process.versions.node.split(".")[0]) < 20) {
  fail(`Tesserae needs Node.js 20 or later for its set-up; this is ${process.version}. Install a current Node.js.`);
}
if (!Object.hasOwn(commands, name ?? "")) fail(`usage: node scripts/main.mjs ${names} [arguments]`, 2);

const { root, setup, SetupError } = await import("./setup.mjs");
try {
  const runtimes = await setup();
  if (commands[name]) run(runtimes, commands[name]);
} catch (error) {
  if (error instanceof SetupError) fail(error.message);
  throw error;
}

/** Runs a program under Bun with this terminal; both runtimes come first on its PATH. Ends as the program ends. */
function run(runtimes, [program, ...first]) {
  const path = [dirname(runtimes.bun), dirname(runtimes.deno), join(root, "node_modules/.bin"), process.env.PATH].join(
    ":",
  );
  const child = spawn(runtimes.bun, [join(root, program), ...first, ...rest], {
    stdio: "inherit",
    env: { ...process.env, PATH: path },
  });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`${runtimes.bun} could not be started: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    for (const known of signals) process.removeAllListeners(known);
    process.kill(process.pid, signal);
  });
}

function fail(message, code = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}
