// lstsq: the contract on the torture set, rank and shortest solutions, corrections from float64 input, and the linear
// sets of NIST's Statistical Reference Datasets.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { explain, lstsq, lstsqSync, Matrix, OverflowError } from "../src/index.ts";
import * as contracts from "./contracts.ts";
import { sized, thinned } from "./device.ts";
import { every, numbers } from "./helpers.ts";
import { normal, randomSample, randsvd, type Sample, sample, tall, torture } from "./matrices.ts";
import * as t from "./metrics.ts";
import { type Dense, hold, wide } from "./metrics.ts";

const name = (item: { readonly name: string }): string => item.name;

function turned(a: Sample): Sample {
  return sample(`${a.name}, turned`, t.transpose(wide(a)));
}

/** Solves with two right-hand sides and checks the contract, the proof beside it, and the residual norms. */
async function check(a: Sample, at: number): Promise<number> {
  const [m, n] = a.shape;
  const b = randomSample(m, 2, 61 + at);
  const result = at % 2 === 0 ? lstsqSync(a, b, { proof: true }) : await lstsq(a, b, { proof: true });
  const x = numbers(result.x);
  assert.deepEqual([...x.shape], [n, 2]);
  const [figure] = contracts.lstsq(wide(a), x, b);
  hold([figure!], a.name);
  assert.equal(result.converged, true, JSON.stringify(result.proof));
  const { value, bound } = result.proof!.figures.normal!;
  assert.ok(value <= bound && value <= 32 * Math.sqrt(n), `the proof says ${value} of ${bound}`);
  const lengths = t.columnNorms(t.minus(wide(b), t.matmul64(wide(a), wide(x))));
  const scale = t.norm2(wide(a)) * t.normF(wide(x)) + t.normF(wide(b));
  lengths.filter((length) => length < t.maxFloat).forEach((length, c) => {
    const off = Math.abs(length - result.residualNorm[c]!);
    assert.ok(off <= 8 * t.u * scale, `residual norm ${result.residualNorm[c]}, measured ${length}`);
  });
  return figure!.value / Math.sqrt(n);
}

/** Numbers so small that the exact solution is beyond float32. */
const beyond = /denormal/;

