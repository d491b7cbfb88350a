// laset, geadd, colstat, scale and rand: the reference loop and the kernel that runs by default, both against loops
// of this file, to the last bit where the operation is exact or rounds once, and with the same bits for any number
// of threads.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { testDevice } from "./device.ts";
import { type Operand, options, Raw, type Shape } from "./raw.ts";

const f64: Shape = { type: abi.TSR_F64 }, u32: Shape = { type: abi.TSR_U32 }, trans: Shape = { trans: true };
/** The last ones are several blocks of the default kernels: rows, columns, both. */
const sizes = [[0, 4], [4, 0], [1, 1], [5, 7], [64, 33], [1700, 21], [2, 17001], [190, 201]] as const;
const onMetal = testDevice().name === "metal";
/** What may tell of a default kernel: one of a GPU, or the CPU's where the GPU has none (for float64, say). */
const tiles: readonly number[] = onMetal ? [abi.TSR_TILE_DEVICE, abi.TSR_TILE_HOST] : [abi.TSR_TILE_SMALL];

/** Of a list of variants all for small matrices, the first two for large ones. */
function some<T>(m: number, n: number, list: readonly T[]): readonly T[] {
  return m * n > 10000 ? list.slice(0, 2) : list;
}

/** Numbers in (-1, 1), the same on every run. */
let state = 1;
function random(): number {
  state = Math.imul(state, 1664525) + 1013904223 | 0;
  return (state >> 8) / 2 ** 23;
}

function operand(raw: Raw, m: number, n: number, shape: Shape = {}): Operand {
  return raw.matrix(m, n, { slack: 3, offset: 5, ...shape }).fill(random);
}

function run(raw: Raw, status: number, ...operands: Operand[]): void {
  raw.ok(status);
  raw.run();
  for (const x of operands) assert.equal(x.damage(), -1, "an element outside a view has changed");
}

/** To the last bit; -0 and NaN count as themselves. What is rounded once may be off by `unsure` before that. */
function equal(X: Operand, wanted: (i: number, j: number) => number, what: string, unsure = 0): void {
  const narrow = X.data instanceof Float32Array ? Math.fround : (x: number) => x;
  for (let i = 0; i < X.m; i++) {
    for (let j = 0; j < X.n; j++) {
      const x = X.get(i, j), exact = wanted(i, j), y = narrow(exact), near = [exact - unsure, exact + unsure];
      if (Object.is(x, y) || near.some((value) => Object.is(x, narrow(value)))) continue;
      assert.fail(`${what}: element (${i},${j}) of ${X.m}x${X.n} is ${x}, not ${y}`);
    }
  }
}

/**
 * Calls f with the reference loop, and with the default kernel on one thread and on four; each time that tile must
 * have run.
 */
function everyTile(f: (raw: Raw, o: Uint32Array<ArrayBuffer>, what: string) => void): void {
  for (
    const { tile, ran, threads } of [
      { tile: abi.TSR_TILE_REFERENCE, ran: [abi.TSR_TILE_REFERENCE], threads: 1 },
      { tile: abi.TSR_TILE_DEFAULT, ran: tiles, threads: 1 },
      { tile: abi.TSR_TILE_DEFAULT, ran: tiles, threads: 4 },
    ]
  ) {
    using raw = new Raw({ threads });
    f(raw, options({ [abi.TSR_OPTION_TILE]: tile }), `tile ${tile}, ${threads} threads`);
    const records = raw.trace();
    assert.ok(records.length > 0 && records.every(([, seen]) => ran.includes(seen)));
  }
}

const fills = [[abi.TSR_LOWER, 3], [abi.TSR_UPPER, NaN], [abi.TSR_FULL, 2], [abi.TSR_FULL, NaN]] as const;

test("laset fills everything or one strict triangle, and the diagonal unless it is NaN", () => {
  everyTile((raw, o, what) => {
    for (const [m, n] of sizes) {
      for (const shape of [{}, f64, u32, trans]) {
        for (const [uplo, diag] of some(m, n, fills)) {
          const A = operand(raw, m, n, shape),
            old = A.values(),
            sign = (uplo === abi.TSR_LOWER) !== (shape === trans) ? 1 : -1;
          run(raw, raw.native.tsr_laset(raw.context, uplo, 7, diag, A.view, o), A);
          equal(
            A,
            (i, j) =>
              i === j
                ? (Number.isNaN(diag) ? old[i * n + j]! : diag)
                : uplo === 0 || (i - j) * sign > 0
                ? 7
                : old[i * n + j]!,
            what,
          );
          if (A.view[0] !== 0) raw.ok(raw.native.tsr_free(raw.context, A.view[0]!));
        }
      }
    }
  });
});

