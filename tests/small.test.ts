// Singular values and triplets of small square matrices in float64, against their definitions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Matrix } from "../src/index.ts";
import { runSync } from "../src/run.ts";
import { type SmallSvd, smallSvd, smallValues } from "../src/small.ts";
import { every } from "./helpers.ts";
import { fill, normal, orthonormal } from "./matrices.ts";
import { type Dense, dense, eye, gram, map, matmul64, minus, normF, singularValues64, transpose } from "./metrics.ts";

interface Case {
  name: string;
  a: Dense;
}

/** Left and right factors around these values. */
function valued(name: string, n: number, s: (i: number) => number): Case {
  const left = orthonormal(n, n, 1), right = transpose(orthonormal(n, n, 2));
  return { name, a: matmul64(map(left, (x, _, j) => x * s(j)), right) };
}

const cases: readonly Case[] = [
  ...[1, 2, 3, 7, 33].map((n) => ({ name: `random of ${n}`, a: normal(n, n, n) })),
  { name: "zero", a: dense(6, 6) },
  { name: "all 0.1", a: fill(7, 7, () => 0.1) },
  { name: "identity", a: fill(9, 9, (i, j) => Number(i === j)) },
  { name: "nilpotent", a: fill(8, 8, (i, j) => Number(j === i + 1)) },
  { name: "a triangle with equal rows", a: map(normal(20, 20, 5), (x, i, j) => j < i ? 0 : i < 2 ? j : x) },
  { name: "graded columns", a: map(normal(12, 12, 6), (x, _, j) => x * 10 ** -j) },
  { name: "huge", a: map(normal(10, 10, 7), (x) => x * 1e300) },
  { name: "tiny", a: map(normal(10, 10, 8), (x) => x * 1e-305) },
  valued("values to 1e-15", 32, (i) => 10 ** (-15 * i / 31)),
  valued("half rank", 30, (i) => i < 15 ? 1 : 0),
  valued("noise below the first value", 25, (i) => i === 0 ? 1 : 1e-17),
  valued("pairs", 24, (i) => 1 + Math.floor(i / 2)),
];

const unit = 2 ** -53;
const bound = (n: number): number => 8 * (n + 4);

function judge({ a }: Case, { u, s, v }: SmallSvd): void {
  const n = a.n, truth = singularValues64(a), size = truth[0]! || 1, [U, V] = [u, v].map((x) => dense(n, n, x));
  const rest = minus(map(a, (x) => x / size), matmul64(map(transpose(U!), (x, _, j) => x * s[j]! / size), V!));
  assert.ok(normF(rest) <= bound(n) * unit, `A - USV': ${normF(rest) / unit}`);
  // Vectors of values near 0 were made orthogonal; those above hold as far as a value is from its negative.
  for (const [name, rows] of [["U", U!], ["V", V!]] as const) {
    const error = normF(minus(gram(transpose(rows)), eye(n)));
    assert.ok(error <= bound(n) * unit * 2 ** 20, `${name}: ${error}`);
  }
  s.forEach((x, i) => {
    assert.ok(x >= 0 && (i === 0 || s[i - 1]! >= x), "descending");
    assert.ok(Math.abs(x - truth[i]!) <= bound(n) * unit * size, `value ${i}: ${x}, not ${truth[i]}`);
  });
}

using none = Matrix.zeros(1, 1);
const device = none.device;

test("smallSvd gives triplets with orthonormal vectors, also where values are 0 or nearly", async () => {
  await every(
    cases,
    ({ name }) => name,
    (c) => judge(c, runSync("small", [], {}, () => smallSvd(c.a.n, c.a.x, device))),
  );
});

test("smallValues gives the same values", async () => {
  await every(cases, ({ name }) => name, ({ a }) => {
    const values = runSync("small", [], {}, () => smallValues(a.n, a.x, device));
    assert.deepEqual(values, runSync("small", [], {}, () => smallSvd(a.n, a.x, device)).s);
  });
});
