// The plain loops of cpu/, which specify the operations, against loops of this file in float64; and the elementwise
// kernels, which must give the same bits, for any number of threads. Every operand lies inside canaries.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { type Operand, options, Raw, type Shape } from "./raw.ts";

const u = 2 ** -24;
const reference = options({ [abi.TSR_OPTION_TILE]: abi.TSR_TILE_REFERENCE });
const f64: Shape = { type: abi.TSR_F64 };

/** Numbers in (-1, 1), the same on every run. */
let state = 1n;
function random(): number {
  state = (state * 6364136223846793005n + 1442695040888963407n) & 0xFFFFFFFFFFFFFFFFn;
  return Math.fround(Number(state >> 40n) / 2 ** 23 - 1);
}

/** An operand at an odd offset with slack, filled at random. */
function operand(raw: Raw, m: number, n: number, shape: Shape = {}): Operand {
  return raw.matrix(m, n, { slack: 3, offset: 5, ...shape }).fill(random);
}

/** Runs one operation and looks at all canaries. */
function run(raw: Raw, status: number, ...operands: Operand[]): void {
  raw.ok(status);
  raw.run();
  for (const x of operands) assert.equal(x.damage(), -1, "an element outside a view has changed");
}

/** One rounding to the type of X, after float64 work whose terms sum up to `size` in absolute value. */
function close(X: Operand, wanted: (i: number, j: number) => number, size: number, what = ""): void {
  const unit = X.data instanceof Float64Array ? 0 : u;
  for (let i = 0; i < X.m; i++) {
    for (let j = 0; j < X.n; j++) {
      const x = X.get(i, j), y = wanted(i, j), bound = unit * Math.abs(y) + 1e-15 * size + 2 ** -149;
      assert.ok(Math.abs(x - y) <= bound, `${what} (${i},${j}) of ${X.m}x${X.n}: ${x}, not ${y}`);
    }
  }
}

const sizes = [[0, 0, 0], [0, 3, 2], [3, 0, 2], [2, 3, 0], [1, 1, 1], [1, 7, 5], [5, 1, 3], [13, 11, 17], [
  40,
  33,
  65,
]] as const;
const turns = [{}, { trans: true }];
const scalars = [[1, 0], [0, 0], [-0.7, 1.3], [2, 1], [0, -1]] as const;

function* products(): Generator<readonly [(typeof sizes)[number], Shape, Shape, Shape, readonly [number, number]]> {
  let k = 0;
  for (const size of sizes) {
    for (const a of turns) {
      for (const b of turns) {
        for (const c of [...turns, f64, { ...f64, trans: true }]) yield [size, a, b, c, scalars[k++ % 5]!];
      }
    }
  }
}

test("gemm: C = alpha A B + beta C; beta 0 overwrites NaN, alpha 0 does not read A and B", () => {
  for (const [[m, n, k], a, b, c, [alpha, beta]] of products()) {
    using raw = new Raw({ threads: 1 });
    const A = operand(raw, m, k, a), B = operand(raw, k, n, b), C = operand(raw, m, n, c);
    const old = C.values(), x = A.values(), y = B.values();
    if (beta === 0) C.fill(() => NaN);
    if (alpha === 0) A.fill(() => NaN);
    run(raw, raw.native.tsr_gemm(raw.context, alpha, A.view, B.view, beta, C.view, reference), A, B, C);
    close(
      C,
      (i, j) => {
        let sum = 0;
        for (let l = 0; l < k; l++) sum += x[i * k + l]! * y[l * n + j]!;
        return (alpha === 0 ? 0 : alpha * sum) + (beta === 0 ? 0 : beta * old[i * n + j]!);
      },
      4 * k + 4,
      `alpha ${alpha} beta ${beta}`,
    );
  }
});

test("resid: R = B - A X, also in place", () => {
  for (const [[m, n, k], a, b, c] of products()) {
    using raw = new Raw({ threads: 1 });
    const A = operand(raw, m, k, a),
      X = operand(raw, k, n, b),
      B = operand(raw, m, n, { trans: c.trans ?? false }),
      R = operand(raw, m, n, c);
    const x = A.values(), y = X.values(), old = B.values();
    const wanted = (i: number, j: number): number => {
      let sum = old[i * n + j]!;
      for (let l = 0; l < k; l++) sum -= x[i * k + l]! * y[l * n + j]!;
      return sum;
    };
    run(raw, raw.native.tsr_resid(raw.context, A.view, X.view, B.view, R.view, reference), A, X, B, R);
    close(R, wanted, k + 1);
    run(raw, raw.native.tsr_resid(raw.context, A.view, X.view, B.view, B.view, reference), A, X, B);
    close(B, wanted, k + 1);
  }
});

