// The only reader of the environment. A variable whose reading is not permitted counts as unset.
import process from "node:process";
import { ArgumentError } from "./errors.ts";

/** The names, with what each takes. */
export const variables = {
  TSR_DEVICE: "device to open: metal, cpu, cpu:portable, cpu:avx2, cpu:avx512, cpu:neon",
  TSR_LIB: "path of the native library",
  TSR_BLAS: "path of a BLAS and LAPACK for engine blas",
  TSR_MLX: "path of mlx-c for engine mlx",
  TSR_TUNE: "dispatch rows put before the table, as qr.block=32;gemm=packed, or @FILE of tesserae tune",
  TSR_THREADS: "threads of the CPU library, 1 to 256",
  TSR_DEBUG: "0 to 3: what is told on stderr",
} as const;

export type Variable = keyof typeof variables;

interface DenoEnv {
  permissions: { querySync(wanted: { name: "env"; variable: string }): { state: string } };
}

const deno = (globalThis as unknown as { Deno?: DenoEnv }).Deno;

/** The value of a variable; undefined where it is unset, empty, or may not be read, for which Deno would ask the user.
 */
export function read(name: Variable): string | undefined {
  if (deno && deno.permissions.querySync({ name: "env", variable: name }).state !== "granted") return undefined;
  return process.env[name] || undefined;
}

/** What TSR_DEBUG asks for: 1 devices opened, 2 a line for each operation, 3 also why. A wrong value asks for nothing:
 * an error at import could not be caught. */
export function debugLevel(): number {
  const value = Number(read("TSR_DEBUG") ?? "0");
  return [1, 2, 3].includes(value) ? value : 0;
}

/** Throws where TSR_DEBUG has a wrong value; open() asks. */
export function checkDebug(): void {
  const text = read("TSR_DEBUG") ?? "0";
  if (!["0", "1", "2", "3"].includes(text)) {
    throw new ArgumentError(`TSR_DEBUG is ${text}; it must be a whole number from 0 to 3`);
  }
}

export function debugLine(text: string): void {
  process.stderr.write(`tesserae: ${text}\n`);
}
