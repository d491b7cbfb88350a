// numpy.linalg on Tesserae, as far as the linear algebra suite of numpy-ts uses it.
import * as tesserae from "../../src/index.ts";
import { Matrix } from "../../src/index.ts";
import { flatten, type Nested, Plain, read } from "./array.ts";
import type { Modules, Source } from "./source.ts";
import type { LeftOut, Suite } from "./vitest.ts";

export const source: Source = {
  name: "numpy-ts",
  url: "https://raw.githubusercontent.com/dupontcyborg/numpy-ts/d2d53f0d7873121066b8b95584d4e5d09e73015e/" +
    "tests/unit/linalg.test.ts",
  sha256: "2076e9f54d4db1a73e325510d8328b78534e045e63368ab7a1135e36f51fb30f",
};

/** Tests in the file. */
export const total = 162;

const [products, linalgs, tops] = [
  "Linear Algebra Operations: ",
  "numpy.linalg Module: linalg.",
  "Top-level Linear Algebra Functions: ",
];

export const leftOut: LeftOut = {
  "einsum and tensor products are not part of Tesserae": [
    `${products}einsum()`,
    "einsum_path()",
    `${products}tensordot()`,
    `${linalgs}tensor`,
    `${products}kron()`,
  ],
  "reading diagonals, traces and cross products is not linear algebra that Tesserae does": [
    `${products}trace()`,
    `${products}diagonal()`,
    `${products}diag(): extracts`,
    `${linalgs}trace()`,
    `${linalgs}diagonal()`,
    `${linalgs}cross()`,
  ],
  "an array has at most two axes": [
    `${products}transpose(): works with custom axes`,
    `${linalgs}matrix_transpose(): transposes 3D`,
    `${linalgs}vecdot(): computes vector dot product of 2D arrays`,
    `${linalgs}vector_norm(): computes 2-norm along axis`,
  ],
  "complex numbers are refused": [
    `${tops}vecdot(): conjugates`,
    `${tops}vecdot(): computes complex`,
    `${tops}vecdot(): complex`,
  ],
  "64-bit integers are refused": [`${linalgs}matmul(): computes matrix multiplication with BigInt`],
  "eigenvalues are those of symmetric matrices": [`${linalgs}eig()`, `${linalgs}eigvals()`],
  "base and flags of numpy's views are not offered": [`${products}transpose(): returns a view`],
  "it asks for ten digits after the point; results in float32 have seven": [
    `${linalgs}det(): computes determinant of 2x2`,
    `${linalgs}det(): computes determinant of 3x3`,
    `${linalgs}inv(): computes inverse of 2x2`,
    `${linalgs}slogdet(): computes sign`,
  ],
  "a chain of products is the caller's to write": [`${linalgs}multi_dot(): throws`],
};

/** What numpy-ts calls an array. */
class NumpyArray extends Plain {
  get(at: readonly number[]): number {
    return this.data[at.reduce((sum, i, axis) => sum * this.shape[axis]! + i, 0)]!;
  }
  toArray(): Nested {
    return this.nested();
  }
  dot(other: NumpyArray): NumpyArray | number {
    return dot(this, other);
  }
  inner(other: NumpyArray): NumpyArray | number {
    return inner(this, other);
  }
  outer(other: NumpyArray): NumpyArray {
    return outer(this, other);
  }
  matmul(other: NumpyArray): NumpyArray {
    return matmul(this, other);
  }
  transpose(): NumpyArray {
    return transpose(this);
  }
}

function wrap(result: Matrix | Float32Array): NumpyArray {
  const { shape, data } = read(result);
  return new NumpyArray(shape, data);
}

function array(value: Nested): NumpyArray {
  const { shape, data } = flatten(value);
  return new NumpyArray(shape, data);
}

/** Runs f; an error of Tesserae's also says what numpy-ts says of the same thing, by its code. */
function worded<T>(f: () => T, shapes = "incompatible shapes"): T {
  const words: Readonly<Record<string, string>> = {
    TSR_SHAPE: shapes,
    TSR_SINGULAR: "singular",
    TSR_NOT_POSITIVE_DEFINITE: "not positive definite",
  };
  try {
    return f();
  } catch (error) {
    const word = words[(error as { code?: string }).code ?? ""];
    throw word === undefined ? error : new Error(`${word}: ${(error as Error).message}`, { cause: error });
  }
}

const column = (a: NumpyArray): NumpyArray => new NumpyArray([a.size, 1], a.data);
const row = (a: NumpyArray): NumpyArray => new NumpyArray([1, a.size], a.data);

function matmul(a: NumpyArray, b: NumpyArray): NumpyArray {
  return worded(() => wrap(tesserae.matmulSync(a, b)));
}

