// jacobi, the rotations of small blocks, by the plain loops and the fast ones, on every instruction set: J'GJ by loops
// of this file in float64, and what it refuses.
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
const { TSR_PRINCIPAL, TSR_GRAM } = abi;
const ways = [abi.TSR_ISA_BEST, abi.TSR_ISA_PORTABLE].flatMap((isa) =>
  [abi.TSR_TILE_DEFAULT, abi.TSR_TILE_REFERENCE].map((tile) => ({ isa, tile, name: `isa ${isa}, tile ${tile}` }))
);
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const tiled = (tile: number): Uint32Array<ArrayBuffer> => options({ [abi.TSR_OPTION_TILE]: tile });

function whole(...operands: Operand[]): void {
  for (const x of operands) assert.equal(x.damage(), -1, "an element outside a view has changed");
}

type Block = number[][];

/** X'X for columns of these lengths; with `mix`, each leans towards the one before it. */
function gramOf(
  k: number,
  length: (j: number) => number,
  mix: number,
  seed: number,
): Block {
  const random = new Random(seed),
    X = range(k + 9).map(() => range(k).map(() => random.normal()));
  for (const row of X) {
    for (let j = 1; j < k; j++) row[j] = row[j]! + mix * row[j - 1]!;
  }
  for (const row of X) for (let j = 0; j < k; j++) row[j] = row[j]! * length(j);
  return range(k).map((i) => range(k).map((j) => X.reduce((sum, row) => sum + row[i]! * row[j]!, 0)));
}

function symmetricOf(
  k: number,
  seed: number,
  f = (x: number, _i: number, _j: number): number => x,
): Block {
  const random = new Random(seed),
    a = range(k).map(() => range(k).map(() => random.normal()));
  return range(k).map((i) => range(k).map((j) => f(i >= j ? a[i]![j]! : a[j]![i]!, i, j)));
}

interface Rotations {
  readonly J: Operand;
  readonly words: number[];
}

/** NaN above the diagonal, which must not be read. */
function rotations(
  raw: Raw,
  form: number,
  blocks: Block[],
  tile: number,
  o: Shape,
  tolerance = 0,
  floor = 0,
): Rotations {
  const k = blocks[0]!.length, count = blocks.length;
  const G = raw.matrix(count * k, k, o).fill((
    i,
    j,
  ) => (j > i % k ? NaN : blocks[Math.floor(i / k)]![i % k]![j]!));
  const J = raw.matrix(count * k, k, inside),
    words = raw.matrix(1, count, { ...u32, offset: 1 });
  raw.ok(
    raw.native.tsr_jacobi(
      raw.context,
      form,
      G.view,
      J.view,
      words.view,
      tolerance,
      floor,
      tiled(tile),
    ),
  );
  raw.run();
  whole(G, J, words);
  return { J, words: [...words.values()] };
}

/** J_t' G_t J_t and J_t' J_t - I by plain loops. */
function products(G: Block, J: Operand, t: number): { D: Block; E: Block } {
  const k = G.length,
    at = (i: number, j: number): number => J.get(t * k + i, j);
  const GJ = range(k).map((i) => range(k).map((j) => range(k).reduce((sum, l) => sum + G[i]![l]! * at(l, j), 0)));
  const D = range(k).map((i) => range(k).map((j) => range(k).reduce((sum, l) => sum + at(l, i) * GJ[l]![j]!, 0)));
  const E = range(k).map((i) =>
    range(k).map((j) => range(k).reduce((sum, l) => sum + at(l, i) * at(l, j), i === j ? -1 : 0))
  );
  return { D, E };
}

/** Diagonal up to float32's rounding of J, beside the largest element. */
function requireDiagonal(G: Block, J: Operand, t: number, what: string): Block {
  const { D, E } = products(G, J, t),
    size = Math.max(...G.flat().map(Math.abs)),
    k = G.length;
  for (const i of range(k)) {
    for (const j of range(k)) {
      assert.ok(
        Math.abs(E[i]![j]!) <= 8 * u,
        `${what}: J'J - I has ${E[i]![j]! / u}u at ${i}, ${j}`,
      );
      const bound = 4 * Math.sqrt(k) * u * size;
      assert.ok(
        i === j || Math.abs(D[i]![j]!) <= bound,
        `${what}: J'GJ has ${D[i]![j]} at ${i}, ${j} beside ${size}`,
      );
    }
  }
  return D;
}

