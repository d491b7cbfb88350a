// Laws of linear algebra on drawn matrices: scaling, views, products, transposes, permutations, padding, inverses and
// norms. What is exact is compared bit for bit, the rest by the contracts.
import assert from "node:assert/strict";
import { describe } from "node:test";
import * as tesserae from "../src/index.ts";
import { Matrix, type MatrixLike } from "../src/index.ts";
import * as contracts from "./contracts.ts";
import * as draw from "./drawn.ts";
import { law, make } from "./drawn.ts";
import * as factors from "./factors.ts";
import { intact, numbers, placeInside, sameBits } from "./helpers.ts";
import { orthonormal, type Sample, sample } from "./matrices.ts";
import * as t from "./metrics.ts";
import { type Dense, hold, u, wide } from "./metrics.ts";

/** Fails unless B = by A to the last bit; by is a power of two or -1, and the sign of 0 is free. */
function sameScaled(a: Float32Array, b: Float32Array, by: number, what: string): void {
  sameBits(a.map((value) => value * by + 0), b.map((value) => value + 0), what);
}

function data(a: Matrix): Float32Array {
  return numbers(a).data;
}

function within(contract: string, value: number, bound: number): void {
  hold([{ contract, value, bound }], "law");
}

/** Singular values or eigenvalues of two problems that have the same: the errors of both, in units of the largest. */
function sameValues(a: ArrayLike<number>, b: ArrayLike<number>, bound: number): void {
  const values = Array.from(a), worst = t.largest(values.map((value, i) => Math.abs(value - b[i]!)));
  within("difference of values", t.inUnits(worst, t.largest(values.map(Math.abs))), bound);
}

/** |A - B|_F in units of u |A|_F. */
function close(what: string, a: Dense, b: Dense, bound: number): void {
  within(what, t.inUnits(t.normF(t.minus(a, b)), t.normF(a)), bound);
}

/** The worst element of A - B in units of u times that of a scale. */
function closeElements(a: Matrix, b: Matrix, scale: Dense, bound: number): void {
  const off = t.abs(t.minus(wide(numbers(a)), wide(numbers(b))));
  within("difference of an element", t.largest(off.x.map((e, i) => t.inUnits(e, scale.x[i]!))), bound);
}

describe("laws of scaling: 2^k A has the factors of A, bit for bit", () => {
  law("qr", [draw.matrix, draw.power], (drawn, k) => {
    const a = make(drawn), [one, two] = [tesserae.qrSync(a), tesserae.qrSync(draw.scaled(a, 2 ** k))];
    sameScaled(data(one.q), data(two.q), 1, "Q");
    sameScaled(data(one.r), data(two.r), 2 ** k, "R");
  });

  law("svd and svdvals", [draw.matrix, draw.power], (drawn, k) => {
    const a = make(drawn), b = draw.scaled(a, 2 ** k), [one, two] = [tesserae.svdSync(a), tesserae.svdSync(b)];
    sameScaled(data(one.u), data(two.u), 1, "U");
    sameScaled(one.s, two.s, 2 ** k, "singular values");
    sameScaled(data(one.vt), data(two.vt), 1, "V'");
    sameScaled(tesserae.svdvalsSync(a), tesserae.svdvalsSync(b), 2 ** k, "singular values alone");
  });

  law("eigh", [draw.matrix, draw.power], (drawn, k) => {
    const a = draw.makeSymmetric(drawn), [one, two] = [a, draw.scaled(a, 2 ** k)].map((x) => tesserae.eighSync(x));
    sameScaled(data(one!.vectors), data(two!.vectors), 1, "eigenvectors");
    sameScaled(one!.values, two!.values, 2 ** k, "eigenvalues");
  });

  law("cholesky, by 4^k", [draw.matrix, draw.power], (drawn, k) => {
    const a = draw.makePositive(drawn), [one, two] = [a, draw.scaled(a, 4 ** k)].map((x) => tesserae.choleskySync(x));
    sameScaled(data(one!.l), data(two!.l), 2 ** k, "L");
  });

  law("lu", [draw.matrix, draw.power], (drawn, k) => {
    const a = make(drawn), [one, two] = [tesserae.luSync(a), tesserae.luSync(draw.scaled(a, 2 ** k))];
    assert.deepEqual(one.p, two.p);
    sameScaled(data(one.l), data(two.l), 1, "L");
    sameScaled(data(one.u), data(two.u), 2 ** k, "U");
  });

  law("inv, pinv and solve", [draw.regular, draw.power], (drawn, k) => {
    const a = draw.makeRegular(drawn), b = draw.scaled(a, 2 ** k), ones = new Float32Array(drawn.n).fill(1);
    sameScaled(data(tesserae.invSync(a)), data(tesserae.invSync(b)), 2 ** -k, "inverse");
    sameScaled(data(tesserae.pinvSync(a)), data(tesserae.pinvSync(b)), 2 ** -k, "pseudoinverse");
    sameScaled(tesserae.solveSync(a, ones).x, tesserae.solveSync(b, ones).x, 2 ** -k, "solution");
  });

  law("norms", [draw.matrix, draw.power], (drawn, k) => {
    const a = make(drawn);
    for (const p of [1, 2, "fro", "nuc", Infinity] as const) {
      assert.equal(tesserae.normSync(a, p) * 2 ** k, tesserae.normSync(draw.scaled(a, 2 ** k), p), `norm ${p}`);
    }
  });
});

