// mlx-c over the real MLX for Linux, in build/mlx: MLX from PyPI's wheels, mlx-c from the crate that carries its
// sources. Fetched and compiled once; MLX's CPU build is slow, so it shows that the adaptor works, not how fast.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "build/mlx");
const library = join(folder, "libmlxc.so");
const sources = "mlx-sys-0.7.0/src/mlx-c";
const parts = ["array", "device", "error", "memory", "ops", "stream", "string", "vector", "version"];

const crate = {
  url: "https://static.crates.io/crates/mlx-sys/mlx-sys-0.7.0.crate",
  sha256: "da965f83ce211b80f9b681d9bbd6fa625fe6bb2e659ba7bc55dd95eea8d3b028",
};

const wheels = [
  {
    name: "mlx",
    file: "mlx-0.32.2-cp311-cp311-manylinux_2_35_x86_64.whl",
    sha256: "4bc6709cd92a46de44caade61ec7831647005e66113243f681168f67001155d9",
  },
  {
    name: "mlx-cpu",
    file: "mlx_cpu-0.32.2-py3-none-manylinux_2_35_x86_64.whl",
    sha256: "fc5d31b90fc4f457b2f9614ed45651a567d22a6a11a03d114a90a4e10bdd8878",
  },
];

function run(command: string, ...parameters: string[]): void {
  const { status, error, stderr } = spawnSync(command, parameters, { cwd: folder, encoding: "utf8" });
  if (status === 0) return;
  throw new Error(error ? `${command} could not be started` : `${command} failed: ${stderr.trim().slice(-400)}`);
}

function requireSum(name: string, bytes: Uint8Array, sha256: string): void {
  const sum = createHash("sha256").update(bytes).digest("hex");
  if (sum !== sha256) throw new Error(`${name} has the SHA-256 ${sum}, not ${sha256}`);
}

async function fetchAll(): Promise<void> {
  if (!existsSync(join(folder, sources))) {
    const answer = await fetch(crate.url);
    if (!answer.ok) throw new Error(`${crate.url} answers ${answer.status}`);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    requireSum("the crate mlx-sys", bytes, crate.sha256);
    writeFileSync(join(folder, "mlx-sys.crate"), bytes);
    run("tar", "xzf", "mlx-sys.crate");
  }
  const venv = join(root, "build/venv/bin/python"), python = existsSync(venv) ? venv : "python3";
  for (const { name, file, sha256 } of wheels) {
    if (!existsSync(join(folder, file))) {
      const where = ["--platform", "manylinux_2_35_x86_64", "--python-version", "3.11", "--only-binary=:all:"];
      run(python, "-m", "pip", "download", "--quiet", "--no-deps", ...where, `${name}==0.32.2`);
    }
    requireSum(file, readFileSync(join(folder, file)), sha256);
    run(python, "-m", "zipfile", "-e", file, "wheel");
  }
}

function compile(): void {
  const shim = join(root, "tests/fixtures/mlx");
  const include = ["-I", shim, "-include", "format", "-I", "wheel/mlx/include", "-I", sources];
  const flags = ["-std=c++20", "-O1", "-fPIC", ...include];
  const files = parts.map((part) => `${sources}/mlx/c/${part}.cpp`);
  const link = ["-shared", "-L", "wheel/mlx/lib", "-lmlx", "-Wl,-rpath,$ORIGIN/wheel/mlx/lib"];
  run("g++", ...flags, ...files, ...link, "-o", `libmlxc.${process.pid}.so`);
  renameSync(join(folder, `libmlxc.${process.pid}.so`), library);
}

/** The path of libmlxc, or why there is none on this machine. */
export async function mlxLibrary(): Promise<{ readonly path: string } | { readonly missing: string }> {
  if (process.platform !== "linux" || process.arch !== "x64") return { missing: "mlx-c is built for linux-x64 only" };
  if (existsSync(library)) return { path: library };
  mkdirSync(folder, { recursive: true });
  try {
    await fetchAll();
    compile();
    return { path: library };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}
