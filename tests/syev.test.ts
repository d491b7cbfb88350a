// syev: the dense symmetric eigenproblem in float64, by the plain loops and the fast ones, on every instruction set,
// against its definition, closed forms and values from elsewhere.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { every } from "./helpers.ts";
import { Random } from "./matrices.ts";
import { instructionSets, options, Raw } from "./raw.ts";
import { check } from "./statuses.ts";

const unit = 2 ** -53;
const f64 = { type: abi.TSR_F64, slack: 3, offset: 2 };

interface Problem {
  name: string;
  n: number;
  /** Element of the lower triangle. */
  g: (i: number, j: number) => number;
  /** Eigenvalues, descending, where they are known. */
  values?: number[];
}

const list = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

/** Numbers by place, the same at each call. */
function random(n: number, seed: number): (i: number, j: number) => number {
  const source = new Random(seed), x = list(n * n, () => source.normal());
  return (i, j) => x[i * n + j]!;
}

/** I - 2 v v' / v'v on both sides of a diagonal. */
function reflected(name: string, values: number[]): Problem {
  const n = values.length, source = new Random(n), v = list(n, () => source.normal());
  const square = v.reduce((sum, x) => sum + x * x, 0);
  const h = (i: number, k: number): number => (i === k ? 1 : 0) - 2 * v[i]! * v[k]! / square;
  const g = (i: number, j: number): number => values.reduce((sum, x, k) => sum + h(i, k) * x * h(j, k), 0);
  return { name, n, g, values: values.toSorted((a, b) => b - a) };
}

const tridiagonal = (d: (i: number) => number, e: number) => (i: number, j: number): number =>
  i === j ? d(i) : i === j + 1 ? e : 0;

/** Of Wilkinson's W21+, from mpmath in 40 digits. */
const WILKINSON = [
  ...[10.746194182903393, 10.746194182903322, 9.2106786473613321, 9.2106786473049186, 8.0389411228290232],
  ...[8.0389411158142733, 7.0039522095286757, 7.003951798616375, 6.000234031584167, 6.0002175222570981],
  ...[5.000244425001913, 4.9997824777429019, 4.0043540234408567, 3.996048201383625, 3.0430992925788237],
  ...[2.9610588841857267, 2.130209219362506, 1.7893213526950814, 0.94753436752929328, 0.25380581709667817],
  -1.1254415221199842,
];

function problems(): Problem[] {
  return [
    ...[1, 2, 3, 4, 5, 7, 8, 33, 70, 130].map((n) => ({ name: `random of ${n}`, n, g: random(n, n) })),
    { name: "zero", n: 19, g: () => 0, values: list(19, () => 0) },
    { name: "identity", n: 21, g: (i, j) => Number(i === j), values: list(21, () => 1) },
    { name: "a diagonal", n: 30, g: (i, j) => i === j ? (i * 7) % 30 : 0, values: list(30, (i) => 29 - i) },
    { name: "all ones", n: 40, g: () => 1, values: list(40, (i) => i === 0 ? 40 : 0) },
    {
      name: "min(i, j)",
      n: 50,
      g: (_, j) => j + 1,
      values: list(50, (k) => 1 / (2 * Math.sin((2 * k + 1) * Math.PI / 202)) ** 2),
    },
    {
      name: "second difference",
      n: 101,
      g: tridiagonal(() => 2, -1),
      values: list(101, (k) => 2 + 2 * Math.cos((k + 1) * Math.PI / 102)),
    },
    { name: "Wilkinson", n: 21, g: tridiagonal((i) => Math.abs(i - 10), 1), values: WILKINSON },
    { name: "graded", n: 40, g: (i, j) => 10 ** (-(i + j) / 2) * random(40, 3)(i, j) },
    { name: "graded the other way", n: 40, g: (i, j) => 10 ** ((i + j) / 2 - 40) * random(40, 4)(i, j) },
    { name: "huge", n: 23, g: (i, j) => 1e306 * Math.sin(3 * i + 5 * j) },
    { name: "tiny", n: 23, g: (i, j) => 1e-310 * Math.sin(3 * i + 5 * j) },
    { name: "subnormal rows", n: 23, g: (i, j) => Math.sin(3 * i + 5 * j) * (i % 3 && j % 3 ? 1 : 1e-300) },
    reflected("clusters", list(60, (i) => i % 3 + 1e-13 * i)),
    reflected("plus and minus", list(64, (i) => i % 2 === 0 ? 1 + i : -i)),
    reflected("half rank", list(50, (i) => i < 25 ? 2 ** -i : 0)),
    { name: "swaps", n: 30, g: (i, j) => i % 2 === 1 && j === i - 1 ? 1 : 0, values: list(30, (i) => i < 15 ? 1 : -1) },
  ];
}

