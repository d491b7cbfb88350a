// What ran: explain() gathers the operations of its own calls, TSR_DEBUG tells them on stderr.
import { AsyncLocalStorage } from "node:async_hooks";
import * as abi from "../ffi/symbols.ts";
import type { Device } from "./device.ts";
import { debugLevel, debugLine } from "./env.ts";
import { ArgumentError } from "./errors.ts";
import { shown } from "./input.ts";
import { choose, engines, tiles } from "./tune.ts";

/** The tile of an operation whose predicate was 0. */
const SKIPPED = "skipped";

/** One operation of the native library. */
export interface Operation {
  op: string;
  shape: string;
  engine: string;
  /** The tile that ran; "skipped" where its predicate was 0. */
  tile: string;
  why: string;
  deviceMs: number;
  hostMs: number;
  bytes: number;
  gflops: number;
}

/** An operation on its way, with what is needed to finish its record. */
interface Pending {
  operation: Operation;
  flops: number;
}

class Recorder {
  readonly operations: Operation[] = [];
  readonly notes: string[] = [];
  device: string | undefined;
  copyMs = 0;
  waitMs = 0;
}

const current = new AsyncLocalStorage<Recorder>();
const pending = new WeakMap<Device, Map<number, Pending>>();

const level = debugLevel();

/** Whether each operation is told as it runs. */
export const telling: boolean = level >= 2;

/** Whether operations need a record now. */
export function tracing(): boolean {
  return telling || current.getStore() !== undefined;
}

/** What an algorithm has to say of its way, for explain and TSR_DEBUG=2. */
export function note(text: string): void {
  current.getStore()?.notes.push(text);
  if (telling) debugLine(text);
}

/** Runs f, which copies numbers of the caller, and counts its time. */
export function copying<T>(f: () => T): T {
  const recorder = current.getStore();
  if (!recorder) return f();
  const start = performance.now();
  try {
    return f();
  } finally {
    recorder.copyMs += performance.now() - start;
  }
}

/** Notes the operation that was just encoded. */
export function record(device: Device, operation: Operation, flops: number): void {
  const recorder = current.getStore();
  if (recorder) {
    recorder.operations.push(operation);
    recorder.device = device.kind;
  }
  let map = pending.get(device);
  if (!map) {
    pending.set(device, map = new Map());
    const none = new Float64Array(abi.TSR_TRACE_WORDS);
    device.check(device.native.tsr_trace(device.context, none, 0, new Uint32Array(1))); // starts its clock
  }
  map.set(device.operations, { operation, flops });
}

/** After work has passed: fetches what the library measured. */
export function settle(device: Device, waitMs: number): void {
  const recorder = current.getStore();
  if (recorder) recorder.waitMs += waitMs;
  const map = pending.get(device);
  if (!map || map.size === 0) return;
  const records = new Float64Array(256 * abi.TSR_TRACE_WORDS);
  const count = new Uint32Array(1);
  do {
    device.check(device.native.tsr_trace(device.context, records, 256, count));
    for (let i = 0; i < count[0]!; i++) finish(map, records.subarray(i * abi.TSR_TRACE_WORDS));
  } while (count[0] === 256);
}

function finish(map: Map<number, Pending>, record: Float64Array): void {
  const number = record[abi.TSR_TRACE_NUMBER]!;
  const entry = map.get(number);
  if (!entry) return;
  map.delete(number);
  const { operation, flops } = entry;
  const tile = record[abi.TSR_TRACE_TILE]!;
  operation.engine = engines[record[abi.TSR_TRACE_ENGINE]!] ?? operation.engine;
  operation.tile = tile === 0 ? SKIPPED : tiles[tile] ?? String(tile);
  operation.deviceMs = record[abi.TSR_TRACE_SECONDS]! * 1e3;
  operation.gflops = tile === 0 || operation.deviceMs === 0 ? 0 : flops / operation.deviceMs / 1e6;
  if (telling) debugLine(line(operation) + (level >= 3 ? `  ${operation.why}` : ""));
}

