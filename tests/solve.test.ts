// solve and solveTriangular: backward errors, condition estimates, what is singular, and references.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  explainSync,
  Matrix,
  SingularError,
  solve,
  type SolveOptions,
  solveSync,
  solveTriangular,
  solveTriangularSync,
} from "../src/index.ts";
import * as contracts from "./contracts.ts";
import { every, numbers, placeInside, reference, sameBits, table } from "./helpers.ts";
import { fill, normal, positive, randomSample, randsvd, type Recipe, type Sample, sample, square } from "./matrices.ts";
import * as t from "./metrics.ts";
import { type Dense, hold, u, wide } from "./metrics.ts";

const name = (item: { readonly name: string }): string => item.name;

/** Solves with several right-hand sides, then with the first alone. */
async function check(a: Sample, b: Sample, options: SolveOptions, meant: Dense, blocking = true): Promise<number> {
  using A = Matrix.from(a), B = Matrix.from(b);
  const { x, rcond, converged } = blocking ? solveSync(A, B, options) : await solve(A, B, options);
  hold(contracts.solve(meant, x, b), a.name);
  assert.equal(converged, true);
  const first = Float32Array.from({ length: b.shape[0] }, (_, i) => b.data[i * b.shape[1]]!);
  const vector = solveSync(A, first, options).x;
  assert.ok(vector instanceof Float32Array);
  hold(
    contracts.solve(meant, { shape: [vector.length, 1], data: vector }, { shape: [vector.length, 1], data: first }),
    a.name,
  );
  sameBits(numbers(A).data, a.data, "the matrix");
  sameBits(numbers(B).data, b.data, "the right-hand side");
  return rcond;
}

/** Wilkinson's matrix, on which elimination with partial pivoting grows by 2^(n-1). */
function growth(n: number): Sample {
  return sample("growth", fill(n, n, (i, j) => (i === j || j === n - 1 ? 1 : i > j ? -1 : 0)));
}

/** A triangle with NaN where it is not to be read, and what it means. */
function triangle(n: number, lower: boolean, seed: number): { stored: Sample; meant: Dense } {
  const a = normal(n, n, seed), inside = (i: number, j: number): boolean => (lower ? j <= i : j >= i);
  const values = t.map(a, (v, i, j) => Math.fround(i === j ? 1 + Math.abs(v) : v / Math.sqrt(n)));
  return {
    stored: sample("triangle", t.map(values, (v, i, j) => (inside(i, j) ? v : NaN))),
    meant: t.map(values, (v, i, j) => (inside(i, j) ? v : 0)),
  };
}

