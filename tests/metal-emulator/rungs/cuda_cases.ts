// Rung 9's own cases: each family of kernels at odd sizes, through the library's host, against float64. Small enough
// for compute-sanitizer, and for the sanitizers that watch the host in rung 4; products reach every tile. Prints a line
// a case: the error, and the bound that it must keep. Names of families as parameters run those only.
import process from "node:process";
import * as abi from "../../../ffi/symbols.ts";
import * as la from "../../../src/index.ts";
import { testDevice } from "../../device.ts";
import { numbers } from "../../helpers.ts";
import { normal, randsvd, symmetric } from "../../matrices.ts";
import * as t from "../../metrics.ts";
import { type Operand, options, Raw } from "../../raw.ts";

const products = [[67, 45, 83], [33, 29, 17], [70, 131, 1055], [5, 3, 1], [323, 325, 35]] as const;
const tiles = { simd64: abi.TSR_TILE_SIMD64, simd32: abi.TSR_TILE_SIMD32, inner: abi.TSR_TILE_INNER };
const INSIDE = { slack: 3, offset: 5 };

let failures = 0;

/** A line of the table; `value` and `bound` are in units of 2^-24, if nothing else is said. */
function report(name: string, value: number, bound: number): void {
  const good = value <= bound;
  if (!good) failures++;
  const figures = `${value.toFixed(3).padStart(9)} of ${bound.toFixed(0).padStart(5)}`;
  console.log(`${name.padEnd(48)} ${figures}${good ? "" : " BAD"}`);
}

/** The worst error of C in units of 2^-24 |alpha A||B|; infinite where something outside C was written. */
function productError(A: Operand, B: Operand, C: Operand, alpha: number, uplo = abi.TSR_FULL): number {
  let worst = [A, B, C].every((x) => x.damage() < 0) ? 0 : Infinity;
  for (let i = 0; i < C.m; i++) {
    for (let j = 0; j < C.n; j++) {
      if ((uplo === abi.TSR_LOWER && j > i) || (uplo === abi.TSR_UPPER && j < i)) continue;
      let sum = 0, size = 0;
      for (let l = 0; l < A.n; l++) {
        const product = A.get(i, l) * B.get(l, j);
        sum += product;
        size += Math.abs(product);
      }
      const error = Math.abs(alpha * sum - C.get(i, j)) / (t.u * Math.abs(alpha) * size);
      if (!(error <= worst)) worst = error;
    }
  }
  return worst;
}

/** What tsr.h promises for a product, in units of 2^-24, and one rounding each for alpha and the result. */
const budget = (chain: number, k: number): number => chain + Math.ceil(Math.log2(Math.ceil(k / chain))) + 2 + 2;

function gemm(): void {
  for (const [name, tile] of [...Object.entries(tiles), ["default", abi.TSR_TILE_DEFAULT]] as const) {
    for (const chain of [0, 32]) {
      for (const [a, b] of [[false, false], [false, true], [true, false], [true, true]] as const) {
        let worst = 0;
        for (const [m, n, k] of products) {
          using raw = new Raw();
          const A = random(raw.matrix(m, k, { ...INSIDE, trans: a }), 1);
          const B = random(raw.matrix(k, n, { ...INSIDE, trans: b }), 2);
          const C = raw.matrix(m, n, INSIDE).fill(() => NaN);
          const o = options({ [abi.TSR_OPTION_TILE]: tile, [abi.TSR_OPTION_CHAIN]: chain });
          raw.ok(raw.native.tsr_gemm(raw.context, -0.75, A.view, B.view, 0, C.view, o));
          raw.run();
          worst = Math.max(worst, productError(A, B, C, -0.75) / budget(chain || 256, k));
        }
        const transposes = `${a ? "t" : "n"}${b ? "t" : "n"}`;
        report(`gemm ${transposes} ${name} chain ${chain}, percent of the bound`, 100 * worst, 100);
      }
    }
  }
}

