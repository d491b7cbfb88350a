// `npm run verify`: all that this machine can prove of Metal. Gets the missing tools where it may, runs every rung of
// the ladder whole, then the public suite on the emulated device. `npm run verify -- ladder` or `suite` runs one part.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { buildEmulator } from "../tests/metal-emulator/build.ts";
import { buildLibrary, missing as lacksFake } from "../tests/metal-emulator/fake/build.ts";
import { lacksLlvm } from "../tests/metal-emulator/rungs/air.ts";
import { lacksUnicorn } from "../tests/metal-emulator/rungs/machine.ts";
import { buildMlx } from "../tests/metal-emulator/rungs/mlx.ts";
import { wheel } from "../tests/metal-emulator/rungs/wheel.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const tools = ["clang-19", "llvm-19", "gobjc", "libblocksruntime-dev", "python3-unicorn"];

/** Test files, by a part of their name, of the ladder, and of what users call. */
const ladder = ["emulator", "metal", "mlxkernels"];
const suite = [
  ...["apply", "cholesky", "eigh", "elementwise", "expm", "fullsvd", "getrf", "jacobi", "lstsq", "lu", "matmul"],
  ...["matrix", "norm", "pca", "qr", "reduce", "reference", "refine", "small", "solve", "svd", "views"],
];

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

function check(names: readonly string[], variables: Readonly<Record<string, string>>): boolean {
  const env = { ...process.env, ...variables };
  const { status } = spawnSync("bun", [join(root, "scripts/check.ts"), ...names], { stdio: "inherit", env });
  return status === 0;
}

/** MLX's kernels are made here first: that takes minutes, and test files have a time limit. */
async function checkLadder(): Promise<boolean> {
  const mlx = wheel();
  if ("folder" in mlx && lacksLlvm() === undefined) await buildMlx(mlx.folder, false);
  return check(ladder, { TSR_WHOLE: "1" });
}

async function checkSuite(): Promise<boolean> {
  const why = lacksFake();
  if (why !== undefined) {
    console.log(`skipped: the suite on the emulated device: ${why}`);
    return process.env["CI"] !== "true";
  }
  const library = await buildLibrary(), { plain } = await buildEmulator();
  return check(suite, { TSR_LIB: library, TSR_DEVICE: "metal", TSR_EMULATED_KERNELS: plain });
}

const asked = process.argv.slice(2);
if (asked.some((word) => word !== "ladder" && word !== "suite")) {
  console.error("usage: npm run verify [-- ladder | suite]");
  process.exit(2);
}
const wanted = (part: string): boolean => asked.length === 0 || asked.includes(part);
getTools();
const proven = wanted("ladder") ? await checkLadder() : true;
const works = wanted("suite") ? await checkSuite() : true;
process.exitCode = proven && works ? 0 : 1;
