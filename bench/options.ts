// The command lines of the programs here: a table of options, --help, and an error for what is not in the table.
import process from "node:process";
import { parseArgs } from "node:util";

export interface Option {
  readonly type: "boolean" | "string";
  readonly multiple?: boolean;
  /** What stands for its value in the help. */
  readonly value?: string;
  readonly text: string;
}

type Values<T extends Readonly<Record<string, Option>>> = {
  readonly [K in keyof T]?: T[K] extends { readonly multiple: true } ? string[]
    : T[K] extends { readonly type: "string" } ? string
    : boolean;
};

/** Says why, and ends the program: with 2 for wrong usage. */
export function refuse(message: string, code: number): never {
  console.error(message);
  process.exit(code);
}

function help(usage: string, options: Readonly<Record<string, Option>>): string {
  const names = Object.entries(options).map(([name, { value }]) => `--${name}${value ? ` ${value}` : ""}`);
  const width = Math.max(...names.map(({ length }) => length));
  const lines = Object.values(options).map(({ text }, i) => `  ${names[i]!.padEnd(width)}  ${text}`);
  return [`usage: ${usage}`, "", ...lines].join("\n");
}

/** The program's arguments by its table. */
export function commandLine<const T extends Readonly<Record<string, Option>>>(
  usage: string,
  table: T,
): { values: Values<T>; positionals: string[] } {
  const options = { ...table, help: { type: "boolean" } } as const;
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options });
    if ((values as { readonly help?: boolean }).help) {
      console.log(help(usage, table));
      process.exit(0);
    }
    return { values: values as Values<T>, positionals };
  } catch (error) {
    return refuse(`${(error as Error).message}\n\n${help(usage, table)}`, 2);
  }
}