describe("solve", () => {
  it("meets its backward error for positive definite matrices", async () => {
    await every([...positive(), ...positive(129).slice(0, 3)], name, async (recipe, at) => {
      const a = recipe.make();
      await check(a, randomSample(a.shape[0], 5, 71), { assume: "positive" }, wide(a), at % 2 === 0);
    });
  });

  it("meets its backward error for general matrices", async () => {
    const regular = square().filter((r) => !/zero|half rank|all |ones/.test(r.name));
    const list: Recipe[] = [...regular, { name: "growth", make: () => growth(80) }, {
      name: "condition 1e5",
      make: () => sample("condition 1e5", randsvd(100, 100, 1e5, 3)),
    }];
    await every(list, name, async (recipe, at) => {
      const a = recipe.make();
      await check(a, randomSample(a.shape[0], 3, 72), {}, wide(a), at % 2 === 0);
    });
  });

  it("keeps to LU where that is accurate, and goes on to certified QR where it is not", () => {
    const operations = (a: Sample): string[] =>
      explainSync(() => solveSync(a, randomSample(a.shape[0], 2, 8))).operations.map(({ op }) => op);
    const plain = operations(randomSample(60, 60, 9)), grown = operations(growth(80));
    assert.ok(plain.includes("getrf") && plain.includes("laswp") && !plain.includes("orth"), plain.join(" "));
    assert.ok(grown.includes("getrf") && grown.includes("orth"), grown.join(" "));
  });

  it("meets its backward error for triangles, and reads nothing else", async () => {
    await every([1, 2, 17, 64, 65, 130], String, async (n, at) => {
      for (const assume of ["lower", "upper"] as const) {
        const { stored, meant } = triangle(n, assume === "lower", n);
        await check(stored, randomSample(n, 3, n), { assume }, meant, at % 2 === 0);
      }
    });
  });

  it("reads the lower triangle alone of a matrix that is said to be positive definite", () => {
    const a = sample("", t.gram(normal(50, 30, 3))), b = randomSample(30, 2, 4);
    const half = sample("", t.map(wide(a), (v, i, j) => (j > i ? NaN : v)));
    sameBits(solveSync(half, b, { assume: "positive" }).x.data, solveSync(a, b, { assume: "positive" }).x.data, "x");
  });

  it("estimates the reciprocal condition number", () => {
    const { a, cond } = reference().solve;
    for (const assume of ["positive", "general"] as const) {
      const { rcond } = solveSync(a, [1, 2, 3, 4, 5, 6], { assume });
      // The 1-norm condition is within a factor n of the 2-norm one; the estimate may be a third of the truth.
      assert.ok(
        rcond >= 1 / (6 * cond) && rcond <= Math.min(1.001, 18 / cond),
        `rcond is ${rcond}, the condition ${cond}`,
      );
    }
    const small = solveSync([[1, 0], [0, 1e-5]], [1, 1]).rcond;
    assert.ok(small >= 0.99e-5 && small <= 3.1e-5, `rcond of diag(1, 1e-5) is ${small}`);
    assert.ok(solveSync(sample("", randsvd(60, 60, 1e7, 2)), randomSample(60, 1, 1)).rcond < 1e-5);
  });

  it("gives SciPy's solution", async () => {
    const { a, b, x, cond } = reference().solve;
    for (const assume of ["positive", "general"] as const) {
      const off = t.relative(wide(table(x)), wide((await solve(a, b, { assume })).x));
      assert.ok(off <= 2 * cond * 8 * Math.sqrt(6), `${assume}: off by ${off} u`);
    }
  });

  it("throws SingularError with the order of the pivot", () => {
    const order = (f: () => unknown): number => {
      try {
        f();
      } catch (error) {
        assert.ok(error instanceof SingularError, String(error));
        assert.match(error.message, /solve.*3x3/);
        return error.order;
      }
      assert.fail("a solution was returned");
    };
    assert.equal(order(() => solveSync([[1, 0, 2], [3, 0, 4], [5, 0, 1]], [1, 1, 1])), 2);
    assert.equal(order(() => solveSync(Matrix.zeros(3, 3), [1, 1, 1])), 1);
    assert.equal(order(() => solveSync([[1, 9, 9], [3, 2, 9], [5, 6, 0]], [1, 1, 1], { assume: "lower" })), 3);
    assert.equal(order(() => solveTriangularSync([[0, 1, 1], [0, 2, 1], [0, 0, 3]], Matrix.eye(3))), 1);
  });

  it("solves for nothing and with nothing", () => {
    assert.deepEqual([...solveSync(Matrix.zeros(0, 0), Matrix.zeros(0, 3)).x.shape], [0, 3]);
    assert.deepEqual([...solveSync(Matrix.eye(3), Matrix.zeros(3, 0), { assume: "positive" }).x.shape], [3, 0]);
    assert.deepEqual([...solveSync([[4]], [8]).x], [2]);
    assert.deepEqual([...solveSync(Matrix.eye(2), [0, 0]).x], [0, 0]);
  });

  it("proves its result", () => {
    const a = sample("", randsvd(70, 70, 1e3, 3)), b = randomSample(70, 4, 5);
    const { proof, converged } = solveSync(a, b, { proof: true });
    assert.ok(proof?.holds && converged, JSON.stringify(proof));
    assert.equal(solveSync(a, b).proof, undefined);
  });
});

