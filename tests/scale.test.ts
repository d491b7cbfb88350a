// The bounds on memory: the most that an operation ever holds, in a process of its own, at a size where one copy too
// many shows. bench/scale follows the same operations over all sizes.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jobs } from "../bench/scale/jobs.ts";
import { child } from "./helpers.ts";

const MB = 2 ** 20;

/** Rows and columns by operation. */
const sizes: Readonly<Record<string, readonly [m: number, n: number]>> = {
  "matmul": [2048, 2048],
  "qr": [2048, 2048],
  "cholesky": [5120, 5120],
  "lu": [5120, 5120],
  "svd k=20": [4096, 4096],
  "pca k=20": [4096, 4096],
  "solve": [2048, 2048],
  "inv": [1024, 1024],
  "lstsq, rows 2n": [4096, 2048],
  "eigh": [1024, 1024],
  "svd": [1024, 1024],
  "tall A V, 64 by 16": [400_000, 64],
  "tall AᵀB, 64 by 16": [400_000, 64],
  "tall qr, 64": [400_000, 64],
  "tall svd k=8, 64": [1_000_000, 64],
  "tall pca k=8, 64": [400_000, 64],
  "tall lstsq, 64": [400_000, 64],
  "tall svd, 64": [400_000, 64],
};

describe("the most memory held stays within its bound", () => {
  for (const { name } of jobs.filter((job) => job.name in sizes)) {
    it(`in ${name}`, async () => {
      const [m, n] = sizes[name]!;
      const { peak, bytes, bound } = await child<Record<"peak" | "bytes" | "bound", number>>(
        "../bench/scale/child.ts",
        [name, String(m), String(n), "once"],
      );
      assert.ok(bytes >= 4 * m * n, `${bytes} bytes of inputs and outputs`);
      assert.ok(peak <= bound, `${Math.round(peak / MB)} MB held, bound ${Math.round(bound / MB)} MB`);
    });
  }
});
