// The contract, word by word: symbols.ts is fresh, every precondition of tsr.h has a call that violates it, and
// handles, queue and copies do what the header says. The operations' numbers are in reference.test.ts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { stale, symbolsText } from "../scripts/abi.ts";
import { testDevice } from "./device.ts";
import { detached, library, nameOf, options, Raw, viewOf } from "./raw.ts";

const { TSR_INLINE, TSR_QUEUED } = abi;

function refused(raw: Raw, status: number, wanted: number, text: RegExp, context: number = raw.context): void {
  assert.equal(nameOf(status), nameOf(wanted));
  assert.match(raw.text(context), text);
}

/** A product of 8.6e9 steps, one after the other in the reference loop: it is still at work whatever the machine. */
function longJob(raw: Raw): void {
  const n = 2048;
  const [A, B, C] = [raw.matrix(n, n), raw.matrix(n, n), raw.matrix(n, n)];
  const o = options({ [abi.TSR_OPTION_TILE]: abi.TSR_TILE_REFERENCE });
  raw.ok(raw.native.tsr_gemm(raw.context, 1, A.view, B.view, 0, C.view, o));
}

// ---- symbols.ts ----

const header = readFileSync(new URL("../ffi/tsr.h", import.meta.url), "utf8");

test("symbols.ts is what tsr.h asks for", () => assert.equal(stale(), undefined));

test("symbols.ts follows the header: another constant, function or ABI gives another text", () => {
  const text = symbolsText(header);
  assert.match(text, /tsr_potrf: \{ parameters: \["u32", "buffer", "buffer", "u32", "buffer"\], result: "i32" \}/);
  assert.equal(symbolsText(header.replace("TSR_E_FULL = -15", "TSR_E_FULL = -16")), text.replaceAll("-15", "-16"));
  assert.match(symbolsText(header.replace("TSR_ABI 1u", "TSR_ABI 7u")), /TSR_ABI = 7;/);
  assert.throws(
    () => symbolsText(header.replace("uint32_t mode, uint32_t *ticket", "int64_t mode, uint32_t *ticket")),
    /no parameter kind/,
  );
  assert.throws(
    () => symbolsText(header.replace("TSR_E_FULL = -15", "TSR_E_FULL = OTHER")),
    /cannot read the constant/,
  );
});

test("the library speaks the ABI of symbols.ts", () => assert.equal(library().tsr_abi(), abi.TSR_ABI));

// ---- open, info, error, close ----

const onMetal = testDevice().name === "metal";
const openings: [string, Record<number, number>, number, RegExp][] = [
  ["another ABI", { [abi.TSR_CONFIG_ABI]: 99 }, abi.TSR_E_ABI, /ABI 99, this library ABI 1/],
  ["no such device", { [abi.TSR_CONFIG_DEVICE]: 2 }, abi.TSR_E_ARGUMENT, /device 2/],
  ["no such instruction set", { [abi.TSR_CONFIG_ISA]: 5 }, abi.TSR_E_ARGUMENT, /instruction set 5/],
  [
    "an instruction set not here",
    { [abi.TSR_CONFIG_ISA]: process.arch === "arm64" ? abi.TSR_ISA_AVX2 : abi.TSR_ISA_NEON },
    abi.TSR_E_UNSUPPORTED,
    /set (avx2|neon) cannot run here; possible are portable/,
  ],
  ["too many threads", { [abi.TSR_CONFIG_THREADS]: 257 }, abi.TSR_E_ARGUMENT, /257 threads; give 0 .* to 256/],
  ["a reserved word", { 4: 1 }, abi.TSR_E_ARGUMENT, /reserved word 4/],
];
if (!onMetal) {
  const words = { [abi.TSR_CONFIG_DEVICE]: abi.TSR_DEVICE_METAL };
  openings.push(["Metal", words, abi.TSR_E_UNSUPPORTED, /no Metal.*CPU/]);
}
for (const [what, words, status, text] of openings) {
  test(`open refuses ${what}`, () => {
    using raw = new Raw();
    const config = new Uint32Array(abi.TSR_CONFIG_WORDS);
    config[abi.TSR_CONFIG_ABI] = abi.TSR_ABI;
    for (const [index, value] of Object.entries(words)) config[Number(index)] = value;
    raw.out[0] = 77;
    refused(raw, raw.native.tsr_open(config, raw.out), status, text, 0);
    assert.equal(raw.out[0], 77, "a call that fails changes nothing");
  });
}