describe("laws of views: a part of a larger matrix, also stored transposed, gives the bits of its copy", () => {
  const every: Readonly<Record<string, (a: MatrixLike) => Float32Array[]>> = {
    qr: (a) => [tesserae.qrSync(a)].flatMap(({ q, r }) => [data(q), data(r)]),
    svd: (a) => [tesserae.svdSync(a)].flatMap(({ u, s, vt }) => [data(u), s, data(vt)]),
    lu: (a) => [tesserae.luSync(a)].flatMap(({ l, u }) => [data(l), data(u)]),
    pinv: (a) => [data(tesserae.pinvSync(a))],
    norms: (a) => [Float32Array.from([1, 2, Infinity], (p) => tesserae.normSync(a, p))],
  };
  for (const [name, f] of Object.entries(every)) {
    law(name, [draw.matrix, draw.flag], (drawn, flip) => {
      const a = make(drawn), placed = placeInside(a, flip), view = f(placed.view);
      f(a).forEach((copy, i) => sameBits(copy, view[i]!, `${name}, result ${i}`));
      intact(placed, name);
    });
  }

  law("eigh and cholesky", [draw.matrix, draw.flag], (drawn, flip) => {
    const a = draw.makePositive(drawn), placed = placeInside(a, flip);
    const [one, two] = [a, placed.view].map((x) => tesserae.eighSync(x));
    sameBits(data(one!.vectors), data(two!.vectors), "eigenvectors");
    sameBits(data(tesserae.choleskySync(a).l), data(tesserae.choleskySync(placed.view).l), "L");
    intact(placed, "eigh and cholesky");
  });
});

