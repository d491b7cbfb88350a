// The machine that is measured on: its name among others, and what else runs on it.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";

/** A clock tick of /proc on every Linux that runs JavaScript. */
const TICKS = 100;

/** Machines of one key have comparable times. */
export function machineKey(isa: string, cores: number, threads: number): string {
  const model = cpus()[0]?.model ?? "unknown";
  return `${model} ${cores} cores ${isa} ${threads} threads`.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

/** Processor seconds that the whole machine has spent, or one process; 0 where the system does not tell. */
function spent(pid?: number): number {
  try {
    const text = readFileSync(pid === undefined ? "/proc/stat" : `/proc/${pid}/stat`, "utf8").split("\n")[0]!;
    const ticks = pid === undefined
      ? text.split(/\s+/).filter((_, i) => [1, 2, 3, 6, 7, 8].includes(i)) // all but idle and waiting
      : text.slice(text.lastIndexOf(")") + 2).split(" ").slice(11, 13);
    return ticks.reduce((sum, word) => sum + Number(word), 0) / TICKS;
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
    return 0;
  }
}

/** Processor seconds of everyone but this process. */
export const others = (pid: number): number => spent() - spent(pid);
