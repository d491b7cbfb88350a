// This library, as its users call it.
import process from "node:process";
import { atav, flushSync, gemm, syrk } from "../../src/blas.ts";
import * as la from "../../src/index.ts";
import { type Params, TOL } from "../cases.ts";
import type { Operand, Operands } from "../files.ts";
import { type Adapter, job, type Make, row } from "./adapter.ts";

const { Matrix } = la;
type Given = Readonly<Record<string, la.Matrix>>;
type Result = Readonly<Record<string, unknown>>;

const dense = (value: unknown): Operand | undefined => {
  if (value instanceof Float32Array) return row(value);
  if (!(value instanceof Matrix)) return undefined;
  const [m, n] = value.shape;
  return { shape: [m, n], data: value.readBlock(0, m, 0, n) };
};

function outputs(result: Result): Record<string, Operand> {
  return Object.fromEntries(
    Object.entries(result).map(([name, value]) => [name, dense(value)] as const)
      .filter((part): part is readonly [string, Operand] => part[1] !== undefined),
  );
}

function free(result: Result): void {
  for (const part of Object.values(result)) if (part instanceof Matrix) part[Symbol.dispose]();
}

/** A matrix of its own, or the left part of one with more columns. */
function place({ shape: [m, n], data }: Operand, columns = n): la.Matrix {
  if (columns === n) return Matrix.from(data, [m, n]);
  const view = Matrix.zeros(m, columns).cols(0, n);
  view.writeBlock(0, 0, { data, shape: [m, n] });
  return view;
}

/** A call that blocks as those of the peers do or, where the case says so, its promise. */
function on(blocking: (x: Given, p: Params) => Result, promised: (x: Given, p: Params) => Promise<Result>): Make {
  return (given: Operands, p: Params) => {
    const x = Object.fromEntries(Object.entries(given).map(([name, part]) => [name, place(part)]));
    return job<Result>(p.awaited ? () => promised(x, p) : () => blocking(x, p), outputs, free);
  };
}

/** The lower triangle of A Aᵀ into memory that is there. */
const lowerProduct: Make = ({ a }, { m }) => {
  const A = place(a!), c = Matrix.zeros(m, m);
  const run = () => {
    syrk("lower", 1, A, 0, c);
    flushSync(A.device);
    return { c };
  };
  return job<Result>(run, outputs);
};

/** Aᵀ (A V) into memory that is there. */
function normalProduct(encode: (A: la.Matrix, V: la.Matrix, Y: la.Matrix, Z: la.Matrix) => void): Make {
  return ({ a, b }, { m, n, k }) => {
    const [A, V, Y, z] = [place(a!), place(b!), Matrix.zeros(m, k), Matrix.zeros(n, k)];
    const run = () => {
      encode(A, V, Y, z);
      flushSync(A.device);
      return { z };
    };
    return job<Result>(run, outputs);
  };
}

/** Without the wrapping of results, which a measurement of the call itself would notice. */
const call: Make = ({ a, b }, { awaited }) => {
  const [x, y] = [place(a!), place(b!)];
  return job<la.Matrix>(
    awaited ? () => la.matmul(x, y) : () => la.matmulSync(x, y),
    (c) => ({ c: dense(c)! }),
    (c) => c[Symbol.dispose](),
  );
};

/** Into a matrix that is there already, as numpy.matmul gets one. */
const product: Make = ({ a, b }, { m, n, lda, transA = false, transB = false, awaited }) => {
  const [x, y] = [place(a!, lda), place(b!)], asked = { transA, transB, out: Matrix.zeros(m, n) };
  return job<la.Matrix>(
    awaited ? () => la.matmul(x, y, asked) : () => la.matmulSync(x, y, asked),
    (c) => ({ c: dense(c)! }),
  );
};

const lower = { lower: true };

const reduced = ({ components, singularValues, scores }: ReturnType<typeof la.pcaSync>): Result => ({
  components,
  s: singularValues,
  scores,
});

export function adapter(): Promise<Adapter> {
  const facts = la.info(), { bun, deno } = process.versions as Record<string, string>;
  const ways = {
    "": normalProduct(atav),
    "two products": normalProduct((A, V, Y, Z) => {
      gemm(1, A, V, 0, Y);
      gemm(1, A.T, Y, 0, Z);
    }),
  };
  const ops: Record<string, Make> = {
    call,
    gemm: product,
    syrk: lowerProduct,
    trsm: on(
      ({ a, b }) => ({ x: la.solveTriangularSync(a!, b!, lower) }),
      async ({ a, b }) => ({ x: await la.solveTriangular(a!, b!, lower) }),
    ),
    qr: on(({ a }) => ({ ...la.qrSync(a!) }), async ({ a }) => ({ ...await la.qr(a!) })),
    cholesky: on(({ a }) => ({ ...la.choleskySync(a!) }), async ({ a }) => ({ ...await la.cholesky(a!) })),
    svdk: on(
      ({ a }, { k }) => ({ ...la.svdSync(a!, { k, tol: TOL }) }),
      async ({ a }, { k }) => ({ ...await la.svd(a!, { k, tol: TOL }) }),
    ),
    svd: on(({ a }) => ({ ...la.svdSync(a!) }), async ({ a }) => ({ ...await la.svd(a!) })),
    eigh: on(({ a }) => ({ ...la.eighSync(a!) }), async ({ a }) => ({ ...await la.eigh(a!) })),
    solve: on(({ a, b }) => ({ ...la.solveSync(a!, b!) }), async ({ a, b }) => ({ ...await la.solve(a!, b!) })),
    lstsq: on(({ a, b }) => ({ ...la.lstsqSync(a!, b!) }), async ({ a, b }) => ({ ...await la.lstsq(a!, b!) })),
    pca: on(({ a }, { k }) => reduced(la.pcaSync(a!, { k })), async ({ a }, { k }) => reduced(await la.pca(a!, { k }))),
  };
  const version = `tesserae ${facts["version"]} (${facts["isa"]}, ${bun ? `bun ${bun}` : `deno ${deno}`})`;
  return Promise.resolve({
    version,
    ops: { ...Object.fromEntries(Object.entries(ops).map(([name, make]) => [name, { "": make }])), atav: ways },
  });
}
