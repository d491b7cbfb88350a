// Dispatch: the table is total, every row can be reached, overrides win, and what cannot be is said.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { addSync, explain, explainSync, matmul, matmulSync, Matrix, open, qr, qrSync } from "../src/index.ts";
import { choose, type Key, keys, parseRows, type Row, table } from "../src/tune.ts";
import { testDevice } from "./device.ts";

const sizes = [0, 1, 31, 64, 512, 513, 4096, 100_000];
const allKeys = Object.keys(keys) as Key[];
const kinds = ["cpu", "metal"], libraries = [["tiled"], ["tiled", "blas", "mlx"]];

describe("the dispatch table", () => {
  test("has a row for every key at every size", () => {
    const places = kinds.flatMap((kind) => libraries.map((there) => [kind, there] as const));
    const all = allKeys.flatMap((key) => places.map((place) => [key, ...place] as const));
    for (const [key, kind, there] of all) {
      for (const m of sizes) for (const n of sizes) assert.equal(choose(key, kind, m, n, m, table, there).key, key);
    }
  });

  test("has no row that an earlier one hides", () => {
    const reached = new Set<Row>();
    for (const key of allKeys) {
      for (const kind of kinds) {
        for (const m of sizes) for (const n of sizes) reached.add(choose(key, kind, m, n, m, table, libraries[1]));
      }
    }
    assert.deepEqual(table.filter((row) => !reached.has(row)), []);
  });

  test("gives way to rows put first", () => {
    const rows = [...parseRows("qr.block=7; gemm=packed"), ...table];
    assert.equal(choose("qr.block", "cpu", 100, 100, 100, rows).value, 7);
    assert.equal(choose("gemm", "cpu", 100, 100, 100, rows).value, "packed");
    assert.equal(choose("gemm", "cpu", 100, 100, 100, rows).why, "TSR_TUNE");
    assert.equal(choose("trsm", "cpu", 100, 100, 100, rows).value, "default");
  });

  test("passes over a row whose engine is not there", () => {
    const rows = [...parseRows("gemm=blas"), ...table];
    assert.equal(choose("gemm", "cpu", 9, 9, 9, rows, ["tiled", "blas"]).engine, "blas");
    const next = choose("gemm", "cpu", 9, 9, 9, rows, ["tiled"]);
    assert.equal(next.engine, undefined);
    assert.equal(next.why, "the library chooses its tile by shape; blas is not attached (TSR_TUNE)");
  });

  test("gives a GPU's products to MLX where they are small", () => {
    const engineOf = (m: number, n: number, k: number): string =>
      choose("gemm", "metal", m, n, k, table, ["tiled", "mlx"]).engine ?? "tiled";
    assert.deepEqual([[256, 256, 255], [256, 256, 256]].map(([m, n, k]) => engineOf(m!, n!, k!)), ["mlx", "tiled"]);
    assert.deepEqual([[511, 32, 512], [512, 32, 512]].map(([m, n, k]) => engineOf(m!, n!, k!)), ["mlx", "tiled"]);
    assert.equal(choose("gemm", "cpu", 9, 9, 9, table, ["tiled", "mlx"]).engine, undefined);
  });

  test("takes the rows of a file, with what is put before them", () => {
    const folder = mkdtempSync(join(tmpdir(), "tesserae-")), file = join(folder, "rows.json");
    const row = { key: "gemm", device: "cpu", work: 1000, value: "default", engine: "blas", why: "measured" };
    writeFileSync(file, JSON.stringify({ rows: [row, { key: "peak", device: "cpu", value: 70, why: "measured" }] }));
    const rows = [...parseRows(`@${file}; gemm=small`), ...table], there = ["tiled", "blas"];
    assert.equal(choose("gemm", "cpu", 9, 9, 9, rows, there).value, "small");
    const plain = [...parseRows(`@${file}`), ...table];
    assert.deepEqual(choose("gemm", "cpu", 9, 9, 9, plain, there), row);
    assert.equal(choose("gemm", "cpu", 10, 10, 10, plain, there).engine, undefined);
    assert.equal(choose("peak", "cpu", 0, 0, 0, plain).value, 70);
    for (const [text, message] of [["{}", /no list of rows/], ["x", /rows\.json cannot be read/]] as const) {
      writeFileSync(file, text);
      assert.throws(() => parseRows(`@${file}`), { code: "TSR_ARGUMENT", message });
    }
    for (const wrong of [{ ...row, engine: "magic" }, { ...row, key: "gem" }, { ...row, work: -1 }]) {
      writeFileSync(file, JSON.stringify({ rows: [wrong] }));
      assert.throws(() => parseRows(`@${file}`), { code: "TSR_ARGUMENT" });
    }
    rmSync(folder, { recursive: true });
  });

  test("chooses lapack only where a row says so and the library is there", () => {
    const rows = [...parseRows("svd.method=lapack"), ...table];
    assert.equal(choose("svd.method", "cpu", 9, 9, 9, rows, ["tiled", "blas"]).value, "lapack");
    assert.equal(choose("svd.method", "cpu", 9, 9, 9, rows, ["tiled"]).value, "bidiagonal");
    for (const key of ["qr.method", "svd.method", "eigh.method"] as const) {
      assert.notEqual(choose(key, "cpu", 9, 9, 9, table, ["tiled", "blas"]).value, "lapack");
    }
    const refusal = { code: "TSR_ARGUMENT", message: /qr\.method=cgs2.*blocked, lapack/ };
    assert.throws(() => parseRows("qr.method=cgs2"), refusal);
  });

  test("refuses unknown keys and values with the list of valid ones", () => {
    assert.throws(() => parseRows("qr.blok=7"), { code: "TSR_ARGUMENT", message: /"qr\.blok".*qr\.block, qr\.chain/ });
    assert.throws(() => parseRows("gemm=fast"), { code: "TSR_ARGUMENT", message: /gemm=fast.*packed, tall/ });
    assert.throws(() => parseRows("qr.block=0"), { code: "TSR_ARGUMENT", message: /qr\.block=0.*1 to 128/ });
    assert.throws(() => parseRows("qr.block="), { code: "TSR_ARGUMENT" });
  });
});

