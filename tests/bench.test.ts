// The bench's own arithmetic: residuals that tell right results from spoiled ones, and changes from noise.
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { compare, type Marks } from "../bench/baseline.ts";
import { type Case, make } from "../bench/cases.ts";
import { Contender } from "../bench/contenders.ts";
import { adapter } from "../bench/contenders/tesserae.ts";
import { type Operand, type Operands, store } from "../bench/files.ts";
import type { Program } from "../bench/program.ts";
import { holds, judge } from "../bench/residuals.ts";
import { median, powerLaw, ratio, spread } from "../bench/statistics.ts";
import { Foresight, race } from "../bench/turns.ts";
import { info } from "../src/index.ts";

const chain = info()["chain"] as number;

const cases: readonly Case[] = [
  make("sum of products", "gemm", 50, 40, 30),
  make("turned", "gemm", 50, 40, 30, { transA: true, transB: true }),
  make("apart", "gemm", 50, 8, 30, { lda: 37 }),
  make("call", "call", 4, 4, 4),
  make("awaited call", "call", 4, 4, 4, { awaited: true }),
  make("awaited product", "gemm", 50, 40, 30, { awaited: true }),
  make("awaited solve", "solve", 50, 50, 5, { awaited: true }),
  ...(["atav", "syrk", "trsm", "qr", "cholesky", "svdk", "svd", "eigh", "solve", "lstsq", "pca"] as const).map((op) => {
    const square = ["cholesky", "eigh", "solve", "trsm"].includes(op);
    return make(op, op, square ? 50 : 60, square ? 50 : 40, 5);
  }),
];

/** The numbers with one that counts off by a hundredth of the largest. */
function spoiled({ shape, data }: Operand): Operand {
  const largest = data.reduce((at, x, i) => (Math.abs(x) > Math.abs(data[at]!) ? i : at), 0), changed = data.slice();
  changed[largest]! *= 1.01;
  return { shape, data: changed };
}

describe("a residual", () => {
  const makers = adapter();
  for (const c of cases) {
    it(`of ${c.name} is within its contract, and beyond it where one number is wrong`, async () => {
      const given = c.inputs(), job = await (await makers).ops[c.op]![""]!(given, c);
      await job!.run();
      const found: Operands = await job!.outputs(), figures = judge(c, given, found, chain);
      assert.ok(holds(figures), JSON.stringify(figures));
      for (const name of Object.keys(found).filter((name) => !["residuals", "residualNorm"].includes(name))) {
        const wrong = judge(c, given, { ...found, [name]: spoiled(found[name]!) }, chain);
        assert.ok(!holds(wrong), `${name}: ${JSON.stringify(wrong)}`);
      }
    });
  }
});

describe("a comparison with the baseline", () => {
  const mark = (ms: number, peerMs: number, spread = 0.01) => ({ ms, peerMs, spread });
  const names = Array.from({ length: 20 }, (_, i) => `case ${i}`);
  const then: Marks = Object.fromEntries(names.map((name) => [name, mark(10, 20)]));
  /** All of it on a machine 1.3 times slower, the peer by up to 5 % more or less. */
  const now = (changed: Readonly<Record<string, number>>): Marks =>
    Object.fromEntries(names.map((name, i) => [name, mark(13 * (changed[name] ?? 1), 26 * (1 + 0.05 * Math.sin(i)))]));

  it("finds no change where the machine alone was slower", () => {
    const { drift, noise, compared, slower, faster } = compare(now({}), then);
    assert.ok(Math.abs(Math.exp(drift) - 1.3) < 0.03, `${drift}`);
    assert.ok(noise > 0.03 && noise < 0.06, `${noise}`);
    assert.deepEqual([compared, slower, faster], [20, [], []]);
  });

  it("finds what became slower or faster by more than the peer's times moved", () => {
    const { slower, faster } = compare(now({ "case 3": 1.2, "case 4": 1.02, "case 5": 0.8 }), then);
    assert.deepEqual([slower, faster].map((list) => list.map((line) => line.split(":")[0])), [["case 3"], ["case 5"]]);
  });

  it("allows for the spread of the turns, and reports a grown peak", () => {
    const before = { a: { ms: 10, spread: 0.1 }, b: { ms: 10, spread: 0, peakMB: 100 } };
    const { slower } = compare({ a: { ms: 12, spread: 0 }, b: { ms: 10, spread: 0, peakMB: 120 } }, before);
    assert.equal(slower.length, 1);
    assert.match(slower[0]!, /^b: the peak grew/);
  });
});

test("a ratio is that of turns next to each other, whatever the spells of the machine", () => {
  assert.equal(ratio([12, 36, 12, 36.6, 12.1], [10, 30, 10, 30, 11]), 1.2); // of the medians: 1.1
  assert.equal(ratio([20], [10, 40, 40]), 2);
});

test("median, spread and the power law of exact numbers", () => {
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3]), spread([9, 10, 12])], [2, 2.5, 0.1]);
  const { p, c } = powerLaw([100, 200, 400].map((x) => ({ x, y: 5 * x ** 2.5 })));
  assert.ok(Math.abs(p - 2.5) < 1e-12 && Math.abs(c - 5) < 1e-9, `${p} ${c}`);
});

/** A contender whose product is this library's and whose calls take 50 ms; `fails` ends one of its runs. */
async function pretender(name: string, c: Case, given: Operands, fails: number): Promise<Contender> {
  const job = await (await adapter()).ops[c.op]![""]!(given, c), folder = mkdtempSync(join(tmpdir(), "tesserae-"));
  let runs = 0;
  const answers = {
    prepare: () => ({ variants: [""] }),
    run: async () => {
      if (runs++ === fails) throw new Error("it has had enough");
      await job!.run();
      return { ms: 50 };
    },
    save: async () => ({ files: store(await job!.outputs(), folder) }),
  };
  const ask = ({ do: what }: { do: keyof typeof answers }) => answers[what](), first = { version: "1", ops: [c.op] };
  const contender = new Contender(name, () => Promise.resolve({ pid: 0, first, ask } as unknown as Program));
  await contender.start();
  return contender;
}

test("a peer that fails in a later turn is told as missing, and the others go on", async () => {
  const c = cases[0]!, given = c.inputs(), settings = { chain, quick: true };
  const all = [await pretender("tesserae", c, given, -1), await pretender("mkl", c, given, 4)];
  const { timed, missed } = await race(c, all, settings, new Foresight());
  assert.deepEqual(timed.map(({ contender, times }) => [contender, times]), [["tesserae", [50, 50]]]);
  assert.deepEqual(missed, [{ contender: "mkl", variant: "", why: "it has had enough" }]);
});
