// apply, the block updates of a round of block Jacobi, by the plain loops and the fast ones, on every instruction set:
// against loops of this file in float64, and what it refuses.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { thinned } from "./device.ts";
import { every } from "./helpers.ts";
import { Random } from "./matrices.ts";
import { type Operand, options, Raw, type Shape } from "./raw.ts";
import { check } from "./statuses.ts";

const u = 2 ** -24;
const u32: Shape = { type: abi.TSR_U32 }, f64: Shape = { type: abi.TSR_F64 };
const inside: Shape = { slack: 3, offset: 5 };
const inside64: Shape = { ...f64, slack: 3, offset: 2 };
const { TSR_PRINCIPAL, TSR_GRAM, TSR_COLUMNS, TSR_ROWS } = abi;
const ways = [abi.TSR_ISA_BEST, abi.TSR_ISA_PORTABLE].flatMap((isa) =>
  [abi.TSR_TILE_DEFAULT, abi.TSR_TILE_REFERENCE].map((tile) => ({ isa, tile, name: `isa ${isa}, tile ${tile}` }))
);
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const tiled = (tile: number): Uint32Array<ArrayBuffer> => options({ [abi.TSR_OPTION_TILE]: tile });

function whole(...operands: Operand[]): void {
  for (const x of operands) assert.equal(x.damage(), -1, "an element outside a view has changed");
}

interface Case {
  readonly form: number;
  readonly m: number;
  readonly n: number;
  readonly w: number;
  readonly pairs: readonly (readonly [p: number, q: number, word: number])[];
}

const none = 7777;
const cases: readonly Case[] = [
  ...[1, 3, 8, 16, 17, 32].flatMap((w) => {
    const four = [[3, 0, 1], [1, 2, 5]] as const,
      mixed = [[0, 4, 1], [2, none, 1], [3, 1, 0]] as const;
    return [
      { form: TSR_PRINCIPAL, m: 4 * w, n: 4 * w, w, pairs: four },
      { form: TSR_PRINCIPAL, m: 5 * w, n: 5 * w, w, pairs: mixed },
      { form: TSR_GRAM, m: 300, n: 4 * w, w, pairs: four },
      { form: TSR_GRAM, m: 7, n: 5 * w, w, pairs: mixed },
      { form: TSR_COLUMNS, m: 131, n: 4 * w, w, pairs: four },
      { form: TSR_COLUMNS, m: 5, n: 5 * w, w, pairs: mixed },
      { form: TSR_ROWS, m: 4 * w, n: 131, w, pairs: four },
      { form: TSR_ROWS, m: 5 * w, n: 5, w, pairs: mixed },
    ];
  }),
  { form: TSR_GRAM, m: 0, n: 8, w: 2, pairs: [[0, 1, 1]] },
  { form: TSR_COLUMNS, m: 0, n: 8, w: 2, pairs: [[0, 1, 1]] },
  { form: TSR_ROWS, m: 8, n: 0, w: 2, pairs: [[0, 1, 1]] },
  { form: TSR_COLUMNS, m: 6, n: 5, w: 2, pairs: [] },
];
const label = ({ form, m, n, w, pairs }: Case): string =>
  `form ${form}, ${m}x${n}, blocks of ${w}, ${pairs.length} pairs`;

interface Applied {
  readonly before: Operand;
  readonly A: Operand;
  readonly B: Operand;
  readonly given: Operand;
}

function applied(
  raw: Raw,
  { form, m, n, w, pairs }: Case,
  tile: number,
  o: Shape,
): Applied {
  const random = new Random(w + m),
    k = 2 * w,
    count = pairs.length,
    numbers = range(m * n).map(() => random.normal());
  const [before, A] = [0, 1].map(() => raw.matrix(m, n, inside).fill((i, j) => numbers[i * n + j]!)) as [
    Operand,
    Operand,
  ];
  const others = range(count * k * k).map(() => random.normal());
  const small = count === 0 ? { slack: 0 } : o;
  const [given, B] = [0, 1].map(() => raw.matrix(count * k, k, small).fill((i, j) => others[i * k + j]!)) as [
    Operand,
    Operand,
  ];
  const words = raw.matrix(3, count, { ...u32, slack: 2, offset: 1 }).fill((
    i,
    j,
  ) => pairs[j]![i]!);
  raw.ok(
    raw.native.tsr_apply(
      raw.context,
      form,
      A.view,
      words.view,
      B.view,
      tiled(tile),
    ),
  );
  raw.run();
  whole(A, B, words);
  return { before, A, B, given };
}

/** Row or column l of X in A; -1 where it is in no block of A. */
function place(
  { form, m, n, w }: Case,
  [p, q]: readonly [number, number, number],
  l: number,
): number {
  const number = l < w ? p : q;
  return number < (form === TSR_ROWS ? m : n) / w ? number * w + l % w : -1;
}

function requireSmall(c: Case, { before, B }: Applied, unit: number): void {
  c.pairs.forEach((pair, t) => {
    for (const i of range(2 * c.w)) {
      for (const j of range(2 * c.w)) {
        const [a, b] = [place(c, pair, i), place(c, pair, j)];
        const terms = a < 0 || b < 0
          ? []
          : c.form === TSR_PRINCIPAL
          ? [before.get(a, b) / 2, before.get(b, a) / 2]
          : range(c.m).map((r) => before.get(r, a) * before.get(r, b));
        const wanted = terms.reduce((x, y) => x + y, 0),
          size = terms.reduce((x, y) => x + Math.abs(y), 0);
        const error = Math.abs(B.get(2 * c.w * t + i, j) - wanted);
        assert.ok(
          error <= unit * Math.abs(wanted) + 1e-14 * size,
          `block ${t}, ${i}, ${j}: off by ${error} of ${wanted}`,
        );
      }
    }
  });
}

