// atav: Y = A V and Z = A'Y, by the plain loops and in one pass over A, on every instruction set: each product within
// the bound of gemm.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { productBound } from "./contracts.ts";
import { testDevice, thinned } from "./device.ts";
import { every } from "./helpers.ts";
import { Random } from "./matrices.ts";
import { instructionSets, type Operand, options, Raw } from "./raw.ts";
import { check } from "./statuses.ts";

const u = 2 ** -24;
const trans = { trans: true };

interface Case {
  /** A is m x n, V n x k. */
  readonly size: readonly [m: number, n: number, k: number];
  /** Which of the operands are transposed. */
  readonly turned?: string;
  readonly constant?: boolean;
  /** Whether the CPU reads A once. */
  readonly once: boolean;
}

/** Around the borders of tiles, panels, blocks of rows, parts, and of what pays. */
const cases: readonly Case[] = [
  ...[[1, 1], [1, 9], [7, 1], [31, 33], [33, 1023], [257, 1025], [1029, 77], [3, 16384], [70, 5000]].map(([m, n]) => ({
    size: [m!, n!, 1] as const,
    once: true,
  })),
  { size: [700, 301, 1], turned: "VZ", once: true },
  { size: [4100, 40, 1], constant: true, once: true },
  ...[[8200, 64, 2], [729, 720, 3], [1025, 512, 5], [30000, 19, 7], [530, 1000, 8], [129, 4097, 8], [33, 16384, 8]].map(
    ([m, n, k]) => ({ size: [m!, n!, k!] as const, once: true }),
  ),
  ...[[723, 727, 9], [1024, 1023, 12], [4100, 131, 16], [260, 2048, 16]].map(([m, n, k]) => ({
    size: [m!, n!, k!] as const,
    once: true,
  })),
  { size: [600, 900, 7], turned: "VZ", once: true },
  { size: [600, 901, 13], turned: "VZ", once: true },
  { size: [1200, 700, 16], constant: true, once: true },
  { size: [5000, 105, 6], turned: "Z", constant: true, once: true },
  { size: [900, 700, 8], turned: "V", constant: true, once: true },
  { size: [723, 725, 8], turned: "A", once: false },
  { size: [723, 725, 8], turned: "Y", once: false },
  { size: [723, 727, 17], once: false },
  { size: [260, 2049, 9], once: false },
  { size: [720, 720, 8], once: false },
  { size: [2, 16385, 1], once: false },
  { size: [33, 16385, 8], once: false },
  { size: [0, 5, 3], once: false },
  { size: [5, 0, 3], once: false },
  { size: [5, 4, 0], once: false },
  { size: [0, 0, 1], once: false },
];

interface Result {
  readonly A: Operand;
  readonly V: Operand;
  readonly Y: Operand;
  readonly Z: Operand;
  readonly tile: number;
}

/** Runs a case on numbers from a seed, every operand inside canaries; Y and Z hold NaN before. */
function run(
  raw: Raw,
  c: Case,
  words: Readonly<Record<number, number>> = {},
  change: (r: Result) => void = () => {},
): Result {
  const [m, n, k] = c.size, random = new Random(m + 3 * n + 5 * k);
  const next = c.constant ? () => 0.1 : () => Math.fround(2 * random.uniform() - 1);
  const make = (name: string, rows: number, cols: number): Operand =>
    raw.matrix(rows, cols, { slack: 3, offset: 5, trans: c.turned?.includes(name) ?? false });
  const A = make("A", m, n).fill(next), V = make("V", n, k).fill(next);
  const Y = make("Y", m, k).fill(() => NaN), Z = make("Z", n, k).fill(() => NaN);
  change({ A, V, Y, Z, tile: 0 });
  const before = [A, V].map(({ data }) => data.slice());
  raw.ok(raw.native.tsr_atav(raw.context, A.view, V.view, Y.view, Z.view, options(words)));
  raw.run();
  assert.deepEqual([A, V].map(({ data }) => data), before, "an input has changed");
  for (const x of [Y, Z]) assert.equal(x.damage(), -1, "an element outside a view has changed");
  const [[, tile] = [0, 0]] = raw.trace();
  return { A, V, Y, Z, tile };
}

