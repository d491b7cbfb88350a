// Engine mlx, on the real MLX: products keep the contract of gemm at every size and layout, views share memory, errors
// come back as errors.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Device, explainSync, matmul, matmulSync, Matrix, open, qrSync } from "../src/index.ts";
import { nameOf, products } from "./cases.ts";
import * as contracts from "./contracts.ts";
import { every, numbers, operandsOf } from "./helpers.ts";
import { fill, randomSample, type Sample, sample } from "./matrices.ts";
import { hold, transpose, wide } from "./metrics.ts";
import { mlxLibrary } from "./mlxlibrary.ts";

const found = mlxLibrary();
const skip = "missing" in found ? found.missing : false;

/** From here on no cutting of K keeps the contract of a product. */
const LONGEST = 17_000;

describe("engine mlx", { skip }, () => {
  let device: Device;
  before(() => {
    device = open({ device: "cpu", ...("path" in found && { mlx: found.path }) });
  });
  after(() => device.close());
  const on = ({ data, shape }: Sample): Matrix => Matrix.from(data, shape, { device });

  it("is told by the device, with MLX's version", () => {
    assert.deepEqual(device.engines, ["tiled", "mlx"]);
    assert.match(device.facts.mlx!.kind, /^mlx 0\.\d+\.\d+ on the CPU$/);
  });

  it("keeps the contract of products at every size, constant data among them", async () => {
    const small = products.filter((c) => c.m * c.n * c.k < 4e6);
    await every(small, nameOf, (c, at) => {
      const { a, b, options, meant } = operandsOf(c, at);
      const call = () => matmulSync(on(a), on(b), { ...options, engine: "mlx" });
      const { value, operations } = explainSync(call);
      const engine = operations.find((o) => o.op === "gemm")?.engine;
      const own = c.m * c.n * c.k === 0 || Math.fround(c.alpha) !== c.alpha || c.k > LONGEST;
      assert.equal(engine, own ? "tiled" : "mlx");
      hold(contracts.product(value, meant, device.facts.chain), "C");
    });
  });

  it("keeps it where K is long, in parts, up to where no parts keep it", () => {
    for (const [k, engine] of [[257, "mlx"], [4096, "mlx"], [16_900, "mlx"], [20_000, "tiled"]] as const) {
      const a = sample("", fill(3, k, () => 0.1)), b = sample("", fill(k, 2, () => 0.1));
      const { value, operations } = explainSync(() => matmulSync(on(a), on(b), { engine: "mlx" }));
      assert.equal(operations.find((o) => o.op === "gemm")!.engine, engine, `K = ${k}`);
      hold(contracts.product(value, { A: wide(a), B: wide(b) }, device.facts.chain), `K = ${k}`);
    }
  });

  it("takes views with any leading dimension and either layout, and writes into one", () => {
    const a = randomSample(20, 30, 1), b = randomSample(10, 30, 2);
    const out = Matrix.from(new Float32Array(40 * 40).fill(NaN), [40, 40], { device });
    const A = Matrix.from(new Float32Array(50 * 50), [50, 50], { device }).sub(3, 23, 5, 35);
    A.writeBlock(0, 0, a);
    const C = out.sub(7, 27, 9, 19);
    C.writeBlock(0, 0, { data: new Float32Array(200), shape: [20, 10] });
    matmulSync(A, on(b), { transB: true, out: C, engine: "mlx" });
    hold(contracts.product(numbers(C), { A: wide(a), B: transpose(wide(b)) }, 256), "C");
    const around = out.toArray().flat().filter((x) => !Number.isNaN(x)).length;
    assert.equal(around, 200, "only the view is written");
  });

  it("leaves factorisations to the own kernels, certified as ever", () => {
    assert.equal(qrSync(on(randomSample(90, 40, 3)), { engine: "mlx", proof: true }).proof?.holds, true);
  });

  it("runs beside other calls", async () => {
    using a = on(randomSample(200, 200, 4)), b = on(randomSample(200, 200, 5));
    const [one, two] = await Promise.all([matmul(a, b, { engine: "mlx" }), matmul(a, b)]);
    hold(contracts.product(one, { A: wide(randomSample(200, 200, 4)), B: wide(randomSample(200, 200, 5)) }, 256), "C");
    assert.equal(two.shape[0], 200);
  });
});
