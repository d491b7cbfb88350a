// Matrix: makers, views, blocks, text, and random numbers that are the same everywhere.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Matrix } from "../src/index.ts";
import { every, numbers, sameBits } from "./helpers.ts";

const rows = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]];

/** What a view should show. */
function part(of: readonly (readonly number[])[], r0: number, r1: number, c0: number, c1: number): number[][] {
  return of.slice(r0, r1).map((row) => row.slice(c0, c1));
}

function turned(of: readonly (readonly number[])[]): number[][] {
  return of[0] === undefined ? [] : of[0].map((_, j) => of.map((row) => row[j]!));
}

describe("makers", () => {
  it("make zeros, identities of any shape, diagonals and copies", () => {
    assert.deepEqual(Matrix.zeros(2, 3).toArray(), [[0, 0, 0], [0, 0, 0]]);
    assert.deepEqual(Matrix.eye(2).toArray(), [[1, 0], [0, 1]]);
    assert.deepEqual(Matrix.eye(2, 3).toArray(), [[1, 0, 0], [0, 1, 0]]);
    assert.deepEqual(Matrix.eye(3, 2).toArray(), [[1, 0], [0, 1], [0, 0]]);
    assert.deepEqual(Matrix.diag([1, -2]).toArray(), [[1, 0], [0, -2]]);
    assert.deepEqual(Matrix.diag(Float64Array.of(0.5)).toArray(), [[0.5]]);
    const a = Matrix.from(rows), b = Matrix.from(a), c = a.copy();
    b.data[0] = 50;
    c.data[0] = 60;
    assert.deepEqual([a.at(0, 0), b.at(0, 0), c.at(0, 0)], [1, 50, 60]);
  });
});

it("a share of a part has the part's numbers", () => {
  for (const n of [4, 400]) {
    const a = Matrix.random(n, n, { seed: 1 }), all = a.readBlock(0, n, 0, n), share = a.rows(2, 4).share();
    assert.deepEqual(share.data, all.slice(2 * n, 4 * n), `${n}x${n}`);
  }
});

describe("views", () => {
  const views: Record<string, [(a: Matrix) => Matrix, number[][]]> = {
    "T": [(a) => a.T, turned(rows)],
    "T twice": [(a) => a.T.T, rows],
    "rows": [(a) => a.rows(1, 3), part(rows, 1, 3, 0, 4)],
    "columns": [(a) => a.cols(1, 3), part(rows, 0, 3, 1, 3)],
    "a part": [(a) => a.sub(1, 3, 2, 4), part(rows, 1, 3, 2, 4)],
    "a part of a part": [(a) => a.sub(0, 3, 1, 4).sub(1, 3, 1, 3), part(rows, 1, 3, 2, 4)],
    "a part of T": [(a) => a.T.sub(1, 4, 0, 2), part(turned(rows), 1, 4, 0, 2)],
    "T of a part": [(a) => a.sub(0, 2, 1, 4).T, turned(part(rows, 0, 2, 1, 4))],
    "T of a part of T": [(a) => a.T.sub(1, 3, 1, 3).T, part(rows, 1, 3, 1, 3)],
    "no rows": [(a) => a.rows(2, 2), []],
    "no columns": [(a) => a.cols(4, 4), [[], [], []]],
  };

  it("show their part, by toArray, at, copy and readBlock alike", async () => {
    await every(Object.entries(views), ([name]) => name, ([, [view, want]]) => {
      const seen = view(Matrix.from(rows)), [m, n] = seen.shape;
      assert.equal(m, want.length);
      assert.deepEqual(seen.toArray(), want);
      assert.deepEqual([...seen.copy().data], want.flat());
      assert.deepEqual([...seen.readBlock(0, m, 0, n)], want.flat());
      want.forEach((row, i) => row.forEach((value, j) => assert.equal(seen.at(i, j), value)));
    });
  });

  it("write through to the whole and to nothing else", async () => {
    await every(Object.entries(views), ([name]) => name, ([, [view, want]]) => {
      const whole = Matrix.from(rows), seen = view(whole);
      seen.writeBlock(0, 0, { data: want.flat().map((value) => -value), shape: seen.shape });
      assert.deepEqual(seen.toArray(), want.map((row) => row.map((value) => -value)));
      const inside = new Set(want.flat());
      const all = rows.map((row) => row.map((value) => (inside.has(value) ? -value : value)));
      assert.deepEqual(whole.toArray(), all);
    });
  });

  it("give their numbers without a copy where they lie together", () => {
    const a = Matrix.from(rows);
    assert.deepEqual([...a.rows(1, 2).data], rows[1]);
    assert.equal(a.rows(1, 3).data.buffer, a.data.buffer);
    assert.deepEqual([...a.sub(1, 2, 1, 3).data], [6, 7]);
  });

  it("write blocks from any kind of matrix, at any place", () => {
    const a = Matrix.zeros(3, 4);
    a.writeBlock(1, 2, [[1, 2], [3, 4]]);
    a.writeBlock(0, 0, Matrix.from([[5, 6]]).T);
    a.T.writeBlock(3, 0, { data: Int8Array.of(7), shape: [1, 1] });
    assert.deepEqual(a.toArray(), [[5, 0, 0, 7], [6, 0, 1, 2], [0, 0, 3, 4]]);
  });

  it("overlap safely when a block is written from a view of the same matrix", () => {
    const a = Matrix.from(rows);
    a.writeBlock(0, 0, a.sub(0, 3, 1, 4));
    assert.deepEqual(a.toArray(), [[2, 3, 4, 4], [6, 7, 8, 8], [10, 11, 12, 12]]);
  });
});

