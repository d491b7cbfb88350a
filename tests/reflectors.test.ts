// larft and gemqrt, triangles of blocks of reflectors and products with them, by the plain loops and the fast ones, on
// every instruction set: against their definitions in float64 with the bounds that follow, and what they refuse.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { sized, testDevice, thinned } from "./device.ts";
import { every } from "./helpers.ts";
import { Random } from "./matrices.ts";
import { instructionSets, type Operand, options, Raw } from "./raw.ts";
import { type Case as Refusal, check } from "./statuses.ts";

const u = 2 ** -24;
const inside = { slack: 3, offset: 5 };

interface Case {
  /** V is m x n in blocks of nb columns, C m x k. */
  readonly size: readonly [m: number, n: number, nb: number, k: number];
  /** One number everywhere, which rounds the same way in every step of a sum. */
  readonly constant?: boolean;
}

const cases: readonly Case[] = [
  ...([
    ...[[1, 1, 1, 1], [5, 3, 2, 1], [32, 32, 32, 16], [33, 32, 32, 17], [64, 64, 6, 15], [100, 70, 32, 33]],
    ...[[200, 128, 128, 40], [545, 33, 16, 7], [1100, 9, 9, 65], [129, 100, 7, 130], [5, 3, 7, 4]],
  ] as [number, number, number, number][]).map((size) => ({ size })),
  ...([[64, 64, 64, 20], [600, 50, 25, 9]] as const).map((size) => ({ size, constant: true })),
];

interface Operands {
  readonly V: Operand;
  readonly N: Operand;
  readonly C: Operand;
}

function operands(raw: Raw, { size: [m, n, nb, k], constant }: Case): Operands {
  const random = new Random(m + 7 * n + k), next = constant ? () => 0.1 : () => 2 * random.uniform() - 1;
  const V = raw.matrix(m, n, inside).fill((i, j) => (i < j ? 0 : Math.fround(next() / Math.sqrt(m))));
  const N = raw.matrix(n, nb, inside).fill((i, j) => (j < i % nb ? 0 : Math.fround(next() / nb)));
  return { V, N, C: raw.matrix(m, k, inside).fill(() => Math.fround(next())) };
}

/** Roundings of a sum of so many float32 products in chains of 32. */
const roundings = (depth: number): number => (depth === 0 ? 0 : 34 + Math.ceil(Math.log2(Math.ceil(depth / 32))));

/** Numbers with a bound of what each may be off. */
interface Bounded {
  readonly x: Float64Array;
  readonly off: Float64Array;
}

/** What one column of C becomes, and how far it may be off: of W, only what the rows below the first give is summed in
 * float32, and two roundings follow. */
function column({ size: [m, n, nb] }: Case, V: Float64Array, N: Float64Array, { x, off }: Bounded): void {
  for (let j = Math.floor((n - 1) / nb) * nb; j >= 0; j -= nb) {
    const b = Math.min(nb, n - j), w = new Float64Array(b), far = new Float64Array(b);
    for (let i = j; i < m; i++) {
      const c = Math.abs(x[i]!) * (i < j + b ? 0 : roundings(m - j - b) * u) + off[i]!;
      for (let s = 0; s < b; s++) {
        const v = V[i * n + j + s]!;
        w[s]! += v * x[i]!;
        far[s]! += Math.abs(v) * c;
      }
    }
    for (let s = 0; s < b; s++) {
      far[s]! += u * Math.abs(w[s]!);
      for (let t = s; t < b; t++) {
        far[s]! += Math.abs(N[(j + s) * nb + t]!) * (far[t]! + u * Math.abs(w[t]!));
        w[s]! += N[(j + s) * nb + t]! * w[t]!;
      }
      far[s]! += u * Math.abs(w[s]!);
    }
    for (let i = j; i < m; i++) {
      let size = Math.abs(x[i]!);
      for (let s = 0; s < b; s++) {
        const v = V[i * n + j + s]!;
        x[i]! -= v * w[s]!;
        off[i]! += Math.abs(v) * far[s]!;
        size += Math.abs(v * w[s]!);
      }
      off[i]! += roundings(b) * u * size;
    }
  }
}

