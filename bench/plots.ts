// The plots of a run, as SVG: time and memory against size, and the ratio of each case.
import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Growth } from "./scale/rows.ts";
import type { Standing } from "./standing.ts";

const config = {
  font: "Helvetica, Arial, sans-serif",
  axis: { grid: true, gridColor: "#e8e8e8", domainColor: "#888", tickColor: "#888" },
  title: { anchor: "start", fontSize: 13 },
  legend: { labelLimit: 0 },
  view: { stroke: null },
} as const;
const colours = { ours: "#2b5c8a", lost: "#c0392b", bound: "#888" };
const page = { background: "white", padding: 12, config } as const;

/** One of several charts side by side. */
type Chart = Extract<TopLevelSpec, { hconcat: unknown }>["hconcat"][number];

const draw = (spec: TopLevelSpec): Promise<string> => new View(parse(compile(spec).spec), { renderer: "none" }).toSVG();

const log = (field: string, title: string) => ({
  field,
  type: "quantitative" as const,
  title,
  scale: { type: "log" as const, nice: false },
});

/** The sizes themselves, each twice the one before. */
function size(growths: readonly Growth[], title: string) {
  const values = [...new Set(growths.flatMap(({ rows }) => rows.map((row) => row.size)))];
  return { ...log("size", title), axis: { values, format: "d", labelAngle: -45 } };
}

const isTall = ({ job }: Growth): boolean => job.startsWith("tall");

/** Measured points with the fitted line through the upper sizes; the legend tells its slope. */
function times(growths: readonly Growth[], title: string, xTitle: string): Chart {
  const named = growths.map((growth) => ({
    growth,
    label: growth.time ? `${growth.job}: ${growth.time.p.toFixed(2)}` : growth.job,
  }));
  const values = named.flatMap(({ growth: { rows, time }, label }) =>
    rows.map(({ size, ms }) => ({ label, size, ms, fitted: time ? time.c * size ** time.p : ms }))
  );
  const x = size(growths, xTitle), domain = named.map(({ label }) => label);
  const color = { field: "label", type: "nominal" as const, title: "exponent", scale: { scheme: "tableau20", domain } };
  return {
    title,
    width: 420,
    height: 420,
    data: { values },
    layer: [
      { mark: { type: "point", filled: true, size: 40 }, encoding: { x, y: log("ms", "ms"), color } },
      {
        mark: { type: "line", strokeWidth: 1.2, strokeDash: [4, 3] },
        encoding: { x, y: log("fitted", "ms"), color },
      },
    ],
  } as Chart;
}

export function drawTimes(growths: readonly Growth[]): Promise<string> {
  const [square, tall] = [growths.filter((g) => !isTall(g)), growths.filter(isTall)];
  const charts = [
    ...(square.length > 0 ? [times(square, "Time of square matrices", "n")] : []),
    ...(tall.length > 0 ? [times(tall, "Time of tall matrices", "rows")] : []),
  ];
  return draw({ ...page, spacing: 40, resolve: { scale: { color: "independent" } }, hconcat: charts });
}

/** A small chart for each operation: the most memory it held, and what it may hold. */
export function drawMemory(growths: readonly Growth[]): Promise<string> {
  const charts = growths.map((growth): Chart => {
    const values = growth.rows.map(({ size, peak, bound, bytes }) => ({
      size,
      peak: peak / 2 ** 20,
      bound: bound / 2 ** 20,
      least: bytes / 2 ** 20,
      state: peak > bound ? "over" : "within",
    }));
    const x = size([growth], isTall(growth) ? "rows" : "n");
    const color = {
      field: "state",
      type: "nominal" as const,
      legend: null,
      scale: { domain: ["within", "over"], range: [colours.ours, colours.lost] },
    };
    return {
      title: growth.job,
      width: 150,
      height: 130,
      data: { values },
      layer: [
        { mark: { type: "line", color: colours.bound }, encoding: { x, y: log("bound", "MB") } },
        { mark: { type: "line", color: colours.bound, strokeDash: [2, 3] }, encoding: { x, y: log("least", "MB") } },
        { mark: { type: "point", filled: true, size: 45, opacity: 1 }, encoding: { x, y: log("peak", "MB"), color } },
      ],
    } as Chart;
  });
  const title = {
    text: "Most memory held",
    subtitle: "line: the bound; dotted: inputs and outputs; points: measured, red beyond the bound",
    offset: 14,
  };
  return draw({ ...page, title, columns: 6, concat: charts } as TopLevelSpec);
}

/** The peer's time over ours: a bar for each case from 1 on, with a tick where the aim is. */
export function drawRatios(standings: readonly Standing[]): Promise<string> {
  const values = standings.flatMap(({ case: c, ratio, loss }) =>
    ratio === undefined
      ? []
      : [{ name: c.name, ratio, target: c.target ?? null, one: 1, loss: loss ? "loss" : "aim met" }]
  );
  const y = { field: "name", type: "nominal" as const, sort: null, title: null };
  const domain = [
    Math.min(0.5, ...values.map(({ ratio }) => ratio)),
    Math.max(2, ...values.map(({ ratio, target }) => Math.max(ratio, target ?? 0))),
  ];
  const x = (field: string) => ({
    field,
    type: "quantitative" as const,
    scale: { type: "log" as const, domain, nice: false },
    axis: { values: [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20], format: "~g" },
    title: "the fastest peer's time over ours (logarithmic)",
  });
  const color = {
    field: "loss",
    type: "nominal" as const,
    title: null,
    scale: { domain: ["aim met", "loss"], range: [colours.ours, colours.lost] },
  };
  return draw({
    ...page,
    width: 480,
    height: { step: 15 },
    title: "Ratio to the peer, and the aim",
    data: { values },
    layer: [
      { mark: { type: "bar" }, encoding: { y, x: x("ratio"), x2: { field: "one" }, color } },
      {
        mark: { type: "tick", color: "black", thickness: 2 },
        encoding: { y, x: x("target") },
      },
    ],
  } as TopLevelSpec);
}
