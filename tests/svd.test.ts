// svd with k values: the contract by both methods on decaying, clustered and flat spectra and on the torture set.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Matrix, NotConvergedError, OverflowError, svd, svdSync, type TopOptions, type TopSvd } from "../src/index.ts";
import * as contracts from "./contracts.ts";
import { sized, thinned } from "./device.ts";
import { every, numbers, placeInside, reference, sameBits, table } from "./helpers.ts";
import {
  fill,
  large,
  normal,
  odd,
  orthonormal,
  randomSample,
  type Recipe,
  type Sample,
  sample,
  spectra,
  square,
  tall,
  torture,
} from "./matrices.ts";
import * as t from "./metrics.ts";
import { hold, u, wide } from "./metrics.ts";

const iterations = ["krylov", "subspace"] as const;
const methods = [...iterations, "gram"] as const;
const name = (item: { readonly name: string }): string => item.name;
const truths = new Map<string, Float64Array>();

/** True singular values of a torture matrix, computed once. */
function truth(recipe: Recipe, a: Sample): Float64Array {
  let values = truths.get(recipe.name);
  if (!values) truths.set(recipe.name, values = t.singularValues64(wide(a)));
  return values;
}

/** Runs svd and holds it to the contract for a converged or a stopped result. */
async function check(a: Sample, options: TopOptions, sigma: ArrayLike<number>, blocking = false): Promise<TopSvd> {
  using A = Matrix.from(a);
  const result = blocking ? svdSync(A, options) : await svd(A, options);
  const [m, n] = a.shape, { k, tol = 1e-5, maxPasses = 200 } = options;
  assert.deepEqual([[...result.u.shape], result.s.length, [...result.vt.shape]], [[m, k], k, [k, n]]);
  hold(contracts.svd(a, { ...result, u: numbers(result.u), vt: numbers(result.vt) }, sigma, tol), a.name);
  sameBits(numbers(A).data, a.data, "the input");
  const { converged, passes } = result;
  assert.ok(converged || passes + 2 > maxPasses, `gave up after ${passes} of ${maxPasses} passes`);
  return result;
}

