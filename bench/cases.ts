// What is timed beside the peers: names, sizes, inputs, and the ratio that is aimed at.
import { Matrix } from "../src/index.ts";
import type { Operand } from "./files.ts";
import { embeddings, type Spectrum, symmetric, taken, withSpectrum } from "./inputs.ts";

/** What svd with k is asked for, and what a peer's result must be good to. */
export const TOL = 1e-5;

export type Op =
  | "call"
  | "gemm"
  | "atav"
  | "syrk"
  | "trsm"
  | "qr"
  | "cholesky"
  | "svdk"
  | "svd"
  | "eigh"
  | "solve"
  | "lstsq"
  | "pca";

/** gemm: C (m x n) of depth k. atav: Aᵀ (A V), A m x n, V with k columns. syrk: A m x k. trsm: T m x m, B m x n.
 * solve, lstsq: A m x n, k right-hand sides. svdk, pca: k of m x n. */
export interface Params {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** A is part of a matrix with so many columns. */
  readonly lda?: number;
  /** Our call is awaited, through the event loop and another thread; else it blocks, as those of the peers do. */
  readonly awaited?: boolean;
}

export interface Case extends Params {
  readonly name: string;
  readonly op: Op;
  /** Floating point operations, by the usual formula; for a full decomposition, what it grows by. */
  readonly flops: number;
  /** The best peer's time over ours, at least. */
  readonly target?: number;
  /** For peers in native code only: the operands take too much of a JavaScript runtime's memory. */
  readonly nativeOnly?: boolean;
  /** Our own time, at most, where there is nothing to compare with. */
  readonly mostMs?: number;
  readonly inputs: () => Record<string, Operand>;
}

type More = Partial<Case>;

const work: Readonly<Record<Op, (m: number, n: number, k: number) => number>> = {
  call: (m, n, k) => 2 * m * n * k,
  gemm: (m, n, k) => 2 * m * n * k,
  atav: (m, n, k) => 4 * m * n * k,
  syrk: (m, _, k) => m * (m + 1) * k,
  trsm: (m, n) => m * m * n,
  qr: (m, n) => 4 * m * n * n - 4 / 3 * n ** 3,
  cholesky: (_, n) => n ** 3 / 3,
  svdk: (m, n, k) => 4 * m * n * k,
  svd: (m, n) => 6 * m * n * n + 8 * n ** 3,
  eigh: (_, n) => 9 * n ** 3,
  solve: (_, n, k) => 2 / 3 * n ** 3 + 2 * n * n * k,
  lstsq: (m, n) => 2 * m * n * n - 2 / 3 * n ** 3,
  pca: (m, n, k) => 4 * m * n * k,
};

/** Those whose flops are the work itself, so that a speed means something. */
export const counted: ReadonlySet<Op> = new Set([
  "call",
  "gemm",
  "atav",
  "syrk",
  "trsm",
  "qr",
  "cholesky",
  "solve",
  "lstsq",
]);

const random = (m: number, n: number, seed: number): Operand => taken(Matrix.random(m, n, { seed }));

const inputs: Readonly<Record<Op, (p: Params) => Record<string, Operand>>> = {
  call: (p) => inputs.gemm(p),
  gemm: ({ m, n, k, transA, transB }) => ({
    a: transA ? random(k, m, 1) : random(m, k, 1),
    b: transB ? random(n, k, 2) : random(k, n, 2),
  }),
  atav: ({ m, n, k }) => ({ a: random(m, n, 1), b: random(n, k, 2) }),
  syrk: ({ m, k }) => ({ a: random(m, k, 1) }),
  trsm: ({ m, n }) => ({ a: taken(symmetric(m, true)), b: random(m, n, 2) }),
  qr: ({ m, n }) => ({ a: random(m, n, 1) }),
  cholesky: ({ n }) => ({ a: taken(symmetric(n, true)) }),
  svdk: ({ m, n }) => ({ a: taken(withSpectrum(m, n, spectra["1/i"]!)) }),
  svd: ({ m, n }) => ({ a: random(m, n, 1) }),
  eigh: ({ n }) => ({ a: taken(symmetric(n, false)) }),
  solve: ({ n, k }) => ({ a: random(n, n, 1), b: random(n, k, 2) }),
  lstsq: ({ m, n, k }) => ({ a: random(m, n, 1), b: random(m, k, 2) }),
  pca: ({ m, n }) => ({ a: taken(embeddings(m, n)) }),
};

/** One case, by its sizes. */
export function make(name: string, op: Op, m: number, n: number, k: number, more: More = {}): Case {
  const params = { m, n, k, ...more };
  return { name, op, flops: work[op](m, n, k), inputs: () => inputs[op](params), ...params };
}

const turns = { nn: {}, nt: { transB: true }, tn: { transA: true }, tt: { transA: true, transB: true } };

