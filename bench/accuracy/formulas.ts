// The contracts of tests/contracts.ts and tests/factors.ts once more as formulas over an algebra, for sizes that need a
// fast one; and LAPACK's own test ratios (its TESTING directory), with eps = u and its thresholds as bounds.
import { product, productBound, triangle } from "../../tests/contracts.ts";
import * as factors from "../../tests/factors.ts";
import * as t from "../../tests/metrics.ts";
import { type Figure, type Numbers, u, wide } from "../../tests/metrics.ts";
import type { Algebra, Expr, Named } from "./algebra.ts";

/** A result with its operands, and the algebra that knows both by their names. */
export interface Question {
  readonly given: Named;
  readonly found: Named;
  readonly algebra: Algebra;
}

export type Formula = (q: Question) => Promise<Figure[]>;

const skew = (q: Expr): Expr => ["sub", ["mul", ["T", q], q], ["eye", q]];
const turned = (q: Expr): Expr => ["T", q];

/** What inputs below the normal range may add to an error. */
const floor = ({ shape: [m, n] }: Numbers): number => t.tiny * Math.sqrt(m! * n!);

async function orthogonal({ algebra }: Question, contract: string, q: Expr, n: number): Promise<Figure> {
  return { contract, value: (await algebra.norms(skew(q))).fro / u, bound: 12 * Math.sqrt(n) };
}

/** The direct methods' residuals grow with the root of n beyond 1024. */
const grown = (n: number): number => 48 * Math.sqrt(Math.max(1, n / 1024));

const list = (a: Numbers): number[] => Array.from(a.data);

async function qr(q: Question): Promise<Figure[]> {
  const a = await q.algebra.norms("a"), e = await q.algebra.norms(["sub", "a", ["mul", "q", "r"]]), A = q.given["a"]!;
  const column = t.tiny * Math.sqrt(A.shape[0]!);
  return [
    await orthogonal(q, "orthogonality of Q", "q", q.found["q"]!.shape[1]!),
    { contract: "residual of QR", value: t.inUnits(e.fro, a.fro, floor(A)), bound: 16 },
    {
      contract: "worst column of QR",
      value: t.largest(e.columns.map((v, j) => t.inUnits(v, a.columns[j]!, column))),
      bound: 32,
    },
    ...triangle(q.found["r"]!),
  ];
}

async function basis(q: Question): Promise<Figure[]> {
  const outside = await q.algebra.norms(["sub", "a", ["mul", "q", ["mul", turned("q"), "a"]]]);
  const a = await q.algebra.norms("a");
  return [
    await orthogonal(q, "orthogonality of the basis", "q", q.found["q"]!.shape[1]!),
    { contract: "part of A outside", value: t.inUnits(outside.fro, a.fro, floor(q.given["a"]!)), bound: 16 },
  ];
}

async function singularValues(q: Question): Promise<Figure[]> {
  return factors.singularValues(q.given["a"]!, list(q.found["s"]!), await q.algebra.singular("a"));
}

async function svd(q: Question): Promise<Figure[]> {
  const A = q.given["a"]!, p = Math.min(...A.shape), a = await q.algebra.norms("a");
  const e = await q.algebra.norms(["sub", "a", ["mul", ["by", "u", "s"], "vt"]]);
  return [
    ...await singularValues(q),
    { contract: "residual of svd", value: t.inUnits(e.fro, a.fro, floor(A)), bound: grown(p) },
    await orthogonal(q, "orthogonality of U", "u", p),
    await orthogonal(q, "orthogonality of V", turned("vt"), p),
  ];
}

/** The tolerance of svd with k values where none is asked for. */
export const TOL = 1e-5;

