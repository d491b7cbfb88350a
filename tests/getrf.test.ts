// getrf and laswp: LU factors with partial pivoting by the plain loops and the fast ones, on every instruction set, and
// row exchanges against plain JavaScript.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { every } from "./helpers.ts";
import { fill, normal, Random, uniform } from "./matrices.ts";
import * as t from "./metrics.ts";
import { check } from "./statuses.ts";
import { instructionSets, type Operand, options, Raw, type Shape } from "./raw.ts";

const u32: Shape = { type: abi.TSR_U32 };
const inside: Shape = { slack: 3, offset: 5 };
const isas = instructionSets();
const tiles = [abi.TSR_TILE_DEFAULT, abi.TSR_TILE_REFERENCE];

interface Factors {
  readonly A: Operand;
  readonly pivots: number[];
  readonly info: number;
}

function factor(raw: Raw, a: t.Dense, tile: number, chain = 32): Factors {
  const k = Math.min(a.m, a.n), A = raw.matrix(a.m, a.n, inside).fill((i, j) => a.x[i * a.n + j]!);
  const pivots = raw.matrix(1, k, u32), info = raw.matrix(1, 1, u32).fill(() => 77);
  const o = options({ [abi.TSR_OPTION_TILE]: tile, [abi.TSR_OPTION_CHAIN]: chain });
  raw.ok(raw.native.tsr_getrf(raw.context, A.view, pivots.view, info.view, o));
  raw.run();
  for (const x of [A, pivots, info]) assert.equal(x.damage(), -1, "an element outside a view has changed");
  return { A, pivots: [...pivots.values()], info: info.get(0, 0) };
}

/** Fails unless P A = L U within the rounding of one inner product for each element, with |L| <= 1. */
function requireFactors(a: t.Dense, { A, pivots }: Factors): void {
  const { m, n } = a, k = Math.min(m, n), rows = Array.from({ length: m }, (_, i) => i);
  pivots.forEach((p, j) => {
    assert.ok(p >= j && p < m, `pivot ${j} is ${p}`);
    [rows[j], rows[p]] = [rows[p]!, rows[j]!];
  });
  const L = t.map(t.dense(m, k), (_, i, j) => (i === j ? 1 : i > j ? A.get(i, j) : 0));
  const U = t.map(t.dense(k, n), (_, i, j) => (j >= i ? A.get(i, j) : 0));
  assert.ok(t.largest(t.abs(L).x) <= 1, `|L| reaches ${t.largest(t.abs(L).x)}`);
  const product = t.matmul64(L, U), size = t.matmul64(t.abs(L), t.abs(U));
  product.x.forEach((value, at) => {
    const [i, j] = [Math.floor(at / n), at % n], bound = (Math.min(i, j, k) + 2) * t.u * size.x[at]! + t.tiny;
    const wanted = a.x[rows[i]! * n + j]!;
    assert.ok(Math.abs(value - wanted) <= bound, `element (${i},${j}) is ${value}, not ${wanted}; bound ${bound}`);
  });
}

const rounded = (a: t.Dense): t.Dense => t.map(a, Math.fround);

const edges = [0, 1, 2, 7, 31, 32, 33, 63, 64, 65, 96, 97, 130];
const shapes: readonly (readonly [number, number])[] = [
  ...edges.flatMap((n) => [[n, n], [n + 5, n], [n, n + 40]] as const),
  [300, 70],
  [70, 300],
  [2100, 35],
  [4500, 3],
];

const hard: readonly (readonly [string, (n: number) => t.Dense])[] = [
  ["all 0.1", (n) => fill(n, n, () => 0.1)],
  ["0.1 + 0.9 I", (n) => fill(n, n, (i, j) => (i === j ? 1 : 0.1))],
  ["uniform", (n) => uniform(n, n, 4)],
  ["signs", (n) => t.map(normal(n, n, 5), Math.sign)],
  ["rows graded 1e-30 to 1", (n) => t.map(normal(n, n, 6), (value, i) => value * 10 ** ((30 * i) / n - 30))],
  ["of rank 3", (n) => t.matmul64(normal(n, 3, 7), normal(3, n, 8))],
  ["upper triangular", (n) => t.map(normal(n, n, 9), (value, i, j) => (j < i ? 0 : value))],
  ["Wilkinson's growth", (n) => fill(n, n, (i, j) => (i === j || j === n - 1 ? 1 : j < i ? -1 : 0))],
];

