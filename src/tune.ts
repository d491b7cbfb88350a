// Dispatch as data: one table, first match wins. An override is a row put first, so there is no second code path.
import { readFileSync } from "node:fs";
import type { VendorEngine } from "./device.ts";
import { read } from "./env.ts";
import { ArgumentError } from "./errors.ts";

/** Where a row holds: device kind ("*": any), the largest m, n and k, and bounds that m·k (the size of a projection's
 * basis) and m·n·k stay below; absent: no bound. */
export interface Row {
  readonly key: Key;
  readonly device: string;
  readonly m?: number;
  readonly n?: number;
  readonly k?: number;
  readonly area?: number;
  readonly work?: number;
  readonly value: number | Tile | Method;
  /** Whose library computes it; absent: the own kernels. A device without that engine takes the next row. */
  readonly engine?: VendorEngine;
  readonly why: string;
}

/** Ways of the tiled engine through an operation, as tsr_trace tells them; the index is tsr.h's TSR_TILE_*. */
export const tiles = [
  "default",
  "reference",
  "small",
  "packed",
  "tall",
  "inner",
  "gemv",
  "simd64",
  "simd32",
  "device",
  "host",
] as const;

/** Those that may be asked for; "default" lets the library choose by shape. */
export type Tile = Exclude<(typeof tiles)[number], "device" | "host">;
export type Method = "blocked" | "bidiagonal" | "tridiagonal" | "jacobi" | "lapack";
export type Engine = "auto" | "tiled" | "blas" | "mlx";

/** The engines; the index is tsr.h's. */
export const engines: readonly string[] = ["tiled", "blas", "mlx"];

/** Operations: a row gives each its tile and its engine. */
export type Tiled =
  | "gemm"
  | "atav"
  | "syrk"
  | "trsm"
  | "potrf"
  | "getrf"
  | "laswp"
  | "latrd"
  | "labrd"
  | "larft"
  | "gemqrt"
  | "stedc"
  | "bdsdc"
  | "syev"
  | "jacobi"
  | "apply"
  | "orth"
  | "resid"
  | "laset"
  | "geadd"
  | "colstat"
  | "scale"
  | "rand";

/** Parameters and methods of the algorithms. */
export type Key =
  | Tiled
  | "qr.method"
  | "svd.method"
  | "eigh.method"
  | "peak"
  | "qr.block"
  | "qr.chain"
  | "cgs2.block"
  | "cholesky.block"
  | "cholesky.chain"
  | "lu.chain"
  | "inv.block"
  | "svd.oversample"
  | "svd.step"
  | "svd.basis"
  | "svd.chain"
  | "reduce.block"
  | "reduce.chain"
  | "reduce.update"
  | "reflectors.block"
  | "jacobi.block"
  | "proof.numbers";

type Domain =
  | readonly ["tile" | "chain", string]
  | readonly [number, number, string]
  | readonly ["method", readonly string[], string];