function line(o: Operation): string {
  const speed = o.gflops > 0 ? `${o.gflops.toFixed(1).padStart(7)} GFLOP/s` : "";
  return `${o.op.padEnd(8)} ${o.shape.padEnd(24)} ${o.engine}/${o.tile.padEnd(9)} ${
    o.deviceMs.toFixed(3).padStart(9)
  } ms ${speed}`;
}

/** What explain() returns: the value, its operations, and sums over them. The parts of wallMs are deviceMs; waitMs,
 * waiting that was longer than the work (for the queue's thread, and to hear of the end); hostMs, the calls into the
 * library; copyMs; otherMs. Where the device works while the host encodes, they add up to more. */
export interface Explained<T> {
  value: T;
  operations: readonly Operation[];
  /** What algorithms say of their way: a method that missed its contract and was replaced. */
  notes: readonly string[];
  totals: Record<string, number>;
  toString(): string;
}

function summary<T>(value: T, recorder: Recorder, wallMs: number): Explained<T> {
  const { operations, notes } = recorder;
  const sum = (pick: (o: Operation) => number): number => operations.reduce((s, o) => s + pick(o), 0);
  const deviceMs = sum((o) => o.deviceMs);
  const gflop = sum((o) => o.gflops * o.deviceMs) / 1e3;
  const { copyMs } = recorder, waitMs = Math.max(0, recorder.waitMs - deviceMs), hostMs = sum((o) => o.hostMs);
  const gflops = deviceMs > 0 ? gflop / deviceMs * 1e3 : 0;
  const peak = Number(choose("peak", recorder.device ?? "cpu", 0, 0, 0).value);
  const totals = {
    operations: operations.length,
    wallMs,
    deviceMs,
    hostMs,
    waitMs,
    copyMs,
    otherMs: Math.max(0, wallMs - Math.max(deviceMs, recorder.waitMs) - hostMs - copyMs),
    bytes: sum((o) => o.bytes),
    gflops,
    ...(peak > 0 && { ofPeak: gflops / peak }),
  };
  const times = {
    "the device": deviceMs,
    "waiting beyond it": waitMs,
    calls: hostMs,
    copies: copyMs,
    "all else": totals.otherMs,
  };
  const parts = Object.entries(times).map(([name, ms]) => `${name} ${ms.toFixed(2)}`).join(", ");
  const share = peak > 0 ? `, ${(100 * gflops / peak).toFixed(0)} % of the measured peak` : "";
  const speed = `${gflops.toFixed(1)} GFLOP/s${share}`;
  const ran = operations.filter(({ tile }) => tile !== SKIPPED), others = operations.length - ran.length;
  const count = `${ran.length} operations${others > 0 ? `, ${others} more passed by as not needed` : ""}`;
  const head = `${count}, ${wallMs.toFixed(2)} ms: ${parts}; ${speed}`;
  return {
    value,
    operations,
    notes,
    totals,
    toString: () => [...ran.map((o) => `${line(o)}  ${o.why}`), ...notes, head].join("\n"),
  };
}

function requireFunction(f: unknown, op: string): void {
  if (typeof f === "function") return;
  throw new ArgumentError(`${op}: ${shown(f)} is no function; give one that makes the calls, as ${op}(() => qr(a))`);
}

/** Runs f and tells what its own calls did, also while other calls run beside it. */
export async function explain<T>(f: () => T | Promise<T>): Promise<Explained<T>> {
  requireFunction(f, "explain");
  const recorder = new Recorder();
  const start = performance.now();
  const value = await current.run(recorder, async () => await f());
  return summary(value, recorder, performance.now() - start);
}

/** The same for blocking calls. */
export function explainSync<T>(f: () => T): Explained<T> {
  requireFunction(f, "explainSync");
  const recorder = new Recorder();
  const start = performance.now();
  const value = current.run(recorder, f);
  return summary(value, recorder, performance.now() - start);
}
