// How the tests check refusals: the class, code, name and message of an error, by both forms of a call.
import assert from "node:assert/strict";
import * as la from "../src/index.ts";

/** A class of errors with its code. */
interface Kind {
  readonly type: new (...args: never[]) => Error;
  readonly code: string;
}

/** The error that a call must end with. */
export interface Wanted extends Kind {
  readonly text: RegExp;
  readonly fields?: Record<string, number>;
}

/** Fails unless this is the wanted error and its message names the operation. */
export function checkError(error: unknown, op: string, wanted: Wanted): void {
  assert.ok(error instanceof wanted.type, `${String(error)} is no ${wanted.type.name}`);
  const seen = error as Error & { code?: string };
  assert.equal(seen.code, wanted.code);
  assert.equal(seen.name, wanted.type.name);
  assert.ok(seen.message.includes(op), `the message does not name ${op}: ${seen.message}`);
  assert.match(seen.message, wanted.text);
  for (const [field, value] of Object.entries(wanted.fields ?? {})) {
    assert.equal(Reflect.get(error, field), value, field);
  }
}

/** Both forms fail alike; the promised one by its promise, never by throwing. */
export async function fails(
  op: string,
  blocking: () => unknown,
  promised: () => Promise<unknown>,
  wanted: Wanted,
): Promise<void> {
  let thrown: unknown;
  try {
    blocking();
  } catch (error) {
    thrown = error;
  }
  assert.ok(thrown !== undefined, "the blocking form returned");
  checkError(thrown, op, wanted);
  const promise = promised();
  await assert.rejects(promise, (error) => {
    checkError(error, op, wanted);
    return true;
  });
}

export const shape: Kind = { type: la.ShapeError, code: "TSR_SHAPE" };
export const argument: Kind = { type: la.ArgumentError, code: "TSR_ARGUMENT" };
export const dtype: Kind = { type: la.DTypeError, code: "TSR_DTYPE" };
export const overflow: Kind = { type: la.OverflowError, code: "TSR_OVERFLOW" };
export const nonFinite: Kind = { type: la.NonFiniteError, code: "TSR_NON_FINITE" };
export const positive: Kind = { type: la.NotPositiveDefiniteError, code: "TSR_NOT_POSITIVE_DEFINITE" };
export const disposed: Kind = { type: la.DisposedError, code: "TSR_DISPOSED" };
export const device: Kind = { type: la.DeviceError, code: "TSR_DEVICE" };
export const library: Kind = { type: la.LibraryError, code: "TSR_LIBRARY" };
