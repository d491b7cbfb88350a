// What is checked of every view and every options block, whatever the operation, and that overlap is found exactly.
// A call that is refused encodes nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { nameOf, options, Raw, viewOf } from "./raw.ts";
import { changed, check, type View } from "./statuses.ts";

const big = 2 ** 32 - 1;
const { TSR_E_ARGUMENT, TSR_E_HANDLE, TSR_E_UNSUPPORTED, TSR_E_BOUNDS, TSR_E_TYPE } = abi;

check("view", [
  ["trans beyond 1", TSR_E_ARGUMENT, /laset: A has trans 2/, (t) => t.laset(changed(t, { [abi.TSR_VIEW_TRANS]: 2 }))],
  ["no such type", TSR_E_TYPE, /laset: A has type 4/, (t) => t.laset(changed(t, { [abi.TSR_VIEW_TYPE]: 4 }))],
  ["batch 0", TSR_E_ARGUMENT, /laset: A has batch 0/, (t) => t.laset(changed(t, { [abi.TSR_VIEW_BATCH]: 0 }))],
  ["a batch stride", TSR_E_ARGUMENT, /batch stride/, (t) => t.laset(changed(t, { [abi.TSR_VIEW_STRIDE_LOW]: 1 }))],
  [
    "a high batch stride",
    TSR_E_ARGUMENT,
    /batch stride/,
    (t) => t.laset(changed(t, { [abi.TSR_VIEW_STRIDE_HIGH]: 1 })),
  ],
  ["flags", TSR_E_ARGUMENT, /flags/, (t) => t.laset(changed(t, { [abi.TSR_VIEW_FLAGS]: 1 }))],
  [
    "ld below cols",
    TSR_E_BOUNDS,
    /leading dimension 3 is less than its 4 columns/,
    (t) => t.laset(changed(t, { [abi.TSR_VIEW_LD]: 3 })),
  ],
  ["ld below cols of an empty view", TSR_E_BOUNDS, /leading dimension 1/, (t) => t.laset(viewOf(0, 0, 2, { ld: 1 }))],
  [
    "one row too many",
    TSR_E_BOUNDS,
    /needs elements 0 to 0 \+ 20 of a buffer of 15/,
    (t) => t.laset(changed(t, { [abi.TSR_VIEW_ROWS]: 5 })),
  ],
  ["one element too far", TSR_E_BOUNDS, /buffer of 15/, (t) => t.laset(changed(t, { [abi.TSR_VIEW_OFFSET_LOW]: 4 }))],
  [
    "an offset of 2^63",
    TSR_E_BOUNDS,
    /buffer of 15/,
    (t) => t.laset(changed(t, { [abi.TSR_VIEW_OFFSET_HIGH]: 2 ** 31 })),
  ],
  ["an offset that would wrap around", TSR_E_BOUNDS, /buffer of 15/, (t) => t.laset(changed(t, { 4: big, 5: big }))],
  ["rows times ld beyond 2^63", TSR_E_BOUNDS, /buffer of 15/, (t) => t.laset(changed(t, { 1: big, 2: big, 3: big }))],
  [
    "no buffer",
    TSR_E_HANDLE,
    /laset: A lies in 0x00000000/,
    (t) => t.laset(changed(t, { [abi.TSR_VIEW_BUFFER]: 0 })),
  ],
  ["an unknown buffer", TSR_E_HANDLE, /0x000fffff/, (t) => t.laset(changed(t, { [abi.TSR_VIEW_BUFFER]: 0xFFFFF }))],
  ["an unknown buffer of an empty view", TSR_E_HANDLE, /0x00000005/, (t) => t.laset(viewOf(5, 0, 0))],
  ["float64 numbers across an 8-byte border", TSR_E_ARGUMENT, /no multiple of 8/, (t) => {
    const handle = t.raw.wrap(new Uint8Array(new ArrayBuffer(64), 4, 32));
    return t.laset(viewOf(handle, 2, 2, { type: abi.TSR_F64 }));
  }],
]);

const { TSR_OPTION_ENGINE, TSR_OPTION_TILE, TSR_OPTION_CHAIN, TSR_OPTION_PREDICATE, TSR_OPTION_PREDICATE_INDEX } =
  abi;

