// Times the bench list of tests/cases.ts. No time without a residual, measured in float64 by the tests' own code: a
// result outside its contract is told as FAIL without its time.
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  explain,
  explainSync,
  info,
  matmul,
  matmulSync,
  Matrix,
  orthonormalize,
  qr,
  qrSync,
  svd,
  svdSync,
} from "../src/index.ts";
import { bench, type Case, nameOf, operations } from "../tests/cases.ts";
import * as contracts from "../tests/contracts.ts";
import { type Figure, type Numbers, orthogonality, transpose, u, wide } from "../tests/metrics.ts";
import { type Operand, Peer } from "./peer.ts";

/** A case ends after so many turns, or when they have taken so long; a turn repeats short calls to last TURN_MS. */
const TURNS = 7;
const TURNS_MS = 6000;
const TURN_MS = 40;
const TOL = 1e-5;

type Result = Readonly<Record<string, unknown>>;

/** A case made ready: its operands for the peer, the call in both forms, and the measurement of a result. */
interface Job {
  operands: Readonly<Record<string, Operand>>;
  run: () => Promise<Result>;
  runSync: () => Result;
  figures: (result: Result) => Figure[];
}

interface Line {
  op: string;
  shape: string;
  library: string;
  engine?: string;
  tile?: string;
  form?: string;
  threads: number;
  ms?: number;
  minMs?: number;
  gflops?: number;
  resid: number;
  orth: number | undefined;
  holds: boolean;
  /** Our time over the peer's. */
  ratio?: number;
  runtime: string;
}

const facts = info();
const threads = facts["threads"] as number;
const { bun, deno } = process.versions as Record<string, string>;
const runtime = bun ? `bun ${bun}` : `deno ${deno}`;

function plain(a: unknown): Operand {
  const matrix = a as Matrix;
  return { shape: matrix.shape, data: matrix.readBlock(0, matrix.shape[0], 0, matrix.shape[1]) };
}

const dense = (a: unknown) => wide(plain(a) as Numbers);

function gemmJob(c: Case): Job {
  const [rows, cols] = c.transA ? [c.k, c.m] : [c.m, c.k];
  const a = Matrix.random(rows, cols, { seed: 1 });
  const b = Matrix.random(c.k, c.n, { seed: 2 });
  const options = { transA: c.transA };
  return {
    operands: { a: plain(a), b: plain(b) },
    run: async () => ({ c: await matmul(a, b, options) }),
    runSync: () => ({ c: matmulSync(a, b, options) }),
    figures: (r) => {
      const A = c.transA ? transpose(dense(a)) : dense(a);
      return contracts.probe(plain(r["c"]), { A, B: dense(b) }, facts["chain"] as number);
    },
  };
}

function qrJob(c: Case): Job {
  const a = Matrix.random(c.m, c.n, { seed: 1 });
  return {
    operands: { a: plain(a) },
    run: async () => ({ ...await qr(a) }),
    runSync: () => ({ ...qrSync(a) }),
    figures: (r) => contracts.qr(plain(a), plain(r["q"]), plain(r["r"])),
  };
}

/** A matrix with singular values 1, 1/2, 1/3, ... to float32. */
async function harmonic(m: number, n: number): Promise<Matrix> {
  using left = await orthonormalize(Matrix.random(m, n, { seed: 1 }));
  using right = await orthonormalize(Matrix.random(n, n, { seed: 2 }));
  using values = Matrix.diag(Array.from({ length: n }, (_, i) => 1 / (i + 1)));
  using scaled = await matmul(left, values);
  return await matmul(scaled, right, { transB: true });
}

async function svdJob(c: Case): Promise<Job> {
  const a = await harmonic(c.m, c.n);
  const options = { k: c.k, tol: TOL };
  return {
    operands: { a: plain(a) },
    run: async () => ({ ...await svd(a, options) }),
    runSync: () => ({ ...svdSync(a, options) }),
    figures: (r) => {
      const [U, Vt, s] = [dense(r["u"]), dense(r["vt"]), r["s"] as Float32Array];
      const worst = Math.max(...contracts.tripletResiduals(dense(a), U, s, Vt)) / s[0]!;
      const skew = Math.max(orthogonality(U), orthogonality(transpose(Vt)));
      return [
        { contract: "residual", value: worst / u, bound: Math.max(TOL / u, 32) },
        { contract: "orthogonality", value: skew, bound: 12 * Math.sqrt(c.k) },
      ];
    },
  };
}

function jobOf(c: Case): Job | Promise<Job> {
  if (c.op === "gemm") return gemmJob(c);
  if (c.op === "qr") return qrJob(c);
  if (c.op === "svd") return svdJob(c);
  throw new Error(`the bench has no job for ${c.op}`);
}

function drop(result: Result): void {
  for (const part of Object.values(result)) if (part instanceof Matrix) part[Symbol.dispose]();
}

async function once(job: Job, sync: boolean): Promise<Result> {
  return sync ? job.runSync() : await job.run();
}

/** Milliseconds of one call, as the mean of so many. */
async function turn(job: Job, sync: boolean, inner: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < inner; i++) drop(await once(job, sync));
  return (performance.now() - start) / inner;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const repeats = (ms: number): number => Math.max(1, Math.round(TURN_MS / ms));

