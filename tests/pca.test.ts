// pca: variances, components and scores against the centred matrix in float64; streams against batches; maps and edges.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { load, type Native } from "../ffi/load.ts";
import * as abi from "../ffi/symbols.ts";
import { Device } from "../src/device.ts";
import { ArgumentError, Matrix, NonFiniteError, Pca, pca, type PcaOptions, pcaSync, ShapeError } from "../src/index.ts";
import { sized, testDevice } from "./device.ts";
import { child, every, numbers } from "./helpers.ts";
import { normal, type Sample, sample } from "./matrices.ts";
import * as t from "./metrics.ts";
import { type Dense, u, wide } from "./metrics.ts";

/** Rows with known spread: normal numbers with standard deviations from 1 down to 1/n, mixed, about a mean. */
function cloud(m: number, n: number, mean: number, seed = 5): Sample {
  const spread = t.map(normal(m, n, seed), (v, _, j) => v * (1 - j / (2 * n)));
  const mixed = t.matmul64(spread, t.map(normal(n, n, seed + 1), (v) => v / Math.sqrt(n)));
  return sample(`${m}x${n}, mean ${mean}`, t.map(mixed, (v, _, j) => v + mean * (1 + j / n)));
}

interface Expected {
  readonly y: Dense;
  readonly mean: Float64Array;
  readonly variances: Float64Array;
  readonly total: number;
}

/** Centred (and scaled) rows in float64 and their variances. */
function expected(a: Sample, o: PcaOptions = {}): Expected {
  const x = wide(a), freedom = Math.max(1, x.m - 1);
  const mean = t.matmul64(t.dense(1, x.m, new Float64Array(x.m).fill(o.center === false ? 0 : 1 / x.m)), x).x;
  const centred = t.map(x, (v, _, j) => v - mean[j]!);
  const stds = t.columnNorms(centred).map((length) => (o.scale ? length / Math.sqrt(freedom) || 1 : 1));
  const y = t.map(centred, (v, _, j) => v / stds[j]!);
  const variances = t.singularValues64(y).map((s) => s * s / freedom);
  return { y, mean, variances, total: variances.reduce((s, v) => s + v, 0) };
}

/** Fails unless variances, ratios, components and mean are right for these rows. */
function check(fit: Pca, a: Sample, o: PcaOptions = {}): Expected {
  const truth = expected(a, o), [first] = truth.variances, k = fit.explainedVariance.length;
  const [m, n] = a.shape, freedom = Math.max(1, m - 1), V = t.transpose(wide(numbers(fit.components)));
  assert.deepEqual([V.m, V.n, fit.mean.length], [n, k, n]);
  for (let i = 0; i < k; i++) {
    const off = Math.abs(fit.explainedVariance[i]! - truth.variances[i]!);
    assert.ok(off <= 64 * u * first!, `variance ${i} is off by ${off / u / first!} u`);
    const ratio = Math.abs(fit.explainedVarianceRatio[i]! - truth.variances[i]! / (truth.total || 1));
    assert.ok(ratio <= 80 * u, `ratio ${i} is off by ${ratio / u} u`);
    const squared = fit.singularValues[i]! ** 2 / freedom;
    assert.ok(Math.abs(squared - fit.explainedVariance[i]!) <= 4 * u * first!, `singular value ${i}`);
  }
  assert.ok(t.orthogonality(V) <= 12 * Math.sqrt(Math.max(1, k)), `components: ${t.orthogonality(V)} u`);
  const sizes = t.columnNorms(wide(a)).map((length) => length / Math.sqrt(m));
  fit.mean.forEach((v, j) => assert.ok(Math.abs(v - truth.mean[j]!) <= u * sizes[j]!, `mean ${j}`));
  // C v = λ v to rounding.
  const Cv = t.matmul64(t.transpose(truth.y), t.matmul64(truth.y, V));
  const residual = t.map(Cv, (v, i, j) => v / freedom - fit.explainedVariance[j]! * V.x[i * k + j]!);
  assert.ok(t.largest(t.columnNorms(residual)) <= 96 * u * first!, `C v - λ v: ${t.largest(residual.x.map(Math.abs))}`);
  return truth;
}

/** The first entry of nearly the largest size in each column is positive. */
function signsAreFixed(scores: Dense): void {
  for (let j = 0; j < scores.n; j++) {
    const column = t.columns(scores, j, j + 1).x, most = t.largest(column.map(Math.abs));
    assert.ok(most === 0 || column.find((v) => Math.abs(v) >= (1 - 2 ** -10) * most)! > 0, `column ${j}`);
  }
}

