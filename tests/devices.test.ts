// Every instruction set of this machine keeps the contracts, each by its own kernels.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, it, test } from "node:test";
import {
  choleskySync,
  type Device,
  DeviceError,
  matmulSync,
  Matrix,
  open,
  qrSync,
  solveSync,
  svdSync,
} from "../src/index.ts";
import { nameOf, products } from "./cases.ts";
import * as contracts from "./contracts.ts";
import { every, operandsOf } from "./helpers.ts";
import { positive, randomSample, type Sample, square, tall } from "./matrices.ts";
import { hold, singularValues64, wide } from "./metrics.ts";

const names = ["cpu", "cpu:portable", "cpu:avx2", "cpu:avx512", "cpu:neon"] as const;

/** The device, or undefined where this machine lacks the instructions. */
function openIfAble(device: string): Device | undefined {
  try {
    return open({ device, threads: 2 });
  } catch (error) {
    assert.ok(error instanceof DeviceError, String(error));
    assert.match(error.message, new RegExp(device.replace("cpu:", "")));
    return undefined;
  }
}

const missing: string[] = [], devices: [string, Device][] = [];
for (const name of names) {
  const device = openIfAble(name);
  if (device) devices.push([name, device]);
  else missing.push(name);
}
if (missing.length > 0) console.log(`not on this machine, and not tested: ${missing.join(", ")}`);

/** What the system says about this machine's processor. */
function told(): string[] {
  if (process.arch === "arm64") return ["cpu:neon"];
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" "));
  const all = (...needed: string[]) => needed.every((flag) => flags.has(flag));
  const wide = all("avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl");
  return [...(all("avx2", "fma") ? ["cpu:avx2"] : []), ...(wide ? ["cpu:avx512"] : [])];
}

if (process.arch === "arm64" || existsSync("/proc/cpuinfo")) {
  test("the instruction sets are those that the system tells of", () => {
    assert.deepEqual(devices.map(([name]) => name), ["cpu", "cpu:portable", ...told()]);
    const [, best] = devices[0]!, [last] = devices.at(-1)!;
    assert.equal(`cpu:${best.facts.isa}`, last);
  });
}

function on(device: Device, { data, shape }: Sample): Matrix {
  return Matrix.from(data, shape, { device });
}

for (const [name, here] of devices) {
  describe(`device ${name}`, () => {
    it("is the one that was asked for", () => {
      assert.equal(here.name, name);
      if (name !== "cpu") assert.equal(here.facts.isa, name.replace("cpu:", ""));
    });

    it("keeps the contract of products", async () => {
      const small = products.filter((c, at) => c.beta === 0 && c.m * c.n * c.k < 2e6 && at % 3 === 0);
      await every(small, nameOf, (c, at) => {
        const { a, b, options, meant } = operandsOf(c, at);
        const C = matmulSync(on(here, a), on(here, b), options);
        hold(contracts.product(C, meant, 256), "C");
      });
    });

    it("keeps the contract of qr", async () => {
      await every([...tall(300, 70), ...square(66)], ({ name }) => name, (recipe, at) => {
        const a = recipe.make(), { q, r } = qrSync(on(here, a), { method: at % 4 === 0 ? "cgs2" : "blocked" });
        hold(contracts.qr(a, q, r), "QR");
      });
    });

    it("keeps the contract of svd", async () => {
      await every([...tall(200, 64), ...square(64)], ({ name }) => name, (recipe) => {
        const a = recipe.make(), result = svdSync(on(here, a), { k: 4, maxPasses: 60 });
        hold(contracts.svd(a, result, singularValues64(wide(a)), 1e-5), "triplets");
      });
    });

    it("keeps the contracts of cholesky and solve", async () => {
      await every(positive(97), ({ name }) => name, (recipe) => {
        const a = recipe.make(), b = randomSample(97, 3, 5);
        hold(contracts.cholesky(a, choleskySync(on(here, a)).l), "L");
        hold(contracts.solve(wide(a), solveSync(on(here, a), on(here, b), { assume: "positive" }).x, b), "x");
      });
    });
  });
}
