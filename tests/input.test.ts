// What callers may hand in as a matrix, and the typed error that each kind of bad input gets from every function.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as la from "../src/index.ts";
import { Matrix, type MatrixLike } from "../src/index.ts";
import { every, numbers } from "./helpers.ts";
import { argument, checkError, disposed, dtype, fails, nonFinite, overflow, shape, type Wanted } from "./refusals.ts";

/** Every function of a matrix, in both forms, with its other operands fitting a 2x2 (or any) matrix. */
type Form = (a: MatrixLike) => unknown;
const one = [[1, 0], [0, 1]];
const forms: Record<string, { blocking: Form; promised: (a: MatrixLike) => Promise<unknown>; finite: boolean }> = {
  matmul: { blocking: (a) => la.matmulSync(a, one), promised: (a) => la.matmul(a, one), finite: false },
  matvec: { blocking: (a) => la.matvecSync(a, [1, 1]), promised: (a) => la.matvec(a, [1, 1]), finite: false },
  qr: { blocking: (a) => la.qrSync(a), promised: (a) => la.qr(a), finite: true },
  svd: { blocking: (a) => la.svdSync(a, { k: 1 }), promised: (a) => la.svd(a, { k: 1 }), finite: true },
  cholesky: { blocking: (a) => la.choleskySync(a), promised: (a) => la.cholesky(a), finite: true },
  solve: { blocking: (a) => la.solveSync(a, [1, 1]), promised: (a) => la.solve(a, [1, 1]), finite: true },
  solveTriangular: {
    blocking: (a) => la.solveTriangularSync(a, one, { lower: true }),
    promised: (a) => la.solveTriangular(a, one, { lower: true }),
    finite: true,
  },
  orthonormalize: { blocking: (a) => la.orthonormalizeSync(a), promised: (a) => la.orthonormalize(a), finite: true },
};

