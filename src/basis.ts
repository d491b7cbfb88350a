// Orthonormal bases.
import { geadd } from "./blas.ts";
import { type Algorithm, type Call, type RunOptions, settled } from "./call.ts";
import { isFinite, notANumber } from "./check.ts";
import { ArgumentError, NotConvergedError, ShapeError } from "./errors.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import { factor } from "./qr.ts";

export interface OrthonormalizeOptions extends RunOptions {
  /** What becomes orthonormal. Default columns. */
  axis?: "columns" | "rows";
}

/** The public orthonormalize: the Q of a certified QR, of V or of its transpose. */
export function* orthonormalizeJob(call: Call, v: MatrixLike, o: OrthonormalizeOptions): Algorithm<Matrix> {
  const { axis = "columns" } = o;
  if (axis !== "columns" && axis !== "rows") {
    throw new ArgumentError(`orthonormalize: axis is "${axis}"; it is columns or rows`);
  }
  const M = call.matrix(v);
  const V = axis === "rows" ? M.T : M;
  const [m, n] = V.shape;
  if (n > m) {
    throw new ShapeError(`orthonormalize: ${n} ${axis} of length ${m} cannot be orthonormal; at most ${m} can`);
  }
  if (!(yield* isFinite(V, "orthonormalize", "V", o.checkFinite))) return notANumber(M.shape[0], M.shape[1], M);
  const { Q, R, certified } = yield* factor(V, n, { phase: "orthonormalize" });
  R[Symbol.dispose]();
  if (!certified) {
    throw new NotConvergedError(
      `orthonormalize: this ${m}x${n} matrix could not be certified; please report the matrix`,
    );
  }
  if (axis === "columns") return Q;
  const rows = Matrix.empty(n, m, M.device);
  geadd(1, Q.T, 0, rows);
  yield settled();
  Q[Symbol.dispose]();
  return rows;
}