describe("solveTriangular", () => {
  it("meets its residual for every triangle, transpose and diagonal", async () => {
    const sizes = [1, 2, 7, 16, 33, 64, 65, 128, 129, 200];
    const cases = sizes.flatMap((n) => [..."01234567"].map((digit) => ({ n, bits: Number(digit) })));
    await every(cases, ({ n, bits }) => `${n}, variant ${bits}`, async ({ n, bits }, at) => {
      const [lower, trans, unitDiagonal] = [(bits & 1) > 0, (bits & 2) > 0, (bits & 4) > 0];
      const { stored, meant } = triangle(n, lower, n), b = randomSample(n, 1 + (at % 6), n + 1);
      if (unitDiagonal) { for (let i = 0; i < n; i++) stored.data[i * n + i] = NaN; }
      const T = placeInside(stored, at % 2 === 0).view, options = { lower, trans, unitDiagonal };
      const x = at % 3 === 0 ? await solveTriangular(T, b, options) : solveTriangularSync(T, b, options);
      const unit = t.map(meant, (v, i, j) => (unitDiagonal && i === j ? 1 : v));
      hold(contracts.triangular(trans ? t.transpose(unit) : unit, x, b), "x");
      sameBits(numbers(T).data, stored.data, "the triangle");
    });
  });

  it("names the first NaN or Inf that counts, whatever becomes of it", () => {
    for (const n of [3, 70]) {
      for (
        const [lower, trans, columns] of [[true, false, 2], [true, true, 1], [false, false, 0], [
          false,
          true,
          5,
        ]] as const
      ) {
        const { stored } = triangle(n, lower, 4), zeros = Matrix.zeros(n, columns);
        const [low, high] = [n - 2, n - 1], [row, column] = lower ? [high, low] : [low, high];
        for (const value of [NaN, Infinity, -Infinity]) {
          for (const [i, j] of [[low, low], [high, high], [row, column]] as const) {
            const t = { shape: stored.shape, data: stored.data.slice() };
            t.data[i * n + j] = value;
            const where = { name: "NonFiniteError", row: i, column: j };
            assert.throws(
              () => solveTriangularSync(t, zeros, { lower, trans }),
              where,
              `${value} at ${i}, ${j} of ${n}`,
            );
            if (i === j) solveTriangularSync(t, zeros, { lower, trans, unitDiagonal: true });
          }
        }
        assert.throws(() => solveTriangularSync(stored, Matrix.from([Infinity], [1, 1]), { lower }), /rows/);
      }
    }
    assert.throws(() => solveTriangularSync([[2]], [[-Infinity]]), { name: "NonFiniteError", row: 0, column: 0 });
    assert.throws(() => solveTriangularSync([[1e-30]], [[1e30]]), { name: "OverflowError" });
    const ones = solveTriangularSync([[Infinity]], [[1]], { checkFinite: false });
    assert.equal(ones.at(0, 0), 0);
  });

  it("gives SciPy's solutions", () => {
    const { t: rows, b, answers } = reference().triangular;
    const turned = rows.map((_, j) => rows.map((row) => row[j]!));
    for (const [which, { x, cond }] of Object.entries(answers)) {
      const options = {
        lower: which.startsWith("lower"),
        trans: which.includes("transposed"),
        unitDiagonal: which.includes("unit"),
      };
      const found = solveTriangularSync(options.lower ? rows : turned, b, options);
      const off = t.relative(wide(table(x)), wide(found));
      assert.ok(off <= cond * 8 * Math.sqrt(6), `${which}: off by ${off} u`);
    }
  });

  it("is exact for powers of two and keeps far scales apart", () => {
    const x = solveTriangularSync([[2 ** -60, 0], [1, 2 ** 60]], [[1], [2 ** 60]], { lower: true });
    assert.deepEqual(x.toArray(), [[2 ** 60], [0]]);
    assert.ok(Math.abs(solveTriangularSync([[1e-30]], [[1e-8]]).at(0, 0) / 1e22 - 1) <= 4 * u);
  });
});
