// npm run build:darwin: cross-builds the libraries for macOS into lib/darwin-arm64 (CPU and Metal, signed) and
// lib/darwin-x64 (CPU), on any machine that has zig, and checks the files as the tests do.
import { readFileSync } from "node:fs";
import process from "node:process";
import { faultsOf, importsIn } from "../tests/metal-emulator/rungs/binary.ts";
import { linkedPackages } from "../tests/metal-emulator/rungs/wheel.ts";
import { buildFor, findCompiler } from "./build.mjs";

const compiler = findCompiler();
if (!compiler.identity.startsWith("zig")) {
  console.error(
    `The libraries for macOS are made by zig, and this machine has only ${compiler.identity}: install zig ` +
      "(https://ziglang.org/download), or Python 3 with venv; then delete build/venv, and run this again.",
  );
  process.exit(1);
}
const libraries = [await buildFor(compiler, "darwin", "arm64"), await buildFor(compiler, "darwin", "x64")];
const packages = linkedPackages();
const lacking = packages.flatMap((found) => "missing" in found ? [found.missing] : []);
for (const why of lacking) console.log(`imports are not compared, for want of ${why}`);
const known = lacking.length > 0
  ? undefined
  : importsIn(packages.flatMap((found) => "folder" in found ? [found.folder] : []));
for (const library of libraries) {
  const faults = faultsOf(readFileSync(library), known);
  console.log(`${library}: ${faults.length === 0 ? "exports, imports, selectors and signature are right" : "WRONG"}`);
  for (const fault of faults) console.log(`  ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