describe("getrf", () => {
  for (const tile of tiles) {
    const name = abi.TSR_TILE_DEFAULT === tile ? "fast" : "plain";
    it(`gives factors of any shape, ${name}`, async () => {
      await every(shapes, ([m, n]) => `${m}x${n}`, ([m, n], at) => {
        using raw = new Raw({ isa: isas[at % isas.length]! });
        const a = rounded(normal(m, n, at)), factors = factor(raw, a, tile);
        requireFactors(a, factors);
        assert.equal(factors.info, 0);
      });
    });

    it(`gives factors of hard matrices, ${name}`, async () => {
      await every(hard, ([what]) => what, ([, make], at) => {
        using raw = new Raw({ isa: isas[at % isas.length]! });
        const a = rounded(make(100));
        requireFactors(a, factor(raw, a, tile));
      });
    });

    it(`takes the first of the largest as pivot, ${name}`, () => {
      using raw = new Raw();
      const a = t.dense(3, 2, Float64Array.of(1, 2, 3, 4, -3, 8));
      const { A, pivots, info } = factor(raw, a, tile);
      assert.deepEqual(pivots, [1, 2]);
      assert.deepEqual([...A.values()], [3, 4, -1, 12, ...[1 / 3, (2 - Math.fround(1 / 3) * 4) / 12].map(Math.fround)]);
      assert.equal(info, 0);
    });

    it(`goes on behind a pivot that is 0 and tells the first, ${name}`, () => {
      using raw = new Raw();
      const cases: readonly (readonly [number, t.Dense])[] = [
        [1, t.dense(40, 40)],
        [2, fill(3, 3, (i, j) => (j < 2 ? 1 : i + 1))],
        [41, t.map(rounded(normal(90, 90, 3)), (value, _, j) => (j === 40 ? 0 : value))],
        [3, t.map(rounded(normal(5, 3, 4)), (value, _, j) => (j === 2 ? 0 : value))],
      ];
      for (const [first, a] of cases) {
        const factors = factor(raw, a, tile);
        assert.equal(factors.info, first, `${a.m}x${a.n}`);
        requireFactors(a, factors);
      }
    });

    it(`ends with NaN and infinities, and takes NaN for a pivot only where all is NaN, ${name}`, () => {
      using raw = new Raw();
      const a = rounded(normal(100, 70, 1));
      a.x[0] = NaN;
      const first = factor(raw, a, tile);
      assert.ok(first.pivots[0]! > 0);
      const value = { 0: NaN, 1: Infinity, 2: -Infinity };
      for (const bad of [0, 1, 2] as const) {
        const { pivots } = factor(raw, t.map(a, (x, i) => (i % 3 === bad ? value[bad] : x)), tile);
        assert.ok(pivots.every((p, j) => p >= j && p < 100));
      }
      const zeros = factor(raw, t.dense(3, 1, Float64Array.of(NaN, 0, 0)), tile);
      assert.deepEqual([zeros.pivots, zeros.info], [[1], 1]);
      const all = factor(raw, t.map(a, () => NaN), tile);
      assert.deepEqual(all.pivots, Array.from({ length: 70 }, (_, j) => j));
      assert.equal(all.info, 0);
    });
  }

  it("gives the same bits for any number of threads", () => {
    for (const [m, n] of [[300, 290], [5000, 50], [40, 700]] as const) {
      const a = rounded(normal(m, n, 2));
      const [one, ...others] = [1, 2, 3, 4].map((threads) => {
        using raw = new Raw({ threads });
        const { A, pivots } = factor(raw, a, abi.TSR_TILE_DEFAULT);
        return { numbers: A.values(), pivots };
      });
      for (const other of others) assert.deepEqual(other, one);
    }
  });
});