/** Each element of C = X B within so many u |X||B|; element (i,l) of X at x(i, l). */
function judge(
  what: string,
  C: Operand,
  depth: number,
  x: (i: number, l: number) => number,
  B: Operand,
  bound: number,
) {
  const b = B.values(), k = C.n, sums = new Float64Array(k), sizes = new Float64Array(k);
  for (let i = 0; i < C.m; i++) {
    sums.fill(0);
    sizes.fill(0);
    for (let l = 0; l < depth; l++) {
      const value = x(i, l);
      for (let j = 0; j < k; j++) {
        sums[j]! += value * b[l * k + j]!;
        sizes[j]! += Math.abs(value * b[l * k + j]!);
      }
    }
    for (let j = 0; j < k; j++) {
      const error = Math.abs(C.get(i, j) - sums[j]!);
      assert.ok(error <= bound * u * sizes[j]!, `${what} (${i},${j}): ${error / u / sizes[j]!} u, bound ${bound}`);
    }
  }
}

function judgeBoth(c: Case, { A, V, Y, Z }: Result, bound: (depth: number) => number): void {
  const [m, n] = c.size, a = A.values();
  judge("Y", Y, n, (i, l) => a[i * n + l]!, V, bound(n));
  judge("Z", Z, m, (i, l) => a[l * n + i]!, Y, bound(m));
}

const onCpu = testDevice().name !== "metal";
const isas = onCpu ? instructionSets() : [abi.TSR_ISA_BEST];
const titleOf = ({ size, turned = "", constant }: Case): string =>
  `${size.join("x")} ${turned}${constant ? " constant" : ""}`;

describe("atav", () => {
  for (const isa of isas) {
    for (const chain of [0, 32]) {
      it(`keeps both products within their bounds, isa ${isa}, chain ${chain}`, async () => {
        using raw = new Raw({ isa });
        await every(thinned(cases, 4), titleOf, (c) => {
          const result = run(raw, c, { [abi.TSR_OPTION_CHAIN]: chain });
          judgeBoth(c, result, (depth) => productBound(depth, chain || 256));
          if (onCpu) assert.equal(result.tile === abi.TSR_TILE_DEVICE, c.once, `tile ${result.tile}`);
        });
      });
    }
  }

  it("rounds once in the plain loop", async () => {
    using raw = new Raw();
    const words = { [abi.TSR_OPTION_TILE]: abi.TSR_TILE_REFERENCE };
    await every(
      cases.filter(({ size: [m, n] }) => m * n < 2e5),
      titleOf,
      (c) => judgeBoth(c, run(raw, c, words), () => 1),
    );
  });

  it("gives the same bits for any number of threads", async () => {
    using one = new Raw({ threads: 1 });
    for (const threads of [2, 3]) {
      using more = new Raw({ threads });
      await every(cases.filter(({ once }) => once), titleOf, (c) => {
        const [x, y] = [run(one, c), run(more, c)];
        assert.deepEqual(y.Y.data, x.Y.data);
        assert.deepEqual(y.Z.data, x.Z.data);
      });
    }
  });

  it("gives 0 where there is nothing to add", () => {
    using raw = new Raw();
    assert.ok(run(raw, { size: [0, 5, 3], once: false }).Z.values().every((x) => x === 0));
    assert.ok(run(raw, { size: [5, 0, 3], once: false }).Y.values().every((x) => x === 0));
  });

  it("puts NaN and infinities where they belong", () => {
    using raw = new Raw();
    for (const k of [1, 3, 8, 9, 16, 17]) {
      const c = { size: [1100, 509, k], once: true } as const;
      const spoiled = run(raw, c, {}, ({ A }) => A.data[A.at(700, 508)] = NaN);
      spoiled.Y.values().forEach((x, at) => assert.equal(Number.isNaN(x), Math.floor(at / k) === 700, `Y ${at}`));
      assert.ok(spoiled.Z.values().every(Number.isNaN));
      const infinite = run(raw, c, {}, ({ A }) => A.data[A.at(700, 508)] = Infinity);
      infinite.Y.values().forEach((x, at) =>
        assert.equal(Math.abs(x) === Infinity, Math.floor(at / k) === 700, `Y ${at} is ${x}`)
      );
      const large = run(raw, c, {}, ({ V }) => V.data[V.at(508, k - 1)] = Infinity);
      for (const x of [large.Y, large.Z]) {
        x.values().forEach((value, at) => assert.equal(Number.isFinite(value), at % k !== k - 1, `${at}`));
      }
    }
  });

  it("takes V and Z as neighbours in one matrix", () => {
    using raw = new Raw();
    const [m, n, k] = [900, 600, 8], random = new Random(1);
    const A = raw.matrix(m, n).fill(() => random.normal()), Y = raw.matrix(m, k), Q = raw.matrix(n, 2 * k);
    Q.fill(() => random.normal());
    const [V, Z] = [0, k].map((first) => {
      const view = Q.view.slice();
      view[abi.TSR_VIEW_COLS] = k;
      view[abi.TSR_VIEW_OFFSET_LOW] = first;
      return view;
    });
    const apart = raw.matrix(n, k).fill((i, j) => Q.get(i, j)), wanted = raw.matrix(n, k);
    raw.ok(raw.native.tsr_atav(raw.context, A.view, V!, Y.view, Z!, options()));
    raw.ok(raw.native.tsr_atav(raw.context, A.view, apart.view, Y.view, wanted.view, options()));
    raw.run();
    for (let i = 0; i < n; i++) for (let j = 0; j < k; j++) assert.equal(Q.get(i, k + j), wanted.get(i, j));
  });
});

