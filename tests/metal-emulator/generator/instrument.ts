// Puts calls of the checker before every load, store, copy and atomic operation of LLVM's text form, each with the file
// and line it comes from, and counts float operations a basic block at a time. Functions of the runtime are left alone.

/** Files of the emulator: an access inside them is told with the line that called them. */
const shim = /(?:^|\/)(?:msl_\w+\.hpp|machine\.hpp|metal_\w+)$/;

interface Place {
  readonly file: string;
  readonly line: number;
}

/** Finds file and line of debug locations. */
class Places {
  readonly #nodes = new Map<string, string>();
  readonly #found = new Map<string, Place>();

  constructor(text: string) {
    for (
      const m of text.matchAll(
        /^(!\d+) = (?:distinct )?(!DI(?:Location|Subprogram|LexicalBlock|LexicalBlockFile|File)\(.*)$/gm,
      )
    ) {
      this.#nodes.set(m[1]!, m[2]!);
    }
  }

  #file(scope: string): string {
    const node = this.#nodes.get(scope) ?? "";
    const file = /\bfile: (!\d+)/.exec(node)?.[1];
    return /filename: "([^"]*)"/.exec(this.#nodes.get(file ?? "") ?? "")?.[1] ?? "?";
  }

  /** The place of a !DILocation, outside the emulator's own headers where possible. */
  of(location: string | undefined): Place {
    if (location === undefined) return { file: "?", line: 0 };
    const known = this.#found.get(location);
    if (known) return known;
    const node = this.#nodes.get(location) ?? "";
    const file = this.#file(/\bscope: (!\d+)/.exec(node)?.[1] ?? "");
    const outer = /\binlinedAt: (!\d+)/.exec(node)?.[1];
    const own = { file, line: Number(/\bline: (\d+)/.exec(node)?.[1] ?? 0) };
    const place = shim.test(file) && outer !== undefined ? this.of(outer) : own;
    this.#found.set(location, place);
    return place;
  }
}

const scalars: Readonly<Record<string, number>> = { half: 2, bfloat: 2, float: 4, double: 8, ptr: 8, x86_fp80: 10 };

