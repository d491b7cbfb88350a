// Rung 4 of the Metal ladder: the host's .m files on the fake Metal. The fake is tried first with a host that misuses
// Metal in each known way; then the library works, leaves nothing behind, and reports the device's failures; then bugs
// are planted in its .m files, and each must be caught.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { load, type Native } from "../ffi/load.ts";
import * as abi from "../ffi/symbols.ts";
import { resolveText } from "../scripts/kernels.mjs";
import { buildEmulator } from "./metal-emulator/build.ts";
import {
  buildFake,
  buildHost,
  buildLibrary,
  buildSanitized,
  missing,
  type Planted,
} from "./metal-emulator/fake/build.ts";
import { Fake } from "./metal-emulator/fake/fake.ts";
import { bun, type Ended, run, runtime } from "./programs.ts";
import { nameOf, options, viewOf } from "./raw.ts";

const skip = missing() ?? false;
const misuseHost = "tests/metal-emulator/fake/planted/misuse.m";
const misuseKernel = "tests/metal-emulator/fake/planted/fill.metal";
const root = fileURLToPath(new URL("..", import.meta.url));

/** The fake, with misuse recorded instead of ending the process. */
async function openFake(): Promise<Fake> {
  const fake = new Fake(await buildFake());
  fake.set("TSR_EMULATED_ABORT", 0);
  return fake;
}

const fake = skip === false ? await openFake() : undefined;

// ---- the fake ----

const misuses: Readonly<Record<string, string>> = {
  after_end: "dispatchThreadgroups after endEncoding",
  after_commit: "an encoder was asked for after commit",
  open_at_commit: "commit with an open encoder",
  never_ended: "an encoder was freed without endEncoding",
  two_encoders: "a second encoder was asked for while one is open",
  two_commits: "commit twice",
  wait_first: "waitUntilCompleted before commit",
  late_handler: "addCompletedHandler after commit",
  no_barrier: "fill shares a buffer with fill, an earlier dispatch of a concurrent encoder, without a barrier",
  no_fence: "fill uses an untracked buffer of an earlier encoder, and no fence orders the two",
  large_bytes: "setBytes of 4097 bytes at index 0: 1 to 4096 are allowed",
  no_bytes: "setBytes of 0 bytes at index 0: 1 to 4096 are allowed",
  odd_offset: "setBuffer at index 1: offset 2 is not a multiple of 4",
  far_offset: "setBuffer at index 1: offset 256 in a buffer of 256 bytes",
  high_index: "setBuffer at index 31: 30 is the last",
  odd_memory: "threadgroup memory of 24 bytes: a multiple of 16, at most 32768, is allowed",
  large_memory: "threadgroup memory of 32784 bytes: a multiple of 16, at most 32768, is allowed",
  many_threads: "fill: 1056 threads in a group, the pipeline's maximum is 1024",
  no_groups: "fill: a grid of 0 x 1 x 1 groups",
  no_buffer: "fill: nothing is bound for x, buffer(1)",
  nil_pipeline: "setComputePipelineState: nil",
  no_pipeline: "a dispatch without a pipeline",
  over_release: "over-release of a EmulatedBuffer",
  dead_object: "contents was sent to a EmulatedBuffer that had been freed",
  freed_early: "a buffer of 256 bytes was freed while commands that do not retain it were under way",
  empty_buffer: "newBufferWithLength: 0 (1 to maxBufferLength is allowed)",
  fast_math: "newLibraryWithSource with fast math: ask for mathMode safe, or fastMathEnabled NO",
  all_buffers: "commandBuffer waits for ever: all 2 of the queue exist, none is committed",
  no_pool: "autorelease of a NSString without a pool: it is never freed",
};

const c = (text: string): Uint8Array => new Uint8Array(Buffer.from(`${text}\0`));

interface Misuse {
  misuse_open(text: Uint8Array): number;
  misuse_run(name: Uint8Array): number;
  misuse_close(): number;
}

function openMisuse(path: string): Misuse {
  const deno = (globalThis as unknown as { Deno?: { dlopen(p: string, s: object): { symbols: unknown } } }).Deno;
  const bun = deno ? undefined : process.getBuiltinModule("bun:ffi") as unknown as NonNullable<typeof deno>;
  const entry = (...list: string[]) => deno ? { parameters: list, result: "i32" } : { args: list, returns: "i32" };
  const table = { misuse_open: entry("buffer"), misuse_run: entry("buffer"), misuse_close: entry() };
  return (deno ?? bun)!.dlopen(path, table).symbols as Misuse;
}

