// Rows of the dispatch table from measured products: a decision tree over their sizes. A row holds where its bounds do
// and no earlier row's did, so the side below a split comes first, with the bound, and the other one after it, without.
import type { VendorEngine } from "./device.ts";
import type { Row } from "./tune.ts";

export type Shape = readonly [m: number, n: number, k: number];

/** A product, and what each engine took for it, in milliseconds. */
export interface Sample {
  readonly shape: Shape;
  readonly times: ReadonlyMap<string, number>;
}

/** What a split asks of a product; `strict`: the bound itself lies above it, as choose() has it. */
const axes = {
  m: { of: ([m]: Shape) => m, strict: false },
  n: { of: ([, n]: Shape) => n, strict: false },
  k: { of: ([, , k]: Shape) => k, strict: false },
  area: { of: ([m, , k]: Shape) => m * k, strict: true },
  work: { of: ([m, n, k]: Shape) => m * n * k, strict: true },
} as const;
type Axis = keyof typeof axes;
type Bounds = Readonly<Partial<Record<Axis, number>>>;

/** Who is this near to the best is as good: the rest is noise. */
const NEAR = 1.1;
/** A side of a split needs so many products, and a split must spare them a tenth of the time of one, in sum. */
const [FEWEST, LEAST_GAIN] = [5, Math.log(1.1)];
const DEEPEST = 6;

const best = ({ times }: Sample): number => Math.min(...times.values());

const ratio = (engine: string, sample: Sample): number => sample.times.get(engine)! / best(sample);

/** What an engine costs over all of them: the sum of the logarithms of its time over that of a near one. */
function costOf(engine: string, samples: readonly Sample[]): number {
  return samples.reduce((sum, sample) => sum + Math.log(Math.max(1, ratio(engine, sample) / NEAR)), 0);
}

interface Verdict {
  readonly engine: string;
  readonly cost: number;
}

/** The engine that costs least; of equals the first. */
function verdict(engines: readonly string[], samples: readonly Sample[]): Verdict {
  return engines.map((engine) => ({ engine, cost: costOf(engine, samples) })).reduce((a, b) => b.cost < a.cost ? b : a);
}

interface Split {
  readonly axis: Axis;
  readonly bound: number;
  readonly below: readonly Sample[];
  readonly above: readonly Sample[];
  readonly gain: number;
}

/** The split that gains most over one engine for all, halfway between two sizes; undefined: none gains enough. */
function bestSplit(engines: readonly string[], samples: readonly Sample[]): Split | undefined {
  const whole = verdict(engines, samples).cost;
  let found: Split | undefined;
  for (const axis of Object.keys(axes) as Axis[]) {
    const { of } = axes[axis], sorted = samples.toSorted((a, b) => of(a.shape) - of(b.shape));
    for (let i = FEWEST; i <= sorted.length - FEWEST; i++) {
      const [low, high] = [of(sorted[i - 1]!.shape), of(sorted[i]!.shape)];
      if (low === high) continue;
      const [below, above] = [sorted.slice(0, i), sorted.slice(i)];
      const gain = whole - verdict(engines, below).cost - verdict(engines, above).cost;
      const bound = Math.max(Math.floor(Math.sqrt(low * high)), axes[axis].strict ? low + 1 : low);
      if (gain > Math.max(found?.gain ?? 0, LEAST_GAIN)) found = { axis, bound, below, above, gain };
    }
  }
  return found;
}

/** Rows of key gemm for this kind of device. Every sample has a time for every engine, the own one first. */
export function productRows(engines: readonly string[], samples: readonly Sample[], device: string): Row[] {
  const grow = (part: readonly Sample[], bounds: Bounds, depth: number): Row[] => {
    const split = depth < DEEPEST ? bestSplit(engines, part) : undefined;
    if (!split) return [leaf(part, bounds)];
    const { axis, bound, below, above } = split;
    return [...grow(below, { ...bounds, [axis]: bound }, depth + 1), ...grow(above, bounds, depth + 1)];
  };
  const leaf = (part: readonly Sample[], bounds: Bounds): Row => {
    const { engine } = verdict(engines, part);
    const near = (name: string): number => part.filter((sample) => ratio(name, sample) <= NEAR).length;
    const told = engines.map((name) => `${name} ${near(name)}`).join(", ");
    return {
      key: "gemm",
      device,
      ...bounds,
      value: "default",
      ...(engine !== engines[0] && { engine: engine as VendorEngine }),
      why: `within 10 % of the best in so many of ${part.length} products: ${told}`,
    };
  };
  return grow(samples, {}, 0);
}
