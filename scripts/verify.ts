// `npm run verify`: all that this machine can prove of Metal. Gets the missing tools where it may, runs every rung of
// the ladder whole, then the public suite on the emulated device in all circumstances (emulated.ts). Takes about an
// hour on two cores; `npm run verify -- ladder` or `suite` runs one part.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { missing as lacksFake } from "../tests/metal-emulator/fake/build.ts";
import { lacksLlvm } from "../tests/metal-emulator/rungs/air.ts";
import { lacksUnicorn } from "../tests/metal-emulator/rungs/machine.ts";
import { buildMlx } from "../tests/metal-emulator/rungs/mlx.ts";
import { wheel } from "../tests/metal-emulator/rungs/wheel.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const tools = ["clang-19", "llvm-19", "libclang-rt-19-dev", "gobjc", "libblocksruntime-dev", "python3-unicorn"];

/** Test files of the ladder, by a part of their name. */
const ladder = ["emulator", "metal", "mlxkernels"];

const lacking = (): string[] => [lacksFake(), lacksLlvm(), lacksUnicorn()].filter((why) => why !== undefined);

/** Installs Debian's packages where this process may; otherwise the rungs that need them say so and are skipped. */
function getTools(): void {
  if (lacking().length === 0) return;
  const may = process.platform === "linux" && process.getuid?.() === 0 &&
    spawnSync("apt-get", ["--version"]).status === 0;
  if (may) {
    console.log(`installing ${tools.join(" ")}`);
    const quiet = ["-qq", "-o", "Dpkg::Use-Pty=0"];
    spawnSync("apt-get", ["update", ...quiet], { stdio: "inherit" });
    spawnSync("apt-get", ["install", "-y", "--no-install-recommends", ...quiet, ...tools], { stdio: "inherit" });
  }
  for (const why of lacking()) console.log(`missing: ${why}`);
}

function check(words: readonly string[]): boolean {
  const env = { ...process.env, TSR_WHOLE: "1" };
  const { status } = spawnSync("bun", [join(root, "scripts/check.ts"), ...words], { stdio: "inherit", env });
  return status === 0;
}

/** MLX's kernels are made here first: that takes minutes, and test files have a time limit. */
async function checkLadder(): Promise<boolean> {
  const mlx = wheel();
  if ("folder" in mlx && lacksLlvm() === undefined) await buildMlx(mlx.folder, false);
  return check(ladder);
}

const asked = process.argv.slice(2);
if (asked.some((word) => word !== "ladder" && word !== "suite")) {
  console.error("usage: npm run verify [-- ladder | suite]");
  process.exit(2);
}
const wanted = (part: string): boolean => asked.length === 0 || asked.includes(part);
getTools();
const proven = wanted("ladder") ? await checkLadder() : true;
const works = wanted("suite") ? check(["--emulated"]) : true;
process.exitCode = proven && works ? 0 : 1;
