// latrd and labrd against their definition in float64, by the plain loops and the fast ones, and the reductions to
// tridiagonal and bidiagonal form that are made of them, with their way back.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { Matrix, open } from "../src/index.ts";
import { accumulated, applyReflectors, bidiagonalize, tridiagonalize } from "../src/reduce.ts";
import { runSync } from "../src/run.ts";
import { sized, thinned } from "./device.ts";
import { every, numbers } from "./helpers.ts";
import { fill, normal, sample, uniform } from "./matrices.ts";
import * as t from "./metrics.ts";
import type { Dense } from "./metrics.ts";
import { type Case, check, type View } from "./statuses.ts";
import { instructionSets, options, Raw, type Shape } from "./raw.ts";

const inside: Shape = { slack: 3, offset: 5 };
const f64: Shape = { type: abi.TSR_F64 };
const isas = instructionSets();
const modes = [["fast", abi.TSR_TILE_DEFAULT], ["plain", abi.TSR_TILE_REFERENCE]] as const;

/** Rounded to float32, the largest entry in [1/2, 1). */
function scaled(a: Dense): Dense {
  const largest = t.largest(t.abs(a).x), factor = largest > 0 ? 2 ** -(Math.floor(Math.log2(largest)) + 1) : 1;
  return t.map(a, (value) => Math.fround(value * factor));
}

/** The lower triangle and its mirror image. */
function mirrored(a: Dense): Dense {
  return t.map(a, (value, i, j) => (i >= j ? value : a.x[j * a.n + i]!));
}

// ---- one panel ----

interface Panel {
  readonly L: Dense;
  readonly R: Dense;
  readonly T: Dense;
  readonly d: Float64Array;
  readonly e: Float64Array;
}

interface Way {
  readonly tile?: number;
  readonly type?: number;
}

/** Runs latrd with NaN above the diagonal of A, or labrd. */
function panel(raw: Raw, symmetric: boolean, a: Dense, nb: number, { tile = 0, type = abi.TSR_F64 }: Way = {}): Panel {
  const value = (i: number, j: number): number => (symmetric && j > i ? NaN : a.x[i * a.n + j]!);
  const A = raw.matrix(a.m, a.n, inside).fill(value), before = A.values();
  const [L, R] = [raw.matrix(a.m, 2 * nb, inside), raw.matrix(a.n, 2 * nb, inside)];
  const [T, DE] = [raw.matrix(nb, symmetric ? nb : 2 * nb, inside), raw.matrix(2, nb, { slack: 3, offset: 4, type })];
  const { native, context } = raw, o = options({ [abi.TSR_OPTION_TILE]: tile });
  const call = symmetric ? native.tsr_latrd : native.tsr_labrd;
  raw.ok(call(context, A.view, L.view, R.view, T.view, DE.view, o));
  raw.run();
  for (const x of [A, L, R, T, DE]) assert.equal(x.damage(), -1, "an element outside a view has changed");
  assert.deepEqual(A.values(), before, "A is only read");
  const [l, r, s] = [L, R, T].map((x) => t.dense(x.m, x.n, x.values())) as [Dense, Dense, Dense];
  const bands = DE.values();
  return { L: l, R: r, T: s, d: bands.slice(0, nb), e: bands.slice(nb) };
}

/** inv(T) X */
function solved(T: Dense, { m, n, x }: Dense): Dense {
  const X = t.dense(m, n, x.slice());
  for (let i = m - 1; i >= 0; i--) {
    for (let c = 0; c < n; c++) {
      let sum = X.x[i * n + c]!;
      for (let q = i + 1; q < m; q++) sum -= T.x[i * T.n + q]! * X.x[q * n + c]!;
      X.x[i * n + c] = sum / T.x[i * T.n + i]!;
    }
  }
  return X;
}

/** A Q for Q = I - V inv(T) V' */
function times(A: Dense, V: Dense, T: Dense): Dense {
  return t.minus(A, t.matmul64(t.matmul64(A, V), solved(T, t.transpose(V))));
}