describe("pca", () => {
  const clouds = [
    cloud(300, 20, 0),
    cloud(300, 20, 1e4),
    cloud(20, 60, 3),
    cloud(sized(1000, 200), sized(300, 80), 10),
    cloud(2, 5, 1),
  ];
  const variants: readonly PcaOptions[] = [{}, { method: "svd" }, { scale: true }, { method: "svd", scale: true }, {
    center: false,
  }];

  it("gives variances and components to rounding, also far from 0", async () => {
    const cases = clouds.flatMap((a) => variants.map((o) => ({ a, o })));
    await every(cases, ({ a, o }) => `${a.name} ${JSON.stringify(o)}`, async ({ a, o }, at) => {
      if (o.center === false && a.name.includes("10000")) return;
      const fit = at % 2 === 0 ? pcaSync(a, o) : await pca(a, o);
      const { y } = check(fit, a, o);
      const scores = wide(numbers(fit.scores));
      signsAreFixed(scores);
      const truth = t.matmul64(y, t.transpose(wide(numbers(fit.components))));
      assert.ok(t.normF(t.minus(scores, truth)) <= 64 * u * t.normF(y), "scores");
    });
  });

  it("finds the leading components of wide data by iteration", () => {
    const a = sample("wide", t.matmul64(t.map(normal(200, 8, 3), (v, _, j) => v * 2 ** -j), normal(8, 700, 4)));
    const fit = pcaSync(a, { k: 3 });
    check(fit, a);
    assert.equal(fit.explainedVariance.length, 3);
  });

  it("finds them about a mean of any size, and of tall data", async () => {
    const [m, n] = [sized(260, 200), sized(240, 180)];
    const list = [0, 0.01, 0.05, 0.2, 1, 1e4].map((mean) => cloud(m, n, mean));
    await every([...list, cloud(n, m, 0.03)], ({ name }) => name, (a, at) => {
      const fit = pcaSync(a, { k: 4, method: "svd" });
      const { y } = check(fit, a), scores = wide(numbers(fit.scores));
      const truth = t.matmul64(y, t.transpose(wide(numbers(fit.components))));
      assert.ok(t.normF(t.minus(scores, truth)) <= 64 * u * t.normF(y), `scores, ${at}`);
    });
  });

  it("keeps as many components as k or the variance asks for", () => {
    const a = cloud(200, 10, 2), { variances, total } = expected(a);
    for (const variance of [0.1, 0.5, 0.9, 1]) {
      const fit = pcaSync(a, { variance });
      const k = fit.explainedVariance.length;
      const explained = (count: number): number => variances.subarray(0, count).reduce((s, v) => s + v, 0) / total;
      assert.ok(explained(k) >= variance - 1e-6 && explained(k - 1) < variance + 1e-6, `${k} for ${variance}`);
      check(fit, a);
    }
    assert.deepEqual([...pcaSync(a, { k: 0 }).components.shape], [0, 10]);
  });

  it("gives variance 0 for one row and for equal rows", () => {
    for (const rows of [[[3, 1e4, -7]], [[0.1, 5], [0.1, 5], [0.1, 5]]]) {
      for (const method of ["covariance", "svd"] as const) {
        const fit = pcaSync(rows, { method });
        assert.ok(fit.explainedVariance.every((v) => v === 0), `${fit.explainedVariance}`);
        assert.deepEqual(fit.mean, Float32Array.from(rows[0]!));
        assert.ok(numbers(fit.scores).data.every((v) => v === 0));
      }
    }
    const streamed = Pca.streamed();
    streamed.pushSync([[3, 1e4, -7]]);
    assert.deepEqual([...streamed.finishSync().explainedVariance], [0]);
  });

  it("whitens rows whose variances are too small for float32", async () => {
    const a = cloud(50, 3, 0), plain = wide(numbers(pcaSync(a, { whiten: true }).scores));
    for (const power of [-60, -73, -90, -115]) {
      const small = sample("small", t.map(wide(a), (v) => v * 2 ** power));
      for (const method of ["covariance", "svd"] as const) {
        const fit = await pca(small, { whiten: true, method }), scores = wide(numbers(fit.scores));
        const off = t.largest(t.abs(t.minus(scores, plain)).x);
        assert.ok(off <= 64 * u * 4, `2^${power} by ${method}: scores off by ${off}`);
        assert.ok(t.relative(wide(small), wide(numbers(fit.inverseTransformSync(fit.scores)))) <= 64);
        assert.ok(t.relative(scores, wide(numbers(fit.transformSync(small)))) <= 64);
      }
    }
  });

  it("whitens, maps rows to scores and back", async () => {
    const a = cloud(250, 12, 30);
    for (const o of [{}, { whiten: true }, { scale: true, whiten: true }]) {
      const fit = pcaSync(a, o);
      const scores = wide(numbers(fit.scores));
      assert.deepEqual(numbers(await fit.transform(a)).data, numbers(fit.scores).data);
      assert.deepEqual(numbers(fit.transformSync(a)).data, numbers(fit.scores).data);
      if (o.whiten) t.columnNorms(scores).forEach((s, j) => assert.ok(Math.abs(s * s / 249 - 1) <= 1e-4, `score ${j}`));
      for (const back of [fit.inverseTransformSync(fit.scores), await fit.inverseTransform(fit.scores)]) {
        assert.ok(t.relative(wide(a), wide(numbers(back))) <= 64, "and back");
      }
    }
  });
});

