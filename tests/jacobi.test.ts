// svd and eigh by block Jacobi: the contracts on matrices of every kind, agreement with the direct methods, and what
// happens when it does not converge, is stopped, or runs beside other work.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eigh, eighSync, Matrix, open, svd, svdSync } from "../src/index.ts";
import { jacobiSvd, jacobiVectors } from "../src/jacobi.ts";
import { runSync } from "../src/run.ts";
import { sized, thinned } from "./device.ts";
import * as factors from "./factors.ts";
import { every, numbers, placeInside, sameBits } from "./helpers.ts";
import { fill, odd, randomSample, type Recipe, type Sample, sample, withSpectrum } from "./matrices.ts";
import { hold, normF, singularValues64, wide } from "./metrics.ts";
import { argument, fails } from "./refusals.ts";
import { directs, eigenvalues64, goe, reflected, symmetrics } from "./spectra.ts";

const method = "jacobi";
const name = (recipe: Recipe): string => recipe.name;

/** svd held to its contract, its values within the contract of the direct method's; the input must not change. */
async function checkSvd(
  a: Sample,
  blocking: boolean,
  mode: "reduced" | "complete" = "reduced",
): Promise<void> {
  using A = Matrix.from(a);
  const [m, n] = a.shape, p = Math.min(m, n);
  const { u, s, vt, converged } = blocking ? svdSync(A, { method, mode }) : await svd(A, { method, mode });
  const [wideU, highV] = mode === "complete" ? [m, n] : [p, p];
  assert.deepEqual([[...u.shape], [...vt.shape], converged], [[m, wideU], [
    highV,
    n,
  ], true]);
  hold(
    factors.svd(
      a,
      { u: numbers(u), s, vt: numbers(vt) },
      singularValues64(wide(a)),
    ),
    a.name,
  );
  hold(
    factors.singularValues(a, s, svdSync(A, { method: "bidiagonal" }).s),
    `${a.name}, against the direct method`,
  );
  sameBits(numbers(A).data, a.data, "the input");
}

async function checkEigh(a: Sample, blocking: boolean): Promise<void> {
  using A = Matrix.from(a);
  const { values, vectors, converged } = blocking ? eighSync(A, { method }) : await eigh(A, { method });
  assert.deepEqual([[...vectors.shape], converged], [[...a.shape], true]);
  hold(
    factors.eigh(a, values, numbers(vectors), eigenvalues64(wide(a))),
    a.name,
  );
  const direct = eighSync(A, { method: "tridiagonal" }).values;
  hold(
    factors.eigenvalues(a, values, direct),
    `${a.name}, against the direct method`,
  );
  sameBits(numbers(A).data, a.data, "the input");
}

/** Widths at which the number of blocks, or of columns of zeros behind the last one, changes. */
const borders = [
  1,
  2,
  3,
  5,
  16,
  31,
  32,
  33,
  63,
  64,
  65,
  66,
  96,
  97,
  127,
  128,
  129,
  130,
];

