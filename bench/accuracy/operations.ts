// The public operations whose accuracy is promised: matrices, the call, its contract by the tests' own code, the same
// as formulas for large matrices, and LAPACK's ratios.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import * as la from "../../src/index.ts";
import { Matrix } from "../../src/index.ts";
import * as contracts from "../../tests/contracts.ts";
import * as factors from "../../tests/factors.ts";
import * as m from "../../tests/matrices.ts";
import type { Recipe, Sample } from "../../tests/matrices.ts";
import * as t from "../../tests/metrics.ts";
import { type Figure, type Numbers, u, wide } from "../../tests/metrics.ts";
import { directs, eigenvalues64, goe, growing, regulars, symmetrics } from "../../tests/spectra.ts";
import type { Named } from "./algebra.ts";
import { contracts as formulas, type Formula, lapack, matmul, productOf, TOL } from "./formulas.ts";

type Operands = Readonly<Record<string, Matrix>>;
type Result = Readonly<Record<string, Matrix | ArrayLike<number>>>;

export interface Operation {
  readonly name: string;
  /** Its name in peer.py. */
  readonly scipy: string;
  /** Matrices that loops in JavaScript can measure, and those for which the formulas do. */
  readonly small: () => readonly Recipe[];
  readonly large: () => readonly Recipe[];
  /** What stands beside the matrix. */
  readonly beside?: (a: Sample) => Named;
  readonly run: (x: Operands, given: Named) => Result;
  readonly judge: (given: Named, found: Named, name: string) => Figure[];
  readonly formula: Formula;
  readonly lapack?: Formula;
}

const chain = la.info()["chain"] as number;

/** Results as plain numbers; a vector has one row. */
export function plain(result: Result): Named {
  return Object.fromEntries(
    Object.entries(result).map(([name, x]) => {
      if (!(x instanceof Matrix)) return [name, { shape: [1, x.length], data: x }];
      const [rows, cols] = x.shape;
      return [name, { shape: [rows, cols], data: x.readBlock(0, rows, 0, cols) }];
    }),
  );
}

const pick = (list: readonly Recipe[], names: RegExp): Recipe[] => list.filter(({ name }) => names.test(name));
const drop = (list: readonly Recipe[], names: RegExp): Recipe[] => list.filter(({ name }) => !names.test(name));
const recipe = (name: string, make: () => t.Dense): Recipe => ({ name, make: () => m.sample(name, make()) });

const [TALL, WIDE, SIDE] = [400_000, 32, 2000];

/** Those of the torture set that are made in the time of a product: constant, of low rank, graded, random. */
const long = (): Recipe[] =>
  pick(
    m.tall(TALL, WIDE),
    /^(all 0\.1|all one third|all ones|rank 5|duplicate|columns graded|rows graded|random|uniform)/,
  );
const big = (): Recipe[] =>
  pick(m.square(SIDE), /^(square random|square of half rank|square all 0\.1|square all one third|0\.1 \+ 0\.9 I)/);
/** For what costs 17 n³ operations here, in scipy and in float64 each. */
const bigFew = (): Recipe[] => pick(big(), /random|half rank|one third/);
const bigSymmetric = (): Recipe[] =>
  pick(symmetrics(SIDE), /^(random|glued Wilkinson, 1e-7|all 0\.1|all one third|0\.1 \+ 0\.9 I|graded 1e-30)/);
const bigPositive = (): Recipe[] => pick(m.positive(SIDE), /^(Gram matrix of random|0\.1|tridiagonal)/);

/** Triangles that a solve meets: lower, diagonal from 1 up, the rest of any size that keeps the answer in float32. */
function triangles(n: number): Recipe[] {
  const lower = (f: (i: number, j: number) => number) => () => m.fill(n, n, (i, j) => (j > i ? 0 : f(i, j)));
  const a = (seed: number): t.Dense => m.normal(n, n, seed);
  return [
    recipe(
      `random triangle, ${n}`,
      () => t.map(a(5), (v, i, j) => (j > i ? 0 : i === j ? 1 + Math.abs(v) : v / Math.sqrt(n))),
    ),
    recipe(`triangle of 0.1 and 1, ${n}`, lower((i, j) => (i === j ? 1 : 0.1))),
    recipe(`triangle of one third, ${n}`, lower(() => 1 / 3)),
    recipe(`triangle of 1, rows graded, ${n}`, lower((i, j) => (i === j ? 1 : 1 / n) * 10 ** (-20 * i / n))),
    recipe(`Kahan, turned, ${n}`, lower((i, j) => 0.99 ** j * (i === j ? 1 : -0.141))),
  ];
}