/** |Q'Q - I|_F / u, from the small matrix between V and V'. */
function lossOf(V: Dense, T: Dense): number {
  const G = t.gram(V), inverse = solved(T, t.eye(V.n)), back = t.transpose(inverse);
  const both = t.matmul64(back, t.matmul64(G, inverse));
  const M = t.matmul64(t.map(both, (value, i, j) => value - inverse.x[i * V.n + j]! - back.x[i * V.n + j]!), G);
  const square = t.diagonal(t.matmul64(M, M)).reduce((sum, value) => sum + value, 0);
  return Math.sqrt(Math.max(square, 0)) / t.u;
}

/** What Q'A P must be: the bands in the first nb rows and columns, the rest of the matrix behind them. */
function expected(symmetric: boolean, a: Dense, { L, R, d, e }: Panel): Dense {
  const nb = d.length, rest = t.minus(a, t.matmul64(L, t.transpose(R)));
  return t.map(rest, (value, i, j) => {
    const k = Math.min(i, j);
    if (k >= nb) return value;
    if (i === j) return d[k]!;
    return j === i + 1 || (symmetric && i === j + 1) ? e[k]! : 0;
  });
}

/** Fails unless vectors begin `late` rows below the diagonal, T is triangular, and its diagonal nearly 1. */
function requireShape(V: Dense, T: Dense, late: number, what: string): void {
  V.x.forEach((value, at) => {
    if (Math.floor(at / V.n) < at % V.n + late) assert.equal(value, 0, `${what}: above the reflectors`);
  });
  assert.equal(t.belowDiagonal(T), 0, `${what}: below the triangle`);
  for (const value of t.diagonal(T)) assert.ok(Math.abs(value - 1) <= 4 * t.u, `${what}: diagonal ${value}`);
}

function requirePanel(symmetric: boolean, a: Dense, p: Panel): void {
  const nb = p.d.length, V = t.columns(p.L, 0, nb), TV = t.columns(p.T, 0, nb);
  const U = symmetric ? V : t.columns(p.R, nb, 2 * nb), TU = symmetric ? TV : t.columns(p.T, nb, 2 * nb);
  requireShape(V, TV, symmetric ? 1 : 0, "V");
  requireShape(U, TU, 1, "U");
  if (symmetric) {
    assert.deepEqual(U, t.columns(p.R, nb, 2 * nb), "R = [W V]");
    assert.deepEqual(t.columns(p.L, nb, 2 * nb), t.columns(p.R, 0, nb), "L = [V W]");
  }
  const right = times(a, U, TU), reduced = t.transpose(times(t.transpose(right), V, TV));
  t.hold([
    { contract: "orthogonality of Q", value: lossOf(V, TV), bound: 8 * Math.sqrt(nb) },
    { contract: "orthogonality of P", value: lossOf(U, TU), bound: 8 * Math.sqrt(nb) },
    { contract: "Q'A P", value: t.inUnits(t.normF(t.minus(reduced, expected(symmetric, a, p))), t.normF(a)), bound: 8 },
  ], `nb ${nb}`);
}

const orders = thinned([1, 2, 3, 4, 5, 31, 33, 64, 65, 97, 130], 2).filter((n) => n <= sized(130, 65));
const widths = [1, 2, 7, 32, 128];

