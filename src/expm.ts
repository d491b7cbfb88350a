// The matrix exponential by scaling and squaring with Padé approximants (Higham 2005).
import { geadd, gemm, laset } from "./blas.ts";
import { type Algorithm, type Call, progress, type RunOptions, settled } from "./call.ts";
import { isFinite, notANumber, requireInRange } from "./check.ts";
import { requireSquare } from "./cholesky.ts";
import { norms } from "./condition.ts";
import { NotConvergedError } from "./errors.ts";
import { factorLu, solveLu } from "./lu.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";

/** Diagonal Padé approximants of exp: the largest 1-norm at which rounding to float32 exceeds their error, and the
 * coefficients of 1, A, A², ... in the numerator over the first; the denominator has odd ones negative. */
const APPROXIMANTS = [
  { theta: 0.4258730016922831, coefficients: [120, 60, 12, 1] },
  { theta: 1.880152677804762, coefficients: [30240, 15120, 3360, 420, 30, 1] },
  { theta: 3.92572478313866, coefficients: [17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1] },
] as const;

/** Even and odd parts of the numerator: V = b₀ I + b₂ A² + ..., U = A (b₁ I + b₃ A² + ...). */
function parts(A: Matrix, b: readonly number[]): { U: Matrix; V: Matrix } {
  const n = A.shape[0];
  const make = (): Matrix => Matrix.empty(n, n, A.device);
  const [U, V] = [make(), make()];
  using odd = make();
  using A2 = make();
  gemm(1, A, A, 0, A2);
  laset("full", 0, b[1]! / b[0]!, odd);
  laset("full", 0, 1, V);
  let power = A2.share();
  for (let i = 2; i < b.length; i += 2) {
    geadd(b[i]! / b[0]!, power, 1, V);
    geadd(b[i + 1]! / b[0]!, power, 1, odd);
    if (i + 2 >= b.length) break;
    const next = make();
    gemm(1, power, A2, 0, next);
    power[Symbol.dispose]();
    power = next;
  }
  power[Symbol.dispose]();
  gemm(1, A, odd, 0, U);
  return { U, V };
}

/** exp(A) = (V − U)⁻¹ (V + U) for a matrix of norm at most theta. */
function* pade(A: Matrix, b: readonly number[]): Algorithm<Matrix> {
  const n = A.shape[0];
  const { U, V } = parts(A, b);
  using odd = U;
  using even = V;
  const X = Matrix.empty(n, n, A.device);
  geadd(1, even, 0, X);
  geadd(1, odd, 1, X);
  geadd(-1, odd, 1, even);
  using f = yield* factorLu(even);
  if (f.zero > 0) {
    throw new NotConvergedError(
      `expm: the denominator for this ${n}x${n} matrix is singular; please report the matrix`,
    );
  }
  solveLu(f, X);
  return X;
}

/** The public expm. */
export function* expmJob(call: Call, a: MatrixLike, o: RunOptions): Algorithm<Matrix> {
  const A = call.matrix(a);
  const n = requireSquare(A, "expm");
  if (!(yield* isFinite(A, "expm", "A", o.checkFinite))) return notANumber(n, n, A);
  const { one: norm } = yield* norms(A);
  const last = APPROXIMANTS[APPROXIMANTS.length - 1]!;
  const { theta, coefficients } = APPROXIMANTS.find((approximant) => norm <= approximant.theta) ?? last;
  const squarings = norm > theta ? Math.ceil(Math.log2(norm / theta)) : 0;
  using S = Matrix.empty(n, n, A.device);
  geadd(2 ** -squarings, A, 0, S);
  let X = yield* pade(S, coefficients);
  for (let i = 0; i < squarings; i++) {
    const next = Matrix.empty(n, n, A.device);
    gemm(1, X, X, 0, next);
    X[Symbol.dispose]();
    X = next;
    yield progress("expm", i + 1, squarings);
  }
  yield settled();
  yield* requireInRange(X, "expm", "the exponential");
  return X;
}