test("rung 4: the fake Metal notices every misuse, and none where all is right", { skip }, async () => {
  const kernel = join(root, misuseKernel);
  fake!.set("TSR_EMULATED_KERNELS", (await buildEmulator([kernel], "emulator-fill")).plain);
  const host = openMisuse(await buildHost("libmisuse.so", [misuseHost]));
  assert.equal(host.misuse_open(c("// another text")), 1, "a stale emulation library is refused");
  host.misuse_close();
  assert.deepEqual(fake!.report().misuse, []);
  assert.equal(host.misuse_open(c(resolveText(kernel))), 0);
  assert.equal(host.misuse_run(c("all_right")), 1);
  assert.deepEqual(fake!.report().misuse, []);
  for (const [name, text] of Object.entries(misuses)) {
    assert.equal(host.misuse_run(c(name)), 0, name);
    assert.deepEqual(fake!.report().misuse, [text], name);
  }
  host.misuse_close();
});

// ---- the library ----

/** What one round of work came to. */
interface Outcome {
  /** The first status that is not TSR_OK, with its text. */
  readonly failure: string;
  /** Largest error of the product, over |A||B|. */
  readonly error: number;
}

const M = 70, N = 33, K = 50;
const entry = (i: number, j: number): number => Math.fround(Math.sin(1 + 3 * i + 7 * j));

/** C = A B on the device three times over, with B in the library's own memory; C by a mode of tsr_submit. */
function work(native: Native, rounds = 3): Outcome {
  const out = new Uint32Array(4), config = new Uint32Array(abi.TSR_CONFIG_WORDS), text = new Uint8Array(600);
  let failure = "", context = 0;
  const ok = (status: number): boolean => {
    if (status !== abi.TSR_OK && failure === "") {
      native.tsr_error(context, text, text.length);
      failure = `${nameOf(status)}: ${new TextDecoder().decode(text.subarray(0, text.indexOf(0)))}`;
    }
    return status === abi.TSR_OK;
  };
  config.set([abi.TSR_ABI, abi.TSR_DEVICE_METAL]);
  if (!ok(native.tsr_open(config, out))) return { failure, error: NaN };
  context = out[0]!;
  const A = Float32Array.from({ length: M * K }, (_, i) => entry(Math.floor(i / K), i % K));
  const B = Float32Array.from({ length: K * N }, (_, i) => entry(i % N, Math.floor(i / N)));
  const C = new Float32Array(M * N).fill(NaN), handles = [0, 0, 0];
  const taken = [
    native.tsr_wrap(context, new Uint8Array(A.buffer), A.byteLength, 0, out) || (handles[0] = out[0]!, 0),
    native.tsr_alloc(context, B.byteLength, 0, out) || (handles[1] = out[0]!, 0),
    native.tsr_alloc(context, C.byteLength, 0, out) || (handles[2] = out[0]!, 0),
  ];
  if (taken.every(ok)) {
    const [a, b, d] = [viewOf(handles[0]!, M, K), viewOf(handles[1]!, K, N), viewOf(handles[2]!, M, N)];
    ok(native.tsr_write(context, b, B, N));
    for (let i = 0; i < rounds && failure === ""; i++) {
      for (let j = 0; j < 3; j++) ok(native.tsr_gemm(context, 1, a, b, 0, d, options()));
      if (ok(native.tsr_submit(context, abi.TSR_QUEUED, out))) ok(native.tsr_wait(context, out[0]!, 60));
    }
    if (failure === "") ok(native.tsr_read(context, d, C, N));
  }
  for (const handle of handles) if (handle !== 0) ok(native.tsr_free(context, handle));
  ok(native.tsr_close(context));
  return { failure, error: errorOf(A, B, C) };
}

function errorOf(A: Float32Array, B: Float32Array, C: Float32Array): number {
  let worst = 0;
  for (let i = 0; i < M; i++) {
    for (let j = 0; j < N; j++) {
      let sum = 0, size = 0;
      for (let k = 0; k < K; k++) {
        sum += A[i * K + k]! * B[k * N + j]!;
        size += Math.abs(A[i * K + k]! * B[k * N + j]!);
      }
      const error = Math.abs(C[i * N + j]! - sum) / size;
      worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
    }
  }
  return worst;
}

