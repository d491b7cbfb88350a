// matmul, matvec and the product family of the blas layer: every element within the rounding that the contract allows.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { info, matmul, matmulSync, Matrix, matvec, matvecSync, ShapeError } from "../src/index.ts";
import { flush, flushSync, syrk, trsm } from "../src/blas.ts";
import { type Case, fitting, nameOf, operations, products, symmetricProducts, triangularSolves } from "./cases.ts";
import * as contracts from "./contracts.ts";
import { every, intact, numbers, placeInside, reference, sameBits } from "./helpers.ts";
import { Random, type Sample } from "./matrices.ts";
import * as t from "./metrics.ts";
import { hold, wide } from "./metrics.ts";

const chain = info().chain as number;

/** Numbers in (-1, 1), or all 0.1. */
function numbersFor(c: Case, m: number, n: number, seed: number): Sample {
  const random = new Random(seed);
  const next = c.input === "constant" ? () => 0.1 : () => 2 * random.uniform() - 1;
  return { name: "", shape: [m, n], data: Float32Array.from({ length: m * n }, next) };
}

interface Operand {
  readonly given: Matrix;
  /** op(A) as the product sees it. */
  readonly seen: t.Dense;
  readonly check: (what: string) => void;
}

/** A stored as the case says, so that with its transpose taken it is m x n. */
function operand(c: Case, m: number, n: number, trans: boolean, seed: number): Operand {
  const sample = trans ? numbersFor(c, n, m, seed) : numbersFor(c, m, n, seed);
  const seen = trans ? t.transpose(wide(sample)) : wide(sample);
  const place = c.placed === "inside" ? placeInside(sample, seed % 2 === 0) : undefined;
  const given = place?.view ?? Matrix.from(sample);
  const check = (what: string): void => {
    sameBits(numbers(given).data, sample.data, `${what}, an input`);
    if (place) intact(place, what);
  };
  return { given, seen, check };
}

/** Runs a case through matmul and measures each element, or a probe of the largest. */
async function checkProduct(c: Case, at: number): Promise<void> {
  const A = operand(c, c.m, c.k, c.transA, 2 * at + 1), B = operand(c, c.k, c.n, c.transB, 2 * at + 2);
  const terms = { A: A.seen, B: B.seen, alpha: c.alpha, beta: c.beta };
  const options = { transA: c.transA, transB: c.transB, alpha: c.alpha };
  const before = c.beta === 0 ? new Float32Array(c.m * c.n).fill(NaN) : numbersFor(c, c.m, c.n, at + 5000).data;
  const start = { name: "", shape: [c.m, c.n], data: before } as const;
  const placed = c.placed === "inside" ? placeInside(start, at % 4 < 2) : undefined;
  const out = placed?.view ?? (c.beta !== 0 || at % 2 === 0 ? Matrix.from(start) : undefined);
  const more = out ? { ...options, beta: c.beta, out } : options;
  const C = at % 2 === 0 ? matmulSync(A.given, B.given, more) : await matmul(A.given, B.given, more);
  if (out) assert.equal(C, out, "matmul returns out itself");
  assert.deepEqual([...C.shape], [c.m, c.n]);
  const measure = operations.gemm.flops(c.m, c.n, c.k) > 6e7 ? contracts.probe : contracts.product;
  hold(measure(numbers(C), c.beta === 0 ? terms : { ...terms, C0: wide(start) }, chain), "C");
  for (const part of [A, B]) part.check("matmul");
  if (placed) intact(placed, "out");
}

