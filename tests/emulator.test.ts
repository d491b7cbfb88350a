// The Metal emulator: sound kernels are right and silent, and each planted fault is caught by the rung that is named.
// Rung 0 reads the text, 1 checks its types, 2 compares numbers with float64 in four thread orders, 3 is the checker.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildEmulator, BuildError, findCompiler, metalFiles } from "./metal-emulator/build.ts";
import { Emulator, EmulatorError, type Launch } from "./metal-emulator/emulator.ts";
import { resolveText } from "../scripts/kernels.mjs";
import { checkCuda, checkTypes, lintText } from "./metal-emulator/rungs/kernels.ts";
import { plants } from "./metal-emulator/planted/plants.ts";
import { orders, problems, Product, seenByChecker, seenByNumbers } from "./metal-emulator/planted/product.ts";
import { translations } from "./metal-emulator/planted/refused.ts";
import { translate } from "./metal-emulator/generate.ts";

const tile = fileURLToPath(new URL("./metal-emulator/planted/tile.metal", import.meta.url));
const others = fileURLToPath(new URL("./metal-emulator/planted/others.metal", import.meta.url));
const kernels = fileURLToPath(new URL("../metal/kernels", import.meta.url));

/** Why the emulator cannot be built here. */
function missing(): string | undefined {
  try {
    findCompiler();
    return undefined;
  } catch (error) {
    if (!(error instanceof BuildError) || process.env["CI"] === "true") throw error;
    return error.message;
  }
}

/** The tests, where there is a compiler. */
async function main(): Promise<void> {
  const libraries = await buildEmulator([tile, others], "emulator-planted");
  const plain = new Emulator(libraries.plain), checked = new Emulator(libraries.checked);
  soundTile(plain, checked);
  plantedTile(plain, checked);
  otherFaults(plain, checked);
  soundOthers(checked);
  refusedLaunches(plain);
  layouts(plain);
  costs(checked);
  texts();
}

// ---- the tile kernel ----

function soundTile(plain: Emulator, checked: Emulator): void {
  test("emulator: the sound tile kernel is within its bound of float64, with the same bits in every order", () => {
    for (const problem of problems) {
      const results = orders.map((order) => {
        const product = new Product(problem);
        plain.run("tile", product.launch(0, { order }));
        assert.ok(product.worst() <= 1, `${JSON.stringify(problem)}, order ${order}: ${product.worst()} of the bound`);
        return product.c;
      });
      for (const c of results) assert.deepEqual(new Uint32Array(c.buffer), new Uint32Array(results[0]!.buffer));
    }
  });

  test("emulator: the checker is silent on the sound tile kernel, in every thread order", () => {
    for (const problem of problems) {
      for (const order of orders) checked.run("tile", new Product(problem).launch(0, { order, check: true }));
    }
  });
}

function plantedTile(plain: Emulator, checked: Emulator): void {
  for (const { number, fault, rung, says, checker } of plants) {
    test(`emulator: ${fault}: caught by rung ${rung}`, () => {
      const numbers = seenByNumbers(plain, number), found = seenByChecker(checked, number);
      if (rung === 2) assert.match(numbers ?? "nothing seen", says);
      else {
        assert.equal(numbers, undefined, "a lower rung sees it");
        assert.match(found ?? "nothing seen", says);
      }
      if (checker) assert.match(found ?? "nothing seen", checker);
    });
  }

  test("emulator: missing threads at a barrier stop the launch in every order", () => {
    for (const plant of [8, 9]) {
      for (const order of orders) {
        const launch = new Product(problems[1]!).launch(plant, { order });
        assert.throws(() => plain.run("tile", launch), { name: "EmulatorError", message: /barrier/ });
      }
    }
  });

  test("emulator: the checker names file and line", () => {
    const line = readFileSync(tile, "utf8").split("\n").findIndex((l) => l.includes("C[0] +=")) +
      1;
    assert.match(seenByChecker(checked, 10)!, new RegExp(`^tile: tile\\.metal:${line}: race`));
  });

  test("emulator: offsets of 32 bits in a buffer of 2^33 elements: caught by rung 2", () => {
    const columns = 4, lda = 2 ** 31, at = 2 * lda * 4, length = at + columns * 4;
    const B = Float32Array.from({ length: columns * columns }, (_, i) => i + 1), expected = new Float32Array(columns);
    const window = Float32Array.of(1, 2, 3, 4);
    for (let j = 0; j < columns; j++) {
      for (let l = 0; l < columns; l++) expected[j]! += window[l]! * B[l * columns + j]!;
    }
    for (const plant of [0, 15]) {
      const args = Uint32Array.of(3, columns, columns, lda, columns, columns, 0, 0), C = new Float32Array(3 * columns);
      new Float32Array(args.buffer).set([1, 0], 6);
      const buffers = { 0: args, 1: { window, length, at }, 2: B, 3: C };
      plain.run("tile", { groups: [1], threads: [128], buffers, constants: { 0: plant } });
      const right = C.subarray(2 * columns).every((value, j) => value === expected[j]);
      assert.equal(right, plant === 0, `plant ${plant}: ${C.subarray(2 * columns)}`);
    }
  });
}

