// Engines of vendors: libraries with planted faults are refused in words, a sound one computes to the same contracts,
// and a call of one neither blocks the event loop nor outlives an abort.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { compileLibrary, findCompiler } from "../scripts/build.mjs";
import {
  type Device,
  explain,
  explainSync,
  luSync,
  matmul,
  matmulSync,
  Matrix,
  open,
  qrSync,
  solveSync,
} from "../src/index.ts";
import { nameOf, products } from "./cases.ts";
import * as contracts from "./contracts.ts";
import { every, operandsOf } from "./helpers.ts";
import type { Sample } from "./matrices.ts";
import { hold } from "./metrics.ts";

const folder = fileURLToPath(new URL("../build/vendors/", import.meta.url));
const source = fileURLToPath(new URL("./fixtures/vendor.c", import.meta.url));
const faults = { sound: 0, nan: 1, aborting: 2, hanging: 3, narrow: 4, empty: 5, slow: 6, wrong: 7 } as const;
type Fault = keyof typeof faults;
const libraryOf = (fault: Fault): string => `${folder}${fault}.so`;

before(async () => {
  mkdirSync(folder, { recursive: true });
  const compiler = findCompiler();
  for (const [name, number] of Object.entries(faults)) {
    await compileLibrary(compiler, [`-DFAULT=${number}`, source], libraryOf(name as Fault));
  }
});

describe("a vendor's library", () => {
  const refusals: readonly (readonly [Fault, RegExp])[] = [
    ["nan", /matrix product is wrong/],
    ["wrong", /matrix product is wrong/],
    ["aborting", /ended the trial \(SIGABRT\)/],
    ["hanging", /did not answer in 10 s/],
    ["narrow", /LU factors is wrong/],
    ["empty", /has no cblas_sgemm/],
  ];
  for (const [fault, message] of refusals) {
    it(`that is ${fault} is refused in words, and the device works on`, () => {
      assert.throws(() => open({ device: "cpu", blas: libraryOf(fault) }), { code: "TSR_DEVICE", message });
      using device = open({ device: "cpu" });
      assert.deepEqual(matmulSync([[2]], [[3]], { device }).toArray(), [[6]]);
    });
  }

  it("that is not there is refused with what to do", () => {
    assert.throws(() => open({ device: "cpu", blas: "/no/such/library.so" }), {
      code: "TSR_DEVICE",
      message: /no\/such\/library\.so.*TSR_BLAS/,
    });
  });
});

describe("engine blas", () => {
  let device: Device;
  before(() => {
    device = open({ device: "cpu", blas: libraryOf("sound") });
  });
  after(() => device.close());

  it("is told by the device and by explain", () => {
    assert.deepEqual(device.engines, ["tiled", "blas"]);
    using a = Matrix.random(20, 30, { device });
    const engineOf = (engine: "auto" | "tiled" | "blas"): string =>
      explainSync(() => matmulSync(a, a.T, { engine })).operations.map((o) => o.engine).join();
    assert.equal(engineOf("blas"), "blas");
    assert.equal(engineOf("tiled"), "tiled");
    assert.equal(engineOf("auto"), "tiled");
  });

  it("keeps the contract of products at every size", async () => {
    const small = products.filter((c) => c.beta === 0 && c.m * c.n * c.k < 1e6);
    await every(small, nameOf, (c, at) => {
      const { a, b, options, meant } = operandsOf(c, at);
      const on = ({ data, shape }: Sample): Matrix => Matrix.from(data, shape, { device });
      const call = () => matmulSync(on(a), on(b), { ...options, engine: "blas" });
      const { value, operations } = explainSync(call);
      const engine = operations.find((o) => o.op === "gemm")?.engine;
      const deep = c.k > (Math.min(c.m, c.n) === 1 ? 256 : 17_000);
      assert.equal(engine, c.m * c.n * c.k === 0 || Math.fround(c.alpha) !== c.alpha || deep ? "tiled" : "blas");
      hold(contracts.product(value, meant, device.facts.chain), "C");
    });
  });

  it("leaves to the own kernels what it cannot do, and the whole is right", () => {
    using a = Matrix.random(80, 80, { device }), b = Matrix.random(80, 3, { device, seed: 1 });
    const { value, operations } = explainSync(() => solveSync(a, b, { engine: "blas", proof: true }));
    assert.equal(value.proof?.holds, true);
    const engines = new Map(operations.map((o) => [o.op, o.engine]));
    assert.deepEqual([engines.get("getrf"), engines.get("trsm")], ["blas", "tiled"]);
    assert.equal(luSync(a, { engine: "blas", proof: true }).proof?.holds, true);
  });

  it("is what method lapack needs, with a LAPACK", () => {
    using a = Matrix.random(9, 4, { device });
    const refusal = { code: "TSR_DEVICE", message: /needs a LAPACK, which .*sound\.so has not/ };
    assert.throws(() => qrSync(a, { method: "lapack" }), refusal);
    const other = { method: "lapack", engine: "tiled" } as const;
    assert.throws(() => qrSync(a, other), { code: "TSR_ARGUMENT", message: /"lapack" runs on engine blas.*tiled/ });
  });

  it("does not block the event loop, and an abort ends the wait at once", async () => {
    using slow = open({ device: "cpu", blas: libraryOf("slow") });
    using a = Matrix.random(1001, 2, { device: slow }), b = Matrix.random(2, 2, { device: slow });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    const { operations } = await explain(() => matmul(a, b, { engine: "blas" }));
    assert.ok(operations[0]!.deviceMs > 2900 && ticks > 50, `${ticks} ticks`);
    const controller = new AbortController();
    const call = matmul(a, b, { engine: "blas", signal: controller.signal });
    let settled = false;
    const rejected = assert.rejects(call, { name: "AbortError" }).finally(() => settled = true);
    ticks = 0;
    setTimeout(() => controller.abort(), 50);
    await rejected;
    clearInterval(timer);
    assert.ok(settled && ticks < 150, `${ticks} ticks of 10 ms passed; the product takes 3 s`);
  });
});