function dot(a: NumpyArray, b: NumpyArray, shapes?: string): NumpyArray | number {
  return worded(() => {
    if (a.shape.length === 2) return b.shape.length === 2 ? matmul(a, b) : wrap(tesserae.matvecSync(a, b.data));
    if (b.shape.length === 2) return wrap(tesserae.matvecSync(b, a.data, { trans: true }));
    return tesserae.matvecSync(row(a), b.data)[0]!;
  }, shapes);
}

function inner(a: NumpyArray, b: NumpyArray): NumpyArray | number {
  if (a.shape.length === 1) return dot(a, b, "don't match");
  return wrap(tesserae.matmulSync(a, b, { transB: true }));
}

function outer(a: NumpyArray, b: NumpyArray): NumpyArray {
  return wrap(tesserae.matmulSync(column(a), row(b)));
}

function vdot(a: NumpyArray, b: NumpyArray): number {
  return tesserae.matvecSync(row(a), b.data)[0]!;
}

function transpose(a: NumpyArray): NumpyArray {
  return wrap(Matrix.from(a).T);
}

function solve(a: NumpyArray, b: NumpyArray): NumpyArray {
  return wrap(b.shape.length === 1 ? tesserae.solveSync(a, b.data).x : tesserae.solveSync(a, b).x);
}

function norm(a: NumpyArray, p?: tesserae.NormOrder): number {
  const operand = a.shape.length === 1 ? a.data : a;
  return p === undefined ? tesserae.normSync(operand) : tesserae.normSync(operand, p);
}

function inv(a: NumpyArray): NumpyArray {
  return worded(() => wrap(tesserae.invSync(a)));
}

function power(a: NumpyArray, exponent: number): NumpyArray {
  if (exponent < 0) return power(inv(a), -exponent);
  return Array.from({ length: exponent }, () => a).reduce(matmul, wrap(Matrix.eye(a.shape[0]!)));
}

function qr(a: NumpyArray, mode: "reduced" | "r" = "reduced"): object {
  if (mode === "r") return wrap(tesserae.qrSync(a, { mode }).r);
  const { q, r } = tesserae.qrSync(a);
  return { q: wrap(q), r: wrap(r) };
}

function svd(a: NumpyArray, full = true, vectors = true): object {
  if (!vectors) return wrap(tesserae.svdvalsSync(a));
  const { u, s, vt } = tesserae.svdSync(a, { mode: full ? "complete" : "reduced" });
  return { u: wrap(u), s: wrap(s), vt: wrap(vt) };
}

function lstsq(a: NumpyArray, b: NumpyArray): object {
  const { x, rank } = b.shape.length === 1 ? tesserae.lstsqSync(a, b.data) : tesserae.lstsqSync(a, b);
  return { x: wrap(x), rank };
}

const linalg = {
  qr,
  svd,
  lstsq,
  norm,
  solve,
  matmul,
  outer,
  inv,
  vector_norm: norm,
  matrix_norm: norm,
  vecdot: vdot,
  matrix_transpose: transpose,
  matrix_power: power,
  multi_dot: (arrays: readonly NumpyArray[]) => arrays.reduce(matmul),
  det: (a: NumpyArray) => tesserae.detSync(a),
  cholesky: (a: NumpyArray) => worded(() => wrap(tesserae.choleskySync(a).l)),
  eigh: (a: NumpyArray) => {
    const { values, vectors } = tesserae.eighSync(a);
    return { w: wrap(values), v: wrap(vectors) };
  },
  eigvalsh: (a: NumpyArray) => wrap(tesserae.eigvalshSync(a)),
  cond: (a: NumpyArray) => tesserae.condSync(a),
  matrix_rank: (a: NumpyArray) => tesserae.matrixRankSync(a),
  pinv: (a: NumpyArray) => wrap(tesserae.pinvSync(a)),
  slogdet: (a: NumpyArray) => {
    const { sign, logAbsDet } = tesserae.slogdetSync(a);
    return { sign, logabsdet: logAbsDet };
  },
  svdvals: (a: NumpyArray) => wrap(tesserae.svdvalsSync(a)),
};

const numpy = {
  array,
  dot,
  inner,
  outer,
  vdot,
  transpose,
  linalg,
  diag: (a: NumpyArray) => wrap(Matrix.diag(a.data)),
  matrix_transpose: transpose,
  permute_dims: transpose,
  vecdot: vdot,
  matvec: (a: NumpyArray, x: NumpyArray) => wrap(tesserae.matvecSync(a, x.data)),
  vecmat: (x: NumpyArray, a: NumpyArray) => wrap(tesserae.matvecSync(a, x.data, { trans: true })),
};

/** The modules that the file imports. */
export function modules({ describe, it, expect }: Suite): Modules {
  return { vitest: { describe, it, expect }, "../../src": numpy, "../../src/common/complex": {} };
}