/** The type at the start of a text: its bytes and its length as text. */
function parseType(text: string): { bytes: number; end: number } {
  const word = /^(?:i(\d+)|[a-z]\w*|%[\w.$":-]+)/.exec(text);
  if (word) return { bytes: word[1] ? Math.ceil(Number(word[1]) / 8) : scalars[word[0]] ?? 0, end: word[0].length };
  const array = /^[<[](\d+) x /.exec(text);
  if (array) {
    const inner = parseType(text.slice(array[0].length));
    return { bytes: Number(array[1]) * inner.bytes, end: array[0].length + inner.end + 1 };
  }
  let end = text.indexOf("{") + 1, bytes = 0;
  while (end < text.length && !/^\s*\}/.test(text.slice(end))) {
    end += /^[\s,]*/.exec(text.slice(end))![0].length;
    const inner = parseType(text.slice(end));
    bytes += inner.bytes;
    end += inner.end;
  }
  return { bytes, end: text.indexOf("}", end) + 1 };
}

type Flops = { fma: number; mul: number; add: number; other: number };

/** What an instruction adds to the count of float operations. */
function flopsOf(line: string): { kind: keyof Flops; count: number } | undefined {
  const m = /= (?:(?:\w+ )?call|(f(?:mul|add|sub|div|rem)))\b([^@%]*?)\b(<\d+ x )?(?:float|half|bfloat|double)\b/
    .exec(line);
  if (!m) return undefined;
  const count = Number(/\d+/.exec(m[3] ?? "1")![0]);
  if (m[1] === undefined) {
    const called = /@([\w.]+)\(/.exec(line)?.[1] ?? "";
    if (/^(?:llvm\.fma|llvm\.fmuladd|fmaf?$)/.test(called)) return { kind: "fma", count };
    const free = /^llvm\.(?:fabs|copysign|minnum|maxnum|floor|ceil|trunc|rint|round|vector)/;
    return /^(?:llvm\.|[a-z0-9]+f$)/.test(called) && !free.test(called) ? { kind: "other", count } : undefined;
  }
  return { kind: m[1] === "fmul" ? "mul" : m[1] === "fadd" || m[1] === "fsub" ? "add" : "other", count };
}

const declarations = [
  "declare void @emulator_load(ptr, i32, ptr, i32)",
  "declare void @emulator_store(ptr, i32, ptr, i32)",
  "declare void @emulator_atomic(ptr, i32, ptr, i32)",
  "declare void @emulator_copy(ptr, ptr, i64, ptr, i32)",
  "declare void @emulator_fill(ptr, i64, ptr, i32)",
  "declare void @emulator_flops(i32, i32, i32, i32)",
];

class Instrumenter {
  readonly #places: Places;
  readonly #files: string[] = [];
  #locals = new Set<string>();
  #block: string[] = [];
  #flops: Flops = { fma: 0, mul: 0, add: 0, other: 0 };

  constructor(text: string) {
    this.#places = new Places(text);
  }

  /** The two last arguments of a call: where in the source it is. */
  #site(line: string): string {
    const { file, line: number } = this.#places.of(/!dbg (!\d+)/.exec(line)?.[1]);
    if (!this.#files.includes(file)) this.#files.push(file);
    return `ptr @emulator.file.${this.#files.indexOf(file)}, i32 ${number}`;
  }

  /** Variables of the thread itself and state of the emulator need no check. */
  #skips(pointer: string): boolean {
    return this.#locals.has(pointer) || pointer.includes("@_ZN8emulator7machineE");
  }

  /** The call to put before an instruction; undefined for one that touches no memory of others. */
  #callFor(line: string): string | undefined {
    const load = /= load (?:volatile )?(?!atomic)(.+?), ptr (.+?), align \d/.exec(line);
    if (load) {
      const bytes = parseType(load[1]!).bytes;
      return this.#skips(load[2]!) ? undefined : `@emulator_load(ptr ${load[2]}, i32 ${bytes}, ${this.#site(line)})`;
    }
    const store = /^\s*store (?:volatile )?(?!atomic)(.+), ptr (.+?), align \d/.exec(line);
    if (store) {
      const bytes = parseType(store[1]!).bytes;
      return this.#skips(store[2]!) ? undefined : `@emulator_store(ptr ${store[2]}, i32 ${bytes}, ${this.#site(line)})`;
    }
    const copy = /call void @llvm\.mem(?:cpy|move)[.\w]*\(ptr (.+), ptr (.+), i64 (.+), i1 \w+\)/.exec(line);
    if (copy) {
      const [to, from] = [copy[1]!, copy[2]!].map(withoutAttributes);
      return `@emulator_copy(ptr ${to}, ptr ${from}, i64 ${withoutAttributes(copy[3]!)}, ${this.#site(line)})`;
    }
    const fill = /call void @llvm\.memset[.\w]*\(ptr (.+), i8 .+, i64 (.+), i1 \w+\)/.exec(line);
    if (fill) {
      const size = withoutAttributes(fill[2]!);
      return `@emulator_fill(ptr ${withoutAttributes(fill[1]!)}, i64 ${size}, ${this.#site(line)})`;
    }
    const atomic =
      /(?:= load atomic .*?, |store atomic .*, |= atomicrmw (?:volatile )?\w+ |= cmpxchg (?:\w+ )*?)ptr ([^,]+),/
        .exec(line);
    return atomic ? `@emulator_atomic(ptr ${atomic[1]}, i32 4, ${this.#site(line)})` : undefined;
  }

  /** The lines of a finished block, with its count of float operations before the first of them. */
  #flush(out: string[]): void {
    const { fma, mul, add, other } = this.#flops;
    const first = this.#block.findIndex((line) => flopsOf(line) !== undefined);
    if (first >= 0) {
      this.#block.splice(first, 0, `  call void @emulator_flops(i32 ${fma}, i32 ${mul}, i32 ${add}, i32 ${other})`);
    }
    for (const line of this.#block) out.push(line);
    this.#block = [];
    this.#flops = { fma: 0, mul: 0, add: 0, other: 0 };
  }

  run(text: string): string {
    const out: string[] = [];
    let inside = false;
    for (const line of text.split("\n")) {
      if (line.startsWith("define ")) {
        inside = !/@"?_ZNK?Z?N?8emulator/.test(line);
        this.#locals = new Set();
      }
      const label = /^[\w.$"-]+:/.test(line) || line === "}";
      if (!inside || label) this.#flush(out);
      if (line === "}") inside = false;
      if (!inside) {
        out.push(line);
        continue;
      }
      const local = /^\s*(%[\w.$"-]+) = alloca /.exec(line);
      if (local) this.#locals.add(local[1]!);
      const call = this.#callFor(line), flops = flopsOf(line);
      if (call) this.#block.push(`  call void ${call}`);
      if (flops) this.#flops[flops.kind] += flops.count;
      this.#block.push(line);
    }
    this.#flush(out);
    const files = this.#files.map((file, i) => {
      const bytes = Buffer.from(file);
      const text = [...bytes].map((b) => `\\${b.toString(16).padStart(2, "0")}`).join("");
      return `@emulator.file.${i} = private unnamed_addr constant [${bytes.length + 1} x i8] c"${text}\\00"`;
    });
    return [...out, ...files, ...declarations, ""].join("\n");
  }
}

/** `noundef nonnull align 4 dereferenceable(8) %x` without what stands before the value. */
function withoutAttributes(text: string): string {
  return text.replace(
    /^(?:(?:noundef|nonnull|noalias|nocapture|writeonly|readonly|captures\(none\)|align \d+|deref\w+\(\d+\)) )+/,
    "",
  );
}

/** The checked form of a module in LLVM's text form. */
export function instrument(text: string): string {
  return new Instrumenter(text).run(text);
}
