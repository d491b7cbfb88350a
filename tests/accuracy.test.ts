// The accuracy table: its arithmetic, its formulas beside the contracts of the tests, and that wrong results break
// them.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agree, Local, type Named, trial } from "../bench/accuracy/algebra.ts";
import { type Operation, operations, ordinary, plain } from "../bench/accuracy/operations.ts";
import { lay, ratio, short, Worst } from "../bench/accuracy/table.ts";
import { Matrix } from "../src/index.ts";
import { every } from "./helpers.ts";
import type { Figure } from "./metrics.ts";

const SIZE = 40;
/** The exponential in float64 is NumPy's part. */
const measured = operations.filter(({ name }) => name !== "expm");
const name = (op: Operation): string => op.name;

function solved(op: Operation): { given: Named; found: Named } {
  const a = ordinary(op, SIZE), given: Named = { a, ...op.beside?.(a) };
  const operands = Object.fromEntries(
    Object.entries(given).map(([key, { shape, data }]) => {
      return [key, Matrix.from(data as Float32Array, [shape[0]!, shape[1]!])];
    }),
  );
  return { given, found: plain(op.run(operands, given)) };
}

/** The same result with one number, the first that is not small, multiplied. */
function spoiled(found: Named, key: string, factor: number): Named {
  const { shape, data } = found[key]!, wrong = Float32Array.from(data);
  const at = wrong.findIndex((v) => Math.abs(v) > 0.01);
  wrong[at] = wrong[at]! * factor;
  return { ...found, [key]: { shape, data: wrong } };
}

const worst = (figures: readonly Figure[]): number => new Worst().take(figures, "");

describe("the accuracy table", () => {
  it("counts a figure in units of its bound, and what is no number or should be 0 as beyond it", () => {
    const of = (value: number, bound: number): number => ratio({ contract: "", value, bound });
    assert.deepEqual([of(3, 12), of(24, 12), of(0, 0), of(1, 0), of(NaN, 12), of(NaN, 0), of(Infinity, 12)], [
      ...[0.25, 2, 0, Infinity, Infinity, Infinity, Infinity],
    ]);
  });

  it("keeps the worst of all, by name and place", () => {
    const all = new Worst(), figure = (contract: string, value: number): Figure => ({ contract, value, bound: 10 });
    assert.equal(all.take([figure("one", 1), figure("two", 5)], "here"), 0.5);
    assert.equal(all.take([figure("one", 4)], "there"), 0.4);
    all.miss();
    assert.deepEqual([all.ratio, all.bound, all.figure, all.where, all.count, all.missing], [
      0.5,
      10,
      "two",
      "here",
      3,
      1,
    ]);
    assert.equal(all.take([figure("one", NaN)], "nowhere"), Infinity);
    assert.deepEqual([all.figure, all.where], ["one", "nowhere"]);
  });

  it("lays columns under headings and shortens numbers", () => {
    assert.equal(lay(["a", "bb"], [["ccc", "1"], ["d", "22"]], new Set([1])), "a    bb\n---  --\nccc   1\nd    22");
    assert.deepEqual([0, 0.1234, 1.234, 12.34, 123.4, 999.6, 12345, 1e-5, NaN].map(short), [
      ...["0", "0.123", "1.23", "12.3", "123", "1.0e+3", "1.2e+4", "1.0e-5", "no number"],
    ]);
  });
});

describe("its formulas", () => {
  it("give the figures of the tests' contracts", async () => {
    await every(measured, name, async (op) => {
      const { given, found } = solved(op), algebra = new Local({ ...given, ...found });
      const judged = op.judge(given, found, ""), formulas = await op.formula({ given, found, algebra });
      for (const { contract, value, bound } of formulas) {
        const same = judged.find((figure) => figure.contract === contract);
        assert.ok(same, `${contract} is no figure of the contract`);
        assert.equal(bound, same.bound, `the bound of ${contract}`);
        assert.ok(Math.abs(value - same.value) <= 1e-6 * same.value + 1e-6, `${contract}: ${value}, ${same.value}`);
      }
      const missing = judged.filter(({ contract, bound }) =>
        bound > 0 && !/told/.test(contract) && !formulas.some((figure) => figure.contract === contract)
      );
      assert.deepEqual(missing, []);
    });
  });

  it("are within their bounds for right results and break for a number off by a thousandth", async () => {
    await every(measured, name, async (op) => {
      const { given, found } = solved(op);
      const ask = async (other: Named): Promise<[number, number, number]> => {
        const question = { given, found: other, algebra: new Local({ ...given, ...other }) };
        return [
          worst(op.judge(given, other, "")),
          worst(await op.formula(question)),
          op.lapack ? worst(await op.lapack(question)) : NaN,
        ];
      };
      const right = await ask(found);
      assert.ok(right[0] <= 1 && right[1] <= 1 && !(right[2] > 1), `right: ${right}`);
      const keys = Object.keys(found).filter((key) => !/^(p|residuals|converged)$/.test(key));
      for (const key of keys) {
        const wrong = await ask(spoiled(found, key, 1.001)), far = await ask(spoiled(found, key, 2));
        assert.ok(wrong[0] > 1 && wrong[1] > 1, `${key} off: ${wrong}, right: ${right}`);
        // Of some leading values LAPACK has no ratio but that of the vectors.
        const unseen = op.name === "svd, k values" && key === "s";
        assert.ok(unseen || !(far[2] <= 1), `${key} doubled: LAPACK's ratio is ${far[2]}`);
      }
    });
  });
});

describe("its two algebras", () => {
  it("are held to each other in every function, and a small difference is seen", async () => {
    await agree(new Local(trial), new Local(trial));
    const { shape, data } = trial["a"]!, other = Float32Array.from(data);
    other[5] = other[5]! * (1 + 1e-6);
    await assert.rejects(agree(new Local(trial), new Local({ ...trial, a: { shape, data: other } })), /"a".*agree/);
    const turned = new Local(trial), truth = turned.two.bind(turned);
    turned.two = async (e) => 1.001 * await truth(e);
    await assert.rejects(agree(new Local(trial), turned), /two.*agree/);
  });
});