/** Rows about a mean that is large beside their spread. */
function cloud(rows: number, n: number, mean: number): Recipe {
  return recipe(
    `${rows}x${n}, mean ${mean}`,
    () => t.map(m.normal(rows, n, 5), (v, _, j) => v * (1 - j / (2 * n)) + mean * (1 + j / n)),
  );
}

interface Known {
  readonly a: readonly (readonly number[])[];
  readonly x: readonly (readonly number[])[];
  readonly cond: number;
}
const file = new URL("../../tests/fixtures/expm.json", import.meta.url);
const exponentials = JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, Known>>;
const dense = (x: Known["a"]): t.Dense => t.dense(x.length, x.length, Float64Array.from(x.flat()));

const right = (columns: number) => (a: Sample): Named => ({ b: m.randomSample(a.shape[0], columns, 71) });
const count = (k: number): Named => ({ k: { shape: [1, 1], data: [k] } });

const truths = new Map<string, Float64Array>();

/** True values of a matrix, computed once for all operations that ask. */
function truth(kind: "singular" | "eigen", a: Numbers): Float64Array {
  const key = kind + a.shape.join("x") + createHash("sha1").update(Float32Array.from(a.data)).digest("hex");
  let values = truths.get(key);
  if (!values) truths.set(key, values = (kind === "eigen" ? eigenvalues64 : t.singularValues64)(wide(a)));
  return values;
}

/** Triplets as the contract wants them; scipy's tell no residuals, so theirs are taken to be told right. */
function triplets(given: Named, { u: left, s, vt, residuals, converged }: Named): contracts.Triplets {
  const values = s!.data;
  return {
    u: left!,
    s: values,
    vt: vt!,
    residuals: residuals?.data ?? contracts.tripletResiduals(wide(given["a"]!), wide(left!), values, wide(vt!)),
    converged: converged?.data[0] !== 0,
  };
}

/** The quotient of residuals told and true is 1 at best: what it is above that is the error. */
function aboveOne(figure: Figure): Figure {
  if (!/told and true/.test(figure.contract)) return figure;
  return { ...figure, value: Math.max(0, figure.value - 1), bound: figure.bound - 1 };
}

const orthogonalising: readonly Operation[] = [
  {
    name: "qr",
    scipy: "qr",
    small: m.torture,
    large: () => [...long(), ...big()],
    run: (x) => ({ ...la.qrSync(x["a"]!) }),
    judge: ({ a }, { q, r }) => contracts.qr(a!, q!, r!),
    formula: formulas.qr,
    lapack: lapack.qr,
  },
  {
    name: "qr, cgs2",
    scipy: "qr",
    small: m.torture,
    large: long,
    run: (x) => ({ ...la.qrSync(x["a"]!, { method: "cgs2" }) }),
    judge: ({ a }, { q, r }) => contracts.qr(a!, q!, r!),
    formula: formulas.qr,
    lapack: lapack.qr,
  },
  {
    name: "orthonormalize",
    scipy: "qr",
    small: () => drop(m.torture(), /, (50x96|96x97|1x40|2x300|33x64|40x90|20x60|1x9)$/),
    large: long,
    run: (x) => ({ q: la.orthonormalizeSync(x["a"]!) }),
    judge: ({ a }, { q }) => contracts.basis(a!, q!),
    formula: formulas.basis,
    lapack: lapack.basis,
  },
];

/** All singular values, by one method; block Jacobi takes too long for large matrices. */
const fullSvd = (name: string, method: "auto" | "jacobi", large: () => Recipe[]): Operation => ({
  name,
  scipy: "svd",
  small: () => [...directs(), ...m.odd()],
  large,
  run: (x) => {
    const { u: left, s, vt } = la.svdSync(x["a"]!, { method });
    return { u: left, s, vt };
  },
  judge: ({ a }, { u: left, s, vt }) => factors.svd(a!, { u: left!, s: s!.data, vt: vt! }, truth("singular", a!)),
  formula: formulas.svd,
  lapack: lapack.svd,
});

const eigenvectors = (name: string, method: "auto" | "jacobi", large: () => Recipe[]): Operation => ({
  name,
  scipy: "eigh",
  small: () => symmetrics(),
  large,
  run: (x) => {
    const { values, vectors } = la.eighSync(x["a"]!, { method });
    return { values, vectors };
  },
  judge: ({ a }, { values, vectors }) => factors.eigh(a!, values!.data, vectors!, truth("eigen", a!)),
  formula: formulas.eigh,
  lapack: lapack.eigh,
});