describe("laws of products", () => {
  law("(AB)' = B'A': bit for bit with views, to rounding with copies", [draw.chain], (drawn) => {
    const [a, b] = draw.makeChain(drawn), turned = tesserae.matmulSync(a, b).T;
    const scale = t.transpose(t.matmul64(t.abs(wide(a)), t.abs(wide(b))));
    const views = tesserae.matmulSync(Matrix.from(b).T, Matrix.from(a).T);
    // Of a product of one row and one column either may lead, with sums in another order.
    if (drawn.m * drawn.l !== 1) sameBits(data(turned), data(views), "(AB)' and B'A'");
    closeElements(turned, views, scale, 2 * contracts.productBound(drawn.k, 256));
    const copies = tesserae.matmulSync(draw.turned(b), draw.turned(a));
    closeElements(turned, copies, scale, 2 * contracts.productBound(drawn.k, 256));
  });

  law("(-A)B = -(AB) and (2^k A)B = 2^k (AB), bit for bit", [draw.chain, draw.power], (drawn, k) => {
    const [a, b] = draw.makeChain(drawn), ab = data(tesserae.matmulSync(a, b));
    for (const by of [-1, 2 ** k]) sameScaled(ab, data(tesserae.matmulSync(draw.scaled(a, by), b)), by, `times ${by}`);
  });

  law("whole numbers are multiplied exactly", [draw.chain], ({ m, k, n, seed }) => {
    const [A, B] = [draw.whole(m, k, seed, 100), draw.whole(k, n, seed + 1, 100)];
    const truth = Float32Array.from(t.matmul64(A, B).x);
    sameScaled(truth, data(tesserae.matmulSync(sample("A", A), sample("B", B))), 1, "product");
  });

  law("(AB)C = A(BC) to rounding", [draw.chain], (drawn) => {
    const [a, b, c] = draw.makeChain(drawn), [A, B, C] = [a, b, c].map((x) => t.abs(wide(x))) as [Dense, Dense, Dense];
    const left = tesserae.matmulSync(tesserae.matmulSync(a, b), c);
    const right = tesserae.matmulSync(a, tesserae.matmulSync(b, c));
    const bound = 2 * (contracts.productBound(drawn.k, 256) + contracts.productBound(drawn.l, 256));
    closeElements(left, right, t.matmul64(A, t.matmul64(B, C)), bound);
  });

  law("A(B + C) = AB + AC to rounding, and B + C = C + B", [draw.chain], (drawn) => {
    const [a, b] = draw.makeChain(drawn), c = make({ ...drawn, m: drawn.k, n: drawn.l, kind: "normal" });
    const sum = tesserae.addSync(b, c), B = t.abs(wide(b)), C = t.abs(wide(c));
    sameBits(data(sum), data(tesserae.addSync(c, b)), "sum");
    const right = tesserae.addSync(tesserae.matmulSync(a, b), tesserae.matmulSync(a, c));
    const bound = 2 * contracts.productBound(drawn.k, 256) + 2;
    const scale = t.matmul64(t.abs(wide(a)), t.map(B, (v, i, j) => v + C.x[i * C.n + j]!));
    closeElements(tesserae.matmulSync(a, sum), right, scale, bound);
  });
});

describe("laws of QR", () => {
  law("rows in another order give the same R", [draw.matrix], (drawn) => {
    const a = make(drawn), [one, two] = [a, draw.shuffled(a, drawn.seed)].map((x) => tesserae.qrSync(x));
    sameTriangles(one!.r, two!.r, a);
  });

  law("leading columns give the leading part of R", [draw.matrix], (drawn) => {
    const a = make(drawn), half = drawn.n >> 1, rows = Math.min(drawn.m, half);
    const whole = numbers(tesserae.qrSync(a).r), part = draw.corner(sample("R", wide(whole)), rows, half);
    const { r } = tesserae.qrSync(draw.corner(a, drawn.m, half));
    sameTriangles(r, Matrix.from(part), a);
  });

  law("rows of zeros change nothing in R", [draw.matrix], (drawn) => {
    const a = make(drawn), [one, two] = [a, draw.padded(a, 7, 0)].map((x) => tesserae.qrSync(x, { mode: "r" }));
    const r = draw.padded(sample("R", wide(numbers(one!.r))), two!.r.shape[0] - one!.r.shape[0], 0);
    sameTriangles(Matrix.from(r), two!.r, a);
  });

  /** R is as the contract leaves it: R'R is A'A, whatever the condition; |A| is that of the larger problem. */
  function sameTriangles(one: Matrix, two: Matrix, a: Sample): void {
    const off = t.minus(t.gram(wide(numbers(one))), t.gram(wide(numbers(two))));
    const size = t.normF(wide(a)), bound = 2 * (2 * 16 + 12 * Math.sqrt(a.shape[1]));
    within("difference of R'R", t.inUnits(t.normF(off), size * size), bound);
  }
});

