// The one list of products and triangular solves by shape, for all tests.
import { productBound } from "./contracts.ts";
import { sized } from "./device.ts";
import { Random } from "./matrices.ts";

export type Op = "gemm" | "syrk" | "trsm";

/** gemm: C (m x n) = alpha A B + beta C with depth k. syrk: C (n x n), A n x k. trsm: A m x m, B m x n. */
export interface Case {
  readonly op: Op;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
  readonly beta: number;
  /** Operands that fill their memory, or views inside larger ones at odd offsets. */
  readonly placed: "whole" | "inside";
  /** Numbers that are random, or all 0.1 (every rounding goes the same way). */
  readonly input: "random" | "constant";
}

/** What an operation costs and what its result may be off by, in units of u (see contracts.ts for each one's scale). */
export const operations: Readonly<
  Record<Op, {
    readonly flops: (m: number, n: number, k: number) => number;
    readonly bound: (c: Case, chain: number) => number;
  }>
> = {
  gemm: { flops: (m, n, k) => 2 * m * n * k, bound: (c, chain) => productBound(c.k, chain) },
  syrk: { flops: (_, n, k) => n * (n + 1) * k, bound: (c, chain) => productBound(c.k, chain) },
  trsm: { flops: (m, n) => m * m * n, bound: (c) => 8 * Math.sqrt(c.m) },
};

const plain = { transA: false, transB: false, alpha: 1, beta: 0, placed: "whole", input: "random" } as const;

function make(op: Op, m: number, n: number, k: number, more: Partial<Case> = {}): Case {
  return { ...plain, op, m, n, k, ...more };
}

export function nameOf(c: Case): string {
  const turned = (c.transA ? "A'" : "A") + (c.transB ? "B'" : "B");
  const marks = [
    c.op === "gemm" ? turned : "",
    c.alpha !== 1 || c.beta !== 0 ? `alpha ${c.alpha} beta ${c.beta}` : "",
    c.placed === "inside" ? "inside larger matrices" : "",
    c.input === "random" ? "" : c.input,
  ];
  const depth = c.op === "trsm" ? "" : `x${c.k}`;
  return [c.op, `${c.m}x${c.n}${depth}`, ...marks].filter((mark) => mark !== "").join(" ");
}

/** Sizes at and beside the edges of tiles, vectors and blocks. */
export const edges: readonly number[] = [
  1,
  2,
  5,
  6,
  7,
  15,
  16,
  17,
  31,
  32,
  33,
  63,
  64,
  65,
  95,
  96,
  97,
  127,
  128,
  129,
  255,
  256,
  257,
];

const turns: readonly (readonly [boolean, boolean])[] = [[false, false], [true, false], [false, true], [true, true]];
const factors: readonly (readonly [number, number])[] = [[1, 0], [1, 1], [-0.5, 2], [0.7, -0.3], [0, 1], [0, 0], [
  2,
  0,
]];

/** Each edge as rows, columns, depth and all three; transposes, factors and placement take turns. */
function borders(): Case[] {
  const shapes = edges.flatMap((e) => [[e, e, e], [e, 19, 37], [19, e, 37], [23, 19, e]] as const);
  return shapes.map(([m, n, k], at) => {
    const [transA, transB] = turns[(at + (at >> 2)) % 4]!, [alpha, beta] = factors[at % 7]!;
    return make("gemm", m, n, k, { transA, transB, alpha, beta, placed: at % 3 === 1 ? "inside" : "whole" });
  });
}

/** Every transpose with every pair of factors and both placements, at odd sizes on both sides of the blocked paths. */
function combinations(): Case[] {
  const list: Case[] = [];
  for (const [transA, transB] of turns) {
    for (const [alpha, beta] of factors) {
      for (const placed of ["whole", "inside"] as const) {
        list.push(make("gemm", 37, 41, 43, { transA, transB, alpha, beta, placed }));
      }
    }
    list.push(make("gemm", 131, 73, 307, { transA, transB, alpha: -1, beta: 1, placed: "inside" }));
    list.push(make("gemm", 323, 325, 35, { transA, transB }));
  }
  return list;
}

