// Rung 8: MLX's own kernels, from the headers of its published wheel as they are, built for the emulator and launched
// as MLX's host launches them. Nobody here wrote them, and Apple's compiler and GPUs have run them.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildEmulator, type Libraries } from "../build.ts";
import type { Launch } from "../emulator.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const changed = fileURLToPath(new URL("../../../build/emulator-mlx-changed", import.meta.url));

const files = { fused: "mlx_fused.metal", delta: "mlx_delta.metal", split: "mlx_split.metal" } as const;

/** Libraries of MLX's kernels; `small` has a part of them only, for the tests of every day. */
export function buildMlx(wheel: string, small: boolean): Promise<Libraries> {
  const preprocessor = ["-I", join(wheel, "mlx/include"), ...(small ? ["-D", "ONE_TILE"] : [])];
  const sources = small ? [files.fused, files.delta] : Object.values(files);
  const name = small ? "emulator-mlx-small" : "emulator-mlx";
  return buildEmulator(sources.map((file) => join(here, file)), name, { external: true, preprocessor });
}

const kernels = "mlx/backend/metal/kernels";
const barrier = "threadgroup_barrier(mem_flags::mem_threadgroup);";
/** Headers of the fused GEMM, and how many of their first barriers it comes to. */
const barriers = [
  { header: "steel/gemm/kernels/steel_gemm_fused.h", reached: 3 },
  { header: "steel/gemm/gemm.h", reached: 2 },
] as const;

/** The small library of the fused GEMM once for each barrier of MLX's that is taken out, from changed copies of MLX. */
export async function* withoutBarriers(wheel: string): AsyncGenerator<{ name: string; libraries: Libraries }> {
  for (const { header, reached } of barriers) {
    const pieces = readFileSync(join(wheel, "mlx/include", kernels, header), "utf8").split(barrier);
    for (let i = 1; i <= reached; i++) {
      const name = `${basename(header, ".h")}-${i}`, copy = join(changed, name);
      const path = join(copy, kernels, header);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, pieces.slice(0, i).join(barrier) + pieces.slice(i).join(barrier));
      const preprocessor = ["-I", copy, "-I", join(wheel, "mlx/include"), "-D", "ONE_TILE"];
      const options = { external: true, preprocessor };
      yield {
        name,
        libraries: await buildEmulator([join(here, files.fused)], `emulator-mlx-changed/${name}`, options),
      };
    }
  }
}

export const transposes = ["nn", "nt", "tn", "tt"] as const;
export type Transposes = (typeof transposes)[number];

export interface Tile {
  readonly bm: number;
  readonly bn: number;
  readonly bk: number;
  readonly wm: number;
  readonly wn: number;
}

const tile = (bm: number, bn: number, bk: number, wm: number, wn: number): Tile => ({ bm, bn, bk, wm, wn });

export const smallest: Tile = tile(32, 32, 16, 2, 2);
export const largest: Tile = tile(64, 64, 16, 2, 2);
/** All that its metallib has for float32. */
export const tiles: readonly Tile[] = [
  smallest,
  largest,
  tile(64, 64, 16, 1, 2),
  tile(64, 32, 32, 2, 2),
  tile(32, 64, 16, 1, 2),
];

/** D = A B, D = A B + C or D = alpha A B + beta C. */
export type Epilogue = "none" | "add" | "axpby";

export const fusedName = (trans: Transposes, { bm, bn, bk, wm, wn }: Tile): string =>
  `steel_gemm_fused_${trans}_float32_float32_bm${bm}_bn${bn}_bk${bk}_wm${wm}_wn${wn}`;

export const parts = (size: number, by: number): number => Math.ceil(size / by);

/** A struct of MLX's: numbers as int32 or float, bigints as int64, each at its own alignment. */
export function struct(...fields: readonly (number | bigint | Float32Array)[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(fields.length * 8));
  let at = 0;
  for (const field of fields) {
    if (typeof field === "bigint") {
      at = parts(at, 8) * 8;
      view.setBigInt64(at, field, true);
      at += 8;
    } else if (typeof field === "number") {
      view.setInt32(at, field, true);
      at += 4;
    } else {
      view.setFloat32(at, field[0]!, true);
      at += 4;
    }
  }
  return new Uint8Array(view.buffer, 0, parts(at, 8) * 8);
}

export const float = (value: number): Float32Array => Float32Array.of(value);

/** Seeded numbers in (-1, 1). */
export function uniform(seed: number): (count: number) => Float32Array {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 31 - 1;
  };
  return (count) => Float32Array.from({ length: count }, next);
}

export interface Problem {
  readonly trans: Transposes;
  readonly tile: Tile;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly epilogue?: Epilogue;
  /** Numbers between the rows of each matrix. */
  readonly padding?: number;
  readonly swizzle?: number;
  /** Products of one launch; with `shared` all have the same B. */
  readonly batch?: number;
  readonly shared?: boolean;
  /** C is one row for all rows, or every second number of its rows. */
  readonly source?: "row" | "spread";
  /** Rows that C has more. MLX reads past the last row of C where M is no multiple of the tile's rows. */
  readonly slack?: number;
}

