// The launches that MLX's host makes of a float32 product, by the last letter of the chip's architecture: its choice of
// tiles, and when it cuts K into parts.
import type { Grid } from "./cost.ts";
import { fusedName, largest, parts, struct, type Tile, type Transposes } from "./mlx.ts";
import { splitGroups, splitName, splitParams, type SplitSize } from "./mlx_split.ts";

export interface ProductShape {
  readonly trans: Transposes;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Base and Pro; Max; Ultra. */
export const chips = ["g", "s", "d"] as const;
export type Chip = (typeof chips)[number];

const FLOAT = 4;
const LARGE = 2 ** 20;

function tileFor({ trans, m, n }: ProductShape, chip: Chip): Tile {
  if (chip === "g" && trans === "nt") return { bm: 64, bn: 32, bk: 32, wm: 2, wn: 2 };
  if (chip !== "d" || m * n >= LARGE) return largest;
  return trans === "nt" ? { bm: 32, bn: 64, bk: 16, wm: 1, wn: 2 } : { bm: 64, bn: 32, bk: 32, wm: 2, wn: 2 };
}

function splitFor({ trans, m, n, k }: ProductShape, chip: Chip): SplitSize | undefined {
  const few = parts(m, 16) * parts(n, 16) <= (chip === "g" ? 1024 : 2048), steps = Math.floor(k / 16);
  if (!few || steps < 8 || k < Math.max(m, n)) return undefined;
  const each = Math.max(1, Math.floor(steps / (parts(m, 32) * parts(n, 32))));
  const partitions = Math.min(Math.max(2, 2 ** Math.ceil(Math.log2(each))), 32);
  return { trans, m, n, k, partitions, bm: m < 40 ? 16 : 32, bn: n < 40 ? 16 : 32 };
}

function fusedGrid({ trans, m, n, k }: ProductShape, tile: Tile): Grid {
  const across = parts(n, tile.bn), down = parts(m, tile.bm), iterations = Math.floor(k / tile.bk);
  const lda = trans[0] === "t" ? m : k, ldb = trans[1] === "t" ? k : n;
  return {
    kernel: fusedName(trans, tile),
    groups: [across, down, 1],
    threads: [32, tile.wn, tile.wm],
    constants: {
      10: false,
      100: false,
      110: false,
      200: m % tile.bm === 0,
      201: n % tile.bn === 0,
      202: k % tile.bk === 0,
    },
    values: { 4: struct(m, n, k, lda, ldb, n, across, down, 0n, 0n, 0n, 0, iterations, 0) },
    lengths: { 0: m * k * FLOAT, 1: k * n * FLOAT, 3: m * n * FLOAT },
    classOf: (group) => {
      const row = Math.floor(group / across) * tile.bm, column = group % across * tile.bn;
      return `${Math.min(tile.bm, m - row)} ${Math.min(tile.bn, n - column)}`;
    },
  };
}

function splitGrids(size: SplitSize): Grid[] {
  const { m, n, k, bm, bn, partitions } = size, groups = splitGroups(size), [across = 1, down = 1] = groups;
  const sums = partitions * m * n * FLOAT;
  const part: Grid = {
    kernel: splitName(size),
    groups,
    threads: [32, 2, 2],
    constants: {},
    values: { 3: splitParams(size) },
    lengths: { 0: m * k * FLOAT, 1: k * n * FLOAT, 2: sums },
    classOf: (group) => {
      const column = group % across * bn, row = Math.floor(group / across) % down * bm;
      const last = Math.floor(group / (across * down)) === partitions - 1;
      return `${Math.min(bm, m - row)} ${Math.min(bn, n - column)} ${last}`;
    },
  };
  const sum: Grid = {
    kernel: "split_sum",
    groups: [n, m],
    threads: [1],
    constants: {},
    values: { 2: struct(partitions), 3: struct(m * n), 4: struct(n) },
    lengths: { 0: sums, 1: m * n * FLOAT },
    classOf: () => "",
  };
  return [part, sum];
}

export function mlxGrids(shape: ProductShape, chip: Chip): Grid[] {
  const split = splitFor(shape, chip);
  return split ? splitGrids(split) : [fusedGrid(shape, tileFor(shape, chip))];
}
