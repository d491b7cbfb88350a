// The trials of the long self-test: every operation on small fixed matrices, each result measured in float64 by plain
// loops against the operation's contract.
import * as blas from "./blas.ts";
import * as d64 from "./dense64.ts";
import { type Dense, dense, type Figure, type Figures, fixed, get, Operand, times, turn } from "./dense64.ts";
import type { Device } from "./device.ts";
import { eighSync, svdSync } from "./index.ts";
import { u } from "./proof.ts";
import type { Tile } from "./tune.ts";

export type Trial = (device: Device) => Figures;

/** By name; the first are the kernels for products that the device offers. */
export function trials(device: Device): Readonly<Record<string, Trial>> {
  const tiles = device.facts.tiles as Tile[];
  return {
    ...Object.fromEntries(tiles.map((tile) => [`gemm ${tile}`, (d: Device) => products(d, tile)])),
    "gemm integers": wholeNumbers,
    "gemm float64": wideProduct,
    atav,
    syrk,
    trsm,
    potrf,
    getrf,
    laswp,
    orth,
    "eigh (latrd)": eigh,
    "svd (labrd)": svd,
    resid,
    "rand uniform": (d) => randomBits(d, "uniform", 0x42DED2AC),
    "rand normal": (d) => randomBits(d, "normal", 0xBBCFE2EC),
    laset,
    geadd,
    scale,
    colstat,
    syev,
    "jacobi principal": (d) => jacobi(d, "principal"),
    "jacobi gram": (d) => jacobi(d, "gram"),
    "apply small": applySmall,
    "apply update": applyUpdate,
  };
}

/** Rows, columns and depth that suit a tile, none a multiple of its edges. */
function sizesFor(tile: Tile): readonly [number, number, number] {
  if (tile === "gemv") return [131, 1, 157];
  return tile === "inner" ? [24, 20, 900] : [70, 67, 130];
}

/** Of an element of a product of depth k, in u |A||B|. */
function productBound({ facts }: Device, k: number): number {
  const chain = Math.min(k, facts.chain);
  return chain + Math.ceil(Math.log2(Math.ceil(k / chain))) + 2;
}

function products(device: Device, tile: Tile): Figures {
  const [m, n, k] = sizesFor(tile), bound = productBound(device, k);
  const A = fixed(m, k, 1), B = fixed(k, n, 2), C0 = fixed(m, n, 3);
  const figures: Record<string, Figure> = {};
  for (const [name, transA, transB] of [["AB", 0, 0], ["A'B", 1, 0], ["AB'", 0, 1], ["A'B'", 1, 1]] as const) {
    const [alpha, beta] = transA === transB ? [1, 0] : [-0.5, 2];
    const [a, b] = [new Operand(device, A, transA === 1), new Operand(device, B, transB === 1)];
    const c = beta === 0 ? d64.blank(device, m, n) : new Operand(device, C0);
    blas.gemm(alpha, a.view, b.view, beta, c.view, { tile: device.facts.tiles.includes(tile) ? tile : "default" });
    blas.flushSync(device);
    const combine = (AB: Dense, C: Dense, f: (x: number) => number): Dense =>
      dense(m, n, (i, j) => f(alpha) * get(AB, i, j) + f(beta) * get(C, i, j));
    const size = combine(times(d64.abs(A), d64.abs(B)), d64.abs(C0), Math.abs);
    const value = d64.worst(c.read(), combine(times(A, B), C0, (x) => x), (at) => u * size.x[at]!);
    figures[name] = { value, bound };
  }
  return figures;
}

function wholeNumbers(device: Device): Figures {
  const A = dense(64, 64, (i, j) => (i * 64 + j) % 7 - 3), a = new Operand(device, A), c = d64.blank(device, 64, 64);
  blas.gemm(1, a.view, a.view.T, 0, c.view);
  blas.flushSync(device);
  return { "wrong entries": d64.differing(c.read().x, times(A, turn(A)).x) };
}

function wideProduct(device: Device): Figures {
  const [m, n, k] = [40, 33, 300], A = fixed(m, k, 1), B = fixed(k, n, 2);
  const [a, b] = [new Operand(device, A), new Operand(device, B)];
  using C = blas.empty64(m, n, device);
  blas.gemm(1, a.view, b.view, 0, C);
  blas.flushSync(device);
  const size = times(d64.abs(A), d64.abs(B)), found = { m, n, x: C.hostAs(Float64Array) };
  return { "2⁻⁴⁴|A||B|": { value: d64.worst(found, times(A, B), (at) => 2 ** -44 * size.x[at]!), bound: 1 } };
}

