// jax-js on its WebAssembly device.
import type { Operand, Operands } from "../files.ts";
import { type Adapter, job, type Make } from "./adapter.ts";

/** A use of an array consumes it; `ref` is one more use. */
interface Traced {
  readonly shape: readonly number[];
  readonly ref: Traced;
  reshape(shape: readonly number[]): Traced;
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** What is used of the package, which is there only while it is measured. */
interface Package {
  init(device: string): Promise<unknown>;
  defaultDevice(device: string): void;
  blockUntilReady(arrays: readonly Traced[]): Promise<unknown>;
  numpy: {
    array(data: Float32Array): Traced;
    matmul(a: Traced, b: Traced): Traced;
    matrixTranspose(a: Traced): Traced;
    linalg: {
      cholesky(a: Traced): Traced;
      solve(a: Traced, b: Traced): Traced;
      lstsq(a: Traced, b: Traced): Traced;
      svd(a: Traced, options: { fullMatrices: boolean }): readonly Traced[];
      eigh(a: Traced): readonly Traced[];
    };
  };
}

type Uses = Readonly<Record<string, () => Traced>>;

async function dense(x: Traced): Promise<Operand> {
  const [m = 1, n] = x.shape;
  return { shape: n === undefined ? [1, m] : [m, n], data: Float32Array.from(await x.ref.data()) };
}

async function all(found: readonly Traced[], names: readonly string[]): Promise<Record<string, Operand>> {
  return Object.fromEntries(await Promise.all(names.map(async (name, i) => [name, await dense(found[i]!)] as const)));
}

export async function adapter(threads: number): Promise<Adapter> {
  const name: string = "@jax-js/jax";
  Object.defineProperty(navigator, "hardwareConcurrency", { value: threads, configurable: true }); // sizes its pool
  const jax = await import(name) as Package, np = jax.numpy, { linalg } = np;
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  const on = (compute: (x: Uses) => readonly Traced[], names: readonly string[]): Make => async (given: Operands) => {
    const x = Object.entries(given).map(([key, { shape, data }]) => [key, np.array(data).reshape(shape)] as const);
    await jax.blockUntilReady(x.map(([, a]) => a));
    const uses = Object.fromEntries(x.map(([key, a]) => [key, () => a.ref]));
    const finish = async () => {
      const found = compute(uses);
      await jax.blockUntilReady(found);
      return found;
    };
    return job(finish, (found) => all(found, names), (found) => found.forEach((a) => a.dispose()));
  };
  const product = on(({ a, b }) => [np.matmul(a!(), b!())], ["c"]);
  const turned = on(({ a, b }) => [np.matmul(np.matrixTranspose(a!()), b!())], ["c"]);
  const ops: Record<string, Make> = {
    gemm: (given, p) => p.transB || p.lda ? undefined : (p.transA ? turned : product)(given, p),
    cholesky: on(({ a }) => [linalg.cholesky(a!())], ["l"]),
    solve: on(({ a, b }) => [linalg.solve(a!(), b!())], ["x"]),
    lstsq: on(({ a, b }) => [linalg.lstsq(a!(), b!())], ["x"]),
    svd: on(({ a }) => linalg.svd(a!(), { fullMatrices: false }), ["u", "s", "vt"]),
    eigh: on(({ a }) => linalg.eigh(a!()), ["values", "vectors"]),
  };
  return { version: "jax-js", ops: Object.fromEntries(Object.entries(ops).map(([op, make]) => [op, { "": make }])) };
}
