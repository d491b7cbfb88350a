// Numbers from one end of float32 to the other in one operand: norms, condition and pseudoinverse, by hand.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as la from "../src/index.ts";

describe("operands whose numbers differ by more than float32 holds digits", () => {
  it("have a condition in every norm, beyond float32 too", async () => {
    const orders = [1, 2, "fro", Infinity] as const;
    const known: readonly (readonly [number[][], number])[] = [
      [[[1e20, 0], [0, 1e-20]], 1e40],
      [[[0, 1e-30], [1e30, 0]], 1e60],
      [[[1e32, 0], [0, 1e-32]], 1e64],
      [[[2, 1e30], [0, 2]], 1e60 / 4],
      [[[2e-38, 0], [0, 2e-38]], 1],
    ];
    for (const [a, cond] of known) {
      for (const p of orders) {
        if (p === 2 && cond > 1e38) continue; // its least value is rounding of the largest
        const got = await la.cond(a, { p }), wanted = p === "fro" && cond === 1 ? 2 : cond;
        assert.ok(Math.abs(got / wanted - 1) <= 1e-6, `${a}, ${p}: ${got} where ${wanted} is right`);
        assert.equal(la.condSync(a, { p }), got);
      }
    }
    const ones = la.condSync([[1, 1e-45], [1e-45, 1e38]], { p: 1 });
    assert.ok(Math.abs(ones / 1e38 - 1) <= 1e-6, `${ones}`);
  });

  it("have norms of negative order, as in NumPy", async () => {
    const known: readonly (readonly [number[], number, number])[] = [
      [[1, 4, 1000], -300, 1],
      [[1000, -2, 2], -300, 2 * 2 ** (-1 / 300)],
      [[1e300, 3e-300, 6e-300], -1, 2e-300],
      [[2, 4], -1, 4 / 3],
      [[1, 0, 5], -2, 0],
      [[0, 0], -2, 0],
      [[], -2, 0],
    ];
    for (const [x, p, norm] of known) {
      for (const got of [la.normSync(x, p), await la.norm(x, p)]) {
        assert.ok(Math.abs(got - norm) <= 1e-14 * norm, `${x}, ${p}: ${got} where ${norm} is right`);
      }
    }
  });

  it("have a pseudoinverse", () => {
    const x = la.pinvSync([[5e-8, 2e8], [3e-9, 7e-20]]); // of rank 1: the transpose over σ₁²
    assert.deepEqual([x.data[1], x.data[2]], [0, Math.fround(5e-9)]);
  });
});
