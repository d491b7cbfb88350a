// Arguments and options that are wrong: each gets the typed error that says what is wrong and what would be right.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as la from "../src/index.ts";
import { Matrix } from "../src/index.ts";
import { every } from "./helpers.ts";
import { type Form, refuseAll } from "./misuse.ts";
import {
  argument,
  checkError,
  dtype,
  fails,
  library,
  nonFinite,
  overflow,
  positive,
  shape,
  type Wanted,
} from "./refusals.ts";

const one = [[1, 0], [0, 1]];
const pca = la.pcaSync(one);

/** Calls that no types stop in JavaScript, or whose sizes do not fit. */
const calls: readonly { name: string; op: string; call: (sync: boolean) => unknown; wanted: Wanted }[] = [
  entry("matmul", "inner sizes", { a: [[1, 2, 3]], b: one }, { ...shape, text: /1x3.*2x2/ }),
  entry("matmul", "beta without out", { a: one, b: one, beta: 1 }, { ...argument, text: /beta.*out/ }),
  entry("matmul", "an out of another shape", { a: one, b: one, out: Matrix.zeros(2, 3) }, {
    ...shape,
    text: /2x3.*2x2/,
  }),
  entry("matmul", "an unknown engine", { a: one, b: one, engine: "gpu" }, { ...argument, text: /gpu.*tiled/ }),
  entry("matvec", "too short an x", { a: one, x: [1] }, { ...shape, text: /2x2.*1/ }),
  entry("matvec", "a nested x", { a: one, x: [[1], [2]] }, { ...dtype, text: /object|Array/ }),
  entry("matvec", "big integers as x", { a: one, x: new BigInt64Array(2) }, { ...dtype, text: /BigInt64Array/ }),
  entry("matvec", "x beyond float32", { a: one, x: [1, 1e300] }, { ...overflow, text: /1e\+300/ }),
  entry("qr", "an unknown mode", { a: one, mode: "full" }, { ...argument, text: /full.*reduced/ }),
  entry("qr", "an unknown method", { a: one, method: "magic" }, { ...argument, text: /magic.*blocked/ }),
  entry("svd", "k below 0", { a: one, k: -1 }, { ...argument, text: /-1.*2x2/ }),
  entry("svd", "k beyond the sides", { a: one, k: 3 }, { ...argument, text: /3.*2x2/ }),
  entry("svd", "a broken k", { a: one, k: 1.5 }, { ...argument, text: /1\.5/ }),
  entry("svd", "NaN as k", { a: one, k: NaN }, { ...argument, text: /NaN/ }),
  entry("svd", "an unknown method", { a: one, k: 1, method: "magic" }, { ...argument, text: /magic.*krylov/ }),
  entry("svd", "no tolerance", { a: one, k: 1, tol: 0 }, { ...argument, text: /tol.*0/ }),
  entry("svd", "NaN as tolerance", { a: one, k: 1, tol: NaN }, { ...argument, text: /tol.*NaN/ }),
  entry("svd", "no passes", { a: one, k: 1, maxPasses: 0 }, { ...argument, text: /maxPasses.*0/ }),
  entry("svd", "a broken seed", { a: one, k: 1, seed: 0.5 }, { ...argument, text: /seed.*0\.5/ }),
  entry("svd", "a negative oversample", { a: one, k: 1, oversample: -1 }, { ...argument, text: /oversample.*-1/ }),
  entry("svd", "a start of other rows", { a: one, k: 1, start: [[1], [2], [3]] }, { ...shape, text: /3x1.*2x2/ }),
  entry("cholesky", "a matrix not square", { a: [[1, 2]] }, { ...shape, text: /1x2/ }),
  entry("solve", "a matrix not square", { a: [[1, 2]], b: [1] }, { ...shape, text: /1x2/ }),
  entry("solve", "too long a right-hand side", { a: one, b: [1, 2, 3] }, { ...shape, text: /2x2.*3/ }),
  entry("solve", "an unknown assumption", { a: one, b: [1, 2], assume: "nice" }, {
    ...argument,
    text: /nice.*positive/,
  }),
  entry("solve", "a nested refined right-hand side", { a: one, b: [["1"], ["2"]], refine: true }, {
    ...dtype,
    text: /string/,
  }),
  entry("lstsq", "a right-hand side of other rows", { a: one, b: [1, 2, 3] }, { ...shape, text: /2x2.*3/ }),
  entry("lstsq", "a negative rcond", { a: one, b: [1, 2], rcond: -1 }, { ...argument, text: /rcond.*-1/ }),
  entry("lstsq", "NaN as rcond", { a: one, b: [1, 2], rcond: NaN }, { ...argument, text: /rcond.*NaN/ }),
  entry("lstsq", "strings as right-hand side", { a: one, b: ["1", "2"] }, { ...dtype, text: /string/ }),
  entry("lstsq", "b beyond float32", { a: one, b: [1, 1e300] }, { ...overflow, text: /1e\+300/ }),
  entry("lstsq", "NaN in b", { a: one, b: [1, NaN] }, { ...nonFinite, text: /NaN.*row 1/ }),
  entry("lstsq", "an unknown engine", { a: one, b: [1, 2], engine: "gpu" }, { ...argument, text: /gpu.*tiled/ }),
  entry("pca", "k beyond the sides", { a: one, k: 3 }, { ...argument, text: /3.*2 rows of 2/ }),
  entry("pca", "a broken k", { a: one, k: 0.5 }, { ...argument, text: /k.*0\.5/ }),
  entry("pca", "k and variance", { a: one, k: 1, variance: 0.5 }, { ...argument, text: /k is 1.*variance is 0\.5/ }),
  entry("pca", "no variance", { a: one, variance: 0 }, { ...argument, text: /variance.*0/ }),
  entry("pca", "an unknown method", { a: one, method: "magic" }, { ...argument, text: /magic.*covariance/ }),
  entry("pca", "no rows", { a: Matrix.zeros(0, 3) }, { ...shape, text: /0 rows/ }),
  entry("expm", "a matrix not square", { a: [[1, 2]] }, { ...shape, text: /1x2/ }),
  entry("expm", "a result beyond float32", { a: [[100]] }, { ...overflow, text: /float32/ }),
  entry("expm", "an unknown engine", { a: one, engine: "gpu" }, { ...argument, text: /gpu.*tiled/ }),
  entry("solveTriangular", "a matrix not square", { a: [[1, 2]], b: [[1]] }, { ...shape, text: /1x2/ }),
  entry("solveTriangular", "a right-hand side of other rows", { a: one, b: [[1]] }, { ...shape, text: /2x2.*1/ }),
  entry("orthonormalize", "more columns than rows", { a: [[1, 2]] }, { ...shape, text: /2 columns.*1/ }),
  entry("orthonormalize", "an unknown axis", { a: one, axis: 0 }, { ...argument, text: /0.*columns/ }),
  entry("qr", "a controller as signal", { a: one, signal: new AbortController() }, {
    ...argument,
    text: /signal is an object of type AbortController.*\.signal/,
  }),
  entry("qr", "a device by name", { a: one, device: "cpu" }, { ...argument, text: /device is "cpu".*open/ }),
  entry("qr", "a number as onProgress", { a: one, onProgress: 3 }, { ...argument, text: /onProgress is 3.*function/ }),
  entry("matmul", "a string as alpha", { a: one, b: one, alpha: "2" }, { ...argument, text: /alpha is "2".*number/ }),
  entry("matmul", "null as beta", { a: one, b: one, beta: null }, { ...argument, text: /beta is null.*number/ }),
  entry("matmul", "rows as out", { a: one, b: one, out: [[0]] }, { ...argument, text: /out.*Array.*Matrix/ }),
  entry("add", "a string as beta", { a: one, b: one, beta: "2" }, { ...argument, text: /beta is "2".*number/ }),
  entry("cholesky", "a number as jitter", { a: one, jitter: 0.5 }, { ...argument, text: /jitter is 0\.5.*true/ }),
  entry("cholesky", "a string as jitter", { a: one, jitter: "a" }, { ...argument, text: /jitter is "a".*true/ }),
  entry("lstsq", "null as rcond", { a: one, b: [1, 2], rcond: null }, { ...argument, text: /rcond is null/ }),
  entry("lstsq", "a string as rcond", { a: one, b: [1, 2], rcond: "0.1" }, { ...argument, text: /rcond is "0\.1"/ }),
  entry("pinv", "a string as rcond", { a: one, rcond: "0.1" }, { ...argument, text: /rcond is "0\.1"/ }),
  entry("matrixRank", "null as tolerance", { a: one, tol: null }, { ...argument, text: /tol is null/ }),
  entry("svd", "a string as tolerance", { a: one, k: 1, tol: "1" }, { ...argument, text: /tol is "1"/ }),
  entry("svd", "null as tolerance", { a: one, k: 1, tol: null }, { ...argument, text: /tol is null/ }),
  entry("svd", "a string as k", { a: one, k: "2" }, { ...argument, text: /k is "2"/ }),
  entry("pca", "a string as variance", { a: one, variance: "0.5" }, { ...argument, text: /variance is "0\.5"/ }),
  entry("rangeFinder", "a string as eps", { a: one, eps: "0.5" }, { ...argument, text: /eps is "0\.5"/ }),
  entry("cholesky", "an indefinite matrix", { a: [[1, 2], [2, 1]] }, { ...positive, text: /jitter: true/ }),
  entry("solve", "an indefinite matrix", { a: [[1, 2], [2, 1]], b: [1, 1], assume: "positive" }, {
    ...positive,
    text: /order 2 .*definite; leave out assume/,
  }),
  ...[null, 2, "fast", [2], Matrix.eye(2)].flatMap((options) => [
    given("svd", [one], options),
    given("matmul", [one, one], options),
    given("norm", [[1, 2], 2], options),
    given("pca", [one], options),
    given("randomOrthogonal", [2, 2], options),
  ]),
  given("rangeFinder", [one], undefined),
];

