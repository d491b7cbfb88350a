// What goes wrong around the library: files that are none, calls at the wrong time or from the wrong thread, ends
// in the middle of work. Each gives a clear error, none a crash.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { load } from "../ffi/load.ts";
import { candidates, fileName } from "../ffi/locate.ts";
import * as abi from "../ffi/symbols.ts";
import { compileLibrary, findCompiler } from "../scripts/build.mjs";
import { LibraryError } from "../src/errors.ts";
import { bun, deno, run, runtime } from "./programs.ts";
import { nameOf, options, Raw, viewOf } from "./raw.ts";

const folder = mkdtempSync(join(tmpdir(), "tesserae-fault-"));
after(() => rmSync(folder, { recursive: true, force: true }));

// ---- files ----

function refused(path: string, text: RegExp): LibraryError {
  try {
    load([path]);
  } catch (error) {
    assert.ok(error instanceof LibraryError, String(error));
    assert.equal(error.tried.length, 1);
    assert.ok(error.tried[0]!.startsWith(`${path}: `));
    assert.match(error.message, text);
    assert.match(error.message, /npm run build/);
    return error;
  }
  assert.fail(`${path} was loaded`);
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function compiled(name: string, source: string): Promise<string> {
  const output = join(folder, `${name}.so`);
  await compileLibrary(findCompiler(), [file(`${name}.c`, source)], output);
  return output;
}

test("a missing file", () => {
  const error = refused(join(folder, "nothing.so"), /nothing\.so/);
  assert.ok(error.cause instanceof Error, "the runtime's own error is the cause");
});

test("a file that is no library", () => {
  refused(
    file(
      "text.so",
      "I am a text, and a rather long one, so that nobody says that the file is too short.\n".repeat(99),
    ),
    /text\.so/,
  );
  refused(file("empty.so", ""), /empty\.so/);
});

test("a library that was cut off, at any place", () => {
  const whole = readFileSync(candidates()[0]!), loaded = whole.length - 4096;
  for (const [i, length] of [10, 64, 1000, 5000, 40000, loaded >> 1, loaded].entries()) {
    refused(file(`cut${i}.so`, whole.subarray(0, length)), /truncated|too short|cannot read file data/);
  }
});

test("a library of something else", async () => {
  refused(await compiled("foreign", "int answer(void) { return 42; }\n"), /tsr_abi/);
});

test("a library of another ABI: both numbers", async () => {
  const exported = '__attribute__((visibility("default")))';
  const path = await compiled("other", `#include <stdint.h>\n${exported} uint32_t tsr_abi(void) { return 99; }\n`);
  refused(path, new RegExp(`ABI 99, this package ABI ${abi.TSR_ABI}`));
});

test("a library that lacks a function: its name", async () => {
  const exported = '__attribute__((visibility("default"))) int32_t';
  const names = Object.keys(abi.symbols).filter((name) => name !== "tsr_abi" && name !== "tsr_trsm");
  const source = names.map((name) => `${exported} ${name}(void) { return 0; }`).join("\n");
  const text = `#include <stdint.h>\n${exported} tsr_abi(void) { return ${abi.TSR_ABI}; }\n${source}\n`;
  refused(await compiled("lacking", text), /tsr_trsm/);
});

test("the first of several files that works is taken; all that fail are listed", () => {
  const bad = file("first.so", "no library"), worse = join(folder, "worse.so");
  assert.equal(load([bad, candidates()[0]!]).path, candidates()[0]);
  assert.throws(
    () => load([bad, worse]),
    (error: LibraryError) => error.tried.length === 2 && error.message.includes("worse.so"),
  );
});

test("candidates: the file asked for and no other, else the package's own", () => {
  assert.deepEqual(candidates("/some/where.so"), ["/some/where.so"]);
  assert.ok(candidates()[0]!.endsWith(join("lib", `${process.platform}-${process.arch}`, fileName)));
});

// ---- the wrong time ----

test("after close every function knows the context no more", () => {
  const raw = new Raw(), A = raw.matrix(2, 2), { native: n, context: c, out } = raw;
  raw[Symbol.dispose]();
  const text = new Uint8Array(100), o = options();
  const statuses = [
    n.tsr_close(c),
    n.tsr_info(c, text, 100),
    n.tsr_error(c, text, 100),
    n.tsr_alloc(c, 8, 0, out),
    n.tsr_wrap(c, text, 100, 0, out),
    n.tsr_free(c, A.view[0]!),
    n.tsr_write(c, A.view, text, 2),
    n.tsr_read(c, A.view, text, 2),
    n.tsr_submit(c, 0, out),
    n.tsr_wait(c, 1, 0),
    n.tsr_cancel(c, 1),
    n.tsr_trace(c, new Float64Array(4), 1, out),
    n.tsr_laset(c, 0, 0, 0, A.view, o),
    n.tsr_geadd(c, 1, A.view, 0, A.view, o),
    n.tsr_gemm(c, 1, A.view, A.view, 0, A.view, o),
    n.tsr_atav(c, A.view, A.view, A.view, A.view, o),
    n.tsr_syrk(c, 1, 1, A.view, 0, A.view, o),
    n.tsr_trsm(c, 1, 1, A.view, A.view, o),
    n.tsr_potrf(c, A.view, A.view, 0, o),
    n.tsr_getrf(c, A.view, A.view, A.view, o),
    n.tsr_laswp(c, A.view, A.view, 0, o),
    n.tsr_latrd(c, A.view, A.view, A.view, A.view, A.view, o),
    n.tsr_labrd(c, A.view, A.view, A.view, A.view, A.view, o),
    n.tsr_larft(c, A.view, A.view, o),
    n.tsr_gemqrt(c, A.view, A.view, A.view, o),
    n.tsr_stedc(c, A.view, A.view, o),
    n.tsr_bdsdc(c, A.view, A.view, o),
    n.tsr_syev(c, A.view, A.view, A.view, o),
    n.tsr_jacobi(c, 0, A.view, A.view, A.view, 0, 0, o),
    n.tsr_apply(c, 0, A.view, A.view, A.view, o),
    n.tsr_colstat(c, A.view, A.view, A.view, o),
    n.tsr_scale(c, 0, A.view, A.view, A.view, o),
    n.tsr_orth(c, A.view, A.view, A.view, 0, 0, o),
    n.tsr_resid(c, A.view, A.view, A.view, A.view, o),
    n.tsr_rand(c, 0, 0, 0, A.view, o),
    n.tsr_geqrf(c, A.view, A.view, A.view, o),
    n.tsr_gesdd(c, A.view, A.view, A.view, A.view, A.view, o),
    n.tsr_syevd(c, A.view, A.view, A.view, A.view, o),
    n.tsr_attach(c, 1, text),
  ];
  const perContext = Object.keys(abi.symbols).length - 3; // all but tsr_abi, tsr_open and tsr_align
  assert.equal(statuses.length, perContext);
  for (const [i, status] of statuses.entries()) assert.equal(nameOf(status), "TSR_E_CONTEXT", `call ${i}`);
});

test("a double free is an error, and does no harm to the buffer that has the slot now", () => {
  using raw = new Raw();
  const alloc = (): number => {
    raw.ok(raw.native.tsr_alloc(raw.context, 16, 0, raw.out));
    return raw.out[0]!;
  };
  const first = alloc();
  raw.ok(raw.native.tsr_free(raw.context, first));
  const second = alloc();
  assert.equal(nameOf(raw.native.tsr_free(raw.context, first)), "TSR_E_HANDLE");
  assert.match(raw.text(), /free: 0x[0-9a-f]{8} is no live buffer of this context \(freed already\?\)/);
  raw.ok(raw.native.tsr_laset(raw.context, abi.TSR_FULL, 1, 1, viewOf(second, 2, 2), options()));
  raw.run();
});

test("256 contexts at once, and no more", () => {
  const all: Raw[] = [];
  try {
    for (let i = 0; i < 256; i++) all.push(new Raw({ threads: 1 }));
    assert.throws(() => new Raw({ threads: 1 }), /TSR_E_FULL/);
    assert.equal(new Set(all.map(({ context }) => context)).size, 256);
  } finally {
    for (const raw of all) raw[Symbol.dispose]();
  }
  using again = new Raw();
  again.run();
});

// ---- the wrong thread ----

interface Answer {
  statuses: Record<string, number>;
  words: string;
  free: Record<string, number>;
}

test("another thread gets TSR_E_THREAD, but may cancel and wait", async () => {
  using raw = new Raw();
  const n = 2048,
    [A, C] = [raw.matrix(n, n), raw.matrix(n, n)],
    o = options({ [abi.TSR_OPTION_TILE]: abi.TSR_TILE_REFERENCE });
  raw.ok(raw.native.tsr_gemm(raw.context, 1, A.view, A.view, 0, C.view, o));
  const ticket = raw.submit();
  const worker = new Worker(new URL("fixtures/thread.ts", import.meta.url), {
    workerData: { context: raw.context, ticket },
  });
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  worker.once("message", resolve);
  worker.once("error", reject);
  const { statuses, words, free } = await promise;
  for (const [name, status] of Object.entries(statuses)) assert.equal(nameOf(status), "TSR_E_THREAD", name);
  assert.match(words, /belongs to the thread that opened it/);
  assert.deepEqual(free, { running: abi.TSR_E_TIMEOUT, tsr_cancel: 0, tsr_wait: abi.TSR_E_CANCELED });
  assert.equal(nameOf(raw.native.tsr_wait(raw.context, ticket, 0)), "TSR_E_CANCELED");
  await worker.terminate();
});

test("a blocking submission that another thread cancels returns so", async () => {
  using raw = new Raw();
  const worker = new Worker(new URL("fixtures/canceler.ts", import.meta.url), { workerData: raw.context });
  await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  const n = 2048, A = raw.matrix(n, n), C = raw.matrix(n, n);
  const o = options({ [abi.TSR_OPTION_TILE]: abi.TSR_TILE_REFERENCE });
  raw.ok(raw.native.tsr_gemm(raw.context, 1, A.view, A.view, 0, C.view, o));
  const status = raw.native.tsr_submit(raw.context, abi.TSR_INLINE, raw.out);
  assert.equal(nameOf(status), "TSR_E_CANCELED");
  assert.equal(raw.out[0], 1, "a ticket is given all the same");
  assert.match(raw.text(), /ticket 1 was cancelled/);
  assert.equal(nameOf(raw.native.tsr_wait(raw.context, 1, 0)), "TSR_E_CANCELED");
  await worker.terminate();
});

// ---- the end, with a job running ----

const endings: readonly (readonly [way: string, code: number, errors: RegExp])[] = [
  ["end", 0, /^$/],
  ["exit", 3, /^$/],
  ["throw", 1, /thrown on purpose/],
  ["reject", 1, /rejected on purpose/],
  ["close late", 0, /^$/],
  ["end a worker", 0, /^$/],
  ["exit beside a worker", 3, /^$/],
];

for (const [way, code, errors] of endings) {
  test(`while a job runs: ${way}`, async () => {
    const fixture = fileURLToPath(new URL("fixtures/ending.ts", import.meta.url));
    const command = runtime === "bun" ? [fixture, way] : ["run", "-A", "--no-check", fixture, way];
    const ended = await run(runtime === "bun" ? bun : deno, command);
    assert.equal(ended.code, code, ended.errors);
    assert.match(ended.errors, errors);
  });
}