function requireUpdate(c: Case, { before, A, given }: Applied): void {
  const { m, n, w, pairs } = c, rows = c.form === TSR_ROWS;
  const get = (
    x: Operand,
    line: number,
    at: number,
  ): number => (rows ? x.get(at, line) : x.get(line, at));
  const owner = range(rows ? m : n).map((at) =>
    pairs.findIndex((pair) =>
      pair[2] !== 0 && range(2 * w).every((l) => place(c, pair, l) >= 0) &&
      range(2 * w).some((l) => place(c, pair, l) === at)
    )
  );
  for (const [at, t] of owner.entries()) {
    for (const line of range(rows ? n : m)) {
      const found = get(A, line, at);
      if (t < 0) {
        assert.equal(
          found,
          get(before, line, at),
          `line ${line}, ${at} belongs to no pair and has changed`,
        );
        continue;
      }
      const j = range(2 * w).findIndex((l) => place(c, pairs[t]!, l) === at);
      const terms = range(2 * w).map((l) => get(before, line, place(c, pairs[t]!, l)) * given.get(2 * w * t + l, j));
      const wanted = terms.reduce((x, y) => x + y, 0),
        size = terms.reduce((x, y) => x + Math.abs(y), 0);
      assert.ok(
        Math.abs(found - wanted) <= 36 * u * size,
        `line ${line}, ${at}: ${found}, not ${wanted}`,
      );
    }
  }
}

describe("apply", () => {
  for (const { isa, tile, name } of ways) {
    it(`does what each form says, ${name}`, async () => {
      using raw = new Raw({ isa });
      await every(thinned(cases, 5), label, (c) => {
        const updates = c.form === TSR_COLUMNS || c.form === TSR_ROWS;
        for (const o of updates ? [inside] : [inside, inside64]) {
          const result = applied(raw, c, tile, o);
          if (updates) requireUpdate(c, result);
          else {
            requireSmall(c, result, o === inside ? u : 0);
            assert.deepEqual(
              result.A.values(),
              result.before.values(),
              "A has changed",
            );
          }
        }
      });
    });
  }

  it("gives the same bits for any number of threads", async () => {
    await every(thinned(cases.filter(({ w }) => w === 32), 4), label, (c) => {
      const [one, three] = [1, 3].map((threads) => {
        using raw = new Raw({ threads });
        const { A, B } = applied(raw, c, abi.TSR_TILE_DEFAULT, inside);
        return [...A.values(), ...B.values()];
      });
      assert.deepEqual(three, one);
    });
  });
});

// ---- refusals ----

const { TSR_E_ARGUMENT, TSR_E_SHAPE, TSR_E_TYPE, TSR_E_ALIAS } = abi;

check("apply", [
  [
    "a form",
    TSR_E_ARGUMENT,
    /apply: form is 4; it must be 0 \(principal\), 1 \(gram\)/,
    (c) => c.n.tsr_apply(c.c, 4, c.v(8, 8), c.v(3, 2, u32), c.v(8, 4), c.o),
  ],
  [
    "odd blocks",
    TSR_E_SHAPE,
    /B is 6x3; its blocks must have an even number/,
    (c) => c.n.tsr_apply(c.c, 1, c.v(8, 6), c.v(3, 2, u32), c.v(6, 3), c.o),
  ],
  [
    "half a block",
    TSR_E_SHAPE,
    /B is 6x4; it must be square blocks/,
    (c) => c.n.tsr_apply(c.c, 1, c.v(8, 8), c.v(3, 1, u32), c.v(6, 4), c.o),
  ],
  [
    "two rows of pairs",
    TSR_E_SHAPE,
    /pairs is 2x2; it must be 3x2/,
    (c) => c.n.tsr_apply(c.c, 1, c.v(8, 8), c.v(2, 2, u32), c.v(8, 4), c.o),
  ],
  [
    "columns that are no blocks",
    TSR_E_SHAPE,
    /A is 8x7, B's blocks have 4 columns: A's 7 columns must be blocks of half as many/,
    (c) => c.n.tsr_apply(c.c, 2, c.v(8, 7), c.v(3, 2, u32), c.v(8, 4), c.o),
  ],
  [
    "rows that are no blocks",
    TSR_E_SHAPE,
    /A's 7 rows must be blocks/,
    (c) => c.n.tsr_apply(c.c, 3, c.v(7, 8), c.v(3, 2, u32), c.v(8, 4), c.o),
  ],
  [
    "a submatrix of what is not square",
    TSR_E_SHAPE,
    /A is 6x8; it must be square/,
    (c) => c.n.tsr_apply(c.c, 0, c.v(6, 8), c.v(3, 2, u32), c.v(8, 4), c.o),
  ],
  [
    "rotations in float64",
    TSR_E_TYPE,
    /B is f64; rotations are f32/,
    (c) => c.n.tsr_apply(c.c, 2, c.v(8, 8), c.v(3, 2, u32), c.v(8, 4, f64), c.o),
  ],
  ["into itself", TSR_E_ALIAS, /A and B overlap/, (c) => {
    const A = c.v(8, 4);
    return c.n.tsr_apply(c.c, 1, A, c.v(3, 2, u32), A, c.o);
  }],
]);
