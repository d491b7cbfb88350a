// The fake Metal from JavaScript: its switches, and what it has found.
import { Buffer } from "node:buffer";
import process from "node:process";

export interface Report {
  /** What a device would not forgive, since the last report. */
  readonly misuse: readonly string[];
  /** Living objects by class. */
  readonly live: Readonly<Record<string, number>>;
  /** What ran since the start. */
  readonly commandBuffers: number;
  readonly dispatches: number;
}

interface Native {
  metal_fake_set(name: Uint8Array, value: Uint8Array): number;
  metal_fake_report(text: Uint8Array, capacity: number): number;
}

interface Ffi {
  dlopen(path: string, symbols: object): { symbols: unknown };
}

const REPORT_BYTES = 65_536;

export class Fake {
  readonly #native: Native;

  /** `path`: what buildFake gives; a host that is linked to the fake uses the same one. */
  constructor(path: string) {
    const deno = (globalThis as unknown as { Deno?: Ffi }).Deno;
    const ffi = deno ?? process.getBuiltinModule("bun:ffi") as unknown as Ffi;
    const entry = (parameters: string[]) => deno ? { parameters, result: "i32" } : { args: parameters, returns: "i32" };
    const table = {
      metal_fake_set: entry(["buffer", "buffer"]),
      metal_fake_report: entry(["buffer", "u32"]),
    };
    this.#native = ffi.dlopen(path, table).symbols as Native;
  }

  /** Sets a switch (see README.md); an empty value is the standard. */
  set(name: string, value: string | number = ""): void {
    const [n, v] = [name, `${value}`].map((text) => new Uint8Array(Buffer.from(`${text}\0`)));
    if (this.#native.metal_fake_set(n!, v!) !== 0) throw new Error(`the fake Metal has no switch ${name}`);
  }

  report(): Report {
    const bytes = new Uint8Array(REPORT_BYTES);
    const length = this.#native.metal_fake_report(bytes, bytes.length);
    const lines = new TextDecoder().decode(bytes.subarray(0, length)).trimEnd().split("\n");
    const of = (kind: string) =>
      lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.slice(kind.length + 1));
    const [commandBuffers = 0, dispatches = 0] = of("ran")[0]?.split(" ").map(Number) ?? [];
    const live = Object.fromEntries(of("live").map((line) => line.split(" ")).map(([name, n]) => [name, Number(n)]));
    return { misuse: of("misuse"), live, commandBuffers, dispatches };
  }
}
