// Memory: what is dropped or disposed is given back, what is used after that says so, and pending work is never harmed.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as la from "../src/index.ts";
import { Matrix, open } from "../src/index.ts";
import { sized } from "./device.ts";
import { child, every } from "./helpers.ts";

const MB = 2 ** 20;

describe("150 matrices of 20 MB (40 on an emulated device), made and dropped without dispose", () => {
  for (const use of ["", "used", "read"]) {
    for (const loop of ["", "yielding"]) {
      const name = `${use || "left alone"}, in a loop that ${loop ? "yields now and then" : "never yields"}`;
      it(`stay under 400 MB resident when ${name}`, async () => {
        const most = await child<number>("fixtures/memory.ts", ["drop", use, loop]);
        assert.ok(most < 400e6, `${Math.round(most / 1e6)} MB resident at most`);
      });
    }
  }
});

describe("10,000 rounds (2,500 on an emulated device) of making and using", () => {
  for (const [m, n] of sized([[4, 4], [48, 48]], [[20, 20]])) {
    for (const how of ["dispose", "drop"]) {
      it(`and ${how === "drop" ? "dropping" : "disposing"} ${m}x${n} matrices leave nothing behind`, async () => {
        const growth = await child<number>("fixtures/memory.ts", ["rounds", String(m), String(n), how]);
        assert.ok(growth < 64 * MB, `${Math.round(growth / MB)} MB more than after the first thousand`);
      });
    }
  }
});

