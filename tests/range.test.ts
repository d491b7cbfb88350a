// Numbers from one end of float32 to the other in one operand: norms, condition and pseudoinverse, by hand.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as la from "../src/index.ts";

describe("operands whose numbers differ by more than float32 holds digits", () => {
  it("have a pseudoinverse", () => {
    const x = la.pinvSync([[5e-8, 2e8], [3e-9, 7e-20]]); // of rank 1: the transpose over σ₁²
    assert.deepEqual([x.data[1], x.data[2]], [0, Math.fround(5e-9)]);
  });
});