describe("svd with k values", () => {
  it("by krylov converges on every spectrum to every tolerance", async () => {
    const cases = thinned(spectra(), 2).flatMap((spectrum) => [1e-3, 1e-5, 2e-6].map((tol) => ({ ...spectrum, tol })));
    await every(cases, (c) => `${c.name}, tol ${c.tol}`, async ({ make, k, sigma, tol }, at) => {
      const { converged, passes } = await check(make(), { k, tol, method: "krylov" }, sigma, at % 2 === 0);
      assert.ok(converged, `not converged after ${passes} passes`);
    });
  });

  it("by gram converges on every spectrum to every tolerance, whatever k", async () => {
    const cases = thinned(spectra(), 3).flatMap((spectrum) => [1, 12, 60].map((k) => ({ ...spectrum, k })));
    await every(cases, (c) => `${c.name}, k ${c.k}`, async ({ make, k, sigma }, at) => {
      const { converged } = await check(make(), { k, tol: 2e-6, method: "gram" }, sigma, at % 2 === 0);
      assert.ok(converged, "not converged");
    });
  });

  it("by subspace converges on decaying spectra, and says so where it does not", async () => {
    await every(thinned(spectra(), 2), name, async ({ name: which, make, k, sigma }) => {
      const { converged } = await check(make(), { k, tol: 1e-4, method: "subspace" }, sigma);
      if (/10\^|i\^-2|^1\/i|noise/.test(which)) assert.ok(converged, "not converged");
    });
  });

  it("stops after maxPasses with honest residuals, or throws when strict", async () => {
    for (const method of iterations) {
      const { make, k, sigma } = spectra()[3]!;
      const stopped = await check(make(), { k, method, maxPasses: 4, tol: 1e-6 }, sigma);
      assert.equal(stopped.converged, false);
      assert.ok(stopped.passes <= 6, `${stopped.passes} passes`);
      assert.ok(t.largest(stopped.residuals) > 1e-6, "it had not converged");
      assert.throws(() => svdSync(make(), { k, method, maxPasses: 4, tol: 1e-6, strict: true }), NotConvergedError);
    }
  });

  for (const method of methods) {
    it(`by ${method} keeps its contract on the torture set`, async () => {
      await every(thinned(torture(), 4), name, async (recipe, at) => {
        const a = recipe.make(), k = Math.min(6, ...a.shape);
        await check(a, { k, method, maxPasses: 60 }, truth(recipe, a), at % 2 === 0);
      });
    });

    it(`by ${method} finds every value when k is the shorter side`, async () => {
      const small = odd().filter((r) => /one number|2x300|7x5|wide of|wide zero/.test(r.name));
      const list = thinned([...square(64), ...tall(120, 48).filter((_, at) => at % 3 === 0), ...small], 4);
      await every(list, name, async (recipe) => {
        const a = recipe.make(), { converged } = await check(a, { k: Math.min(...a.shape), method }, truth(recipe, a));
        assert.ok(converged, "not converged, though nothing is left out");
      });
    });
  }

  it("keeps its contract on larger matrices", async () => {
    for (const recipe of large().filter((r) => /1e-9|all 0.1|rank 5/.test(r.name))) {
      const a = recipe.make();
      const { converged } = await check(a, { k: 5 }, truth(recipe, a));
      assert.ok(converged, recipe.name);
    }
  });

  it("keeps its contract at the borders of its blocks", async () => {
    const shapes = [[17, 16, 5], [33, 31, 8], [64, 64, 12], [65, 63, 13], [128, 97, 28], [130, 129, 33], [
      97,
      300,
      20,
    ]] as const;
    for (const method of methods) {
      await every(thinned(shapes, 2), (shape) => `${method} ${shape.join("x")}`, async ([m, n, k], at) => {
        const a = randomSample(m, n, at + 1);
        await check(a, { k, method, tol: 1e-4, maxPasses: 100 }, t.singularValues64(wide(a)), true);
      });
    }
  });

  it("gives nothing for k = 0 and for empty matrices", () => {
    for (const [m, n] of [[5, 3], [0, 3], [3, 0]] as const) {
      const { u: U, s, vt, residuals, converged } = svdSync(Matrix.zeros(m, n), { k: 0 });
      assert.deepEqual([[...U.shape], s.length, [...vt.shape], residuals.length, converged], [
        [m, 0],
        0,
        [0, n],
        0,
        true,
      ]);
    }
  });

  it("gives NumPy's triplets", () => {
    const { a, u: U, s, vt, gap } = reference().svd;
    for (const method of methods) {
      const result = svdSync(a, { k: 6, method, tol: 2e-6 });
      const angle = (4 * 32 * u * s[0]!) / gap;
      const far = (x: Matrix, y: readonly (readonly number[])[]): number =>
        t.largest(t.abs(t.minus(wide(x), wide(table(y)))).x);
      assert.ok(
        far(result.u, U) <= angle && far(result.vt, vt) <= angle,
        `${method}: ${far(result.u, U)}, ${far(result.vt, vt)}`,
      );
      result.s.forEach((value, i) =>
        assert.ok(Math.abs(value - s[i]!) <= 16 * u * s[0]!, `${method}: s[${i}] is ${value}`)
      );
    }
  });

  it("gives the singular values of the Hilbert matrix that mpmath gives", () => {
    const { n, s } = reference().hilbert, h = sample("", fill(n, n, (i, j) => 1 / (i + j + 1)));
    svdSync(h, { k: n, tol: 2e-6 }).s.forEach((value, i) => {
      assert.ok(Math.abs(value - s[i]!) <= 16 * u * s[0]!, `s[${i}] is ${value}, not ${s[i]}`);
    });
  });

  it("reads transposed and enclosed views", async () => {
    const { make, k, sigma } = spectra()[0]!, a = make();
    for (const turned of [false, true]) {
      const { view } = placeInside(a, turned), result = svdSync(view, { k });
      hold(contracts.svd(a, { ...result, u: result.u, vt: result.vt }, sigma, 1e-5), "view");
      const flipped = sample("", t.transpose(wide(a))), back = await svd(view.T, { k });
      hold(contracts.svd(flipped, { ...back, u: back.u, vt: back.vt }, sigma, 1e-5), "view.T");
    }
  });

  it("depends on nothing but its input and seed", async () => {
    const { make, k } = spectra()[2]!,
      a = make(),
      bits = (r: TopSvd): Float32Array =>
        Float32Array.from([...r.u.data, ...r.s, ...r.vt.data, ...r.residuals, r.passes]);
    for (const method of iterations) {
      const one = bits(svdSync(a, { k, method, seed: 7, maxPasses: 20 }));
      sameBits(bits(await svd(a, { k, method, seed: 7, maxPasses: 20 })), one, `${method}, async`);
      sameBits(bits(svdSync(a, { k, method, seed: 7, maxPasses: 20 })), one, `${method}, again`);
      const other = bits(svdSync(a, { k, method, seed: 8, maxPasses: 20 }));
      assert.ok(other.some((value, i) => value !== one[i]), `${method}: another seed gives the same bits`);
    }
  });

  it("keeps its contract for every seed", async () => {
    const { make, k, sigma } = spectra()[5]!, a = make();
    await every(thinned([1, 2, 3, 12345, 2 ** 32, 2 ** 53 - 1], 2), (seed) => `seed ${seed}`, async (seed) => {
      assert.ok((await check(a, { k, seed }, sigma)).converged, "not converged");
    });
  });

  it("takes fewer passes from a good start", async () => {
    const { make, k, sigma } = spectra()[3]!, a = make();
    const cold = await check(a, { k, method: "krylov" }, sigma);
    const warm = await check(a, { k, method: "krylov", start: cold.vt.T }, sigma);
    assert.ok(warm.passes < cold.passes, `${warm.passes} passes after a start, ${cold.passes} without`);
    const rough = sample("start", t.columns(orthonormal(a.shape[1], a.shape[1], 6), 0, 3));
    await check(a, { k, method: "subspace", start: rough, tol: 1e-3 }, sigma);
  });

  it("throws OverflowError where the largest value leaves float32, and returns close below", () => {
    const huge = (value: number): Sample => sample("", fill(30, 30, () => value));
    assert.throws(() => svdSync(huge(2e37), { k: 1 }), OverflowError);
    const { s } = svdSync(huge(1e37), { k: 1 });
    assert.ok(Math.abs(s[0]! / 3e38 - 1) <= 32 * u, `${s[0]}`);
  });

  it("gives NaN everywhere for NaN input when checkFinite is off", () => {
    const { u: U, s, vt, converged } = svdSync([[1, 2], [NaN, 4], [5, 6]], { k: 1, checkFinite: false });
    assert.ok([...U.data, ...s, ...vt.data].every(Number.isNaN));
    assert.equal(converged, false);
  });

  it("proves its result with figures that agree with measurements from outside", async () => {
    await every(torture().filter((_, at) => at % sized(4, 12) === 1), name, async (recipe, at) => {
      const a = recipe.make(), k = Math.min(4, ...a.shape), method = methods[at % 2]!;
      const { u: U, s, vt, converged, proof } = await svd(a, { k, method, maxPasses: 60, proof: true });
      // Of numbers that count as zero, any residual within their size holds.
      const agrees = /denormal|1e-37/.test(recipe.name) ? proof?.holds : proof?.holds === converged;
      assert.ok(agrees, `converged is ${converged}; ${JSON.stringify(proof)}`);
      const [A, left, right] = [wide(a), wide(U), wide(vt)];
      const residual = t.largest(contracts.tripletResiduals(A, left, s, right)) / u / (s[0]! || 1);
      const mine = {
        residual,
        orthogonalityU: t.orthogonality(left),
        orthogonalityV: t.orthogonality(t.transpose(right)),
      };
      for (const [figure, value] of Object.entries(mine)) {
        const told: number = proof?.figures[figure]?.value ?? NaN;
        assert.ok(Math.abs(told - value) <= 1e-3 * value + 1e-3, `${figure} is told as ${told}, measured as ${value}`);
      }
    });
  });

  it("approximates as well as any matrix of that rank", () => {
    const a = sample("", normal(120, 80, 5)), k = 10, { u: U, s, vt } = svdSync(a, { k, tol: 2e-6 });
    const low = t.matmul64(t.map(wide(U), (value, _, j) => value * s[j]!), wide(vt));
    const best = Math.sqrt(t.singularValues64(wide(a)).slice(k).reduce((sum, value) => sum + value * value, 0));
    const error = t.normF(t.minus(wide(a), low));
    assert.ok(error <= best * (1 + 1e-5), `${error}, the best possible is ${best}`);
  });
});