/** A signal that is aborted when it is looked at for the n-th time, from 0. */
function endingAt(n: number, reason: Error): AbortSignal {
  let looks = 0;
  const look = (): void => {
    if (looks++ === n) throw reason;
  };
  return Object.assign(new AbortController().signal, { throwIfAborted: look });
}

describe("Pca.streamed", () => {
  it("gives what the rows give at once, whatever the blocks", async () => {
    for (const a of [cloud(400, 25, 1e4), cloud(sized(300, 100), sized(280, 90), 5)]) {
      const [m] = a.shape, A = Matrix.from(a);
      for (const size of [1, 7, 128, m]) {
        if (size === 1 && a.shape[1] > 100) continue;
        const stream = Pca.streamed({ k: 6 });
        for (let i = 0; i < m; i += size) {
          const rows = A.rows(i, Math.min(m, i + size));
          if (i % 2 === 0) stream.pushSync(rows);
          else await stream.push(rows);
        }
        const fit = size === 7 ? await stream.finish() : stream.finishSync();
        check(fit, a);
        signsAreFixed(t.transpose(wide(numbers(fit.components))));
      }
    }
  });

  it("takes blocks that are pushed at once, and goes on after finish", async () => {
    const a = cloud(90, 6, 100), A = Matrix.from(a), stream = Pca.streamed();
    await Promise.all([stream.push(A.rows(0, 30)), stream.push(A.rows(30, 60))]);
    check(stream.finishSync(), sample("half", t.dense(60, 6, Float64Array.from(a.data.subarray(0, 360)))));
    await stream.push(A.rows(60, 90));
    check(await stream.finish(), a);
  });

  it("takes all of the rows that are pushed or none, whenever an abort comes", async () => {
    const a = cloud(90, 6, 100), A = Matrix.from(a), reason = new Error("enough");
    const fitOf = (stream: ReturnType<typeof Pca.streamed>): readonly Float32Array[] => {
      const { components, mean, explainedVariance } = stream.finishSync();
      return [components.data, mean, explainedVariance];
    };
    const begun = (): ReturnType<typeof Pca.streamed> => {
      const stream = Pca.streamed();
      stream.pushSync(A.rows(0, 50));
      return stream;
    };
    const before = fitOf(begun()), whole = begun();
    whole.pushSync(A.rows(50, 90));
    for (const blocking of [true, false]) {
      const stream = begun();
      let looks = 0;
      for (let done = false; !done; looks++) {
        const options = { signal: endingAt(looks, reason) };
        try {
          if (blocking) stream.pushSync(A.rows(50, 90), options);
          else await stream.push(A.rows(50, 90), options);
          done = true;
        } catch (error) {
          assert.equal(error, reason);
        }
        assert.deepEqual(fitOf(stream), done ? fitOf(whole) : before, `aborted at look ${looks}`);
      }
      assert.ok(looks > 2, `the signal was looked at ${looks - 1} times`);
    }
    await assert.rejects(Pca.streamed({ signal: AbortSignal.abort(reason) }).push(A), reason);
  });

  it("holds a few blocks of all rows at most, and keeps none", async () => {
    const { rows, block, fresh, grown } = await child<Record<"rows" | "block" | "fresh" | "grown", number>>(
      "fixtures/stream.ts",
    );
    assert.equal(rows, sized(2e6, 60_000));
    assert.ok(fresh <= 8 * block, `${fresh / block} blocks allocated in all`);
    assert.ok(grown <= 8 * block, `${grown / block} blocks more in use at the end`);
  });

  it("refuses rows of another length", async () => {
    const stream = Pca.streamed();
    assert.throws(() => stream.finishSync(), ArgumentError);
    stream.pushSync([[1, 2, 3]]);
    assert.throws(() => stream.pushSync([[1, 2]]), ShapeError);
    await assert.rejects(stream.push([[1, NaN, 2]]), NonFiniteError);
    stream.pushSync([[2, 4, 5]]);
    assert.equal(stream.finishSync().explainedVariance.length, 2);
  });
});

