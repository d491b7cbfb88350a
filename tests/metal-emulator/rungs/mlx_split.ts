// MLX's GEMM with K split into parts, as its host launches it: the parts, then their sum in order.
import type { Emulator, Launch } from "../emulator.ts";
import { parts, struct, type Transposes, uniform } from "./mlx.ts";

export interface SplitSize {
  readonly trans: Transposes;
  readonly bm: 16 | 32;
  readonly bn: 16 | 32;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly partitions: number;
}

/** Steps of K that the kernel takes at a time. */
const STEP = 16;
/** Errors are counted in parts of this times the sum of the absolute products. */
const BOUND = 8 * 2 ** -24;

export const splitName = ({ trans, bm, bn, m, n, k }: SplitSize): string =>
  `split_${trans}_${bm}_${bn}_${m % bm === 0 && n % bn === 0}_${k % STEP === 0}`;

/** The argument of the parts' kernel. */
export function splitParams({ trans, bm, bn, m, n, k, partitions }: SplitSize): Uint8Array {
  const lda = trans[0] === "t" ? m : k, ldb = trans[1] === "t" ? k : n;
  const iterations = Math.floor(Math.floor(k / STEP) / partitions);
  const across = parts(n, bn), down = parts(m, bm);
  return struct(m, n, k, lda, ldb, n, across, down, partitions, m * n, iterations * STEP, 0, iterations);
}

export const splitGroups = (
  { bm, bn, m, n, partitions }: SplitSize,
): number[] => [parts(n, bn), parts(m, bm), partitions];

/** Runs it on numbers of its own; the worst error in parts of the bound. */
export function runSplit(emulator: Emulator, size: SplitSize, options: Partial<Launch> = {}): number {
  const { trans, m, n, k, partitions } = size, random = uniform(k);
  const a = random(m * k), b = random(k * n);
  const sums = new Float32Array(partitions * m * n).fill(NaN), d = new Float32Array(m * n).fill(NaN);
  emulator.run(splitName(size), {
    groups: splitGroups(size),
    threads: [32, 2, 2],
    buffers: { 0: a, 1: b, 2: sums, 3: splitParams(size) },
    ...options,
  });
  emulator.run("split_sum", {
    groups: [n, m],
    threads: [1],
    buffers: { 0: sums, 1: d, 2: struct(partitions), 3: struct(m * n), 4: struct(n) },
    ...options,
  });
  const [ar, ac] = trans[0] === "t" ? [1, m] : [k, 1], [br, bc] = trans[1] === "t" ? [1, k] : [n, 1];
  let worst = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0, absolute = 0;
      for (let l = 0; l < k; l++) {
        const product = a[i * ar + l * ac]! * b[l * br + j * bc]!;
        sum += product;
        absolute += Math.abs(product);
      }
      const part = Math.abs(sum - d[i * n + j]!) / (BOUND * absolute);
      if (!(part <= worst)) worst = part;
    }
  }
  return worst;
}
