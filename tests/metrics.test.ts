// The measurements themselves: right on known cases, and every contract fails for a result that is spoiled.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as contracts from "./contracts.ts";
import { reference, table } from "./helpers.ts";
import * as t from "./metrics.ts";
import { type Dense, dense, type Figure, hold, type Numbers, u } from "./metrics.ts";
import { normal, orthonormal, positive, sample, symmetric, withSpectrum } from "./matrices.ts";

const rounded = (a: Dense): Numbers => sample("", a);

/** The same numbers with one of them changed. */
function spoil(a: Numbers, at: number, change: (value: number) => number): Numbers {
  const data = Float32Array.from(a.data);
  data[at] = change(data[at]!);
  return { shape: a.shape, data };
}

/** Contracts by name, with a good result and the place of one number of it that matters. */
function good(): Record<string, { spoiled: Numbers; check: (part: Numbers) => Figure[] }> {
  const [m, n, k] = [60, 20, 5];
  const Q = orthonormal(m, n, 1), R = t.map(normal(n, n, 2), (v, i, j) => (j < i ? 0 : i === j ? 5 + Math.abs(v) : v));
  const a = rounded(t.matmul64(rounded64(Q), rounded64(R)));
  const sigma = Float64Array.from({ length: n }, (_, i) => 2 ** -i);
  const b = withSpectrum(m, n, (i) => sigma[i]!, 0);
  const signs = leadingSigns(orthonormal(m, n, 1));
  const U = t.columns(t.map(orthonormal(m, n, 1), (v, _, j) => v * signs[j]!), 0, k);
  const Vt = t.transpose(t.columns(t.map(orthonormal(n, n, 2), (v, _, j) => v * signs[j]!), 0, k));
  const result = {
    u: rounded(U),
    vt: rounded(Vt),
    s: sigma.slice(0, k),
    residuals: new Float32Array(k),
    converged: true,
  };
  const spd = symmetric(n, (i) => 1 + i), l = lower(spd);
  const x = normal(n, 3, 8), rhs = t.matmul64(spd, rounded64(x)), right = t.matmul64(rounded64(l), rounded64(x));
  const C = t.matmul64(rounded64(normal(m, n, 5)), rounded64(normal(n, k, 6)));
  const terms = { A: rounded64(normal(m, n, 5)), B: rounded64(normal(n, k, 6)) };
  return {
    "qr, Q": { spoiled: rounded(Q), check: (part) => contracts.qr(a, part, rounded(R)) },
    "qr, R": { spoiled: rounded(R), check: (part) => contracts.qr(a, rounded(Q), part) },
    "basis": { spoiled: rounded(Q), check: (part) => contracts.basis(a, part) },
    "svd, U": { spoiled: rounded(U), check: (part) => contracts.svd(rounded(b), { ...result, u: part }, sigma, 1e-6) },
    "svd, V": {
      spoiled: rounded(Vt),
      check: (part) => contracts.svd(rounded(b), { ...result, vt: part }, sigma, 1e-6),
    },
    "svd, s": {
      spoiled: { shape: [k, 1], data: result.s },
      check: (part) => contracts.svd(rounded(b), { ...result, s: part.data }, sigma, 1e-6),
    },
    "cholesky": { spoiled: rounded(l), check: (part) => contracts.cholesky(rounded(spd), part) },
    "solve": { spoiled: rounded(x), check: (part) => contracts.solve(rounded64(spd), part, rounded(rhs)) },
    "triangular": { spoiled: rounded(x), check: (part) => contracts.triangular(rounded64(l), part, rounded(right)) },
    "product": { spoiled: rounded(C), check: (part) => contracts.product(part, terms, 256) },
    "probe": { spoiled: rounded(C), check: (part) => contracts.probe(part, terms, 256) },
  };
}

function rounded64(a: Dense): Dense {
  return t.wide(rounded(a));
}

function leadingSigns(U: Dense): number[] {
  return Array.from({ length: U.n }, (_, j) => {
    const column = t.columns(U, j, j + 1).x;
    return Math.sign(column.reduce((most, v) => (Math.abs(v) > Math.abs(most) ? v : most), 0));
  });
}

/** The Cholesky factor in float64, by its definition. */
function lower(a: Dense): Dense {
  const l = dense(a.n, a.n), at = (i: number, j: number): number => l.x[i * a.n + j]!;
  for (let j = 0; j < a.n; j++) {
    for (let i = j; i < a.n; i++) {
      let sum = a.x[i * a.n + j]!;
      for (let p = 0; p < j; p++) sum -= at(i, p) * at(j, p);
      l.x[i * a.n + j] = i === j ? Math.sqrt(sum) : sum / at(j, j);
    }
  }
  return l;
}