const BOUND = (K + 2) * 2 ** -24;
const kernels = skip === false ? (await buildEmulator()).plain : "";
const native = skip === false ? load([await buildLibrary()]).native : undefined;

/** Uses the library's own kernels, and lets the report start anew. */
function fresh(): Fake {
  fake!.set("TSR_EMULATED_KERNELS", kernels);
  fake!.report();
  return fake!;
}

/** Living objects that were not there before. */
function left(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>): string[] {
  return Object.keys(after).filter((name) => after[name]! > (before[name] ?? 0));
}

test("rung 4: the library computes on the fake Metal and leaves nothing behind", { skip }, () => {
  const before = fresh().report();
  const { failure, error } = work(native!);
  const after = fake!.report();
  assert.equal(failure, "");
  assert.ok(error <= BOUND, `error ${error}`);
  assert.deepEqual(after.misuse, []);
  assert.deepEqual(left(before.live, after.live), []);
  assert.ok(after.dispatches > before.dispatches, "the device did the work");
});

/** Switches, and what work must come to. */
const circumstances: readonly [string, string, string | number, RegExp][] = [
  ["memory is never shared: it is copied", "TSR_EMULATED_NOCOPY", 0, /^$/],
  ["pages are Apple's: memory that has others is copied", "TSR_EMULATED_PAGE", 16384, /^$/],
  ["there is no device", "TSR_EMULATED_DEVICES", 0, /^TSR_E_UNSUPPORTED: .*no Metal device/],
  ["the GPU is older than Apple7", "TSR_EMULATED_FAMILY", 1006, /^TSR_E_UNSUPPORTED: .*Apple7/],
  ["the device's memory is small", "TSR_EMULATED_MEMORY", 4096, /^TSR_E_(?:MEMORY|DEVICE)/],
  ["pipelines allow too few threads", "TSR_EMULATED_THREADS", 16, /^TSR_E_DEVICE: .*too few threads/],
  ["the self-test's command buffer fails", "TSR_EMULATED_FAIL", 1, /^TSR_E_DEVICE: .*TSR_EMULATED_FAIL/],
  ["a later command buffer fails", "TSR_EMULATED_FAIL", 3, /^TSR_E_DEVICE: .*TSR_EMULATED_FAIL/],
  ["the emulation library is stale", "TSR_EMULATED_KERNELS", "other.so", /^TSR_E_DEVICE: .*other\.so/],
];

for (const [what, name, value, expected] of circumstances) {
  test(`rung 4: ${what}`, { skip }, () => {
    const before = fresh().report();
    fake!.set(name, value);
    const { failure, error } = work(native!);
    fake!.set(name);
    const after = fake!.report();
    assert.match(failure, expected);
    if (failure === "") assert.ok(error <= BOUND, `error ${error}`);
    assert.deepEqual(after.misuse, []);
    assert.deepEqual(left(before.live, after.live), []);
  });
}

// ---- planted bugs ----

/** What catches a planted bug: the fake's record of misuse, its count of objects, or the numbers. */
type Catch = { readonly misuse: RegExp } | { readonly left: string } | { readonly failure: RegExp } | "numbers";