check("options", [
  [
    "engine blas",
    TSR_E_UNSUPPORTED,
    /engine blas is not attached.*tsr_attach/,
    (t) => t.laset(t.v(2, 2), options({ [TSR_OPTION_ENGINE]: abi.TSR_BLAS })),
  ],
  [
    "engine mlx",
    TSR_E_UNSUPPORTED,
    /engine mlx is not attached/,
    (t) => t.laset(t.v(2, 2), options({ [TSR_OPTION_ENGINE]: abi.TSR_MLX })),
  ],
  ["no such engine", TSR_E_ARGUMENT, /engine is 3/, (t) => t.laset(t.v(2, 2), options({ [TSR_OPTION_ENGINE]: 3 }))],
  ["no such tile", TSR_E_ARGUMENT, /tile is 9/, (t) => t.laset(t.v(2, 2), options({ [TSR_OPTION_TILE]: 9 }))],
  [
    "a product's tile elsewhere",
    TSR_E_UNSUPPORTED,
    /laset: tile 3/,
    (t) => t.laset(t.v(2, 2), options({ [TSR_OPTION_TILE]: abi.TSR_TILE_PACKED })),
  ],
  [
    "a chain of 33",
    TSR_E_ARGUMENT,
    /chain is 33; it must be 0 .* or 32/,
    (t) => t.laset(t.v(2, 2), options({ [TSR_OPTION_CHAIN]: 33 })),
  ],
  ["a reserved word", TSR_E_ARGUMENT, /reserved word 6/, (t) => t.laset(t.v(2, 2), options({ 6: 1 }))],
  [
    "a stale predicate",
    TSR_E_HANDLE,
    /the predicate lies in 0x00000009/,
    (t) => t.laset(t.v(2, 2), options({ [TSR_OPTION_PREDICATE]: 9 })),
  ],
  ["a predicate beyond its buffer", TSR_E_BOUNDS, /word 1 of a buffer of 4 bytes/, (t) => {
    const handle = t.raw.wrap(new Uint8Array(new ArrayBuffer(4)));
    return t.laset(t.v(2, 2), options({ [TSR_OPTION_PREDICATE]: handle, [TSR_OPTION_PREDICATE_INDEX]: 1 }));
  }],
  [
    "an index without predicate",
    TSR_E_ARGUMENT,
    /index of 2 without/,
    (t) => t.laset(t.v(2, 2), options({ [TSR_OPTION_PREDICATE_INDEX]: 2 })),
  ],
]);

// ---- overlap ----

/** Whether two views share an element, by listing them. */
function share(a: View, b: View): boolean {
  const elements = (v: View): number[] =>
    Array.from({ length: v[1]! * v[2]! }, (_, k) => v[4]! + Math.floor(k / v[2]!) * v[3]! + k % v[2]!);
  const seen = new Set(elements(a));
  return elements(b).some((element) => seen.has(element));
}

test("overlap is exact: blocks of one matrix that interleave in memory are fine, a shared element is not", () => {
  using raw = new Raw();
  const handle = raw.wrap(new Uint8Array(new ArrayBuffer(4 * 400)));
  let state = 1;
  const random = (n: number): number => (state = state * 48271 % 0x7FFFFFFF) % n;
  const counts = [0, 0];
  for (let i = 0; i < 20000; i++) {
    const [m, n] = [1 + random(5), 1 + random(5)], same = random(2) === 1, ld = 5 + random(9);
    const block = (stride: number): View => viewOf(handle, m, n, { ld: stride, offset: random(60) });
    const A = block(ld), B = block(same ? ld : 5 + random(9));
    const status = raw.native.tsr_geadd(raw.context, 1, A, 0, B, options());
    const wanted = share(A, B);
    counts[Number(wanted)]!++;
    assert.equal(nameOf(status), wanted ? "TSR_E_ALIAS" : "TSR_OK", `A ${A.slice(1, 5)} B ${B.slice(1, 5)}`);
    if (i % 1000 === 0) raw.run();
  }
  assert.ok(counts[0]! > 2000 && counts[1]! > 2000, `both must occur: ${counts}`);
});

test("overlap is found between two handles of the same memory", () => {
  using raw = new Raw();
  const memory = new Uint8Array(new ArrayBuffer(64));
  const A = viewOf(raw.wrap(memory), 2, 2), B = viewOf(raw.wrap(memory.subarray(12)), 2, 2);
  assert.equal(nameOf(raw.native.tsr_geadd(raw.context, 1, A, 0, B, options())), "TSR_E_ALIAS");
});
