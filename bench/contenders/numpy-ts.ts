// numpy-ts: kernels in WebAssembly, the rest in JavaScript.
import type { Operand, Operands } from "../files.ts";
import { type Adapter, job, type Make } from "./adapter.ts";

interface NdArray {
  readonly shape: readonly number[];
  readonly size: number;
  readonly data: Float32Array | Float64Array;
  readonly T: NdArray;
  reshape(...shape: readonly number[]): NdArray;
  dispose(): void;
}

/** What is used of the package, which is there only while it is measured. */
interface Package {
  configureWasm(options: { maxMemory: number }): void;
  array(data: Float32Array): NdArray;
  ravel(a: NdArray): NdArray;
  matmul(a: NdArray, b: NdArray): NdArray;
  ascontiguousarray(a: NdArray): NdArray;
  linalg: {
    qr(a: NdArray): { q: NdArray; r: NdArray };
    cholesky(a: NdArray): NdArray;
    solve(a: NdArray, b: NdArray): NdArray;
    lstsq(a: NdArray, b: NdArray): { x: NdArray };
    svd(a: NdArray, full: boolean): { u: NdArray; s: NdArray; vt: NdArray };
    eigh(a: NdArray): { w: NdArray; v: NdArray };
  };
}

type Arrays = Readonly<Record<string, NdArray>>;

export async function adapter(): Promise<Adapter> {
  const name: string = "numpy-ts", np = await import(name) as Package;
  np.configureWasm({ maxMemory: 2 ** 31 }); // its default of 256 MiB is less than some operands
  const dense = (a: NdArray): Operand => {
    const flat = np.ravel(a), [m = 1, n] = a.shape;
    return { shape: n === undefined ? [1, m] : [m, n], data: Float32Array.from(flat.data.subarray(0, flat.size)) };
  };
  const all = (r: Arrays) => Object.fromEntries(Object.entries(r).map(([key, a]) => [key, dense(a)]));
  const on = (compute: (x: Arrays) => Arrays): Make => (given: Operands) => {
    const x = Object.fromEntries(
      Object.entries(given).map(([key, { shape, data }]) => [key, np.array(data).reshape(...shape)]),
    );
    return job(() => compute(x), all, (r) => Object.values(r).forEach((a) => a.dispose()));
  };
  const { linalg } = np;
  const product = on(({ a, b }) => ({ c: np.matmul(a!, b!) }));
  // On a transposed view it leaves its kernel: it is given a copy.
  const turned = on(({ a, b }) => {
    const t = np.ascontiguousarray(a!.T), c = np.matmul(t, b!);
    t.dispose();
    return { c };
  });
  const ops: Record<string, Make> = {
    gemm: (given, p) => p.transB || p.lda ? undefined : (p.transA ? turned : product)(given, p),
    qr: on(({ a }) => {
      const { q, r } = linalg.qr(a!);
      return { q, r };
    }),
    cholesky: on(({ a }) => ({ l: linalg.cholesky(a!) })),
    solve: on(({ a, b }) => ({ x: linalg.solve(a!, b!) })),
    lstsq: on(({ a, b }) => ({ x: linalg.lstsq(a!, b!).x })),
    svd: on(({ a }) => {
      const { u, s, vt } = linalg.svd(a!, false);
      return { u, s, vt };
    }),
    eigh: on(({ a }) => {
      const { w: values, v: vectors } = linalg.eigh(a!);
      return { values, vectors };
    }),
  };
  return { version: name, ops: Object.fromEntries(Object.entries(ops).map(([op, make]) => [op, { "": make }])) };
}
