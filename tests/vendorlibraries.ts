// Real BLAS libraries for the tests, kept in build/libraries: OpenBLAS with 32- and 64-bit integers from PyPI's wheels,
// BLIS from Debian's package, Accelerate where the system has it. Fetched once, unpacked, never installed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export interface VendorLibrary {
  readonly name: string;
  /** What tsr_info says of it. */
  readonly facts: { readonly kind: string; readonly integers: number; readonly lapack: boolean };
  /** Its path, or why there is none. */
  readonly found: { readonly path: string } | { readonly missing: string };
}

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "build/libraries");
const OPENBLAS_VERSION = "0.3.34.481.3";

/** Runs a program in a folder; why it failed, or undefined. */
function run(cwd: string, command: string, ...parameters: string[]): string | undefined {
  const { status, error, stderr } = spawnSync(command, parameters, { cwd, encoding: "utf8" });
  if (status === 0) return undefined;
  const why = error ? "it could not be started" : stderr.trim().split("\n").at(-1);
  return `${[command, ...parameters].join(" ")}: ${why}`;
}

/** The archive that `fetch` puts into a folder, unpacked; its file `path` inside, or why there is none. */
function unpacked(
  name: string,
  path: string,
  fetch: (at: string) => string | undefined,
  unpack: (at: string, archive: string) => string | undefined,
): VendorLibrary["found"] {
  const home = join(folder, name), library = join(home, path);
  if (existsSync(library)) return { path: library };
  mkdirSync(folder, { recursive: true });
  const part = mkdtempSync(join(folder, `${name}-`));
  try {
    const failed = fetch(part);
    if (failed !== undefined) return { missing: failed };
    const wrong = unpack(part, readdirSync(part)[0] ?? "");
    if (wrong !== undefined) return { missing: wrong };
    // Another runtime's tests may have been faster: theirs is as good.
    if (!existsSync(library)) renameSync(part, home);
    return { path: library };
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

function wheel(name: string, path: string): VendorLibrary["found"] {
  const venv = join(root, "build/venv/bin/python"), python = existsSync(venv) ? venv : "python3";
  const quiet = ["--quiet", "--disable-pip-version-check", "--retries=1", "--timeout=20"];
  const parameters = ["download", ...quiet, "--no-deps", "--only-binary=:all:", `${name}==${OPENBLAS_VERSION}`];
  return unpacked(
    name,
    path,
    (at) => run(at, python, "-m", "pip", ...parameters),
    (at, archive) => run(at, python, "-m", "zipfile", "-e", archive, "."),
  );
}

function debian(name: string, path: string): VendorLibrary["found"] {
  if (process.platform !== "linux" || process.arch !== "x64") return { missing: "is tested on linux-x64 only" };
  const quiet = ["-qq", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20"];
  return unpacked(
    name,
    path,
    (at) => run(at, "apt-get", ...quiet, "download", name),
    (at, archive) => run(at, "dpkg-deb", "-x", archive, "."),
  );
}

/** All that this platform can have. */
export function vendorLibraries(): readonly VendorLibrary[] {
  const lapack = true;
  if (process.platform === "darwin") {
    const path = "/System/Library/Frameworks/Accelerate.framework/Accelerate";
    return [{ name: "Accelerate", facts: { kind: "accelerate", integers: 32, lapack }, found: { path } }];
  }
  return [
    {
      name: "scipy-openblas32",
      facts: { kind: "openblas", integers: 32, lapack },
      found: wheel("scipy-openblas32", "scipy_openblas32/lib/libscipy_openblas.so"),
    },
    {
      name: "scipy-openblas64",
      facts: { kind: "openblas", integers: 64, lapack },
      found: wheel("scipy-openblas64", "scipy_openblas64/lib/libscipy_openblas64_.so"),
    },
    {
      name: "BLIS",
      facts: { kind: "blis", integers: 32, lapack: false },
      found: debian("libblis4-pthread", "usr/lib/x86_64-linux-gnu/blis-pthread/libblis.so.4"),
    },
  ];
}