const { TSR_E_SHAPE, TSR_E_TYPE, TSR_E_ALIAS, TSR_E_UNSUPPORTED } = abi;
check("atav", [
  [
    "inner sizes",
    TSR_E_SHAPE,
    /atav: A is 3x4, V is 5x2: A's 4 columns must equal V's 5 rows/,
    (t) => t.n.tsr_atav(t.c, t.v(3, 4), t.v(5, 2), t.v(3, 2), t.v(4, 2), t.o),
  ],
  [
    "rows of Y",
    TSR_E_SHAPE,
    /Y's 4 rows must equal A's 3 rows/,
    (t) => t.n.tsr_atav(t.c, t.v(3, 4), t.v(4, 2), t.v(4, 2), t.v(4, 2), t.o),
  ],
  [
    "columns of Y",
    TSR_E_SHAPE,
    /Y's 3 columns must equal V's 2 columns/,
    (t) => t.n.tsr_atav(t.c, t.v(3, 4), t.v(4, 2), t.v(3, 3, trans), t.v(4, 2), t.o),
  ],
  [
    "rows of Z",
    TSR_E_SHAPE,
    /Z's 3 rows must equal A's 4 columns/,
    (t) => t.n.tsr_atav(t.c, t.v(3, 4), t.v(4, 2), t.v(3, 2), t.v(3, 2), t.o),
  ],
  [
    "columns of Z",
    TSR_E_SHAPE,
    /Z's 1 columns must equal V's 2 columns/,
    (t) => t.n.tsr_atav(t.c, t.v(3, 4), t.v(4, 2), t.v(3, 2), t.v(4, 1), t.o),
  ],
  [
    "float64 Z",
    TSR_E_TYPE,
    /atav: Z is f64/,
    (t) => t.n.tsr_atav(t.c, t.v(3, 4), t.v(4, 2), t.v(3, 2), t.v(4, 2, { type: abi.TSR_F64 }), t.o),
  ],
  ["Z upon V", TSR_E_ALIAS, /atav: Z and V overlap/, (t) => {
    const V = t.v(4, 2);
    return t.n.tsr_atav(t.c, t.v(3, 4), V, t.v(3, 2), V, t.o);
  }],
  ["Z upon Y", TSR_E_ALIAS, /atav: Y and Z overlap/, (t) => {
    const Y = t.v(3, 2);
    return t.n.tsr_atav(t.c, t.v(3, 3), t.v(3, 2), Y, Y, t.o);
  }],
  ["a way through a product", TSR_E_UNSUPPORTED, /atav: tile 5 is a way through a product/, (t) => {
    t.o[abi.TSR_OPTION_TILE] = abi.TSR_TILE_INNER;
    return t.n.tsr_atav(t.c, t.v(3, 4), t.v(4, 2), t.v(3, 2), t.v(4, 2), t.o);
  }],
]);