function atav(device: Device): Figures {
  const [m, n] = [131, 157], A = fixed(m, n, 1), a = new Operand(device, A), figures: Record<string, Figure> = {};
  for (const k of [1, 5]) {
    const V = fixed(n, k, 2), v = new Operand(device, V), y = d64.blank(device, m, k), z = d64.blank(device, n, k);
    blas.atav(a.view, v.view, y.view, z.view);
    blas.flushSync(device);
    const Y = y.read(), products = [["AV", A, V, Y], ["A'AV", turn(A), Y, z.read()]] as const;
    for (const [name, left, right, found] of products) {
      const size = times(d64.abs(left), d64.abs(right));
      const value = d64.worst(found, times(left, right), (at) => u * size.x[at]!);
      figures[`${name}, ${k}`] = { value, bound: productBound(device, left.n) };
    }
  }
  return figures;
}

function syrk(device: Device): Figures {
  const [n, k] = [70, 130], A = fixed(n, k, 1), a = new Operand(device, A), c = d64.blank(device, n, n);
  blas.syrk("lower", 1, a.view, 0, c.view);
  blas.flushSync(device);
  const C = c.read(), truth = times(A, turn(A)), size = times(d64.abs(A), turn(d64.abs(A)));
  const lower = dense(n, n, (i, j) => get(i >= j ? C : truth, i, j));
  const above = C.x.filter((value, at) => at % n > Math.floor(at / n) && !Number.isNaN(value)).length;
  return {
    "AA'": { value: d64.worst(lower, truth, (at) => u * size.x[at]!), bound: productBound(device, k) },
    "written above": d64.count(above),
  };
}

function trsm(device: Device): Figures {
  const n = 65, k = 37, S = fixed(n, n, 4), B = fixed(n, k, 5), figures: Record<string, Figure> = {};
  const T = dense(n, n, (i, j) => j > i ? 0 : i === j ? 4 + i % 3 : get(S, i, j));
  // No more than ‖T‖₂, so that the bound is not eased.
  const norm = d64.largest(Array.from({ length: n }, (_, i) => d64.length(T.x.subarray(i * n, i * n + n))));
  for (const side of ["left", "right"] as const) {
    const t = new Operand(device, T), b = new Operand(device, side === "left" ? B : turn(B));
    blas.trsm(side, "lower", 1, t.view, b.view);
    blas.flushSync(device);
    const X = b.read(), error = side === "left" ? d64.minus(B, times(T, X)) : d64.minus(turn(B), times(X, T));
    figures[side] = { value: d64.length(error.x) / (u * norm * d64.length(X.x)), bound: 8 * Math.sqrt(n) };
  }
  return figures;
}

function potrf(device: Device): Figures {
  const n = 100,
    bad = 56,
    A = d64.positive(n),
    factor = (numbers: Dense): { L: Dense; info: number } => {
      const a = new Operand(device, dense(n, n, (i, j) => j > i ? NaN : get(numbers, i, j)));
      using info = blas.infoWords(1, 1, device);
      blas.potrf(a.view, info, 0);
      blas.flushSync(device);
      return { L: a.read(), info: info.hostAs(Uint32Array)[0]! };
    };
  const { L, info } = factor(A), lower = dense(n, n, (i, j) => j > i ? 0 : get(L, i, j));
  const spoiled = factor(dense(n, n, (i, j) => i === bad && j === bad ? -1 : get(A, i, j)));
  return {
    "LL'": { value: d64.length(d64.minus(A, times(lower, turn(lower))).x) / (u * d64.length(A.x)), bound: 12 },
    "wrong info": d64.count(Number(info !== 0) + Number(spoiled.info !== bad + 1)),
  };
}

/** The rows of A after the exchanges. */
function exchanged(A: Dense, pivots: ArrayLike<number>): Dense {
  const order = Array.from({ length: A.m }, (_, i) => i);
  Array.from(pivots).forEach((p, j) => [order[j], order[p]] = [order[p]!, order[j]!]);
  return dense(A.m, A.n, (i, j) => get(A, order[i]!, j));
}

