// lu, solve for general matrices, inv, det and slogdet: contracts, elimination that grows, singular matrices, and
// elimination in float64 beside them.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  det,
  detSync,
  inv,
  invSync,
  lu,
  luSync,
  Matrix,
  SingularError,
  slogdet,
  slogdetSync,
  solve,
  solveSync,
} from "../src/index.ts";
import * as contracts from "./contracts.ts";
import { sized, thinned } from "./device.ts";
import * as factors from "./factors.ts";
import { every, numbers, placeInside, sameBits } from "./helpers.ts";
import { normal, randomSample, randsvd, type Recipe, type Sample, sample, square, tall } from "./matrices.ts";
import * as t from "./metrics.ts";
import { hold, wide } from "./metrics.ts";
import { refuseAll } from "./misuse.ts";
import { fails, overflow } from "./refusals.ts";
import { eliminate64, growing, growth, regulars } from "./spectra.ts";

const name = (recipe: Recipe): string => recipe.name;

async function checkLu(a: Sample, blocking: boolean): Promise<void> {
  using A = Matrix.from(a);
  const { l, u, p } = blocking ? luSync(A) : await lu(A);
  using L = l, U = u;
  const [m, n] = a.shape, size = Math.min(m, n);
  assert.ok(p instanceof Uint32Array);
  assert.deepEqual([[...L.shape], [...U.shape]], [[m, size], [size, n]]);
  hold(factors.lu(a, numbers(L), numbers(U), p), a.name);
  sameBits(numbers(A).data, a.data, "the input");
}

describe("lu", () => {
  it("keeps its contract on square matrices, singular ones among them", async () => {
    await every(thinned([...square(), ...regulars()], 2), name, (recipe, at) => checkLu(recipe.make(), at % 2 === 0));
  });

  it("keeps its contract on tall and wide ones", async () => {
    await every(thinned(tall(160, 70), 4), name, (recipe, at) => checkLu(recipe.make(), at % 2 === 0));
    const shapes = [[1, 9], [9, 1], [33, 64], [97, 96], [2, 300], [300, 2], [65, 200]] as const;
    await every(shapes, String, ([m, n], at) => checkLu(randomSample(m, n, at), at % 2 === 0));
  });

  it("keeps its contract at the borders of its blocks, and at 300", async () => {
    const all = [1, 2, 3, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 97, 127, 128, 129, 256, 257, 300];
    const sizes = all.filter((n) => n <= sized(300, 97));
    await every(sizes, String, (n, at) => checkLu(randomSample(n, n, n), at % 2 === 0));
  });

  it("keeps its contract where elimination grows, and says where it leaves float32", async () => {
    for (const n of sized([20, 64, 128], [20, 64])) {
      for (const noise of [0, 0.02]) await checkLu(growth(n, noise), n === 64);
    }
    const wanted = { ...overflow, text: /\bU\b/ };
    await fails("lu", () => luSync(growth(200)), () => lu(growth(200)), wanted);
  });

  it("gives what is known by hand, the first of equal pivots", () => {
    const { l, u, p } = luSync([[1, 2, 0], [-2, 4, 6], [2, 1, 5]]);
    assert.deepEqual([[...p], l.toArray()[1], u.toArray()[0]], [[1, 2, 0], [-1, 1, 0], [-2, 4, 6]]);
    assert.deepEqual(luSync([[0]]).u.toArray(), [[0]]);
  });

  it("gives empty factors for empty matrices", () => {
    for (const [m, n] of [[0, 0], [0, 5], [5, 0]] as const) {
      const { l, u, p } = luSync(Matrix.zeros(m, n));
      assert.deepEqual([[...l.shape], [...u.shape], [...p]], [[m, 0], [0, n], Array.from({ length: m }, (_, i) => i)]);
    }
  });

  it("factors views, transposed and inside larger matrices, without touching them", () => {
    for (const turned of [false, true]) {
      const a = randomSample(75, 66, 8), { view, whole } = placeInside(a, turned), before = numbers(whole).data;
      const { l, u, p } = luSync(view);
      hold(factors.lu(a, numbers(l), numbers(u), p), "view");
      sameBits(numbers(whole).data, before, "what surrounds the view");
    }
  });

  it("gives the same bits async and blocking", async () => {
    const a = randomSample(sized(200, 100), sized(200, 100), 9), one = luSync(a), two = await lu(a);
    sameBits(one.l.data, two.l.data, "L");
    sameBits(one.u.data, two.u.data, "U");
    assert.deepEqual(one.p, two.p);
  });

  it("proves its result", async () => {
    for (const recipe of square()) {
      const { proof } = await lu(recipe.make(), { proof: true });
      assert.ok(proof?.holds, `${recipe.name}: ${JSON.stringify(proof)}`);
    }
    assert.equal(luSync([[1]]).proof, undefined);
  });

  it("gives NaN for NaN input when checkFinite is off", () => {
    const { l, u } = luSync([[1, 2], [NaN, 4]], { checkFinite: false });
    assert.ok([...l.data, ...u.data].some(Number.isNaN));
  });
});

