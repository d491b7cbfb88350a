// The times of this machine that later ones are compared with. They lie in the tree, one file a machine, because a
// baseline that a clean checkout loses compares with nothing.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ScaleRow } from "./scale/rows.ts";
import type { Standing } from "./standing.ts";
import { median } from "./statistics.ts";

const folder = fileURLToPath(new URL("baselines", import.meta.url));

/** Spreads of its turns that a time may be off by. */
const SPREADS = 3;
/** What is never called a change, and what a memory peak may vary by. */
const [LEAST, MEMORY] = [0.03, 0.1];
/** The part of the peer's changes that noise is taken to cover. */
const COVERED = 0.9;

export interface Mark {
  readonly ms: number;
  readonly spread: number;
  /** The peer's, of the same turns. */
  readonly peerMs?: number;
  readonly peakMB?: number;
}

export type Marks = Readonly<Record<string, Mark>>;

const digits = (x: number): number => Number(x.toPrecision(4));

export function marksOf(standings: readonly Standing[], scale: readonly ScaleRow[]): Marks {
  const cases = standings.filter(({ holds }) => holds).map(({ case: c, ours, peer }) =>
    [c.name, { ms: digits(ours.ms), spread: digits(ours.spread), ...(peer && { peerMs: digits(peer.ms) }) }] as const
  );
  const sizes = scale.map((row) =>
    [row.name, { ms: digits(row.ms), spread: digits(row.spread), peakMB: digits(row.peak / 2 ** 20) }] as const
  );
  return Object.fromEntries<Mark>([...cases, ...sizes]);
}

const path = (key: string): string => join(folder, `${key}.json`);

export function readBaseline(key: string): Marks | undefined {
  try {
    return JSON.parse(readFileSync(path(key), "utf8")) as Marks;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Keeps these marks; those of cases that were not measured now stay. */
export function saveBaseline(key: string, marks: Marks): string {
  mkdirSync(folder, { recursive: true });
  const lines = Object.entries({ ...readBaseline(key), ...marks }).map(([name, mark]) =>
    `  ${JSON.stringify(name)}: ${JSON.stringify(mark)}`
  );
  writeFileSync(path(key), `{\n${lines.join(",\n")}\n}\n`);
  return path(key);
}

export interface Comparison {
  /** How far the times of the peer, whose code is the same, moved between the two runs: all of them, and each. */
  readonly drift: number;
  readonly noise: number;
  readonly compared: number;
  readonly slower: readonly string[];
  readonly faster: readonly string[];
}

const shared = (now: Marks, then: Marks) => Object.keys(now).filter((name) => then[name] !== undefined);

/** Logarithms of the changes of the peer's times. */
function peerChanges(now: Marks, then: Marks): number[] {
  return shared(now, then).flatMap((name) => {
    const [a, b] = [now[name]!.peerMs, then[name]!.peerMs];
    return a !== undefined && b !== undefined ? [Math.log(a / b)] : [];
  });
}

const percent = (change: number): string => `${change < 0 ? "" : "+"}${(100 * (Math.exp(change) - 1)).toFixed(0)} %`;

/** What changed by more than noise: that of its own turns, and that which the peer shows. */
export function compare(now: Marks, then: Marks): Comparison {
  const changes = peerChanges(now, then), drift = changes.length > 0 ? median(changes) : 0;
  const sizes = changes.map((change) => Math.abs(change - drift)).toSorted((a, b) => a - b);
  const noise = Math.max(LEAST, sizes[Math.floor(COVERED * (sizes.length - 1))] ?? 0);
  const [slower, faster]: [string[], string[]] = [[], []], names = shared(now, then);
  for (const name of names) {
    const [a, b] = [now[name]!, then[name]!], change = Math.log(a.ms / b.ms) - drift;
    const own = Math.max(noise, SPREADS * Math.max(a.spread, b.spread));
    const line = `${name}: ${b.ms} ms became ${a.ms} ms, ${percent(change)} where noise is ${percent(own)}`;
    if (Math.abs(change) > own) (change > 0 ? slower : faster).push(line);
    if (a.peakMB !== undefined && b.peakMB !== undefined && a.peakMB > (1 + MEMORY) * b.peakMB) {
      slower.push(`${name}: the peak grew from ${b.peakMB} MB to ${a.peakMB} MB`);
    }
  }
  return { drift, noise, compared: names.length, slower, faster };
}

export function formatComparison({ drift, noise, compared, slower, faster }: Comparison): string {
  return [
    `Beside the stored baseline: ${compared} times; the peer's moved by ${percent(drift)} together and, each for ` +
    `itself, by up to ${percent(noise)}: that is noise.`,
    ...(slower.length === 0 ? ["Nothing became slower by more than noise."] : slower.map((line) => `SLOWER ${line}`)),
    ...faster.map((line) => `faster ${line}`),
  ].join("\n");
}
