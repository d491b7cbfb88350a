// Products of matrices and vectors: numpy's matmul with BLAS's alpha, beta and out.
import { geadd, gemm } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { isFinite } from "./check.ts";
import { ArgumentError, ShapeError } from "./errors.ts";
import { requireNumber, shown, type VectorLike } from "./input.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";

export interface MatmulOptions extends RunOptions {
  transA?: boolean;
  transB?: boolean;
  /** C = alpha A B + beta C; beta needs `out`. Defaults 1 and 0. */
  alpha?: number;
  beta?: number;
  /** Receives the result, which is also returned; no call that has not ended may read it. */
  out?: Matrix;
}

/** The public matmul: options, checks. */
export function* matmulJob(call: Call, a: MatrixLike, b: MatrixLike, o: MatmulOptions): Algorithm<Matrix> {
  const { alpha = 1, beta = 0, out } = o;
  requireNumber(alpha, "alpha", "matmul");
  requireNumber(beta, "beta", "matmul");
  if (out && !(out instanceof Matrix)) {
    throw new ArgumentError(`matmul: out is ${shown(out)}; give a Matrix, as Matrix.zeros(m, n), which it changes`);
  }
  const given = out && call.output(out), left = call.matrix(a), right = call.matrix(b, "B");
  const A = o.transA ? left.T : left;
  const B = o.transB ? right.T : right;
  const m = A.shape[0], n = B.shape[1];
  if (A.shape[1] !== B.shape[0]) {
    throw new ShapeError(
      `matmul: A is ${A.shape.join("x")}, B is ${B.shape.join("x")}; A's ${A.shape[1]} columns must equal B's ${
        B.shape[0]
      } rows`,
    );
  }
  if (beta !== 0 && !out) throw new ArgumentError(`matmul: beta is ${beta}, but there is no out to add to`);
  if (out && (out.shape[0] !== m || out.shape[1] !== n)) {
    throw new ShapeError(`matmul: out is ${out.shape.join("x")}; the product is ${m}x${n}`);
  }
  if (o.checkFinite) {
    for (const [M, name] of [[A, "A"], [B, "B"]] as const) {
      yield* isFinite(M, "matmul", name, true);
    }
  }
  const C = given ?? Matrix.empty(m, n, call.device);
  if (!out) {
    gemm(alpha, A, B, beta, C);
    return C;
  }
  multiply(alpha, A, B, beta, C);
  // Where the user holds the numbers of out, perhaps only since the product is on its way, it went to a copy.
  yield settled();
  if (C.storage.piece !== out.storage.piece) out.writeBlock(0, 0, C);
  return out;
}

/** Into out: that it overlaps an operand is told in the words of matmul. */
function multiply(alpha: number, A: Matrix, B: Matrix, beta: number, C: Matrix): void {
  try {
    gemm(alpha, A, B, beta, C);
  } catch (error) {
    const other = error instanceof ArgumentError && /C and (\w) overlap/.exec(error.message)?.[1];
    if (!other) throw error;
    throw new ArgumentError(`matmul: out and ${other} overlap in memory; give an out that shares none with operands`);
  }
}

/** The public matvec: y = A x, or Aᵀ x. */
export function* matvecJob(
  call: Call,
  a: MatrixLike,
  x: VectorLike,
  o: RunOptions & { trans?: boolean },
): Algorithm<Float32Array> {
  const M = call.matrix(a);
  const A = o.trans ? M.T : M;
  const X = call.column(x, "x");
  if (A.shape[1] !== X.shape[0]) {
    throw new ShapeError(`matvec: A is ${A.shape.join("x")}, x has ${X.shape[0]} numbers; it must have ${A.shape[1]}`);
  }
  if (o.checkFinite) {
    for (const [V, name] of [[A, "A"], [X, "x"]] as const) {
      yield* isFinite(V, "matvec", name, true);
    }
  }
  using y = Matrix.empty(A.shape[0], 1, call.device);
  gemm(1, A, X, 0, y);
  yield settled();
  return y.readBlock(0, A.shape[0], 0, 1);
}

export interface AddOptions extends RunOptions {
  alpha?: number;
  beta?: number;
}

/** The public add: alpha A + beta B. */
export function* addJob(call: Call, a: MatrixLike, b: MatrixLike, o: AddOptions): Algorithm<Matrix> {
  const { alpha = 1, beta = 1 } = o;
  requireNumber(alpha, "alpha", "add");
  requireNumber(beta, "beta", "add");
  const [A, B] = [call.matrix(a), call.matrix(b, "B")];
  if (A.shape[0] !== B.shape[0] || A.shape[1] !== B.shape[1]) {
    throw new ShapeError(`add: A is ${A.shape.join("x")}, B is ${B.shape.join("x")}; they must have the same shape`);
  }
  if (o.checkFinite) { for (const [M, name] of [[A, "A"], [B, "B"]] as const) yield* isFinite(M, "add", name, true); }
  const C = Matrix.empty(A.shape[0], A.shape[1], call.device);
  geadd(1, B, 0, C);
  geadd(alpha, A, beta, C);
  return C;
}