const pairs = [[{}, {}], [trans, {}], [{}, trans], [f64, {}], [{}, f64], [{ ...f64, ...trans }, f64], [
  trans,
  trans,
]] as const;
const scalars = [[1, 0], [0.3, -1.7], [0, 0.3], [0, 0], [-1, 1]] as const;

test("geadd: B = alpha A + beta B in float64, rounded once; what a zero excludes is not read", () => {
  everyTile((raw, o, what) => {
    for (const [m, n] of sizes) {
      for (const [a, b] of some(m, n, pairs)) {
        for (const [alpha, beta] of some(m, n, scalars)) {
          const A = operand(raw, m, n, a), B = operand(raw, m, n, b), x = A.values(), y = B.values();
          if (alpha === 0) A.fill(() => NaN);
          if (beta === 0) B.fill(() => NaN);
          run(raw, raw.native.tsr_geadd(raw.context, alpha, A.view, beta, B.view, o), A, B);
          const p = (k: number) => alpha === 0 ? 0 : alpha * x[k]!, q = (k: number) => beta * y[k]!;
          equal(
            B,
            (i, j) => beta === 0 ? p(i * n + j) : alpha === 0 ? q(i * n + j) : p(i * n + j) + q(i * n + j),
            `${what} ${alpha} ${beta}`,
            onMetal ? 2 ** -46 * (Math.abs(alpha) + Math.abs(beta)) : 0, // two float32 numbers, for want of float64
          );
          for (const X of [A, B]) if (X.view[0] !== 0) raw.ok(raw.native.tsr_free(raw.context, X.view[0]!));
        }
      }
    }
  });
});

/** Lists of NaN and Inf to put into an m x n matrix, each with its row and column. */
function spoilsOf(m: number, n: number): readonly (readonly (readonly [number, number, number])[])[] {
  const [i, j] = [m >> 1, n >> 1];
  return [[], [[m - 1, n - 1, NaN]], [[i, j, Infinity]], [[i, j, -Infinity], [i, j + 1, NaN], [m - 1, 0, NaN]]];
}

/** The sign of the first number of a column that comes near its largest. */
function signOf(A: Operand, j: number, largest: number): number {
  for (let i = 0; i < A.m; i++) {
    if (Math.abs(A.get(i, j)) >= (1 - 2 ** -10) * largest) return A.get(i, j) < 0 ? -1 : 1;
  }
  return 1;
}

test("colstat: in a second row of S the signs of the first entries within 2^-10 of the largest", () => {
  everyTile((raw, o, what) => {
    for (const [m, n] of sizes) {
      for (const shape of [{}, trans]) {
        const A = operand(raw, m, n, shape), S = operand(raw, 2, n), info = operand(raw, 1, 2, u32);
        A.fill((i, j) => { // near ties of both signs, a column of zeros
          const near = (i * 7 + j) % 3 === 0 ? 1 - 2 ** -11 : (i + j) % 4 === 1 ? 1 - 2 ** -9 : 1;
          return j % 6 === 5 ? -0 : Math.fround(((i + 2 * j) % 5 < 2 ? -3 : 3) * near);
        });
        if (m > 0 && n > 2) A.data[A.at(m - 1, 2)] = NaN; // does nothing to its neighbours
        run(raw, raw.native.tsr_colstat(raw.context, A.view, S.view, info.view, o), A, S, info);
        for (let j = 0; j < n; j++) {
          if (j === 2) continue;
          const largest = Math.max(0, ...Array.from({ length: m }, (_, i) => Math.abs(A.get(i, j))));
          assert.deepEqual([S.get(0, j), S.get(1, j)], [largest, signOf(A, j, largest)], `${what} ${m}x${n}, ${j}`);
        }
      }
    }
  });
});