describe("jacobi", () => {
  for (const { isa, tile, name } of ways) {
    it(`makes Gram matrices diagonal, falling, ${name}`, async () => {
      using raw = new Raw({ isa });
      await every(thinned([1, 2, 3, 7, 8, 31, 32, 33, 63, 64], 3), String, (k) => {
        const blocks = [
          gramOf(k, () => 1, 0.3, k),
          gramOf(k, (j) => 10 ** (-j / 4), 0.3, k + 1),
          gramOf(k, (j) => (j % 3 === 0 ? 0 : 1), 0, k + 2),
        ];
        for (const o of [inside64, inside]) {
          const { J, words } = rotations(raw, TSR_GRAM, blocks, tile, o);
          blocks.forEach((G, t) => {
            const D = requireDiagonal(G, J, t, `order ${k}, block ${t}`),
              size = Math.max(...G.flat());
            const falls = range(k).every((i) => i === 0 || D[i]![i]! <= D[i - 1]![i - 1]! + 16 * u * size);
            assert.ok(
              falls || words[t] === 0,
              `order ${k}, block ${t}: the diagonal rises`,
            );
            assert.equal(
              words[t],
              Number(k > 1 && (t < 2 || k > 2)),
              `word ${t} of order ${k}`,
            );
          });
        }
      });
    });

    it(`makes symmetric matrices diagonal, every column near its place, ${name}`, async () => {
      using raw = new Raw({ isa });
      await every(thinned([1, 2, 5, 32, 64], 3), String, (k) => {
        const near = symmetricOf(
          k,
          k + 5,
          (x, i, j) => (i === j ? i : 1e-3 * x),
        );
        const blocks = [
          symmetricOf(k, k),
          symmetricOf(k, k + 3, (x) => Math.sign(x)),
          near,
        ];
        const { J } = rotations(raw, TSR_PRINCIPAL, blocks, tile, inside);
        blocks.forEach((G, t) => requireDiagonal(G, J, t, `order ${k}, block ${t}`));
        for (const i of range(k)) {
          assert.ok(
            J.get(2 * k + i, i) > 0.9,
            `column ${i} of ${k} has left its place`,
          );
        }
      });
    });

    it(`leaves alone what is diagonal within the tolerance, ${name}`, () => {
      using raw = new Raw({ isa });
      const off = 1e-5, G: Block = [[1, off, 0], [off, 4, 0], [0, 0, 1e-20]];
      const alone = (
        form: number,
        tolerance: number,
        floor: number,
        block = G,
      ): boolean => {
        const { J, words } = rotations(
          raw,
          form,
          [block],
          tile,
          inside64,
          tolerance,
          floor,
        );
        const identity = [...J.values()].every((x, at) => x === Number(at % 4 === 0));
        assert.equal(words[0] === 0, identity, "the word and J disagree");
        return identity;
      };
      assert.deepEqual([
        alone(TSR_PRINCIPAL, 1.1e-5, 0),
        alone(TSR_PRINCIPAL, 0.9e-5, 0),
      ], [true, false]);
      // Lengths 1 and 2.
      assert.deepEqual([
        alone(TSR_GRAM, 0.55e-5, 0),
        alone(TSR_GRAM, 0.45e-5, 0),
      ], [true, false]);
      const short: Block = [[1, 0, 0], [0, 4, 1e-11], [0, 1e-11, 1e-20]];
      assert.deepEqual([
        alone(TSR_GRAM, 1e-6, 1e-4, short),
        alone(TSR_GRAM, 1e-6, 1e-6, short),
      ], [true, false]);
    });

    it(`makes J NaN where a block has NaN or Inf, and no other, ${name}`, () => {
      using raw = new Raw({ isa });
      const good = symmetricOf(6, 1),
        bad = (x: number): Block => symmetricOf(6, 2, (y, i, j) => (i + j === 3 ? x : y));
      const { J, words } = rotations(
        raw,
        TSR_PRINCIPAL,
        [bad(NaN), good, bad(Infinity)],
        tile,
        inside,
      );
      assert.deepEqual(words, [1, 1, 1]);
      const lost = (t: number): boolean => range(36).every((at) => Number.isNaN(J.get(t * 6 + (at % 6), at / 6 | 0)));
      assert.deepEqual([lost(0), lost(2)], [true, true]);
      requireDiagonal(good, J, 1, "the good one");
    });
  }

  it("gives the same bits for any number of threads", () => {
    const blocks = range(9).map((t) => gramOf(64, () => 1, 0.5, t));
    const [one, three] = [1, 3].map((threads) => {
      using raw = new Raw({ threads });
      return [
        ...rotations(raw, TSR_GRAM, blocks, abi.TSR_TILE_DEFAULT, inside64).J
          .values(),
      ];
    });
    assert.deepEqual(three, one);
  });
});