const bad: readonly { name: string; make: () => unknown; wanted: Wanted }[] = [
  { name: "ragged rows", make: () => [[1, 2], [3]], wanted: { ...shape, text: /row 1 has 1/ } },
  {
    name: "too few numbers",
    make: () => ({ data: [1, 2, 3], shape: [2, 2] }),
    wanted: { ...shape, text: /2x2.*4.*3/ },
  },
  {
    name: "too many numbers",
    make: () => ({ data: [1, 2, 3, 4, 5], shape: [2, 2] }),
    wanted: { ...shape, text: /2x2.*4.*5/ },
  },
  { name: "one size", make: () => ({ data: [1, 2], shape: [2] }), wanted: { ...shape, text: /\[2\]/ } },
  { name: "three sizes", make: () => ({ data: [1, 2], shape: [1, 2, 1] }), wanted: { ...shape, text: /\[1,2,1\]/ } },
  { name: "no shape", make: () => ({ data: [1, 2] }), wanted: { ...shape, text: /shape/ } },
  { name: "a negative size", make: () => ({ data: [], shape: [-1, 2] }), wanted: { ...shape, text: /-1/ } },
  { name: "a broken size", make: () => ({ data: [1, 2, 3], shape: [1.5, 2] }), wanted: { ...shape, text: /1\.5/ } },
  {
    name: "strides beyond the data",
    make: () => ({ data: [1, 2, 3, 4], shape: [2, 2], strides: [4, 1] }),
    wanted: { ...shape, text: /2x2/ },
  },
  {
    name: "strides before the data",
    make: () => ({ data: [1, 2, 3, 4], shape: [2, 2], strides: [-2, 1] }),
    wanted: { ...shape, text: /2x2/ },
  },
  {
    name: "an offset beyond the data",
    make: () => ({ data: [1, 2, 3, 4], shape: [2, 2], offset: 1 }),
    wanted: { ...shape, text: /2x2/ },
  },
  {
    name: "broken strides",
    make: () => ({ data: [1, 2, 3, 4], shape: [2, 2], strides: [1.5, 1] }),
    wanted: { ...argument, text: /stride.*1\.5/ },
  },
  {
    name: "big integers",
    make: () => ({ data: new BigInt64Array(4), shape: [2, 2] }),
    wanted: { ...dtype, text: /BigInt64Array/ },
  },
  { name: "rows of big integers", make: () => [[1n, 2n], [3n, 4n]], wanted: { ...dtype, text: /bigint/ } },
  { name: "strings", make: () => [["1", "2"], ["3", "4"]], wanted: { ...dtype, text: /string/ } },
  { name: "complex numbers", make: () => [[{ re: 1, im: 2 }, 0], [0, 1]], wanted: { ...dtype, text: /object/i } },
  { name: "holes", make: () => [[1, , 3], [1, 2, 3]], wanted: { ...dtype, text: /undefined/ } },
  {
    name: "null",
    make: () => [[1, 0], [0, 1], [1, null]],
    wanted: { ...dtype, text: /row 2, column 1 is null/ },
  },
  {
    name: "a flat string",
    make: () => ({ data: [1, 2, 3, "4"], shape: [2, 2] }),
    wanted: { ...dtype, text: /row 1, column 1 is a string/ },
  },
  {
    name: "a string among strides",
    make: () => ({ data: [1, 2, "3", 4], shape: [2, 2], strides: [1, 2] }),
    wanted: { ...dtype, text: /row 0, column 1 is a string/ },
  },
  {
    name: "typed rows of big integers",
    make: () => [new BigInt64Array(2), new BigInt64Array(2)],
    wanted: { ...dtype, text: /row 0 is an object of type BigInt64Array/ },
  },
  {
    name: "typed rows of two lengths",
    make: () => [new Float64Array(2), [1]],
    wanted: { ...shape, text: /row 1 has 1/ },
  },
  {
    name: "typed rows beyond float32",
    make: () => [new Float64Array(2), Float64Array.of(1, 1e39)],
    wanted: { ...overflow, text: /1e\+39.*row 1, column 1/ },
  },
  { name: "booleans", make: () => [[true, false], [false, true]], wanted: { ...dtype, text: /boolean/ } },
  { name: "a number", make: () => 5, wanted: { ...dtype, text: /number/ } },
  { name: "nothing", make: () => undefined, wanted: { ...dtype, text: /undefined/ } },
  { name: "a string", make: () => "1 2; 3 4", wanted: { ...dtype, text: /string/ } },
  { name: "a vector", make: () => [1, 2, 3], wanted: { ...dtype, text: /row 0/ } },
  { name: "a bare typed array", make: () => new Float32Array(4), wanted: { ...dtype, text: /Float32Array/ } },
  {
    name: "bytes without a type",
    make: () => ({ data: new ArrayBuffer(16), shape: [2, 2] }),
    wanted: { ...dtype, text: /ArrayBuffer/ },
  },
  {
    name: "a DataView",
    make: () => ({ data: new DataView(new ArrayBuffer(16)), shape: [2, 2] }),
    wanted: { ...dtype, text: /DataView/ },
  },
  { name: "a string as data", make: () => ({ data: "1234", shape: [2, 2] }), wanted: { ...dtype, text: /string/ } },
  {
    name: "a cloned Matrix",
    make: () => structuredClone({ ...Matrix.from(one) }),
    wanted: { ...dtype, text: /data: m\.data, shape: m\.shape/ },
  },
  {
    name: "a number beyond float32",
    make: () => [[1, 2], [3, -1e39]],
    wanted: { ...overflow, text: /-1e\+39.*row 1, column 1/ },
  },
  {
    name: "a flat number beyond float32",
    make: () => ({ data: Float64Array.of(1, 2, 3e38, 4e38), shape: [2, 2] }),
    wanted: { ...overflow, text: /4e\+38.*row 1, column 1/ },
  },
  {
    name: "a disposed matrix",
    make: () => {
      const m = Matrix.from(one);
      m[Symbol.dispose]();
      return m;
    },
    wanted: { ...disposed, text: /disposed/ },
  },
  {
    name: "a matrix of a closed device",
    make: () => {
      using other = la.open({ threads: 1 });
      return Matrix.from(Float32Array.of(1, 0, 0, 1), [2, 2], { device: other });
    },
    wanted: { ...disposed, text: /closed|disposed/ },
  },
];