async function leading(q: Question): Promise<Figure[]> {
  const truth = await q.algebra.singular("a"),
    first = truth[0] ?? 0,
    low = floor(q.given["a"]!),
    s = list(q.found["s"]!);
  const right = await q.algebra.norms(["sub", ["mul", "a", turned("vt")], ["by", "u", "s"]]);
  const left = await q.algebra.norms(["sub", ["mul", turned("a"), "u"], ["by", turned("vt"), "s"]]);
  const residual = t.inUnits(t.largest([...right.columns, ...left.columns]), first, low);
  const errors = t.inUnits(t.largest(s.map((v, i) => Math.abs(v - truth[i]!))), first, low);
  const figures = [
    await orthogonal(q, "orthogonality of U", "u", s.length),
    await orthogonal(q, "orthogonality of V", turned("vt"), s.length),
  ];
  if (q.found["converged"]?.data[0] === 0) return figures;
  return [
    ...figures,
    { contract: "largest residual", value: residual, bound: Math.max(TOL / u, 32) },
    { contract: "error of singular values", value: errors, bound: Math.max(TOL / u, 16) },
  ];
}

async function eigenvalues(q: Question): Promise<Figure[]> {
  return factors.eigenvalues(q.given["a"]!, list(q.found["values"]!), await q.algebra.eigen(["lower", "a"]));
}

async function eigh(q: Question): Promise<Figure[]> {
  const A = q.given["a"]!, n = A.shape[1]!, a = await q.algebra.norms(["lower", "a"]);
  const e = await q.algebra.norms(["sub", ["mul", ["lower", "a"], "vectors"], ["by", "vectors", "values"]]);
  return [
    ...await eigenvalues(q),
    { contract: "residual of eigh", value: t.inUnits(e.fro, a.fro, floor(A)), bound: grown(n) },
    await orthogonal(q, "orthogonality of eigenvectors", "vectors", n),
  ];
}

async function cholesky(q: Question): Promise<Figure[]> {
  const a = await q.algebra.norms(["lower", "a"]);
  const e = await q.algebra.norms(["sub", ["lower", "a"], ["mul", "l", turned("l")]]);
  return [{ contract: "residual of LL'", value: t.inUnits(e.fro, a.fro, floor(q.given["a"]!)), bound: 12 }];
}

const permuted: Expr = ["sub", ["rows", "a", "p"], ["mul", "l", "u"]];

async function lu(q: Question): Promise<Figure[]> {
  const e = await q.algebra.norms(permuted), scale = await q.algebra.norms(["mul", ["abs", "l"], ["abs", "u"]]);
  const A = q.given["a"]!, bound = 4 * Math.min(...A.shape);
  return [{ contract: "residual of LU", value: t.inUnits(e.fro, scale.fro, floor(A)), bound }];
}

const rest: Expr = ["sub", "b", ["mul", "a", "x"]];

async function solve(q: Question): Promise<Figure[]> {
  const A = q.given["a"]!, size = await q.algebra.two("a");
  const [e, x, b] = [await q.algebra.norms(rest), await q.algebra.norms("x"), await q.algebra.norms("b")];
  const each = e.columns.map((v, j) => t.inUnits(v, size * x.columns[j]! + b.columns[j]!, floor(A)));
  return [{ contract: "backward error of a column", value: t.largest(each), bound: 8 * Math.sqrt(A.shape[1]!) }];
}

async function triangular(q: Question): Promise<Figure[]> {
  const A = q.given["a"]!, e = await q.algebra.norms(rest), x = await q.algebra.norms("x");
  const value = t.inUnits(e.fro, await q.algebra.two("a") * x.fro, floor(A));
  return [{ contract: "residual of a triangular solve", value, bound: 8 * Math.sqrt(A.shape[1]!) }];
}

async function lstsq(q: Question): Promise<Figure[]> {
  const A = q.given["a"]!, size = await q.algebra.two("a");
  const g = await q.algebra.norms(["mul", turned("a"), rest]);
  const [x, b] = [await q.algebra.norms("x"), await q.algebra.norms("b")];
  const each = g.columns.map((v, j) =>
    size === 0 ? v : t.inUnits(v / size, size * x.columns[j]! + b.columns[j]!, floor(A))
  );
  return [{ contract: "normal equations", value: t.largest(each), bound: 32 * Math.sqrt(A.shape[1]!) }];
}

const inverted: Expr = ["sub", ["mul", "a", "x"], ["eye", "x"]];