describe("the tests' own measurements", () => {
  it("hold for results that are right to a rounding of each number", () => {
    for (const [name, { spoiled, check }] of Object.entries(good())) hold(check(spoiled), name);
  });

  it("fail when one number of a result is off by 0.1 %, NaN, or infinite", () => {
    for (const [name, { spoiled, check }] of Object.entries(good())) {
      // The largest number, so that the change is not lost among the others.
      const sizes = Array.from(spoiled.data, Math.abs), at = sizes.indexOf(Math.max(...sizes));
      for (const change of [(v: number) => v * 1.001, () => NaN, () => Infinity]) {
        assert.throws(() => hold(check(spoil(spoiled, at, change)), name), assert.AssertionError, name);
      }
    }
  });

  it("count a single tiny entry below the diagonal and a negative zero-sized diagonal", () => {
    const r = dense(3, 3, Float64Array.from([1, 2, 3, 0, 1, 2, 0, 1e-40, -1e-40]));
    assert.throws(() => hold(contracts.triangle(rounded(r)), "r"), /below the diagonal/);
    r.x[7] = 0;
    assert.throws(() => hold(contracts.triangle(rounded(r)), "r"), /negative diagonal/);
    r.x[8] = -0;
    hold(contracts.triangle(rounded(r)), "r");
  });

  it("notice residuals that are told too small or too large, and wrong signs", () => {
    const A = rounded(t.eye(3)), s = [1, 1], vt = { shape: [2, 3], data: [1, 0, 0, 0, 1, 0] };
    const U = { shape: [3, 2], data: [1, 0, 0, 1, 0, 0] };
    const check = (residuals: number[], left = U): Figure[] =>
      contracts.svd(A, { u: left, s, vt, residuals, converged: false }, [1, 1, 1], 1e-5);
    hold(check([0, 0]), "exact");
    assert.throws(() => hold(check([0, 1e-3]), "told too large"), /told and true/);
    assert.throws(() => hold(check([0, NaN]), "told NaN"), /told and true/);
    const flipped = { shape: [3, 2], data: [-1, 0, 0, 1, 0, 0] };
    assert.throws(() => hold(check([2, 0], flipped), "flipped"), /wrong sign/);
    const turned = { shape: [3, 2], data: [0.8, -0.6, 0.6, 0.8, 0, 0] };
    assert.throws(() => hold(check([0, 0], turned), "told too small"), /told and true/);
  });

  it("give the products, singular values and norms that NumPy and mpmath give", () => {
    const { matmul, svd, hilbert, cholesky } = reference();
    assert.deepEqual(
      t.matmul64(t.wide(table(matmul.a)), t.wide(table(matmul.b))).x,
      Float64Array.from(matmul.ab.flat()),
    );
    const near = (x: ArrayLike<number>, y: readonly number[], digits: number): void =>
      y.forEach((value, i) =>
        assert.ok(Math.abs(x[i]! - value) <= digits * Math.abs(y[0]!), `${x[i]} is not ${value}`)
      );
    near(t.singularValues64(t.wide(table(svd.a))), svd.s, 1e-14);
    near([t.norm2(t.wide(table(svd.a)), 200)], svd.s.slice(0, 1), 1e-10);
    const n = hilbert.n, h = Float32Array.from({ length: n * n }, (_, at) => 1 / (Math.floor(at / n) + (at % n) + 1));
    near(t.singularValues64(t.wide({ shape: [n, n], data: h })), hilbert.s, 1e-14);
    near(lower(t.wide(table(cholesky.a))).x, cholesky.l.flat(), 1e-14);
  });

  it("know the smallest eigenvalue of the positive definite matrices", () => {
    for (const recipe of positive(24)) {
      const a = t.wide(recipe.make()), d = t.diagonal(a).map(Math.sqrt);
      const scaled = t.map(a, (value, i, j) => value / (d[i]! * d[j]!));
      const low = t.smallestEigenvalue(scaled);
      assert.ok(low > 20 * 24 * u && low <= 1, `${recipe.name}: smallest scaled eigenvalue is ${low}`);
      assert.throws(
        () => lowerOf(scaled, -1.01 * low),
        `${recipe.name}: more than the smallest eigenvalue can be taken off`,
      );
      lowerOf(scaled, -0.99 * low);
    }
  });
});

/** Throws unless a + shift I has a Cholesky factor. */
function lowerOf(a: Dense, shift: number): void {
  const l = lower(t.map(a, (value, i, j) => (i === j ? value + shift : value)));
  assert.ok(l.x.every(Number.isFinite));
}