function squares(threads: number): Case[] {
  const target = (n: number): number =>
    n <= 16 ? 1.4 : n <= 32 ? 1.1 : n <= 48 ? 1 : n <= 128 ? 1.05 : n >= 1024 && threads > 1 ? 0.97 : 1;
  const blocking = [16, 32, 48, 64, 128, 256, 512, 1024, 2048].flatMap((n) =>
    Object.entries(turns).map(([name, turn]) =>
      make(`gemm ${n} ${name}`, "gemm", n, n, n, { ...turn, target: target(n) })
    )
  );
  const awaited = [512, 2048].map((n) => make(`gemm ${n} nn awaited`, "gemm", n, n, n, { awaited: true }));
  return [...blocking, ...awaited];
}

const widths = [1, 8, 16, 32, 64, 128] as const;
/** Aims for A V and Aᵀ B, by width. */
const thin = { av: [1, 2.2, 2.2, 1.6, 1.3, 1.15], atb: [1, 2.2, 1.7, 1.4, 1.2, 1.05] } as const;

/** A V or Aᵀ B with k columns, A m x n. */
function thinProduct(kind: "av" | "atb", m: number, n: number, k: number, target: number, more: More = {}): Case {
  const stride = more.lda === undefined ? "" : ` lda=${more.lda}`, name = `${kind} ${m}x${n} k=${k}${stride}`;
  return kind === "av"
    ? make(name, "gemm", m, k, n, { target, ...more })
    : make(name, "gemm", n, k, m, { transA: true, target, ...more });
}

/** With one A for all, which is made once. */
function tall(m: number, n: number, more: More = {}): Case[] {
  let A: Operand | undefined;
  const all = (["av", "atb"] as const).flatMap((kind) =>
    widths.map((k, i) => thinProduct(kind, m, n, k, thin[kind][i]!, more))
  );
  return all.map((c) => ({
    ...c,
    inputs: () => ({ a: A ??= random(m, n, 1), b: random(c.transA ? m : n, c.n, 2) }),
  }));
}

/** Rows that lie 4 KB apart. */
function strided(m: number, n: number, lda: number): Case[] {
  return (["av", "atb"] as const).flatMap((kind) =>
    ([2, 4] as const).map((i) => thinProduct(kind, m, n, widths[i], 0.9 * thin[kind][i], { lda }))
  );
}

/** In one pass over A, beside our own two products. */
function fused(m: number, n: number): Case[] {
  return ([[1, 1.4], [8, 1.2]] as const).map(([k, target]) =>
    make(`atav ${m}x${n} k=${k}`, "atav", m, n, k, { target })
  );
}

const spectra: Readonly<Record<string, Spectrum>> = {
  "1/i": (i) => 1 / i,
  "i^-0.5": (i) => i ** -0.5,
  "10^(-i/10)": (i) => 10 ** (-i / 10),
};

function leading(m: number, n: number, k: number, name: string): Case {
  const given = () => ({ a: taken(withSpectrum(m, n, spectra[name]!)) });
  return make(`svd ${m}x${n} k=${k} ${name}`, "svdk", m, n, k, { target: 1.3, inputs: given });
}

function factorisations(): Case[] {
  const qr = [[1024, 1024, 1], [4096, 512, 1.4], [20000, 256, 2], [200000, 32, 3]] as const;
  const svd = [[256, 256], [1000, 1000], [2000, 2000], [2000, 500], [32768, 256]] as const;
  return [
    ...qr.map(([m, n, target]) => make(`qr ${m}x${n}`, "qr", m, n, n, { target })),
    ...[512, 2048, 4096].map((n) => make(`cholesky ${n}`, "cholesky", n, n, n, { target: 1 })),
    ...[512, 2048].map((n) => make(`trsm ${n}`, "trsm", n, n, n, { target: 1 })),
    ...[512, 2048].map((n) => make(`syrk ${n}`, "syrk", n, n, n, { target: 1 })),
    ...Object.keys(spectra).map((name) => leading(4000, 1000, 32, name)),
    ...Object.keys(spectra).map((name) => leading(20000, 5000, 20, name)),
    ...svd.map(([m, n]) => make(`svd ${m}x${n}`, "svd", m, n, n, { target: 1 })),
    ...[256, 1000, 2000].map((n) => make(`eigh ${n}`, "eigh", n, n, n, { target: 1 })),
    make("solve 1000 rhs=200", "solve", 1000, 1000, 200, { target: 1 }),
    make("lstsq 2000x500", "lstsq", 2000, 500, 1, { target: 1 }),
    make("pca 10000x1536 k=20", "pca", 10000, 1536, 20, { target: 1 }),
  ];
}

/** Our own calls on next to nothing: what a call costs beyond its work. */
function overhead(): Case[] {
  return [
    ...[4, 8, 16, 32].map((n) => make(`call ${n}x${n} blocking`, "call", n, n, n, { mostMs: 0.0015 })),
    make("call 4x4 awaited", "call", 4, 4, 4, { awaited: true, mostMs: 0.06 }),
  ];
}

export function allCases(threads: number): Case[] {
  const thinProducts = [...tall(20000, 1000), ...strided(20000, 1000, 1024), ...fused(20000, 1000)];
  return [
    ...overhead(),
    ...squares(threads),
    ...thinProducts,
    ...factorisations(),
    ...tall(50000, 4000, { nativeOnly: true }),
  ];
}