async function inverse(q: Question): Promise<Figure[]> {
  const n = q.given["a"]!.shape[1]!, e = await q.algebra.norms(inverted), x = await q.algebra.norms("x");
  const value = t.inUnits(e.fro, await q.algebra.two("a") * x.fro, t.tiny * n * x.fro);
  return [{ contract: "residual of an inverse", value, bound: 8 * Math.sqrt(n) }];
}

async function pseudoinverse(q: Question): Promise<Figure[]> {
  const [sizeA, sizeX] = [await q.algebra.two("a"), await q.algebra.two("x")], shape = q.given["a"]!.shape;
  const [a, x] = [(await q.algebra.norms("a")).fro, (await q.algebra.norms("x")).fro];
  const AX: Expr = ["mul", "a", "x"], XA: Expr = ["mul", "x", "a"], bound = 8 * Math.sqrt(Math.max(...shape));
  const figure = async (contract: string, error: Expr, scale: number): Promise<Figure> => (
    { contract, value: t.inUnits((await q.algebra.norms(error)).fro, scale), bound }
  );
  return [
    await figure("A X A = A", ["sub", ["mul", AX, "a"], "a"], sizeA * sizeX * a),
    await figure("X A X = X", ["sub", ["mul", XA, "x"], "x"], sizeA * sizeX * x),
    await figure("A X is symmetric", ["sub", AX, turned(AX)], sizeA * x),
    await figure("X A is symmetric", ["sub", XA, turned(XA)], sizeA * x),
  ];
}

/** C = A'B. */
export function matmul(chain: number): Formula {
  return async (q) => {
    const scale: Expr = ["mul", turned(["abs", "a"]), ["abs", "b"]];
    const { max } = await q.algebra.norms(["over", ["sub", "c", ["mul", turned("a"), "b"]], scale]);
    const bound = productBound(q.given["a"]!.shape[0]!, chain);
    return [{ contract: "element of a product", value: max / u, bound }];
  };
}

async function pca(q: Question): Promise<Figure[]> {
  const freedom = Math.max(1, q.given["a"]!.shape[0]! - 1);
  const truth = Array.from(await q.algebra.singular(["centre", "a"]), (s) => s * s / freedom);
  const error = t.largest(list(q.found["variance"]!).map((v, i) => Math.abs(v - truth[i]!)));
  return [
    { contract: "error of variances", value: t.inUnits(error, truth[0] ?? 0), bound: 64 },
    await orthogonal(q, "orthogonality of components", turned("components"), q.found["components"]!.shape[0]!),
  ];
}

/** For a normal argument, whose condition number is |exp A|_2 |A|_F / |exp A|_F. */
async function exponential(q: Question): Promise<Figure[]> {
  const e = await q.algebra.norms(["sub", "x", ["expm", "a"]]), x = await q.algebra.norms("x");
  const cond = await q.algebra.two("x") * (await q.algebra.norms("a")).fro / x.fro;
  return [{ contract: "error of the exponential", value: t.inUnits(e.fro, x.fro), bound: 8 * Math.max(1, cond) }];
}

type Contract =
  | "qr"
  | "basis"
  | "svd"
  | "singularValues"
  | "leading"
  | "eigh"
  | "eigenvalues"
  | "cholesky"
  | "lu"
  | "solve"
  | "triangular"
  | "lstsq"
  | "inverse"
  | "pseudoinverse"
  | "pca"
  | "exponential";

export const contracts: Readonly<Record<Contract, Formula>> = {
  qr,
  basis,
  svd,
  singularValues,
  leading,
  eigh,
  eigenvalues,
  cholesky,
  lu,
  solve,
  triangular,
  lstsq,
  inverse,
  pseudoinverse,
  pca,
  exponential,
};

/** Every element of A'B against float64, by the tests' own formula. */
export function productOf(given: Named, found: Named, chain: number): Figure[] {
  return product(found["c"]!, { A: t.transpose(wide(given["a"]!)), B: wide(given["b"]!) }, chain);
}

// ---- LAPACK's ratios, in its 1-norm ----

const rows = (a: Numbers): number => a.shape[0]!;
const cols = (a: Numbers): number => a.shape[1]!;

/** |error| over (scale eps); 0 of 0 is 0, and so is what numbers below the normal range explain. */
async function ratio(q: Question, name: string, error: Expr, scale: number, bound: number): Promise<Figure> {
  const value = t.inUnits(await one(q, error), scale, floor(q.given["a"]!));
  return { contract: name, value, bound };
}