test("null pointers are refused everywhere", () => {
  using raw = new Raw();
  const { native: n, context: c, out } = raw;
  const none = detached(), some = new Uint8Array(64), view = raw.matrix(2, 2).view;
  const calls: [string, number][] = [
    ["open", n.tsr_open(none, out)],
    ["open", n.tsr_open(new Uint32Array([1, 0, 0, 0, 0, 0, 0, 0]), none)],
    ["info", n.tsr_info(c, none, 10)],
    ["error", n.tsr_error(c, none, 10)],
    ["align", n.tsr_align(none, out)],
    ["align", n.tsr_align(some, none)],
    ["alloc", n.tsr_alloc(c, 8, 0, none)],
    ["wrap", n.tsr_wrap(c, none, 8, 0, out)],
    ["wrap", n.tsr_wrap(c, some, 64, 0, none)],
    ["write", n.tsr_write(c, view, none, 2)],
    ["read", n.tsr_read(c, view, none, 2)],
    ["read", n.tsr_read(c, none, some, 2)],
    ["submit", n.tsr_submit(c, TSR_INLINE, none)],
    ["trace", n.tsr_trace(c, none, 1, out)],
    ["trace", n.tsr_trace(c, new Float64Array(4), 1, none)],
    ["laset", n.tsr_laset(c, 0, 0, 0, none, options())],
    ["laset", n.tsr_laset(c, 0, 0, 0, view, none)],
  ];
  for (const [name, status] of calls) assert.equal(nameOf(status), "TSR_E_ARGUMENT", name);
  assert.match(raw.text(), /laset: no options/);
});

test("info is JSON that names the device; too small a capacity is refused", () => {
  using raw = new Raw({ isa: abi.TSR_ISA_PORTABLE, threads: 3 });
  const text = new Uint8Array(1024);
  raw.ok(raw.native.tsr_info(raw.context, text, text.length));
  const info = JSON.parse(new TextDecoder().decode(text.subarray(0, text.indexOf(0))));
  assert.equal(info.kind, onMetal ? "metal" : "cpu");
  if (!onMetal) assert.equal(info.isa, "portable");
  assert.equal(info.threads, 3);
  assert.ok(info.cores >= 1 && info.chain >= 32 && info.chain <= 256 && info.page >= 4096);
  const tiles = onMetal ? ["inner", "gemv", "simd64", "simd32"] : ["small", "packed", "tall", "inner", "gemv"];
  assert.deepEqual(info.tiles, ["reference", ...tiles]);
  assert.deepEqual(info.engines, ["tiled"]);
  assert.equal(info.emulated, testDevice().emulated);
  refused(raw, raw.native.tsr_info(raw.context, text, 20), abi.TSR_E_ARGUMENT, /the capacity is 20/);
});

test("error texts are cut to the capacity and end with NUL", () => {
  using raw = new Raw();
  raw.native.tsr_free(raw.context, 12345);
  const text = new Uint8Array(9).fill(255);
  raw.ok(raw.native.tsr_error(raw.context, text, 8));
  assert.equal(new TextDecoder().decode(text.subarray(0, 7)), "free: 0");
  assert.deepEqual([...text.subarray(7)], [0, 255]);
  assert.equal(nameOf(raw.native.tsr_error(raw.context, text, 0)), "TSR_E_ARGUMENT");
});

test("a closed context is unknown, its number is not given again, others go on", () => {
  using other = new Raw();
  const raw = new Raw();
  raw[Symbol.dispose]();
  using next = new Raw();
  assert.notEqual(next.context, raw.context);
  for (const context of [raw.context, 0, 255, 2 ** 32 - 1]) {
    refused(raw, raw.native.tsr_submit(context, TSR_INLINE, raw.out), abi.TSR_E_CONTEXT, /no open context/, 0);
    assert.equal(nameOf(raw.native.tsr_close(context)), "TSR_E_CONTEXT");
    assert.equal(nameOf(raw.native.tsr_wait(context, 1, 0)), "TSR_E_CONTEXT");
  }
  other.run();
});

// ---- memory ----