interface Solved {
  values: number[];
  vectors: number[][];
}

function solve(raw: Raw, { n, g }: Problem, tile: number, wanted = n): Solved {
  const G = raw.matrix(n, n, f64).fill((i, j) => j <= i ? g(i, j) : NaN), before = G.data.slice();
  const W = raw.matrix(1, n, { ...f64, offset: 1 }), Z = raw.matrix(n, wanted, { ...f64, slack: 5 });
  raw.ok(raw.native.tsr_syev(raw.context, G.view, W.view, Z.view, options({ [abi.TSR_OPTION_TILE]: tile })));
  raw.run();
  assert.deepEqual(G.data, before, "G has changed");
  for (const x of [W, Z]) assert.equal(x.damage(), -1, "an element outside a view has changed");
  return { values: list(n, (j) => W.get(0, j)), vectors: list(wanted, (j) => list(n, (i) => Z.get(i, j))) };
}

const dot = (x: number[], y: number[]): number => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
const length = (x: number[]): number => Math.sqrt(dot(x, x));

/** In units of 2^-53: residuals and differences over the largest value, inner products. */
const bound = (n: number): number => 4 * n + 8;

function judge({ n, g, values: known }: Problem, { values, vectors }: Solved): void {
  const size = Math.max(...values.map(Math.abs)) || 1;
  const G = list(n, (i) => list(n, (j) => g(Math.max(i, j), Math.min(i, j)) / size));
  vectors.forEach((z, j) => {
    const residual = length(G.map((row, i) => dot(row, z) - values[j]! / size * z[i]!));
    assert.ok(residual <= bound(n) * unit, `residual ${residual / unit} of value ${j}`);
    for (let k = 0; k <= j; k++) {
      const d = dot(z, vectors[k]!) - Number(k === j);
      assert.ok(Math.abs(d) <= bound(n) * unit, `columns ${k}, ${j}: ${d / unit}`);
    }
  });
  assert.ok(values.every((value, j) => j === 0 || values[j - 1]! >= value), "descending");
  known?.forEach((value, j) => {
    const error = Math.abs(value - values[j]!) / size;
    assert.ok(error <= bound(n) * unit, `value ${j}: ${values[j]}, not ${value}`);
  });
}

const isas = instructionSets(), tiles = [abi.TSR_TILE_DEFAULT, abi.TSR_TILE_REFERENCE];

