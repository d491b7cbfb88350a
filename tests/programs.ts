// Child processes for the tests of whole programs: both runtimes by path, and a run to the end with its output kept.
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import process from "node:process";

export const runtime: "bun" | "deno" = "Deno" in globalThis ? "deno" : "bun";

/** The two runtimes: this one, and the other as `npm test` puts it on PATH. */
export const bun: string = runtime === "bun" ? process.execPath : "bun";
export const deno: string = runtime === "deno" ? process.execPath : "deno";

export interface Ended {
  code: number | null;
  out: string;
  errors: string;
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  const [out, errors]: [Uint8Array[], Uint8Array[]] = [[], []];
  child.stdout.on("data", (chunk: Uint8Array) => out.push(chunk));
  child.stderr.on("data", (chunk: Uint8Array) => errors.push(chunk));
  child.on(
    "error",
    (error) => reject(new Error(`${program} could not be started (npm test puts it on PATH): ${error.message}`)),
  );
  child.on("close", (code) => resolve({ code, out: text(out), errors: text(errors) }));
  return promise;
}

function text(chunks: readonly Uint8Array[]): string {
  return Buffer.concat(chunks).toString();
}