test("align tells the way to the next page, and tsr_alloc gives zeroed memory", () => {
  using raw = new Raw();
  const memory = new Uint8Array(new ArrayBuffer(3 * 65536));
  raw.ok(raw.native.tsr_align(memory, raw.out));
  const skip = raw.out[0]!;
  raw.ok(raw.native.tsr_align(memory.subarray(skip), raw.out));
  assert.equal(raw.out[0], 0);
  raw.ok(raw.native.tsr_align(memory.subarray(skip + 1), raw.out));
  assert.ok([4095, 16383, 65535].includes(raw.out[0]!));
  raw.ok(raw.native.tsr_alloc(raw.context, 4 * 1000, 0, raw.out));
  const found = new Float32Array(1000).fill(5);
  raw.ok(raw.native.tsr_read(raw.context, viewOf(raw.out[0]!, 10, 100), found, 100));
  assert.deepEqual(found, new Float32Array(1000));
});

test("too much memory is refused: 2^60 and 2^64 - 1 bytes", () => {
  using raw = new Raw();
  refused(raw, raw.native.tsr_alloc(raw.context, 0, 2 ** 28, raw.out), abi.TSR_E_MEMORY, /1152921504606846976 bytes/);
  refused(raw, raw.native.tsr_alloc(raw.context, 2 ** 32 - 1, 2 ** 32 - 1, raw.out), abi.TSR_E_MEMORY, /bytes/);
  const memory = new Uint8Array(new ArrayBuffer(64));
  refused(
    raw,
    raw.native.tsr_wrap(raw.context, memory, 2 ** 32 - 1, 2 ** 32 - 1, raw.out),
    abi.TSR_E_ARGUMENT,
    /address space/,
  );
  refused(
    raw,
    raw.native.tsr_wrap(raw.context, memory.subarray(1), 8, 0, raw.out),
    abi.TSR_E_ARGUMENT,
    /multiple of 4/,
  );
});

test("a handle dies at tsr_free; no later handle brings it back to life", () => {
  using raw = new Raw();
  const seen = new Set<number>();
  for (let i = 0; i < 10000; i++) {
    raw.ok(raw.native.tsr_alloc(raw.context, 64, 0, raw.out));
    const handle = raw.out[0]!;
    assert.ok(handle !== 0 && !seen.has(handle));
    seen.add(handle);
    raw.ok(raw.native.tsr_free(raw.context, handle));
  }
  for (const handle of [...seen].slice(-5000)) {
    assert.equal(nameOf(raw.native.tsr_free(raw.context, handle)), "TSR_E_HANDLE");
  }
  refused(raw, raw.native.tsr_free(raw.context, 0), abi.TSR_E_HANDLE, /no live buffer/);
});

test("a handle of one context means nothing in another", () => {
  using one = new Raw();
  using two = new Raw();
  one.ok(one.native.tsr_alloc(one.context, 64, 0, one.out));
  const view = viewOf(one.out[0]!, 2, 2);
  refused(two, two.native.tsr_laset(two.context, 0, 1, 1, view, options()), abi.TSR_E_HANDLE, /laset: A lies in/);
});

test("freed memory stays until the work encoded before has passed, and nobody else gets it", () => {
  using raw = new Raw();
  const alloc = (): number => {
    raw.ok(raw.native.tsr_alloc(raw.context, 4 << 20, 0, raw.out));
    return raw.out[0]!;
  };
  const handle = alloc(), A = viewOf(handle, 1024, 1024), B = raw.matrix(1024, 1024);
  raw.ok(raw.native.tsr_laset(raw.context, abi.TSR_FULL, 3, 4, A, options()));
  raw.ok(raw.native.tsr_geadd(raw.context, 1, A, 0, B.view, options()));
  raw.ok(raw.native.tsr_free(raw.context, handle));
  const status = raw.native.tsr_geadd(raw.context, 1, A, 0, B.view, options());
  refused(raw, status, abi.TSR_E_HANDLE, /A lies in/);
  const next = viewOf(alloc(), 1024, 1024), fives = new Float32Array(1024 * 1024).fill(5);
  raw.ok(raw.native.tsr_write(raw.context, next, fives, 1024));
  raw.run();
  assert.deepEqual([B.get(0, 0), B.get(5, 9), B.get(1023, 1023)], [4, 3, 4]);
  const seen = new Float32Array(1024 * 1024);
  raw.ok(raw.native.tsr_read(raw.context, next, seen, 1024));
  assert.ok(seen.every((x) => x === 5));
});