/** Bytes for which this process asked for large pages; the system lists them on Linux, where it has such pages. */
function askedForLarge(): number {
  const maps = readFileSync("/proc/self/smaps", "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const asked = maps.filter((text) => /^VmFlags:.* hg\b/m.test(text));
  return asked.reduce((sum, text) => sum + 1024 * Number(/^Size: +(\d+)/m.exec(text)![1]), 0);
}

if (existsSync("/sys/kernel/mm/transparent_hugepage/enabled")) {
  it("large matrices lie on large pages, where the system has them, and small ones do not", () => {
    const before = askedForLarge();
    using small = Matrix.random(700, 700);
    assert.equal(askedForLarge(), before, `${small.shape}`);
    using large = Matrix.from(new Float32Array(9 * MB / 4), [9, MB / 4]);
    assert.ok(askedForLarge() - before >= 9 * MB - 4096 * 2, `${large.shape}: ${askedForLarge() - before}`);
  });
}

describe("dispose", () => {
  const sizes = [[1, 1], [30, 40], [300, 400]] as const;

  it("detaches the numbers at once", () => {
    for (const [m, n] of sizes) {
      const a = Matrix.random(m, n), { data } = a;
      assert.equal(data.length, m * n);
      a[Symbol.dispose]();
      assert.deepEqual([data.length, data.buffer.detached], [0, true]);
    }
  });

  it("ends every use with a DisposedError, that of views too", async () => {
    const uses: Record<string, (a: Matrix) => unknown> = {
      data: (a) => a.data,
      at: (a) => a.at(0, 0),
      copy: (a) => a.copy(),
      toArray: (a) => a.toArray(),
      readBlock: (a) => a.readBlock(0, 1, 0, 1),
      writeBlock: (a) => a.writeBlock(0, 0, [[1]]),
      from: (a) => Matrix.from(a),
      matmul: (a) => la.matmulSync(a, [[1], [1]]),
      out: (a) => la.matmulSync([[1], [1]], [[1, 1]], { out: a }),
      qr: (a) => la.qrSync(a),
      svd: (a) => la.svdSync(a, { k: 1 }),
      start: (a) => la.svdSync([[1, 2], [3, 4]], { k: 1, start: a }),
      cholesky: (a) => la.choleskySync(a),
      b: (a) => la.solveSync([[1, 0], [0, 1]], a),
    };
    const promised: Record<string, (a: Matrix) => Promise<unknown>> = {
      matmul: (a) => la.matmul(a, [[1], [1]]),
      qr: (a) => la.qr(a),
      svd: (a) => la.svd(a, { k: 1 }),
      solve: (a) => la.solve(a, [1, 1]),
    };
    const views: Record<string, (a: Matrix) => Matrix> = {
      itself: (a) => a,
      "its transpose": (a) => a.T,
      "a part": (a) => a.sub(0, 2, 0, 2),
    };
    for (const [which, view] of Object.entries(views)) {
      const a = Matrix.from([[2, 1], [1, 2]]), seen = view(a);
      const usable = Object.entries(uses).filter(([name]) => name !== "data" || which !== "its transpose");
      a[Symbol.dispose]();
      await every(
        usable,
        ([name]) => `${name} of ${which}`,
        ([, use]) => assert.throws(() => use(seen), la.DisposedError),
      );
      await every(
        Object.entries(promised),
        ([name]) => `${name} of ${which}`,
        ([, use]) => assert.rejects(use(seen), la.DisposedError),
      );
      assert.match(String(seen), /2x2.*disposed/);
    }
  });

  it("may be repeated, and of a view only drops the view", () => {
    const a = Matrix.from([[1, 2], [3, 4]]), part = a.cols(0, 1);
    part[Symbol.dispose]();
    a.T[Symbol.dispose]();
    assert.deepEqual([a.at(1, 0), part.at(1, 0)], [3, 3]);
    a[Symbol.dispose]();
    a[Symbol.dispose]();
  });

  it("does not reach copies, results or neighbours", () => {
    const a = Matrix.from([[1, 2], [3, 4]]),
      b = Matrix.from([[5, 6], [7, 8]]),
      c = a.copy(),
      p = la.matmulSync(a, Matrix.eye(2));
    a[Symbol.dispose]();
    Matrix.from([[9, 9], [9, 9]]);
    assert.deepEqual([b, c, p].map((m) => m.toArray()), [[[5, 6], [7, 8]], [[1, 2], [3, 4]], [[1, 2], [3, 4]]]);
  });

  it("of zeros gives zeros again, whatever the memory held", () => {
    for (const [m, n] of sizes) {
      for (let time = 0; time < 5; time++) {
        using a = Matrix.zeros(m, n);
        assert.ok(a.data.every((value) => value === 0), `${m}x${n}, time ${time}`);
        a.data.fill(NaN);
      }
    }
  });
});

describe("data", () => {
  it("is the memory itself: writes to it are seen by operations, and results by it", async () => {
    for (const n of [2, 200]) {
      const a = Matrix.eye(n), out = Matrix.zeros(n, n), seen = out.data;
      a.data[1] = 5;
      la.matmulSync(a, a, { out });
      assert.deepEqual([seen[0], seen[1]], [1, 10], "out, blocking");
      a.data[1] = 6;
      await la.matmul(a, Matrix.eye(n), { out });
      assert.equal(seen[1], 6, "out, promised");
      assert.equal(out.at(0, 1), 6);
    }
  });

  it("of out may be taken while the product is pending", async () => {
    for (const n of [8, 400]) {
      const a = Matrix.random(n, n, { seed: 1 }),
        out = Matrix.zeros(n, n),
        promise = la.matmul(a, Matrix.eye(n), { out });
      const seen = out.data;
      await promise;
      assert.deepEqual([seen[n + 1], out.at(1, 1)], [a.at(1, 1), a.at(1, 1)], `${n}`);
    }
  });

  it("of one view and of the whole are the same memory", () => {
    const a = Matrix.zeros(4, 3);
    a.rows(1, 3).data[0] = 7;
    assert.deepEqual([a.at(1, 0), a.data[3]], [7, 7]);
    a.data[3] = 8;
    assert.equal(a.rows(1, 2).at(0, 0), 8);
  });

  it("that was transferred away is missed at the next use", async () => {
    for (const n of [2, 200]) {
      const a = Matrix.eye(n), moved = structuredClone(a.data, { transfer: [a.data.buffer] });
      assert.equal(moved.length, n * n);
      assert.throws(() => la.matmulSync(a, a), la.DisposedError);
      await assert.rejects(la.qr(a), la.DisposedError);
      assert.throws(() => a.data, la.DisposedError);
      a[Symbol.dispose]();
      assert.equal(la.matmulSync({ data: moved, shape: [n, n] }, Matrix.eye(n)).at(1, 1), 1);
    }
  });
});

describe("pending work", () => {
  it("is right or refused when its operands are disposed, dropped, transferred or overwritten", async () => {
    const results = await child<Record<string, string>>("fixtures/pending.ts");
    const mayFail = /transferred/;
    await every(Object.entries(results), ([name]) => name, ([name, result]) => {
      if (name === "closed") {
        assert.match(result, /^(DisposedError|DeviceError|right)( (DisposedError|DeviceError))* numbers stay$/);
      } else if (/transferred before/.test(name)) assert.equal(result, "DisposedError");
      else assert.ok(result === "right" || (mayFail.test(name) && result === "DisposedError"), result);
    });
    assert.equal(Object.keys(results).length, 19);
  });
});

describe("close", () => {
  it("ends the matrices of the device, leaves their numbers to their owner, and other devices alone", () => {
    const kept = Matrix.eye(300);
    const device = open({ threads: 2 });
    const own = [3, 300].map((n) => Matrix.eye(n, n, { device })), views = own.map((m) => m.data);
    device.close();
    device.close();
    assert.deepEqual(views.map((view) => [view.length, view.at(-1)]), [[9, 1], [90000, 1]]);
    for (const m of own) assert.throws(() => la.matmulSync(m, m), la.DisposedError);
    own.forEach((m) => m[Symbol.dispose]());
    assert.equal(la.matmulSync(kept, kept).at(299, 299), 1);
  });

  it("makes room: more devices than fit at once can be opened one after another", () => {
    for (let i = 0; i < sized(1000, 300); i++) {
      using device = open({ threads: 1 });
      assert.equal(Matrix.eye(2, 2, { device }).at(1, 1), 1);
    }
  });
});

it("a matrix of more than 4 GiB has its numbers", () => {
  const [m, n] = sized([32768, 32769], [300, 300]), a = Matrix.zeros(m, n), last = [[1, 2], [3, 4]];
  a.writeBlock(0, 0, [[5]]);
  a.writeBlock(m - 2, n - 2, last);
  assert.deepEqual(a.sub(m - 2, m, n - 2, n).toArray(), last);
  assert.deepEqual([a.at(0, 0), a.at(0, 1)], [5, 0]);
  a[Symbol.dispose]();
});
