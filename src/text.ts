// A matrix as text.
import { DisposedError } from "./errors.ts";
import type { Matrix } from "./matrix.ts";

const EDGE = 3;

/** Like numpy: four figures, the middle of large matrices left out. */
export function text(matrix: Matrix): string {
  const [m, n] = matrix.shape;
  const head = `Matrix ${m}x${n}`;
  const seen = (size: number): number[] =>
    size <= 2 * EDGE + 1 ? Array.from({ length: size }, (_, i) => i) : [0, 1, 2, -1, size - 3, size - 2, size - 1];
  try {
    const cell = (i: number, j: number): string => i < 0 || j < 0 ? "..." : matrix.at(i, j).toPrecision(4);
    const rows = seen(m).map((i) => i < 0 ? ["..."] : seen(n).map((j) => cell(i, j)));
    const width = Math.max(0, ...rows.flat().map((s) => s.length));
    const lines = rows.map((row) => `[${row.map((s) => s.padStart(width)).join("  ")}]`);
    return [head, ...lines].join("\n  ");
  } catch (error) {
    if (error instanceof DisposedError) return `${head}, disposed`;
    throw error;
  }
}