/** Functions of one matrix whose operands no other table refuses. */
const forms: readonly Form[] = [
  { op: "lstsq", blocking: (a) => la.lstsqSync(a, [1, 1]), promised: (a) => la.lstsq(a, [1, 1]) },
  { op: "pca", blocking: la.pcaSync, promised: la.pca },
  { op: "Pca.push", blocking: (a) => la.Pca.streamed().pushSync(a), promised: (a) => la.Pca.streamed().push(a) },
  { op: "transform", blocking: (a) => pca.transformSync(a), promised: (a) => pca.transform(a) },
  { op: "inverseTransform", blocking: (a) => pca.inverseTransformSync(a), promised: (a) => pca.inverseTransform(a) },
  { op: "expm", blocking: la.expmSync, promised: la.expm, square: true },
  { op: "norm", blocking: (a) => la.normSync(a), promised: (a) => la.norm(a) },
];

function entry(
  op: string,
  name: string,
  { a, b, x, ...options }: Record<string, unknown>,
  wanted: Wanted,
): (typeof calls)[number] {
  const operands = [a, b, x].filter((operand) => operand !== undefined);
  return { name: `${op}, ${name}`, op, call: (sync) => form(op, sync)(...operands, options), wanted };
}

/** What is no options where they belong. */
function given(op: string, operands: readonly unknown[], options: unknown): (typeof calls)[number] {
  const wanted = { ...argument, text: /options .*by name in an object/ };
  return { name: `${op}, ${options} as options`, op, call: (sync) => form(op, sync)(...operands, options), wanted };
}