describe("syev", () => {
  for (const isa of isas) {
    for (const tile of tiles) {
      it(`diagonalises every matrix, isa ${isa}, tile ${tile}`, async () => {
        using raw = new Raw({ isa });
        await every(problems(), ({ name }) => name, (p) => judge(p, solve(raw, p, tile)));
      });
    }
  }

  it("gives as many vectors as are wanted, the same ones", () => {
    using raw = new Raw();
    for (const tile of tiles) {
      const p = { name: "", n: 37, g: random(37, 9) }, all = solve(raw, p, tile);
      for (const wanted of [0, 1, 7, 8, 9, 36]) {
        assert.deepEqual(solve(raw, p, tile, wanted), { ...all, vectors: all.vectors.slice(0, wanted) });
      }
    }
  });

  it("agrees with the plain loops on values", async () => {
    using raw = new Raw();
    await every(problems(), ({ name }) => name, (p) => {
      const [fast, plain] = [abi.TSR_TILE_DEFAULT, abi.TSR_TILE_REFERENCE].map((tile) => solve(raw, p, tile, 0).values);
      const size = Math.max(...plain!.map(Math.abs));
      plain!.forEach((x, j) => assert.ok(Math.abs(x - fast![j]!) <= bound(p.n) * unit * size, `${x}, ${fast![j]}`));
    });
  });

  it("gives the same bits for any number of threads", () => {
    const p = { name: "", n: 150, g: random(150, 6) };
    const [one, two, four] = [1, 2, 4].map((threads) => {
      using raw = new Raw({ threads });
      return solve(raw, p, abi.TSR_TILE_DEFAULT);
    });
    assert.deepEqual(two, one);
    assert.deepEqual(four, one);
  });

  it("makes everything NaN where the lower triangle has NaN or Inf", () => {
    using raw = new Raw();
    for (const tile of tiles) {
      for (const [bad, row, column] of [[NaN, 20, 3], [Infinity, 20, 20], [-Infinity, 32, 0]] as const) {
        const g = (i: number, j: number): number => i === row && j === column ? bad : Number(i === j);
        const { values, vectors } = solve(raw, { name: "", n: 33, g }, tile, 5);
        assert.ok([values, ...vectors].flat().every(Number.isNaN));
      }
    }
  });

  it("stops when it is cancelled", () => {
    using raw = new Raw({ threads: 1 });
    const n = 900, G = raw.matrix(n, n, f64).fill(random(n, 1)), W = raw.matrix(1, n, f64), Z = raw.matrix(n, n, f64);
    raw.ok(raw.native.tsr_syev(raw.context, G.view, W.view, Z.view, options()));
    const ticket = raw.submit();
    raw.ok(raw.native.tsr_cancel(raw.context, ticket));
    assert.equal(raw.native.tsr_wait(raw.context, ticket, 60), abi.TSR_E_CANCELED);
  });

  it("takes a matrix without numbers", () => {
    using raw = new Raw();
    for (const tile of tiles) {
      assert.deepEqual(solve(raw, { name: "", n: 0, g: () => 0 }, tile), { values: [], vectors: [] });
    }
  });
});

const wide = { type: abi.TSR_F64 };
check("syev", [
  [
    "a matrix of float32",
    abi.TSR_E_TYPE,
    /G is f32/,
    (c) => c.n.tsr_syev(c.c, c.v(3, 3), c.v(1, 3, wide), c.v(3, 3, wide), c.o),
  ],
  [
    "values in float32",
    abi.TSR_E_TYPE,
    /W is f32/,
    (c) => c.n.tsr_syev(c.c, c.v(3, 3, wide), c.v(1, 3), c.v(3, 3, wide), c.o),
  ],
  [
    "vectors in float32",
    abi.TSR_E_TYPE,
    /Z is f32/,
    (c) => c.n.tsr_syev(c.c, c.v(3, 3, wide), c.v(1, 3, wide), c.v(3, 3), c.o),
  ],
  [
    "a matrix that is not square",
    abi.TSR_E_SHAPE,
    /G is 3x4; it must be square/,
    (c) => c.n.tsr_syev(c.c, c.v(3, 4, wide), c.v(1, 3, wide), c.v(3, 3, wide), c.o),
  ],
  [
    "values of another number",
    abi.TSR_E_SHAPE,
    /W is 1x4; it must be 1x3/,
    (c) => c.n.tsr_syev(c.c, c.v(3, 3, wide), c.v(1, 4, wide), c.v(3, 3, wide), c.o),
  ],
  [
    "more vectors than there are",
    abi.TSR_E_SHAPE,
    /Z is 3x4; it must be 3x3/,
    (c) => c.n.tsr_syev(c.c, c.v(3, 3, wide), c.v(1, 3, wide), c.v(3, 4, wide), c.o),
  ],
  [
    "vectors of another length",
    abi.TSR_E_SHAPE,
    /Z is 4x2; it must be 3x2/,
    (c) => c.n.tsr_syev(c.c, c.v(3, 3, wide), c.v(1, 3, wide), c.v(4, 2, wide), c.o),
  ],
  ["vectors upon the matrix", abi.TSR_E_ALIAS, /Z and G overlap|G and Z overlap/, (c) => {
    const G = c.v(3, 3, wide);
    return c.n.tsr_syev(c.c, G, c.v(1, 3, wide), G, c.o);
  }],
]);