describe("text", () => {
  it("shows small matrices whole and leaves out the middle of large ones", () => {
    const small = String(Matrix.from([[1, -0.5], [1e-9, 1e9]]));
    for (const token of ["2x2", "-0.5", "e-9", "e+9"]) assert.ok(small.includes(token), `${token} is not in ${small}`);
    const large = String(Matrix.eye(1000, 2000));
    assert.ok(large.includes("1000x2000") && large.includes("...") && large.length < 2000, large);
    assert.match(String(Matrix.zeros(0, 3)), /0x3/);
  });

  it("is what Deno notebooks and console.log show", async () => {
    const a = Matrix.from([[1, 2]]), { inspect } = await import("node:util");
    const display = Reflect.get(a, Symbol.for("Jupyter.display")) as () => Record<string, string>;
    assert.equal(display.call(a)["text/plain"], String(a));
    assert.equal(inspect(a), String(a));
  });
});

describe("random numbers", () => {
  it("are those of Philox 4x32-10: its published answer for key and counter 0", () => {
    const words = [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8];
    const { data } = Matrix.random(1, 4, { seed: 0, distribution: "uniform" });
    assert.deepEqual([...data], words.map((word) => (word >>> 8) / 2 ** 24));
  });

  it("depend on seed, row and column alone", () => {
    for (const distribution of ["normal", "uniform"] as const) {
      const whole = Matrix.random(40, 30, { seed: 11, distribution }),
        corner = Matrix.random(7, 5, { seed: 11, distribution });
      sameBits(numbers(whole.sub(0, 7, 0, 5)).data, corner.data, `corner of ${distribution}`);
      for (const seed of [0, 12, 11 + 2 ** 32, 2 ** 53 - 1]) {
        const other = Matrix.random(7, 5, { seed, distribution }).data;
        const equal = other.filter((value, at) => value === corner.data[at]).length;
        assert.ok(equal <= 1, `seed ${seed} repeats ${equal} numbers of seed 11`);
      }
    }
  });

  it("are normal by default, with the moments and tails of that distribution", () => {
    const count = 400 * 500, { data } = Matrix.random(400, 500, { seed: 3 });
    const mean = (f: (x: number) => number): number => data.reduce((sum, x) => sum + f(x), 0) / count;
    // Five standard errors of each moment of 200,000 numbers.
    for (const [power, truth, variance] of [[1, 0, 1], [2, 1, 2], [3, 0, 15], [4, 3, 96]] as const) {
      const value = mean((x) => x ** power), error = 5 * Math.sqrt(variance / count);
      assert.ok(Math.abs(value - truth) <= error, `moment ${power} is ${value}`);
    }
    for (const [at, below] of [[-3, 0.0013499], [-1, 0.1586553], [0.5, 0.6914625], [2, 0.9772499]] as const) {
      const value = mean((x) => (x < at ? 1 : 0));
      assert.ok(Math.abs(value - below) <= 5 * Math.sqrt((below * (1 - below)) / count), `below ${at}: ${value}`);
    }
    assert.ok(data.every(Number.isFinite));
  });

  it("are uniform on [0, 1) when asked", () => {
    const count = 300 * 300, { data } = Matrix.random(300, 300, { seed: 4, distribution: "uniform" });
    assert.ok(data.every((x) => x >= 0 && x < 1));
    const tenths = new Float64Array(10);
    for (const x of data) tenths[Math.floor(10 * x)]! += 1;
    // Chi squared with 9 degrees of freedom exceeds 33.7 once in ten thousand seeds.
    const expected = count / 10, chi = tenths.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    assert.ok(chi < 33.7, `chi squared is ${chi}`);
  });
});
