// Real libraries of vendors behind engine blas: the cases of every product and triangular solve, and factorisations,
// to the same contracts; and that it was the library which computed them.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  choleskySync,
  type Device,
  type Eigh,
  eighSync,
  explainSync,
  luSync,
  matmulSync,
  Matrix,
  open,
  type Operation,
  qrSync,
  solveSync,
  type Svd,
  svdSync,
} from "../src/index.ts";
import { flushSync, geqrf, gesdd, infoWords, syevd, syrk, trsm } from "../src/blas.ts";
import { type Case, nameOf, products, symmetricProducts, triangularSolves } from "./cases.ts";
import * as contracts from "./contracts.ts";
import * as factors from "./factors.ts";
import { every, numbers } from "./helpers.ts";
import { fill, normal, positive, Random, type Recipe, type Sample, sample, square, torture } from "./matrices.ts";
import * as t from "./metrics.ts";
import { hold, singularValues64, wide } from "./metrics.ts";
import { eigenvalues64, symmetrics } from "./spectra.ts";
import { vendorLibraries } from "./vendorlibraries.ts";

/** Depths beyond these go to the own kernels: of a vector, and of any product. */
const [VECTOR_DEPTH, DEPTH] = [256, 17_000];
/** Multiplications of a case that is still quick to check. */
const MOST = 3e6;

function numbersFor(c: Case, m: number, n: number, seed: number): t.Dense {
  const random = new Random(seed);
  return fill(m, n, c.input === "constant" ? () => 0.1 : () => 2 * random.uniform() - 1);
}

/** The engine that must have computed C (m x n) = alpha A B + beta C0. */
function expected(m: number, n: number, k: number, alpha: number, beta: number): string {
  if (m * n * k === 0 || Math.fround(alpha) !== alpha || Math.fround(beta) !== beta) return "tiled";
  return k <= (Math.min(m, n) === 1 ? VECTOR_DEPTH : DEPTH) ? "blas" : "tiled";
}

const engineOf = (operations: readonly Operation[], op: string): string | undefined =>
  operations.find((o) => o.op === op)?.engine;

