// Child processes for the tests of whole programs: both runtimes by path, and a run to the end with its output kept.
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import process from "node:process";

export const runtime: "bun" | "deno" = "Deno" in globalThis ? "deno" : "bun";

/** Both runtimes, as `npm test` puts them on PATH. By name: a child that Deno starts by its own path gets all of its
 * permissions, whatever the flags say. */
export const bun = "bun";
export const deno = "deno";

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
