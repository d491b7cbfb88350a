// Ours beside the best of the others, case by case: a peer counts with a residual that float32 can be expected to have.
import type { Case } from "./cases.ts";
import { javascript, native, OURS } from "./contenders.ts";
import { leastMs, type Limits } from "./limits.ts";
import { comparable, holds } from "./residuals.ts";
import { ratio as ratioOf } from "./statistics.ts";
import type { Missed, Outcome, Timed } from "./turns.ts";

export interface Standing {
  readonly case: Case;
  readonly ours: Timed;
  /** Our result is within its contract; if not, its time does not count. */
  readonly holds: boolean;
  /** The fastest way of the peers in native code, or of our own where the case has several, and of the JavaScript
   * packages, that is accurate enough. */
  readonly peer?: Timed;
  readonly script?: Timed;
  /** The peer's time over ours, of turns next to each other. */
  readonly ratio?: number;
  readonly scriptRatio?: number;
  /** The part of what the machine can do at best. */
  readonly reached?: number;
  /** What was aimed at is missed; without an aim, the peer is faster. */
  readonly loss: boolean;
  readonly missed: readonly Missed[];
}

const of = (timed: readonly Timed[], names: readonly string[]): Timed[] =>
  timed.filter(({ contender }) => names.includes(contender));

/** How many times longer than ours the fastest of these took that is accurate enough. */
function best(timed: readonly Timed[], ours: Timed): { peer?: Timed; ratio?: number } {
  const entries = timed.filter(({ figures }) => comparable(figures));
  return entries.map((peer) => ({ peer, ratio: ratioOf(peer.times, ours.times) }))
    .toSorted((a, b) => a.ratio - b.ratio)[0] ?? {};
}

export function standing({ case: c, timed, missed }: Outcome, limits: Limits | undefined): Standing {
  const [first, ...ways] = of(timed, [OURS]), ours = first!, good = holds(ours.figures);
  const { peer, ratio } = best([...ways, ...of(timed, native)], ours);
  const { peer: script, ratio: scriptRatio } = best(of(timed, javascript), ours);
  const least = limits && leastMs(c, limits);
  const behind = ratio !== undefined && ratio < (c.target ?? 1);
  return {
    case: c,
    ours,
    holds: good,
    ...(peer && { peer }),
    ...(script && { script }),
    ...(good && ratio !== undefined && { ratio }),
    ...(good && least !== undefined && { reached: least / ours.ms }),
    ...(good && scriptRatio !== undefined && { scriptRatio }),
    loss: !good || behind || (c.mostMs !== undefined && ours.ms > c.mostMs),
    missed,
  };
}

const residual = ({ figures }: Timed): string => figures.residual.toExponential(1);
const time = (ms: number): string => ms >= 100 ? ms.toFixed(0) : ms >= 0.1 ? ms.toPrecision(3) : ms.toFixed(5);
const timed = (t: Timed | undefined): string => t ? `${time(t.ms)}${2 * t.disturbed > t.times.length ? "~" : ""}` : "";

export const headings: readonly string[] = [
  "case",
  "ms",
  "GFLOP/s",
  "reached",
  "residual",
  "peer ms",
  "residual",
  "way",
  "ratio",
  "target",
  "",
  "JavaScript",
  "ms",
  "residual",
  "ratio",
];

/** The columns that hold numbers. */
export const numeric: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 8, 9, 12, 13, 14]);

export function cells(s: Standing): string[] {
  const { case: c, ours, peer, script } = s;
  return [
    c.name,
    s.holds ? timed(ours) : "FAIL",
    ours.gflops && s.holds ? ours.gflops.toPrecision(3) : "",
    s.reached?.toFixed(2) ?? "",
    residual(ours),
    timed(peer),
    peer ? residual(peer) : "",
    peer ? `${peer.contender} ${peer.variant}` : "",
    s.ratio?.toFixed(2) ?? "",
    c.mostMs === undefined ? c.target?.toFixed(2) ?? "" : `${time(c.mostMs)} ms`,
    s.loss ? "loss" : "",
    script?.contender ?? "",
    timed(script),
    script ? residual(script) : "",
    s.scriptRatio?.toFixed(1) ?? "",
  ];
}

/** Why someone has no time in a case, and whose results were not accurate enough to count. */
export function remarks({ case: c, missed }: Standing, all: readonly Timed[]): string[] {
  const rough = all.filter(({ contender, figures }) => contender !== OURS && !comparable(figures));
  return [
    ...missed.map(({ contender, variant, why }) => `${c.name}: ${[contender, variant].join(" ").trim()}: ${why}`),
    ...rough.map((t) =>
      `${c.name}: ${t.contender} ${t.variant}: does not count, its residual is ${residual(t)}` +
      (t.figures.orthogonality === undefined ? "" : `, orthogonality ${t.figures.orthogonality.toExponential(1)}`)
    ),
  ];
}
