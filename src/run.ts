// The two drivers of the algorithms: one awaits the queue at each pause, the other blocks on it.
import { setImmediate, setTimeout } from "node:timers";
import { type Algorithm, Call, type Pause, type RunOptions } from "./call.ts";
import type { Device } from "./device.ts";
import { settle, tracing } from "./trace.ts";

/** Waiting costs little of a core and at most a tenth of the time waited: polls up to this long in place; then naps, as
 * long as was waited but within these bounds, which the end of the work breaks off, each followed by a turn of the
 * event loop; then timers, which are late by up to 2 ms. */
const SPIN_MS = 0.05;
const NAP_MS = [0.1, 0.5] as const;
const NAPS_MS = 20;
const TIMER_MS = 2;

/** How long calls together may keep the event loop from turning by work that they do on its thread. */
const HELD_MS = 0.05;
let heldMs = 0;

type Job<T> = (call: Call) => Algorithm<T>;

/** Runs a job without blocking the event loop. */
export async function runAsync<T>(
  op: string,
  operands: readonly unknown[],
  options: RunOptions,
  job: Job<T>,
): Promise<T> {
  using call = new Call(op, operands, options, true);
  return await driveAsync(call.device, job(call), options);
}

/** Runs a job on the calling thread. */
export function runSync<T>(op: string, operands: readonly unknown[], options: RunOptions, job: Job<T>): T {
  const call = new Call(op, operands, options, false);
  try { // `using` costs a small product a tenth of its time where the runtime rewrites it
    return driveSync(call.device, job(call), options);
  } finally {
    call[Symbol.dispose]();
  }
}

/** Starts what was encoded on this device and waits until it has run. */
export async function flush(device: Device): Promise<void> {
  await passed(device, device.submit(false), undefined);
}

/** The same, blocking. */
export function flushSync(device: Device): void {
  here(device);
}

/** Runs what was encoded on the calling thread, after all that is on its way. */
function here(device: Device): void {
  if (!tracing()) {
    if (!device.idle) device.submit(true);
    return;
  }
  const start = performance.now();
  device.submit(true);
  settle(device, performance.now() - start);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function tell({ phase, done, total }: Pause, onProgress: RunOptions["onProgress"]): void {
  if (total > 0) onProgress?.({ phase, done, total });
}

/** Goes on to the next pause; what is encoded meanwhile runs on the engine that the call asked for. */
function step<T>(
  device: Device,
  algorithm: Algorithm<T>,
  { engine = "auto" }: RunOptions,
  estimating: boolean,
): IteratorResult<Pause, T> {
  device.asked = engine;
  device.estimating = estimating;
  try {
    return algorithm.next();
  } finally {
    device.asked = "auto";
    device.estimating = true;
  }
}

function driveSync<T>(device: Device, algorithm: Algorithm<T>, options: RunOptions): T {
  let over = false;
  try {
    for (;;) {
      const { done, value } = step(device, algorithm, options, false);
      over = done === true;
      here(device);
      if (done) return value;
      tell(value, options.onProgress);
      options.signal?.throwIfAborted();
    }
  } finally {
    if (!over) algorithm.return(undefined as T);
  }
}

/** The end of the line before a device whose queue is nearly full. */
const lines = new WeakMap<Device, Promise<void>>();

/** Waits until there is room in the queue, and those who came before have had theirs: calls are encoded in the order in
 * which they were made. */
async function admitted(device: Device): Promise<void> {
  const before = lines.get(device);
  const mine = (async () => {
    await before;
    while (device.crowded) await turn();
  })();
  lines.set(device, mine);
  await mine;
  if (lines.get(device) === mine) lines.delete(device);
}

async function driveAsync<T>(device: Device, algorithm: Algorithm<T>, options: RunOptions): Promise<T> {
  const { signal, onProgress } = options;
  let before = 0;
  let ticket = 0;
  try {
    for (;;) {
      if (device.crowded || lines.has(device)) {
        await admitted(device);
        signal?.throwIfAborted();
      }
      const start = performance.now();
      const { done, value } = step(device, algorithm, options, true);
      if (device.slight) {
        if (ticket > 0) device.done(ticket); // has passed, and throws if by an error
        [before, ticket] = [0, 0];
        here(device);
        heldMs += performance.now() - start;
        if (heldMs > HELD_MS) {
          await turn();
          heldMs = 0;
        }
        signal?.throwIfAborted();
      } else {
        [before, ticket] = [ticket, device.submit(false)];
        await passed(device, done || value.numbers ? ticket : before, signal);
        if (before > 0) device.done(before); // throws if it ended by an error
      }
      if (done) return value;
      tell(value, onProgress);
    }
  } catch (error) {
    for (const t of [before, ticket]) if (t > 0 && !device.closed) device.cancel(t);
    throw error;
  } finally {
    algorithm.return(undefined as T);
  }
}

/** Calls that wait. Only one alone naps: the naps of several would add up between two turns, and while one of them has
 * yet to hear of its end, the queue works for another. They take turns without naps up to this long, then timers. */
const TURNS_MS = 1;
let waiting = 0;

/** Resolves when the ticket has passed; rejects with the signal's reason when it is aborted first. */
async function passed(device: Device, ticket: number, signal: AbortSignal | undefined): Promise<void> {
  const start = performance.now();
  waiting++;
  try {
    for (;;) {
      signal?.throwIfAborted();
      if (ticket === 0 || device.done(ticket)) break;
      const waited = performance.now() - start;
      if (waited < SPIN_MS) continue;
      const alone = waiting === 1, early = waited < (alone ? NAPS_MS : TURNS_MS);
      if (early && alone) device.nap(ticket, Math.min(Math.max(waited, NAP_MS[0]), NAP_MS[1]));
      await (early ? turn() : new Promise<void>((resolve) => setTimeout(resolve, TIMER_MS)));
    }
  } finally {
    waiting--;
  }
  if (!device.closed) settle(device, performance.now() - start);
}