const spectral: readonly Operation[] = [
  fullSvd("svd", "auto", () => [...long(), ...bigFew()]),
  fullSvd("svd, jacobi", "jacobi", () => []),
  {
    name: "svdvals",
    scipy: "svdvals",
    small: () => [...directs(), ...m.odd()],
    large: () => [...long(), ...bigFew()],
    run: (x) => ({ s: la.svdvalsSync(x["a"]!) }),
    judge: ({ a }, { s }) => factors.singularValues(a!, s!.data, truth("singular", a!)),
    formula: formulas.singularValues,
  },
  {
    name: "svd, k values",
    scipy: "svd",
    small: () => [...m.spectra(), ...m.torture()],
    large: () => [...long(), ...bigFew()],
    beside: (a) => count(Math.min(6, ...a.shape)),
    run: (x, { k }) => {
      const { u: left, s, vt, residuals, converged } = la.svdSync(x["a"]!, { k: k!.data[0]!, tol: TOL, maxPasses: 60 });
      return { u: left, s, vt, residuals, converged: [Number(converged)] };
    },
    judge: (given, found) =>
      contracts.svd(given["a"]!, triplets(given, found), truth("singular", given["a"]!), TOL).map(aboveOne),
    formula: formulas.leading,
    lapack: lapack.leading,
  },
  eigenvectors("eigh", "auto", bigSymmetric),
  eigenvectors("eigh, jacobi", "jacobi", () => []),
  {
    name: "eigvalsh",
    scipy: "eigvalsh",
    small: () => symmetrics(),
    large: bigSymmetric,
    run: (x) => ({ values: la.eigvalshSync(x["a"]!) }),
    judge: ({ a }, { values }) => factors.eigenvalues(a!, values!.data, truth("eigen", a!)),
    formula: formulas.eigenvalues,
  },
  {
    name: "pca",
    scipy: "pca",
    small:
      () => [...[0, 10, 1e4].flatMap((mean) => [cloud(300, 20, mean), cloud(20, 60, mean)]), cloud(1000, 100, 1e4)],
    large: () => [cloud(TALL, WIDE, 0), cloud(TALL, WIDE, 1e4)],
    run: (x) => {
      const { explainedVariance, components } = la.pcaSync(x["a"]!);
      return { variance: explainedVariance, components };
    },
    judge: ({ a }, { variance, components }) => {
      const x = wide(a!), sums = t.matmul64(t.dense(1, x.m, new Float64Array(x.m).fill(1)), x).x;
      const values = t.singularValues64(t.map(x, (v, _, j) => v - sums[j]! / x.m));
      const exact = values.map((s) => s * s / Math.max(1, x.m - 1));
      const error = t.largest(Array.from(variance!.data, (v, i) => Math.abs(v - exact[i]!)));
      const V = t.transpose(wide(components!));
      return [
        { contract: "error of variances", value: error / (u * exact[0]!), bound: 64 },
        { contract: "orthogonality of components", value: t.orthogonality(V), bound: 12 * Math.sqrt(V.n) },
      ];
    },
    formula: formulas.pca,
  },
];

