// `npm run kernel-cost`: what our products cost on the device beside MLX's, counted by the emulator, and an estimate of
// the time that follows.
import { Emulator } from "../emulator.ts";
import { countByClass, type Grid, type Work } from "./cost.ts";
import { chips, mlxGrids, type ProductShape } from "./cost_mlx.ts";
import { Ours } from "./cost_ours.ts";
import { buildMlx, transposes } from "./mlx.ts";
import { wheel } from "./wheel.ts";

const FLOAT = 4;
const FMAS_OF_STEP = 512;

const square = (n: number): ProductShape => ({ trans: "nn", m: n, n, k: n });
const shapes: readonly ProductShape[] = [
  ...[256, 512, 1024, 2048].map(square),
  ...transposes.slice(1).map((trans) => ({ trans, m: 1024, n: 1024, k: 1024 })),
  ...[16, 32, 64, 128].map((n) => ({ trans: "nn" as const, m: 20_000, n, k: 1000 })),
  ...[16, 32, 64, 128].map((n) => ({ trans: "tn" as const, m: 1000, n, k: 20_000 })),
  ...[255, 257, 513, 1000, 1023].map(square),
  { trans: "nt", m: 333, n: 555, k: 777 },
  { trans: "tt", m: 1001, n: 67, k: 129 },
];

/** Sustained float32 rate, bandwidth and cores: assumptions, from public measurements of others. */
const machines = [
  { name: "M1", flops: 2.02e12, bytes: 58e9, cores: 8 },
  { name: "M1 Max", flops: 8.28e12, bytes: 348e9, cores: 32 },
  { name: "M3 Max", flops: 11.3e12, bytes: 348e9, cores: 40 },
  { name: "M4 Max", flops: 13.1e12, bytes: 464e9, cores: 40 },
  { name: "M5", flops: 3.19e12, bytes: 131e9, cores: 10 },
] as const;
const DISPATCH_SECONDS = 4e-6;
const GROUPS_OF_CORE = 3;

/** The operands and the result once, and what parts of K write and read again. */
function leastBytes({ m, n, k }: ProductShape, grids: readonly Grid[] = []): number {
  const scratch = grids.length > 1 ? Object.values(grids.at(-1)!.lengths)[0]! : 0;
  return (m * k + k * n + m * n) * FLOAT + 2 * scratch;
}

/** Milliseconds by the roofline: arithmetic or memory, whichever takes longer, and the dispatches. */
function estimate(shape: ProductShape, grids: readonly Grid[], work: Work, machine: (typeof machines)[number]): number {
  const first = grids[0]!.groups.reduce((product, n) => product * n, 1);
  const busy = Math.min(1, first / (GROUPS_OF_CORE * machine.cores));
  const arithmetic = 2 * FMAS_OF_STEP * work.matrixSteps / (machine.flops * busy);
  const memory = leastBytes(shape, grids) / machine.bytes;
  return 1000 * (Math.max(arithmetic, memory) + grids.length * DISPATCH_SECONDS);
}

const mega = (count: number): string => (count / 1e6).toPrecision(4);
const cells = (words: readonly string[]): string =>
  words.map((word, i) => i === 0 ? word.padEnd(24) : word.padStart(i === 1 ? 0 : 10)).join(" ");

function row(name: string, work: Work, grids: readonly Grid[]): string {
  const { deviceRead, deviceWritten, threadgroup, barriers, matrixSteps, fma } = work;
  const numbers = [deviceRead, deviceWritten, threadgroup].map(mega);
  const counts = [`${barriers}`, mega(matrixSteps), mega(fma), `${grids[0]!.groups.reduce((a, b) => a * b, 1)}`];
  return `${cells([name, "", ...numbers, ...counts])}  ${grids.map((grid) => grid.kernel).join(" + ")}`;
}

const nameOf = ({ trans, m, n, k }: ProductShape): string => `${trans} ${m} x ${n} x ${k}`;

interface Row {
  readonly shape: ProductShape;
  readonly grids: readonly Grid[];
  readonly work: Work;
}

/** MLX's ways to a product, each with the letters of the chips for which it takes it. */
function ofMlx(shape: ProductShape, mlx: Emulator): (Row & { readonly letters: string })[] {
  const ways = new Map<string, { letters: string; grids: readonly Grid[] }>();
  for (const chip of chips) {
    const grids = mlxGrids(shape, chip), key = grids.map((grid) => `${grid.kernel} ${grid.groups}`).join();
    const known = ways.get(key);
    if (known) known.letters += `, ${chip}`;
    else ways.set(key, { letters: chip, grids });
  }
  return [...ways.values()].map((way) => ({ shape, ...way, work: countByClass(mlx, way.grids) }));
}

/** Prints one product; what of ours exceeds MLX's. */
function compare(ours: Row, mlx: Emulator, print: (line: string) => void): string[] {
  const { shape, work } = ours, result = shape.m * shape.n * FLOAT, exceeded: string[] = [];
  const bytes = ({ deviceRead, deviceWritten }: Work): number => deviceRead + deviceWritten;
  print(cells([nameOf(shape), "", mega(leastBytes(shape) - result), mega(result)]));
  print(row("  ours", work, ours.grids));
  for (const { letters, work: theirs, grids } of ofMlx(shape, mlx)) {
    print(row(`  MLX on ${letters}`, theirs, grids));
    const check = (what: string, a: number, b: number): void => {
      if (a > b) exceeded.push(`${nameOf(shape)}, ${what}: ${(a / b).toFixed(2)} times MLX's on ${letters}`);
    };
    check("device bytes", bytes(work), bytes(theirs));
    check("barriers", work.barriers, theirs.barriers);
  }
  return exceeded;
}

const notes =
  `Counted exactly: loads and stores of device memory as compiled, no caches; loads and stores of threadgroup memory;
barriers of all threadgroups; 8x8x8 matrix steps, 512 FMAs each; FMAs of threads. The first line of a product is the
least that must be read and written. MLX chooses by the chip: g base and Pro, s Max, d Ultra.
`;

/** Counts all products; what of ours exceeds MLX's. */
export async function report(folder: string, print: (line: string) => void): Promise<string[]> {
  using ours = await Ours.open();
  const mlx = new Emulator((await buildMlx(folder, false)).checked);
  print(notes);
  print(cells(["", "", "read MB", "written MB", "threadgr. MB", "barriers", "steps M", "FMA M", "groups"]));
  const rows = shapes.map((shape): Row => {
    const grids = ours.grids(shape);
    return { shape, grids, work: countByClass(ours.emulator, grids) };
  });
  const exceeded = rows.flatMap((made) => compare(made, mlx, print));
  print("\nAn estimate, never measured: milliseconds of ours by a roofline of each chip");
  print(cells(["", "", ...machines.map(({ name }) => name)]));
  for (const { shape, grids, work } of rows) {
    const times = machines.map((machine) => estimate(shape, grids, work, machine).toPrecision(3));
    print(cells([nameOf(shape), "", ...times]));
  }
  return exceeded;
}

if (import.meta.main) {
  const found = wheel();
  if ("missing" in found) throw new Error(found.missing);
  const exceeded = await report(found.folder, console.log);
  console.log(
    exceeded.length === 0 ? "\nOurs exceed MLX's nowhere." : `\nOurs exceed MLX's:\n  ${exceeded.join("\n  ")}`,
  );
}