describe("pca, wrong arguments", () => {
  it("get the error that says what would be right", () => {
    const rows = [[1, 2], [3, 4]];
    for (const o of [{ k: 3 }, { k: -1 }, { k: 0.5 }, { variance: 0 }, { variance: 2 }, { k: 1, variance: 0.5 }]) {
      assert.throws(() => pcaSync(rows, o), ArgumentError, JSON.stringify(o));
    }
    assert.throws(() => pcaSync(rows, { method: "magic" as "svd" }), /magic.*covariance/);
    assert.throws(() => Pca.streamed({ method: "svd" }), ArgumentError);
    assert.throws(() => pcaSync(Matrix.zeros(0, 3)), ShapeError);
    assert.throws(() => pcaSync([[1, NaN]]), NonFiniteError);
    assert.throws(() => pcaSync(rows).transformSync([[1, 2, 3]]), ShapeError);
    assert.throws(() => pcaSync(rows).inverseTransformSync([[1, 2, 3]]), ShapeError);
    for (const method of ["covariance", "svd"] as const) {
      for (const [o, k] of [[{}, 2], [{ k: 1 }, 1], [{ variance: 0.5 }, 2]] as const) {
        const lost = pcaSync([[1, NaN], [2, 3], [4, 5]], { checkFinite: false, method, ...o });
        assert.deepEqual([[...lost.components.shape], [...lost.scores.shape]], [[k, 2], [3, k]]);
        const { components, scores, explainedVariance, explainedVarianceRatio, singularValues, mean } = lost;
        assert.deepEqual([explainedVariance, explainedVarianceRatio, singularValues].map((v) => v.length), [k, k, k]);
        const values = [components.data, scores.data, explainedVariance, explainedVarianceRatio, singularValues, mean];
        assert.ok(values.every((list) => list.every(Number.isNaN)));
      }
    }
    const streamed = Pca.streamed({ checkFinite: false });
    streamed.pushSync([[1, NaN], [2, 3]]);
    const late = streamed.finishSync();
    assert.deepEqual([[...late.components.shape], late.singularValues.length], [[2, 2], 2]);
    const nan = pcaSync([[1, NaN], [1, 2]], { checkFinite: false, k: 1 });
    assert.ok(nan.explainedVariance.every(Number.isNaN) && numbers(nan.scores).data.every(Number.isNaN));
  });
});

/** A library whose measurements of 16 vectors all say that columns are far from orthonormal. */
function doubtful(native: Native): Native {
  return {
    ...native,
    tsr_resid: (c, A, X, B, R, o) =>
      native.tsr_resid(c, A, X, B, R, o) ||
      ((X as Uint32Array)[abi.TSR_VIEW_COLS] === 16 ? native.tsr_laset(c, abi.TSR_FULL, 1, 1, R, o) : 0),
  };
}

describe("pca of a large covariance", () => {
  it("waits for eigenvectors that are mended last", async () => {
    const { library } = testDevice(), { native } = load([library]);
    using device = new Device("cpu", doubtful(native), library, 2);
    const x = Matrix.random(400, 300, { device, seed: 3 });
    for (const result of [pcaSync(x, { method: "covariance" }), await pca(x, { method: "covariance" })]) {
      const { components } = result, n = components.shape[0];
      const loss = t.orthogonality(t.transpose(wide(numbers(components))));
      assert.ok(n === 300 && loss <= 12 * Math.sqrt(n), `${n} components, orthogonal to ${loss} u`);
    }
  });
});