/** Runs a program in a child of the same runtime and returns its output. */
function child(program: string, env: Record<string, string>): { status: number | null; output: string } {
  const file = fileURLToPath(new URL(`./fixtures/${program}`, import.meta.url));
  const args = "Deno" in globalThis ? ["run", "-A", file] : [file];
  const options = { env: { ...process.env, ...env }, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
  return { status, output: stdout + stderr };
}

describe("the environment", () => {
  test("TSR_TUNE's tile is the one that runs", () => {
    for (const tile of ["reference", testDevice().name === "metal" ? "simd32" : "packed"]) {
      const { status, output } = child("tiles.ts", { TSR_TUNE: `gemm=${tile}` });
      assert.equal(status, 0, output);
      assert.equal(output.trim(), `gemm ${tile} TSR_TUNE`);
    }
  });

  test("a wrong TSR_TUNE, TSR_DEBUG, TSR_THREADS or TSR_DEVICE says what is right", () => {
    for (
      const [name, value, expected] of [
        ["TSR_TUNE", "gem=packed", /valid keys are gemm/],
        ["TSR_DEBUG", "loud", /TSR_DEBUG is loud.*0 to 3/],
        ["TSR_THREADS", "many", /TSR_THREADS\) is many.*1 to 256/],
        ["TSR_DEVICE", "cuda", /no device "cuda".*cpu:portable/],
      ] as const
    ) {
      const { status, output } = child("tiles.ts", { [name]: value });
      assert.notEqual(status, 0, name);
      assert.match(output, expected);
    }
  });

  test("TSR_DEBUG=2 tells each operation on stderr", () => {
    const { output } = child("tiles.ts", { TSR_DEBUG: "2" });
    assert.match(output, /tesserae: gemm +64x64 64x64 64x64 +tiled\/\w+ +[\d.]+ ms +[\d.]+ GFLOP\/s/);
  });
});