function judge(c: Case, V: Float64Array, N: Float64Array, before: Float64Array, after: Float64Array): void {
  const [m, , , k] = c.size;
  for (let l = 0; l < k; l++) {
    const x = Float64Array.from({ length: m }, (_, i) => before[i * k + l]!), off = new Float64Array(m);
    column(c, V, N, { x, off });
    for (let i = 0; i < m; i++) {
      const error = Math.abs(after[i * k + l]! - x[i]!);
      assert.ok(error <= off[i]!, `(${i},${l}): off by ${error / u} u, bound ${off[i]! / u} u`);
    }
  }
}

function applied(raw: Raw, c: Case, tile: number = abi.TSR_TILE_DEFAULT): Float64Array {
  const { V, N, C } = operands(raw, c), before = C.values(), given = [V, N].map(({ data }) => data.slice());
  const o = options({ [abi.TSR_OPTION_TILE]: tile });
  raw.ok(raw.native.tsr_gemqrt(raw.context, V.view, N.view, C.view, o));
  raw.run();
  assert.deepEqual([V, N].map(({ data }) => data), given, "an input has changed");
  assert.equal(C.damage(), -1, "an element outside C has changed");
  judge(c, V.values(), N.values(), before, C.values());
  return C.values();
}

/** Each element of N against (I + N) T = I, column by column from the right: N is rounded once, T is of size 1. */
function judgeTriangles({ size: [m, n, nb] }: Case, V: Float64Array, N: Operand): void {
  for (let j = 0; j < n; j += nb) {
    const b = Math.min(nb, n - j), T = new Float64Array(b * b);
    for (let r = 0; r < b; r++) {
      for (let c = r; c < b; c++) {
        for (let i = j; i < m; i++) T[r * b + c]! += V[i * n + j + r]! * V[i * n + j + c]!;
      }
      T[r * b + r] = T[r * b + r]! / 2 || 1;
    }
    for (let r = 0; r < b; r++) {
      for (let c = 0; c < nb; c++) {
        const inside = c >= r && c < b;
        if (!inside) assert.equal(N.get(j + r, c), 0, `(${j + r},${c}) is outside the triangle`);
        let product = 0, size = 0;
        for (let q = r; q <= c && inside; q++) {
          const factor = N.get(j + r, q) + (q === r ? 1 : 0), t = T[q * b + c]!;
          product += factor * t;
          size += Math.abs(N.get(j + r, q) * t);
        }
        const error = Math.abs(product - (r === c ? 1 : 0));
        if (inside) assert.ok(error <= u * size + 1e-14, `(${j + r},${c}): off by ${error}, bound ${u * size}`);
      }
    }
  }
}

function formed(raw: Raw, c: Case, tile: number = abi.TSR_TILE_DEFAULT): Float64Array {
  const { V, N } = operands(raw, c), [m, n] = c.size;
  const lengths = Array.from({ length: n }, (_, j) => Math.hypot(...V.values().filter((_, at) => at % n === j)));
  V.fill((i, j) => (j % 5 === 3 ? 0 : Math.fround(V.get(i, j) * Math.SQRT2 / lengths[j]! * (1 + i / m / 100))));
  const given = V.data.slice();
  raw.ok(raw.native.tsr_larft(raw.context, V.view, N.view, options({ [abi.TSR_OPTION_TILE]: tile })));
  raw.run();
  assert.deepEqual(V.data, given, "an input has changed");
  assert.equal(N.damage(), -1, "an element outside N has changed");
  judgeTriangles(c, V.values(), N);
  return N.values();
}

const isas = testDevice().name === "metal" ? [abi.TSR_ISA_BEST] : instructionSets();
const title = ({ size, constant }: Case): string => `${size.join("x")}${constant ? " constant" : ""}`;

