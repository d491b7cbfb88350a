// The foreign suites: where they come from, how a copy is had and checked, and how a file of theirs is loaded with the
// adapters in place of what it imports. No file of theirs is part of this tree.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** One test file of another project, at one commit. */
export interface Source {
  readonly name: string;
  readonly url: string;
  readonly sha256: string;
}

/** Modules by the names that the foreign file imports them by. */
export type Modules = Readonly<Record<string, object>>;

const folder = fileURLToPath(new URL("../../build/compat", import.meta.url));
const PATIENCE_MS = 20_000;

/** The text, or why it cannot be had; from the cache in build/compat, else from the network. */
export async function obtain(source: Source): Promise<{ text: string } | { missing: string }> {
  const cached = join(folder, `${source.name}.ts`);
  try {
    return { text: checked(source, readFileSync(cached, "utf8"), cached) };
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
  let text: string;
  try {
    const answer = await fetch(source.url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    text = await answer.text();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { missing: `cannot be fetched (${why}); save ${source.url} as build/compat/${source.name}.ts` };
  }
  checked(source, text, source.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(cached, text);
  return { text };
}

function checked({ sha256 }: Source, text: string, where: string): string {
  const found = createHash("sha256").update(text).digest("hex");
  if (found !== sha256) throw new Error(`${where} has SHA-256 ${found}, expected ${sha256}: delete it, or look why`);
  return text;
}

/** The file as the body of a function of the modules it imports. */
export function asFunction(text: string): string {
  const body = text.replace(
    /^import \{([^}]*)\} from (["'][^"']+["']);$/gm,
    (_, names: string, module: string) => `const {${names.replace(/(\w+) as (\w+)/g, "$1: $2")}} = modules[${module}];`,
  );
  const left = /^(?:import|export)\b.*$/m.exec(body);
  if (left) throw new Error(`cannot load a test file with the line: ${left[0]}`);
  return `export default async function (modules) {\n${body}\n}\n`;
}

/** Runs the file's statements: its tests are registered when the promise settles. */
export async function load({ name }: Source, text: string, modules: Modules): Promise<void> {
  const path = join(folder, `${name}.function.ts`);
  writeFileSync(path, asFunction(text));
  const { default: run } = await import(pathToFileURL(path).href) as { default: (modules: Modules) => Promise<void> };
  await run(modules);
}