describe("explain", () => {
  test("names operation, tile that ran, time and why", async () => {
    using a = Matrix.random(256, 256);
    const { value, operations, totals } = await explain(() => matmul(a, a));
    assert.deepEqual(value.shape, [256, 256]);
    assert.equal(operations.length, 1);
    const [gemm] = operations;
    assert.equal(gemm!.op, "gemm");
    assert.equal(gemm!.engine, "tiled");
    assert.notEqual(gemm!.tile, "default");
    assert.ok(gemm!.deviceMs > 0 && gemm!.gflops > 0, JSON.stringify(gemm));
    assert.equal(totals["operations"], 1);
    assert.ok(totals["wallMs"]! >= totals["deviceMs"]!);
  });

  test("tells where the time of the whole call went", () => {
    const rows = Array.from({ length: 300 }, () => new Array<number>(300).fill(1));
    const told = explainSync(() => matmulSync(rows, rows)), { totals } = told;
    const parts = ["deviceMs", "waitMs", "hostMs", "copyMs", "otherMs"].map((name) => totals[name]!);
    assert.ok(parts.every((ms) => ms >= 0) && totals["copyMs"]! > 0 && totals["deviceMs"]! > 0);
    assert.ok(Math.abs(parts.reduce((a, b) => a + b, 0) - totals["wallMs"]!) <= 1e-6 * totals["wallMs"]!);
    assert.match(told.toString(), /the device [\d.]+, waiting beyond it [\d.]+, calls [\d.]+, copies [\d.]+.*GFLOP\/s/);
    assert.equal(totals["ofPeak"], undefined, "no peak was measured");
  });

  test("tells the part of the peak, where one was measured", () => {
    assert.deepEqual(child("peak.ts", { TSR_TUNE: "peak=50" }), { status: 0, output: "1.000000\n" });
  });

  for (const [what, gap, passes] of [["apart", 1, 3], ["near those of the first panel", 1e-4, 4]] as const) {
    test(`says which passes of a factorisation were skipped: columns ${what}`, () => {
      using a = Matrix.random(200, 64);
      using near = addSync(a.cols(0, 32), a.cols(32, 64), { beta: gap });
      if (gap < 1) a.writeBlock(0, 32, near);
      const { operations } = explainSync(() => qrSync(a));
      const orth = operations.filter((o) => o.op === "orth");
      // Metal skips them itself, and the host never learns which.
      const seen = testDevice().name === "metal" ? 2 * 6 : passes;
      assert.equal(orth.filter((o) => o.tile !== "skipped").length, seen, "two panels of 32 columns");
      assert.equal(orth.filter((o) => o.tile === "skipped").length, 2 * 6 - seen);
    });
  }

  test("two at once do not mix", async () => {
    using a = Matrix.random(300, 40);
    using b = Matrix.random(64, 64);
    const [one, two] = await Promise.all([explain(() => qr(a)), explain(() => matmul(b, b))]);
    assert.ok(one.operations.some((o) => o.op === "orth"));
    assert.deepEqual(two.operations.map((o) => o.op), ["gemm"]);
    assert.ok(!one.operations.some((o) => o.shape.startsWith("64x64 64x64 64x64")));
  });
});

describe("engines that are not there", () => {
  test("an engine of another library says how to get it", () => {
    using device = open({ device: "cpu", mlx: false });
    const refusal = { code: "TSR_DEVICE", message: /"mlx" is not to be had.*TSR_MLX/ };
    assert.throws(() => matmulSync([[1]], [[1]], { device, engine: "mlx" }), refusal);
  });

  test("an unknown engine lists the known ones", () => {
    const engine = "magic" as "auto";
    assert.throws(() => matmulSync([[1]], [[1]], { engine }), { code: "TSR_ARGUMENT", message: /tiled, blas, mlx/ });
  });
});