// ---- refusals ----

const { TSR_E_ARGUMENT, TSR_E_SHAPE, TSR_E_TYPE, TSR_E_ALIAS, TSR_E_UNSUPPORTED } = abi;

check("jacobi", [
  [
    "a form of apply",
    TSR_E_ARGUMENT,
    /jacobi: form is 2; it must be 0 \(principal\) or 1 \(gram\)/,
    (c) => c.n.tsr_jacobi(c.c, 2, c.v(8, 4), c.v(8, 4), c.v(1, 2, u32), 0, 0, c.o),
  ],
  [
    "half a block",
    TSR_E_SHAPE,
    /G is 6x4; it must be square blocks of at most 64/,
    (c) => c.n.tsr_jacobi(c.c, 0, c.v(6, 4), c.v(6, 4), c.v(1, 1, u32), 0, 0, c.o),
  ],
  [
    "blocks of 65",
    TSR_E_SHAPE,
    /G is 65x65/,
    (c) =>
      c.n.tsr_jacobi(
        c.c,
        0,
        c.v(65, 65),
        c.v(65, 65),
        c.v(1, 1, u32),
        0,
        0,
        c.o,
      ),
  ],
  [
    "other rotations",
    TSR_E_SHAPE,
    /J is 4x4; it must be 8x4/,
    (c) => c.n.tsr_jacobi(c.c, 0, c.v(8, 4), c.v(4, 4), c.v(1, 2, u32), 0, 0, c.o),
  ],
  [
    "too few words",
    TSR_E_SHAPE,
    /words is 1x1; it must be 1x2/,
    (c) => c.n.tsr_jacobi(c.c, 0, c.v(8, 4), c.v(8, 4), c.v(1, 1, u32), 0, 0, c.o),
  ],
  [
    "a tolerance below 0",
    TSR_E_ARGUMENT,
    /tolerance is -1, floor is 0/,
    (c) => c.n.tsr_jacobi(c.c, 1, c.v(8, 4), c.v(8, 4), c.v(1, 2, u32), -1, 0, c.o),
  ],
  [
    "a floor that is none",
    TSR_E_ARGUMENT,
    /floor is -?nan/,
    (c) => c.n.tsr_jacobi(c.c, 1, c.v(8, 4), c.v(8, 4), c.v(1, 2, u32), 0, NaN, c.o),
  ],
  [
    "rotations in float64",
    TSR_E_TYPE,
    /J is f64/,
    (c) =>
      c.n.tsr_jacobi(
        c.c,
        0,
        c.v(8, 4),
        c.v(8, 4, f64),
        c.v(1, 2, u32),
        0,
        0,
        c.o,
      ),
  ],
  [
    "pairs of float32 as blocks",
    TSR_E_UNSUPPORTED,
    /G is df32; this library has float64/,
    (c) => {
      const G = c.v(8, 4, f64);
      G[abi.TSR_VIEW_TYPE] = abi.TSR_DF32;
      return c.n.tsr_jacobi(c.c, 0, G, c.v(8, 4), c.v(1, 2, u32), 0, 0, c.o);
    },
  ],
  ["in place", TSR_E_ALIAS, /G and J overlap|J and G overlap/, (c) => {
    const G = c.v(8, 4);
    return c.n.tsr_jacobi(c.c, 0, G, G, c.v(1, 2, u32), 0, 0, c.o);
  }],
]);