function form(op: string, sync: boolean): (...args: unknown[]) => unknown {
  const all: Record<string, unknown> = la;
  return all[sync ? `${op}Sync` : op] as (...args: unknown[]) => unknown;
}

describe("wrong arguments", () => {
  it("get the error that says what is wrong, and what would be right", async () => {
    await every(calls, ({ name }) => name, async ({ op, call, wanted }) => {
      await fails(op, () => call(true), () => call(false) as Promise<unknown>, wanted);
    });
  });

  it("that are no matrix of numbers are refused by every function of one matrix", async () => {
    await refuseAll(forms);
  });

  it("are refused where the output overlaps an input, which stays as it was", async () => {
    const a = Matrix.from([[1, 2], [3, 4]]), b = Matrix.eye(2);
    for (const [out, text] of [[a, /out and A overlap/], [a.T, /out and A/], [b, /out and B/]] as const) {
      const wanted = { ...argument, text };
      await fails("matmul", () => la.matmulSync(a, b, { out }), () => la.matmul(a, b, { out }), wanted);
    }
    assert.deepEqual([a.toArray(), b.toArray()], [[[1, 2], [3, 4]], one]);
  });

  it("are refused by explain, which takes a function", async () => {
    const wanted = { ...argument, text: /object of type Promise.*explain\w*\(\(\) => / };
    await fails(
      "explain",
      () => la.explainSync(Promise.resolve() as never),
      () => la.explain(Promise.resolve() as never),
      wanted,
    );
  });

  it("are refused where operands lie on two devices", async () => {
    using other = la.open({ threads: 1 });
    const a = Matrix.from(one), b = Matrix.from(Float32Array.of(1, 2, 3, 4), [2, 2], { device: other });
    const wanted = { ...argument, text: /device/ };
    await fails("matmul", () => la.matmulSync(a, b), () => la.matmul(a, b), wanted);
    await fails(
      "matmul",
      () => la.matmulSync(a, a, { device: other }),
      () => la.matmul(a, a, { device: other }),
      wanted,
    );
  });

  it("are refused by open and by the makers and views of Matrix", () => {
    const m = Matrix.zeros(3, 4);
    const wrong: [() => unknown, Wanted][] = [
      [() => la.open({ device: "cuda" }), { ...argument, text: /cuda.*cpu/ }],
      [() => la.open({ threads: 0 }), { ...argument, text: /threads.*0/ }],
      [() => la.open({ threads: 1.5 }), { ...argument, text: /threads.*1\.5/ }],
      [() => la.open({ library: "no/such/library.so" }), { ...library, text: /no\/such\/library\.so/ }],
      [() => la.open("cpu" as never), { ...argument, text: /open: options are "cpu"/ }],
      [() => Matrix.eye(2, 2, { device: "cpu" } as never), { ...argument, text: /Matrix\.eye: device is "cpu".*open/ }],
      [() => Matrix.random(2, 2, 7 as never), { ...argument, text: /Matrix\.random: options are 7/ }],
      [() => Matrix.diag([1], null as never), { ...argument, text: /Matrix\.diag: options are null/ }],
      [() => la.explainSync(5 as never), { ...argument, text: /explainSync: .*5.*function/ }],
      [() => Matrix.zeros(-1, 2), { ...shape, text: /-1/ }],
      [() => Matrix.zeros(2, 0.5), { ...shape, text: /0\.5/ }],
      [() => Matrix.zeros(NaN, 1), { ...shape, text: /NaN/ }],
      [() => Matrix.eye(1, -1), { ...shape, text: /-1/ }],
      [() => Matrix.from([1, 2, 3], [2, 2]), { ...shape, text: /2x2.*3/ }],
      [() => Matrix.from(m as never, [4, 3]), { ...shape, text: /3x4.*m\.data/ }],
      [() => Matrix.diag([1, 1e39]), { ...overflow, text: /1e\+39/ }],
      [() => Matrix.diag(3 as never), { ...dtype, text: /Matrix\.diag: a number/ }],
      [() => Matrix.eye("3" as never), { ...shape, text: /Matrix\.eye: shape "3"x"3"/ }],
      [() => m.sub(0, 4, 0, 1), { ...shape, text: /4/ }],
      [() => m.sub(2, 1, 0, 1), { ...shape, text: /2.*1/ }],
      [() => m.rows(-1, 2), { ...shape, text: /-1/ }],
      [() => m.cols(0, 1.5), { ...shape, text: /1\.5/ }],
      [() => m.at(3, 0), { ...shape, text: /3/ }],
      [() => m.at(0, NaN), { ...shape, text: /NaN/ }],
      [() => m.writeBlock(2, 3, [[1, 2]]), { ...shape, text: /4/ }],
      [() => m.readBlock(0, 4, 0, 1), { ...shape, text: /4/ }],
      [() => m.T.data, { ...shape, text: /copy/ }],
      [() => m.cols(0, 2).data, { ...shape, text: /3x2.*copy/ }],
    ];
    for (const [call, wanted] of wrong) {
      assert.throws(call, (error) => (checkError(error, "", wanted), true), String(call));
    }
  });
});