test("syrk: one triangle of alpha A A' + beta C, the other untouched", () => {
  for (const [[, n, k], a, , c, [alpha, beta]] of products()) {
    for (const uplo of [abi.TSR_LOWER, abi.TSR_UPPER]) {
      using raw = new Raw({ threads: 1 });
      const A = operand(raw, n, k, a), C = operand(raw, n, n, { type: c.type ?? abi.TSR_F32 });
      const old = C.values(),
        x = A.values(),
        inside = (i: number, j: number) => uplo === abi.TSR_LOWER ? j <= i : j >= i;
      C.fill((i, j) => beta === 0 && inside(i, j) ? NaN : old[i * n + j]!);
      run(raw, raw.native.tsr_syrk(raw.context, uplo, alpha, A.view, beta, C.view, reference), A, C);
      close(C, (i, j) => {
        if (!inside(i, j)) return old[i * n + j]!;
        let sum = 0;
        for (let l = 0; l < k; l++) sum += x[i * k + l]! * x[j * k + l]!;
        return (alpha === 0 ? 0 : alpha * sum) + (beta === 0 ? 0 : beta * old[i * n + j]!);
      }, 4 * k + 4);
    }
  }
});

test("trsm: op(A) X = alpha B and X op(A) = alpha B, for every flag; only the triangle is read", () => {
  for (const n of [0, 1, 2, 9, 30]) {
    for (let flags = 0; flags < 16; flags++) {
      if ((flags & 3) !== abi.TSR_LOWER && (flags & 3) !== abi.TSR_UPPER) continue;
      for (const a of turns) {
        for (const b of turns) {
          using raw = new Raw({ threads: 1 });
          const right = (flags & abi.TSR_RIGHT) !== 0, unit = (flags & abi.TSR_UNIT) !== 0, trans = "trans" in a;
          const p = 7,
            [m, q] = right ? [p, n] : [n, p],
            A = operand(raw, n, n, a),
            B = operand(raw, m, q, b),
            old = B.values();
          const stored = (i: number, j: number) =>
            (flags & 3) === abi.TSR_LOWER ? (trans ? j >= i : j <= i) : (trans ? j <= i : j >= i);
          A.fill((i, j) => i === j ? (unit ? NaN : 2 + random()) : stored(i, j) ? random() / n : NaN);
          const x = A.values().map((v, k) => k % (n + 1) === 0 && unit ? 1 : Number.isNaN(v) ? 0 : v);
          run(raw, raw.native.tsr_trsm(raw.context, flags, 1.5, A.view, B.view, reference), A, B);
          for (let i = 0; i < m; i++) {
            for (let j = 0; j < q; j++) {
              let sum = 0, size = 0;
              for (let l = 0; l < n; l++) {
                const term = right ? B.get(i, l) * x[l * n + j]! : x[i * n + l]! * B.get(l, j);
                sum += term;
                size += Math.abs(term);
              }
              assert.ok(
                Math.abs(sum - 1.5 * old[i * q + j]!) <= 1.01 * u * size,
                `flags ${flags} n ${n} (${i},${j})`,
              );
            }
          }
          run(raw, raw.native.tsr_trsm(raw.context, flags, 0, A.fill(() => NaN).view, B.view, reference), A, B);
          close(B, () => 0, 0, "alpha = 0 does not read A");
        }
      }
    }
  }
});

function spd(raw: Raw, n: number): Operand {
  const A = operand(raw, n, n);
  return A.fill((i, j) => j > i ? NaN : i === j ? n + 1 : A.get(i, j));
}

test("potrf: A = L L', only the lower triangle; base and info as LAPACK means them", () => {
  for (const n of [0, 1, 2, 17, 50]) {
    using raw = new Raw({ threads: 1 });
    const A = spd(raw, n), old = A.values(), info = raw.matrix(1, 1, { type: abi.TSR_U32 }).fill(() => 0);
    run(raw, raw.native.tsr_potrf(raw.context, A.view, info.view, 100, reference), A, info);
    assert.equal(info.get(0, 0), 0);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        if (j > i) {
          assert.ok(Number.isNaN(A.get(i, j)), "the upper triangle is not written");
          continue;
        }
        let sum = 0, size = 0;
        for (let k = 0; k <= j; k++) {
          sum += A.get(i, k) * A.get(j, k);
          size += Math.abs(A.get(i, k) * A.get(j, k));
        }
        assert.ok(Math.abs(sum - old[i * n + j]!) <= 2.1 * u * size, `(${i},${j}) of ${n}`);
      }
    }
  }
});

