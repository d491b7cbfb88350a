// ml-matrix: plain JavaScript in float64.
import type { Operand, Operands } from "../files.ts";
import { type Adapter, job, type Make, row } from "./adapter.ts";

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  mmul(other: Matrix): Matrix;
  transpose(): Matrix;
  to1DArray(): number[];
}

/** What is used of the package, which is there only while it is measured. */
interface Package {
  Matrix: { from1DArray(m: number, n: number, data: ArrayLike<number>): Matrix };
  QrDecomposition: new (a: Matrix) => {
    orthogonalMatrix: Matrix;
    upperTriangularMatrix: Matrix;
    solve(b: Matrix): Matrix;
  };
  CholeskyDecomposition: new (a: Matrix) => { lowerTriangularMatrix: Matrix };
  LuDecomposition: new (a: Matrix) => { solve(b: Matrix): Matrix };
  SingularValueDecomposition: new (a: Matrix, o: { autoTranspose: boolean }) => {
    leftSingularVectors: Matrix;
    rightSingularVectors: Matrix;
    diagonal: number[];
  };
  EigenvalueDecomposition: new (a: Matrix, o: { assumeSymmetric: boolean }) => {
    realEigenvalues: number[];
    eigenvectorMatrix: Matrix;
  };
}

const dense = (x: Matrix): Operand => ({ shape: [x.rows, x.columns], data: Float32Array.from(x.to1DArray()) });

export async function adapter(): Promise<Adapter> {
  const name: string = "ml-matrix", ml = await import(name) as Package;
  const on =
    <R>(compute: (x: Record<string, Matrix>) => R, outputs: (r: R) => Record<string, Operand>): Make =>
    (given: Operands) => {
      const x = Object.fromEntries(
        Object.entries(given).map(([key, { shape, data }]) => [key, ml.Matrix.from1DArray(...shape, data)]),
      );
      return job(() => compute(x), outputs);
    };
  const triplets = ({ a }: Record<string, Matrix>) => {
    const d = new ml.SingularValueDecomposition(a!, { autoTranspose: true });
    return { u: d.leftSingularVectors, s: d.diagonal, v: d.rightSingularVectors };
  };
  const parts = ({ u, s, v }: ReturnType<typeof triplets>) => ({ u: dense(u), s: row(s), vt: dense(v.transpose()) });
  const product = on(({ a, b }) => a!.mmul(b!), (c) => ({ c: dense(c) }));
  const turned = on(({ a, b }) => a!.transpose().mmul(b!), (c) => ({ c: dense(c) }));
  const ops: Record<string, Make> = {
    gemm: (given, p) => p.transB || p.lda ? undefined : (p.transA ? turned : product)(given, p),
    qr: on(({ a }) => {
      const d = new ml.QrDecomposition(a!);
      return { q: d.orthogonalMatrix, r: d.upperTriangularMatrix };
    }, ({ q, r }) => ({ q: dense(q), r: dense(r) })),
    cholesky: on(({ a }) => new ml.CholeskyDecomposition(a!).lowerTriangularMatrix, (l) => ({ l: dense(l) })),
    solve: on(({ a, b }) => new ml.LuDecomposition(a!).solve(b!), (x) => ({ x: dense(x) })),
    lstsq: on(({ a, b }) => new ml.QrDecomposition(a!).solve(b!), (x) => ({ x: dense(x) })),
    svd: on(triplets, parts),
    eigh: on(
      ({ a }) => new ml.EigenvalueDecomposition(a!, { assumeSymmetric: true }),
      (d) => ({ values: row(d.realEigenvalues), vectors: dense(d.eigenvectorMatrix) }),
    ),
  };
  return { version: name, ops: Object.fromEntries(Object.entries(ops).map(([op, make]) => [op, { "": make }])) };
}
