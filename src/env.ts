// The only reader of the environment. A variable whose reading is not permitted counts as unset.
import process from "node:process";

/** The names, with what each takes. */
export const variables = {
  TSR_DEVICE: "device to open: cpu, cpu:portable, cpu:avx2",
  TSR_LIB: "path of the native library",
  TSR_TUNE: "dispatch rows put before the table, as qr.block=32;gemm=packed",
  TSR_THREADS: "threads of the CPU library, 1 to 256",
  TSR_DEBUG: "0 to 3: what is told on stderr",
} as const;

export type Variable = keyof typeof variables;

/** The value of a variable; undefined where it is unset, empty, or may not be read. */
export function read(name: Variable): string | undefined {
  try {
    return process.env[name] || undefined;
  } catch (error) {
    if (error instanceof Error && (error.name === "NotCapable" || error.name === "PermissionDenied")) return undefined;
    throw error;
  }
}
