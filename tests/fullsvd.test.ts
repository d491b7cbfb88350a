// svd of all values, and svdvals: the contract on matrices of every kind and shape, thin and complete.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Matrix, open, OverflowError, svd, svdSync, svdvals, svdvalsSync } from "../src/index.ts";
import { sized, thinned } from "./device.ts";
import * as factors from "./factors.ts";
import { every, numbers, placeInside, reference, sameBits, table } from "./helpers.ts";
import {
  fill,
  inIdentity,
  normal,
  odd,
  randomSample,
  type Recipe,
  type Sample,
  sample,
  scattered,
  torture,
  withSpectrum,
} from "./matrices.ts";
import * as t from "./metrics.ts";
import { hold, singularValues64, u, wide } from "./metrics.ts";
import { refuseAll } from "./misuse.ts";
import { argument, fails } from "./refusals.ts";
import { directs } from "./spectra.ts";

interface Choice {
  mode?: "reduced" | "complete";
  method?: "auto" | "bidiagonal" | "jacobi";
}
const name = (recipe: Recipe): string => recipe.name;

/** Both functions on one matrix, held to the contract; the input must not change. */
async function check(a: Sample, options: Choice, blocking: boolean, truth?: Float64Array): Promise<void> {
  using A = Matrix.from(a);
  const [m, n] = a.shape, p = Math.min(m, n), sigma = truth ?? singularValues64(wide(a));
  const { u: left, s, vt, converged } = blocking ? svdSync(A, options) : await svd(A, options);
  using U = left, Vt = vt;
  const [wideU, highV] = options.mode === "complete" ? [m, n] : [p, p];
  assert.deepEqual([[...U.shape], [...Vt.shape], converged], [[m, wideU], [highV, n], true]);
  hold(factors.svd(a, { u: numbers(U), s, vt: numbers(Vt) }, sigma), a.name);
  if (options.method === undefined && options.mode === undefined) {
    hold(factors.singularValues(a, blocking ? await svdvals(A) : svdvalsSync(A), sigma), `${a.name}, values alone`);
  }
  sameBits(numbers(A).data, a.data, "the input");
}