describe("latrd and labrd", () => {
  for (const [name, tile] of modes) {
    for (const symmetric of [true, false]) {
      it(`reduce the first columns of a ${symmetric ? "symmetric" : "general"} matrix, ${name}`, async () => {
        const shapes = orders.flatMap((n) => widths.filter((nb) => nb <= n).map((nb) => ({ n, nb })));
        await every(shapes, ({ n, nb }) => `${n}, ${nb}`, ({ n, nb }, at) => {
          using raw = new Raw({ isa: isas[at % isas.length]!, threads: 1 + Math.floor(at / isas.length) % 3 });
          const a = scaled(symmetric ? mirrored(normal(n, n, at)) : normal(n + (at % 3) * 9, n, at));
          requirePanel(symmetric, a, panel(raw, symmetric, a, nb, { tile }));
        });
      });
    }

    it(`leave what is reduced already, drop what is tiny, and stand graded columns, ${name}`, () => {
      using raw = new Raw();
      const n = 40, band = fill(n, n, (i, j) => (i === j ? 0.9 - i / n : Math.abs(i - j) === 1 ? 1e-30 : 0));
      const done = panel(raw, true, scaled(band), 20, { tile });
      assert.deepEqual([...done.e], Array.from({ length: 20 }, () => Math.fround(1e-30)));
      assert.ok(done.L.x.every((value) => value === 0));
      assert.deepEqual(done.T, t.eye(20));
      const upper = fill(50, n, (i, j) => (i === j ? 0.5 : j === i + 1 ? 0.75 : i > j ? 2 ** -52 : 0));
      const dropped = panel(raw, false, upper, 20, { tile });
      assert.deepEqual([...dropped.d, ...dropped.e], [...Array(20).fill(0.5), ...Array(20).fill(0.75)]);
      const graded = scaled(t.map(normal(50, n, 3), (value, _, j) => value * 10 ** ((-12 * j) / n)));
      requirePanel(false, graded, panel(raw, false, graded, 32, { tile }));
    });

    it(`end with NaN, and take matrices without columns, ${name}`, () => {
      using raw = new Raw();
      for (const symmetric of [true, false]) {
        const { d } = panel(raw, symmetric, fill(20, 20, () => NaN), 7, { tile });
        assert.ok(d.every(Number.isNaN));
        panel(raw, symmetric, t.dense(0, 0), 0, { tile });
        panel(raw, symmetric, t.dense(20, 20), 0, { tile });
      }
      assert.deepEqual(panel(raw, false, t.dense(5, 0), 0, { tile }).L, t.dense(5, 0));
    });

    it(`write the bands in float32 too, ${name}`, () => {
      using raw = new Raw();
      for (const symmetric of [true, false]) {
        const a = scaled(mirrored(normal(30, 30, 1)));
        const [wide, narrow] = [f64.type!, abi.TSR_F32].map((type) => panel(raw, symmetric, a, 9, { tile, type }));
        assert.deepEqual(narrow!.d, wide!.d.map(Math.fround));
        assert.deepEqual(narrow!.e, wide!.e.map(Math.fround));
      }
    });
  }

  it("reduce columns of long matrices, which several parts make up", () => {
    using raw = new Raw({ threads: 3 });
    for (const [n, nb] of thinned([[600, 7], [2060, 2]] as const, 2)) {
      const a = scaled(mirrored(uniform(n, n, 1)));
      requirePanel(true, a, panel(raw, true, a, nb));
    }
    for (const [m, n] of thinned([[700, 600], [2200, 80]] as const, 2).map(([m, n]) => [m, sized(n, 300)] as const)) {
      const a = scaled(uniform(m, n, 2));
      requirePanel(false, a, panel(raw, false, a, 7));
    }
  });

  it("give the same bits for any number of threads", () => {
    for (const symmetric of [true, false]) {
      const a = scaled(normal(sized(symmetric ? 1100 : 1300, symmetric ? 300 : 350), sized(1100, 300), 2));
      const [one, ...others] = [1, 2, 3, 4].map((threads) => {
        using raw = new Raw({ threads });
        return panel(raw, symmetric, a, 12);
      });
      for (const other of others) assert.deepEqual(other, one);
    }
  });
});

// ---- whole reductions ----

const kinds: readonly (readonly [string, (m: number, n: number) => Dense])[] = [
  ["random", (m, n) => normal(m, n, 1)],
  ["all 0.1", (m, n) => fill(m, n, () => 0.1)],
  ["all one third", (m, n) => fill(m, n, () => 1 / 3)],
  ["0.1 + 0.9 I", (m, n) => fill(m, n, (i, j) => (i === j ? 1 : 0.1))],
  ["Gram matrix of uniform", (m, n) => t.matmul64(uniform(m, n, 3), t.gram(uniform(n + 3, n, 3)))],
  ["signs", (m, n) => t.map(normal(m, n, 5), Math.sign)],
  ["graded down", (m, n) => t.map(normal(m, n, 6), (value, i, j) => value * 10 ** ((-10 * (i + j)) / (m + n)))],
  ["graded up", (m, n) => t.map(normal(m, n, 7), (value, i, j) => value * 10 ** ((10 * (i + j)) / (m + n)))],
  ["of half rank", (m, n) => t.matmul64(normal(m, (n + 1) >> 1, 8), normal((n + 1) >> 1, n, 9))],
  ["zero", (m, n) => t.dense(m, n)],
  ["identity", (m, n) => fill(m, n, (i, j) => (i === j ? 1 : 0))],
  ["Hilbert", (m, n) => fill(m, n, (i, j) => 1 / (i + j + 1))],
  ["Wilkinson", (m, n) => fill(m, n, (i, j) => (i === j ? Math.abs(i - n / 2) : Math.abs(i - j) === 1 ? 1 : 0))],
];

