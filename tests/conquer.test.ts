// stedc and bdsdc: divide and conquer against its definition and against QL, on every instruction set.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { every } from "./helpers.ts";
import { Random } from "./matrices.ts";
import { instructionSets, type Operand, options, Raw } from "./raw.ts";
import { check } from "./statuses.ts";

const u = 2 ** -24;
const f64 = { type: abi.TSR_F64, slack: 3, offset: 2 };
const inside = { slack: 3, offset: 5 };

interface Bands {
  name: string;
  d: number[];
  e: number[];
}

const list = (n: number, f: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => f(i));

function bands(): Bands[] {
  const random = new Random(5), sizes = [1, 2, 3, 31, 32, 33, 64, 65, 130];
  return [
    ...sizes.map((n) => {
      const [d, e] = [list(n, () => random.normal()), list(n, () => random.normal())];
      return { name: `random of ${n}`, d, e };
    }),
    { name: "second difference", d: list(100, () => 2), e: list(100, () => -1) },
    { name: "Wilkinson", d: list(101, (i) => Math.abs(i - 50)), e: list(101, () => 1) },
    { name: "zero", d: list(70, () => 0), e: list(70, () => 0) },
    { name: "identity", d: list(70, () => 1), e: list(70, () => 0) },
    { name: "graded", d: list(70, (i) => 10 ** -i), e: list(70, (i) => 10 ** -(i + 0.5)) },
    { name: "equal pairs", d: list(96, (i) => i % 2), e: list(96, (i) => (i % 16 === 15 ? 1e-9 : 0.5)) },
    { name: "huge", d: list(50, () => 1e30), e: list(50, (i) => 1e29 * (i % 3)) },
  ];
}

interface Solved {
  values: number[];
  Z: Operand;
}

function solve(raw: Raw, op: "tsr_stedc" | "tsr_bdsdc", { d, e }: Bands, tile: number, vectors = true): Solved {
  const n = d.length, DE = raw.matrix(2, n, f64).fill((i, j) => (i === 0 ? d[j]! : j < n - 1 ? e[j]! : NaN));
  const Z = vectors ? raw.matrix(n, n, inside) : raw.matrix(0, 0);
  raw.ok(raw.native[op](raw.context, DE.view, Z.view, options({ [abi.TSR_OPTION_TILE]: tile })));
  raw.run();
  for (const x of vectors ? [DE, Z] : [DE]) assert.equal(x.damage(), -1, "an element outside a view has changed");
  return { values: list(n, (j) => DE.get(0, j)), Z };
}

/** ‖X y − λ y‖ for the tridiagonal (or BᵀB) X, entry by entry. */
function apply(op: "tsr_stedc" | "tsr_bdsdc", { d, e }: Bands, y: number[]): number[] {
  const n = d.length, below = (i: number): number => (i < n - 1 ? e[i]! * y[i + 1]! : 0);
  if (op === "tsr_stedc") return y.map((x, i) => d[i]! * x + below(i) + (i > 0 ? e[i - 1]! * y[i - 1]! : 0));
  const by = y.map((x, i) => d[i]! * x + below(i));
  return by.map((x, i) => d[i]! * x + (i > 0 ? e[i - 1]! * by[i - 1]! : 0));
}

function judge(op: "tsr_stedc" | "tsr_bdsdc", b: Bands, { values, Z }: Solved): void {
  const n = b.d.length, size = Math.max(...values.map(Math.abs)) || 1;
  const squared = op === "tsr_bdsdc", scale = squared ? size * size : size;
  const columns = list(n, (j) => j).map((j) => list(n, (i) => Z.get(i, j)));
  columns.forEach((z, j) => {
    const value = squared ? values[j]! ** 2 : values[j]!;
    const error = Math.hypot(...apply(op, b, z).map((x, i) => x - value * z[i]!));
    assert.ok(error <= 24 * u * scale, `residual ${error / u / scale}u of value ${j}`);
    assert.ok(j === 0 || (squared ? values[j - 1]! >= values[j]! : values[j - 1]! <= values[j]!), "in order");
    for (let k = 0; k <= j; k++) {
      const dot = z.reduce((s, x, i) => s + x * columns[k]![i]!, 0) - (k === j ? 1 : 0);
      assert.ok(Math.abs(dot) <= 12 * Math.sqrt(n) * u, `columns ${k}, ${j}: ${dot / u}u`);
    }
  });
}

const isas = instructionSets(), tiles = [abi.TSR_TILE_DEFAULT, abi.TSR_TILE_REFERENCE];

for (const op of ["tsr_stedc", "tsr_bdsdc"] as const) {
  describe(op, () => {
    for (const isa of isas) {
      for (const tile of tiles) {
        it(`diagonalises every matrix, isa ${isa}, tile ${tile}`, async () => {
          using raw = new Raw({ isa });
          await every(bands(), ({ name }) => name, (b) => judge(op, b, solve(raw, op, b, tile)));
        });
      }
    }

    it("gives the same values alone, and the same as QL to a part of u", async () => {
      using raw = new Raw();
      await every(bands(), ({ name }) => name, (b) => {
        const { values } = solve(raw, op, b, abi.TSR_TILE_DEFAULT), size = Math.max(...values.map(Math.abs)) || 1;
        assert.deepEqual(solve(raw, op, b, abi.TSR_TILE_DEFAULT, false).values, values);
        const ql = solve(raw, op, b, abi.TSR_TILE_REFERENCE).values;
        ql.forEach((x, i) => assert.ok(Math.abs(x - values[i]!) <= u * size, `value ${i}: ${x}, ${values[i]}`));
      });
    });

    it("gives the same bits for any number of threads", () => {
      const b = { name: "random", d: list(300, Math.sin), e: list(300, Math.cos) };
      const [one, two, four] = [1, 2, 4].map((threads) => {
        using raw = new Raw({ threads });
        const { values, Z } = solve(raw, op, b, abi.TSR_TILE_DEFAULT);
        return [values, [...Z.values()]];
      });
      assert.deepEqual(two, one);
      assert.deepEqual(four, one);
    });

    it("makes everything NaN where a band has NaN or Inf, in bounded time", () => {
      using raw = new Raw();
      for (const bad of [NaN, Infinity]) {
        const d = list(90, (i) => (i === 40 ? bad : 1));
        const { values, Z } = solve(raw, op, { name: "", d, e: list(90, () => 1) }, abi.TSR_TILE_DEFAULT);
        assert.ok(values.every(Number.isNaN));
        assert.ok([...Z.values()].every(Number.isNaN));
      }
    });
  });

  const name = op.slice(4);
  const band = { type: abi.TSR_F64 };
  check(name, [
    ["bands of float32", abi.TSR_E_TYPE, /DE is f32/, (c) => c.n[op](c.c, c.v(2, 3), c.v(3, 3), c.o)],
    ["vectors in float64", abi.TSR_E_TYPE, /Z is f64/, (c) => c.n[op](c.c, c.v(2, 3, band), c.v(3, 3, band), c.o)],
    ["three bands", abi.TSR_E_SHAPE, /DE is 3x3; it must be 2x3/, (c) => c.n[op](c.c, c.v(3, 3, band), c.v(3, 3), c.o)],
    [
      "vectors of another order",
      abi.TSR_E_SHAPE,
      /Z is 4x4; it must be 3x3/,
      (c) => c.n[op](c.c, c.v(2, 3, band), c.v(4, 4), c.o),
    ],
  ]);
}
