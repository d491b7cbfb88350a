// What an operation takes at most, by its size: whether it is slight enough to run at once.
import type { Device } from "./device.ts";
import type { Matrix } from "./matrix.ts";
import type { Tiled } from "./tune.ts";

/** Factorisations that only a vendor's LAPACK has as one operation. */
export type Whole = "geqrf" | "gesdd" | "syevd";

/** Of the result, and how much work it is. */
export interface Size {
  m: number;
  n: number;
  k: number;
  flops: number;
}

/** Floating point operations or, where none are told, numbers that one thread does in a microsecond: three quarters of
 * what AVX2 does of the products, less of the others. Operations that are not listed may take long whatever their size,
 * and so may those of a vendor's library. */
const rates: Partial<Record<Tiled | Whole, number>> = {
  laset: 2000,
  geadd: 2000,
  colstat: 2000,
  scale: 2000,
  laswp: 2000,
  rand: 30,
  atav: 15_000,
  gemm: 64_000,
  syrk: 40_000,
  trsm: 40_000,
  resid: 3000,
  potrf: 10_000,
  getrf: 3000,
  orth: 500,
  larft: 10_000,
  gemqrt: 20_000,
  syev: 1500,
};
const FLOAT64_SLOWER = 3, PORTABLE_SLOWER = 8, LEAST_MICROSECONDS = 0.5;
/** Numbers that it reads or writes in a microsecond, where they are new to it. */
const MOVED = 4000;

/** What an operation takes at most by these rates. */
export function mostMicroseconds(
  key: Tiled | Whole,
  matrices: readonly Matrix[],
  { m, n, flops }: Size,
  { facts }: Device,
): number {
  const wide = key !== "resid" && matrices.at(-1)!.wide ? FLOAT64_SLOWER : 1;
  const slow = facts.isa === "portable" ? PORTABLE_SLOWER : 1;
  let moved = 0;
  for (const { shape } of matrices) moved += shape[0] * shape[1];
  return LEAST_MICROSECONDS + wide * slow * (flops || m * n) / (rates[key] ?? 0) + moved / MOVED;
}
