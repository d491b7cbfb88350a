// The Python of the peers: one that has the packages, else a virtual environment under build/ that gets them.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "./files.ts";
import { Program } from "./program.ts";

/** Packages by the name they are imported by. */
const packages = { numpy: "numpy", scipy: "scipy", sklearn: "scikit-learn", threadpoolctl: "threadpoolctl" };
type Module = keyof typeof packages;

/** There is no Python with the packages, and none could be made. */
export class NoPythonError extends Error {}

const has = (python: string, modules: readonly Module[]): boolean =>
  spawnSync(python, ["-c", `import ${modules.join(", ")}`]).status === 0;

/** A Python that has these modules. */
export function findPython(modules: readonly Module[]): string {
  const own = join(build, "peer/bin/python");
  const found = ["python3", own].find((python) => has(python, modules));
  if (found !== undefined) return found;
  const wanted = modules.map((module) => packages[module]);
  console.error(`bench: installing ${wanted.join(", ")} into build/peer, once`);
  const steps = [
    ...(existsSync(own) ? [] : [["python3", "-m", "venv", join(build, "peer")]]),
    [own, "-m", "pip", "install", "--quiet", ...wanted],
  ];
  for (const [command, ...args] of steps) {
    const { status, stderr, error } = spawnSync(command!, args, { encoding: "utf8" });
    if (status === 0) continue;
    const why = error?.message ?? stderr.trim().split("\n").at(-1);
    throw new NoPythonError(
      `the peer needs Python 3 with venv, and a network the first time: ${args.join(" ")} failed: ${why}`,
    );
  }
  return own;
}

/** Starts a script that needs NumPy and SciPy. */
export function startPython(script: string, threads: number): Promise<Program> {
  return Program.start([findPython(["numpy", "scipy"]), script], { OPENBLAS_NUM_THREADS: String(threads) });
}
