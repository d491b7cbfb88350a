// Published packages for macOS, fetched once into build/oracle: what Apple's compiler and linker make of a library, and
// in mlx-metal metal-cpp's headers and Metal kernels. Nothing of them is part of this tree.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));

interface Package {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** pip's name of the oldest system that it runs on; undefined: a package of npm. */
  readonly platform?: string;
}

const mlx: Package = {
  name: "mlx-metal",
  version: "0.32.4",
  sha256: "8019b2db622599267d66cc168b2f0dbf5af929790a6c3b3913e00eabc42a7947",
  platform: "macosx_14_0_arm64",
};

/** Beside mlx-metal: Objective-C and Metal, reference counting, numerics, threads. */
const others: readonly Package[] = [
  {
    name: "@node-llama-cpp/mac-arm64-metal",
    version: "3.21.1",
    sha256: "cd11a52fab1935fde5abd221b5ecf8167686b45e386b6a02df49cb9b2814e9d6",
  },
  {
    name: "pyobjc-core",
    version: "12.1",
    sha256: "818bcc6723561f207e5b5453efe9703f34bc8781d11ce9b8be286bb415eb4962",
    platform: "macosx_10_13_universal2",
  },
  {
    name: "numpy",
    version: "2.3.5",
    sha256: "612a95a17655e213502f60cfb9bf9408efdc9eb1d5f50535cc6eb365d11b42b5",
    platform: "macosx_14_0_arm64",
  },
  {
    name: "uvloop",
    version: "0.22.1",
    sha256: "fe94b4564e865d968414598eea1a6de60adba0c040ba4ed05ac1300de402cd42",
    platform: "macosx_10_13_universal2",
  },
  {
    name: "psycopg-binary",
    version: "3.3.9",
    sha256: "08689018e9169ca8e6769f5b3f2ce748442bda95b5f1ec260995a8ff63e6d6a4",
    platform: "macosx_11_0_arm64",
  },
];

/** The folder of an unpacked package, or what to do to have it. */
export type Found = { readonly folder: string } | { readonly missing: string };

function python(): string {
  const own = join(root, "build/venv/bin/python");
  return existsSync(own) ? own : "python3";
}

/** Runs a command in a folder; its last words when it failed. */
function failure(folder: string, command: string, ...parameters: string[]): string | undefined {
  const { status, error, stderr } = spawnSync(command, parameters, { cwd: folder, encoding: "utf8" });
  if (status === 0) return undefined;
  return error ? `${command} could not be started` : stderr.trim().split("\n").at(-1) || `${command} failed`;
}

function download(wanted: Package, folder: string): string | undefined {
  const { name, version, platform } = wanted;
  if (platform === undefined) return failure(folder, "npm", "pack", "--silent", `${name}@${version}`);
  const quiet = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"];
  const which = ["--only-binary=:all:", "--platform", platform, "--python-version", "3.12"];
  return failure(folder, python(), ...quiet, ...which, `${name}==${version}`);
}

/** Downloads and unpacks into an empty folder; why that was impossible, or undefined. */
function fetchInto(wanted: Package, folder: string): string | undefined {
  const why = download(wanted, folder);
  const file = readdirSync(folder)[0];
  if (why !== undefined || file === undefined) return why ?? "nothing was downloaded";
  const hash = createHash("sha256").update(readFileSync(join(folder, file))).digest("hex");
  if (hash !== wanted.sha256) throw new Error(`${file} has the SHA-256 ${hash}, expected ${wanted.sha256}`);
  const unpack = wanted.platform === undefined
    ? failure(folder, "tar", "-xzf", file)
    : failure(folder, python(), "-m", "zipfile", "-e", file, ".");
  rmSync(join(folder, file));
  return unpack;
}

function find(wanted: Package): Found {
  const folder = join(root, "build/oracle", `${wanted.name.replaceAll(/\W/g, "_")}-${wanted.version}`);
  if (existsSync(folder)) return { folder };
  const part = `${folder}.${process.pid}`;
  mkdirSync(part, { recursive: true });
  const why = fetchInto(wanted, part);
  if (why === undefined && !existsSync(folder)) renameSync(part, folder);
  rmSync(part, { recursive: true, force: true });
  if (why === undefined) return { folder };
  const where = wanted.platform === undefined ? "npm" : "PyPI";
  return { missing: `${wanted.name} ${wanted.version} for macOS, from ${where}: ${why}` };
}

/** mlx-metal. */
export function wheel(): Found {
  return find(mlx);
}

/** Packages with libraries that Apple's linker made. */
export function linkedPackages(): Found[] {
  return [mlx, ...others].map(find);
}