describe("bad input", () => {
  for (const [op, { blocking, promised }] of Object.entries(forms)) {
    it(`is refused by ${op} with the error that says what is wrong`, async () => {
      await every(bad, ({ name }) => name, async ({ make, wanted }) => {
        const a = make() as MatrixLike;
        await fails(op, () => blocking(a), () => promised(a), wanted);
      });
    });
  }

  it("is named where there are several operands", async () => {
    const gone = Matrix.eye(2);
    gone[Symbol.dispose]();
    for (const b of [undefined, gone]) {
      const bad = b as never, kind = b === undefined ? dtype : disposed;
      const B = { ...kind, text: /operand B/ }, small = { ...kind, text: /operand b/ };
      await fails("matmul", () => la.matmulSync(one, bad), () => la.matmul(one, bad), B);
      await fails("matmul", () => la.matmulSync(bad, one), () => la.matmul(bad, one), { ...kind, text: /operand A/ });
      await fails("add", () => la.addSync(one, bad), () => la.add(one, bad), B);
      await fails("solve", () => la.solveSync(one, bad), () => la.solve(one, bad), small);
      await fails("lstsq", () => la.lstsqSync(one, bad), () => la.lstsq(one, bad), small);
      const out = { ...kind, text: /operand out/ };
      if (b) {
        await fails("matmul", () => la.matmulSync(one, one, { out: b }), () => la.matmul(one, one, { out: b }), out);
      }
    }
    const [bad, x] = [undefined as never, { ...dtype, text: /operand x/ }];
    await fails("matvec", () => la.matvecSync(one, bad), () => la.matvec(one, bad), x);
  });

  it("is refused by Matrix.from in the same way", async () => {
    await every(bad, ({ name }) => name, ({ make, wanted }) => {
      const a = make() as MatrixLike;
      assert.throws(() => Matrix.from(a), (error) => (checkError(error, "", wanted), true));
    });
  });

  it("has its first NaN or Inf named by row and column, by every factorisation and solve", async () => {
    const places = [[NaN, 0, 1], [Infinity, 1, 0], [-Infinity, 1, 1], [NaN, 0, 0]] as const;
    const cases = Object.entries(forms).filter(([, form]) => form.finite).flatMap(([op, form]) =>
      places.map((place) => ({ op, form, place }))
    );
    await every(
      cases,
      ({ op, place }) => `${op} of ${place.join(" ")}`,
      async ({ op, form, place: [value, row, column] }) => {
        const a = [[4, 1], [1, 3]];
        a[row]![column] = value;
        if (row < column && /cholesky|Triangular/.test(op)) return void form.blocking(a);
        const wanted = {
          ...nonFinite,
          text: new RegExp(`${value}.*row ${row}, column ${column}`),
          fields: { row, column },
        };
        await fails(op, () => form.blocking(a), () => form.promised(a), wanted);
      },
    );
  });

  it("names the first of several in row-major order, in large matrices too", () => {
    const data = new Float32Array(300 * 200).fill(1);
    for (const at of [57 * 200 + 199, 58 * 200, 299 * 200 + 3]) data[at] = NaN;
    const wanted = { ...nonFinite, text: /NaN.*row 57, column 199/, fields: { row: 57, column: 199 } };
    assert.throws(() => la.qrSync({ data, shape: [300, 200] }), (error) => (checkError(error, "qr", wanted), true));
    const turned = { ...nonFinite, text: /row 0, column 58/, fields: { row: 0, column: 58 } };
    assert.throws(() => la.qrSync(Matrix.from(data, [300, 200]).T), (error) => (checkError(error, "qr", turned), true));
  });

  it("in a right-hand side is named too", async () => {
    const wanted = { ...nonFinite, text: /NaN.*row 1/, fields: { row: 1, column: 0 } };
    await fails("solve", () => la.solveSync(one, [1, NaN]), () => la.solve(one, [1, NaN]), wanted);
    const b = [[1], [NaN]];
    await fails("solveTriangular", () => la.solveTriangularSync(one, b), () => la.solveTriangular(one, b), wanted);
  });

  it("is refused in products when checkFinite asks for it", async () => {
    const a = [[1, 2], [NaN, 4]], wanted = { ...nonFinite, text: /row 1, column 0/, fields: { row: 1, column: 0 } };
    const options = { checkFinite: true };
    await fails("matmul", () => la.matmulSync(a, one, options), () => la.matmul(a, one, options), wanted);
    await fails("matvec", () => la.matvecSync(a, [1, 1], options), () => la.matvec(a, [1, 1], options), wanted);
  });
});