/** Every key: what it may be (a tile, a chain of 0 or 32, a method, or smallest and largest), and its meaning. */
export const keys: Readonly<Record<Key, Domain>> = {
  "gemm": ["tile", "tile of matrix products"],
  "atav": ["tile", "tile of products with a matrix and then its transpose"],
  "syrk": ["tile", "tile of symmetric products"],
  "trsm": ["tile", "tile of triangular solves"],
  "potrf": ["tile", "tile of Cholesky leaves"],
  "getrf": ["tile", "tile of LU factors"],
  "laswp": ["tile", "tile of row exchanges"],
  "latrd": ["tile", "tile of tridiagonal panels"],
  "labrd": ["tile", "tile of bidiagonal panels"],
  "larft": ["tile", "tile of triangles of reflectors"],
  "gemqrt": ["tile", "tile of products with blocks of reflectors"],
  "stedc": ["tile", "tile of tridiagonal eigenproblems"],
  "bdsdc": ["tile", "tile of bidiagonal singular value problems"],
  "syev": ["tile", "tile of small symmetric eigenproblems in float64"],
  "jacobi": ["tile", "tile of small symmetric eigenproblems"],
  "apply": ["tile", "tile of updates by small blocks"],
  "orth": ["tile", "tile of orthonormalised panels"],
  "resid": ["tile", "tile of float64 residuals"],
  "laset": ["tile", "tile of constant fills"],
  "geadd": ["tile", "tile of sums"],
  "colstat": ["tile", "tile of column statistics"],
  "scale": ["tile", "tile of column scaling"],
  "rand": ["tile", "tile of random numbers"],
  "qr.method": ["method", ["blocked", "lapack"], "qr where the call leaves the method open"],
  "svd.method": ["method", ["bidiagonal", "jacobi", "lapack"], "svd without k where the call leaves the method open"],
  "eigh.method": ["method", ["tridiagonal", "jacobi", "lapack"], "eigh where the call leaves the method open"],
  "peak": [0, 1_000_000, "GFLOP/s of the fastest product measured here, 0: not measured"],
  "qr.block": [1, 128, "columns of a panel"],
  "qr.chain": ["chain", "longest chain of additions in the projections"],
  "cgs2.block": [1, 1, "columns of a panel: one, by its definition"],
  "cholesky.block": [1, 4096, "columns of a panel"],
  "cholesky.chain": ["chain", "longest chain of additions in the updates"],
  "lu.chain": ["chain", "longest chain of additions in the updates"],
  "inv.block": [1, 4096, "columns of the inverse of L that are computed together"],
  "svd.oversample": [0, 64, "columns of the first block beyond k"],
  "svd.step": [1, 64, "columns of a block after the first, and what wider ones are multiples of"],
  "svd.basis": [2, 64, "basis before a restart, in blocks"],
  "svd.chain": ["chain", "longest chain of additions in products with the basis"],
  "reduce.block": [1, 128, "columns of a panel"],
  "reduce.chain": ["chain", "longest chain of additions in the updates"],
  "reduce.update": [1, 1 << 20, "columns of a symmetric update that are computed together, from the diagonal down"],
  "reflectors.block": [1, 128, "reflectors that are applied at one go"],
  "jacobi.block": [1, 32, "most columns of a block; two make a small eigenproblem"],
  "proof.numbers": [1024, 1 << 30, "numbers of a residual measured at a time by proof"],
};

/** Products on a GPU: MLX's kernels are faster where a product is small, the tiled ones where it is large; of the
 * projections of a block of columns it is the size of the basis that decides. */
const products: readonly Row[] = [
  { key: "gemm", device: "metal", n: 32, area: 2 ** 18, value: "default", engine: "mlx", why: "small projection" },
  { key: "gemm", device: "metal", n: 32, value: "default", why: "projection with m·k ≥ 2^18" },
  { key: "gemm", device: "metal", work: 2 ** 24, value: "default", engine: "mlx", why: "product with m·n·k < 2^24" },
];