test("potrf: the first bad pivot, columns before it right, nothing done where info is set", () => {
  for (const [bad, value] of [[0, 0], [3, -1], [9, NaN], [5, 0]] as const) {
    using raw = new Raw({ threads: 1 });
    const A = spd(raw, 10),
      good = spd(raw, 10).fill((i, j) => A.get(i, j)),
      info = raw.matrix(1, 1, { type: abi.TSR_U32 }).fill(() => 0);
    A.fill((i, j) => i === bad && j === bad ? value : A.get(i, j));
    run(raw, raw.native.tsr_potrf(raw.context, A.view, info.view, 100, reference), A, info);
    assert.equal(info.get(0, 0), 101 + bad);
    const L = raw.matrix(1, 1, { type: abi.TSR_U32 }).fill(() => 0);
    run(raw, raw.native.tsr_potrf(raw.context, good.view, L.view, 0, reference), good);
    for (let i = 0; i < 10; i++) {
      for (let j = 0; j < Math.min(bad, i + 1); j++) assert.equal(A.get(i, j), good.get(i, j));
    }
    const before = A.values();
    run(raw, raw.native.tsr_potrf(raw.context, A.view, info.view, 0, reference), A, info);
    assert.deepEqual(A.values(), before);
    assert.equal(info.get(0, 0), 101 + bad);
  }
});

// ---- orth ----

/** W T against the W that went in, W'W against I; both relative to the columns. */
function panel(raw: Raw, W: Operand, floor: number): { T: Operand; info: number[]; off: number; residual: number } {
  const { m, n: b } = W,
    old = W.values(),
    T = operand(raw, b, b),
    info = raw.matrix(1, 2, { type: abi.TSR_U32 }).fill(() => 7);
  run(raw, raw.native.tsr_orth(raw.context, W.view, T.view, info.view, floor, 42, reference), W, T, info);
  let off = 0, residual = 0;
  for (let j = 0; j < b; j++) {
    let error = 0, size = 0;
    for (let i = 0; i < m; i++) {
      let sum = 0;
      for (let k = 0; k <= j; k++) sum += W.get(i, k) * T.get(k, j);
      error += (sum - old[i * b + j]!) ** 2;
      size += old[i * b + j]! ** 2;
    }
    residual = Math.max(residual, size === 0 ? Math.sqrt(error) : Math.sqrt(error / size));
    for (let k = 0; k <= j; k++) {
      let dot = 0;
      for (let i = 0; i < m; i++) dot += W.get(i, k) * W.get(i, j);
      off = Math.max(off, Math.abs(dot - (j === k ? 1 : 0)));
      assert.ok(k === j ? T.get(j, j) >= 0 : T.get(j, k) === 0, "T is upper triangular with T_jj >= 0");
    }
  }
  return { T, info: [info.get(0, 0), info.get(0, 1)], off, residual };
}

test("orth: W = W T with nearly orthonormal columns; the certificate is given by a second pass", () => {
  for (const [m, b] of [[1, 1], [50, 7], [300, 32], [400, 128]] as const) {
    using raw = new Raw({ threads: 1 });
    const W = operand(raw, m, b);
    const first = panel(raw, W, 0);
    assert.ok(first.off < 1e-4 && first.residual < 16 * u, `${m}x${b}: ${first.off} ${first.residual}`);
    const second = panel(raw, W, 0);
    assert.deepEqual(second.info, [0, 0]);
    assert.ok(second.off < 8 * u && second.residual < 16 * u, `${m}x${b}: ${second.off} ${second.residual}`);
  }
});

test("orth: a column shorter than sqrt(0.999), or W far from orthogonal, withholds the certificate", () => {
  using raw = new Raw({ threads: 1 });
  const unit = (factor: number) => raw.matrix(8, 2).fill((i, j) => i === j ? (j === 1 ? factor : 1) : 0);
  assert.deepEqual(panel(raw, unit(0.9996), 0).info, [0, 0]);
  assert.deepEqual(panel(raw, unit(0.9994), 0).info, [1, 0]);
  const slanted = (cosine: number) =>
    raw.matrix(8, 2).fill((i, j) => i > 1 ? 0 : j === 0 ? 1 - i : i === 0 ? cosine : Math.sqrt(1 - cosine ** 2));
  assert.deepEqual(panel(raw, slanted(0.35), 0).info, [0, 0]);
  assert.deepEqual(panel(raw, slanted(0.36), 0).info, [1, 0]);
});

test("orth: zero, short and dependent columns are dead: T_jj = 0 and random numbers from seed", () => {
  using raw = new Raw({ threads: 1 });
  const W = raw.matrix(64, 4).fill((i, j) => j === 1 ? 0 : j === 3 ? 1e-9 * Math.cos(i) : Math.cos(i * (j + 1)));
  const { T, info } = panel(raw, W, 1e-6);
  assert.deepEqual(info, [1, 2]);
  for (const j of [1, 3]) {
    assert.deepEqual([0, 1, 2, 3].map((k) => T.get(j, k)), [0, 0, 0, 0]);
    const normal = raw.matrix(64, 4);
    run(raw, raw.native.tsr_rand(raw.context, abi.TSR_NORMAL, 42, 0, normal.view, reference), normal);
    for (let i = 0; i < 64; i++) assert.equal(W.get(i, j), Math.fround(normal.get(i, j) / 8));
  }
  const twice = raw.matrix(64, 2).fill((i) => Math.sin(i) / 8);
  assert.deepEqual(panel(raw, twice, 2 ** -18).info, [1, 1]);
});