const values = [[1, 2, 3], [4, 5, 6]];
const flat = values.flat();
const typed = [
  Float32Array,
  Float64Array,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
] as const;

/** The way ndarray keeps a matrix: `stride`, and an offset into its data. */
class Strided {
  readonly data: Float64Array;
  readonly shape: number[];
  readonly stride: number[];
  readonly offset: number;
  readonly dtype = "float64";
  constructor(data: Float64Array, shape: number[], stride: number[], offset: number) {
    this.data = data;
    this.shape = shape;
    this.stride = stride;
    this.offset = offset;
  }
}

/** The way numpy-ts keeps one: accessors on the prototype. */
class Accessors {
  get data(): Float32Array {
    return Float32Array.from([9, ...flat]);
  }
  get shape(): readonly number[] {
    return [2, 3];
  }
  get strides(): readonly number[] {
    return [3, 1];
  }
  get offset(): number {
    return 1;
  }
  get dtype(): string {
    return "float32";
  }
}

const good: readonly { name: string; make: () => MatrixLike }[] = [
  { name: "nested arrays", make: () => values },
  { name: "frozen nested arrays", make: () => Object.freeze(values.map((row) => Object.freeze([...row]))) },
  { name: "typed arrays as rows", make: () => values.map((row) => Float64Array.from(row)) },
  { name: "rows of several kinds", make: () => [values[0]!, Int8Array.from(values[1]!)] },
  { name: "a plain array with a shape", make: () => ({ data: flat, shape: [2, 3] }) },
  ...typed.map((type) => ({ name: type.name, make: () => ({ data: new type(flat), shape: [2, 3] }) })),
  { name: "shared memory", make: () => ({ data: shared(), shape: [2, 3] }) },
  { name: "resizable memory", make: () => ({ data: resizable(), shape: [2, 3] }) },
  {
    name: "a part of a larger array",
    make: () => ({ data: Float32Array.from([9, 9, ...flat, 9]).subarray(2, 8), shape: [2, 3] }),
  },
  { name: "numpy-ts's array", make: () => new Accessors() },
  { name: "ndarray's array", make: () => new Strided(Float64Array.from([0, ...flat]), [2, 3], [3, 1], 1) },
  { name: "ndarray's transposed array", make: () => new Strided(Float64Array.of(1, 4, 2, 5, 3, 6), [2, 3], [1, 2], 0) },
  { name: "ndarray's reversed rows", make: () => new Strided(Float64Array.of(4, 5, 6, 1, 2, 3), [2, 3], [-3, 1], 3) },
  {
    name: "npyjs's row-major file",
    make: () => ({ data: Float64Array.from(flat), shape: [2, 3], dtype: "f8", fortranOrder: false }) as MatrixLike,
  },
  {
    name: "npyjs's column-major file",
    make: () =>
      ({ data: Float32Array.of(1, 4, 2, 5, 3, 6), shape: [2, 3], dtype: "f4", fortranOrder: true }) as MatrixLike,
  },
  { name: "a shape in a typed array", make: () => ({ data: flat, shape: Int32Array.of(2, 3) as unknown as number[] }) },
  { name: "every other number", make: () => ({ data: flat.flatMap((v) => [v, 0]), shape: [2, 3], strides: [6, 2] }) },
  { name: "a Matrix", make: () => Matrix.from(values) },
  { name: "a transposed view", make: () => Matrix.from(flat.map((_, at) => values[at % 2]![at >> 1]!), [3, 2]).T },
  { name: "what a worker is sent", make: () => structuredClone({ data: Matrix.from(values).data, shape: [2, 3] }) },
];

