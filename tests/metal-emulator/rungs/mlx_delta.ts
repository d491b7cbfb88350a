// MLX's gated delta rule: S <- g S; d = beta (v - S k); S <- S + d k'; y = S q, where S is dv x dk for each head.
import type { Launch } from "../emulator.ts";
import { parts, struct, uniform } from "./mlx.ts";

export interface DeltaSize {
  readonly dk: number;
  readonly dv: number;
  /** Heads of keys, and of values. */
  readonly hk: number;
  readonly hv: number;
  readonly batch: number;
  readonly steps: number;
}

/** Largest error allowed in results near 1. */
const TOLERANCE = 2e-5;

export class Delta {
  readonly kernel: string;
  readonly y: Float32Array;
  readonly after: Float32Array;
  readonly #size: DeltaSize;
  readonly #q: Float32Array;
  readonly #k: Float32Array;
  readonly #v: Float32Array;
  readonly #g: Float32Array;
  readonly #beta: Float32Array;
  readonly #s: Float32Array;

  constructor(size: DeltaSize, seed = 1) {
    const { dk, dv, hk, hv, batch, steps } = this.#size = size, random = uniform(seed);
    const shrink = 1 / Math.sqrt(dk / 3), places = batch * steps;
    this.kernel = `gated_delta_fused_chunk_float_${dk}_${dv}_${hk}_${hv}_8`;
    this.#q = random(places * hk * dk).map((x) => x * shrink);
    this.#k = random(places * hk * dk).map((x) => x * shrink);
    this.#v = random(places * hv * dv);
    this.#g = random(places * hv).map((x) => 0.7 + 0.25 * x);
    this.#beta = random(places * hv).map((x) => 0.5 + 0.4 * x);
    this.#s = random(batch * hv * dv * dk);
    this.y = new Float32Array(places * hv * dv).fill(NaN);
    this.after = new Float32Array(this.#s.length).fill(NaN);
  }

  launch(options: Partial<Launch> = {}): Launch {
    const { dv, hv, batch, steps } = this.#size, strips = dv / 8;
    const operands = [this.#q, this.#k, this.#v, this.#s, this.#g, this.#beta, this.y, this.after, struct(steps)];
    return {
      groups: [1, parts(strips, 4), batch * hv],
      threads: [32, Math.min(4, strips), 1],
      buffers: Object.fromEntries(operands.entries()),
      constants: { 200: false },
      ...options,
    };
  }

  /** The worst error in parts of the tolerance. */
  worst(): number {
    const { dv, hv, batch } = this.#size;
    let worst = 0;
    for (let z = 0; z < batch; z++) {
      for (let h = 0; h < hv; h++) {
        for (let r = 0; r < dv; r++) {
          const error = this.#errorOf(z, h, r);
          if (!(error <= worst)) worst = error;
        }
      }
    }
    return worst / TOLERANCE;
  }

  /** Of row r of a head's S and of its part of y. */
  #errorOf(z: number, h: number, r: number): number {
    const { dk, dv, hk, hv, steps } = this.#size, first = ((z * hv + h) * dv + r) * dk;
    const s = Float64Array.from(this.#s.subarray(first, first + dk));
    let worst = 0;
    const see = (error: number): void => {
      if (!(error <= worst)) worst = error;
    };
    for (let t = 0; t < steps; t++) {
      const at = z * steps + t, keys = (at * hk + Math.floor(h / (hv / hk))) * dk, head = at * hv + h;
      let product = 0, result = 0;
      for (let c = 0; c < dk; c++) {
        s[c]! *= this.#g[head]!;
        product += s[c]! * this.#k[keys + c]!;
      }
      const change = (this.#v[head * dv + r]! - product) * this.#beta[head]!;
      for (let c = 0; c < dk; c++) {
        s[c]! += change * this.#k[keys + c]!;
        result += s[c]! * this.#q[keys + c]!;
      }
      see(Math.abs(result - this.y[head * dv + r]!));
    }
    for (let c = 0; c < dk; c++) see(Math.abs(s[c]! - this.after[first + c]!));
    return worst;
  }
}
