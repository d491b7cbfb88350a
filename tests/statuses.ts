// Tests that a call is refused, as lists: what is wrong, the status, the text, and the call.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as abi from "../ffi/symbols.ts";
import { nameOf, type Operand, options, Raw, type Shape } from "./raw.ts";

export type View = Uint32Array<ArrayBuffer>;
export type Case = readonly [what: string, status: number, text: RegExp, call: (tools: Tools) => number];

/** Short forms of the operations for one case: operands by shape, default options. */
class Tools {
  readonly raw: Raw;
  readonly o: View = options();
  constructor(raw: Raw) {
    this.raw = raw;
  }

  get c(): number {
    return this.raw.context;
  }

  get n(): Raw["native"] {
    return this.raw.native;
  }

  v(m: number, n: number, shape: Shape = {}): View {
    return this.operand(m, n, shape).view;
  }

  operand(m: number, n: number, shape: Shape = {}): Operand {
    return this.raw.matrix(m, n, shape);
  }

  laset(view: View, o: View = this.o): number {
    return this.n.tsr_laset(this.c, abi.TSR_FULL, 0, 1, view, o);
  }
}

export function check(group: string, cases: readonly Case[]): void {
  for (const [what, status, text, call] of cases) {
    test(`${group}: ${what}`, () => {
      using raw = new Raw();
      assert.equal(nameOf(call(new Tools(raw))), nameOf(status));
      assert.match(raw.text(), text);
      raw.run();
      assert.deepEqual(raw.trace(), [], "a call that fails encodes nothing");
    });
  }
}

/** A 3 x 4 view with some words changed. */
export function changed(t: Tools, words: Readonly<Record<number, number>>): View {
  const view = t.v(3, 4);
  for (const [index, value] of Object.entries(words)) view[Number(index)] = value;
  return view;
}