function getrf(device: Device): Figures {
  const [m, n] = [90, 70], A = fixed(m, n, 6), a = new Operand(device, A);
  using pivots = blas.infoWords(1, n, device);
  using info = blas.infoWords(1, 1, device);
  blas.getrf(a.view, pivots, info);
  blas.flushSync(device);
  const F = a.read(), L = dense(m, n, (i, j) => i === j ? 1 : i > j ? get(F, i, j) : 0);
  const U = dense(n, n, (i, j) => i <= j ? get(F, i, j) : 0),
    error = d64.minus(exchanged(A, pivots.hostAs(Uint32Array)), times(L, U));
  return {
    "PA-LU": { value: d64.length(error.x) / (u * d64.length(times(d64.abs(L), d64.abs(U)).x)), bound: 4 * n },
    "wrong info": d64.count(info.hostAs(Uint32Array)[0]!),
  };
}

function laswp(device: Device): Figures {
  const A = fixed(50, 37, 8), a = new Operand(device, A);
  using pivots = blas.infoWords(1, 20, device);
  pivots.hostAs(Uint32Array).forEach((_, j, all) => all[j] = j + (7 * j) % (50 - j));
  blas.laswp(a.view, pivots, "forward");
  blas.flushSync(device);
  return { "wrong entries": d64.differing(a.read().x, exchanged(A, pivots.hostAs(Uint32Array)).x) };
}

function orth(device: Device): Figures {
  const [m, n] = [200, 40], A = fixed(m, n, 9), w = new Operand(device, A), t = d64.blank(device, n, n);
  using info = blas.infoWords(1, 2, device);
  blas.orth(w.view, t.view, info, 0, 1);
  blas.flushSync(device);
  const Q = w.read(), T = t.read();
  return {
    "A-QR": { value: d64.length(d64.minus(A, times(Q, T)).x) / (u * d64.length(A.x)), bound: 16 },
    "Q'Q-I": d64.orthogonality(Q),
    "dead columns": d64.count(info.hostAs(Uint32Array)[1]!),
  };
}

function eigh(device: Device): Figures {
  const n = 70, A = d64.positive(n), a = new Operand(device, A);
  const { values, vectors } = eighSync(a.view, { method: "tridiagonal" }), V = d64.numbersOf(vectors);
  const error = d64.minus(times(A, V), dense(n, n, (i, j) => get(V, i, j) * values[j]!));
  return {
    "AV-VΛ": { value: d64.length(error.x) / (u * d64.length(A.x)), bound: 48 },
    "V'V-I": d64.orthogonality(V),
  };
}

function svd(device: Device): Figures {
  const A = fixed(90, 70, 10), a = new Operand(device, A);
  const { u: left, s, vt } = svdSync(a.view, { method: "bidiagonal" }), U = d64.numbersOf(left), Vt = d64.numbersOf(vt);
  const US = dense(U.m, U.n, (i, j) => get(U, i, j) * s[j]!);
  return {
    "A-UΣV'": { value: d64.length(d64.minus(A, times(US, Vt)).x) / (u * d64.length(A.x)), bound: 48 },
    "U'U-I": d64.orthogonality(U),
    "V'V-I": d64.orthogonality(turn(Vt)),
  };
}

function resid(device: Device): Figures {
  const [m, n, k] = [60, 9, 130], A = fixed(m, k, 11), X = fixed(k, n, 12), B = fixed(m, n, 13);
  const [a, x, b, r] = [
    new Operand(device, A),
    new Operand(device, X),
    new Operand(device, B),
    d64.blank(device, m, n),
  ];
  using wide = blas.empty64(m, n, device);
  blas.resid(a.view, x.view, b.view, r.view);
  blas.resid(a.view, x.view, b.view, wide);
  blas.flushSync(device);
  const truth = d64.minus(B, times(A, X)), size = times(d64.abs(A), d64.abs(X));
  const rest = (at: number): number => 2 ** -44 * (size.x[at]! + Math.abs(B.x[at]!));
  return {
    "rounded once": { value: d64.worst(r.read(), truth, (at) => u * Math.abs(truth.x[at]!) + rest(at)), bound: 1 },
    "2⁻⁴⁴(|A||X|+|B|)": { value: d64.worst({ m, n, x: wide.hostAs(Float64Array) }, truth, rest), bound: 1 },
  };
}

/** The bits, hashed (FNV-1a), are those of every machine. */
function randomBits(device: Device, distribution: blas.Distribution, wanted: number): Figures {
  const a = d64.blank(device, 37, 29);
  blas.rand(distribution, 2026, a.view);
  blas.flushSync(device);
  let hash = 0x811C9DC5;
  for (const word of new Uint32Array(Float32Array.from(a.read().x).buffer)) hash = Math.imul(hash ^ word, 0x01000193);
  return { "wrong hash": d64.count(Number(hash >>> 0 !== wanted)) };
}