function syrk(): void {
  for (const uplo of [abi.TSR_LOWER, abi.TSR_UPPER]) {
    for (const trans of [false, true]) {
      using raw = new Raw();
      const A = random(raw.matrix(131, 77, { ...INSIDE, trans }), 3);
      const C = raw.matrix(131, 131, INSIDE).fill(() => NaN);
      const turned = raw.matrix(77, 131).fill((i, j) => A.get(j, i));
      raw.ok(raw.native.tsr_syrk(raw.context, uplo, 2, A.view, 0, C.view, options()));
      raw.run();
      report(`syrk ${uplo}${trans ? " transposed" : ""}`, productError(A, turned, C, 2, uplo), budget(256, 77));
    }
  }
}

/** Vectors: one row, one column, either operand transposed, and a long inner size. */
function gemv(): void {
  for (const [m, n, k] of [[1, 301, 77], [301, 1, 77], [3, 1, 5003], [1, 5, 5003]] as const) {
    for (const trans of [false, true]) {
      using raw = new Raw();
      const A = random(raw.matrix(m, k, { ...INSIDE, trans }), 4);
      const B = random(raw.matrix(k, n, { ...INSIDE, trans }), 5);
      const C = raw.matrix(m, n, INSIDE);
      raw.ok(raw.native.tsr_gemm(raw.context, 1, A.view, B.view, 0, C.view, options()));
      raw.run();
      report(`gemv ${m}x${n}x${k}${trans ? " transposed" : ""}`, productError(A, B, C, 1), budget(256, k));
    }
  }
}

function random(X: Operand, seed: number): Operand {
  const values = normal(X.m, X.n, seed).x;
  return X.fill((i, j) => values[i * X.n + j]!);
}

/** Products with a result in float64, of which few rows and a long inner size are cut into parts. */
function wide(): void {
  for (const [m, n, k] of [[67, 45, 83], [5, 3, 9001], [1, 7, 5003]] as const) {
    for (const trans of [false, true]) {
      using raw = new Raw();
      const A = random(raw.matrix(m, k, { ...INSIDE, trans }), 12), B = random(raw.matrix(k, n, INSIDE), 13);
      const C = raw.matrix(m, n, { ...INSIDE, type: abi.TSR_F64 });
      raw.ok(raw.native.tsr_gemm(raw.context, 1, A.view, B.view, 0, C.view, options()));
      raw.run();
      const what = `gemm to float64 ${m}x${n}x${k}${trans ? " transposed" : ""}, 2^-48`;
      report(what, productError(A, B, C, 1) * 2 ** 24, 4 * Math.sqrt(k));
    }
  }
}

const matrix = (a: t.Dense): la.Matrix => la.Matrix.from(Float32Array.from(a.x), [a.m, a.n]);
const rounded = (a: t.Dense): t.Dense => t.map(a, Math.fround);
const read = (a: la.Matrix): t.Dense => t.wide(numbers(a));
/** |A - B|_F in units of 2^-24 |A|_F. */
const apart = (a: t.Dense, b: t.Dense): number => t.inUnits(t.normF(t.minus(a, b)), t.normF(a));

function positive(): void {
  for (const n of [1, 37, 131, 193, 260]) {
    const a = rounded(symmetric(n, (i) => 1 + i)), l = read(la.choleskySync(matrix(a)).l);
    report(`cholesky of order ${n}: A - L L'`, apart(a, t.matmul64(l, t.transpose(l))), n + 8);
  }
  using raw = new Raw();
  const n = 293, a = rounded(symmetric(n, (i) => 1 + i));
  const info = raw.matrix(1, 1, { type: abi.TSR_U32 }).fill(() => 0);
  const A = raw.matrix(n, n, INSIDE).fill((i, j) => (j > i ? NaN : a.x[i * n + j]!));
  raw.ok(raw.native.tsr_potrf(raw.context, A.view, info.view, 0, options()));
  raw.run();
  const l = t.map(t.dense(n, n, A.values()), (x, i, j) => (j > i ? 0 : x));
  report(`potrf of order ${n}, info ${info.get(0, 0)}`, apart(a, t.matmul64(l, t.transpose(l))), n + 8);
}