describe("laws of triangles", () => {
  law("P A = L U for rows in any order", [draw.matrix], (drawn) => {
    for (const a of [make(drawn), draw.shuffled(make(drawn), drawn.seed)]) {
      const { l, u: upper, p } = tesserae.luSync(a);
      hold(factors.lu(a, numbers(l), numbers(upper), p), "lu");
    }
  });

  law("a leading part of A has the leading part of L", [draw.matrix], (drawn) => {
    const a = draw.makePositive(drawn), half = drawn.n >> 1, l = numbers(tesserae.choleskySync(a).l);
    hold(contracts.cholesky(a, l), "cholesky");
    const part = tesserae.choleskySync(draw.corner(a, half, half)).l;
    const [L, P] = [draw.corner(sample("L", wide(l)), half, half), numbers(part)].map(wide) as [Dense, Dense];
    const off = t.minus(t.gram(t.transpose(L)), t.gram(t.transpose(P)));
    within("difference of L L'", t.inUnits(t.normF(off), t.normF(wide(a))), 2 * 12);
  });

  law("T X = B is solved by the X that made B", [draw.regular, draw.flag, draw.flag], (drawn, lower, trans) => {
    const { n, seed } = drawn, X = draw.whole(n, 2, seed, 9);
    const T = t.map(draw.whole(n, n, seed + 1, 4), (v, i, j) => (i === j ? 8 * n : (lower ? j < i : j > i) ? v : 0));
    const b = sample("T X", t.matmul64(trans ? t.transpose(T) : T, X));
    close("X", X, wide(numbers(tesserae.solveTriangularSync(sample("T", T), b, { lower, trans }))), 16);
  });
});

describe("laws of singular values and eigenvalues", () => {
  law("the factors of A', turned, are factors of A", [draw.matrix], (drawn) => {
    const a = make(drawn), { u: v, s, vt: ut } = tesserae.svdSync(draw.turned(a));
    const signs = "vectors with the wrong sign", truth = t.singularValues64(wide(a));
    const figures = factors.svd(a, { u: numbers(ut.T), s, vt: numbers(v.T) }, truth);
    hold(figures.filter(({ contract }) => contract !== signs), "svd of A'");
  });

  law("orthogonal factors change no singular value", [draw.matrix], (drawn) => {
    const a = make(drawn), q = orthonormal(drawn.m, drawn.m, 7), qa = t.matmul64(q, wide(a));
    // Rounding QA moves each value by at most u |A|_F (Weyl); the two results are off by 16u each.
    const s = tesserae.svdvalsSync(a), more = t.inUnits(u * t.normF(qa), s[0] ?? 0);
    sameValues(s, tesserae.svdvalsSync(sample("QA", qa)), 32 + more);
    sameValues(s, tesserae.svdvalsSync(draw.shuffled(a, drawn.seed)), 32);
  });

  law("zeros around A add zeros to its singular values", [draw.matrix], (drawn) => {
    const a = make(drawn), s = tesserae.svdvalsSync(a), more = tesserae.svdvalsSync(draw.padded(a, 3, 5));
    sameValues([...s, ...new Float32Array(more.length - s.length)], more, 32);
    assert.equal(tesserae.normSync(a), tesserae.normSync(draw.padded(a, 3, 5)));
  });

  law("those of a part interlace", [draw.matrix], (drawn) => {
    const a = make(drawn), [m, n] = [drawn.m - (drawn.m >> 2), drawn.n - (drawn.n >> 2)];
    const s = tesserae.svdvalsSync(a), part = tesserae.svdvalsSync(draw.corner(a, m, n)), room = 32 * u * (s[0] ?? 0);
    const gone = drawn.m - m + drawn.n - n;
    part.forEach((value, i) => {
      assert.ok(value <= s[i]! + room, `value ${i} of the part is ${value}, of the whole ${s[i]}`);
      const below = s[i + gone] ?? 0;
      assert.ok(value >= below - room, `value ${i} of the part is ${value}, ${i + gone} of the whole ${below}`);
    });
  });

  law("similar matrices have the same eigenvalues; those of A + cI are c more", [draw.matrix], (drawn) => {
    const a = draw.makeSymmetric(drawn), values = tesserae.eigvalshSync(a);
    sameValues(values, tesserae.eigvalshSync(draw.similar(a, drawn.seed)), 48);
    const shift = Math.fround(t.normF(wide(a))), n = drawn.n;
    const moved = sample("A + cI", t.map(wide(a), (v, i, j) => (i === j ? v + shift : v)));
    const size = 2 * shift, bound = 48 + Math.sqrt(n);
    const worst = t.largest(Array.from(tesserae.eigvalshSync(moved), (v, i) => Math.abs(v - shift - values[i]!)));
    within("shifted eigenvalues", t.inUnits(worst, size), bound);
  });

  law("of a symmetric matrix the singular values are |eigenvalues|, their sum the trace", [draw.matrix], (drawn) => {
    const a = draw.makeSymmetric(drawn), { values } = tesserae.eighSync(a), A = wide(a);
    sameValues(tesserae.svdvalsSync(a), values.map(Math.abs).sort().reverse(), 16 + 24);
    const sum = (list: Iterable<number>) => [...list].reduce((total, v) => total + v, 0);
    within("trace", t.inUnits(Math.abs(sum(values) - sum(t.diagonal(A))), t.norm2(A)), 24 * drawn.n);
  });
});