function laset(device: Device): Figures {
  const A = fixed(41, 53, 14), full = new Operand(device, A), lower = new Operand(device, A);
  blas.laset("full", 0.5, 2, full.view);
  blas.laset("lower", -1, NaN, lower.view);
  blas.flushSync(device);
  return {
    "wrong in full": d64.differing(full.read().x, dense(41, 53, (i, j) => i === j ? 2 : 0.5).x),
    "wrong in lower": d64.differing(lower.read().x, dense(41, 53, (i, j) => i > j ? -1 : get(A, i, j)).x),
  };
}

/** Factors that are powers of two: one rounding, of the sum. */
function geadd(device: Device): Figures {
  const A = fixed(41, 53, 15), B = fixed(41, 53, 16), a = new Operand(device, A, true), b = new Operand(device, B);
  blas.geadd(2, a.view, -0.5, b.view);
  blas.flushSync(device);
  const truth = dense(41, 53, (i, j) => Math.fround(2 * get(A, i, j) - get(B, i, j) / 2));
  return { "wrong entries": d64.differing(b.read().x, truth.x) };
}

function scale(device: Device): Figures {
  const [m, n] = [41, 53], A = fixed(m, n, 17), S = dense(1, n, (_, j) => j === 5 ? 0 : 3 * 2 ** (j - 26));
  const s = new Operand(device, S), by = new Operand(device, A), normal = new Operand(device, fixed(m, n, 18));
  blas.scale("normalize", by.view, s.view, normal.view);
  blas.scale("multiply", by.view, s.view, by.view);
  blas.flushSync(device);
  const power = (j: number): number => j === 5 ? 1 : 2 ** (24 - j);
  return {
    "wrong products": d64.differing(by.read().x, dense(m, n, (i, j) => Math.fround(get(A, i, j) * get(S, 0, j))).x),
    "wrong exponents": d64.differing(normal.read().x, dense(m, n, (i, j) => get(A, i, j) * power(j)).x),
  };
}

function colstat(device: Device): Figures {
  const [m, n] = [70, 45], A = fixed(m, n, 18), bad = (i: number, j: number): boolean => i === 66 && j === 31;
  const a = new Operand(device, dense(m, n, (i, j) => bad(i, j) ? NaN : get(A, i, j))), s = d64.blank(device, 2, n);
  using info = blas.infoWords(1, 2, device);
  blas.colstat(a.view, s.view, info);
  blas.flushSync(device);
  const found = s.read(), column = (j: number): number[] => Array.from({ length: m }, (_, i) => get(A, i, j));
  const most = (j: number): number => Math.max(...column(j).map(Math.abs));
  const sign = (j: number): number => Math.sign(column(j).find((x) => Math.abs(x) >= (1 - 2 ** -10) * most(j))!);
  const wanted = (i: number, j: number): number => j === 31 ? [Infinity, get(found, 1, j)][i]! : [most(j), sign(j)][i]!;
  return {
    "wrong maxima and signs": d64.differing(found.x, dense(2, n, wanted).x),
    "wrong place": d64.differing(info.hostAs(Uint32Array), [67, 32]),
  };
}

/** All but one of the vectors; the upper triangle is not read. */
function syev(device: Device): Figures {
  const n = 70, wanted = n - 1, A = fixed(n, n, 19);
  using G = blas.hosted64(n, n, device);
  using W = blas.empty64(1, n, device);
  using Z = blas.empty64(n, wanted, device);
  G.hostAs(Float64Array).set(dense(n, n, (i, j) => j > i ? NaN : get(A, i, j)).x);
  blas.syev(G, W, Z);
  blas.flushSync(device);
  const w = W.hostAs(Float64Array), V = { m: n, n: wanted, x: Z.hostAs(Float64Array) };
  const S = dense(n, n, (i, j) => get(A, Math.max(i, j), Math.min(i, j)));
  const error = d64.minus(times(S, V), dense(n, wanted, (i, j) => get(V, i, j) * w[j]!));
  const apart = d64.minus(times(turn(V), V), dense(wanted, wanted, (i, j) => Number(i === j)));
  return {
    "GZ-ZW": { value: d64.length(error.x) / (2 ** -53 * w[0]!), bound: 4 * n },
    "Z'Z-I": { value: d64.length(apart.x) / 2 ** -53, bound: 4 * n },
    "wrong order": d64.count(w.filter((value, j) => j > 0 && !(w[j - 1]! >= value)).length),
  };
}

