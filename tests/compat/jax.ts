// jax.numpy.linalg on Tesserae, as far as the linear algebra suite of jax-js uses it.
import * as tesserae from "../../src/index.ts";
import { Matrix } from "../../src/index.ts";
import { flatten, type Nested, Plain, read } from "./array.ts";
import type { Modules, Source } from "./source.ts";
import { extend, type LeftOut, type Suite } from "./vitest.ts";

export const source: Source = {
  name: "jax-js",
  url: "https://raw.githubusercontent.com/ekzhang/jax-js/4014cc4979c76257ba160d6dc8fc4c978d03e0c4/" +
    "test/numpy-linalg.test.ts",
  sha256: "90a797c60c9a10b88f6ce6e314e257760bbd502c622438617287f17d8b43149f",
};

/** Tests in the file, on one device. */
export const total = 73;

export const leftOut: LeftOut = {
  "automatic differentiation is not part of Tesserae": [
    "numpy.linalg.det(): gradient",
    "numpy.linalg.inv(): gradient",
    "numpy.linalg.lstsq(): works with jvp",
    "numpy.linalg.lstsq(): works with grad",
  ],
  "a call takes one matrix, not a stack of them": [
    "numpy.linalg.eigvalsh(): supports batched",
    "numpy.linalg.svd(): supports batched",
    "numpy.linalg.inv(): computes inverse of batched",
    "numpy.linalg.solve(): solves random batched",
    "numpy.linalg.matrixNorm(): Frobenius norm batched",
    "numpy.linalg.matrixNorm(): L1 norm batched",
    "numpy.linalg.matrixNorm(): L-infinity norm batched",
    "numpy.linalg.norm(): flattened 2-norm",
  ],
  "norms have no axis": [
    "numpy.linalg.vectorNorm(): axis",
    "numpy.linalg.vectorNorm(): keepdims",
    "numpy.linalg.norm(): vector norm along axis",
    "numpy.linalg.norm(): matrix norm over axis pairs",
    "numpy.linalg.norm(): singular value norms, batched",
    "numpy.linalg.norm(): throws on invalid orders and axes",
  ],
  "matrix norms of order -1, -2 and -Infinity are not offered": [
    "numpy.linalg.matrixNorm(): L-1",
    "numpy.linalg.matrixNorm(): L-negative",
    "numpy.linalg.norm(): matrix norms for 2D",
    "numpy.linalg.norm(): singular value norms",
  ],
  "there is one type of number, float32": [
    "numpy.linalg.inv(): inv preserves input dtype",
    "numpy.linalg.matrixPower(): matrixPower(A, 0) preserves input dtype",
  ],
  "it asks for an error where Tesserae has an answer": [
    "numpy.linalg.svd(): rejects fullMatrices",
    "numpy.linalg.matrixNorm(): Throws on non-supported norms",
  ],
  "of a symmetric matrix the lower triangle is read, as in LAPACK; nothing is symmetrised": [
    "numpy.linalg.cholesky(): symmetrizes",
  ],
};

/** What jax-js calls an array. There are no reference counts here, so a reference is the array itself. */
class JaxArray extends Plain {
  readonly dtype = "float32";
  get ref(): this {
    return this;
  }
  dispose(): void {}
  js(): Nested {
    return this.nested();
  }
  jsAsync(): Promise<Nested> {
    return Promise.resolve(this.nested());
  }
  reshape(shape: readonly number[]): JaxArray {
    const known = shape.reduce((product, n) => (n < 0 ? product : product * n), 1);
    return new JaxArray(shape.map((n) => (n < 0 ? this.size / known : n)), this.data);
  }
  transpose(): JaxArray {
    return wrap(Matrix.from(this).T);
  }
  add(other: JaxArray): JaxArray {
    return wrap(tesserae.addSync(this, other));
  }
  /** By a number, or column by column by a row of them. */
  mul(by: number | JaxArray): JaxArray {
    if (typeof by !== "number") return matmul(this, wrap(Matrix.diag(by.data)));
    return new JaxArray(this.shape, this.data.map((value) => value * by));
  }
}

function wrap(result: Matrix | Float32Array | number): JaxArray {
  if (typeof result === "number") return new JaxArray([], Float32Array.of(result));
  const { shape, data } = read(result);
  return new JaxArray(shape, data);
}

function array(value: Nested | JaxArray): JaxArray {
  if (value instanceof JaxArray) return value;
  const { shape, data } = flatten(value);
  return new JaxArray(shape, data);
}

function matmul(a: JaxArray, b: JaxArray): JaxArray {
  return wrap(tesserae.matmulSync(a, b));
}

