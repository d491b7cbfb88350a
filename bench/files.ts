// Matrices as files of plain float32, row by row: how the bench and its programs hand them to each other.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Scratch files, and what the peers need installed. */
export const build: string = fileURLToPath(new URL("../build", import.meta.url));

export interface Operand {
  readonly shape: readonly [number, number];
  readonly data: Float32Array;
}

export type Operands = Readonly<Record<string, Operand>>;

/** Where a matrix lies: path, rows, columns. */
export type Files = Readonly<Record<string, readonly [path: string, m: number, n: number]>>;

/** What lies in which file: one that is written again and again is written once. */
const written = new Map<string, WeakRef<Float32Array>>();

/** Writes matrices under build/bench, or in `folder`. */
export function store(operands: Operands, folder: string = join(build, "bench")): Files {
  const files: Record<string, readonly [string, number, number]> = {};
  mkdirSync(folder, { recursive: true });
  for (const [name, { shape, data }] of Object.entries(operands)) {
    const path = join(folder, `${name}.f32`);
    if (written.get(path)?.deref() !== data) {
      writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      written.set(path, new WeakRef(data));
    }
    files[name] = [path, ...shape];
  }
  return files;
}

export function load(files: Files): Record<string, Operand> {
  return Object.fromEntries(
    Object.entries(files).map(([name, [path, m, n]]) => {
      const bytes = readFileSync(path);
      return [name, { shape: [m, n], data: new Float32Array(bytes.buffer, bytes.byteOffset, m * n) }];
    }),
  );
}