const solving: readonly Operation[] = [
  {
    name: "cholesky",
    scipy: "cholesky",
    small: () => m.positive(),
    large: bigPositive,
    run: (x) => ({ l: la.choleskySync(x["a"]!).l }),
    judge: ({ a }, { l }) => contracts.cholesky(a!, l!),
    formula: formulas.cholesky,
    lapack: lapack.cholesky,
  },
  {
    name: "lu",
    scipy: "lu",
    small: () => [...m.square(), ...regulars(), ...m.tall(160, 70), ...drop(growing, /200/)],
    large: big,
    run: (x) => {
      const { l, u: upper, p } = la.luSync(x["a"]!);
      return { l, u: upper, p };
    },
    judge: ({ a }, { l, u: upper, p }) => factors.lu(a!, l!, upper!, p!.data),
    formula: formulas.lu,
    lapack: lapack.lu,
  },
  {
    name: "solve",
    scipy: "solve",
    small: () => [...drop(m.square(), /zero|half rank|all |ones/), ...regulars(), ...growing],
    large: () => pick(big(), /random|0\.9/),
    beside: right(3),
    run: (x) => ({ x: la.solveSync(x["a"]!, x["b"]!).x }),
    judge: ({ a, b }, { x }) => contracts.solve(wide(a!), x!, b!),
    formula: formulas.solve,
    lapack: lapack.solve,
  },
  {
    name: "solve, positive",
    scipy: "solve positive",
    small: () => m.positive(),
    large: bigPositive,
    beside: right(3),
    run: (x) => ({ x: la.solveSync(x["a"]!, x["b"]!, { assume: "positive" }).x }),
    judge: ({ a, b }, { x }) => contracts.solve(wide(a!), x!, b!),
    formula: formulas.solve,
    lapack: lapack.solve,
  },
  {
    name: "solveTriangular",
    scipy: "trsm",
    small: () => [...triangles(96), ...triangles(200)],
    large: () => drop(triangles(SIDE), /Kahan/),
    beside: right(5),
    run: (x) => ({ x: la.solveTriangularSync(x["a"]!, x["b"]!, { lower: true }) }),
    judge: ({ a, b }, { x }) => contracts.triangular(wide(a!), x!, b!),
    formula: formulas.triangular,
    lapack: lapack.solve,
  },
  {
    name: "lstsq",
    scipy: "lstsq",
    small: () => drop([...m.tall(720, 96), ...m.torture()], /denormal/),
    large: () => [...long(), recipe("random, 2000x1000", () => m.normal(2000, 1000, 3))],
    beside: right(2),
    run: (x) => ({ x: la.lstsqSync(x["a"]!, x["b"]!).x }),
    judge: ({ a, b }, { x }) => contracts.lstsq(wide(a!), x!, b!),
    formula: formulas.lstsq,
    lapack: lapack.lstsq,
  },
  {
    name: "inv",
    scipy: "inv",
    small: () => [...regulars(), ...growing],
    large: () => pick(big(), /random|0\.9/),
    run: (x) => ({ x: la.invSync(x["a"]!) }),
    judge: ({ a }, { x }) => factors.inverse(a!, x!),
    formula: formulas.inverse,
    lapack: lapack.inverse,
  },
  {
    name: "pinv",
    scipy: "pinv",
    small: () => [
      ...pick(m.square(), /zero|half rank|all |ones|0\.1|identity|random/),
      ...drop(m.odd(), /2\^-126/),
      ...regulars(),
      ...pick(m.tall(160, 70), /^(rank|all 0\.1|zero columns|duplicate)/),
    ],
    // Square ones: the conditions on A X of a long matrix are as large as the square of its length.
    large: () => pick(big(), /half rank|0\.9/),
    run: (x) => ({ x: la.pinvSync(x["a"]!) }),
    judge: ({ a }, { x }) => factors.pseudoinverse(a!, x!),
    formula: formulas.pseudoinverse,
  },
];

export const operations: readonly Operation[] = [
  {
    name: "matmul",
    scipy: "matmul",
    // A'A, unless its entries or a partial sum leave float32.
    small: () => [...drop(m.tall(), /1e37|1e30/), ...m.square(), ...pick(m.odd(), /^random/)],
    large: () => [...drop(long(), /1e30/), ...big()],
    beside: (a) => ({ b: a }),
    run: (x) => ({ c: la.matmulSync(x["a"]!, x["b"]!, { transA: true }) }),
    judge: (given, found) => productOf(given, found, chain),
    formula: matmul(chain),
  },
  ...orthogonalising,
  ...spectral,
  ...solving,
  {
    name: "expm",
    scipy: "expm",
    small: () => Object.entries(exponentials).map(([name, { a }]) => recipe(name, () => dense(a))),
    large: () => [],
    run: (x) => ({ x: la.expmSync(x["a"]!) }),
    judge: (_, { x }, name) => {
      const known = exponentials[name]!, value = t.relative(dense(known.x), wide(x!));
      return [{ contract: "error of the exponential", value, bound: 8 * Math.max(1, known.cond) }];
    },
    formula: formulas.exponential,
  },
];

/** A matrix of the size that the times are taken at, as the operation needs it. */
export function ordinary(op: Operation, n: number): Sample {
  const name = `random ${n}`;
  if (["cholesky", "solve, positive"].includes(op.name)) return m.sample(name, t.gram(m.normal(2 * n, n, 62)));
  if (/^eig/.test(op.name)) return m.sample(name, goe(n, 82));
  if (op.name === "solveTriangular") return triangles(n)[0]!.make();
  if (op.name === "expm") return m.sample(name, t.map(goe(n, 4), (v) => v / Math.sqrt(n)));
  if (["lstsq", "pca"].includes(op.name)) return m.sample(name, m.normal(2 * n, n, 3));
  return m.randomSample(n, n, 3);
}