test("colstat: the largest absolute value of each column, and the first NaN or Inf in row-major order", () => {
  everyTile((raw, o, what) => {
    for (const [m, n] of sizes) {
      for (const shape of [{}, trans]) {
        for (const spoils of spoilsOf(m, n)) {
          const A = operand(raw, m, n, shape), S = operand(raw, 1, n, shape), info = operand(raw, 1, 2, u32);
          for (const [i, j, x] of m * n === 0 ? [] : spoils) if (j < n) A.data[A.at(i, j)] = x;
          const wanted = new Float64Array(n);
          let first = [0, 0];
          for (let i = 0; i < m; i++) {
            for (let j = 0; j < n; j++) {
              const x = Math.abs(A.get(i, j));
              wanted[j] = Math.max(wanted[j]!, Number.isNaN(x) ? Infinity : x);
              if (!Number.isFinite(x) && first[0] === 0) first = [i + 1, j + 1];
            }
          }
          run(raw, raw.native.tsr_colstat(raw.context, A.view, S.view, info.view, o), A, S, info);
          equal(S, (_, j) => wanted[j]!, what);
          assert.deepEqual([...info.values()], first, `${what} ${m}x${n}`);
        }
      }
    }
  });
});

/** The exponent e with x = f * 2^e, f in [1/2, 1). */
function exponent(x: number): number {
  let e = 0;
  for (x = Math.abs(x); x >= 1; x /= 2) e++;
  for (; x < 0.5; x *= 2) e--;
  return e;
}

test("scale: by the numbers, or by their exponents exactly, in place or not; 0, Inf and NaN have none", () => {
  const denormal = onMetal ? [] : [2 ** -149, 1e-40]; // a GPU takes them as 0
  const special = [0, -0, Infinity, NaN, ...denormal, 3.4e38, -0.75, 1, 0.5];
  everyTile((raw, o, what) => {
    for (const [m, n] of sizes) {
      for (const shape of [{}, trans]) {
        for (const mode of [abi.TSR_MULTIPLY, abi.TSR_NORMALIZE, abi.TSR_RESTORE]) {
          for (const one of [false, true]) {
            const A = operand(raw, m, n, shape), S = operand(raw, 1, one ? 1 : n, shape), x = A.values();
            S.fill((_, j) => one ? -12.5 : j < special.length ? special[j]! : random());
            const targets = [operand(raw, m, n, trans), operand(raw, m, n), A]; // A itself last
            for (const B of targets) {
              run(raw, raw.native.tsr_scale(raw.context, mode, A.view, S.view, B.view, o), A, S, B);
            }
            const factors = Array.from({ length: n }, (_, j) => {
              const s = S.get(0, one ? 0 : j);
              if (mode === abi.TSR_MULTIPLY) return s;
              if (s === 0 || !Number.isFinite(s)) return 1;
              return 2 ** (mode === abi.TSR_NORMALIZE ? -exponent(s) : exponent(s));
            });
            for (const B of targets) equal(B, (i, j) => x[i * n + j]! * factors[j]!, `${what} mode ${mode}`);
          }
        }
      }
    }
  });
});

test("scale: NORMALIZE by colstat brings the largest entry into [1/2, 1), RESTORE gives the same bits back", () => {
  using raw = new Raw();
  const A = raw.matrix(50, 9).fill((_, j) => random() * 10 ** (8 * j - 32)),
    S = raw.matrix(1, 9),
    info = raw.matrix(1, 2, u32);
  const old = A.values();
  run(raw, raw.native.tsr_colstat(raw.context, A.view, S.view, info.view, options()));
  run(raw, raw.native.tsr_scale(raw.context, abi.TSR_NORMALIZE, A.view, S.view, A.view, options()));
  for (let j = 0; j < 9; j++) {
    const largest = Math.max(...Array.from({ length: 50 }, (_, i) => Math.abs(A.get(i, j))));
    assert.ok(largest >= 0.5 && largest < 1, `column ${j}: ${largest}`);
  }
  run(raw, raw.native.tsr_scale(raw.context, abi.TSR_RESTORE, A.view, S.view, A.view, options()));
  assert.deepEqual(A.values(), old);
});

// ---- rand ----

