// Time and memory of each operation from size to size, a process a size, and the exponents of their growth.
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { powerLaw } from "../statistics.ts";
import { type Job, jobs } from "./jobs.ts";

const child = fileURLToPath(new URL("child.ts", import.meta.url));

/** Sizes that a line is fitted through: the largest, where what grows slower no longer shows. */
const FITTED = 3;

export interface ScaleRow {
  readonly name: string;
  readonly job: string;
  /** What grows: columns of square matrices, rows of tall ones. */
  readonly size: number;
  readonly ms: number;
  readonly spread: number;
  /** Most bytes held at once, inputs included; what inputs and outputs take; what the peak may be. */
  readonly peak: number;
  readonly bytes: number;
  readonly bound: number;
}

/** Sizes of a job: doubled from 256 to 4096, or rows up to a million. */
function sizes({ columns }: Job, quick: boolean): number[] {
  if (columns === undefined) return quick ? [256, 512, 1024] : [256, 512, 1024, 2048, 4096];
  return quick ? [31250, 62500, 125000] : [62500, 125000, 250000, 500000, 1000000];
}

const nameOf = (job: Job, size: number): string => `scale ${job.name} ${job.columns === undefined ? "n" : "m"}=${size}`;

export interface Grown {
  readonly rows: readonly ScaleRow[];
  readonly failed: readonly string[];
}

/** Every job whose name is wanted, at each of its sizes. */
export function grow(
  wanted: (name: string) => boolean,
  threads: number,
  quick: boolean,
  tell: (name: string) => void,
): Grown {
  const rows: ScaleRow[] = [], failed: string[] = [];
  for (const job of jobs) {
    for (const size of sizes(job, quick)) {
      const name = nameOf(job, size);
      if (!wanted(name)) continue;
      tell(name);
      const args = [child, job.name, String(size * (job.aspect ?? 1)), String(job.columns ?? size)];
      const env = { ...process.env, TSR_THREADS: String(threads) };
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env });
      if (status !== 0) failed.push(`${name}: ${stderr.trim().split("\n").at(-1)}`);
      else rows.push({ name, job: job.name, size, ...JSON.parse(stdout.trim().split("\n").at(-1)!) });
    }
  }
  return { rows, failed };
}

/** One operation over its sizes. */
export interface Growth {
  readonly job: string;
  readonly rows: readonly ScaleRow[];
  readonly time: { readonly p: number; readonly c: number } | undefined;
  readonly memory: { readonly p: number; readonly c: number } | undefined;
  /** Peaks beyond their bound. */
  readonly breaches: readonly ScaleRow[];
}

export function growths(rows: readonly ScaleRow[]): Growth[] {
  return [...Map.groupBy(rows, ({ job }) => job)].map(([job, all]) => {
    const upper = all.slice(-FITTED);
    const law = (y: (row: ScaleRow) => number) =>
      upper.length < FITTED ? undefined : powerLaw(upper.map((row) => ({ x: row.size, y: y(row) })));
    return {
      job,
      rows: all,
      time: law(({ ms }) => ms),
      memory: law(({ peak }) => peak),
      breaches: all.filter(({ peak, bound }) => peak > bound),
    };
  });
}

const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

export const scaleHeadings: readonly string[] = [
  "operation",
  "to size",
  "ms",
  "time ~ size^",
  "inputs + outputs",
  "peak MB",
  "bound",
  "memory ~ size^",
  "",
];

export const scaleNumeric: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7]);

/** The largest size, its time and memory, and how both grew. */
export function scaleCells({ job, rows, time, memory, breaches }: Growth): string[] {
  const last = rows.at(-1)!;
  return [
    job,
    String(last.size),
    last.ms.toPrecision(3),
    time?.p.toFixed(2) ?? "",
    megabytes(last.bytes),
    megabytes(last.peak),
    megabytes(last.bound),
    memory?.p.toFixed(2) ?? "",
    breaches.map(({ size, peak, bound }) => `loss at ${size}: ${megabytes(peak)} > ${megabytes(bound)}`).join(", "),
  ];
}
