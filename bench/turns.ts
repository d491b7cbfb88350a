// One case, computed by everyone who can: a first run each with its residual, then turns, one after the other, so that
// a slow spell of the machine meets all of them.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Case, counted, type Params } from "./cases.ts";
import { type Contender, javascript, native, OURS } from "./contenders.ts";
import { build, load, type Operands, store } from "./files.ts";
import { others } from "./machine.ts";
import { TimeoutError } from "./program.ts";
import { type Figures, judge } from "./residuals.ts";
import { median, spread } from "./statistics.ts";

/** A turn repeats short calls to last TURN_MS; a call over LIMIT_MS is given up. */
const [TURN_MS, LIMIT_MS] = [40, 20_000];
/** A first run as long as this is a turn too, the first of its contender. */
const LONG_MS = 1000;
/** A compiler that works while the program runs has this long before anything counts. */
const WARM_MS = 500;
/** Turns of those whose call takes less than so many milliseconds. */
const turnsBelow = [[100, 7], [1600, 5], [5000, 3], [Infinity, 1]] as const;
/** So many times slower than the fastest is far behind, for short and for long calls; such a contender has few turns,
 * or its first run only. */
const BEHIND = { short: 10, long: 2 }, FEW = 2;
/** A turn is disturbed when others use more than a tenth of it; such turns are repeated while there is patience. */
const [DISTURBED, PATIENCE_MS, PAUSE_MS] = [0.1, 2000, 200];

/** What one contender took in one way. */
export interface Timed {
  readonly contender: string;
  readonly version: string;
  readonly variant: string;
  readonly ms: number;
  readonly minMs: number;
  /** Of each of its turns. */
  readonly times: readonly number[];
  /** The median distance from their median, relative. */
  readonly spread: number;
  readonly disturbed: number;
  readonly gflops?: number;
  readonly figures: Figures;
}

/** Who was not measured, and why. */
export interface Missed {
  readonly contender: string;
  readonly variant: string;
  readonly why: string;
}

export interface Outcome {
  readonly case: Case;
  readonly timed: readonly Timed[];
  readonly missed: readonly Missed[];
}

interface Entry {
  readonly contender: Contender;
  readonly variant: string;
  readonly first: number;
  readonly figures: Figures;
  readonly times: number[];
  disturbed: number;
}

/** How long smaller cases of the same kind took: larger ones that would take too long are not begun. */
export class Foresight {
  readonly #seen = new Map<string, { name: string; flops: number; ms: number }>();

  tell(c: Case, contender: string, variant: string, ms: number): void {
    this.#seen.set([c.op, contender, variant].join(), { name: c.name, flops: c.flops, ms });
  }

  /** Why it need not be tried. */
  hopeless(c: Case, contender: string, variant: string): string | undefined {
    const seen = this.#seen.get([c.op, contender, variant].join());
    const expected = seen ? seen.ms * c.flops / seen.flops : 0;
    if (!seen || expected <= LIMIT_MS) return undefined;
    const took = seen.ms > LIMIT_MS ? `over ${LIMIT_MS / 1000}` : (seen.ms / 1000).toFixed(1);
    return `not tried: ${took} s for ${seen.name} foretell ${(expected / 1000).toFixed(0)} s`;
  }
}

export interface Settings {
  readonly chain: number;
  readonly quick: boolean;
}

const repeats = (ms: number): number => Math.max(1, Math.min(100_000, Math.round(TURN_MS / ms)));

class Race {
  readonly #case: Case;
  readonly #settings: Settings;
  readonly #foresight: Foresight;
  readonly entries: Entry[] = [];
  readonly missed: Missed[] = [];

  constructor(c: Case, settings: Settings, foresight: Foresight) {
    this.#case = c;
    this.#settings = settings;
    this.#foresight = foresight;
  }

  /** The first runs of a contender, with their residuals. */
  async enter(contender: Contender, given: Operands): Promise<void> {
    const { op, m, n, k, transA, transB, lda, awaited } = this.#case;
    const params: Params = JSON.parse(JSON.stringify({ m, n, k, transA, transB, lda, awaited }));
    let variants: string[];
    try {
      variants = await contender.prepare(op, params, store(given));
    } catch (error) {
      this.missed.push({ contender: contender.name, variant: "", why: (error as Error).message });
      return;
    }
    for (const variant of variants) {
      const why = this.#foresight.hopeless(this.#case, contender.name, variant) ??
        await this.#first(contender, variant, given);
      if (why !== undefined) this.missed.push({ contender: contender.name, variant, why });
    }
  }