/** Philox 4x32-10 as published: two 32 x 32-bit products a round. */
function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [a, b, c, d] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k, l] = key.map(BigInt) as [bigint, bigint];
  const low = 0xFFFFFFFFn;
  for (let round = 0; round < 10; round++) {
    const p = 0xD2511F53n * a, q = 0xCD9E8D57n * c;
    [a, b, c, d] = [(q >> 32n) ^ b ^ k, q & low, (p >> 32n) ^ d ^ l, p & low];
    k = (k + 0x9E3779B9n) & low;
    l = (l + 0xBB67AE85n) & low;
  }
  return [a, b, c, d].map(Number);
}

const hex = (words: number[]): string => words.map((w) => w.toString(16).padStart(8, "0")).join(" ");

test("rand: the published vectors of Philox 4x32-10", () => {
  const ones = 0xFFFFFFFF;
  assert.equal(hex(philox([0, 0, 0, 0], [0, 0])), "6627e8d5 e169c58d bc57ac4c 9b00dbd8");
  assert.equal(hex(philox([ones, ones, ones, ones], [ones, ones])), "408f276d 41c83b0e a20bc7c6 6d5451fd");
  const pi = philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]);
  assert.equal(hex(pi), "d16cfe09 94fdcceb 5001e420 24126ea1");
});

test("rand uniform: (word >> 8) 2^-24 of counter (i, j/4, distribution, 0) under the seed", () => {
  everyTile((raw, o, what) => {
    for (const [m, n] of sizes) {
      for (const shape of [{}, trans]) {
        const A = operand(raw, m, n, shape);
        run(raw, raw.native.tsr_rand(raw.context, abi.TSR_UNIFORM, 0xa4093822, 0x299f31d0, A.view, o), A);
        for (let k = 0; k < Math.min(200, m * n); k++) {
          const i = k * 7919 % m, j = k * 104729 % n;
          const word = philox([i, j >> 2, abi.TSR_UNIFORM, 0], [0xa4093822, 0x299f31d0])[j % 4]!;
          assert.equal(A.get(i, j), (word >>> 8) * 2 ** -24, `${what} (${i},${j}) of ${m}x${n}`);
        }
      }
    }
  });
});

/** The upper tail of the normal distribution, x >= 0: series near 0, continued fraction beyond. */
function tail(x: number): number {
  const density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  if (x < 3) {
    let term = x, sum = x;
    for (let k = 1; k < 100; k++) sum += term *= x * x / (2 * k + 1);
    return 0.5 - density * sum;
  }
  let fraction = x;
  for (let k = 200; k > 0; k--) fraction = x + k / fraction;
  return density / fraction;
}

test("rand normal: the quantile of (word + 1/2) 2^-32 to 1e-6, both tails alike", () => {
  using raw = new Raw();
  const n = 400, A = raw.matrix(n, n);
  run(raw, raw.native.tsr_rand(raw.context, abi.TSR_NORMAL, 5, 0, A.view, options()));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j += 4) {
      philox([i, j >> 2, abi.TSR_NORMAL, 0], [5, 0]).forEach((word, w) => {
        const x = A.get(i, j + w), size = Math.abs(x), lower = word < 2 ** 31;
        assert.equal(x < 0, lower);
        const p = ((lower ? word : 2 ** 32 - 1 - word) + 0.5) * 2 ** -32;
        const density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
        assert.ok(Math.abs(tail(size) - p) <= 1e-6 * size * density, `${x} of ${p}`);
      });
    }
  }
});

test("rand: moments, and the same bits on every machine", () => {
  everyTile((raw, o, what) => {
    const A = raw.matrix(250, 400);
    run(raw, raw.native.tsr_rand(raw.context, abi.TSR_NORMAL, 2026, 1, A.view, o));
    const x = A.values(), mean = (p: number) => x.reduce((sum, v) => sum + v ** p, 0) / x.length;
    assert.ok(Math.abs(mean(1)) < 4 / Math.sqrt(x.length) && Math.abs(mean(2) - 1) < 4 * Math.sqrt(2 / x.length));
    assert.ok(Math.abs(mean(4) - 3) < 4 * Math.sqrt(96 / x.length));
    const bits = new Uint32Array(A.data.buffer, 0, x.length);
    const digest = bits.reduce((hash, word) => Math.imul(hash ^ word, 16777619) >>> 0, 2166136261);
    assert.equal(digest.toString(16), "8846bb72", what);
  });
});
