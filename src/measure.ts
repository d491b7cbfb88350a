// `tesserae tune`: which engine and method is faster on this machine, by size, as rows of the dispatch table; and by
// how much the table's choices miss the best.
import type { Device } from "./device.ts";
import { surveyEngines } from "./engines.ts";
import { productRows, type Sample, type Shape } from "./decision.ts";
import { eighSync, matmulSync, Matrix, qrSync, svdSync } from "./index.ts";
import { choose, type Engine, type Key, type Row, table } from "./tune.ts";

/** Time in ms of each candidate. */
type Times = Sample["times"];
type Tell = (text: string) => void;

/** Nothing new is begun after this long; the longest single measurement takes a few seconds. */
const BUDGET_MS = 120_000;
/** Candidates take turns until both are reached, and the fastest turn of each counts. */
const [ROUNDS, LEAST_MS, MOST_ROUNDS] = [3, 40, 400];
/** Another engine or method must be faster by so much to get a row. */
const GAIN = 1.1;

const cubes: readonly Shape[] = [256, 512, 1024].map((n) => [n, n, n]);
const orders = [64, 128, 256, 512, 1024] as const;
/** Products that rows are made from, and others that tell how good they are. */
const [TAUGHT, TRIED] = [400, 60];

/** `count` shapes from 16 to 2048 a side, spread by a golden-ratio sequence in each of their logarithms; those of
 * another `first` are others. */
function spread(first: number, count: number): Shape[] {
  const side = (i: number, step: number): number => Math.round(16 * 2 ** (7 * ((i * step) % 1)));
  const [p, q, r] = [0.8191725, 0.6710436, 0.5497005];
  return Array.from({ length: count }, (_, i): Shape => [side(first + i, p), side(first + i, q), side(first + i, r)]);
}

/** A measured machine. */
export interface Measured {
  readonly rows: readonly Row[];
  readonly seconds: number;
  /** Why engines are not among the candidates. */
  readonly engines: Readonly<Record<string, string>>;
}

function race(candidates: readonly string[], run: (candidate: string) => void): Times {
  const times = new Map<string, number>();
  for (const candidate of candidates) run(candidate);
  const begun = performance.now();
  for (let round = 0; round < MOST_ROUNDS && (round < ROUNDS || performance.now() - begun < LEAST_MS); round++) {
    for (const candidate of candidates) {
      const start = performance.now();
      run(candidate);
      times.set(candidate, Math.min(performance.now() - start, times.get(candidate) ?? Infinity));
    }
  }
  return times;
}

function products([m, n, k]: Shape, device: Device): Times {
  using a = Matrix.random(m, k, { device });
  using b = Matrix.random(k, n, { device });
  using out = Matrix.zeros(m, n, { device });
  return race(device.engines, (engine) => void matmulSync(a, b, { out, engine: engine as Engine }));
}

const gflops = ([m, n, k]: Shape, ms: number): number => 2 * m * n * k / ms / 1e6;

/** The fastest candidate, or the first unless another one is faster by GAIN. */
function winner(times: Times): string {
  const [first = "", ...others] = [...times.keys()];
  const gain = (best: string): number => (best === first ? GAIN : 1);
  return others.reduce((best, name) => (times.get(name)! * gain(best) < times.get(best)! ? name : best), first);
}

/** Rows for sizes that grow: of neighbours with one winner the last speaks for all, up to halfway to the next. */
function bands<T>(
  sizes: readonly T[],
  winners: readonly string[],
  row: (size: T, next: T | undefined, winner: string) => Row,
): Row[] {
  return sizes.flatMap((size, i) => (winners[i] === winners[i + 1] ? [] : [row(size, sizes[i + 1], winners[i]!)]));
}

const factorisations: readonly { key: Key; own: string; run: (a: Matrix, method: string) => void }[] = [
  { key: "qr.method", own: "blocked", run: (a, method) => void qrSync(a, { method: method as "lapack" }) },
  { key: "svd.method", own: "bidiagonal", run: (a, method) => void svdSync(a, { method: method as "lapack" }) },
  { key: "eigh.method", own: "tridiagonal", run: (a, method) => void eighSync(a, { method: method as "lapack" }) },
];