test("write and read copy rows between leading dimensions, of every type", () => {
  using raw = new Raw();
  for (const type of [abi.TSR_F32, abi.TSR_F64, abi.TSR_U32]) {
    const A = raw.matrix(3, 2, { type, slack: 2, offset: 1 });
    const source = A.data.slice(0, 12).map((_, k) => k + 1);
    raw.ok(raw.native.tsr_write(raw.context, A.view, source, 4));
    assert.deepEqual([...A.values()], [1, 2, 5, 6, 9, 10]);
    assert.equal(A.damage(), -1);
    const target = source.slice().fill(0);
    raw.ok(raw.native.tsr_read(raw.context, A.view, target, 5));
    assert.deepEqual([...target], [1, 2, 0, 0, 0, 5, 6, 0, 0, 0, 9, 10]);
  }
  const A = raw.matrix(3, 2), T = raw.matrix(3, 2, { trans: true });
  refused(raw, raw.native.tsr_write(raw.context, A.view, A.data, 1), abi.TSR_E_BOUNDS, /leading dimension 1/);
  refused(raw, raw.native.tsr_read(raw.context, T.view, A.data, 3), abi.TSR_E_ARGUMENT, /not be transposed/);
  raw.ok(raw.native.tsr_read(raw.context, viewOf(0, 0, 5), new Float32Array(1), 5));
});

// ---- queue ----

test("tickets count from 1 and pass in order; an unknown one is refused", () => {
  using raw = new Raw();
  assert.deepEqual([raw.submit(TSR_QUEUED), raw.submit(TSR_INLINE), raw.submit(TSR_QUEUED)], [1, 2, 3]);
  raw.ok(raw.native.tsr_wait(raw.context, 3, 60));
  for (const ticket of [1, 2, 3]) raw.ok(raw.native.tsr_wait(raw.context, ticket, 0));
  for (const ticket of [0, 4, 2 ** 32 - 1]) {
    refused(raw, raw.native.tsr_wait(raw.context, ticket, 0), abi.TSR_E_ARGUMENT, /no ticket/);
    refused(raw, raw.native.tsr_cancel(raw.context, ticket), abi.TSR_E_ARGUMENT, /no ticket/);
  }
  refused(raw, raw.native.tsr_submit(raw.context, 2, raw.out), abi.TSR_E_ARGUMENT, /mode is 2/);
  refused(raw, raw.native.tsr_wait(raw.context, 1, -1), abi.TSR_E_ARGUMENT, /-1 seconds/);
  refused(raw, raw.native.tsr_wait(raw.context, 1, NaN), abi.TSR_E_ARGUMENT, /nan seconds/);
});

test("operations run in the order of their encoding; nothing runs before it is submitted", () => {
  using raw = new Raw();
  const A = raw.matrix(2, 2).fill(() => 1), B = raw.matrix(2, 2).fill(() => 10), o = options();
  raw.ok(raw.native.tsr_geadd(raw.context, 1, A.view, 1, B.view, o));
  raw.ok(raw.native.tsr_laset(raw.context, abi.TSR_FULL, 5, 5, A.view, o));
  raw.ok(raw.native.tsr_geadd(raw.context, 1, A.view, 2, B.view, o));
  const seen = new Float32Array(4);
  raw.ok(raw.native.tsr_read(raw.context, B.view, seen, 2));
  assert.equal(seen[0], 10);
  raw.submit(TSR_QUEUED);
  raw.ok(raw.native.tsr_read(raw.context, B.view, seen, 2));
  assert.equal(seen[0], 27, "tsr_read waits for the queue");
});

test("cancel stops the operation at work, skips the rest of its ticket and nothing else; the status stays", () => {
  using raw = new Raw();
  const A = raw.matrix(1, 1).fill(() => 1), o = options();
  longJob(raw);
  raw.ok(raw.native.tsr_laset(raw.context, abi.TSR_FULL, 0, 7, A.view, o));
  const first = raw.submit();
  raw.ok(raw.native.tsr_geadd(raw.context, 1, A.view, 0, raw.matrix(1, 1).view, o));
  const second = raw.submit();
  refused(raw, raw.native.tsr_wait(raw.context, first, 0), abi.TSR_E_TIMEOUT, /0 seconds; the work goes on/);
  refused(raw, raw.native.tsr_wait(raw.context, first, 0.02), abi.TSR_E_TIMEOUT, /0.02 seconds; the work goes on/);
  raw.ok(raw.native.tsr_cancel(raw.context, first));
  refused(raw, raw.native.tsr_wait(raw.context, first, 60), abi.TSR_E_CANCELED, /ticket 1 was cancelled/);
  raw.ok(raw.native.tsr_wait(raw.context, second, 60));
  raw.ok(raw.native.tsr_cancel(raw.context, second));
  raw.ok(raw.native.tsr_wait(raw.context, second, 0));
  assert.equal(nameOf(raw.native.tsr_wait(raw.context, first, 0)), "TSR_E_CANCELED");
  assert.equal(A.get(0, 0), 1);
  assert.deepEqual(raw.trace(), [[1, 0], [2, 0], [3, onMetal ? abi.TSR_TILE_DEVICE : abi.TSR_TILE_SMALL]]);
});