for (const [name, run] of [["larft", formed], ["gemqrt", applied]] as const) {
  describe(name, () => {
    for (const isa of isas) {
      for (const tile of [abi.TSR_TILE_DEFAULT, abi.TSR_TILE_REFERENCE]) {
        it(`is what it is defined to be, isa ${isa}, tile ${tile}`, async () => {
          using raw = new Raw({ isa });
          await every(thinned(cases, 2), title, (c) => void run(raw, c, tile));
        });
      }
    }

    it("takes empty matrices", () => {
      using raw = new Raw();
      for (const size of [[5, 0, 0, 3], [0, 0, 0, 3], [5, 3, 2, 0]] as const) run(raw, { size });
    });

    it("gives the same bits for any number of threads", () => {
      const c: Case = { size: sized([400, 200, 32, 150], [70, 40, 16, 40]) };
      const [one, ...others] = [1, 2, 3, 8].map((threads) => {
        using raw = new Raw({ threads });
        return run(raw, c);
      });
      for (const other of others) assert.deepEqual(other, one);
    });
  });
}

const f64 = { type: abi.TSR_F64 };
type Shapes = Parameters<Refusal[3]>[0];

/** The operands of blocks of two of a 6 x 5 V, some of them replaced. */
function refusal(change: (t: Shapes) => Partial<Record<"V" | "N" | "C", Uint32Array<ArrayBuffer>>>): Refusal[3] {
  return (t) => {
    const { V = t.v(6, 5), N = t.v(5, 2), C = t.v(6, 4) } = change(t);
    return t.n.tsr_gemqrt(t.c, V, N, C, t.o);
  };
}

check("gemqrt", [
  [
    "more reflectors than rows",
    abi.TSR_E_SHAPE,
    /gemqrt: V is 4x5; it must not have more columns/,
    refusal((t) => ({ V: t.v(4, 5) })),
  ],
  ["N of another order", abi.TSR_E_SHAPE, /N is 6x2; it must be 5x2/, refusal((t) => ({ N: t.v(6, 2) }))],
  ["wide blocks", abi.TSR_E_SHAPE, /N is 5x129; it must be 5x128/, refusal((t) => ({ N: t.v(5, 129) }))],
  ["blocks of nothing", abi.TSR_E_SHAPE, /N is 5x0; its columns/, refusal((t) => ({ N: t.v(5, 0) }))],
  ["C with other rows", abi.TSR_E_SHAPE, /C's rows|C is 5x4/, refusal((t) => ({ C: t.v(5, 4) }))],
  ["V transposed", abi.TSR_E_ARGUMENT, /V must not be transposed/, refusal((t) => ({ V: t.v(6, 5, { trans: true }) }))],
  ["C in float64", abi.TSR_E_TYPE, /C is f64/, refusal((t) => ({ C: t.v(6, 4, f64) }))],
  [
    "C in V",
    abi.TSR_E_ALIAS,
    /C and V overlap/,
    refusal((t) => {
      const V = t.v(6, 5), C = V.slice();
      C[abi.TSR_VIEW_COLS] = 4;
      return { V, C };
    }),
  ],
]);

check("larft", [
  ["more columns than rows", abi.TSR_E_SHAPE, /larft: V is 4x5/, (t) => t.n.tsr_larft(t.c, t.v(4, 5), t.v(5, 2), t.o)],
  ["N in V", abi.TSR_E_ALIAS, /N and V overlap/, (t) => {
    const V = t.v(5, 5), N = V.slice();
    N[abi.TSR_VIEW_COLS] = 2;
    return t.n.tsr_larft(t.c, V, N, t.o);
  }],
  ["blocks of nothing", abi.TSR_E_SHAPE, /larft: N is 5x0/, (t) => t.n.tsr_larft(t.c, t.v(6, 5), t.v(5, 0), t.o)],
  [
    "N transposed",
    abi.TSR_E_ARGUMENT,
    /N must not be/,
    (t) => t.n.tsr_larft(t.c, t.v(6, 5), t.v(5, 2, { trans: true }), t.o),
  ],
]);