const UNTOUCHED = 777;
const ALPHA = 0.75, BETA = -1.5;
/** Errors are counted in parts of this times the sum of the absolute products. */
const BOUND = 8 * 2 ** -24;

/** A problem for the fused GEMM, with its numbers. */
export class Fused {
  readonly kernel: string;
  readonly d: Float32Array;
  readonly #p: Required<Omit<Problem, "source">> & Pick<Problem, "source">;
  readonly #lead: { a: number; b: number; c: number; d: number; across: number };
  readonly #stride: { a: number; b: number; c: number; d: number };
  readonly #a: Float32Array;
  readonly #b: Float32Array;
  readonly #c: Float32Array;

  constructor(problem: Problem, seed = 1) {
    const defaults = { epilogue: "none", padding: 0, swizzle: 0, batch: 1, shared: false, slack: 64 } as const;
    const p = this.#p = { ...defaults, ...problem }, { m, n, k, padding, batch } = p;
    this.kernel = fusedName(p.trans, p.tile);
    const [ta, tb] = [p.trans[0] === "t", p.trans[1] === "t"], across = p.source === "spread" ? 2 : 1;
    const lead = this.#lead = {
      a: (ta ? m : k) + padding,
      b: (tb ? k : n) + padding,
      c: p.source === "row" ? 0 : n * across + 2 * padding,
      d: n + padding,
      across,
    };
    const heights = { a: ta ? k : m, b: tb ? n : k };
    const widths = { a: ta ? m : k, b: tb ? k : n, c: (n - 1) * across + 1, d: n };
    const stride = this.#stride = {
      a: heights.a * lead.a,
      b: p.shared ? 0 : heights.b * lead.b,
      c: p.source === "row" ? n * across : m * lead.c,
      d: m * lead.d,
    };
    const random = uniform(seed);
    this.#a = random(stride.a * (batch - 1) + (heights.a - 1) * lead.a + widths.a);
    this.#b = random(stride.b * (batch - 1) + (heights.b - 1) * lead.b + widths.b);
    this.#c = random(stride.c * (batch - 1) + (m - 1 + p.slack) * lead.c + widths.c);
    this.d = new Float32Array(stride.d * (batch - 1) + (m - 1) * lead.d + n).fill(UNTOUCHED);
  }

  launch(options: Partial<Launch> = {}): Launch {
    const { tile, m, n, k, epilogue, swizzle, batch, shared } = this.#p, lead = this.#lead, stride = this.#stride;
    const across = parts(n, tile.bn), down = parts(m, tile.bm), turn = 1 << swizzle;
    const strides = [stride.a, stride.b, stride.d].map(BigInt), iterations = Math.floor(k / tile.bk);
    const source = epilogue !== "none";
    return {
      groups: [across * turn, parts(down, turn), batch],
      threads: [32, tile.wn, tile.wm],
      buffers: {
        0: this.#a,
        1: this.#b,
        3: this.d,
        4: struct(m, n, k, lead.a, lead.b, lead.d, across, down, ...strides, swizzle, iterations, 1),
        ...(source && { 2: this.#c, 5: struct(lead.c, lead.across, BigInt(stride.c), float(ALPHA), float(BETA)) }),
        ...(shared && { 6: struct(batch), 7: struct(...[stride.a, stride.b, stride.c].map(BigInt)) }),
      },
      constants: {
        10: shared,
        100: source,
        110: epilogue === "axpby",
        200: m % tile.bm === 0,
        201: n % tile.bn === 0,
        202: k % tile.bk === 0,
      },
      ...options,
    };
  }

  /** The worst error in parts of the bound; infinite where a number outside of D was written. */
  worst(): number {
    const { m, n, k, trans, epilogue, batch } = this.#p, lead = this.#lead, stride = this.#stride;
    const [ar, ac] = trans[0] === "t" ? [1, lead.a] : [lead.a, 1],
      [br, bc] = trans[1] === "t" ? [1, lead.b] : [lead.b, 1];
    const alpha = epilogue === "axpby" ? ALPHA : 1, beta = epilogue === "axpby" ? BETA : epilogue === "add" ? 1 : 0;
    let worst = 0;
    for (let z = 0; z < batch; z++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0, size = 0;
          for (let l = 0, a = z * stride.a + i * ar, b = z * stride.b + j * bc; l < k; l++, a += ac, b += br) {
            const product = this.#a[a]! * this.#b[b]!;
            sum += product;
            size += Math.abs(product);
          }
          const c = beta && beta * this.#c[z * stride.c + i * lead.c + j * lead.across]!;
          const error = Math.abs(alpha * sum + c - this.d[z * stride.d + i * lead.d + j]!);
          const part = error / (BOUND * (Math.abs(alpha) * size + Math.abs(c)));
          if (!(part <= worst)) worst = part;
        }
      }
    }
    const outside = this.d.findIndex((x, i) => i % stride.d % lead.d >= n && x !== UNTOUCHED);
    return outside < 0 ? worst : Infinity;
  }
}