function general(): void {
  for (const n of [1, 37, 131]) {
    const a = rounded(randsvd(n, n, 100, 3)), b = rounded(normal(n, 3, 6));
    const x = read(la.solveSync(matrix(a), matrix(b)).x), size = t.normF(a) * t.normF(x) + t.normF(b);
    report(`solve of order ${n}: B - A X`, t.inUnits(t.normF(t.minus(b, t.matmul64(a, x))), size), n + 8);
    const inverse = read(la.invSync(matrix(a)));
    const error = t.inUnits(t.normF(t.minus(t.eye(n), t.matmul64(a, inverse))), t.normF(a) * t.normF(inverse));
    report(`inverse of order ${n}: I - A X`, error, n + 8);
  }
}

function orthogonal(): void {
  for (const [m, n] of [[131, 37], [67, 67], [301, 5], [3, 1]] as const) {
    const a = rounded(normal(m, n, 7)), { q, r } = la.qrSync(matrix(a)), [Q, R] = [read(q), read(r)];
    report(`qr ${m}x${n}: A - Q R`, apart(a, t.matmul64(Q, R)), n + 8);
    report(`qr ${m}x${n}: I - Q'Q`, t.orthogonality(Q), n + 8);
  }
}

function spectral(): void {
  for (const method of ["tridiagonal", "jacobi"] as const) {
    const n = 71, a = rounded(symmetric(n, (i) => (i % 2 ? -1 : 1) / (1 + i)));
    const { values, vectors } = la.eighSync(matrix(a), { method }), V = read(vectors);
    const residual = t.minus(t.matmul64(a, V), t.map(V, (x, _, j) => x * values[j]!));
    report(`eigh of order ${n}, ${method}: A V - V D`, t.inUnits(t.normF(residual), t.normF(a)), n);
    report(`eigh of order ${n}, ${method}: I - V'V`, t.orthogonality(V), n);
  }
  for (const [m, n] of [[83, 47], [45, 90]] as const) {
    const a = rounded(normal(m, n, 8)), { u, s, vt } = la.svdSync(matrix(a));
    const product = t.matmul64(t.map(read(u), (x, _, j) => x * s[j]!), read(vt));
    report(`svd ${m}x${n}: A - U S V'`, apart(a, product), m);
  }
  const a = rounded(randsvd(203, 61, 1e4, 3)), { u, s, vt } = la.svdSync(matrix(a), { k: 5 });
  const left = t.matmul64(a, t.transpose(read(vt)));
  report("svd 203x61, k = 5: A V - U S", apart(left, t.map(read(u), (x, _, j) => x * s[j]!)), 203);
}

function elementwise(): void {
  const a = rounded(normal(131, 37, 9)), b = rounded(normal(131, 37, 10));
  const sum = t.map(a, (x, i, j) => x + b.x[i * 37 + j]!);
  report("add 131x37", apart(sum, read(la.addSync(matrix(a), matrix(b)))), 2);
  report("norm 131x37", t.inUnits(Math.abs(la.normSync(matrix(a)) - t.normF(a)), t.normF(a)), 8);
  const uniform = read(la.Matrix.random(131, 37, { seed: 11, distribution: "uniform" }));
  report("uniform numbers outside of [0, 1)", uniform.x.filter((x) => !(x >= 0 && x < 1)).length, 0);
  const { x } = read(la.Matrix.random(131, 37, { seed: 11 })), mean = x.reduce((s, value) => s + value, 0) / x.length;
  report("mean of normal numbers, in standard errors", Math.abs(mean) * Math.sqrt(x.length), 4);
}

if (testDevice().name !== "metal") throw new Error(`the device is ${testDevice().name}; these cases are for metal`);
const families = { gemm, syrk, gemv, positive, general, orthogonal, spectral, elementwise, wide };
const asked = process.argv.slice(2);
for (const [name, cases] of Object.entries(families)) if (asked.length === 0 || asked.includes(name)) cases();
console.log(failures === 0 ? "all within their bounds" : `${failures} beyond their bounds`);
if (failures > 0) process.exit(1);
