// eigh and eigvalsh: the contract on symmetric matrices of every kind; what is read, refused and given
// for the edges; and the event loop beside a long one.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eigh, eighSync, eigvalsh, eigvalshSync, Matrix, open, OverflowError } from "../src/index.ts";
import { sized, thinned } from "./device.ts";
import * as factors from "./factors.ts";
import { every, numbers, placeInside, sameBits } from "./helpers.ts";
import { fill, type Recipe, type Sample, sample, symmetric } from "./matrices.ts";
import * as t from "./metrics.ts";
import { hold, u, wide } from "./metrics.ts";
import { refuseAll } from "./misuse.ts";
import { argument, fails } from "./refusals.ts";
import { eigenvalues64, goe, reflected, symmetrics } from "./spectra.ts";

type Method = "auto" | "tridiagonal";
const name = (recipe: Recipe): string => recipe.name;

/** Both functions on one matrix, held to the contract; the input must not change. */
async function check(a: Sample, method: Method, blocking: boolean, truth?: Float64Array): Promise<void> {
  using A = Matrix.from(a);
  const lambda = truth ?? eigenvalues64(wide(a));
  const { values, vectors } = blocking ? eighSync(A, { method }) : await eigh(A, { method });
  using V = vectors;
  assert.deepEqual([...V.shape], [...a.shape]);
  hold(factors.eigh(a, values, numbers(V), lambda), a.name);
  hold(factors.eigenvalues(a, blocking ? await eigvalsh(A) : eigvalshSync(A), lambda), `${a.name}, values alone`);
  sameBits(numbers(A).data, a.data, "the input");
}

