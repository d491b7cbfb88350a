// mlx-c over the real MLX for Linux, in build/mlx: MLX from PyPI, mlx-c from the crate that carries its sources, and
// compiled once. MLX's CPU build is slow, so it shows that the adaptor works, not how fast.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findPackage, type Package } from "./packages.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const parts = ["array", "device", "error", "memory", "ops", "stream", "string", "vector", "version"];

const crate: Package = {
  name: "mlx-sys",
  version: "0.7.0",
  sha256: "da965f83ce211b80f9b681d9bbd6fa625fe6bb2e659ba7bc55dd95eea8d3b028",
  from: "crates",
};

const mlx: Package = {
  name: "mlx-cpu",
  version: "0.32.2",
  sha256: "fc5d31b90fc4f457b2f9614ed45651a567d22a6a11a03d114a90a4e10bdd8878",
  from: "pypi",
  platform: "manylinux_2_35_x86_64",
};

/** Why it failed, or undefined. */
function compile(sources: string, wheel: string, library: string): string | undefined {
  const include = [join(root, "tests/fixtures/mlx"), join(wheel, "mlx/include"), sources];
  const files = parts.map((part) => join(sources, `mlx/c/${part}.cpp`)), own = `${library}.${process.pid}`;
  const flags = ["-std=c++20", "-O1", "-fPIC", "-include", "format", ...include.map((folder) => `-I${folder}`)];
  const home = join(wheel, "mlx/lib"), link = ["-shared", `-L${home}`, "-lmlx", `-Wl,-rpath,${home}`];
  const { status, error, stderr } = spawnSync("g++", [...flags, ...files, ...link, "-o", own], { encoding: "utf8" });
  if (status !== 0) return error ? "g++ could not be started" : `g++ failed: ${stderr.trim().slice(-400)}`;
  renameSync(own, library);
  return undefined;
}

/** The path of libmlxc, or why there is none on this machine. */
export function mlxLibrary(): { readonly path: string } | { readonly missing: string } {
  if (process.platform !== "linux" || process.arch !== "x64") return { missing: "mlx-c is built for linux-x64 only" };
  const folder = join(root, "build/mlx"), library = join(folder, "libmlxc.so");
  const [c, wheel] = [findPackage(crate), findPackage(mlx)];
  if (!("folder" in c)) return c;
  if (!("folder" in wheel)) return wheel;
  if (existsSync(library)) return { path: library };
  mkdirSync(folder, { recursive: true });
  const why = compile(join(c.folder, "mlx-sys-0.7.0/src/mlx-c"), wheel.folder, library);
  return why === undefined ? { path: library } : { missing: why };
}
