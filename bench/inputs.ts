// The matrices that are measured, from seeds: nothing here takes longer than a few reads of the result.
import { addSync, matmulSync, Matrix } from "../src/index.ts";
import type { Operand } from "./files.ts";

/** Reflections on each side: the singular vectors are dense, and no algorithm sees how they were made. */
const REFLECTIONS = 3;

export type Spectrum = (i: number) => number;

/** The numbers of a matrix, which is freed. */
export function taken(matrix: Matrix): Operand {
  using a = matrix;
  const [m, n] = a.shape;
  return { shape: [m, n], data: a.readBlock(0, m, 0, n) };
}

/** A becomes H A or A H with H = I - 2 v vᵀ / vᵀv. */
function reflect(A: Matrix, side: "left" | "right", seed: number): void {
  using v = Matrix.random(side === "left" ? A.shape[0] : A.shape[1], 1, { seed });
  using square = matmulSync(v, v, { transA: true });
  const options = { alpha: -2 / square.at(0, 0), beta: 1, out: A };
  if (side === "left") {
    using w = matmulSync(v, A, { transA: true });
    matmulSync(v, w, options);
  } else {
    using w = matmulSync(A, v);
    matmulSync(w, v, { ...options, transB: true });
  }
}

function reflected(A: Matrix, sides: readonly ("left" | "right")[]): Matrix {
  for (let i = 0; i < REFLECTIONS; i++) sides.forEach((side, j) => reflect(A, side, 101 + 2 * i + j));
  return A;
}

/** m >= n, singular values spectrum(1), spectrum(2), ... */
export function withSpectrum(m: number, n: number, spectrum: Spectrum): Matrix {
  const A = Matrix.zeros(m, n);
  for (let i = 0; i < n; i++) A.writeBlock(i, i, [[spectrum(i + 1)]]);
  return reflected(A, ["left", "right"]);
}

/** Symmetric; definite: with eigenvalues from 1 to 7 times the square root of n. */
export function symmetric(n: number, definite: boolean): Matrix {
  using half = Matrix.random(n, n, { seed: 1 });
  const A = addSync(half, half.T, { alpha: Math.SQRT1_2, beta: Math.SQRT1_2 });
  if (definite) raise(A, 4 * Math.sqrt(n));
  return A;
}

/** Adds to the diagonal. */
export function raise(A: Matrix, by: number): void {
  for (let i = 0; i < Math.min(...A.shape); i++) A.writeBlock(i, i, [[A.at(i, i) + by]]);
}

/** Rows like embeddings of texts: directions that fade, a floor of noise, and a mean. */
export function embeddings(m: number, n: number): Matrix {
  using noise = Matrix.random(m, n, { seed: 2 });
  const fading = taken(Matrix.random(m, n, { seed: 1 })), data = fading.data;
  for (let i = 0; i < data.length; i++) data[i]! *= (1 + i % n) ** -0.6;
  const A = reflected(Matrix.from(data, [m, n]), ["right"]);
  using one = Matrix.from(new Float32Array(m).fill(0.05), [m, 1]);
  using mean = Matrix.random(1, n, { seed: 3 });
  matmulSync(one, mean, { beta: 1, out: A });
  const numbers = noise.readBlock(0, m, 0, n), own = taken(A);
  for (let i = 0; i < numbers.length; i++) own.data[i]! += 0.02 * numbers[i]!;
  return Matrix.from(own.data, [m, n]);
}