describe("solve of general matrices", () => {
  it("meets its backward error where elimination grows", async () => {
    await every(thinned(growing, 4), name, async (recipe) => {
      const a = recipe.make(), b = randomSample(a.shape[0], 7, 5), one = solveSync(a, b), two = await solve(a, b);
      assert.ok(one.converged && two.converged);
      hold(contracts.solve(wide(a), one.x, b), a.name);
      sameBits(one.x.data, two.x.data, "x");
      const turned = solveSync(Matrix.from(a).T, b);
      hold(contracts.solve(t.transpose(wide(a)), turned.x, b), `${a.name}, transposed`);
    });
  });

  it("meets its backward error for regular matrices and many right-hand sides", async () => {
    await every(thinned(regulars(), 2), name, async (recipe, at) => {
      const a = recipe.make(), b = randomSample(a.shape[0], 1 + 23 * (at % 4), at);
      const { x, converged, proof } = at % 2 === 0
        ? solveSync(a, b, { proof: true })
        : await solve(a, b, { proof: true });
      assert.ok(converged && proof?.holds, JSON.stringify(proof));
      hold(contracts.solve(wide(a), x, b), recipe.name);
    });
    const n = sized(300, 130), a = randomSample(n, n, 10), b = randomSample(n, n, 11);
    hold(contracts.solve(wide(a), solveSync(a, b).x, b), `random ${n}`);
  });
});

describe("det and slogdet", () => {
  it("give the sign and the logarithm to within the condition", async () => {
    await every(thinned(regulars(), 2), name, async (recipe, at) => {
      const a = recipe.make(), A = wide(a), truth = eliminate64(A);
      const { sign, logAbsDet } = at % 2 === 0 ? slogdetSync(a) : await slogdet(a);
      assert.equal(sign, truth.sign);
      const cond = t.normF(A) * t.normF(truth.inverse), bound = 8 * Math.sqrt(A.n) * cond;
      hold([factors.close("logarithm of the determinant", logAbsDet, truth.log, 1, bound)], a.name);
      const value = at % 2 === 0 ? await det(a) : detSync(a);
      if (Math.abs(truth.log) < 80) {
        const exact = truth.sign * Math.exp(truth.log);
        hold([factors.close("determinant", value, exact, Math.abs(exact), 2 * bound)], a.name);
      }
    });
  });

  it("are exact where nothing rounds", async () => {
    const cases: readonly (readonly [readonly (readonly number[])[], number])[] = [
      [[[1, 2], [4, 4]], -4],
      [[[0, 1], [1, 0]], -1],
      [[[0, 1, 0], [0, 0, 1], [1, 0, 0]], 1],
      [[[2, 9, 9], [0, -4, 9], [0, 0, 0.5]], -4],
      [[[-7]], -7],
      [[[0]], 0],
    ];
    await every(cases, String, async ([a, value]) => {
      assert.equal(detSync(a), value);
      assert.equal(await det(a), value);
      assert.equal(slogdetSync(a).sign, Math.sign(value));
      assert.ok(Math.abs(slogdetSync(a).logAbsDet - Math.log(Math.abs(value))) < 1e-12 || value === 0);
    });
  });

  it("survive elimination that grows", async () => {
    await every(thinned(growing, 4), name, async (recipe) => {
      const a = recipe.make(), A = wide(a), truth = eliminate64(A), { sign, logAbsDet } = slogdetSync(a);
      assert.equal(sign, truth.sign);
      const bound = 8 * Math.sqrt(A.n) * t.normF(A) * t.normF(truth.inverse), exact = Math.exp(truth.log);
      hold([
        factors.close("logarithm of the determinant", logAbsDet, truth.log, 1, bound),
        factors.close("determinant", await det(a), exact, exact, 2 * bound),
      ], a.name);
    });
  });

  it("are 1 for 0x0, and 0 and -Infinity for the singular", () => {
    assert.equal(detSync(Matrix.zeros(0, 0)), 1);
    assert.deepEqual(slogdetSync(Matrix.zeros(0, 0)), { sign: 1, logAbsDet: 0 });
    for (const a of [Matrix.zeros(3, 3), Matrix.from([[1, 2, 1], [2, 4, 2], [0, 1, 0]])]) {
      assert.ok(detSync(a) === 0);
      const { sign, logAbsDet } = slogdetSync(a);
      assert.ok(sign === 0 && logAbsDet === -Infinity, `${sign} ${logAbsDet}`);
    }
  });

  it("go beyond the range of float32: doubles hold the determinant, logarithms hold any", async () => {
    const large = detSync(Matrix.diag([1e20, 1e20, -1e5])), small = detSync(Matrix.diag([1e-30, 1e-30]));
    assert.ok(Math.abs(large / -1e45 - 1) < 1e-6, String(large));
    assert.ok(Math.abs(small / 1e-60 - 1) < 1e-6, String(small));
    const huge = Matrix.diag(new Array<number>(40).fill(-1e30)), { sign, logAbsDet } = slogdetSync(huge);
    assert.ok(sign === 1 && Math.abs(logAbsDet - 1200 * Math.LN10) < 1e-4, String(logAbsDet));
    assert.deepEqual([detSync(huge), await det(huge.sub(0, 39, 0, 39))], [Infinity, -Infinity]);
  });
});