/** Turns of ours and the peer's, one after the other. */
async function turns(job: Job, sync: boolean, peer: Peer | undefined): Promise<{ ours: number[]; theirs: number[] }> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  const inner = repeats(await turn(job, sync, 1));
  const peerInner = peer ? repeats(await peer.run(1)) : 0;
  const start = performance.now();
  while (ours.length < 3 || (ours.length < TURNS && performance.now() - start < TURNS_MS)) {
    ours.push(await turn(job, sync, inner));
    if (peer) theirs.push(await peer.run(peerInner));
  }
  return { ours, theirs };
}

/** The engine and tile of the operation that took longest. */
async function chosen(job: Job, sync: boolean): Promise<{ engine: string; tile: string }> {
  const { operations, value } = sync ? explainSync(job.runSync) : await explain(job.run);
  drop(value);
  const { engine, tile } = operations.reduce((a, b) => b.deviceMs > a.deviceMs ? b : a);
  return { engine, tile };
}

const speed = (times: readonly number[], flops: number) => {
  const ms = median(times);
  return { ms, minMs: Math.min(...times), gflops: flops / ms / 1e6 };
};

async function lines(c: Case, sync: boolean, peer: Peer | undefined): Promise<Line[]> {
  const job = await jobOf(c);
  const result = await once(job, sync);
  const figures = job.figures(result);
  drop(result);
  const holds = figures.every(({ value, bound }) => value <= bound);
  const of = (name: RegExp) => figures.find(({ contract }) => name.test(contract))?.value;
  const common = { op: c.op, shape: nameOf(c).slice(c.op.length + 1), threads };
  const flops = operations[c.op].flops(c.m, c.n, c.k);
  await peer?.prepare({ op: c.op, n: c.n, k: c.k, trans: c.transA }, job.operands);
  const { ours, theirs } = await turns(job, sync, peer);
  const orth = of(/orthogonality/);
  const mine: Line = {
    ...common,
    library: "tesserae",
    ...await chosen(job, sync),
    form: sync ? "sync" : "async",
    ...(holds && speed(ours, flops)),
    resid: u * of(/residual of QR|^residual|product/)!,
    orth: orth && u * orth,
    holds,
    runtime,
  };
  if (!peer) return [mine];
  if (holds) mine.ratio = median(ours) / median(theirs);
  const measured = await peer.measure();
  return [mine, {
    ...common,
    library: peer.version,
    engine: peer.kernel,
    ...speed(theirs, flops),
    ...measured,
    holds: true,
    runtime: "python",
  }];
}

function format(line: Line): string {
  const { op, shape, library, tile, ms, gflops, resid, orth, holds, ratio } = line;
  const time = holds
    ? `${ms!.toFixed(3).padStart(10)} ms ${gflops!.toFixed(1).padStart(8)} GFLOP/s`
    : "FAIL".padStart(30);
  const figures = `resid ${resid.toExponential(1)}${orth === undefined ? "" : `  orth ${orth.toExponential(1)}`}`;
  const beside = ratio === undefined ? "" : `  ${ratio.toFixed(2)} of the peer's time`;
  return `${op.padEnd(5)} ${shape.padEnd(22)} ${library.padEnd(12)} ${
    (tile ?? "").padEnd(8)
  } ${time}  ${figures}${beside}`;
}

/** Nanoseconds of a call into the library that does nothing, and of the smallest product through the public surface. */
function overhead(): Record<string, number> {
  const [a, out] = [Matrix.eye(1), Matrix.zeros(1, 1)];
  const each = (count: number, call: () => void): number => {
    for (let i = 0; i < count / 10; i++) call();
    const start = performance.now();
    for (let i = 0; i < count; i++) call();
    return Math.round((performance.now() - start) / count * 1e6);
  };
  const { native } = a.device;
  return { abi: each(1e6, () => native.tsr_abi()), matmulSync: each(2e4, () => matmulSync(a, a, { out })) };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean" },
    peer: { type: "boolean" },
    sync: { type: "boolean" },
    deno: { type: "boolean" },
  },
});
if (values.deno && bun) {
  const rest = process.argv.slice(2).filter((arg) => arg !== "--deno");
  const { status } = spawnSync("deno", ["run", "-A", fileURLToPath(import.meta.url), ...rest], { stdio: "inherit" });
  process.exit(status ?? 1);
}
if (facts["emulated"]) {
  console.error(`device ${facts["device"]} is emulated: its times mean nothing, so there is no bench on it`);
  process.exit(1);
}
using peer = values.peer ? await Peer.start(threads) : undefined;
const calls = overhead();
console.log(
  values.json
    ? JSON.stringify({ op: "call", unit: "ns", ...calls, runtime })
    : `call overhead in ns: ${JSON.stringify(calls)}`,
);
for (const c of bench.filter((c) => positionals.length === 0 || positionals.some((p) => nameOf(c).includes(p)))) {
  for (const line of await lines(c, values.sync ?? false, peer)) {
    console.log(values.json ? JSON.stringify(line) : format(line));
  }
}