/** The numbers of both bands; the last of the second is none. */
function bands(DE: Matrix): { d: Float64Array; e: Float64Array } {
  const n = DE.shape[1], all = DE.hostAs(Float64Array);
  return { d: all.slice(0, n), e: all.slice(n, n + Math.max(n - 1, 0)) };
}

/** The m x n matrix whose columns are the first of the Q with the reflectors V. */
function explicit(V: Matrix, m: number, n: number, block?: number): Dense {
  using C = Matrix.eye(m, n, { device: V.device });
  runSync("reduce", [], { device: C.device }, function* () {
    using Q = accumulated(V, block);
    yield* applyReflectors(Q, C);
  });
  return t.wide(numbers(C));
}

function requireReduction(a: Dense, Q: Dense, B: Dense, P: Dense): void {
  const back = t.matmul64(Q, t.matmul64(B, t.transpose(P)));
  t.hold([
    { contract: "A - Q B P'", value: t.relative(a, back), bound: 14 },
    { contract: "orthogonality of Q", value: t.orthogonality(Q), bound: 9 * Math.sqrt(Q.n) },
    { contract: "orthogonality of P", value: t.orthogonality(P), bound: 9 * Math.sqrt(P.n) },
  ], `${a.m}x${a.n}`);
}

function checkTridiagonal(a: Dense): void {
  const n = a.n, whole = mirrored(a);
  using A = Matrix.from(sample("A", a));
  const { DE, Q } = runSync("reduce", [A], {}, () => tridiagonalize(A)), { d, e } = bands(DE);
  assert.deepEqual([d.length, e.length], [n, Math.max(n - 1, 0)]);
  const q = explicit(Q, n, n);
  const B = fill(n, n, (i, j) => (i === j ? d[i]! : Math.abs(i - j) === 1 ? e[Math.min(i, j)]! : 0));
  requireReduction(whole, q, B, q);
}

function checkBidiagonal(a: Dense, block?: number): void {
  const { m, n } = a;
  using A = Matrix.from(sample("A", a));
  const { DE, Q, P } = runSync("reduce", [A], {}, () => bidiagonalize(A)), { d, e } = bands(DE);
  assert.deepEqual([d.length, e.length], [n, Math.max(n - 1, 0)]);
  const B = fill(n, n, (i, j) => (i === j ? d[i]! : j === i + 1 ? e[i]! : 0));
  requireReduction(a, explicit(Q, m, n, block), B, explicit(P, n, n, block));
}

const sizes = [...Array.from({ length: 12 }, (_, i) => i), 31, 32, 33, 63, 64, 65, 70].filter((n) =>
  n <= sized(70, 65)
);

describe("reductions", () => {
  it("to tridiagonal form come back with their orders, on every kind of matrix", async () => {
    await every(thinned(kinds, 6), ([kind]) => kind, ([, make], at) => {
      for (const n of [...sizes, 130].filter((_, k) => at === 0 || k > 14)) checkTridiagonal(scaled(make(n, n)));
    });
    checkTridiagonal(scaled(normal(sized(300, 130), sized(300, 130), 2)));
  });

  it("to bidiagonal form come back with their shapes, on every kind of matrix", async () => {
    await every(thinned(kinds, 6), ([kind]) => kind, ([, make], at) => {
      for (const n of sizes.filter((n, k) => (at === 0 || k > 14) && n <= sized(70, 33))) {
        checkBidiagonal(scaled(make(n, n)));
        checkBidiagonal(scaled(make(2 * n + 3, n)));
      }
      checkBidiagonal(scaled(make(sized(150, 80), sized(130, 70))));
    });
  });

  it("come back in blocks of any width, whatever the panels were", () => {
    for (const block of [1, 7, 45, 64, 128]) checkBidiagonal(scaled(normal(sized(150, 80), sized(130, 70), 3)), block);
  });

  it("run on plain C as well", () => {
    using device = open({ device: "cpu:portable", threads: 2 });
    const a = scaled(mirrored(normal(100, 100, 4)));
    using A = Matrix.from(a.x, [100, 100], { device });
    const { DE, Q } = runSync("reduce", [A], {}, () => tridiagonalize(A)), q = explicit(Q, 100, 100);
    const { d, e } = bands(DE);
    const B = fill(100, 100, (i, j) => (i === j ? d[i]! : Math.abs(i - j) === 1 ? e[Math.min(i, j)]! : 0));
    requireReduction(a, q, B, q);
  });
});