/** Empty, single, prime, wide and deep shapes, and the two tall-and-thin products that carry the algorithms. */
function special(): Case[] {
  const empty = [[0, 0, 0], [0, 5, 3], [5, 0, 3], [5, 3, 0], [0, 0, 4], [1, 1, 0]] as const;
  const shapes = [
    [1, 1, 1],
    [1, 1, 1000],
    [1, 300, 1],
    [300, 1, 1],
    [1, 257, 129],
    [257, 1, 129],
    [2, 3, 5],
    [53, 59, 61],
    [101, 103, 107],
    [211, 13, 223],
    [3, 1009, 7],
    [1009, 3, 11],
    [8, 2000, 8],
    [5, 5, 4097],
    [3, 4, 70001],
    [513, 511, 100],
  ] as const;
  return [
    ...empty.flatMap(([m, n, k]) => [make("gemm", m, n, k), make("gemm", m, n, k, { alpha: 2, beta: 3 })]),
    ...shapes.map(([m, n, k]) => make("gemm", m, n, k)),
    make("gemm", 100000, 32, 32),
    make("gemm", 32, 32, 100000, { transA: true }),
    make("gemm", 20000, 16, 100),
    make("gemm", 100, 16, 20000, { transA: true }),
    make("gemm", 3, 100000, 5),
    ...[31, 257, 4096, 100000].map((k) => make("gemm", 4, 6, k, { input: "constant" })),
    make("gemm", 6, 1, 70000, { input: "constant" }),
    make("gemm", 4, 6, 65536, { transA: true, input: "constant" }),
    make("gemm", 130, 140, 3000, { input: "constant" }),
  ];
}

/** Shapes whose sizes are cubes of uniform numbers: mostly small, now and then long in one direction. */
function adversarial(): Case[] {
  const random = new Random(40);
  const size = (most: number): number => Math.max(1, Math.round(most * random.uniform() ** 3));
  return Array.from({ length: 40 }, () => {
    const [m, n, k] = [size(600), size(600), size(1500)];
    const [transA, transB] = turns[random.between(0, 3)]!, [alpha, beta] = factors[random.between(0, 3)]!;
    return make("gemm", m, n, k, { transA, transB, alpha, beta, placed: random.uniform() < 0.5 ? "inside" : "whole" });
  });
}

/** Products to be right. */
export const products: readonly Case[] = [...special(), ...borders(), ...combinations(), ...adversarial()];

/** One triangle of A A'. */
export const symmetricProducts: readonly Case[] = [1, 7, 16, 33, 64, 65, 97, 129, 257].flatMap((n, at) => [
  make("syrk", n, n, 41, { alpha: -1, beta: 1, placed: at % 2 === 0 ? "inside" : "whole" }),
  make("syrk", n, n, 300, { transA: true, placed: at % 2 === 0 ? "whole" : "inside" }),
]).concat([make("syrk", 32, 32, 50000), make("syrk", 0, 0, 5), make("syrk", 5, 5, 0, { beta: 2 })]);

/** Triangular solves; the tests add side, triangle, transpose and diagonal. */
export const triangularSolves: readonly Case[] = [
  ...[1, 2, 7, 17, 33, 64, 65, 97, 129].map((m, at) =>
    make("trsm", m, 1 + ((at * 13) % 40), m, { placed: at % 2 === 0 ? "whole" : "inside" })
  ),
  make("trsm", 257, 5, 257),
  ...[1, 2, 3].flatMap((n) => [31, 130, 300].map((m) => make("trsm", m, n, m, { placed: "inside" }))),
  make("trsm", 96, 300, 96),
  make("trsm", 200, 131, 200, { placed: "inside" }),
  make("trsm", 333, 130, 333, { placed: "inside" }),
  make("trsm", 0, 4, 0),
  make("trsm", 4, 0, 4),
];

/** Those that the tests' device does in a moment: an emulated one computes 2e8 flops in a second. */
export function fitting(cases: readonly Case[]): readonly Case[] {
  const most = sized(Infinity, 8e6);
  return cases.filter((c) => operations[c.op].flops(c.m, c.n, c.k) <= most);
}
