// norm, cond, matrixRank, pinv, isPositiveDefinite, add, sum2 and norm2: against float64, exact sums and known answers.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as la from "../src/index.ts";
import { Matrix } from "../src/index.ts";
import { sized, testDevice, thinned } from "./device.ts";
import * as factors from "./factors.ts";
import { every, numbers, placeInside, sameBits } from "./helpers.ts";
import {
  correlation,
  fill,
  normal,
  odd,
  positive,
  Random,
  randomSample,
  randsvd,
  type Recipe,
  type Sample,
  sample,
  square,
  withSpectrum,
} from "./matrices.ts";
import * as t from "./metrics.ts";
import { type Dense, hold, maxFloat, singularValues64, u, wide } from "./metrics.ts";
import { refuseAll } from "./misuse.ts";
import { argument, checkError, dtype, fails, nonFinite, overflow, shape } from "./refusals.ts";
import { eliminate64, growing, regulars } from "./spectra.ts";

const name = (recipe: Recipe): string => recipe.name;
const sum = (values: Iterable<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

/** Largest sum of absolute values in a column. */
function norm1(a: Dense): number {
  const ones = t.dense(1, a.m, new Float64Array(a.m).fill(1));
  return t.largest(t.matmul64(ones, t.abs(a)).x);
}

describe("norm", () => {
  it("of matrices is that of float64", async () => {
    await every(
      thinned([...square(sized(64, 34)), ...odd(), ...regulars().slice(0, sized(5, 1))], 3),
      name,
      async (recipe, at) => {
        const a = recipe.make(), A = wide(a), s = singularValues64(A), flushed = t.tiny * Math.sqrt(A.x.length);
        const of = async (p: 1 | 2 | "fro" | "nuc" | number): Promise<number> =>
          at % 2 === 0 ? la.normSync(a, p) : await la.norm(a, p);
        const [columns, rows] = [norm1(A), norm1(t.transpose(A))];
        hold([
          factors.close("1-norm", await of(1), columns, columns + flushed, 2),
          factors.close("infinity norm", await of(Infinity), rows, rows + flushed, 2),
          factors.close("Frobenius norm", await of("fro"), t.normF(A), t.normF(A) + flushed, 2),
          factors.close("2-norm", await of(2), s[0] ?? 0, (s[0] ?? 0) + flushed, 16),
          factors.close("nuclear norm", await of("nuc"), sum(s), ((s[0] ?? 0) + flushed) * (s.length || 1), 16),
        ], a.name);
        assert.equal(la.normSync(a), la.normSync(a, "fro"), "Frobenius is the default");
      },
    );
  });

  it("of vectors is that of float64", async () => {
    const random = new Random(5), x = Float32Array.from({ length: 1000 }, () => random.normal());
    const sizes = Array.from(x, Math.abs), power = (p: number): number => sum(sizes.map((v) => v ** p)) ** (1 / p);
    await every([1, 2, 3, 2.5, Infinity], String, async (p) => {
      const truth = p === Infinity ? Math.max(...sizes) : power(p);
      for (const value of [la.normSync(x, p), await la.norm(x, p), la.normSync([...x], p)]) {
        hold([factors.close(`${p}-norm`, value, truth, truth, 2)], "vector");
      }
    });
    assert.equal(la.normSync([3, 4]), 5);
    assert.equal(la.normSync([]), 0);
    assert.equal(la.normSync(Matrix.zeros(0, 4)), 0);
  });

  it("of vectors names the NaN or Inf, and gives NaN when checkFinite is off", async () => {
    for (const p of [1, 2, 3, Infinity, -Infinity, 0] as const) {
      for (const value of [NaN, Infinity, -Infinity]) {
        const x = [3, value, 4], off = { checkFinite: false };
        const wanted = { ...nonFinite, text: new RegExp(`${value}.*element 1`), fields: { row: 1, column: 0 } };
        await fails("norm", () => la.normSync(x, p), () => la.norm(Float32Array.from(x), p), wanted);
        assert.deepEqual([la.normSync(x, p, off), await la.norm(x, p, off)], [NaN, NaN]);
      }
    }
  });

  it("neither overflows nor underflows on the way", () => {
    const big = fill(3, 3, () => 3e38), low = fill(4, 4, () => 1e-30);
    hold([
      factors.close("large", la.normSync(sample("", big), "fro"), 3 * Math.fround(3e38), 9e38, 2),
      factors.close("large, columns", la.normSync(sample("", big), 1), 3 * Math.fround(3e38), 9e38, 2),
      factors.close("small", la.normSync(sample("", low)), 4 * Math.fround(1e-30), 4e-30, 2),
      factors.close("large vector", la.normSync([3e38, 4e38 / 2]), Math.hypot(3e38, 2e38), 3e38, 2),
      factors.close("small vector", la.normSync([3e-30, 4e-30]), 5e-30, 5e-30, 2),
    ], "norm");
  });

  it("takes views and leaves them alone", () => {
    const a = randomSample(33, 57, 4), { view, whole } = placeInside(a, true), before = numbers(whole).data;
    for (const p of [1, 2, "fro", "nuc", Infinity] as const) {
      assert.equal(la.normSync(view, p), la.normSync(Matrix.from(a), p), String(p));
    }
    sameBits(numbers(whole).data, before, "what surrounds the view");
  });

  it("refuses what it must", async () => {
    const a = [[1, 2], [3, 4]];
    await fails("norm", () => la.normSync(a, 3), () => la.norm(a, 3), { ...argument, text: /3/ });
    const word = "nuclear" as "nuc";
    await fails("norm", () => la.normSync(a, word), () => la.norm(a, word), { ...argument, text: /nuclear.*nuc/ });
    await fails("norm", () => la.normSync([1, 2], "nuc"), () => la.norm([1, 2], "nuc"), { ...argument, text: /nuc/ });
  });
});

describe("cond", () => {
  it("is near the true one, for each norm", async () => {
    await every(thinned(regulars(), 6), name, async (recipe, at) => {
      const a = recipe.make(), A = wide(a), s = singularValues64(A), n = A.n;
      const X = eliminate64(A).inverse, truth = s[0]! / s[n - 1]!;
      const of = async (p: 1 | 2 | "fro" | number): Promise<number> =>
        at % 2 === 0 ? la.condSync(a, { p: p as 1 }) : await la.cond(a, { p: p as 1 });
      const pairs = [
        [1, norm1(A) * norm1(X)],
        [Infinity, norm1(t.transpose(A)) * norm1(t.transpose(X))],
        ["fro", t.normF(A) * t.normF(X)],
      ] as const;
      for (const [p, wanted] of pairs) {
        const value = await of(p);
        assert.ok(value >= wanted / 2 && value <= 2 * wanted, `${p}: ${value}, truly ${wanted}`);
      }
      const two = await of(2), off = Math.abs(two / truth - 1);
      assert.ok(off <= Math.max(1e-3, 40 * u * truth), `2: ${two}, truly ${truth}`);
      assert.equal(la.condSync(a), la.condSync(a, { p: 2 }), "2 is the default");
    });
  });

  it("is Infinity for the singular", async () => {
    await every([1, 2, "fro", Infinity] as const, String, async (p) => {
      assert.equal(la.condSync([[1, 0], [0, 0]], { p }), Infinity);
      assert.equal(await la.cond(Matrix.zeros(3, 3), { p }), Infinity);
    });
  });

  it("is right where elimination grows", async () => {
    await every(thinned(growing, 3), name, async (recipe) => {
      const a = recipe.make(), truth = norm1(wide(a)) * norm1(eliminate64(wide(a)).inverse);
      const value = await la.cond(a, { p: 1 });
      assert.ok(value >= truth / 2 && value <= 2 * truth, `${value}, truly ${truth}`);
    });
  });

  it("is right where the inverse leaves float32", async () => {
    const a = [[1e-37, 1e-37], [1e-37, 1.001e-37]];
    for (const p of [1, Infinity, "fro", 2] as const) {
      const value = await la.cond(a, { p });
      assert.ok(value > 3900 && value < 4100, `${p}: ${value}, truly 4002`);
    }
  });

  it("is the quotient of singular values for rectangles", async () => {
    const a = sample("", withSpectrum(40, 12, (i) => 10 ** (-i / 6)));
    assert.ok(Math.abs(la.condSync(a) / 10 ** (11 / 6) - 1) < 1e-3);
    assert.ok(Math.abs(la.condSync(Matrix.from(a).T) / 10 ** (11 / 6) - 1) < 1e-3);
    await fails("cond", () => la.condSync(a, { p: 1 }), () => la.cond(a, { p: 1 }), { ...shape, text: /40x12/ });
  });

  it("refuses what it must", async () => {
    await refuseAll([{ op: "cond", blocking: la.condSync, promised: la.cond }]);
    const p = { p: 3 as 2 }, a = [[1]];
    await fails("cond", () => la.condSync(a, p), () => la.cond(a, p), { ...argument, text: /3/ });
  });
});

const product = (m: number, rank: number, n: number): Dense => t.matmul64(normal(m, rank, 3), normal(rank, n, 4));

describe("matrixRank", () => {
  const cases: readonly (readonly [string, Dense, number])[] = [
    ["rank 5 of 90x60", product(90, 5, 60), 5],
    ["rank 5 of 60x90", product(60, 5, 90), 5],
    ["half rank", product(80, 40, 80), 40],
    ["full", normal(70, 70, 5), 70],
    ["full, wide", normal(20, 50, 6), 20],
    ["condition 1e4", randsvd(50, 50, 1e4, 3), 50],
    ["all 0.1", fill(60, 60, () => 0.1), 1],
    ["zero", t.dense(30, 20), 0],
    ["rank 3, scale 1e-30", t.map(product(30, 3, 30), (v) => v * 1e-30), 3],
    ["rank 3, scale 1e30", t.map(product(30, 3, 30), (v) => v * 1e30), 3],
    ["nothing", t.dense(0, 4), 0],
  ];

  it("counts the singular values that rounding cannot explain", async () => {
    await every(thinned(cases, 2), ([label]) => label, async ([label, a, rank]) => {
      assert.equal(la.matrixRankSync(sample(label, a)), rank);
      assert.equal(await la.matrixRank(sample(label, a)), rank);
    });
  });

  it("counts those above tol where one is given", async () => {
    const a = Matrix.diag([1, 0.1, 0.01, 0]);
    for (const [tol, rank] of [[0.5, 1], [0.05, 2], [1e-3, 3], [2, 0]] as const) {
      assert.equal(la.matrixRankSync(a, { tol }), rank);
    }
    for (const tol of [-1, NaN]) {
      const wanted = { ...argument, text: /tol/ };
      await fails("matrixRank", () => la.matrixRankSync(a, { tol }), () => la.matrixRank(a, { tol }), wanted);
    }
    await refuseAll([{ op: "matrixRank", blocking: la.matrixRankSync, promised: la.matrixRank }]);
  });
});

describe("pinv", () => {
  it("meets the conditions of Moore and Penrose", async () => {
    const names = /zero|half rank|all |ones|0\.1|identity|random/;
    const list: Recipe[] = [
      ...[...square(60).filter((r) => names.test(r.name)), ...odd(), ...regulars()].filter((r) =>
        !/2\^-126/.test(r.name)
      ),
      { name: "rank 5, 80x50", make: () => sample("rank 5, 80x50", product(80, 5, 50)) },
      { name: "rank 5, 50x80", make: () => sample("rank 5, 50x80", product(50, 5, 80)) },
    ];
    await every(thinned(list, 5), name, async (recipe, at) => {
      const a = recipe.make(), [m, n] = a.shape;
      using A = Matrix.from(a), X = at % 2 === 0 ? la.pinvSync(A) : await la.pinv(A);
      assert.deepEqual([...X.shape], [n, m]);
      hold(factors.pseudoinverse(a, numbers(X)), a.name);
      sameBits(numbers(A).data, a.data, "the input");
    });
  });

  it("leaves out what lies below rcond of the largest value", async () => {
    const a = Matrix.diag([4, 2, 0.25]);
    assert.deepEqual([...la.pinvSync(a).data], [0.25, 0, 0, 0, 0.5, 0, 0, 0, 4]);
    assert.deepEqual([...la.pinvSync(a, { rcond: 0.1 }).data], [0.25, 0, 0, 0, 0.5, 0, 0, 0, 0]);
    assert.deepEqual([...(await la.pinv(a, { rcond: 0.9 })).data], [0.25, 0, 0, 0, 0, 0, 0, 0, 0]);
    for (const rcond of [-1, NaN]) {
      const wanted = { ...argument, text: /rcond/ };
      await fails("pinv", () => la.pinvSync(a, { rcond }), () => la.pinv(a, { rcond }), wanted);
    }
  });

  it("works on the edges", async () => {
    assert.deepEqual([...la.pinvSync(Matrix.zeros(0, 3)).shape], [3, 0]);
    assert.deepEqual(la.pinvSync(Matrix.zeros(2, 3)).toArray(), [[0, 0], [0, 0], [0, 0]]);
    const a = randomSample(40, 30, 7);
    sameBits((await la.pinv(a)).data, la.pinvSync(a).data, "async and blocking");
    const far = [[1e-37, 1e-37], [1e-37, 1.001e-37]], wanted = { ...overflow, text: /float32/ };
    await fails("pinv", () => la.pinvSync(far), () => la.pinv(far), wanted);
    await refuseAll([{ op: "pinv", blocking: la.pinvSync, promised: la.pinv }]);
  });
});

describe("isPositiveDefinite", () => {
  it("tells by the lower triangle, above 20 n u and below -20 n u", async () => {
    await every(positive(), name, async (recipe, at) => {
      const a = recipe.make(), half = sample("", t.map(wide(a), (v, i, j) => (j > i ? NaN : v)));
      assert.equal(at % 2 === 0 ? la.isPositiveDefiniteSync(half) : await la.isPositiveDefinite(half), true);
      const flipped = sample("", t.map(wide(a), (v) => -v));
      assert.equal(at % 2 === 1 ? la.isPositiveDefiniteSync(flipped) : await la.isPositiveDefinite(flipped), false);
    });
    const limit = 20 * 60 * u, near = (factor: number): Sample => sample("", correlation(60, factor * limit));
    assert.deepEqual([1.05, -1.05].map((f) => la.isPositiveDefiniteSync(near(f))), [true, false]);
    assert.equal(la.isPositiveDefiniteSync(Matrix.zeros(0, 0)), true);
    assert.equal(la.isPositiveDefiniteSync([[0]]), false);
    const op = "isPositiveDefinite";
    await refuseAll([{ op, blocking: la.isPositiveDefiniteSync, promised: la.isPositiveDefinite, square: true }]);
  });
});

/** A GPU has no float64: the sum that is rounded once is one of two float32 numbers, good to 46 bits. */
const unsure = testDevice().name === "metal" ? 2 ** -46 : 0;

describe("add", () => {
  it("rounds once", async () => {
    const factorsOf = [[1, 1], [1, -1], [0.3, -1.7], [0, 2], [2, 0], [-1, 1]] as const;
    const shapes = [[1, 1], [7, 5], [64, 33], [300, 20], [0, 3]] as const;
    const cases = shapes.flatMap((size) => factorsOf.map((pair) => ({ size, pair })));
    await every(cases, ({ size, pair }) => `${size} ${pair}`, async ({ size: [m, n], pair: [alpha, beta] }, at) => {
      const a = randomSample(m, n, 1), b = randomSample(m, n, 2);
      using A = placeInside(a, at % 2 === 0).view, B = placeInside(b, at % 3 === 0).view;
      const c = at % 2 === 0 ? la.addSync(A, B, { alpha, beta }) : await la.add(A, B, { alpha, beta });
      c.data.forEach((value, i) => {
        const [x, y] = [alpha === 0 ? 0 : alpha * a.data[i]!, beta === 0 ? 0 : beta * b.data[i]!];
        const off = unsure * (Math.abs(x) + Math.abs(y)), allowed = [x + y - off, x + y + off].map(Math.fround);
        assert.ok(allowed.some((wanted) => Object.is(value, wanted)), `element ${i} is ${value}, not ${allowed}`);
      });
      sameBits(numbers(A).data, a.data, "A");
      sameBits(numbers(B).data, b.data, "B");
    });
    assert.deepEqual(la.addSync([[1, 2]], [[3, 4]]).toArray(), [[4, 6]]);
    assert.deepEqual(la.addSync([[1, NaN]], [[3, 4]]).toArray(), [[4, NaN]]);
  });

  it("refuses what it must", async () => {
    const wanted = { ...shape, text: /1x2.*2x1/ };
    await fails("add", () => la.addSync([[1, 2]], [[1], [2]]), () => la.add([[1, 2]], [[1], [2]]), wanted);
    const b = [[1, 0], [0, 1]];
    await refuseAll([{ op: "add", blocking: (a) => la.addSync(a, b), promised: (a) => la.add(a, b), passes: true }]);
  });
});

/** Every finite double is a whole multiple of this. */
const STEP = 1074;

/** A double as a multiple of 2^-1074. */
function whole(x: number): bigint {
  const bits = new BigUint64Array(Float64Array.of(x).buffer)[0]!;
  const exponent = Number((bits >> 52n) & 2047n), fraction = bits & ((1n << 52n) - 1n);
  const size = exponent === 0 ? fraction : (fraction | (1n << 52n)) << BigInt(exponent - 1);
  return x < 0 ? -size : size;
}

/** n 2^-step, to the last bits of a double. */
function narrow(n: bigint, step: number): number {
  const size = n < 0n ? -n : n, extra = Math.max(0, size.toString(2).length - 60);
  const half = Math.trunc((extra - step) / 2);
  return (n < 0n ? -1 : 1) * Number(size >> BigInt(extra)) * 2 ** half * 2 ** (extra - step - half);
}

function root(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt((n.toString(2).length >> 1) + 1);
  for (let y = (x + n / x) >> 1n; y < x; y = (x + n / x) >> 1n) x = y;
  return x;
}

/** Numbers of 40 orders of magnitude whose sum is small beside them: each large one comes with its opposite. */
function canceling(length: number, seed: number, round: (x: number) => number): number[] {
  const random = new Random(seed);
  const large = Array.from({ length }, () => round(random.normal() * 10 ** (random.uniform() * 14)));
  const list = [...large, ...large.map((x) => -x), ...Array.from({ length: 9 }, () => round(random.normal()))];
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.between(0, i);
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}

describe("sum2", () => {
  it("is as if in twice the precision, whatever cancels", () => {
    for (const [seed, length] of [[1, 10], [2, 1000], [3, 20000]] as const) {
      for (const round of [Math.fround, (x: number) => x]) {
        const x = canceling(length, seed, round), exact = narrow(x.reduce((n, v) => n + whole(v), 0n), STEP);
        const sizes = sum(x.map(Math.abs)), bound = 2 ** -53 * Math.abs(exact) + (x.length * 2 ** -53) ** 2 * sizes;
        for (const form of round === Math.fround ? [x, Float32Array.from(x)] : [x, Float64Array.from(x)]) {
          const off = Math.abs(la.sum2(form) - exact);
          assert.ok(off <= bound, `${x.length} numbers: off by ${off}, at most ${bound}`);
        }
      }
    }
  });

  it("gives what is known by hand", () => {
    assert.equal(la.sum2([]), 0);
    assert.equal(la.sum2([1e16, 1, -1e16]), 1);
    assert.equal(la.sum2(Float32Array.of(3e38, 1, -3e38)), 1);
    assert.equal(la.sum2(new Float32Array(100000).fill(0.1)), 100000 * Math.fround(0.1));
    assert.equal(la.sum2(Uint8Array.of(255, 255)), 510);
    assert.ok(Number.isNaN(la.sum2([1, NaN])));
  });
});

describe("norm2", () => {
  it("is the root of the exact sum of squares, at every scale of a double", () => {
    for (
      const [length, scale] of [[3, 1], [1000, 1], [1000, 2 ** 1015], [1000, 2 ** -1020], [50, 2 ** -600]] as const
    ) {
      const random = new Random(length), x = Array.from({ length }, () => random.normal() * scale);
      const squares = x.reduce((n, v) => n + whole(v) ** 2n, 0n), exact = narrow(root(squares), STEP);
      const off = Math.abs(la.norm2(x) - exact) / exact;
      assert.ok(off <= 2 ** -50, `${length} numbers of scale ${scale}: off by ${off}`);
    }
  });

  it("gives what is known by hand", () => {
    assert.equal(la.norm2([]), 0);
    assert.equal(la.norm2([0, -0]), 0);
    assert.equal(la.norm2([-3, 4]), 5);
    assert.equal(la.norm2(Float32Array.of(maxFloat, 0)), maxFloat);
    assert.equal(la.norm2([3e-320, 4e-320]), 5e-320);
    assert.equal(la.norm2([Infinity, 1]), Infinity);
    assert.ok(Number.isNaN(la.norm2([NaN, 1])));
  });
});

it("sum2, norm2 and norm refuse what is no vector of numbers", async () => {
  const bad: readonly (readonly [unknown, RegExp])[] = [
    ["12", /string/],
    [[1, "2"], /string/],
    [[[1], [2]], /object|Array/],
    [new BigInt64Array(2), /BigInt64Array/],
    [null, /null/],
  ];
  await every(bad, ([x]) => String(x), async ([x, text]) => {
    for (const [op, f] of [["sum2", la.sum2], ["norm2", la.norm2]] as const) {
      assert.throws(() => f(x as number[]), (error) => (checkError(error, op, { ...dtype, text }), true), op);
    }
    if (Array.isArray(x) && Array.isArray(x[0])) return;
    await fails("norm", () => la.normSync(x as number[], 1), () => la.norm(x as number[], 1), { ...dtype, text });
  });
});