export const table: readonly Row[] = [
  ...products,
  ...(Object.keys(keys) as Key[]).filter((key) => keys[key][0] === "tile").map((key): Row => ({
    key,
    device: "*",
    value: "default",
    why: "the library chooses its tile by shape",
  })),
  { key: "qr.method", device: "*", value: "blocked", why: "certified, on every engine" },
  { key: "svd.method", device: "*", value: "bidiagonal", why: "certified, on every engine" },
  { key: "eigh.method", device: "*", value: "tridiagonal", why: "certified, on every engine" },
  { key: "peak", device: "*", value: 0, why: "tesserae tune measures it" },
  { key: "qr.block", device: "cpu", n: 128, value: 32, why: "float64 Gram work grows as block/n" },
  { key: "qr.block", device: "cpu", value: 64, why: "products of 64 columns copy Q into panels half as often" },
  { key: "qr.block", device: "*", n: 512, value: 32, why: "float64 Gram work grows as block/n" },
  { key: "qr.block", device: "*", value: 64, why: "half the sweeps over Q" },
  { key: "qr.chain", device: "*", value: 32, why: "constant columns round the same way" },
  { key: "cgs2.block", device: "*", value: 1, why: "column by column is what cgs2 means" },
  { key: "cholesky.block", device: "*", value: 128, why: "panel small beside its update" },
  { key: "cholesky.chain", device: "*", value: 32, why: "constant matrices round the same way" },
  { key: "lu.chain", device: "*", value: 32, why: "constant matrices round the same way" },
  { key: "inv.block", device: "*", value: 128, why: "little work above the diagonal" },
  { key: "svd.oversample", device: "cpu", value: 0, why: "later blocks follow the errors instead" },
  { key: "svd.oversample", device: "*", value: 4, why: "one read of A serves any block of this width" },
  { key: "svd.step", device: "cpu", value: 16, why: "about half the columns multiplied, at the same speed each" },
  { key: "svd.step", device: "*", value: 64, why: "one read of A serves any block of this width" },
  { key: "svd.basis", device: "cpu", value: 5, why: "narrow blocks fill it slowly, small eigenproblems are fast" },
  { key: "svd.basis", device: "*", value: 8, why: "restarts stay rare" },
  { key: "svd.chain", device: "*", value: 32, why: "constant matrices round the same way" },
  {
    key: "reduce.block",
    device: "cpu",
    n: 512,
    value: 16,
    why: "each column of a panel is multiplied by those before",
  },
  { key: "reduce.block", device: "*", value: 32, why: "panel small beside its update" },
  { key: "reduce.chain", device: "*", value: 32, why: "constant matrices round the same way" },
  { key: "reduce.update", device: "*", value: 256, why: "little work above the diagonal" },
  { key: "reflectors.block", device: "*", n: 512, value: 32, why: "float64 work grows as block/n" },
  { key: "reflectors.block", device: "*", value: 64, why: "half the passes over the vectors" },
  { key: "jacobi.block", device: "*", value: 32, why: "fewest rounds that small eigenproblems allow" },
  { key: "proof.numbers", device: "*", value: 1 << 20, why: "bounds the memory of a measurement" },
];

const bounds = ["m", "n", "k", "area", "work"] as const;

/** The rows of a file that `tesserae tune --out` wrote. */
function readRows(path: string): Row[] {
  let rows: unknown;
  try {
    rows = (JSON.parse(readFileSync(path, "utf8")) as { rows?: unknown }).rows;
  } catch (cause) {
    throw new ArgumentError(`TSR_TUNE: ${path} cannot be read as the rows of \`tesserae tune --out\``, { cause });
  }
  if (!Array.isArray(rows)) throw new ArgumentError(`TSR_TUNE: ${path} holds no list of rows`);
  return (rows as Partial<Row>[]).map((row) => {
    const [checked] = parseRows(`${row.key}=${row.engine && row.value === "default" ? row.engine : row.value}`);
    for (const bound of bounds) {
      if (row[bound] === undefined || Number(row[bound]) > 0) continue;
      throw new ArgumentError(`TSR_TUNE: ${path}: ${bound} of a row of ${row.key} is ${row[bound]}, not a size`);
    }
    return { ...row, ...checked!, device: row.device ?? "*", why: row.why ?? path };
  });
}

/** Reads the rows of TSR_TUNE: key=value, separated by semicolons; @FILE stands for the rows of a file. */
export function parseRows(text: string): Row[] {
  if (text.trim().startsWith("@")) {
    const [file = "", ...rest] = text.trim().slice(1).split(";");
    return [...parseRows(rest.join(";")), ...readRows(file)];
  }
  return text.split(";").map((part) => part.trim()).filter((part) => part !== "").map((part) => {
    const [name = "", value = ""] = part.split("=").map((s) => s.trim());
    if (!Object.hasOwn(keys, name)) {
      throw new ArgumentError(`TSR_TUNE: there is no key "${name}"; valid keys are ${Object.keys(keys).join(", ")}`);
    }
    const row = { key: name as Key, device: "*", why: "TSR_TUNE" };
    const engine = keys[name as Key][0] === "tile" && vendorEngines.find((e) => e === value);
    if (engine) return { ...row, value: "default", engine };
    const parsed = parseValue(name as Key, value);
    return parsed === "lapack" ? { ...row, value: parsed, engine: "blas" } : { ...row, value: parsed };
  });
}

