// From orthonormal columns to a basis of the whole space.
import { geadd, rand } from "./blas.ts";
import type { Algorithm } from "./call.ts";
import { NotConvergedError } from "./errors.ts";
import { gramSchmidt } from "./gramschmidt.ts";
import { Matrix } from "./matrix.ts";

const SEED = 3;

/** Q itself where it has so many columns; else a matrix of m x columns that begins with those of Q (which is disposed).
 * */
export function* completed(Q: Matrix, columns: number): Algorithm<Matrix> {
  const [m, k] = Q.shape;
  if (k >= columns) return Q;
  const basis = Matrix.empty(m, columns, Q.device);
  geadd(1, Q, 0, basis.cols(0, k));
  rand("normal", SEED, basis.cols(k, columns));
  using R = Matrix.empty(columns, columns - k, Q.device);
  const certified = yield* gramSchmidt(basis, k, R);
  if (!certified) throw new NotConvergedError(`${k} columns of length ${m} could not be completed to ${columns}`);
  Q[Symbol.dispose]();
  return basis;
}
