// A source text under translation: a mask with comments and strings blanked, positions in the original files, brackets,
// and edits that keep every line where it was.

/** What the generator will not translate: one line for each reason, with file and line. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

export interface Piece {
  readonly offset: number;
  readonly text: string;
}

type Range = readonly [from: number, to: number];

const blankOf = (text: string): string => text.replace(/[^\n]/g, " ");

/** The text with comments, strings and preprocessor lines blanked; lines and columns stay. */
export function maskOf(source: string): string {
  const words = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'/g;
  return source.replace(words, blankOf).replace(/^[ \t]*#(?:[^\n]*\\\n)*[^\n]*/gm, blankOf);
}

/** The parts between commas that stand in no bracket. */
export function splitTop(text: string): Piece[] {
  const pieces: Piece[] = [];
  let depth = 0, from = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if ("([{<".includes(c)) depth++;
    else if (")]}>".includes(c)) depth--;
    else if (c === "," && depth === 0) {
      pieces.push({ offset: from, text: text.slice(from, i) });
      from = i + 1;
    }
  }
  if (text.slice(from).trim() !== "") pieces.push({ offset: from, text: text.slice(from) });
  return pieces;
}

/** Where the angle bracket opens that the last character of the text closes; -1 where there is none. */
export function openAngle(text: string): number {
  let depth = 0, round = 0;
  for (let i = text.length - 1; i >= 0; i--) {
    const c = text[i]!;
    if (c === ")") round++;
    else if (c === "(") round--;
    else if (round === 0 && c === ">") depth++;
    else if (round === 0 && c === "<" && --depth === 0) return i;
  }
  return -1;
}

const closing: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

export class Text {
  readonly file: string;
  source: string;
  mask: string;
  readonly #refusals: string[] = [];
  readonly #marks: { readonly offset: number; readonly line: number; readonly file: string }[] = [];
  readonly #edits: { readonly range: Range; readonly text: string }[] = [];

  /** `source` may carry the line markers of a preprocessor. */
  constructor(file: string, source: string) {
    this.file = file;
    this.source = source;
    this.mask = maskOf(source);
    for (const m of source.matchAll(/^#(?:line)? (\d+) "([^"]*)"[^\n]*$/gm)) {
      this.#marks.push({ offset: m.index + m[0].length + 1, line: Number(m[1]), file: m[2]! });
    }
  }

  /** File and line of an offset, as the markers tell. */
  where(offset: number): { file: string; line: number } {
    const mark = this.#marks.findLast((m) => m.offset <= offset) ?? { offset: 0, line: 1, file: this.file };
    const lines = this.source.slice(mark.offset, offset).split("\n").length - 1;
    return { file: mark.file, line: mark.line + lines };
  }

  refuse(offset: number, why: string): void {
    const { file, line } = this.where(offset);
    this.#refusals.push(`${file}:${line}: ${why}`);
  }

  /** Throws when anything has been refused. */
  settle(): void {
    if (this.#refusals.length > 0) throw new Refusal(this.#refusals.join("\n"));
  }

  /** The bracket that closes the one at an offset. */
  close(offset: number): number {
    const open: string[] = [];
    for (let i = offset; i < this.mask.length; i++) {
      const c = this.mask[i]!;
      if (c in closing) open.push(closing[c]!);
      else if (c === ")" || c === "]" || c === "}") {
        if (open.pop() !== c) break;
        if (open.length === 0) return i;
      }
    }
    this.refuse(offset, `no bracket closes this ${this.mask[offset]}`);
    this.settle();
    return -1;
  }

  /** The angle bracket that closes the one at an offset; -1 when it is a comparison. */
  closeAngle(offset: number): number {
    let depth = 0;
    for (let i = offset; i < this.mask.length; i++) {
      const c = this.mask[i]!;
      if (c in closing) i = this.close(i);
      else if (c === "<") depth++;
      else if (c === ">" && --depth === 0) return i;
      else if (c === ";") return -1;
    }
    return -1;
  }

  /** Overwrites ranges with spaces, at once. */
  blank(ranges: Range[]): void {
    const sorted = ranges.toSorted((a, b) => a[0] - b[0]);
    const over = (text: string): string => {
      let out = "", position = 0;
      for (const [from, to] of sorted) {
        if (from < position) continue;
        out += text.slice(position, from) + blankOf(text.slice(from, to));
        position = to;
      }
      return out + text.slice(position);
    };
    this.source = over(this.source);
    this.mask = over(this.mask);
  }

  /** Replaces a range when the result is asked for, so that offsets stay valid until then. */
  edit(from: number, to: number, text: string): void {
    const lines = this.source.slice(from, to).split("\n").length - text.split("\n").length;
    this.#edits.push({ range: [from, to], text: text + "\n".repeat(Math.max(0, lines)) });
  }

  /** The text with all edits made. */
  result(): string {
    let out = "", position = 0;
    for (const { range: [from, to], text } of this.#edits.toSorted((a, b) => a.range[0] - b.range[0])) {
      if (from < position) continue;
      out += this.source.slice(position, from) + text;
      position = to;
    }
    return out + this.source.slice(position);
  }
}
