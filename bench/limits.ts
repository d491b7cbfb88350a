// What this machine can do at best, measured by limits.c in the same run as the rest, and how near a time comes to it.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileHere, findCompiler } from "../scripts/build.mjs";
import { type Case, counted } from "./cases.ts";
import { build } from "./files.ts";

export interface Limits {
  /** Multiply-adds in float32 out of registers, counted as two operations. */
  readonly gflops: number;
  /** Read from memory. */
  readonly gbs: number;
}

/** Operands below so many bytes may lie in a cache, where memory is no limit. */
const CACHED = 2 ** 25;

export async function measureLimits(threads: number): Promise<Limits> {
  const program = join(build, "bench/limits");
  await compileHere(findCompiler(), fileURLToPath(new URL("limits.c", import.meta.url)), program);
  const { status, stdout, error } = spawnSync(program, [String(threads)], { encoding: "utf8" });
  if (status !== 0) throw new Error(`bench/limits.c ended with ${error?.message ?? status}`);
  return JSON.parse(stdout) as Limits;
}

/** Operations that no choice of method spares: the reduction and the way back; the iteration between depends on the
 * numbers, as all of svd with k and pca does. */
const unspared: Partial<Record<Case["op"], (m: number, n: number) => number>> = {
  eigh: (_, n) => 10 / 3 * n ** 3,
  svd: (m, n) => 4 * (m - n) * n * n + 20 / 3 * n ** 3,
};

/** The least time a case could take: its arithmetic at the full speed of the processor, or reading its operands once
 * at that of memory. Undefined where nobody knows. */
export function leastMs(c: Case, { gflops, gbs }: Limits): number | undefined {
  const flops = counted.has(c.op) ? c.flops : unspared[c.op]?.(c.m, c.n);
  if (flops === undefined || c.op === "call") return undefined;
  const bytes = 4 * (c.op === "gemm" ? c.m * c.k + c.k * c.n : c.m * c.n);
  return Math.max(flops / gflops, bytes < CACHED ? 0 : bytes / gbs) / 1e6;
}
