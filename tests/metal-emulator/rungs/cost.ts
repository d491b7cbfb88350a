// What launches cost, exactly, without running all of a grid: threadgroups that see the same sizes do the same work, so
// one of each class is counted and multiplied.
import type { Cost, Emulator, Launch, Sparse } from "../emulator.ts";

/**
 * Counts of a product. Bytes are loads and stores as compiled, without caches; the predicate's word, which all threads
 * read alike, counts as little as the arguments do.
 */
export interface Work {
  launches: number;
  groups: number;
  deviceRead: number;
  deviceWritten: number;
  threadgroup: number;
  barriers: number;
  matrixSteps: number;
  fma: number;
}

const noWork = (): Work => ({
  launches: 0,
  groups: 0,
  deviceRead: 0,
  deviceWritten: 0,
  threadgroup: 0,
  barriers: 0,
  matrixSteps: 0,
  fma: 0,
});

/** A launch whose device buffers are lengths: what is in them makes no difference to the counts. */
export interface Grid {
  readonly kernel: string;
  readonly groups: readonly number[];
  readonly threads: readonly number[];
  readonly constants: Readonly<Record<number, number | boolean>>;
  /** Arguments by buffer index. */
  readonly values: Readonly<Record<number, Uint8Array>>;
  /** The buffer that holds the predicate: 1, or 0 for threads that return at once. */
  readonly gate?: number;
  /** Bytes of the other buffers. */
  readonly lengths: Readonly<Record<number, number>>;
  /** The class of a threadgroup, by its place in row-major order. */
  readonly classOf: (group: number) => string;
}

const sparse = (length: number): Sparse => ({ window: new Uint8Array(4), length, at: 0 });

function launchOf({ groups, threads, constants, values, lengths }: Grid): Launch {
  const memory = Object.entries(lengths).map(([index, length]) => [index, sparse(length)]);
  return { groups, threads, constants, buffers: { ...values, ...Object.fromEntries(memory) }, count: true };
}

/** Adds what a part of a grid costs, so many times. */
function add(work: Work, emulator: Emulator, grid: Grid, times: number, some: Partial<Launch> = {}): void {
  const { kernel, gate } = grid, launch = { ...launchOf(grid), ...some };
  const count = (buffers: Launch["buffers"]): Cost => {
    emulator.resetCosts();
    emulator.run(kernel, { ...launch, buffers });
    return emulator.cost(kernel);
  };
  const cost = count(launch.buffers);
  const closed = gate === undefined ? 0 : count({ ...launch.buffers, [gate]: Uint32Array.of(0) }).deviceRead;
  work.groups += times * cost.groups;
  work.deviceRead += times * (cost.deviceRead - closed);
  work.deviceWritten += times * cost.deviceWritten;
  work.threadgroup += times * (cost.threadgroupRead + cost.threadgroupWritten);
  work.barriers += times * cost.barriers;
  work.matrixSteps += times * cost.matrixSteps;
  work.fma += times * cost.fma;
}

/** By classes. `emulator` is a checked library. */
export function countByClass(emulator: Emulator, grids: readonly Grid[]): Work {
  const work = noWork();
  for (const grid of grids) {
    const classes = new Map<string, { first: number; times: number }>();
    const groups = grid.groups.reduce((product, n) => product * n, 1);
    for (let group = 0; group < groups; group++) {
      const name = grid.classOf(group), known = classes.get(name);
      if (known) known.times++;
      else classes.set(name, { first: group, times: 1 });
    }
    for (const { first, times } of classes.values()) add(work, emulator, grid, times, { some: { first, count: 1 } });
    work.launches++;
  }
  return work;
}

/** By running all of every grid: what countByClass must agree with. */
export function countWhole(emulator: Emulator, grids: readonly Grid[]): Work {
  const work = noWork();
  for (const grid of grids) {
    add(work, emulator, grid, 1);
    work.launches++;
  }
  return work;
}