function parseValue(key: Key, text: string): Row["value"] {
  const [low, high] = keys[key];
  if (low === "method") {
    if ((high as readonly string[]).includes(text)) return text as Method;
    throw new ArgumentError(`TSR_TUNE: ${key}=${text}; methods are ${(high as readonly string[]).join(", ")}`);
  }
  if (low === "tile") {
    const offered = tiles.filter((t): t is Tile => t !== "device" && t !== "host");
    const tile = offered.find((t) => t === text);
    if (tile === undefined) {
      const all = [...offered, ...vendorEngines].join(", ");
      throw new ArgumentError(`TSR_TUNE: ${key}=${text}; a tile or engine is one of ${all}`);
    }
    return tile;
  }
  const value = Number(text);
  if (low === "chain") {
    if (text === "0" || text === "32") return value;
    throw new ArgumentError(`TSR_TUNE: ${key}=${text}; a chain is 0 (the library's own, up to 256) or 32`);
  }
  if (text === "" || !Number.isInteger(value) || value < low || value > Number(high)) {
    throw new ArgumentError(`TSR_TUNE: ${key}=${text}; it must be a whole number from ${low} to ${high}`);
  }
  return value;
}

const vendorEngines: readonly VendorEngine[] = ["blas", "mlx"];

let rows: readonly Row[] | undefined;

/** The rows in force: TSR_TUNE's first, then the table. */
export function effective(): readonly Row[] {
  return rows ??= [...parseRows(read("TSR_TUNE") ?? ""), ...table];
}

const sorted = new Map<string, Map<Key, readonly Row[]>>();

/** The rows in force of one key on a kind of device: every operation asks. */
function rowsOf(key: Key, device: string): readonly Row[] {
  let keys = sorted.get(device);
  if (!keys) sorted.set(device, keys = new Map());
  let own = keys.get(key);
  if (!own) keys.set(key, own = concerning(effective(), key, device));
  return own;
}

function concerning(from: readonly Row[], key: Key, device: string): readonly Row[] {
  return from.filter((row) => row.key === key && (row.device === "*" || row.device === device));
}

function fits(r: Row, m: number, n: number, k: number): boolean {
  return m <= (r.m ?? m) && n <= (r.n ?? n) && k <= (r.k ?? k) && m * k < (r.area ?? Infinity) &&
    m * n * k < (r.work ?? Infinity);
}

/** The first row of this key that fits, of an engine that is there. */
export function choose(
  key: Key,
  device: string,
  m: number,
  n: number,
  k: number,
  from?: readonly Row[],
  engines: readonly string[] = [],
): Row {
  let passed: Row | undefined;
  for (const row of from ? concerning(from, key, device) : rowsOf(key, device)) {
    if (!fits(row, m, n, k)) continue;
    if (row.engine !== undefined && !engines.includes(row.engine)) passed ??= row;
    else return passed ? { ...row, why: `${row.why}; ${passed.engine} is not attached (${passed.why})` } : row;
  }
  throw new ArgumentError(`dispatch: no row for ${key} at ${m}x${n}x${k} on ${device}`);
}

/** Throws unless there is an engine of that name. */
export function requireEngine(engine: string | undefined, op: string): void {
  if (engine === undefined || engine === "auto" || engines.includes(engine)) return;
  throw new ArgumentError(`${op}: there is no engine "${engine}"; engines are auto, ${engines.join(", ")}`);
}