describe("inv", () => {
  it("keeps its residual", async () => {
    await every(thinned(regulars(), 2), name, async (recipe, at) => {
      const a = recipe.make();
      using A = Matrix.from(a), X = at % 2 === 0 ? invSync(A) : await inv(A);
      assert.deepEqual([...X.shape], [...a.shape]);
      hold(factors.inverse(a, numbers(X)), a.name);
      sameBits(numbers(A).data, a.data, "the input");
    });
    const n = sized(300, 130), a = randomSample(n, n, 12);
    hold(factors.inverse(a, invSync(a)), `random ${n}`);
  });

  it("keeps its residual where elimination grows", async () => {
    await every(
      thinned(growing, 4),
      name,
      (recipe) => hold(factors.inverse(recipe.make(), invSync(recipe.make())), recipe.name),
    );
  });

  it("gives what is known by hand, and takes views", async () => {
    assert.deepEqual([...invSync([[0, 2], [-4, 0]]).data].map((v) => v + 0), [0, -0.25, 0.5, 0]);
    assert.deepEqual([...invSync(Matrix.zeros(0, 0)).shape], [0, 0]);
    assert.deepEqual(invSync([[2 ** -126]]).toArray(), [[2 ** 126]]);
    const a = sample("", randsvd(60, 60, 100, 3)), { view, whole } = placeInside(a, true), before = numbers(whole).data;
    const x = await inv(view);
    hold(factors.inverse(a, x), "view");
    sameBits(numbers(whole).data, before, "what surrounds the view");
    sameBits(x.data, invSync(view).data, "async and blocking");
  });

  it("throws SingularError with the order of the pivot, and OverflowError beyond float32", async () => {
    const singular = (order: number) => ({
      type: SingularError,
      code: "TSR_SINGULAR",
      text: new RegExp(`\\b${order}\\b`),
      fields: { order },
    });
    const two = [[1, 0, 2], [3, 0, 4], [5, 0, 1]], three = [[1, 2, 1], [2, 4, 2], [0, 1, 0]];
    for (const [a, order] of [[two, 2], [three, 3], [Matrix.zeros(2, 2), 1]] as const) {
      await fails("inv", () => invSync(a), () => inv(a), singular(order));
      const b = new Float32Array(order === 1 ? 2 : 3);
      await fails("solve", () => solveSync(a, b), () => solve(a, b), singular(order));
    }
    for (const far of [[[1e-30, 1e20], [0, 1e-30]], [[1e-37, 1e-37], [1e-37, 1.001e-37]]]) {
      await fails("inv", () => invSync(far), () => inv(far), { ...overflow, text: /3\.4e38|float32/ });
    }
  });

  it("gives NaN for NaN input when checkFinite is off", () => {
    assert.ok(invSync([[1, 2], [NaN, 4]], { checkFinite: false }).data.every(Number.isNaN));
    assert.ok(Number.isNaN(detSync([[1, 2], [NaN, 4]], { checkFinite: false })));
    assert.ok(Number.isNaN(
      slogdetSync(sample("", t.map(normal(40, 40, 1), (v, i) => (i === 7 ? NaN : v))), {
        checkFinite: false,
      }).logAbsDet,
    ));
  });

  it("and its relatives refuse what they must", async () => {
    await refuseAll([
      { op: "lu", blocking: luSync, promised: lu },
      { op: "inv", blocking: invSync, promised: inv, square: true },
      { op: "det", blocking: detSync, promised: det, square: true },
      { op: "slogdet", blocking: slogdetSync, promised: slogdet, square: true },
    ]);
  });
});