describe("matmul", () => {
  it("promises a chain of at most 256 additions", () => {
    assert.ok(Number.isInteger(chain) && chain >= 1 && chain <= 256, `chain is ${chain}`);
  });

  it("keeps every element within its bound, for all shapes, transposes, factors and placements", async () => {
    await every(fitting(products), nameOf, checkProduct);
  });

  it("gives NumPy's numbers exactly where no rounding takes place", async () => {
    const { a, b, c, ab, combined } = reference().matmul;
    assert.deepEqual((await matmul(a, b)).toArray(), ab);
    const out = Matrix.from(c);
    matmulSync(a, b, { alpha: 0.5, beta: -2, out });
    assert.deepEqual(out.toArray(), combined);
  });

  it("takes transposed views like flags", () => {
    const a = numbersFor(products[0]!, 40, 30, 1), b = numbersFor(products[0]!, 40, 20, 2);
    using A = Matrix.from(a), B = Matrix.from(b);
    const flags = matmulSync(A, B, { transA: true });
    sameBits(matmulSync(A.T, B).data, flags.data, "A.T and transA");
    sameBits(matmulSync(A.T, B.T, { transB: true }).data, flags.data, "A.T, B.T and transB");
    sameBits(matmulSync(A, B.T.T, { transA: true }).data, flags.data, "B.T.T");
    sameBits(numbers(matmulSync(B.T, A).T).data, flags.data, "(B' A)'");
  });

  it("writes through a transposed out", () => {
    const a = numbersFor(products[0]!, 30, 40, 1), b = numbersFor(products[0]!, 40, 20, 2);
    const out = Matrix.zeros(20, 30);
    matmulSync(a, b, { out: out.T });
    hold(contracts.product(numbers(out.T), { A: wide(a), B: wide(b) }, chain), "transposed out");
  });

  it("follows IEEE rules for NaN and infinities, and does not read out when beta is 0", () => {
    const a = [[1, Infinity], [NaN, 1], [0, 1]], b = [[1, 2], [0, -1]];
    assert.deepEqual(matmulSync(a, b).toArray(), [[NaN, -Infinity], [NaN, NaN], [0, -1]]);
    const out = Matrix.from([[NaN, NaN], [Infinity, NaN], [NaN, 1]]);
    matmulSync([[1, 2], [3, 4], [5, 6]], b, { out });
    assert.deepEqual(out.toArray(), [[1, 0], [3, 2], [5, 4]]);
    matmulSync(a, [[NaN, 1], [1, Infinity]], { alpha: 0, beta: 1, out });
    assert.deepEqual(out.toArray(), [[1, 0], [3, 2], [5, 4]], "alpha = 0 reads neither A nor B");
  });

  it("puts NaN and infinities in the rows and columns they belong to, in large products too", () => {
    const [m, n, k] = [70, 90, 300];
    const a = numbersFor(products[0]!, m, k, 3), b = numbersFor(products[0]!, k, n, 4);
    a.data[33 * k + 299] = NaN;
    b.data[7 * n + 89] = Infinity;
    const { data } = matmulSync(a, b);
    data.forEach((value, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      if (i === 33) assert.ok(Number.isNaN(value), `row 33, column ${j} is ${value}`);
      else assert.equal(Number.isFinite(value), j !== 89, `row ${i}, column ${j} is ${value}`);
    });
  });

  it("neither overflows nor loses numbers near the ends of the range", () => {
    const big = matmulSync([[1.5, 1.5, -1]], [[1e38], [1e38], [1e38]]);
    assert.ok(Math.abs(big.at(0, 0) / 2e38 - 1) <= 8 * t.u, `${big.at(0, 0)}`);
    const small = matmulSync([[2 ** -100]], [[2 ** -26]]);
    assert.equal(small.at(0, 0), 2 ** -126);
  });

  it("refuses inner sizes that differ, naming both shapes", () => {
    assert.throws(
      () => matmulSync([[1, 2]], [[1, 2]]),
      (error: Error) => error instanceof ShapeError && /1x2.*1x2/.test(error.message),
    );
  });
});

describe("matvec", () => {
  it("gives every element within its bound, with and without a transpose, from views too", async () => {
    const shapes = [[1, 1], [1, 300], [300, 1], [64, 64], [65, 33], [129, 257], [1000, 16], [16, 1000], [3, 20000], [
      20000,
      3,
    ]] as const;
    const cases = shapes.flatMap((shape) => [false, true].map((trans) => ({ shape, trans })));
    await every(
      cases,
      ({ shape, trans }) => `${shape.join("x")}${trans ? " transposed" : ""}`,
      async ({ shape: [m, n], trans }, at) => {
        const a = numbersFor(products[0]!, m, n, at),
          { data: x } = numbersFor(products[0]!, trans ? m : n, 1, at + 100);
        const A = at % 3 === 0 ? placeInside(a).view : Matrix.from(a);
        const y = at % 2 === 0 ? matvecSync(A, x, { trans }) : await matvec(A, x, { trans });
        const seen = trans ? t.transpose(wide(a)) : wide(a);
        const result = { shape: [seen.m, 1], data: y };
        hold(contracts.product(result, { A: seen, B: t.dense(x.length, 1, Float64Array.from(x)) }, chain), "y");
      },
    );
  });

  it("gives NumPy's numbers, and empty or zero vectors for empty matrices", () => {
    const { a, b, ax } = reference().matmul;
    assert.deepEqual([...matvecSync(a, b.map((row) => row[0]!))], ax);
    assert.deepEqual([...matvecSync(Matrix.zeros(0, 3), [1, 2, 3])], []);
    assert.deepEqual([...matvecSync(Matrix.zeros(3, 0), [])], [0, 0, 0]);
    assert.deepEqual([...matvecSync(Matrix.zeros(3, 0), [1, 2, 3], { trans: true })], []);
  });
});

