// The rows that `tesserae tune` makes: they choose the faster engine for products that they were not made from, do not
// follow noise, and leave no size without a row.
import assert from "node:assert/strict";
import { test } from "node:test";
import { productRows, type Sample, type Shape } from "../src/decision.ts";
import { choose, type Row } from "../src/tune.ts";

const engines = ["tiled", "blas", "mlx"];

/** Sides from 16 to 2048, the same at every run. */
function shapes(seed: number, count: number): Shape[] {
  let state = seed;
  const side = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.round(16 * 2 ** (7 * state / 2 ** 32));
  };
  return Array.from({ length: count }, (): Shape => [side(), side(), side()]);
}

type Times = (shape: Shape) => readonly [tiled: number, blas: number, mlx: number];

function samples(list: readonly Shape[], times: Times): Sample[] {
  return list.map((shape) => ({ shape, times: new Map(times(shape).map((ms, at) => [engines[at]!, ms])) }));
}

function chosen(rows: readonly Row[], [m, n, k]: Shape): string {
  return choose("gemm", "cpu", m, n, k, rows, engines).engine ?? "tiled";
}

const worlds: Readonly<Record<string, { times: Times; rows: number }>> = {
  "few columns": { times: ([, n]) => [n <= 60 ? 1 : 2, n <= 60 ? 1.5 : 1, 3], rows: 2 },
  "little work, but not of few rows": {
    times: ([m, n, k]) => m <= 64 ? [1, 1.4, 2] : m * n * k < 1e7 ? [1.7, 1, 2] : [1.2, 1.4, 1],
    rows: 4,
  },
};

for (const [name, { times, rows: expected }] of Object.entries(worlds)) {
  test(`where the faster engine depends on ${name}, the rows find it`, () => {
    const rows = productRows(engines, samples(shapes(1, 240), times), "cpu");
    assert.ok(rows.length <= expected, rows.map((row) => JSON.stringify(row)).join("\n"));
    const tried = samples(shapes(99, 500), times);
    const near = tried.filter(({ shape, times: each }) => {
      return each.get(chosen(rows, shape))! <= 1.1 * Math.min(...each.values());
    });
    assert.ok(near.length >= 0.95 * tried.length, `${near.length} of ${tried.length}`);
  });
}

test("noise makes no rows, and equals are computed by the own kernels", () => {
  const noise = ([m, n, k]: Shape, at: number): number => 1 + ((m * 31 + n * 17 + k * 7 + at * 13) % 11) / 100;
  const rows = productRows(engines, samples(shapes(5, 240), (s) => [noise(s, 0), noise(s, 1), noise(s, 2)]), "cpu");
  assert.equal(rows.length, 1);
  assert.deepEqual(productRows(engines, samples(shapes(5, 9), () => [1, 1, 1]), "cpu").map((row) => row.engine), [
    undefined,
  ]);
});

test("one that saw nothing is for every size", () => {
  const rows = productRows(engines, [], "cpu");
  assert.deepEqual(rows.map(({ key, engine, work, n }) => [key, engine, work, n]), [[
    "gemm",
    undefined,
    undefined,
    undefined,
  ]]);
  assert.equal(chosen(rows, [1, 1, 1]), "tiled");
});
