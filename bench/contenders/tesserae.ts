// This library, as its users call it.
import process from "node:process";
import { atav, flush, gemm, syrk } from "../../src/blas.ts";
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

function on(compute: (x: Given, p: Params) => Promise<Result>, blocking?: (x: Given, p: Params) => Result): Make {
  return (given: Operands, p: Params) => {
    const x = Object.fromEntries(
      Object.entries(given).map(([name, part]) => [name, place(part, name === "a" ? p.lda : undefined)]),
    );
    return job<Result>(p.sync && blocking ? () => blocking(x, p) : () => compute(x, p), outputs, free);
  };
}

async function lowerProduct({ a }: Given, { m }: Params): Promise<Result> {
  const c = Matrix.zeros(m, m);
  syrk("lower", 1, a!, 0, c);
  await flush(c.device);
  return { c };
}

/** Aᵀ (A V) by operations on memory that is there. */
function normalProduct(encode: (A: la.Matrix, V: la.Matrix, Y: la.Matrix, Z: la.Matrix) => void): Make {
  return ({ a, b }, { m, n, k }) => {
    const [A, V, Y, z] = [place(a!), place(b!), Matrix.zeros(m, k), Matrix.zeros(n, k)];
    const run = async () => {
      encode(A, V, Y, z);
      await flush(A.device);
      return { z };
    };
    return job<Result>(run, outputs);
  };
}

const options = ({ transA = false, transB = false }: Params) => ({ transA, transB });

/** Without the wrapping of results, which a measurement of the call itself would notice. */
const call: Make = ({ a, b }, { sync }) => {
  const [x, y] = [place(a!), place(b!)];
  return job<la.Matrix>(
    sync ? () => la.matmulSync(x, y) : () => la.matmul(x, y),
    (c) => ({ c: dense(c)! }),
    (c) => c[Symbol.dispose](),
  );
};

/** Into a matrix that is there already, as numpy.matmul gets one. */
const blockingProduct: Make = ({ a, b }, p) => {
  const [x, y] = [place(a!), place(b!)], out = Matrix.zeros(p.m, p.n), asked = { ...options(p), out };
  return job<la.Matrix>(() => la.matmulSync(x, y, asked), (c) => ({ c: dense(c)! }));
};

const product: Make = on(async ({ a, b }, p) => ({ c: await la.matmul(a!, b!, options(p)) }));

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
    gemm: (given, p) => p.sync ? blockingProduct(given, p) : product(given, p),
    syrk: on(lowerProduct),
    trsm: on(async ({ a, b }) => ({ x: await la.solveTriangular(a!, b!, { lower: true }) })),
    qr: on(async ({ a }) => ({ ...await la.qr(a!) }), ({ a }) => ({ ...la.qrSync(a!) })),
    cholesky: on(async ({ a }) => ({ ...await la.cholesky(a!) }), ({ a }) => ({ ...la.choleskySync(a!) })),
    svdk: on(
      async ({ a }, { k }) => ({ ...await la.svd(a!, { k, tol: TOL }) }),
      ({ a }, { k }) => ({ ...la.svdSync(a!, { k, tol: TOL }) }),
    ),
    svd: on(async ({ a }) => ({ ...await la.svd(a!) }), ({ a }) => ({ ...la.svdSync(a!) })),
    eigh: on(async ({ a }) => ({ ...await la.eigh(a!) }), ({ a }) => ({ ...la.eighSync(a!) })),
    solve: on(async ({ a, b }) => ({ ...await la.solve(a!, b!) }), ({ a, b }) => ({ ...la.solveSync(a!, b!) })),
    lstsq: on(async ({ a, b }) => ({ ...await la.lstsq(a!, b!) }), ({ a, b }) => ({ ...la.lstsqSync(a!, b!) })),
    pca: on(async ({ a }, { k }) => {
      const { components, singularValues, scores } = await la.pca(a!, { k });
      return { components, s: singularValues, scores };
    }),
  };
  const version = `tesserae ${facts["version"]} (${facts["isa"]}, ${bun ? `bun ${bun}` : `deno ${deno}`})`;
  return Promise.resolve({
    version,
    ops: { ...Object.fromEntries(Object.entries(ops).map(([name, make]) => [name, { "": make }])), atav: ways },
  });
}