describe("the blas layer", () => {
  it("updates one triangle of a symmetric product and leaves the other alone", async () => {
    await every(fitting(symmetricProducts), nameOf, async (c, at) => {
      const uplo = at % 3 === 0 ? "upper" : "lower";
      const A = operand(c, c.n, c.k, c.transA, at + 1);
      const start = numbersFor(c, c.n, c.n, at + 900);
      const placed = placeInside(start, at % 4 === 3);
      syrk(uplo, c.alpha, c.transA ? A.given.T : A.given, c.beta, placed.view);
      if (at % 2 === 0) flushSync(placed.view.device);
      else await flush(placed.view.device);
      const now = numbers(placed.view);
      const mirrored = { shape: now.shape, data: now.data.slice() },
        whole = { shape: now.shape, data: start.data.slice() };
      // A transposed C keeps its triangle as stored, which is the other one as seen.
      const seenLower = (uplo === "lower") !== (at % 4 === 3);
      now.data.forEach((value, place) => {
        const [i, j] = [Math.floor(place / c.n), place % c.n];
        if (i === j || (i > j) === seenLower) return;
        assert.equal(value, start.data[place], `row ${i}, column ${j} of the other triangle changed`);
        mirrored.data[place] = now.data[j * c.n + i]!;
        whole.data[place] = start.data[j * c.n + i]!;
      });
      const terms = { A: A.seen, B: t.transpose(A.seen), alpha: c.alpha, beta: c.beta, C0: wide(whole) };
      hold(contracts.product(mirrored, terms, chain), "C");
      A.check("syrk");
      intact(placed, "C");
    });
  });

  it("solves with triangles on either side, transposed or not, unit or not", async () => {
    const variants = [..."01234567"].map((digit) => Number(digit));
    const cases = fitting(triangularSolves).flatMap((c) => variants.map((bits) => ({ c, bits })));
    await every(cases, ({ c, bits }) => `${nameOf(c)} variant ${bits}`, ({ c, bits }, at) => {
      const [right, upper, unit] = [(bits & 1) > 0, (bits & 2) > 0, (bits & 4) > 0], trans = at % 2 === 1;
      const T = triangle(c.m, upper, unit, at);
      const rhs = numbersFor(c, ...(right ? [c.n, c.m] as const : [c.m, c.n] as const), at + 70);
      const A = c.placed === "inside" ? placeInside(T.stored, at % 3 === 0).view : Matrix.from(T.stored);
      const B = placeInside(rhs, at % 5 === 0);
      const given = trans ? A.T : A;
      // uplo names the triangle as stored: a view that was stored transposed holds the other one.
      const stored = c.placed === "inside" && at % 3 === 0 ? !upper : upper;
      trsm(right ? "right" : "left", stored ? "upper" : "lower", 2, given, B.view, { unit });
      flushSync(A.device);
      const X = numbers(B.view), seen = trans ? t.transpose(T.meant) : T.meant;
      const [x, b] = [wide(X), t.map(wide(rhs), (value) => 2 * value)];
      const asLeft = (d: t.Dense): t.Dense => (right ? t.transpose(d) : d);
      const plain = (d: t.Dense): { shape: number[]; data: Float64Array } => ({ shape: [d.m, d.n], data: d.x });
      hold(contracts.triangular(asLeft(seen), plain(asLeft(x)), plain(asLeft(b))), "X");
      intact(B, "B");
    });
  });
});

/** A well-conditioned triangle with NaN where it must not be read, and what it means. */
function triangle(n: number, upper: boolean, unit: boolean, seed: number): { stored: Sample; meant: t.Dense } {
  const random = new Random(seed + 1), data = new Float32Array(n * n), meant = t.dense(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const inside = upper ? j > i : j < i, at = i * n + j;
      const value = Math.fround((2 * random.uniform() - 1) / Math.sqrt(n));
      const pivot = Math.fround(1 + random.uniform());
      data[at] = i === j ? (unit ? NaN : pivot) : inside ? value : NaN;
      meant.x[at] = i === j ? (unit ? 1 : pivot) : inside ? value : 0;
    }
  }
  return { stored: { name: "", shape: [n, n], data }, meant };
}