// ---- kernels with a fault each ----

function otherFaults(plain: Emulator, checked: Emulator): void {
  const x = (): Float32Array => Float32Array.from({ length: 128 }, (_, i) => i);
  const stops = (fault: string, kernel: string, threads: number, says: RegExp): void => {
    test(`emulator: ${fault}: caught by rung 2`, () => {
      for (const order of orders) {
        const launch = { groups: [1], threads: [threads], buffers: { 0: x() }, order };
        assert.throws(() => plain.run(kernel, launch), { name: "EmulatorError", message: says });
      }
    });
  };
  stops("SIMD-group operation in divergent control flow", "half_a_simdgroup", 64, /SIMD-group operation of line \d+/);
  stops("8x8 matrix in a partial SIMD-group", "whole_matrix", 48, /SIMD-group of 16 lanes/);
  stops("shuffle from a lane that is not there", "last_lane", 48, /lane 31 of a SIMD-group of 16 lanes/);
  stops("lanes in different SIMD-group operations", "mixed_operations", 32, /different SIMD-group operations/);
  stops("40 KiB of threadgroup memory", "much_memory", 64, /40960 bytes with 'much', the limit is 32768/);

  test("emulator: copy of a structure beyond a buffer: caught by rung 3", () => {
    const launch = { groups: [1], threads: [32], buffers: { 0: new Float32Array(159), 1: new Float32Array(160) } };
    plain.run("structure_beyond", launch);
    assert.throws(() => checked.run("structure_beyond", { ...launch, check: true }), {
      message: /others\.metal:\d+: out of bounds: read of 20 bytes, by 4 bytes past the end of buffer\(0\) 'from'/,
    });
  });

  test("emulator: word that all threadgroups read and one writes: caught by rung 3", () => {
    const launch = { groups: [4], threads: [32], buffers: { 0: new Float32Array(5) }, check: true };
    assert.throws(() => checked.run("last_group_writes", launch), { message: /race \(write after unordered read\)/ });
  });

  test("emulator: vector across the end of a threadgroup array: caught by rung 3", () => {
    assert.throws(
      () => checked.run("vector_beyond", { groups: [1], threads: [32], buffers: { 0: x() }, check: true }),
      { message: /out of bounds: read of 16 bytes, at offset 16 of threadgroup 'shared' of 24 bytes/ },
    );
  });

  test("emulator: atomic addition beyond a buffer: caught by rung 3", () => {
    const buffers = { 0: Float32Array.of(1), 1: new Uint8Array(3), 2: Float32Array.of(0) };
    assert.throws(() => checked.run("count_above", { groups: [1], threads: [1], buffers, check: true }), {
      message: /out of bounds: write of 4 bytes, by 1 bytes past the end of buffer\(1\) 'count' of 3 bytes/,
    });
  });

  test("emulator: device memory exchanged over a threadgroup barrier: caught by rung 3", () => {
    const launch = { groups: [1], threads: [128], buffers: { 0: x() }, check: true };
    assert.throws(() => checked.run("wrong_memory", launch), { message: /race \(read after unordered write\).*'x'/ });
  });
}