const bugs: readonly (Planted & { readonly caught: Catch })[] = [
  {
    name: "leak",
    file: "metal/commands.m",
    from: "  [f->buffer release];\n  pthread_mutex_destroy",
    to: "  pthread_mutex_destroy",
    caught: { left: "EmulatedCommands" },
  },
  {
    name: "leaked-function",
    file: "metal/pipelines.m",
    from: "  [function release];\n",
    to: "",
    caught: { left: "EmulatedFunction" },
  },
  {
    name: "over-release",
    file: "metal/commands.m",
    from: "  [c->fence release];\n",
    to: "  [c->fence release];\n  [c->fence release];\n",
    caught: { misuse: /^over-release of a EmulatedFence$/ },
  },
  {
    name: "too-many-threads",
    file: "metal/commands.m",
    from: "MTLSizeMake(d->threads, 1, 1)",
    to: "MTLSizeMake(d->threads * 64, 1, 1)",
    caught: { misuse: /threads in a group, the pipeline's maximum is/ },
  },
  {
    name: "too-few-threads",
    file: "metal/ops_gemm.m",
    from: ".operand = {g->a.place, g->b.place, c}, .operands = 3, .threads = p->threads}",
    to: ".operand = {g->a.place, g->b.place, c}, .operands = 3, .threads = p->threads / 2}",
    caught: "numbers",
  },
  {
    name: "missing-end",
    file: "metal/commands.m",
    from: "  [c->encoder updateFence:c->fence];\n  [c->encoder endEncoding];\n",
    to: "  [c->encoder updateFence:c->fence];\n",
    caught: { misuse: /^commit with an open encoder$/ },
  },
  {
    name: "use-after-commit",
    file: "metal/commands.m",
    from: "  else [c->buffer release];\n",
    to: "  else [c->buffer release];\n  [c->buffer computeCommandEncoder];\n",
    caught: { misuse: /^an encoder was asked for after commit$/ },
  },
  {
    name: "missing-barrier",
    file: "metal/commands.m",
    from: "    [c->encoder memoryBarrierWithScope:MTLBarrierScopeBuffers];\n",
    to: "",
    caught: { misuse: /without a barrier$/ },
  },
  {
    name: "missing-pool",
    file: "metal/ops.m",
    from: "  @autoreleasepool {\n    tsr_metal_begin(run, op);",
    to: "  {\n    tsr_metal_begin(run, op);",
    caught: { misuse: /^autorelease of a \w+ without a pool/ },
  },
  {
    name: "lost-binding",
    file: "metal/commands.m",
    from: "atIndex:TSR_METAL_FIRST + i]",
    to: "atIndex:TSR_METAL_FIRST + i + 1]",
    caught: { misuse: /nothing is bound for/ },
  },
];

for (const { caught, ...bug } of bugs) {
  test(`rung 4 catches a planted bug in the host: ${bug.name}`, { skip }, async () => {
    const library = load([await buildLibrary(bug)]).native;
    const before = fresh().report();
    const { failure, error } = work(library);
    const after = fake!.report();
    const seen = `misuse ${after.misuse[0]}, left ${left(before.live, after.live)}, ${failure}, error ${error}`;
    if (caught === "numbers") assert.ok(!(error <= BOUND) || failure !== "", seen);
    else if ("misuse" in caught) assert.ok(after.misuse.some((text) => caught.misuse.test(text)), seen);
    else if ("left" in caught) assert.ok(left(before.live, after.live).includes(caught.left), seen);
    else assert.match(failure, caught.failure, seen);
  });
}

// ---- sanitizers: TSR_WHOLE=1, in Bun alone: the child is the same ----

const cases = join(root, "tests/metal-emulator/rungs/cuda_cases.ts");

/** Runs families of the cases with the host code watched by AddressSanitizer and UBSan. */
async function watch(planted?: Planted, families: readonly string[] = [], shared = 1): Promise<Ended> {
  const { library, preload } = await buildSanitized(planted);
  return run(bun, [cases, ...families], {
    // A JavaScript runtime frees nothing at its end; what of Metal lives on, the fake tells.
    ASAN_OPTIONS: "detect_leaks=0",
    LD_PRELOAD: preload,
    TSR_LIB: library,
    TSR_DEVICE: "metal",
    TSR_EMULATED_KERNELS: kernels,
    TSR_EMULATED_NOCOPY: `${shared}`,
  });
}

const plantedMemory: readonly (Planted & { readonly says: RegExp })[] = [
  {
    name: "flight-after-end",
    file: "metal/commands.m",
    from: "  drop(f);\n  c->flights--;\n",
    to: "  drop(f);\n  f->over = false;\n  c->flights--;\n",
    says: /AddressSanitizer: heap-use-after-free[\s\S]*await_oldest/,
  },
  {
    name: "unset-flight",
    file: "metal/commands.m",
    from: "calloc(1, sizeof *f)",
    to: "malloc(sizeof *f)",
    says: /commands\.m.*runtime error: load of value \d+, which is not a valid value for type '_Bool'/,
  },
];

if (process.env["TSR_WHOLE"] === "1" && runtime === "bun") {
  test("rung 4: sanitizers find nothing in the host's code", { skip }, async () => {
    for (const ended of [await watch(), await watch(undefined, ["general", "orthogonal", "elementwise"], 0)]) {
      assert.equal(ended.code, 0, ended.errors);
      assert.match(ended.out, /all within their bounds/);
    }
  });

  for (const { says, ...bug } of plantedMemory) {
    test(`rung 4: sanitizers find a planted bug: ${bug.name}`, { skip }, async () => {
      const { code, errors } = await watch(bug, ["elementwise"]);
      assert.notEqual(code, 0);
      assert.match(errors, says);
    });
  }
}