describe("lstsq", () => {
  const large = thinned(tall(sized(720, 300), sized(96, 66)), 4).filter((r) => !beyond.test(r.name));
  const small = thinned(torture(), 3).filter((r) => !beyond.test(r.name));

  it("meets its contract on the device, tall and wide", async () => {
    await every(large, name, async (recipe, at) => {
      await check(recipe.make(), at);
      await check(turned(recipe.make()), at + 1);
    });
    await check(sample("random", normal(sized(700, 400), sized(200, 130), 3)), 0); //  beyond what the host takes apart
  });

  it("meets its contract on the host, tall and wide", async () => {
    await every(small, name, async (recipe, at) => {
      await check(recipe.make(), at);
      await check(turned(recipe.make()), at + 1);
    });
  });

  it("finds the rank, and the shortest solution where the rank is not full", async () => {
    const shapes = [[40, 20, 7], [20, 40, 7], [900, 90, 30], [90, 900, 30], [600, 150, 40]] as const;
    for (const [m, n, rank] of shapes.filter(([m, n]) => m * n <= sized(Infinity, 1000))) {
      const left = normal(m, rank, 1), right = normal(rank, n, 2);
      const a = sample("product", t.matmul64(left, right));
      const x = lstsqSync(a, randomSample(m, 1, 5)).x;
      assert.equal((await lstsq(a, randomSample(m, 1, 5))).rank, rank, `${m}x${n}`);
      // The shortest solution lies in the span of the rows: what projecting on them takes off it is rounding.
      const rows = t.transpose(right), values = wide(x);
      const inside = lstsqSync(sample("rows", rows), numbers(x)).residualNorm[0]!;
      assert.ok(inside <= 200 * t.u * t.normF(values), `${m}x${n}: ${inside} of ${t.normF(values)} outside`);
    }
    const rank = (rcond: number): number => lstsqSync(Matrix.diag([1, 1e-2, 1e-4]), [1, 1, 1], { rcond }).rank;
    assert.deepEqual([rank(0), rank(1e-3), rank(0.5), rank(1)], [3, 2, 1, 0]);
    assert.deepEqual([...lstsqSync(Matrix.diag([1, 1e-2]), [1, 1], { rcond: 0.5 }).x], [1, 0]);
  });

  it("keeps columns of far scales apart", () => {
    for (const m of [50, 9000]) {
      const a = sample("graded", t.map(normal(m, 8, 3), (v, _, j) => v * 10 ** (8 * (j - 4))));
      const truth = Float64Array.from({ length: 8 }, (_, j) => Math.fround((j + 1) * 10 ** (8 * (4 - j)) / 64));
      const b = t.matmul64(wide(a), t.dense(8, 1, truth)).x;
      const { x, rank } = lstsqSync(a, b);
      assert.equal(rank, 8);
      x.forEach((value, j) => assert.ok(Math.abs(value / truth[j]! - 1) <= 64 * t.u, `x[${j}] of ${m} rows`));
    }
  });

  it("corrects to float64 with refine, from float64 input as it is", () => {
    for (const cond of thinned([1e1, 1e3, 1e5, 1e6, 4e6], 4)) {
      for (const [m, n] of sized([[900, 80], [200, 40]], [[900, 80]]) as [number, number][]) {
        const a = randsvd(m, n, cond, 3), answer = normal(n, 1, 9);
        const b = t.matmul64(a, answer);
        solvesTo(a, b.x, answer, cond);
        solvesTo(t.transpose(a), t.matmul64(t.transpose(a), b).x, b, cond);
      }
    }
  });

  function solvesTo(a: Dense, b: Float64Array, answer: Dense, cond: number): void {
    const { x, x64, converged, rank, cond: told } = lstsqSync({ data: a.x, shape: [a.m, a.n] }, b, { refine: true });
    assert.equal(converged, true);
    assert.equal(rank, Math.min(a.m, a.n));
    assert.ok(Math.abs(told / cond - 1) <= 64 * t.u * cond, `condition ${told}, truly ${cond}`);
    const error = t.normF(t.minus(t.dense(answer.m, 1, x64!), answer)) / t.normF(answer);
    assert.ok(error <= 2 ** -44 * cond, `${a.m}x${a.n}, condition ${cond}: off by ${error}`);
    assert.deepEqual(x, Float32Array.from(x64!));
  }

  it("is right to rounding without refine too, whatever the condition", () => {
    const m = sized(900, 200), n = sized(80, 40), b = randomSample(m, 1, 8);
    for (const cond of [1e2, 1e4]) {
      for (const a of [sample("tall", randsvd(m, n, cond, 3)), sample("wide", t.transpose(randsvd(m, n, cond, 3)))]) {
        const rhs = { shape: [a.shape[0], 1], data: b.data.subarray(0, a.shape[0]) };
        const truth = t.dense(a.shape[1], 1, lstsqSync(a, rhs, { refine: true }).x64!);
        assert.ok(t.relative(truth, wide(numbers(lstsqSync(a, rhs).x))) <= 4, `${a.name}, condition ${cond}`);
      }
    }
  });

  it("makes no orthonormal factor where the condition is at most 2000", async () => {
    const [m, n] = [700, 95];
    for (const [cond, made] of [[1e1, false], [2e3, false], [1e5, true]] as const) {
      const { operations } = await explain(() => lstsq(sample("", randsvd(m, n, cond, 3)), randomSample(m, 1, 4)));
      assert.equal(operations.some(({ op }) => op === "orth"), made, `condition ${cond}`);
    }
  });

  it("tells the condition and finds the full rank, also of columns of far scales", () => {
    const [m, n] = sized([700, 150], [500, 140]) as [number, number];
    const graded = t.map(randsvd(m, n, 1, 4), (v, _, j) => v * 3e5 ** (j / (n - 1)));
    const cases: [number, Dense][] = [1, 3, 60, 140, 1e3, 5e3].map((cond) => [cond, randsvd(m, n, cond, 3)]);
    for (const [cond, a] of [...cases, [3e5, graded] as [number, Dense]]) {
      for (const item of [a, t.transpose(a)]) {
        const { cond: told, rank, converged } = lstsqSync(sample("", item), randomSample(item.m, 1, 4));
        assert.ok(rank === n && converged, `${item.m}x${item.n}, condition ${cond}: rank ${rank}, ${converged}`);
        const off = Math.abs(told / cond - 1), scale = a === graded && item === a ? 1 : cond;
        assert.ok(off <= 1e-4 + 8 * t.u * scale, `${item.m}x${item.n}, condition ${cond}: told ${told}`);
      }
    }
  });

  it("counts singular values by rcond on either side of it", () => {
    const a = sample("", randsvd(700, 150, 60, 3)), b = randomSample(700, 1, 4);
    const s = (j: number): number => 60 ** (-j / 149);
    const rank = (rcond: number): number => lstsqSync(a, b, { rcond }).rank;
    assert.deepEqual([1e-6, 1e-3, 1 / 61, 1 / 59, s(99.5)].map(rank), [150, 150, 150, 149, 100]);
  });

  it("meets its contract where b is orthogonal to A, or 0, beside one that is not", () => {
    const a = randsvd(700, 150, 3, 3), b = normal(700, 3, 9);
    const fit = t.matmul64(
      a,
      t.dense(
        150,
        3,
        lstsqSync({ data: a.x, shape: [700, 150] }, { data: b.x, shape: [700, 3] }, { refine: true }).x64!,
      ),
    );
    const rhs = sample("", t.map(b, (v, i, j) => j === 0 ? v : j === 1 ? v - fit.x[3 * i + 1]! : 0));
    const { x, converged } = lstsqSync(sample("", a), rhs);
    hold(contracts.lstsq(wide(sample("", a)), numbers(x), rhs), "orthogonal");
    assert.ok(converged);
    assert.ok(numbers(x).data.every((value, i) => i % 3 < 2 || value === 0), "0 for 0");
  });

  it("gives the digits of NIST's linear sets", () => {
    const table: string[] = [];
    for (const [set, least] of Object.entries(digits)) {
      const { a, y, b, sd } = nist(set);
      const { x64, rank, residualNorm, converged } = lstsqSync(a, y, { refine: true });
      const errors = b.map((value, j) => Math.abs(x64![j]! - value) / Math.abs(value));
      const right = Math.min(15, -Math.log10(Math.max(...errors)));
      table.push(`${set.padEnd(8)} ${right.toFixed(1)}`);
      assert.ok(right >= least, `${set}: ${right} digits, ${least} are due`);
      assert.ok(converged && rank === b.length);
      const deviation = residualNorm[0]! / Math.sqrt(y.length - b.length);
      assert.ok(Math.abs(deviation - sd) <= 2 * t.u * sd + 1e-7, `${set}: deviation ${deviation}, certified ${sd}`);
    }
    console.log(`digits that agree with NIST's certified values\n  ${table.join("\n  ")}`);
  });

  it("takes what is empty, zero or one number", () => {
    assert.deepEqual([...lstsqSync(Matrix.zeros(0, 3), Matrix.zeros(0, 2)).x.shape], [3, 2]);
    assert.deepEqual([...lstsqSync(Matrix.zeros(3, 0), [1, 2, 2]).residualNorm], [3]);
    const zero = lstsqSync(Matrix.zeros(4, 2), [1, 1, 1, 1]);
    assert.deepEqual([[...zero.x], zero.rank, zero.cond, zero.residualNorm[0]], [[0, 0], 0, Infinity, 2]);
    assert.deepEqual([...lstsqSync([[4]], [8]).x], [2]);
    assert.deepEqual([...lstsqSync([[3, 4]], [25]).x], [3, 4]);
    assert.equal(lstsqSync([[1, 1]], [1]).x64, undefined);
  });

  it("throws where the solution is beyond float32, and gives NaN where it may", () => {
    assert.throws(() => lstsqSync([[1e-30]], [1e30]), OverflowError);
    const { x, converged, rank } = lstsqSync([[NaN, 1], [1, 1]], [1, 2], { checkFinite: false });
    assert.ok(x.every(Number.isNaN) && !converged && rank === 0);
  });
});

/** Digits that LAPACK's QR in float64 reaches, or more: corrections with twice the precision leave only what rounding
 * the powers of x to float64 costs. */
const digits: Readonly<Record<string, number>> = {
  Norris: 13,
  Pontius: 12,
  NoInt1: 14,
  NoInt2: 14,
  Wampler1: 14,
  Wampler2: 12,
  Wampler3: 14,
  Wampler4: 14,
  Wampler5: 14,
  Filip: 7,
  Longley: 13,
};

interface Set {
  readonly rows?: readonly (readonly number[])[];
  readonly powers?: readonly number[];
  readonly x?: readonly number[];
  readonly y: readonly number[];
  readonly b: readonly number[];
  readonly sd: number;
}

const sets = JSON.parse(readFileSync(new URL("fixtures/nist.json", import.meta.url), "utf8")) as Record<string, Set>;

/** A set as a least-squares problem: its rows, or powers of its one variable. */
function nist(set: string): { a: number[][]; y: readonly number[]; b: readonly number[]; sd: number } {
  const { rows, powers, x, y, b, sd } = sets[set]!;
  const a = rows?.map((row) => [...row]) ?? x!.map((value) => powers!.map((power) => value ** power));
  return { a, y, b, sd };
}