  async #first(contender: Contender, variant: string, given: Operands): Promise<string | undefined> {
    const c = this.#case;
    try {
      const begun = performance.now(), warm = (native as readonly string[]).includes(contender.name) ? 0 : WARM_MS;
      let first = await contender.run(variant, 1, LIMIT_MS);
      for (let i = 0; first < LONG_MS && (i < 2 || performance.now() - begun < warm); i++) {
        first = await contender.run(variant, repeats(first), LIMIT_MS);
      }
      this.#foresight.tell(c, contender.name, variant, first);
      const found = load(await contender.save(variant, join(build, "bench/found")));
      const figures = judge(c, given, found, this.#settings.chain);
      this.entries.push({ contender, variant, first, figures, times: first < LONG_MS ? [] : [first], disturbed: 0 });
      return undefined;
    } catch (error) {
      if (contender.name === OURS) throw error;
      if (!(error instanceof TimeoutError)) return (error as Error).message;
      this.#foresight.tell(c, contender.name, variant, 2 * LIMIT_MS);
      return `over ${LIMIT_MS / 1000} s`;
    }
  }

  async run(): Promise<void> {
    const fastest = Math.min(...this.entries.map(({ first }) => first));
    const wanted = ({ first, contender }: Entry): number => {
      const long = first >= LONG_MS;
      const behind = contender.name !== OURS && first > (long ? BEHIND.long : BEHIND.short) * fastest;
      const turns = turnsBelow.find(([below]) => first < below)![1];
      return behind ? long ? 1 : FEW : this.#settings.quick ? Math.min(FEW, turns) : turns;
    };
    const patience = performance.now() + (this.#settings.quick ? 0 : PATIENCE_MS);
    const most = Math.max(...this.entries.map(wanted));
    for (let round = 0; round < most; round++) {
      const order = round % 2 === 0 ? [...this.entries] : this.entries.toReversed();
      for (const entry of order) {
        const turns = Math.min(wanted(entry), round + 1);
        while (entry.times.length < turns && await this.#turn(entry, patience));
      }
    }
  }

  /** False where the contender failed, which ends its part in this case. */
  async #turn(entry: Entry, patience: number): Promise<boolean> {
    const { contender, variant } = entry;
    try {
      await turn(entry, patience);
      return true;
    } catch (error) {
      if (contender.name === OURS) throw error;
      this.missed.push({ contender: contender.name, variant, why: (error as Error).message });
      this.entries.splice(this.entries.indexOf(entry), 1);
      return false;
    }
  }
}

/** One turn; it counts if nobody disturbed it or there is no more patience. */
async function turn(entry: Entry, patience: number): Promise<void> {
  const { contender, variant, first } = entry, inner = repeats(first);
  const [start, before] = [performance.now(), others(contender.pid)];
  const ms = await contender.run(variant, inner, (LIMIT_MS + 10 * first) * 2);
  const disturbance = 1000 * (others(contender.pid) - before);
  if (disturbance > 20 + DISTURBED * (performance.now() - start)) {
    if (performance.now() < patience) return void await sleep(PAUSE_MS);
    entry.disturbed++;
  }
  entry.times.push(ms);
}

function told(c: Case, { contender, variant, figures, times, disturbed }: Entry): Timed {
  const ms = median(times);
  return {
    contender: contender.name,
    version: contender.version,
    variant,
    ms,
    minMs: Math.min(...times),
    times,
    spread: spread(times),
    disturbed,
    ...(counted.has(c.op) && { gflops: c.flops / ms / 1e6 }),
    figures,
  };
}

/** All that can compute the case, in turns. */
export async function race(
  c: Case,
  contenders: readonly Contender[],
  settings: Settings,
  foresight: Foresight,
): Promise<Outcome> {
  const runners = new Race(c, settings, foresight), given = c.inputs();
  for (const contender of contenders) {
    const kept = !c.nativeOnly || !javascript.includes(contender.name);
    if (kept && contender.offers(c.op)) await runners.enter(contender, given);
  }
  await runners.run();
  return { case: c, timed: runners.entries.map((entry) => told(c, entry)), missed: runners.missed };
}