describe("laws of inverses", () => {
  law("A A+ A = A and its three companions", [draw.matrix], (drawn) => {
    const a = make(draw.clear(drawn));
    hold(factors.pseudoinverse(a, numbers(tesserae.pinvSync(a))), "pinv");
  });

  law("(A+)+ = A, and (A')+ = (A+)'", [draw.regular], (drawn) => {
    const a = draw.makeRegular(drawn), x = tesserae.pinvSync(a), kappa = 10 ** drawn.digits, root = Math.sqrt(drawn.n);
    close("pinv twice", wide(a), wide(numbers(tesserae.pinvSync(x))), 16 * root * kappa);
    close("pinv of A'", wide(numbers(x.T)), wide(numbers(tesserae.pinvSync(draw.turned(a)))), 16 * root * kappa);
  });

  law("the inverse of the inverse is A", [draw.regular], (drawn) => {
    const a = draw.makeRegular(drawn), kappa = 10 ** drawn.digits;
    const back = tesserae.invSync(tesserae.invSync(a));
    close("inv twice", wide(a), wide(numbers(back)), 16 * Math.sqrt(drawn.n) * kappa);
  });

  law("solve and lstsq find the X of A X", [draw.regular], (drawn) => {
    const { n, seed } = drawn, a = draw.makeRegular(drawn), X = draw.whole(n, 3, seed, 9);
    const b = sample("A X", t.matmul64(wide(a), X)), bound = 16 * Math.sqrt(n) * 10 ** drawn.digits;
    close("solve", X, wide(numbers(tesserae.solveSync(a, b).x)), bound);
    close("lstsq", X, wide(numbers(tesserae.lstsqSync(a, b).x)), bound);
    close("inv", X, wide(numbers(tesserae.matmulSync(tesserae.invSync(a), b))), 2 * bound);
  });

  law("det(AB) = det A det B, det A' = det A", [draw.regular], ({ n, digits, seed }) => {
    const [a, b] = [0, 1].map((i) => draw.makeRegular({ n, digits, seed: seed + i })) as [Sample, Sample];
    const ab = sample("AB", t.matmul64(wide(a), wide(b)));
    const [da, db, dab] = [a, b, ab].map((x) => tesserae.slogdetSync(x));
    // A relative error e of the matrix moves each logarithm by up to n kappa e; kappa of AB is up to 10^(2 digits).
    const bound = 16 * n * 10 ** (2 * digits) * u;
    if (bound < 0.5) assert.equal(dab!.sign, da!.sign * db!.sign);
    const off = Math.abs(dab!.logAbsDet - da!.logAbsDet - db!.logAbsDet);
    assert.ok(off <= bound, `logarithms are off by ${off}, bound ${bound}`);
    const back = tesserae.slogdetSync(draw.turned(a)), turned = Math.abs(back.logAbsDet - da!.logAbsDet);
    assert.ok(turned <= 16 * n * 10 ** digits * u, `logarithm for A' is off by ${turned}`);
  });

  law("determinants of small whole matrices are right to rounding", [draw.chain], ({ m, seed }) => {
    const n = m % 5, A = draw.whole(n, n, seed, 9), truth = determinant(A);
    const size = t.columnNorms(A).reduce((product, length) => product * length, 1);
    within("det", t.inUnits(Math.abs(tesserae.detSync(sample("A", A)) - truth), size), 8 * Math.max(1, n));
  });

  /** By expansion along the first row: exact for small whole numbers. */
  function determinant({ n, x }: Dense): number {
    if (n === 0) return 1;
    let sum = 0;
    for (let j = 0; j < n; j++) {
      const minor = Float64Array.from(x.slice(n)).filter((_, at) => at % n !== j);
      sum += (j % 2 === 0 ? 1 : -1) * x[j]! * determinant(t.dense(n - 1, n - 1, minor));
    }
    return sum;
  }
});