for (const { name, facts, found } of vendorLibraries()) {
  const skip = "missing" in found ? found.missing : false;
  describe(`${name} as engine blas`, { skip }, () => {
    let device: Device;
    // Threads that spin are slow on a busy machine: the library that sees all factorisations has one.
    const threads = facts.integers === 64 ? 1 : 2;
    before(() => {
      device = open({ device: "cpu", threads, ...("path" in found && { blas: found.path }) });
    });
    after(() => device.close());

    /** On the device, stored transposed or not, alone or inside a larger matrix of NaN. */
    const place = (a: t.Dense, inside: boolean, turned: boolean): Matrix => {
      const stored = turned ? t.transpose(a) : a, [m, n] = [stored.m, stored.n], more = inside ? 5 : 0;
      const whole = Matrix.from(new Float32Array((m + more) * (n + more)).fill(NaN), [m + more, n + more], { device });
      const view = whole.sub(more && 3, m + (more && 3), more && 3, n + (more && 3));
      if (m * n > 0) view.writeBlock(0, 0, sample("", stored));
      return turned ? view.T : view;
    };
    const on = ({ data, shape }: Sample): Matrix => Matrix.from(data, shape, { device });

    it("is what it is, by its functions and its integers", () => {
      const { kind, integers, lapack } = device.facts.blas as unknown as (typeof facts);
      assert.deepEqual({ kind, integers, lapack }, facts);
    });

    it("keeps the contract of products at every size, placement and depth", async () => {
      const cases = products.filter((c) => c.m * c.n * c.k <= MOST);
      await every(cases, nameOf, (c, at) => {
        const inside = c.placed === "inside", beta = c.beta;
        const [a, b, c0] = [[c.m, c.k], [c.k, c.n], [c.m, c.n]].map(([m, n], i) => numbersFor(c, m!, n!, 3 * at + i));
        const [A, B] = [place(a!, inside, c.transA), place(b!, inside, c.transB)];
        const out = place(beta === 0 ? t.map(c0!, () => NaN) : c0!, inside, at % 5 === 0);
        const { operations } = explainSync(() => matmulSync(A, B, { alpha: c.alpha, beta, out, engine: "blas" }));
        assert.equal(engineOf(operations, "gemm"), expected(c.m, c.n, c.k, c.alpha, beta));
        const [a32, b32, c32] = [a!, b!, c0!].map((x) => t.map(x, Math.fround));
        const terms = { A: a32!, B: b32!, alpha: c.alpha, beta, ...(beta !== 0 && { C0: c32! }) };
        hold(contracts.product(numbers(out), terms, device.facts.chain), "C");
      });
    });

    it("keeps it for constant data, where every rounding goes the same way", async () => {
      const shapes = [1, 2, 8, 15, 16, 40].flatMap((m) =>
        [1, 16, 33].flatMap((n) => [257, 4096, 16_900].map((k) => [m, n, k] as const))
      );
      await every(shapes, (s) => s.join("x"), ([m, n, k], at) => {
        const value = Math.fround(at % 2 === 0 ? 0.1 : 1 / 3);
        const [A, B] = [[m, k], [k, n]].map(([rows, cols], i) =>
          place(fill(rows!, cols!, () => value), false, (at >> i) % 2 === 1)
        );
        const { value: C, operations } = explainSync(() => matmulSync(A!, B!, { engine: "blas" }));
        assert.equal(engineOf(operations, "gemm"), expected(m, n, k, 1, 0));
        const truth = value * value * k;
        const error = t.largest(C.data.map((x) => Math.abs(x - truth))) / (t.u * truth);
        hold([{ contract: "element", value: error, bound: contracts.productBound(k, device.facts.chain) }], "C");
      });
    });

    it("keeps the contract of symmetric products", async () => {
      await every(symmetricProducts, nameOf, (c, at) => {
        const uplo = at % 3 === 0 ? "upper" : "lower", inside = c.placed === "inside";
        const a = numbersFor(c, c.n, c.k, at + 1), c0 = numbersFor(c, c.n, c.n, at + 2);
        const [A, C] = [place(a, inside, c.transA), place(c0, inside, false)];
        const { operations } = explainSync(() => {
          syrk(uplo, c.alpha, A, c.beta, C, { engine: "blas" });
          flushSync(device);
        });
        assert.equal(engineOf(operations, "syrk"), expected(c.n, c.n, c.k, c.alpha, c.beta));
        const now = wide(numbers(C)), before = t.map(c0, Math.fround), a32 = t.map(a, Math.fround);
        const chosen = (i: number, j: number): boolean => i === j || (i > j) === (uplo === "lower");
        const mirror = (x: t.Dense): t.Dense => t.map(x, (v, i, j) => (chosen(i, j) ? v : x.x[j * c.n + i]!));
        now.x.forEach((value, at) => {
          const [i, j] = [Math.floor(at / c.n), at % c.n];
          if (!chosen(i, j)) assert.equal(value, before.x[at], `${i},${j} of the other triangle changed`);
        });
        const terms = { A: a32, B: t.transpose(a32), alpha: c.alpha, beta: c.beta, C0: mirror(before) };
        const found = mirror(now);
        hold(contracts.product({ shape: [c.n, c.n], data: found.x }, terms, device.facts.chain), "C");
      });
    });

    it("keeps the contract of triangular solves", async () => {
      const cases = triangularSolves.flatMap((c) => [...Array(8).keys()].map((bits) => ({ c, bits })));
      await every(cases, ({ c, bits }) => `${nameOf(c)} variant ${bits}`, ({ c, bits }, at) => {
        const [right, upper, unit] = [(bits & 1) > 0, (bits & 2) > 0, (bits & 4) > 0], trans = at % 2 === 1;
        const inside = c.placed === "inside", numbers64 = numbersFor(c, c.m, c.m, at);
        const in32 = t.map(numbers64, (v, i, j) => Math.fround(i === j ? 1.5 + v / 4 : v / Math.sqrt(c.m)));
        const held = (i: number, j: number): boolean => (upper ? j > i : j < i) || (i === j && !unit);
        const T = place(t.map(in32, (v, i, j) => (held(i, j) ? v : NaN)), inside, false);
        const meant = t.map(in32, (v, i, j) => (held(i, j) ? v : i === j ? 1 : 0));
        const b = t.map(numbersFor(c, right ? c.n : c.m, right ? c.m : c.n, at + 70), Math.fround);
        const X = place(b, inside, at % 3 === 0);
        const { operations } = explainSync(() => {
          trsm(right ? "right" : "left", upper ? "upper" : "lower", 2, trans ? T.T : T, X, { unit, engine: "blas" });
          flushSync(device);
        });
        assert.equal(engineOf(operations, "trsm"), b.x.length === 0 || c.m === 0 ? "tiled" : "blas");
        const seen = trans ? t.transpose(meant) : meant, twice = t.map(b, (v) => 2 * v);
        const left = (d: t.Dense): t.Dense => (right ? t.transpose(d) : d);
        const plain = (d: t.Dense): { shape: number[]; data: Float64Array } => ({ shape: [d.m, d.n], data: d.x });
        hold(contracts.triangular(left(seen), plain(left(wide(numbers(X)))), plain(left(twice))), "X");
      });
    });

    it("keeps the contracts of cholesky, lu and solve", async () => {
      await every([...positive(), ...positive(200)], (r) => r.name, (recipe) => {
        const a = recipe.make();
        const { value, operations } = explainSync(() => choleskySync(on(a), { engine: "blas" }));
        hold(contracts.cholesky(a, numbers(value.l)), recipe.name);
        assert.equal(engineOf(operations, "potrf"), facts.lapack ? "blas" : "tiled");
      });
      await every(square(), (r) => r.name, (recipe) => {
        const a = recipe.make();
        const { value, operations } = explainSync(() => luSync(on(a), { engine: "blas" }));
        hold(factors.lu(a, numbers(value.l), numbers(value.u), value.p), recipe.name);
        assert.equal(engineOf(operations, "getrf"), facts.lapack ? "blas" : "tiled");
      });
      const a = sample("", normal(150, 150, 5)), b = sample("", normal(150, 4, 6));
      hold(contracts.solve(wide(a), numbers(solveSync(on(a), on(b), { engine: "blas" }).x), b), "x");
    });

    if (!facts.lapack) {
      it("has no LAPACK, which method lapack says", () => {
        const a = on(sample("", normal(4, 4, 1)));
        const refusal = { code: "TSR_DEVICE", message: /method "lapack" needs a LAPACK.*OpenBLAS/ };
        assert.throws(() => qrSync(a, { method: "lapack" }), refusal);
        assert.throws(() => svdSync(a, { method: "lapack" }), refusal);
        assert.throws(() => eighSync(a, { method: "lapack" }), refusal);
      });
      return;
    }

    it("computes the factorisations of its LAPACK, wherever the operands lie, to LAPACK's own ratios", async () => {
      const sizes = [[1, 1], [9, 4], [64, 64], [131, 50], [50, 131]] as const;
      const cases = sizes.flatMap(([m, n]) => [false, true].map((inside) => ({ m, n, inside })));
      const ratio = (contract: string, value: number, size: number, bound: number): t.Figure => {
        return { contract, value: value / (size * t.u), bound };
      };
      await every(cases, ({ m, n, inside }) => `${m}x${n} ${inside}`, ({ m, n, inside }) => {
        const [p, most] = [Math.min(m, n), Math.max(m, n)],
          blank = (rows: number, cols: number): Matrix => {
            return place(fill(rows, cols, () => NaN), inside, false);
          };
        const a = normal(m, n, 8), A = place(a, inside, false), dense = (M: Matrix): t.Dense => wide(numbers(M));
        const given = dense(A), scale = t.normF(given);
        using info = infoWords(1, 1, device);
        const [U, S, Vt] = [blank(m, p), blank(1, p), blank(p, n)];
        gesdd(A, U, S, Vt, info);
        flushSync(device);
        const [u, s, vt] = [U, S, Vt].map(dense) as [t.Dense, t.Dense, t.Dense];
        const product = t.matmul64(t.map(u, (x, _, j) => x * s.x[j]!), vt);
        hold([
          ratio("A - U S V", t.normF(t.minus(given, product)) / scale, most, 50),
          ratio("U", t.orthogonality(u) * t.u, m, 50),
          ratio("V", t.orthogonality(t.transpose(vt)) * t.u, n, 50),
        ], "gesdd");
        assert.ok(s.x.every((x, at) => at === 0 || x <= s.x[at - 1]!), "descending");
        if (m < n) return;
        const [Q, R] = [blank(m, n), blank(n, n)];
        geqrf(A, Q, R);
        flushSync(device);
        const [q, r] = [dense(Q), dense(R)];
        hold([
          ratio("A - Q R", t.normF(t.minus(given, t.matmul64(q, r))) / scale, m, 30),
          ratio("Q", t.orthogonality(q) * t.u, m, 30),
        ], "geqrf");
        assert.equal(t.belowDiagonal(r), 0);
        assert.ok(t.diagonal(r).every((x) => x >= 0));
        if (m > n) return;
        const [W, V] = [blank(1, n), blank(n, n)];
        syevd(A, W, V, info);
        flushSync(device);
        const [w, v] = [dense(W), dense(V)],
          symmetric = t.map(given, (_, i, j) => given.x[i < j ? j * n + i : i * n + j]!);
        const left = t.matmul64(symmetric, v), right = t.map(v, (x, _, j) => x * w.x[j]!);
        hold([
          ratio("A V - V W", t.normF(t.minus(left, right)) / t.normF(symmetric), n, 50),
          ratio("V", t.orthogonality(v) * t.u, n, 50),
        ], "syevd");
        assert.ok(w.x.every((x, at) => at === 0 || x >= w.x[at - 1]!), "ascending");
        assert.deepEqual(dense(A), given, "A is not changed");
      });
    });

    /** Runs a method on each matrix: the library's routine ran, and its result was used for at least so many. */
    const whole = async <T>(
      list: readonly Recipe[],
      routine: string,
      least: number,
      run: (a: Matrix) => T,
      check: (a: Sample, value: T) => void,
    ): Promise<void> => {
      let used = 0;
      await every(list, (r) => r.name, (recipe) => {
        const a = recipe.make(), { value, operations, notes } = explainSync(() => run(on(a)));
        assert.equal(engineOf(operations, routine), "blas");
        check(a, value);
        if (notes.length === 0) used++;
        else assert.match(notes.join(), new RegExp(`^${routine}: .* of its bound.*own method`));
      });
      assert.ok(used >= least * list.length, `${used} of ${list.length} results of ${routine} were used`);
    };

    /** One library sees all matrices, its sister with other integers and two threads some. */
    const some = (list: readonly Recipe[]): Recipe[] => list.filter((_, at) => threads === 1 || at % 5 === 0);

    it("keeps the contract of qr by method lapack, its own result or ours", async () => {
      await whole(some(torture()), "geqrf", 0.5, (a) => qrSync(a, { method: "lapack" }), (a, { q, r }) => {
        hold(contracts.qr(a, numbers(q), numbers(r)), a.name);
      });
      const tall = on(torture()[0]!.make()), { q, r } = qrSync(tall, { method: "lapack", mode: "complete" });
      hold(contracts.qr(torture()[0]!.make(), numbers(q), numbers(r)), "complete");
    });

    it("keeps the contract of svd by method lapack", async () => {
      const run = (a: Matrix): Svd => svdSync(a, { method: "lapack" });
      await whole(some(torture()), "gesdd", 0.3, run, (a, { u: left, s, vt }) => {
        hold(factors.svd(a, { u: numbers(left), s, vt: numbers(vt) }, singularValues64(wide(a))), a.name);
      });
    });

    it("keeps the contract of eigh by method lapack", async () => {
      const run = (a: Matrix): Eigh => eighSync(a, { method: "lapack" });
      await whole(some(symmetrics()), "syevd", 0.5, run, (a, { values, vectors }) => {
        hold(factors.eigh(a, values, numbers(vectors), eigenvalues64(factors.whole(a))), a.name);
      });
    });
  });
}