describe("svd by block Jacobi", () => {
  it("keeps its contract on square matrices of every kind, and agrees with the direct method", async () => {
    await every(
      thinned(directs(sized(80, 34)), 14),
      name,
      (recipe, at) => checkSvd(recipe.make(), at % 2 === 0),
    );
  });

  it("keeps its contract on wide, thin and tiny ones", async () => {
    await every(
      thinned(odd(), 6),
      name,
      (recipe, at) => checkSvd(recipe.make(), at % 2 === 0),
    );
  });

  it("keeps its contract on every kind at another size, complete", async () => {
    await every(
      thinned(directs(33), 30),
      name,
      (recipe, at) => checkSvd(recipe.make(), at % 2 === 1, "complete"),
    );
  });

  it("keeps its contract at the borders of its blocks", async () => {
    const shapes = borders.flatMap((n) => [[n, n], [2 * n + 1, n], [n, n + 3]] as const);
    await every(
      thinned(shapes.filter(([, n]) => n <= sized(Infinity, 66)), 11),
      String,
      ([m, n], at) => checkSvd(randomSample(m, n, at), at % 2 === 0),
    );
  });

  it("keeps its contract at a size of many blocks", async () => {
    const names = /random|two clusters|all one third|rank 5|Kahan|rows graded|columns graded/;
    const list = thinned(directs(sized(260, 66)).filter((recipe) => names.test(recipe.name)), 14);
    await every(
      list,
      name,
      (recipe, at) => checkSvd(recipe.make(), at % 2 === 0),
    );
    await checkSvd(sample("all 0.1, tall", fill(sized(900, 200), sized(90, 40), () => 0.1)), true);
  });

  it("says so when it does not converge, and still gives orthonormal factors", () => {
    const a = randomSample(130, 130, 1);
    const result = runSync("svd", [a], {}, function* (call) {
      using N = call.matrix(a).copy();
      return yield* jacobiSvd(N, 1);
    });
    assert.equal(result.converged, false);
    const vt = { shape: [130, 130], data: numbers(result.V.T).data } as const;
    const figures = factors.svd(
      a,
      { u: numbers(result.U), s: result.s, vt },
      singularValues64(wide(a)),
    );
    hold(
      figures.filter(({ contract }) => contract.startsWith("orthogonality")),
      "after one sweep",
    );
    const residual = figures.find(({ contract }) => contract === "residual of svd")!;
    assert.ok(
      residual.value > residual.bound,
      `one sweep is enough: ${residual.value}`,
    );
  });
});

describe("eigh by block Jacobi", () => {
  it("keeps its contract on every kind of symmetric matrix, and agrees with the direct method", async () => {
    const list = thinned([...symmetrics(sized(96, 34)), ...symmetrics(33)], 14);
    await every(
      list,
      name,
      (recipe, at) => checkEigh(recipe.make(), at % 2 === 0),
    );
  });

  it("keeps its contract at the borders of its blocks", async () => {
    await every(
      thinned(borders.filter((n) => n <= sized(Infinity, 66)), 3),
      String,
      (n, at) => checkEigh(sample(`random ${n}`, goe(n, n)), at % 2 === 0),
    );
  });

  it("keeps its contract at a size of many blocks", async () => {
    const names = /^(random|glued Wilkinson, 1e-7|1 and -1|all one third|geometric|graded 1e-30)/;
    const list = thinned(symmetrics(sized(200, 66)).filter((recipe) => names.test(recipe.name)), 9);
    await every(
      list,
      name,
      (recipe, at) => checkEigh(recipe.make(), at % 2 === 0),
    );
  });

  it("says so when it does not converge", () => {
    const a = sample("random", goe(130, 1));
    const { V, converged } = runSync(
      "eigh",
      [a],
      {},
      (call) => jacobiVectors(call.matrix(a), 2),
    );
    assert.equal(converged, false);
    const orthogonality = factors.eigh(
      a,
      new Float32Array(130),
      numbers(V),
      new Float64Array(130),
    )
      .filter(({ contract }) => contract.startsWith("orthogonality"));
    hold(orthogonality, "after two sweeps");
  });
});