describe("laws of norms and rank", () => {
  law("|A|_1 = |A'|_inf exactly, |A|_2 = |A'|_2, |A|_2 <= |A|_F <= |A|_*", [draw.matrix], (drawn) => {
    const a = make(drawn), b = draw.turned(a), norm = tesserae.normSync, room = 1 + 32 * u;
    assert.equal(norm(a, 1), norm(b, Infinity));
    sameValues([norm(a, 2)], [norm(b, 2)], 32);
    assert.ok(norm(a, 2) <= norm(a) * room && norm(a) <= norm(a, "nuc") * room);
  });

  law("|A + B| <= |A| + |B| and |AB| <= |A| |B|", [draw.chain], (drawn) => {
    const [a, b] = draw.makeChain(drawn), c = make({ ...drawn, n: drawn.k, kind: "positive" });
    for (const p of [1, 2, "fro", Infinity] as const) {
      const [x, y, z] = [a, b, c].map((m) => tesserae.normSync(m, p)) as [number, number, number];
      const sum = tesserae.normSync(tesserae.addSync(a, c), p);
      const product = tesserae.normSync(tesserae.matmulSync(a, b), p);
      assert.ok(sum <= (x + z) * (1 + 64 * u), `sum, norm ${p}`);
      // Rounding of the product may add the bound of a product, of which each norm is at most the Frobenius norms'.
      const rounding = contracts.productBound(drawn.k, 256) * u * Math.max(drawn.m, drawn.k, drawn.l, 1);
      assert.ok(product <= x * y * (1 + rounding + 64 * u), `product, norm ${p}`);
    }
  });

  law("rank is that of A', of A in zeros, and of A with its rows again", [draw.matrix], (drawn) => {
    const a = make(draw.clear(drawn));
    const rank = tesserae.matrixRankSync(a), [m, n] = a.shape;
    if (drawn.kind === "rank 3 or less") assert.ok(rank <= 3, `rank ${rank}`);
    if (drawn.kind === "equal columns") assert.ok(rank <= 1, `rank ${rank}`);
    const twice = sample("twice", t.dense(2 * m, n, Float64Array.from([...a.data, ...a.data])));
    for (const other of [draw.turned(a), draw.padded(a, 4, 1), twice]) {
      assert.equal(tesserae.matrixRankSync(other), rank);
    }
  });
});