const one = async (q: Question, e: Expr): Promise<number> => t.largest((await q.algebra.norms(e)).sums);

type Ratio = "qr" | "basis" | "svd" | "leading" | "eigh" | "cholesky" | "lu" | "solve" | "inverse" | "lstsq";

export const lapack: Readonly<Record<Ratio, Formula>> = {
  /** xQRT01: |R - Q'A| / (m |A| eps), |I - Q'Q| / (m eps). */
  qr: async (q) => {
    const a = q.given["a"]!;
    return [
      await ratio(q, "R - Q'A", ["sub", "r", ["mul", turned("q"), "a"]], rows(a) * await one(q, "a"), 30),
      await ratio(q, "I - Q'Q", skew("q"), rows(a), 30),
    ];
  },
  /** xORT01: |I - Q'Q| / (m eps). */
  basis: async (q) => [await ratio(q, "I - Q'Q", skew("q"), rows(q.given["a"]!), 30)],
  /** xBDT01 and xORT01: |A - USV'| / (max(m, n) |A| eps), |I - U'U| / (m eps), |I - VV'| / (n eps). */
  svd: async (q) => {
    const a = q.given["a"]!, most = Math.max(...a.shape), E: Expr = ["sub", "a", ["mul", ["by", "u", "s"], "vt"]];
    return [
      await ratio(q, "A - USV'", E, most * await one(q, "a"), 50),
      await ratio(q, "I - U'U", skew("u"), rows(a), 50),
      await ratio(q, "I - VV'", skew(turned("vt")), cols(a), 50),
    ];
  },
  /** The orthogonality of some vectors alone. */
  leading: async (q) => [
    await ratio(q, "I - U'U", skew("u"), rows(q.given["a"]!), 50),
    await ratio(q, "I - VV'", skew(turned("vt")), cols(q.given["a"]!), 50),
  ],
  /** xSYT21: |A - VSV'| / (n |A| eps), |I - VV'| / (n eps). */
  eigh: async (q) => {
    const n = cols(q.given["a"]!), A: Expr = ["lower", "a"];
    const E: Expr = ["sub", A, ["mul", ["by", "vectors", "values"], turned("vectors")]];
    return [
      await ratio(q, "A - VSV'", E, n * await one(q, A), 60),
      await ratio(q, "I - VV'", skew(turned("vectors")), n, 60),
    ];
  },
  /** xPOT01: |LL' - A| / (n |A| eps). */
  cholesky: async (q) => {
    const A: Expr = ["lower", "a"], scale = cols(q.given["a"]!) * await one(q, A);
    return [await ratio(q, "LL' - A", ["sub", A, ["mul", "l", turned("l")]], scale, 30)];
  },
  /** xGET01: |LU - PA| / (n |A| eps). */
  lu: async (q) => [await ratio(q, "LU - PA", permuted, cols(q.given["a"]!) * await one(q, "a"), 30)],
  /** xGET02: |b - Ax| / (|A| |x| eps) of each column. */
  solve: async (q) => {
    const size = await one(q, "a"), [e, x] = [(await q.algebra.norms(rest)).sums, (await q.algebra.norms("x")).sums];
    const each = e.map((v, j) => t.inUnits(v, size * x[j]!, floor(q.given["a"]!)));
    return [{ contract: "b - Ax", value: t.largest(each), bound: 30 }];
  },
  /** xGET03: |AX - I| / (n |A| |X| eps). */
  inverse: async (q) => {
    const scale = cols(q.given["a"]!) * await one(q, "a") * await one(q, "x");
    return [await ratio(q, "AX - I", inverted, scale, 30)];
  },
  /** xQRT17: |R'A| / (max(m, n, columns of B) |A| |B| eps). */
  lstsq: async (q) => {
    const most = Math.max(...q.given["a"]!.shape, cols(q.given["b"]!));
    const scale = most * await one(q, "a") * await one(q, "b");
    return [await ratio(q, "R'A", ["mul", turned(rest), "a"], scale, 30)];
  },
};