function methodRows(key: Key, sizes: readonly number[], all: readonly Times[], device: string): Row[] {
  return bands(sizes.slice(0, all.length), all.map(winner), (n, next, method) => {
    const told = [...all[sizes.indexOf(n)]!].map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`).join(", ");
    const row = { key, device, ...(next && { k: Math.round(Math.sqrt(n * next)) }), value: method as "lapack" };
    return { ...row, ...(method === "lapack" && { engine: "blas" as const }), why: `measured at ${n}x${n}: ${told}` };
  });
}

/** Measures all candidates, smallest sizes first, until all are done or the time is up. */
export function measure(device: Device, tell: Tell): Measured {
  const engines = surveyEngines(device), start = performance.now();
  const inTime = (): boolean => performance.now() - start < BUDGET_MS;
  const sweep = <T>(sizes: readonly T[], what: string, f: (size: T) => Times): Times[] => {
    const all: Times[] = [];
    for (const size of sizes) {
      if (!inTime()) break;
      tell(`${what} ${String(size).replaceAll(",", "x")}`);
      all.push(f(size));
    }
    return all;
  };
  const large = sweep(cubes, "product", (shape) => products(shape, device));
  const taught = spread(TRIED + 1, TAUGHT), times = sweep(taught, "product", (shape) => products(shape, device));
  const samples = times.map((found, i): Sample => ({ shape: taught[i]!, times: found }));
  const rows = productRows(device.engines, samples, device.kind);
  if (device.facts.blas?.lapack) {
    for (const { key, own, run } of factorisations) {
      const times = sweep(orders, key, (n) => {
        using a = Matrix.random(n, n, { device });
        return race([own, "lapack"], (method) => run(a, method));
      });
      rows.push(...methodRows(key, orders, times, device.kind));
    }
  }
  const peak = Math.max(0, ...large.flatMap((times, i) => [...times.values()].map((ms) => gflops(cubes[i]!, ms))));
  rows.push({ key: "peak", device: device.kind, value: Math.round(peak), why: "fastest product measured, GFLOP/s" });
  return { rows, seconds: (performance.now() - start) / 1e3, engines };
}

/** What a choice costs beside the best one. */
export interface Regret {
  readonly shape: string;
  readonly chosen: string;
  readonly best: string;
  /** Time of the choice over that of the best. */
  readonly ratio: number;
}

/** The choice of these rows, and of the table behind them, beside the best engine for each shape. */
export function regret(device: Device, measured: readonly Row[], tell: Tell): Regret[] {
  return spread(1, TRIED).map((shape) => {
    const name = shape.join("x");
    tell(`regret ${name}`);
    const times = products(shape, device);
    const chosen = choose("gemm", device.kind, ...shape, [...measured, ...table], device.engines).engine ?? "tiled";
    const best = [...times].reduce((a, b) => (b[1] < a[1] ? b : a))[0];
    return { shape: name, chosen, best, ratio: times.get(chosen)! / times.get(best)! };
  });
}

/** The rows as a table, and the share of shapes whose choice is within a tenth of the best. */
export function formatTune(report: Measured & { regret?: readonly Regret[] }): string {
  const { rows, seconds, engines, regret: list } = report;
  const bound = ({ m, n, k, area, work }: Row): string =>
    Object.entries({ "m ≤": m, "n ≤": n, "k ≤": k, "m·k <": area, "m·n·k <": work })
      .filter(([, limit]) => limit !== undefined).map(([name, limit]) => `${name} ${limit}`).join(", ");
  const lines = rows.map((row) =>
    `  ${row.key.padEnd(12)} ${bound(row).padEnd(28)} ${String(row.engine ?? row.value).padEnd(12)} ${row.why}`
  );
  const near = list?.filter(({ ratio }) => ratio <= GAIN).length ?? 0;
  const misses = list?.filter(({ ratio }) => ratio > GAIN).map(({ shape, chosen, best, ratio }) =>
    `  ${shape.padEnd(18)} ${chosen} takes ${ratio.toFixed(2)} times as long as ${best}`
  );
  return [
    ...Object.entries(engines).map(([name, text]) => `${name.padEnd(14)} ${text}`),
    `measured in ${seconds.toFixed(0)} s; first row that fits:`,
    ...lines,
    ...(list ? [`regret: ${near} of ${list.length} choices within 10 % of the best`, ...misses!] : []),
  ].join("\n");
}