function jacobi(device: Device, form: blas.Form): Figures {
  const k = 32,
    blocks = Array.from({ length: 2 }, (_, t) => {
      const x = fixed(k + 9, k, 20 + t), g = times(turn(x), x);
      return dense(k, k, (i, j) => Math.fround(get(g, i, j)));
    });
  const G = dense(2 * k, k, (i, j) => get(blocks[Math.floor(i / k)]!, i % k, j)), g = new Operand(device, G);
  const j = d64.blank(device, 2 * k, k);
  using words = blas.infoWords(1, 2, device);
  blas.jacobi(form, g.view, j.view, words, 0, 0);
  blas.flushSync(device);
  const J = j.read();
  let rotation = 0, rest = 0;
  blocks.forEach((Gt, t) => {
    const Jt = dense(k, k, (i, l) => get(J, t * k + i, l)), D = times(turn(Jt), times(Gt, Jt));
    const outside = D.x.map((x, at) => at % (k + 1) === 0 ? 0 : Math.abs(x));
    const error = times(turn(Jt), Jt).x.map((x, at) => Math.abs(x - Number(at % (k + 1) === 0)));
    rotation = d64.largest([rotation, ...error.map((x) => x / u)]);
    rest = d64.largest([rest, d64.largest(outside) / (u * d64.largest(Gt.x))]);
  });
  return {
    "J'J-I": { value: rotation, bound: 8 },
    "J'GJ": { value: rest, bound: 4 * Math.sqrt(k) },
    "wrong words": d64.count(words.hostAs(Uint32Array).filter((word) => word !== 1).length),
  };
}

const WIDTH = 16;
const PAIRS = [[0, 3], [2, 5]] as const;

/** Row or column l of small block t, in A. */
const placeOf = (t: number, l: number): number => PAIRS[t]![l < WIDTH ? 0 : 1] * WIDTH + l % WIDTH;

function pairsOn(device: Device): ReturnType<typeof blas.infoWords> {
  const pairs = blas.infoWords(3, PAIRS.length, device);
  pairs.hostAs(Uint32Array).set([PAIRS[0][0], PAIRS[1][0], PAIRS[0][1], PAIRS[1][1], 1, 1]);
  return pairs;
}

function applySmall(device: Device): Figures {
  const k = 2 * WIDTH, n = 6 * WIDTH, figures: Record<string, Figure> = {};
  for (const form of ["principal", "gram"] as const) {
    const A = fixed(form === "gram" ? 131 : n, n, 30), a = new Operand(device, A);
    const b = d64.blank(device, PAIRS.length * k, k);
    using pairs = pairsOn(device);
    blas.apply(form, a.view, pairs, b.view);
    blas.flushSync(device);
    const G = times(turn(A), A),
      mean = dense(n, n, (i, j) => form === "gram" ? get(G, i, j) : (get(A, i, j) + get(A, j, i)) / 2);
    const truth = dense(
      PAIRS.length * k,
      k,
      (i, j) => get(mean, placeOf(Math.floor(i / k), i % k), placeOf(Math.floor(i / k), j)),
    );
    figures[form] = { value: d64.worst(b.read(), truth, (at) => u * Math.abs(truth.x[at]!) + 1e-12), bound: 1 };
  }
  return figures;
}

function applyUpdate(device: Device): Figures {
  const k = 2 * WIDTH, n = 6 * WIDTH, lines = 70, A = fixed(lines, n, 31), B = fixed(PAIRS.length * k, k, 32);
  const figures: Record<string, Figure> = {};
  for (const form of ["columns", "rows"] as const) {
    const a = new Operand(device, form === "rows" ? turn(A) : A), b = new Operand(device, B);
    using pairs = pairsOn(device);
    blas.apply(form, a.view, pairs, b.view);
    blas.flushSync(device);
    const found = form === "rows" ? turn(a.read()) : a.read(), truth = { ...A, x: A.x.slice() }, size = d64.abs(A);
    PAIRS.forEach((_, t) => {
      const X = dense(lines, k, (i, l) => get(A, i, placeOf(t, l))), Bt = dense(k, k, (i, j) => get(B, t * k + i, j));
      const [product, sizes] = [times(X, Bt), times(d64.abs(X), d64.abs(Bt))];
      for (let i = 0; i < lines; i++) {
        for (let l = 0; l < k; l++) {
          truth.x[i * n + placeOf(t, l)] = get(product, i, l);
          size.x[i * n + placeOf(t, l)] = get(sizes, i, l);
        }
      }
    });
    figures[form] = { value: d64.worst(found, truth, (at) => u * size.x[at]!), bound: 36 };
  }
  return figures;
}