describe("eigh", () => {
  it("keeps its contract on every kind of symmetric matrix", async () => {
    await every(
      thinned(symmetrics(sized(96, 34)), 2),
      name,
      (recipe, at) => check(recipe.make(), "auto", at % 2 === 0),
    );
  });

  it("takes the values again where all are of one size: within 4u, where the reduction alone leaves 6", () => {
    const n = sized(300, 66), a = sample("±1", symmetric(n, (i) => (i < n / 2 ? -1 : 1)));
    const error = t.largest(eighSync(a).values.map((v) => Math.abs(v) - 1).map(Math.abs)) / u;
    assert.ok(error <= 4, `${error}u`);
  });

  it("keeps its contract at other sizes, by the tridiagonal method", async () => {
    const list = sized([12, 32, 70], [12]).flatMap((n) => symmetrics(n));
    await every(list, name, (recipe, at) => check(recipe.make(), "tridiagonal", at % 2 === 1));
  });

  it("keeps its contract at the borders of its blocks", async () => {
    const sizes = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 21, 31, 32, 33, 34, 63, 64, 65, 66, 95, 97, 127, 128, 129, 130];
    await every(
      thinned(sizes.filter((n) => n <= sized(130, 66)), 3),
      String,
      (n, at) => check(sample(`random ${n}`, goe(n, n)), "auto", at % 2 === 0),
    );
  });

  it("keeps its contract at a size of many blocks", async () => {
    const names = /^(random|glued Wilkinson, 1e-7|1 and -1|half rank|all one third|0\.1 \+ 0\.9 I|graded 1e-30)/;
    const list = thinned(symmetrics(sized(300, 98)).filter((recipe) => names.test(recipe.name)), 3);
    await every(list, name, (recipe, at) => check(recipe.make(), "auto", at % 2 === 0));
  });

  it("keeps its contract when it is large, by probing, without holding up the event loop", async () => {
    using device = open({ threads: 1 });
    const { a, values: truth } = reflected(sized(2000, 200)), A = Matrix.from(a.data, a.shape, { device });
    const start = performance.now();
    let [ticks, gap, last] = [0, 0, start];
    const tick = (): void => {
      const now = performance.now();
      [ticks, gap, last] = [ticks + 1, Math.max(gap, now - last), now];
    };
    const timer = setInterval(tick, 10);
    const { values, vectors } = await eigh(A).finally(() => clearInterval(timer));
    const time = performance.now() - start;
    hold(factors.eighProbed(a, values, numbers(vectors)), a.name);
    hold(factors.eigenvalues(a, values, truth), a.name);
    const longest = Math.max(gap, start + time - last); // 10 to 20 ms of at least 300, and a tick each 11 ms
    assert.ok(ticks >= time / 20 && longest < time / 8, `${ticks} ticks, a gap of ${longest} in ${time} ms`);
  });

  it("reads the lower triangle alone", async () => {
    for (const n of sized([2, 40, 97], [2, 40])) {
      const a = sample("", goe(n, 5)), half = sample("", t.map(wide(a), (v, i, j) => (j > i ? NaN : v)));
      const one = eighSync(half), two = eighSync(a), [values] = [await eigvalsh(half)];
      sameBits(one.values, two.values, "values with NaN above the diagonal");
      sameBits(one.vectors.data, two.vectors.data, "vectors with NaN above the diagonal");
      sameBits(values, eigvalshSync(a), "values alone with NaN above the diagonal");
    }
  });

  it("gives what is known by hand", () => {
    assert.deepEqual(eighSync([[2]]).vectors.toArray(), [[1]]);
    assert.deepEqual([...eighSync([[-3]]).values], [-3]);
    assert.deepEqual([...eigvalshSync([[2, 9], [0, -1]])], [-1, 2]);
    const { values, vectors } = eighSync([[0, 0], [1, 0]]), half = Math.SQRT1_2;
    hold([
      factors.close("-1", values[0]!, -1, 1, 4),
      factors.close("1", values[1]!, 1, 1, 4),
      factors.close("first vector", vectors.at(0, 0), half, 1, 4),
      factors.close("and its other end", vectors.at(1, 0), -half, 1, 4),
      factors.close("second vector", vectors.at(1, 1), half, 1, 4),
    ], "a swap");
  });

  it("gives empty results for 0x0", () => {
    const { values, vectors } = eighSync(Matrix.zeros(0, 0));
    assert.deepEqual([values.length, [...vectors.shape]], [0, [0, 0]]);
    assert.equal(eigvalshSync(Matrix.zeros(0, 0)).length, 0);
  });

  it("factors views, transposed and inside larger matrices, without touching them", () => {
    const a = sample("view", goe(75, 6)), lambda = eigenvalues64(wide(a));
    for (const turned of [false, true]) {
      const { view, whole } = placeInside(a, turned), before = numbers(whole).data;
      const { values, vectors } = eighSync(view);
      hold(factors.eigh(a, values, numbers(vectors), lambda), "view");
      sameBits(numbers(whole).data, before, "what surrounds the view");
    }
  });

  it("gives the same bits async and blocking, again and again, on any number of threads", async () => {
    for (const [n, method] of [[sized(130, 34), "tridiagonal"], [sized(300, 66), "auto"]] as const) {
      const a = sample("", goe(n, 7)), one = eighSync(a, { method }), two = await eigh(a, { method });
      using device = open({ threads: 1 });
      const three = eighSync(Matrix.from(a.data, a.shape, { device }), { method });
      for (const other of [two, three]) {
        sameBits(one.values, other.values, `${method} values`);
        sameBits(one.vectors.data, numbers(other.vectors).data, `${method} vectors`);
      }
    }
    const b = sample("", goe(sized(130, 66), 8));
    sameBits(await eigvalsh(b), eigvalshSync(b), "values alone");
  });

  it("scales by powers of two to the last bit", () => {
    const a = sample("", symmetric(50, (i) => 1 + i * 0.37)), one = eighSync(a);
    for (const power of [-60, 40]) {
      const other = eighSync(sample("", t.map(wide(a), (v) => v * 2 ** power)));
      sameBits(other.values, one.values.map((v) => v * 2 ** power), "values");
      sameBits(other.vectors.data, one.vectors.data, "vectors");
    }
  });

  it("stops when it is told to", async () => {
    const controller = new AbortController(), reason = new Error("enough"), a = reflected(sized(2000, 200)).a;
    const promise = eigh(a, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(promise, reason);
    await assert.rejects(eigvalsh(a, { signal: AbortSignal.abort(reason) }), reason);
  });

  it("throws OverflowError where an eigenvalue leaves float32, and returns up to there", () => {
    const all = (value: number): Sample => sample("", fill(4, 4, () => value));
    for (const f of [eighSync, eigvalshSync]) assert.throws(() => f(all(3e38)), OverflowError);
    hold([factors.close("largest", eighSync(all(8e37)).values[3]!, 4 * Math.fround(8e37), 3.2e38, 24)], "all 8e37");
  });

  it("refuses what it must", async () => {
    await refuseAll([
      { op: "eigh", blocking: eighSync, promised: eigh, square: true },
      { op: "eigvalsh", blocking: eigvalshSync, promised: eigvalsh, square: true },
    ]);
    const wrong = { method: "magic" } as object, a = [[1]];
    const wanted = { ...argument, text: /magic.*tridiagonal/ };
    await fails("eigh", () => eighSync(a, wrong), () => eigh(a, wrong), wanted);
  });

  it("gives NaN everywhere for NaN input when checkFinite is off", () => {
    for (const n of [2, 70]) {
      const a = t.map(goe(n, 9), (v, i, j) => (i === n - 1 && j === 0 ? NaN : v));
      const { values, vectors } = eighSync(sample("", a), { checkFinite: false });
      assert.ok([...values, ...vectors.data].every(Number.isNaN));
      assert.ok(eigvalshSync(sample("", a), { checkFinite: false }).every(Number.isNaN));
    }
  });

  it("proves its result with figures that agree with measurements from outside", async () => {
    await every(symmetrics(sized(64, 34)).filter((_, at) => at % sized(3, 6) === 0), name, async (recipe) => {
      const a = recipe.make(), { values, vectors, proof } = await eigh(a, { proof: true });
      assert.ok(proof?.holds, `the proof does not hold: ${JSON.stringify(proof?.figures)}`);
      const figures = factors.eigh(a, values, vectors, eigenvalues64(wide(a)));
      const [residual, orthogonality] = figures.filter(({ contract }) => /^residual|^orthogonality/.test(contract));
      for (const [key, mine] of [["residual", residual!], ["orthogonality", orthogonality!]] as const) {
        const told: number = proof.figures[key]?.value ?? NaN;
        // The proof counts what flushed inputs add; the tests take it off.
        const slack = t.tiny * wide(a).n / (u * t.normF(factors.whole(a)) || 1);
        assert.ok(Math.abs(told - mine.value) <= 1e-4 * mine.value + 1e-6 + slack, `${key}: ${told}, ${mine.value}`);
      }
    });
    assert.equal(eighSync([[1]]).proof, undefined);
  });
});

describe("the eigenvalues of the tests", () => {
  it("are right where they are known", () => {
    const { a, values } = reflected(60);
    assert.ok(t.largest(eigenvalues64(wide(a)).map((v, i) => Math.abs(v - values[i]!))) <= 4 * u * 60);
    const exact = eigenvalues64(symmetric(50, (i) => i - 20));
    assert.ok(t.largest(exact.map((v, i) => Math.abs(v - (i - 20)))) <= 1e-12);
    assert.deepEqual([...eigenvalues64(t.dense(2, 2, Float64Array.of(0, 9, 1, 0)))].map((v) => Math.round(v)), [-1, 1]);
  });
});