describe("both by block Jacobi", () => {
  it("give empty results for empty matrices", () => {
    const { vectors, converged } = eighSync(Matrix.zeros(0, 0), { method });
    assert.deepEqual([[...vectors.shape], converged], [[0, 0], true]);
    const { u, s, vt } = svdSync(Matrix.zeros(5, 0), { method });
    assert.deepEqual([[...u.shape], s.length, [...vt.shape]], [[5, 0], 0, [
      0,
      0,
    ]]);
  });

  it("give the same bits async and blocking, on any number of threads, and for views", async () => {
    const n = sized(100, 34), a = randomSample(sized(150, 40), n, 9), b = sample("", goe(n, 7));
    using device = open({ threads: 1 });
    const inside = (c: Sample): Matrix => placeInside(c, true).view;
    const left = [
      svdSync(a, { method }),
      await svd(a, { method }),
      svdSync(Matrix.from(a.data, a.shape, { device }), { method }),
      svdSync(inside(a), { method }),
    ];
    for (const other of left.slice(1)) {
      sameBits(left[0]!.u.data, numbers(other.u).data, "U");
      sameBits(left[0]!.s, other.s, "s");
      sameBits(left[0]!.vt.data, numbers(other.vt).data, "Vt");
    }
    const right = [
      eighSync(b, { method }),
      await eigh(b, { method }),
      eighSync(Matrix.from(b.data, b.shape, { device }), { method }),
      eighSync(inside(b), { method }),
    ];
    for (const other of right.slice(1)) {
      sameBits(right[0]!.values, other.values, "values");
      sameBits(right[0]!.vectors.data, numbers(other.vectors).data, "vectors");
    }
  });

  it("give NaN for NaN input when checkFinite is off, and prove what they give", () => {
    const bad = [[NaN, 1], [1, 2]],
      off = { method, checkFinite: false } as const;
    const lost = svdSync(bad, off), gone = eighSync(bad, off);
    assert.ok(
      [...lost.u.data, ...lost.s, ...gone.values, ...gone.vectors.data].every(
        Number.isNaN,
      ),
    );
    assert.deepEqual([lost.converged, gone.converged], [false, false]);
    const a = sample("", goe(70, 3));
    assert.equal(svdSync(a, { method, proof: true }).proof?.holds, true);
    assert.equal(eighSync(a, { method, proof: true }).proof?.holds, true);
  });

  it("leave the event loop free, tell how far they are, and stop when they are told to", async () => {
    using device = open({ threads: 1 });
    const a = reflected(sized(500, 130)).a, A = Matrix.from(a.data, a.shape, { device });
    for (const run of [svd, eigh] as const) {
      const start = performance.now();
      let [ticks, gap, last, told] = [0, 0, start, 0];
      const timer = setInterval(() => {
        const now = performance.now();
        [ticks, gap, last] = [ticks + 1, Math.max(gap, now - last), now];
      }, 10);
      const onProgress = (
        event: { phase: string; done: number; total: number },
      ): void => {
        if (event.phase !== "jacobi") return;
        assert.ok(
          event.done > told && event.done <= event.total,
          `${event.done} of ${event.total} after ${told}`,
        );
        told = event.done;
      };
      await run(A, { method, onProgress }).finally(() => clearInterval(timer));
      const time = performance.now() - start;
      assert.ok(told > 15, `told ${told} times`);
      assert.ok(
        ticks >= 5 && Math.max(gap, start + time - last) < time / 2,
        `${ticks} ticks, gap ${gap} of ${time} ms`,
      );
      const controller = new AbortController(), reason = new Error("enough");
      const promise = run(A, {
        method,
        signal: controller.signal,
        onProgress: () => controller.abort(reason),
      });
      await assert.rejects(promise, reason);
    }
  });

  it("are the only names that a wrong method is told beside the others", async () => {
    const a = [[1, 2], [2, 3]], wrong = { method: "jakobi" } as object;
    const valid = {
      svd: /jakobi.*auto, bidiagonal, jacobi/,
      eigh: /jakobi.*auto, tridiagonal, jacobi/,
    };
    await fails("svd", () => svdSync(a, wrong), () => svd(a, wrong), {
      ...argument,
      text: valid.svd,
    });
    await fails("eigh", () => eighSync(a, wrong), () => eigh(a, wrong), {
      ...argument,
      text: valid.eigh,
    });
  });

  it("find values that the matrix was made with", () => {
    const values = (i: number): number => 1e4 ** (-i / 99),
      a = sample("known", withSpectrum(160, 100, values, 4));
    const { s } = svdSync(a, { method });
    const slack = 16 * 2 ** -24 + 2 ** -24 * normF(wide(a)) / Math.sqrt(100);
    s.forEach((value, i) =>
      assert.ok(
        Math.abs(value - values(i)) <= slack,
        `value ${i} is ${value}, not ${values(i)}`,
      )
    );
  });
});