function soundOthers(checked: Emulator): void {
  test("emulator: threads run in the order that is asked for, and the shuffled orders differ", () => {
    const numbers = orders.map((order) => {
      const number = new Uint32Array(96);
      checked.run("arrival", { groups: [3], threads: [32], buffers: { 0: new Uint32Array(1), 1: number }, order });
      return [...number];
    });
    assert.deepEqual(numbers[0], Array.from({ length: 96 }, (_, i) => i));
    assert.deepEqual(numbers[1], numbers[0]!.toReversed());
    for (const i of [2, 3]) assert.deepEqual(numbers[i]!.toSorted((a, b) => a - b), numbers[0]);
    assert.equal(new Set(numbers.map(String)).size, 4);
  });

  test("emulator: the checker is silent on sound exchanges, atomics and optional buffers", () => {
    const x = Float32Array.from({ length: 128 }, (_, i) => i);
    for (const order of orders) {
      const more = { groups: [1], threads: [128], order, check: true };
      checked.run("right_memory", { ...more, buffers: { 0: x.slice() } });
      const swapped = x.slice();
      checked.run("simdgroup_exchange", { ...more, buffers: { 0: swapped } });
      assert.deepEqual(swapped, x.map((_, i) => i ^ 1));
      const count = new Uint32Array(1);
      checked.run("count_above", {
        ...more,
        groups: [4],
        threads: [32],
        buffers: { 0: x, 1: count, 2: Float32Array.of(99.5) },
      });
      assert.equal(count[0], 28);
      const without = x.slice(), added = x.slice();
      checked.run("optional_bias", { ...more, buffers: { 0: without }, constants: { 3: false } });
      checked.run("optional_bias", { ...more, buffers: { 0: added, 1: x }, constants: { 3: true } });
      assert.deepEqual(without, x);
      assert.deepEqual(added, x.map((v) => 2 * v));
    }
  });

  test("emulator: instances of a template have the types of their arguments", () => {
    const wide = Float32Array.of(1, 2.5), narrow = new Uint16Array([0x3c00, 0x4100]);
    checked.run("scale_f32", { groups: [1], threads: [2], buffers: { 0: wide, 1: Float32Array.of(3) }, check: true });
    checked.run("scale_f16", { groups: [1], threads: [2], buffers: { 0: narrow, 1: Float32Array.of(3) }, check: true });
    assert.deepEqual([...wide], [3, 7.5]);
    assert.deepEqual([...narrow], [0x4200, 0x4780]);
  });
}

function refusedLaunches(plain: Emulator): void {
  const x = new Float32Array(64),
    sound: Launch = { groups: [1], threads: [32], buffers: { 0: x, 1: Float32Array.of(1) } };
  const refused: readonly (readonly [fault: string, kernel: string, launch: Launch, says: RegExp])[] = [
    ["an unknown kernel", "scale_f64", sound, /no kernel of that name/],
    ["1056 threads", "last_lane", { ...sound, threads: [33, 32] }, /1056 threads per threadgroup.*at most 1024/],
    ["more threads than the kernel allows", "scale_f32", { ...sound, threads: [96] }, /96 threads.*at most 64/],
    ["no threads", "scale_f32", { ...sound, threads: [0] }, /0 threads per threadgroup/],
    ["an unbound buffer", "scale_f32", { ...sound, buffers: { 0: x } }, /buffer\(1\) 'by' is not bound/],
    [
      "a short argument",
      "scale_f32",
      { ...sound, buffers: { 0: x, 1: new Uint8Array(3) } },
      /3 bytes are bound, 4 needed/,
    ],
    ["an odd threadgroup length", "scale_f32", { ...sound, threadgroup: { 0: 24 } }, /24 is not a multiple of 16/],
    ["too much threadgroup memory", "scale_f32", { ...sound, threadgroup: { 0: 32768, 1: 16 } }, /32784 bytes/],
    ["a function constant not set", "optional_bias", sound, /function constant 3 is read but not set/],
    ["checks in the plain library", "scale_f32", { ...sound, check: true }, /need the checked library/],
    [
      "groups beyond the grid",
      "scale_f32",
      { ...sound, some: { first: 1, count: 1 } },
      /1 threadgroups, of which 1 from 1/,
    ],
    ["an unknown order", "scale_f32", { ...sound, order: 4 }, /thread order 4/],
  ];
  for (const [fault, kernel, launch, says] of refused) {
    test(`emulator: ${fault} is refused`, () => {
      assert.throws(() => plain.run(kernel, launch), { name: "EmulatorError", message: says });
    });
  }
  test("emulator: a launch after a refused one runs", () => {
    assert.throws(() => plain.run("half_a_simdgroup", { ...sound, threads: [64] }), EmulatorError);
    plain.run("scale_f32", { ...sound, buffers: { 0: x.fill(2), 1: Float32Array.of(4) } });
    assert.deepEqual([x[0], x[31], x[32]], [8, 8, 2]);
  });
}

// ---- layout and costs ----

