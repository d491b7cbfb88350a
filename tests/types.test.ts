// src/index.ts against the declared surface in api.ts: types by the compiler (`npm test` runs it here), names by tests.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as real from "../src/index.ts";
import type * as api from "./api.ts";

/** What api.ts declares and is not built yet. It shrinks: a name that exists must leave it. */
const notBuilt = [] as const;

/** Built functions of which a form is missing: what they do take. */
interface Partly {
  /** Only the first: with k. */
  svd: First<typeof api.svd>;
}

// ---- types ----

type NotBuilt = (typeof notBuilt)[number];
type Errors = { [K in keyof typeof api]: K extends `${string}Error` ? K : never }[keyof typeof api];
type Functions = Exclude<keyof typeof api, NotBuilt | Errors | "MatrixApi" | "PcaApi">;
type Declared = { [K in Functions]: K extends keyof Partly ? Partly[K] : (typeof api)[K] };
type First<F> = F extends { (...a: infer A): infer R; (...b: infer _): unknown } ? (...a: A) => R : never;
type Promised = Exclude<
  { [K in Functions]: Declared[K] extends (...args: never) => Promise<unknown> ? K : never }[Functions],
  "explain"
>;
/** What the methods that return promises have beside them. */
type Blocking<C> = {
  [K in keyof C & string as C[K] extends (...args: never) => Promise<unknown> ? `${K}Sync` : never]: Twin<C[K]>;
};
type Twin<F> = F extends (...args: infer A) => Promise<infer R> ? (...args: A) => R : never;

/** An error of the compiler in these lines names the export that differs from its declaration. */
export const functions: Declared = real;
export const statics: Pick<typeof api.MatrixApi, Exclude<keyof typeof api.MatrixApi, "prototype">> = real.Matrix;
export const analysis: (pca: real.Pca) => api.PcaApi = (pca) => pca;
export const streamed: typeof api.PcaApi.streamed = real.Pca.streamed;
export const instances = (matrix: real.Matrix, device: real.Device): [api.MatrixApi, api.DeviceApi] => [matrix, device];
export const errors: { [K in Errors]: abstract new (...args: never) => InstanceType<(typeof api)[K]> } = real;
export const twins: { [K in Promised as `${K}Sync`]: Twin<Declared[K]> } = real;
export const analysisTwins: (pca: real.Pca) => Blocking<api.PcaApi> = (pca) => pca;
export const streamTwins: (stream: real.PcaStream) => Blocking<ReturnType<typeof api.PcaApi.streamed>> = (stream) =>
  stream;

/** Options and operands that are known at run time only. */
export const unions = (
  a: real.Matrix,
  k: number | undefined,
  mode: "r" | "reduced",
  b: Float64Array | number[][],
): unknown[] => {
  const onProgress = ({ phase, done, total }: real.Progress): string => `${phase} ${done} ${total}`;
  const triplets: Promise<real.Svd | real.TopSvd> = real.svd(a, { k, onProgress });
  const factors: Promise<real.Qr | real.TriangleOnly> = real.qr(a, { mode });
  const solution: Promise<real.Solution<Float32Array | real.Matrix>> = real.solve(a, b);
  const least: Promise<real.LeastSquares<Float32Array | real.Matrix>> = real.lstsq(a, b, { refine: true });
  const blocking = [real.svdSync(a, { k }), real.qrSync(a, { mode }), real.solveSync(a, b), real.lstsqSync(a, b)];
  return [triplets, factors, solution, least, blocking];
};

/** Objects of three packages, with all the members that these give, go in as they are. */
const ndarray = {
  data: new Float64Array([1, 2, 3, 4]),
  shape: [2, 2],
  stride: [1, 2],
  offset: 0,
  dtype: "float64",
  size: 4,
  order: [0, 1],
  get: (i: number, j: number) => i + j,
};
const numpyTs = {
  data: new Float32Array([1, 2, 3, 4]),
  shape: [2, 2] as readonly number[],
  strides: [2, 1] as readonly number[],
  ndim: 2,
  dtype: "float32",
};
const npyjs = { data: new Float32Array([1, 2, 3, 4]), shape: [2, 2], dtype: "f4" as const, fortranOrder: true };
const samples: Readonly<Record<string, real.MatrixLike>> = { ndarray, numpyTs, npyjs };

test("types: objects of ndarray, numpy-ts and npyjs are matrices, their order honoured", () => {
  assert.deepEqual(real.Matrix.from(samples.ndarray!).toArray(), [[1, 3], [2, 4]]);
  assert.deepEqual(real.Matrix.from(samples.numpyTs!).toArray(), [[1, 2], [3, 4]]);
  assert.deepEqual(real.Matrix.from(samples.npyjs!).toArray(), [[1, 3], [2, 4]]);
});

// ---- names ----

const source = readFileSync(new URL("./api.ts", import.meta.url), "utf8");
const declared = [...source.matchAll(/^export declare (?:function|class) (\w+)/gm)].map((m) =>
  m[1]!.replace(/Api$/, "")
);
const built = Object.keys(real);

test("types: every declared name is built or listed as not built", () => {
  const listed: readonly string[] = notBuilt;
  assert.deepEqual(
    declared.filter((name) => !built.includes(name) && !listed.includes(name)),
    [],
    "missing, and not listed in notBuilt",
  );
  assert.deepEqual(listed.filter((name) => built.includes(name)), [], "built: take it off notBuilt");
  assert.deepEqual(listed.filter((name) => !declared.includes(name)), [], "listed in notBuilt, and nowhere declared");
});

test("types: every function that returns a promise has its blocking twin, and nothing else is exported", () => {
  const parts = source.split(/^export declare function /m).slice(1).filter((part) => /\): Promise</.test(part));
  const asynchronous = parts.map((part) => /^\w+/.exec(part)![0]);
  const wanted = asynchronous.filter((name) => built.includes(name)).map((name) => `${name}Sync`);
  assert.ok(wanted.length >= 7, `only ${wanted}`);
  assert.deepEqual(wanted.filter((name) => !built.includes(name)), [], "no blocking twin");
  const known = new Set([...declared, ...wanted]);
  assert.deepEqual(built.filter((name) => !known.has(name)), [], "exported, and not declared in api.ts");
});
