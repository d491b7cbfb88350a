// Calls on their way: nobody changes their operands, every error of theirs is told, and there may be many of them.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as abi from "../ffi/symbols.ts";
import * as la from "../src/index.ts";
import { type Device, Matrix, open } from "../src/index.ts";
import { sized } from "./device.ts";
import { sameBits } from "./helpers.ts";

const n = sized(400, 100);

describe("a matrix that a call on its way reads", () => {
  it("takes no numbers until the call has ended, and the call is right", async () => {
    const a = Matrix.random(n, n, { seed: 1 }), other = Matrix.random(n, n, { seed: 2 }), eye = Matrix.eye(n);
    const truth = la.svdSync(a, { k: 5 }), pending = la.svd(a, { k: 5 });
    assert.throws(() => a.writeBlock(0, 0, other), /writeBlock: .*await/);
    assert.throws(() => a.rows(0, 2).writeBlock(0, 0, [[1]]), la.ArgumentError, "a part of it");
    assert.throws(() => la.matmulSync(eye, other, { out: a }), /matmul: .*out/);
    await assert.rejects(la.matmul(eye, other, { out: a }), la.ArgumentError);
    sameBits((await pending).u.data, truth.u.data, "U");
    a.writeBlock(0, 0, other);
    assert.equal(a.at(0, 0), other.at(0, 0));
    sameBits((await la.matmul(eye, other, { out: a })).readBlock(0, n, 0, n), other.data, "written again");
  });

  it("is free again when the call was aborted or failed", async () => {
    const a = Matrix.random(n, n, { seed: 1 }), controller = new AbortController();
    const aborted = la.svd(a, { k: 5, signal: controller.signal });
    controller.abort(new Error("enough"));
    await assert.rejects(aborted, /enough/);
    await assert.rejects(la.solve(a, Matrix.zeros(3, 1)), la.ShapeError);
    a.writeBlock(0, 0, [[7]]);
    assert.equal(a.at(0, 0), 7);
  });

  it("takes none from the callback of a blocking call either", () => {
    const a = Matrix.random(n, n, { seed: 1 });
    assert.throws(() => la.svdSync(a, { k: 5, onProgress: () => a.writeBlock(0, 0, [[1]]) }), /writeBlock/);
    a.writeBlock(0, 0, [[1]]);
  });
});

it("a matrix that a call on its way writes takes no other numbers", async () => {
  const large = Matrix.random(3 * n, 3 * n, { seed: 3 }), out = Matrix.zeros(3 * n, 3 * n);
  const pending = la.matmul(large, large, { out });
  assert.throws(() => out.writeBlock(0, 0, [[1]]), la.ArgumentError);
  await pending;
  out.writeBlock(0, 0, [[1]]);
  assert.equal(out.at(0, 0), 1);
});

/** From now on the ticket of one submission on this device ends for want of memory; counts them. */
function fail(device: Device, which: number): () => number {
  const { native } = device;
  let [count, bad] = [0, 0];
  const intercepted: Partial<typeof native> = {
    tsr_submit: (context, mode, ticket) => {
      const status = native.tsr_submit(context, mode, ticket);
      if (count++ !== which) return status;
      bad = (ticket as Uint32Array)[0]!;
      return mode === abi.TSR_INLINE ? abi.TSR_E_MEMORY : status;
    },
    tsr_wait: (context, ticket, seconds) => {
      const status = native.tsr_wait(context, ticket, seconds);
      return ticket === bad && status === abi.TSR_OK ? abi.TSR_E_MEMORY : status;
    },
  };
  Object.defineProperty(device, "native", { value: { ...native, ...intercepted } });
  return () => count;
}

it("a call whose work ended early at any place rejects", async () => {
  const rows = sized(4000, 600), cols = sized(256, 96);
  for (let which = 0;; which++) {
    const device = open({ threads: 1 }), a = Matrix.random(rows, cols, { device, seed: 4 });
    const submissions = fail(device, which), call = la.qr(a);
    if (which > 0 && which >= await call.then(submissions, () => Infinity)) {
      assert.ok(which >= 3, `only ${which} submissions`);
      device.close();
      return;
    }
    await assert.rejects(call, la.OutOfMemoryError, `submission ${which}`);
    device.close();
  }
});

it("thousands of promised calls at once run, and in their order", async () => {
  const count = 5000, size = sized(3500, 400), large = Matrix.random(size, size, { seed: 5 });
  const before = la.matmul(large, large),
    sum = Matrix.zeros(2, 2),
    one = Matrix.eye(2),
    half = Matrix.from([[0.5, 0], [0, 0.5]]);
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < count; i++) {
    // sum becomes i, then half of it: another order would give another number
    const up = Matrix.from([[i, 0], [0, i]]);
    calls.push(la.matmul(one, up, { out: sum }));
    if (i === count - 1) calls.push(la.matmul(half, up, { out: sum, beta: 1 }));
  }
  await Promise.all([before, ...calls]);
  assert.equal(sum.at(0, 0), 1.5 * (count - 1));
});