function shared(): Float32Array {
  const data = new Float32Array(new SharedArrayBuffer(24));
  data.set(flat);
  return data;
}

function resizable(): Float32Array {
  const data = new Float32Array(new ArrayBuffer(24, { maxByteLength: 4096 }));
  data.set(flat);
  return data;
}

describe("good input", () => {
  it("of every kind arrives with its values, in Matrix.from, blocking and promised calls", async () => {
    await every(good, ({ name }) => name, async ({ make }) => {
      assert.deepEqual(numbers(Matrix.from(make())), { shape: [2, 3], data: Float32Array.from(flat) });
      assert.deepEqual(la.matmulSync(one, make()).toArray(), values);
      assert.deepEqual((await la.matmul(make(), Matrix.eye(3))).toArray(), values);
      assert.deepEqual([...la.matvecSync(make(), [1, 10, 100])], [321, 654]);
    });
  });

  it("of typed arrays as rows is a matrix of right-hand sides too", async () => {
    const b = [Float64Array.of(1, 2), Float64Array.of(3, 4)];
    for (const refine of [false, true]) {
      assert.deepEqual(la.solveSync(one, b, { refine }).x.toArray(), [[1, 2], [3, 4]]);
      assert.deepEqual((await la.lstsq(one, b, { refine })).x.toArray(), [[1, 2], [3, 4]]);
    }
  });

  it("that repeats one number by strides of zero is a constant matrix", () => {
    assert.deepEqual(Matrix.from({ data: [7], shape: [2, 3], strides: [0, 0] }).toArray(), [[7, 7, 7], [7, 7, 7]]);
  });

  it("is copied: later changes to it do not reach the matrix", () => {
    const data = Float32Array.from(flat), rows = values.map((row) => [...row]);
    const [a, b] = [Matrix.from(data, [2, 3]), Matrix.from(rows)];
    data.fill(0);
    rows[0]![0] = 0;
    assert.deepEqual([a.toArray(), b.toArray()], [values, values]);
  });

  it("is rounded to the nearest float32, and kept where it is denormal", () => {
    const m = Matrix.from([[0.1, 1e-40, 16777217, -0]]);
    assert.deepEqual([...m.data], [0.1, 1e-40, 16777217, -0].map(Math.fround));
    assert.equal(
      Matrix.from([[3.4028235677973364e38]]).at(0, 0),
      3.4028234663852886e38,
      "what rounds to the largest number is in range",
    );
  });

  it("may be empty, and its sizes are kept", () => {
    const shapes = [
      Matrix.from([]),
      Matrix.from([[], []]),
      Matrix.from({ data: [], shape: [0, 7] }),
      Matrix.from([], [7, 0]),
    ];
    assert.deepEqual(shapes.map((m) => [...m.shape]), [[0, 0], [2, 0], [0, 7], [7, 0]]);
    assert.deepEqual(shapes.map((m) => m.toArray().length), [0, 2, 0, 7]);
  });

  it("of a vector may be any list of real numbers", () => {
    for (const type of typed) assert.deepEqual([...la.matvecSync(values, new type([1, 1, 1]))], [6, 15], type.name);
    assert.deepEqual([...la.matvecSync(values, [1, 1, 1])], [6, 15]);
  });
});
