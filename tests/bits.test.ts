// The same bits: for any number of threads, again and again, and in both runtimes.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { choleskySync, matmulSync, Matrix, open, qrSync, svdSync } from "../src/index.ts";
import { sized } from "./device.ts";
import { digests } from "./fixtures/digests.ts";
import { child, sameBits } from "./helpers.ts";
import { runtime } from "./programs.ts";

function digestsWith(threads: number, seed?: number): Record<string, string> {
  using device = open({ threads });
  return digests(device, seed);
}

describe("results", () => {
  const one = digestsWith(1);

  it("have the same bits with any number of threads", () => {
    for (const threads of sized([2, 3, 4], [3])) assert.deepEqual(digestsWith(threads), one, `${threads} threads`);
  });

  it("have the same bits every time", () => {
    using device = open({ threads: 2 });
    for (let time = 0; time < sized(2, 1); time++) assert.deepEqual(digests(device), one);
  });

  it("have other bits for another seed", () => {
    const other = digestsWith(2, 6);
    for (const [name, digest] of Object.entries(one)) assert.notEqual(other[name], digest, name);
  });

  it("have the same bits in Bun and in Deno", async () => {
    assert.deepEqual(await child("fixtures/digests.ts", ["print", "2"], runtime === "bun" ? "deno" : "bun"), one);
  });

  it("do not depend on what ran before or beside them", async () => {
    const a = Matrix.random(sized(500, 150), sized(80, 66), { seed: 1 }), alone = qrSync(a);
    const { qr, matmul, svd } = await import("../src/index.ts");
    const [beside] = await Promise.all([qr(a), matmul(a, a, { transA: true }), svd(a, { k: 5 }), qr(a.T)]);
    sameBits(beside.q.data, alone.q.data, "Q");
    sameBits(beside.r.data, alone.r.data, "R");
  });

  it("do not depend on where in memory the operands lie", () => {
    const a = Matrix.random(130, 67, { seed: 2 }), around = Matrix.zeros(140, 80);
    const inside = around.sub(5, 135, 7, 74);
    inside.writeBlock(0, 0, a);
    sameBits(qrSync(inside).q.data, qrSync(a).q.data, "Q of a view");
    sameBits(svdSync(inside, { k: 3 }).u.data, svdSync(a, { k: 3 }).u.data, "U of a view");
    const g = matmulSync(a, a, { transA: true }), gInside = around.sub(1, 68, 3, 70);
    gInside.writeBlock(0, 0, g);
    sameBits(choleskySync(gInside).l.data, choleskySync(g).l.data, "L of a view");
  });
});
