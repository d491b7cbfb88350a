// What a fresh machine lacks, made ready step by step: the npm packages, the two runtimes in them, the native library.
// Everything is looked at first, so that a second call costs next to nothing. Messages go to stderr.
import { spawnSync } from "node:child_process";
import { accessSync, chmodSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** A step that failed: the message says what happened and what to do, so no stack is shown. */
export class SetupError extends Error {}

/** The packages in which bun and deno keep their programs, by platform. Their install scripts need not have run. */
const packages = {
  "linux-x64": { bun: "@oven/bun-linux-x64", deno: "@deno/linux-x64-glibc" },
  "linux-arm64": { bun: "@oven/bun-linux-aarch64", deno: "@deno/linux-arm64-glibc" },
  "darwin-x64": { bun: "@oven/bun-darwin-x64", deno: "@deno/darwin-x64" },
  "darwin-arm64": { bun: "@oven/bun-darwin-aarch64", deno: "@deno/darwin-arm64" },
};

/** Paths of the two runtimes, after all that is missing was installed and built. */
export async function setup() {
  const platform = `${process.platform}-${process.arch}`;
  const wanted = packages[platform];
  if (!wanted) {
    const known = Object.keys(packages).join(", ");
    throw new SetupError(`Tesserae does not run on ${platform}; it runs on ${known}. On Windows, use WSL.`);
  }
  const fresh = !packagesCurrent();
  if (fresh) installPackages();
  const runtimes = { bun: program("bun", wanted.bun), deno: program("deno", wanted.deno) };
  if (fresh) { for (const path of Object.values(runtimes)) checkRuns(path); }
  await buildLibrary();
  return runtimes;
}

/** Whether node_modules holds what package-lock.json asks for; npm keeps a copy of the lock of what it installed. */
function packagesCurrent() {
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return false;
  const { packages: have } = JSON.parse(readFileSync(installed, "utf8"));
  const { packages: want } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return Object.entries(want).every(([path, { version, optional }]) => {
    if (path === "") return true;
    const present = have[path];
    return present ? present.version === version : optional;
  });
}

function installPackages() {
  say("setup: installing npm packages (two runtimes among them, about 300 MB, once)");
  const start = Date.now();
  // npm tells its scripts where it is; Bun and Deno do not, then npm is looked for on PATH.
  const cli = process.env.npm_execpath ?? "";
  const [command, ...first] = cli.endsWith("npm-cli.js") ? [process.execPath, cli] : ["npm"];
  const flags = [
    "ci",
    "--ignore-scripts",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ];
  const run = spawnSync(command, [...first, ...flags], { cwd: root, encoding: "utf8" });
  if (run.error) {
    if (run.error.code !== "ENOENT") throw run.error;
    throw new SetupError("npm was not found: install Node.js 20 or later with npm, and run this again.");
  }
  if (run.status !== 0) throw new SetupError(npmFailure(`${run.stderr}\n${run.stdout}`));
  say(`setup: npm packages installed in ${((Date.now() - start) / 1000).toFixed(1)} s`);
}

/** npm's output as one or two lines. */
function npmFailure(output) {
  const last = output.split("\n").filter((line) => /npm (error|ERR!)/.test(line)).slice(0, 4).join("\n");
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|network/i.test(output)) {
    return "npm could not reach its registry: connect to the network (or set npm's proxy), and run this again.";
  }
  if (/EACCES|EPERM|EROFS/.test(output)) {
    return `npm may not write to ${
      join(root, "node_modules")
    }: make the folder writable for this user, and run this again.`;
  }
  if (/ENOSPC/.test(output)) return "The disk is full: about 600 MB are needed; make room, and run this again.";
  if (/EUSAGE|in sync/.test(output)) {
    return "package.json and package-lock.json disagree: run `npm install`, and commit both.";
  }
  return `npm ci failed:\n${last || output.trim()}`;
}

/** The program of a runtime, made executable where the package was unpacked without that bit. An install script, where
 * one ran, has moved it to the package that bears its name; where none ran, a small text may stand there. */
function program(name, home) {
  const files = name === "bun" ? [`${home}/bin/bun`, "bun/bin/bun.exe"] : [`${home}/deno`, "deno/deno"];
  const path = files.map((file) => join(root, "node_modules", file))
    .find((file) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 1e6);
  if (!path) {
    throw new SetupError(
      `node_modules has no ${name} program (package ${home}): npm left optional packages out. ` +
        "Delete node_modules and run this again without --omit=optional.",
    );
  }
  try {
    accessSync(path, constants.X_OK);
  } catch {
    try {
      chmodSync(path, 0o755);
    } catch {
      throw new SetupError(`${path} is not executable, and this user may not change that: run chmod +x on it.`);
    }
  }
  return path;
}

function checkRuns(path) {
  const { status, error, signal, stderr } = spawnSync(path, ["--version"], { encoding: "utf8" });
  if (status === 0) return;
  const why = (stderr ?? "").trim().split("\n")[0] || signal || error?.message;
  throw new SetupError(
    `${path} does not start on this machine (${why}): it needs a current Linux with glibc, or macOS 13.`,
  );
}

async function buildLibrary() {
  const { build } = await import("./build.mjs");
  try {
    await build();
  } catch (error) {
    if (/EACCES|EPERM|EROFS/.test(error.code ?? "")) {
      throw new SetupError(`may not write ${error.path}: make the folder writable for this user, and run this again.`);
    }
    throw error;
  }
}

export function say(text) {
  process.stderr.write(`${text}\n`);
}
