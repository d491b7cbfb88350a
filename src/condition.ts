// Norms of a matrix, and the condition of a factored one: Higham's estimate of ‖A⁻¹‖₁ (Higham 1988, LAPACK lacn2).
import { type Algorithm, settled } from "./call.ts";
import { Matrix } from "./matrix.ts";

/** Frobenius norm and largest sum of a column. NaN or Inf where A has one, and only there. */
export interface Norms {
  readonly frobenius: number;
  readonly one: number;
}

/** Waits for the queue and reads A once. */
export function* norms(A: Matrix): Algorithm<Norms> {
  yield settled();
  const { numbers, down, across } = A.lines(), [m, n] = A.shape;
  const turned = across !== 1;
  const [lines, length, step] = turned ? [n, m, across] : [m, n, down];
  const sums = new Float64Array(length);
  let [squares, longest] = [0, 0];
  for (let i = 0; i < lines; i++) {
    const at = i * step;
    let [even, odd, total] = [0, 0, 0];
    // Two chains of additions: one alone would wait for itself.
    for (let j = 0; j + 1 < length; j += 2) {
      const x = Math.abs(numbers[at + j]!), y = Math.abs(numbers[at + j + 1]!);
      sums[j]! += x;
      sums[j + 1]! += y;
      total += x + y;
      even += x * x;
      odd += y * y;
    }
    if (length % 2 === 1) {
      const x = Math.abs(numbers[at + length - 1]!);
      sums[length - 1]! += x;
      total += x;
      even += x * x;
    }
    squares += even + odd;
    if (turned && !(total <= longest)) longest = total;
  }
  for (let j = 0; j < length && !turned; j++) if (!(sums[j]! <= longest)) longest = sums[j]!;
  return { frobenius: Math.sqrt(squares), one: Number.isFinite(squares) ? longest : NaN };
}

/** Solves with a matrix and with its transpose, in place. */
export interface Solver {
  solve(B: Matrix): void;
  solveTransposed(B: Matrix): void;
}

/** Encodes the two solves that the estimate needs in any case. */
export function beginEstimate(n: number, A: Matrix, f: Solver): Matrix {
  const V = Matrix.hosted(n, 2, A.device), v = V.host();
  for (let i = 0; i < n; i++) {
    v[2 * i] = 1 / n;
    v[2 * i + 1] = (i % 2 === 0 ? 1 : -1) * (1 + i / Math.max(1, n - 1));
  }
  f.solve(V);
  return V;
}

/** 1/(‖A‖₁ est ‖A⁻¹‖₁) once the solves of V have run. */
export function* reciprocalCondition(one: number, V: Matrix, f: Solver): Algorithm<number> {
  const n = V.shape[0];
  if (n === 0) return Infinity;
  const inverse = yield* inverseNorm(n, V, f);
  return one === 0 ? 0 : 1 / one / inverse;
}

/** A lower bound, rarely below a third of it. */
function* inverseNorm(n: number, V: Matrix, f: Solver): Algorithm<number> {
  const begun = V.host();
  using W = Matrix.hosted(n, 1, V.device);
  const w = W.host().subarray(0, n), signs = new Float32Array(n);
  let [estimate, alternating] = [0, 0];
  for (let i = 0; i < n; i++) {
    estimate += Math.abs(begun[2 * i]!);
    alternating += Math.abs(begun[2 * i + 1]!);
    signs[i] = begun[2 * i]! < 0 ? -1 : 1;
  }
  for (let step = 0, at = -1; step < 5; step++) {
    w.set(signs);
    f.solveTransposed(W);
    yield settled();
    const next = largest(w);
    if (next === at) break;
    at = next;
    w.fill(0);
    w[at] = 1;
    f.solve(W);
    yield settled();
    let [length, changed] = [0, false];
    for (let i = 0; i < n; i++) {
      const x = w[i]!, sign = x < 0 ? -1 : 1;
      length += Math.abs(x);
      changed ||= sign !== signs[i];
      signs[i] = sign;
    }
    if (!(length > estimate)) break;
    estimate = length;
    if (!changed) break;
  }
  return Math.max(estimate, 2 * alternating / (3 * n));
}

function largest(v: Float32Array): number {
  let best = 0;
  for (let i = 1; i < v.length; i++) if (Math.abs(v[i]!) > Math.abs(v[best]!)) best = i;
  return best;
}