interface NormOptions {
  readonly ord?: tesserae.NormOrder | "f";
  readonly keepdims?: boolean;
}

function norm(a: JaxArray, { ord, keepdims = false }: NormOptions = {}): JaxArray {
  const operand = a.shape.length === 1 ? a.data : a, p = ord === "f" ? "fro" : ord;
  const value = wrap(p === undefined ? tesserae.normSync(operand) : tesserae.normSync(operand, p));
  return keepdims ? value.reshape(a.shape.map(() => 1)) : value;
}

/** A chain of products; a vector stands as a row in front and as a column at the end. */
function multiDot(arrays: readonly JaxArray[]): JaxArray {
  const last = arrays.length - 1, inner = arrays.map((a, i) => {
    if (a.shape.length > 1) return a;
    return a.reshape(i === 0 ? [1, -1] : [-1, 1]);
  });
  const [m, n] = [arrays[0]!, arrays[last]!].map((a) => a.shape.length > 1);
  const product = inner.slice(1).reduce(matmul, inner[0]!);
  return product.reshape([...(m ? [product.shape[0]!] : []), ...(n ? [product.shape[1]!] : [])]);
}

const linalg = {
  cholesky: (a: JaxArray) => wrap(tesserae.choleskySync(a).l),
  eigh: (a: JaxArray) => {
    const { values, vectors } = tesserae.eighSync(a);
    return [wrap(values), wrap(vectors)];
  },
  eigvalsh: (a: JaxArray) => wrap(tesserae.eigvalshSync(a)),
  svd: (a: JaxArray) => {
    const { u, s, vt } = tesserae.svdSync(a);
    return [wrap(u), wrap(s), wrap(vt)];
  },
  svdvals: (a: JaxArray) => wrap(tesserae.svdvalsSync(a)),
  det: (a: JaxArray) => wrap(tesserae.detSync(a)),
  slogdet: (a: JaxArray) => {
    const { sign, logAbsDet } = tesserae.slogdetSync(a);
    return [wrap(sign), wrap(logAbsDet)];
  },
  inv: (a: JaxArray) => wrap(tesserae.invSync(a)),
  solve: (a: JaxArray, b: JaxArray) => {
    return wrap(b.shape.length === 1 ? tesserae.solveSync(a, b.data).x : tesserae.solveSync(a, b).x);
  },
  lstsq: (a: JaxArray, b: JaxArray) => {
    return wrap(b.shape.length === 1 ? tesserae.lstsqSync(a, b.data).x : tesserae.lstsqSync(a, b).x);
  },
  multiDot,
  vectorNorm: (x: JaxArray, options?: NormOptions) => norm(x, options),
  matrixNorm: (a: JaxArray, { ord = "fro", keepdims = false }: NormOptions = {}) => {
    const p = ord === "f" ? "fro" : ord, value = wrap(tesserae.normSync(a as tesserae.MatrixLike, p));
    return keepdims ? value.reshape([1, 1]) : value;
  },
  norm,
};

const numpy = {
  array,
  matmul,
  linalg,
  float32: "float32",
  eye: (n: number) => wrap(Matrix.eye(n)),
  matrixTranspose: (a: JaxArray) => a.transpose(),
};

const random = {
  key: (seed: number) => seed,
  normal: (seed: number, [m, n]: readonly [number, number]) => wrap(Matrix.random(m, n, { seed })),
};

/** As in the suite's own setup: shapes equal, and |actual - expected| <= atol + rtol |expected|. */
function toBeAllclose(
  actual: unknown,
  expected: Nested | JaxArray,
  { rtol = 1e-5, atol = 1e-7 }: { rtol?: number; atol?: number } = {},
): { pass: boolean; message: () => string } {
  const [a, b] = [array(actual as Nested | JaxArray), array(expected)];
  const pass = a.shape.join() === b.shape.join() &&
    a.data.every((value, i) => Math.abs(value - b.data[i]!) <= atol + rtol * Math.abs(b.data[i]!));
  const [left, right] = [a, b].map((x) => JSON.stringify(x.nested()));
  return { pass, message: () => `${left} and ${right} are ${pass ? "" : "not "}close` };
}

/** The modules that the file imports. It repeats itself on each device of jax-js; here it runs once. */
export function modules({ describe, it, expect }: Suite): Modules {
  extend({ toBeAllclose });
  const each = () => (_name: string, body: (device: string) => void) => body("cpu");
  return {
    vitest: { suite: Object.assign(describe.bind(undefined), { each }), test: it, expect, beforeEach: () => {} },
    "@jax-js/jax": { numpy, random, init: () => ["cpu"] },
  };
}