describe("laswp", () => {
  it("exchanges rows in both orders, of views and transposes, and skips what is no row", async () => {
    const turns = [inside, { ...inside, trans: true }];
    const cases = turns.flatMap((shape) =>
      tiles.flatMap((tile) =>
        [[0, 4, 0], [1, 1, 1], [9, 0, 4], [50, 7, 50], [33, 200, 12], [300, 65, 300]].map((sizes) => ({
          shape,
          tile,
          sizes: sizes as [number, number, number],
        }))
      )
    );
    const name = ({ shape, tile, sizes }: (typeof cases)[number]): string => `${sizes} ${shape.trans} tile ${tile}`;
    await every(cases, name, ({ shape, tile, sizes: [m, n, count] }, at) => {
      using raw = new Raw({ threads: 1 + at % 3 });
      const random = new Random(at), A = raw.matrix(m, n, shape).fill((i, j) => 1000 * i + j), before = A.values();
      const pivots = raw.matrix(1, count, u32).fill((_, j) => j % 5 === 4 ? 2 ** 32 - 1 - j : random.between(0, m - 1));
      const rows = Array.from({ length: m }, (_, i) => i);
      for (let j = 0; j < count; j++) {
        const p = pivots.get(0, j);
        if (p < m) [rows[j], rows[p]] = [rows[p]!, rows[j]!];
      }
      const o = options({ [abi.TSR_OPTION_TILE]: tile });
      const exchange = (direction: number): void => {
        raw.ok(raw.native.tsr_laswp(raw.context, A.view, pivots.view, direction, o));
        raw.run();
        assert.equal(A.damage(), -1);
      };
      exchange(abi.TSR_FORWARD);
      for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) assert.equal(A.get(i, j), 1000 * rows[i]! + j);
      exchange(abi.TSR_BACKWARD);
      assert.deepEqual(A.values(), before);
    });
  });
});

const { TSR_E_ARGUMENT, TSR_E_ALIAS, TSR_E_SHAPE, TSR_E_TYPE } = abi;

check("getrf", [
  [
    "transposed",
    TSR_E_ARGUMENT,
    /getrf: A must not be transposed/,
    (c) => c.n.tsr_getrf(c.c, c.v(3, 3, { trans: true }), c.v(1, 3, u32), c.v(1, 1, u32), c.o),
  ],
  [
    "pivots too many",
    TSR_E_SHAPE,
    /getrf: pivots is 1x4; it must be 1x3/,
    (c) => c.n.tsr_getrf(c.c, c.v(3, 4), c.v(1, 4, u32), c.v(1, 1, u32), c.o),
  ],
  [
    "pivots in a column",
    TSR_E_SHAPE,
    /pivots is 3x1; it must be 1x3/,
    (c) => c.n.tsr_getrf(c.c, c.v(4, 3), c.v(3, 1, u32), c.v(1, 1, u32), c.o),
  ],
  [
    "pivots of floats",
    TSR_E_TYPE,
    /pivots is f32/,
    (c) => c.n.tsr_getrf(c.c, c.v(3, 3), c.v(1, 3), c.v(1, 1, u32), c.o),
  ],
  [
    "info 1x2",
    TSR_E_SHAPE,
    /info is 1x2; it must be 1x1/,
    (c) => c.n.tsr_getrf(c.c, c.v(3, 3), c.v(1, 3, u32), c.v(1, 2, u32), c.o),
  ],
  ["info is a pivot", TSR_E_ALIAS, /pivots and info overlap/, (c) => {
    const pivots = c.v(1, 3, u32), info = pivots.slice();
    info[abi.TSR_VIEW_COLS] = 1;
    return c.n.tsr_getrf(c.c, c.v(3, 3), pivots, info, c.o);
  }],
]);

check("laswp", [
  [
    "a direction",
    TSR_E_ARGUMENT,
    /laswp: direction is 2; it must be 0 \(forward\) or 1/,
    (c) => c.n.tsr_laswp(c.c, c.v(3, 3), c.v(1, 3, u32), 2, c.o),
  ],
  [
    "more pivots than rows",
    TSR_E_SHAPE,
    /pivots is 1x4; it must be 1x3/,
    (c) => c.n.tsr_laswp(c.c, c.v(3, 5), c.v(1, 4, u32), 0, c.o),
  ],
  [
    "two rows of pivots",
    TSR_E_SHAPE,
    /pivots is 2x3; it must be 1x3/,
    (c) => c.n.tsr_laswp(c.c, c.v(3, 5), c.v(2, 3, u32), 0, c.o),
  ],
  [
    "pivots of floats",
    TSR_E_TYPE,
    /pivots is f32/,
    (c) => c.n.tsr_laswp(c.c, c.v(3, 5), c.v(1, 3), 0, c.o),
  ],
]);
