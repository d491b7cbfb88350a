// The device that the tests run on, and what its facts ask of their sizes.
import { open } from "../src/index.ts";

export interface Found {
  readonly name: string;
  readonly library: string;
  /** Kernels run on the CPU, a statement at a time: 256x256x256 takes a tenth of a second. */
  readonly emulated: boolean;
}

let found: Found | undefined;

/** The default device; opened once for its facts, and closed again. */
export function testDevice(): Found {
  if (!found) {
    using device = open();
    found = { name: device.name, library: device.library, emulated: device.facts.emulated };
  }
  return found;
}

/** A size, or a list, that a real device takes, or its little brother for an emulated one. */
export function sized<T>(real: T, emulated: T): T {
  return testDevice().emulated ? emulated : real;
}

/** The whole list, or on an emulated device one of `step`. */
export function thinned<T>(list: readonly T[], step: number): readonly T[] {
  return list.filter((_, at) => at % sized(1, step) === 0);
}
