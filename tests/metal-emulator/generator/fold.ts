// On the CPU all address spaces are one. Of definitions that differ in address-space words only, the first stays.
import type { Text } from "./text.ts";

const spaces = /\b(?:thread|device|threadgroup|constant)\b/g;

/** A declaration without its spaces, member initialisers and address-space words: what two overloads share. */
function signature(mask: string): string {
  let head = mask, depth = 0;
  for (let i = 0; i < head.length; i++) {
    const c = head[i]!;
    if ("([{".includes(c)) depth++;
    else if (")]}".includes(c)) depth--;
    else if (c === ":" && depth === 0) {
      if (head[i + 1] === ":") i++;
      else if (/\)\s*(?:const|noexcept|thread|device|threadgroup|constant|\s)*$/.test(head.slice(0, i))) {
        head = head.slice(0, i);
        break;
      }
    }
  }
  return head.replace(spaces, " ").replace(/\s+/g, "");
}

class Folder {
  readonly #text: Text;
  readonly #seen = new Map<string, string>();
  readonly dropped: [number, number][] = [];

  constructor(text: Text) {
    this.#text = text;
  }

  /** Whether an earlier declaration differs from this one in address-space words only. */
  #repeats(from: number, to: number, scope: string): boolean {
    const head = this.#text.mask.slice(from, to);
    const key = `${scope}|${signature(head)}`, words = (head.match(spaces) ?? []).join();
    const before = this.#seen.get(key);
    if (before === undefined) this.#seen.set(key, words);
    return before !== undefined && before !== words;
  }

  /** Walks the declarations between two offsets. */
  walk(from: number, to: number, scope: string): void {
    const mask = this.#text.mask;
    let position = from;
    while (position < to) {
      if (/[\s;]/.test(mask[position]!)) {
        position++;
        continue;
      }
      const access = /^(?:public|private|protected)\s*:/.exec(mask.slice(position, position + 40));
      position = access ? position + access[0].length : this.#declaration(position, to, scope);
    }
  }

  /** One declaration from its start; where it ends. */
  #declaration(start: number, to: number, scope: string): number {
    const mask = this.#text.mask;
    for (let i = start; i < to; i++) {
      const c = mask[i]!;
      if (c === ";") {
        if (this.#repeats(start, i, scope)) this.dropped.push([start, i + 1]);
        return i + 1;
      }
      if (c === "(" || c === "[") i = this.#text.close(i);
      if (c !== "{") continue;
      const end = this.#text.close(i);
      const next = this.#block(start, i, end, scope);
      if (next !== undefined) return next;
      i = end;
    }
    return to;
  }

  /** A brace of a declaration: the offset after it, or undefined when the declaration goes on. */
  #block(start: number, open: number, end: number, scope: string): number | undefined {
    const mask = this.#text.mask;
    let head = mask.slice(start, open);
    const template = /^template\s*</.exec(head);
    const angle = template ? this.#text.closeAngle(start + template[0].length - 1) : -1;
    if (angle > 0) head = mask.slice(angle + 1, open);
    if (/^\s*(?:inline\s+)?namespace\b/.test(head) || /^\s*extern\s*$/.test(head)) {
      this.walk(open + 1, end, `${scope}|${head.replace(/\s+/g, "")}`);
      return end + 1;
    }
    const flat = head.replace(/\([^()]*\)/g, "").replace(/\[\[[^\]]*\]\]/g, "");
    if (/\b(?:struct|class|union)\b/.test(flat) && !/[()=]/.test(flat.replace(/<[^{}]*>/g, ""))) {
      const after = mask.indexOf(";", end) + 1;
      if (this.#repeats(start, open, scope)) {
        this.dropped.push([start, after]);
        return after;
      }
      this.walk(open + 1, end, `${scope}|${signature(mask.slice(start, open))}`);
      return end + 1;
    }
    const next = /\S/.exec(mask.slice(end + 1, end + 400))?.[0];
    const continues = /\benum\b/.test(flat) || /=\s*$/.test(head) || next === "," || next === "{" ||
      !head.includes(")");
    if (continues) return undefined;
    if (this.#repeats(start, open, scope)) this.dropped.push([start, end + 1]);
    return end + 1;
  }
}

/** Blanks repeated overloads, and address-space words behind a member function's parameters. */
export function foldOverloads(text: Text): void {
  const folder = new Folder(text);
  folder.walk(0, text.mask.length, "");
  text.blank(folder.dropped);
  const word = /\)\s*(?:const\s+|volatile\s+)*(thread|device|threadgroup|constant)\b/.source;
  const after = /(?=\s*(?:noexcept\b|:(?!:)|\{|;|=\s*(?:default|delete)))/.source;
  text.blank([...text.mask.matchAll(new RegExp(word + after, "g"))].map((m) => {
    const end = m.index + m[0].length;
    return [end - m[1]!.length, end];
  }));
}