// ---- what they refuse ----

const { TSR_E_ALIAS, TSR_E_ARGUMENT, TSR_E_SHAPE, TSR_E_TYPE } = abi;
type Tools = Parameters<Case[3]>[0];

/** The operands of a panel with nb = 3 of an m x 5 matrix, some of them replaced. */
function call(
  name: "tsr_latrd" | "tsr_labrd",
  m: number,
  change: (t: Tools) => Partial<Record<string, View>>,
): Case[3] {
  return (tools) => {
    const given = change(tools), pick = (key: string, view: () => View): View => given[key] ?? view();
    return tools.n[name](
      tools.c,
      pick("A", () => tools.v(m, 5)),
      pick("L", () => tools.v(m, 6)),
      pick("R", () => tools.v(5, 6)),
      pick("T", () => tools.v(3, name === "tsr_latrd" ? 3 : 6)),
      pick("DE", () => tools.v(2, 3, f64)),
      tools.o,
    );
  };
}

for (const op of ["latrd", "labrd"] as const) {
  const name = `tsr_${op}` as const, m = op === "latrd" ? 5 : 8, wide = op === "latrd" ? 3 : 6;
  const refusal = (change: (t: Tools) => Partial<Record<string, View>>): Case[3] => call(name, m, change);
  check(op, [
    ["A transposed", TSR_E_ARGUMENT, /A must not be transposed/, refusal((c) => ({ A: c.v(m, 5, { trans: true }) }))],
    ["DE with three rows", TSR_E_SHAPE, /DE is 3x3; it must be 2x3/, refusal((c) => ({ DE: c.v(3, 3) }))],
    ["more columns than A", TSR_E_SHAPE, /DE is 2x6; it must be 2x5/, refusal((c) => ({ DE: c.v(2, 6) }))],
    [
      "129 columns",
      TSR_E_SHAPE,
      /DE is 2x129; it must be 2x128/,
      refusal((c) => ({ A: c.v(200, 200), DE: c.v(2, 129) })),
    ],
    ["L", TSR_E_SHAPE, new RegExp(`L is ${m}x3; it must be ${m}x6`), refusal((c) => ({ L: c.v(m, 3) }))],
    ["R", TSR_E_SHAPE, /R is 6x6; it must be 5x6/, refusal((c) => ({ R: c.v(6, 6) }))],
    ["T", TSR_E_SHAPE, new RegExp(`T is 3x4; it must be 3x${wide}`), refusal((c) => ({ T: c.v(3, 4) }))],
    ["DE of words", TSR_E_TYPE, /DE is u32/, refusal((c) => ({ DE: c.v(2, 3, { type: abi.TSR_U32 }) }))],
    ["float64 A", TSR_E_TYPE, /A is f64/, refusal((c) => ({ A: c.v(m, 5, f64) }))],
    [
      "L in A",
      TSR_E_ALIAS,
      /L and A overlap/,
      refusal((c) => {
        const A = c.v(m, 5, { slack: 3 }), L = A.slice();
        L[abi.TSR_VIEW_COLS] = 6;
        return { A, L };
      }),
    ],
  ]);
}

check("latrd", [
  ["not square", TSR_E_SHAPE, /latrd: A is 6x5; it must be square/, call("tsr_latrd", 6, () => ({}))],
]);
check("labrd", [
  ["wide", TSR_E_SHAPE, /labrd: A is 4x5; with more columns than rows/, call("tsr_labrd", 4, () => ({}))],
]);
