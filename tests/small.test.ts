// The host's small problems, against their definitions and closed forms.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { smallSvd, symmetricEigen } from "../src/small.ts";

/** Entries from a fixed linear congruential sequence, in [-1/2, 1/2). */
function entries(count: number): Float64Array {
  let state = 1;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}

function symmetric(n: number): Float64Array {
  const a = entries(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) a[j * n + i] = a[i * n + j]!;
  return a;
}

const dot = (x: Float64Array, y: Float64Array): number => x.reduce((s, v, i) => s + v * y[i]!, 0);
const row = (a: Float64Array, n: number, i: number): Float64Array => a.subarray(i * n, i * n + n);

function orthogonality(a: Float64Array, n: number): number {
  let worst = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) worst = Math.max(worst, Math.abs(dot(row(a, n, i), row(a, n, j)) - (i === j ? 1 : 0)));
  }
  return worst;
}

describe("symmetricEigen", () => {
  const cases: [string, number, Float64Array][] = [
    ...[1, 2, 3, 17, 96].map((n): [string, number, Float64Array] => [`random of order ${n}`, n, symmetric(n)]),
    ["zero", 5, new Float64Array(25)],
    ["all ones", 6, new Float64Array(36).fill(1)],
    ["graded by 1e-12", 4, Float64Array.from({ length: 16 }, (_, i) => 10 ** (-3 * (Math.floor(i / 4) + i % 4)))],
    ["huge entries", 3, symmetric(3).map((x) => x * 1e150)],
  ];
  for (const [name, n, a] of cases) {
    test(`${name}: A v = λ v, orthonormal, descending`, () => {
      const { values, vectors } = symmetricEigen(n, a);
      const size = Math.max(...a.map(Math.abs)) * n || 1;
      for (let i = 0; i < n; i++) {
        const v = row(vectors, n, i);
        for (let j = 0; j < n; j++) {
          const error = Math.abs(dot(row(a, n, j), v) - values[i]! * v[j]!);
          assert.ok(error <= 1e-14 * n * size, `residual ${error} of pair ${i}`);
        }
        assert.ok(i === 0 || values[i - 1]! >= values[i]!, "descending");
      }
      assert.ok(orthogonality(vectors, n) <= 1e-14 * n);
    });
  }

  test("the second difference has its known values 2 - 2 cos(πj/(n+1))", () => {
    const n = 40;
    const a = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      a[i * n + i] = 2;
      if (i > 0) a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
    }
    symmetricEigen(n, a).values.forEach((value, i) => {
      assert.ok(Math.abs(value - (2 - 2 * Math.cos(Math.PI * (n - i) / (n + 1)))) <= 1e-14 * n);
    });
  });
});

describe("smallSvd", () => {
  test("A v = σ u with orthonormal factors, also for singular and graded matrices", () => {
    const singular = entries(49);
    singular.copyWithin(7, 0, 7);
    const graded = entries(49).map((x, i) => x * 10 ** -(i % 7));
    for (const a of [entries(49), singular, graded, new Float64Array(49), new Float64Array(49).fill(0.1)]) {
      const n = 7;
      const { u, s, v } = smallSvd(n, a);
      const size = Math.max(...a.map(Math.abs)) * n || 1;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          const error = Math.abs(dot(row(a, n, j), row(v, n, i)) - s[i]! * u[i * n + j]!);
          assert.ok(error <= 1e-14 * size, `residual ${error}`);
        }
        assert.ok(i === 0 || s[i - 1]! >= s[i]!);
      }
      assert.ok(orthogonality(u, n) <= 1e-13, "u");
      assert.ok(orthogonality(v, n) <= 1e-13, "v");
    }
  });
});