test("close ends a job that runs", () => {
  const raw = new Raw();
  longJob(raw);
  raw.submit();
  assert.equal(nameOf(raw.native.tsr_close(raw.context)), "TSR_OK");
});

test("a predicate that is 0 when its turn comes skips the operation", () => {
  using raw = new Raw();
  const words = raw.matrix(1, 3, { type: abi.TSR_U32 }).fill(() => 0), A = raw.matrix(1, 1).fill(() => 0);
  const when = options({ [abi.TSR_OPTION_PREDICATE]: words.view[0]!, [abi.TSR_OPTION_PREDICATE_INDEX]: 2 });
  const third = words.view.slice();
  third.set([1, 1], abi.TSR_VIEW_ROWS);
  third[abi.TSR_VIEW_OFFSET_LOW] = 2;
  raw.ok(raw.native.tsr_laset(raw.context, abi.TSR_FULL, 0, 1, A.view, when));
  raw.ok(raw.native.tsr_laset(raw.context, abi.TSR_FULL, 0, 4e9, third, options()));
  raw.ok(raw.native.tsr_laset(raw.context, abi.TSR_FULL, 0, 2, A.view, when));
  raw.ok(raw.native.tsr_laset(raw.context, abi.TSR_FULL, 0, 0, third, options()));
  raw.ok(raw.native.tsr_laset(raw.context, abi.TSR_FULL, 0, 3, A.view, when));
  raw.run();
  assert.equal(A.get(0, 0), 2);
  // Metal tests predicates itself, and the host never learns what it did.
  const ran = onMetal ? [true, true, true, true, true] : [false, true, true, true, false];
  assert.deepEqual(raw.trace().map(([, tile]) => tile !== 0), ran);
});

test("trace moves the records out, oldest first, and keeps the last 16384", () => {
  using raw = new Raw();
  const A = raw.matrix(1, 1), records = new Float64Array(3 * abi.TSR_TRACE_WORDS);
  for (let i = 0; i < 17000; i++) {
    raw.ok(raw.native.tsr_laset(raw.context, abi.TSR_FULL, 0, i, A.view, options()));
    if (i % 1000 === 999) raw.run();
  }
  raw.ok(raw.native.tsr_trace(raw.context, records, 3, raw.out));
  assert.equal(raw.out[0], 3);
  assert.deepEqual([0, 4, 8].map((k) => records[k]), [617, 618, 619]);
  assert.equal(records[3], 0);
  if (!onMetal) assert.equal(records[abi.TSR_TRACE_SECONDS], 0); // nobody had asked yet
  let last = 0;
  for (let part = raw.trace(); part.length > 0; part = raw.trace()) last = part.at(-1)![0];
  assert.equal(last, 17000);
  raw.ok(raw.native.tsr_rand(raw.context, abi.TSR_NORMAL, 1, 0, raw.matrix(300, 300).view, options()));
  raw.run();
  raw.ok(raw.native.tsr_trace(raw.context, records, 3, raw.out));
  assert.equal(raw.out[0], 1);
  const seconds = records[abi.TSR_TRACE_SECONDS]!;
  assert.ok(onMetal ? seconds >= 0 : seconds > 1e-5 && seconds < 10, `${seconds} seconds`);
});

test("a full queue says so and encodes nothing; it has room again when work has passed", () => {
  using raw = new Raw();
  const A = raw.matrix(1, 1), o = options();
  let count = 0, status = 0;
  while ((status = raw.native.tsr_laset(raw.context, abi.TSR_FULL, 0, count, A.view, o)) === abi.TSR_OK) count++;
  refused(raw, status, abi.TSR_E_FULL, /laset: 4096 operations are encoded or queued/);
  assert.equal(count, 4096);
  raw.run();
  assert.equal(A.get(0, 0), 4095);
  raw.ok(raw.native.tsr_laset(raw.context, abi.TSR_FULL, 0, 1, A.view, o));
});