function layouts(plain: Emulator): void {
  const right = plain.layout;
  const changed = (f: (row: number, column: number) => number[]): Uint8Array =>
    new Uint8Array(Array.from({ length: 64 }, (_, e) => f(right[2 * e]!, right[2 * e + 1]!)).flat());
  const wrong: Readonly<Record<string, Uint8Array>> = {
    "rows and columns exchanged": changed((row, column) => [column, row]),
    "rows in reverse": changed((row, column) => [7 - row, column]),
    "columns in reverse": changed((row, column) => [row, 7 - column]),
    "elements of a lane exchanged": changed((row, column) => [row, column ^ 1]),
    "halves of the rows exchanged": changed((row, column) => [row ^ 4, column]),
    "lane by lane in rows": new Uint8Array(Array.from({ length: 64 }, (_, e) => [e >> 3, e & 7]).flat()),
  };
  for (const [name, layout] of Object.entries(wrong)) {
    test(`emulator: a wrong lane layout (${name}) makes the sound kernel wrong: caught by rung 2`, () => {
      plain.layout = layout;
      try {
        assert.equal(seenByNumbers(plain, 0), "wrong numbers");
      } finally {
        plain.layout = right;
      }
      assert.equal(seenByNumbers(plain, 0), undefined);
    });
  }
}

function costs(checked: Emulator): void {
  test("emulator: costs of a product are those counted by hand", () => {
    const product = new Product({ m: 32, n: 48, k: 32, alpha: 1, beta: 2 }), groups = 6, steps = 2, size = 4;
    checked.resetCosts();
    checked.run("tile", product.launch(0, { count: true }));
    const loaded = groups * steps * 512 * size;
    assert.deepEqual(checked.cost("tile"), {
      launches: 1,
      groups,
      threads: groups * 128,
      barriers: groups * steps * 2,
      mostBarriers: steps * 2,
      matrixSteps: groups * steps * 4 * 2,
      simdOperations: groups * steps * 4 * 2,
      deviceRead: loaded + 32 * 48 * size,
      deviceWritten: 32 * 48 * size,
      threadgroupRead: groups * steps * 4 * 2 * 2 * 64 * size,
      threadgroupWritten: loaded,
      fma: 32 * 48,
      mul: 32 * 48,
      add: 0,
      other: 0,
    });
  });

  test("emulator: a part of the threadgroups costs its part, and costs add up", () => {
    const product = new Product({ m: 32, n: 48, k: 32, alpha: 1, beta: 2 });
    checked.resetCosts();
    for (const first of [0, 2]) checked.run("tile", product.launch(0, { count: true, some: { first, count: 2 } }));
    const { launches, groups, deviceWritten } = checked.cost("tile");
    assert.deepEqual([launches, groups, deviceWritten], [2, 4, 4 * 256 * 4]);
  });
}

// ---- rungs 0 and 1 ----

function texts(): void {
  const compiler = findCompiler().command, options = { compiler };
  for (const { fault, text, rung, says } of translations) {
    test(`emulator: ${fault}${says === undefined ? "" : `: caught by rung ${rung}`}`, () => {
      const path = join(dirname(tile), "refused.metal");
      if (says === undefined) {
        assert.deepEqual(lintText(path, text), []);
        assert.equal(checkTypes(path, options, text), "");
      } else if (rung === 1) assert.match(checkTypes(path, options, text), says);
      else {
        const lint = lintText(path, text).join("\n");
        if (says.test(lint)) return;
        assert.throws(() => translate(path, text, options), { name: "Refusal", message: says }, `lint said: ${lint}`);
      }
    });
  }

  test("emulator: the CUDA form of the planted kernels compiles", () => {
    for (const path of [tile, others]) assert.equal(checkCuda(path, options), "");
  });

  test("emulator: the kernels of metal/ pass rung 0", () => {
    const found = readdirSync(kernels).flatMap((name) => {
      const path = join(kernels, name);
      return lintText(path, readFileSync(path, "utf8"), resolveText(path));
    });
    assert.deepEqual(found, []);
  });

  for (const path of metalFiles(kernels)) {
    test(`emulator: ${path.slice(kernels.length + 1)} passes rung 1`, () => {
      assert.equal(checkTypes(path, options), "");
    });
    if (process.env["TSR_WHOLE"] !== "1") continue;
    test(`emulator: the CUDA form of ${path.slice(kernels.length + 1)} compiles`, () => {
      assert.equal(checkCuda(path, options), "");
    });
  }
}

const why = missing();
if (why !== undefined) test(`emulator: skipped: ${why}`, { skip: true }, () => {});
else await main();