describe("svd of all values", () => {
  it("takes the values again where all are of one size: within 4u, where the reduction alone leaves 6", () => {
    const a = sample("all 1", withSpectrum(sized(300, 66), sized(300, 66), () => 1));
    const error = t.largest(svdSync(a).s.map((v) => Math.abs(v - 1))) / u;
    assert.ok(error <= 4, `${error}u`);
  });

  it("keeps its contract on square matrices of every kind", async () => {
    await every(thinned(directs(sized(80, 34)), 11), name, (recipe, at) => check(recipe.make(), {}, at % 2 === 0));
  });

  it("keeps its contract on wide, thin and tiny ones", async () => {
    await every(thinned(odd(), 2), name, (recipe, at) => check(recipe.make(), {}, at % 2 === 0));
  });

  it("keeps its contract at another size, by the bidiagonal method", async () => {
    const list = thinned(directs(33), 12);
    await every(list, name, (recipe, at) => check(recipe.make(), { method: "bidiagonal" }, at % 2 === 1));
  });

  it("keeps its contract at the borders of its blocks", async () => {
    const all = [1, 2, 3, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 96, 97, 127, 128, 129];
    const sizes = all.filter((n) => n <= sized(129, 66));
    const shapes = sizes.flatMap((n) => [[n, n], [n + 1, n], [n + (n >> 1), n], [n, n + 3]] as const);
    const label = ([m, n]: readonly [number, number]): string => `${m}x${n}`;
    await every(thinned(shapes, 5), label, ([m, n], at) => check(randomSample(m, n, at), {}, at % 2 === 0));
  });

  it("keeps its contract on constant matrices, where nothing but rounding fills all vectors but one", async () => {
    const widths = [2, 17, 33, 48, 63, 64, 65, 96, 128], ratios = [1, 1.5, 2, 4];
    const cases = widths.flatMap((n) => ratios.flatMap((ratio) => [1, 0.1, 1 / 3].map((c) => ({ n, ratio, c }))));
    await every(
      thinned(cases.filter(({ n }) => n <= sized(128, 65)), 11),
      ({ n, ratio, c }) => `${Math.ceil(ratio * n)}x${n} of ${c}`,
      async ({ n, ratio, c }, at) => {
        const m = Math.ceil(ratio * n), value = Math.fround(c), sigma = new Float64Array(n);
        sigma[0] = value * Math.sqrt(m * n);
        await check(sample("constant", fill(m, n, () => value)), {}, at % 2 === 0, sigma);
      },
    );
  });

  it("keeps its contract at sizes of many blocks", async () => {
    const n = sized(220, 80), values = (i: number): number => 1e5 ** (-i / (n - 1)) * (i % 50 < 25 ? 1 : 0.999);
    const sigma = Float64Array.from({ length: n }, (_, i) => values(i)).sort().reverse();
    const list = [[n, n], [2 * n - 40, n]] as const;
    await every(list, String, async ([m, n]) => {
      // Rounding to float32 moves a singular value by no more than the rounding's norm, about u |A|_F / sqrt(n).
      await check(sample(`known values ${m}x${n}`, withSpectrum(m, n, values, 4)), {}, false, sigma);
    });
    await check(sample("all one third", fill(n, n, () => 1 / 3)), {}, true);
    await check(sample("all 0.1, tall", fill(sized(3000, 500), sized(90, 40), () => 0.1)), {}, false);
  });

  it("keeps its contract where numbers differ by more than float32 holds digits, by every method", async () => {
    const named = [[[5e-8, 2e8], [3e-9, 7e-20]], [[2e-18, 2], [30, 7e26]], [[1e38, 1], [1, 1e-38]]];
    const list = named.flatMap((numbers) => [2, 3, 10, 40].map((n) => inIdentity(numbers, n)));
    for (const [m, n] of [[2, 2], [3, 3], [3, 2], [5, 5], [4, 7]] as const) {
      for (let seed = 0; seed < sized(100, 10); seed++) list.push(scattered(m, n, 30 + seed % 7, seed));
    }
    await every(list, ({ name }) => name, async (a, at) => {
      for (const method of ["auto", "jacobi"] as const) await check(a, { method }, at % 2 === 0);
    });
  });

  it("gives complete factors", async () => {
    const names = /zero|rank 5|all one third|Lauchli 1e-9|random|one number|1x40|40x1|wide|identity/;
    const list = thinned([...directs(40), ...odd()].filter((recipe) => names.test(recipe.name)), 4);
    await every(list, name, (recipe, at) => check(recipe.make(), { mode: "complete" }, at % 2 === 0));
  });

  it("gives empty factors for empty matrices", () => {
    for (const [m, n] of [[0, 0], [0, 5], [5, 0]] as const) {
      const { u: left, s, vt } = svdSync(Matrix.zeros(m, n));
      assert.deepEqual([[...left.shape], s.length, [...vt.shape]], [[m, 0], 0, [0, n]]);
      const complete = svdSync(Matrix.zeros(m, n), { mode: "complete" });
      assert.deepEqual([[...complete.u.shape], [...complete.vt.shape]], [[m, m], [n, n]]);
      hold(factors.svd({ shape: [m, n], data: [] }, complete, []), "complete factors of nothing");
      assert.equal(svdvalsSync(Matrix.zeros(m, n)).length, 0);
    }
  });

  it("gives what is known by hand", () => {
    const { u: left, s, vt } = svdSync([[0, -4], [3, 0]]),
      plain = (a: Matrix): number[] => [...a.data].map((v) => v + 0);
    assert.deepEqual([[...s], plain(left), plain(vt)], [[4, 3], [1, 0, 0, 1], [0, -1, 1, 0]]);
    assert.deepEqual([...svdvalsSync([[3, 4]])], [5]);
    assert.deepEqual(svdSync([[-2]]).vt.toArray(), [[-1]]);
  });

  it("gives NumPy's values and vectors", () => {
    const { a, u: left, s, vt, gap } = reference().svd, result = svdSync(a), p = s.length;
    hold(factors.singularValues(table(a), result.s, s), "NumPy's values");
    // Vectors turn by the error over the gap to the next value.
    const bound = (48 * s[0]! * Math.sqrt(p)) / gap + 12 * Math.sqrt(p);
    for (const [mine, theirs] of [[result.u, left], [result.vt, vt]] as const) {
      const off = t.normF(t.minus(wide(numbers(mine)), wide(table(theirs)))) / u;
      assert.ok(off <= bound, `off by ${off} u of ${bound}`);
    }
  });

  it("factors views, transposed and inside larger matrices, without touching them", () => {
    for (const [m, n] of sized([[70, 45], [45, 70], [60, 60]], [[40, 34]]) as [number, number][]) {
      for (const turned of [false, true]) {
        const a = randomSample(m, n, 8), { view, whole } = placeInside(a, turned), before = numbers(whole).data;
        const { u: left, s, vt } = svdSync(view);
        hold(factors.svd(a, { u: numbers(left), s, vt: numbers(vt) }, singularValues64(wide(a))), "view");
        sameBits(numbers(whole).data, before, "what surrounds the view");
      }
    }
  });

  it("gives the same bits async and blocking, again and again, on any number of threads", async () => {
    const choices: Choice[] = [{}, { mode: "complete" }, { method: "bidiagonal" }];
    for (const options of choices) {
      const a = randomSample(sized(140, 40), sized(90, 34), 9), one = svdSync(a, options), two = await svd(a, options);
      using device = open({ threads: 1 });
      const three = svdSync(Matrix.from(a.data, a.shape, { device }), options);
      for (const other of [two, three]) {
        sameBits(one.u.data, numbers(other.u).data, "U");
        sameBits(one.s, other.s, "s");
        sameBits(one.vt.data, numbers(other.vt).data, "Vt");
      }
    }
    const b = randomSample(sized(90, 40), sized(120, 70), 10);
    sameBits(await svdvals(b), svdvalsSync(b), "values alone");
  });

  it("scales by powers of two to the last bit", () => {
    const a = normal(sized(60, 40), sized(40, 34), 11), one = svdSync(sample("", a));
    for (const power of [-60, 40]) {
      const other = svdSync(sample("", t.map(a, (v) => Math.fround(v) * 2 ** power)));
      sameBits(other.s, one.s.map((v) => v * 2 ** power), "s");
      sameBits(other.u.data, one.u.data, "U");
      sameBits(other.vt.data, one.vt.data, "Vt");
    }
  });

  it("throws OverflowError where a singular value leaves float32, and returns up to there", () => {
    const all = (value: number): Sample => sample("", fill(4, 4, () => value));
    for (const f of [svdSync, svdvalsSync]) assert.throws(() => f(all(3e38)), OverflowError);
    hold([factors.close("largest", svdSync(all(8e37)).s[0]!, 4 * Math.fround(8e37), 3.2e38, 16)], "all 8e37");
  });

  it("refuses what it must", async () => {
    await refuseAll([
      { op: "svd", blocking: (a) => svdSync(a), promised: (a) => svd(a) },
      { op: "svdvals", blocking: svdvalsSync, promised: svdvals },
    ]);
    const a = [[1, 2], [3, 4]];
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ method: "magic" }, /magic.*bidiagonal/],
      [{ mode: "full" }, /full.*complete/],
    ];
    for (const [options, text] of wrong) {
      await fails("svd", () => svdSync(a, options), () => svd(a, options), { ...argument, text });
    }
  });

  it("gives NaN everywhere for NaN input when checkFinite is off", () => {
    for (const n of [2, 60]) {
      const a = sample("", t.map(normal(n + 3, n, 12), (v, i, j) => (i === 1 && j === 0 ? NaN : v)));
      const { u: left, s, vt } = svdSync(a, { checkFinite: false });
      assert.ok([...left.data, ...s, ...vt.data].every(Number.isNaN));
      assert.ok(svdvalsSync(a, { checkFinite: false }).every(Number.isNaN));
    }
  });

  it("proves its result with a residual that agrees with a measurement from outside", async () => {
    await every(torture().filter((_, at) => at % sized(7, 28) === 0), name, async (recipe) => {
      const a = recipe.make(), { u: left, s, vt, proof } = await svd(a, { proof: true });
      assert.ok(proof?.holds, `the proof does not hold: ${JSON.stringify(proof?.figures)}`);
      const mine = factors.svd(a, { u: left, s, vt }, s).find(({ contract }) => contract === "residual of svd")!.value;
      const told: number = proof.figures["residual"]?.value ?? NaN;
      const slack = (t.tiny * Math.sqrt(a.data.length)) / (u * t.normF(wide(a)) || 1);
      assert.ok(Math.abs(told - mine) <= 1e-4 * mine + 1e-6 + slack, `told as ${told}, measured as ${mine}`);
    });
    assert.equal(svdSync([[1]]).proof, undefined);
  });
});
