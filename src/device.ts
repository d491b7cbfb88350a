// A device: one context of the native library, its queue, and its memory. The only place where a status becomes an
// exception.
import * as abi from "../ffi/symbols.ts";
import type { Native } from "../ffi/load.ts";
import { ArgumentError, DeviceError, DisposedError, DTypeError, OutOfMemoryError, ShapeError } from "./errors.ts";
import { type Host, Memory, type Piece } from "./memory.ts";

/** What tsr_info tells. */
interface Facts {
  readonly device: string;
  readonly kind: string;
  readonly isa: string;
  readonly threads: number;
  readonly cores: number;
  readonly chain: number;
  readonly page: number;
  readonly tiles: readonly string[];
  readonly engines: readonly string[];
  readonly emulated: boolean;
  /** What a GPU's self-test looked at; it opens only where all of that holds. */
  readonly checks?: readonly string[];
  readonly blas?: VendorFacts;
  readonly mlx?: VendorFacts;
}

/** What the library of a vendor is. */
interface VendorFacts {
  readonly library: string;
  readonly kind: string;
  /** Of a BLAS: whether it has the factorisations of LAPACK. */
  readonly lapack?: boolean;
}

/** The devices by name: what tsr_open is asked for. */
const devices: Readonly<Record<string, readonly [device: number, isa: number]>> = {
  "metal": [abi.TSR_DEVICE_METAL, abi.TSR_ISA_BEST],
  "cpu": [abi.TSR_DEVICE_CPU, abi.TSR_ISA_BEST],
  "cpu:portable": [abi.TSR_DEVICE_CPU, abi.TSR_ISA_PORTABLE],
  "cpu:avx2": [abi.TSR_DEVICE_CPU, abi.TSR_ISA_AVX2],
  "cpu:avx512": [abi.TSR_DEVICE_CPU, abi.TSR_ISA_AVX512],
  "cpu:neon": [abi.TSR_DEVICE_CPU, abi.TSR_ISA_NEON],
};

export type VendorEngine = "blas" | "mlx";

const engineNumbers: Readonly<Record<VendorEngine, number>> = { blas: abi.TSR_BLAS, mlx: abi.TSR_MLX };

/** Work that holds the calling thread about as long as a nap would (run.ts) and spares it to hand that to the queue's
 * thread, which costs 0.1 to 0.2 ms, and more where all processors are busy. */
const SLIGHT_MICROSECONDS = 600;
/** Operations on their way beyond which calls wait: the queue has room for four times as many, and what an algorithm
 * encodes between two pauses must find some. */
const CROWD = 1024;
/** What tsr_wait tells of a ticket that has passed. */
const ENDED: ReadonlySet<number> = new Set([abi.TSR_OK, abi.TSR_E_CANCELED, abi.TSR_E_MEMORY, abi.TSR_E_DEVICE]);

const texts = new TextDecoder();

function textOf(bytes: Uint8Array): string {
  return texts.decode(bytes.subarray(0, bytes.indexOf(0)));
}

/** Calls run in order on one queue; an operation is encoded first and runs when it is submitted. */
export class Device implements Disposable, Host {
  readonly name: string;
  /** Path of the library file. */
  readonly library: string;
  /** Why no better device was opened, where none was asked for by name. */
  readonly passedOver: string | undefined;
  readonly native: Native;
  readonly memory: Memory;
  /** Operations encoded since open: the number of the last one, as tsr_trace counts. */
  operations = 0;
  /** What the call at work asks for: the engine of its operations, or "auto". */
  asked: string = "auto";
  /** Whether what its operations take at most is told to `encoded`: a call that blocks does not ask for `slight`. */
  estimating = true;
  #facts: Facts;
  readonly #context: number;
  #closed = false;
  #encoded: Piece[] = [];
  #unsubmitted = false;
  #microseconds = 0;
  #last = 0;
  #passed = 0;
  #flight: { ticket: number; pieces: Piece[]; operations: number }[] = [];
  /** Operations that have passed. */
  #over = 0;
  readonly #out = new Uint32Array(2);

  constructor(name: string, native: Native, library: string, threads: number, passedOver?: string) {
    const asked = devices[name];
    if (asked === undefined) {
      const known = Object.keys(devices).join(", ");
      throw new ArgumentError(`open: there is no device "${name}"; known devices are ${known}`);
    }
    this.name = name;
    this.passedOver = passedOver;
    this.native = native;
    this.library = library;
    const config = new Uint32Array(abi.TSR_CONFIG_WORDS);
    config[abi.TSR_CONFIG_ABI] = abi.TSR_ABI;
    config[abi.TSR_CONFIG_DEVICE] = asked[0];
    config[abi.TSR_CONFIG_ISA] = asked[1];
    config[abi.TSR_CONFIG_THREADS] = threads;
    const status = native.tsr_open(config, this.#out);
    this.#context = status === abi.TSR_OK ? this.#out[0]! : 0;
    if (status !== abi.TSR_OK) throw this.#failure(status);
    this.#facts = this.#ask();
    this.memory = new Memory(this);
  }

  #ask(): Facts {
    const text = new Uint8Array(8192);
    this.check(this.native.tsr_info(this.#context, text, text.length));
    return JSON.parse(textOf(text)) as Facts;
  }

  get facts(): Facts {
    return this.#facts;
  }

  get kind(): string {
    return this.#facts.kind;
  }

  /** "tiled", and the engines of vendors that are attached. */
  get engines(): readonly string[] {
    return this.#facts.engines;
  }

  /** Opens a vendor's library as an engine of this device; waits for its queue. */
  attach(engine: VendorEngine, path: string): void {
    const bytes = new TextEncoder().encode(`${path}\0`);
    this.check(this.native.tsr_attach(this.context, engineNumbers[engine], bytes));
    this.#facts = this.#ask();
  }

  /** The context, for calls into the library. */
  get context(): number {
    if (this.#closed) throw new DisposedError(`device ${this.name} is closed`);
    return this.#context;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Ends the device: cancels its work and closes its context. Its matrices can no longer be used; numbers that were
   * handed out stay with their owners. */
  close(): void {
    if (this.#closed) return;
    this.check(this.native.tsr_close(this.#context));
    this.#closed = true;
    this.#flight = [];
    this.#encoded = [];
    this.#passed = this.#last;
    this.memory.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // ---- errors ----

  /** Throws the exception that belongs to a negative status. */
  check(status: number): void {
    if (status !== abi.TSR_OK) throw this.#failure(status);
  }

  #failure(status: number): Error {
    const buffer = new Uint8Array(1024);
    this.native.tsr_error(this.#context, buffer, buffer.length);
    const text = textOf(buffer) || `status ${status}`;
    switch (status) {
      case abi.TSR_E_MEMORY:
        return new OutOfMemoryError(text, Number(/(\d+) bytes/.exec(text)?.[1] ?? 0));
      case abi.TSR_E_HANDLE:
      case abi.TSR_E_CONTEXT:
        return new DisposedError(text);
      case abi.TSR_E_SHAPE:
        return new ShapeError(text);
      case abi.TSR_E_TYPE:
        return new DTypeError(text);
      case abi.TSR_E_ARGUMENT:
      case abi.TSR_E_ALIAS:
      case abi.TSR_E_BOUNDS:
        return new ArgumentError(text);
      default:
        return new DeviceError(text);
    }
  }

  // ---- what memory needs ----

  align(memory: Uint8Array): number {
    this.check(this.native.tsr_align(memory, this.#out));
    return this.#out[0]!;
  }

  wrap(memory: Uint8Array): number {
    const { byteLength } = memory;
    this.check(
      this.native.tsr_wrap(this.context, memory, byteLength >>> 0, Math.floor(byteLength / 2 ** 32), this.#out),
    );
    return this.#out[0]!;
  }

  alloc(bytes: number): number {
    this.check(this.native.tsr_alloc(this.context, bytes >>> 0, Math.floor(bytes / 2 ** 32), this.#out));
    return this.#out[0]!;
  }

  free(handle: number): void {
    if (!this.#closed) this.check(this.native.tsr_free(this.#context, handle));
  }

  horizon(): number {
    return this.#unsubmitted ? this.#last + 1 : this.#last;
  }

  passed(): number {
    const flight = this.#flight.at(-1);
    if (flight) this.#poll(flight.ticket);
    return this.#passed;
  }

  // ---- queue ----

  /** After an operation's call: counts it and what it is expected to take at most, or throws. */
  encoded(status: number, microseconds: number = Infinity): void {
    this.check(status);
    this.operations++;
    this.#unsubmitted = true;
    this.#microseconds += microseconds;
  }

  /** Whether what is encoded is so little that it had better run here and now, and nothing else is on its way. */
  get slight(): boolean {
    if (this.kind !== "cpu" || !(this.#microseconds <= SLIGHT_MICROSECONDS)) return false;
    const flight = this.#flight.at(-1);
    if (flight) this.#poll(flight.ticket);
    return this.#flight.length === 0;
  }

  /** Whether so much is on its way that more may not find room in the queue. */
  get crowded(): boolean {
    while (this.operations - this.#over >= CROWD) {
      const first = this.#flight[0];
      if (!first) return false;
      this.#poll(first.ticket);
      if (this.#flight[0] === first) return true;
    }
    return false;
  }

  /** Whether there is nothing to start and nothing on its way. */
  get idle(): boolean {
    return !this.#unsubmitted && this.#flight.length === 0;
  }

  /** Keeps memory alive until the work that is being encoded has passed. */
  keep(piece: Piece): void {
    this.#encoded.push(piece);
  }

  /** Starts what was encoded, on the queue's thread or here and now. */
  submit(inline: boolean): number {
    const mode = inline ? abi.TSR_INLINE : abi.TSR_QUEUED;
    this.#out[0] = 0;
    const status = this.native.tsr_submit(this.context, mode, this.#out);
    const ticket = this.#out[0]!;
    if (ticket !== 0) {
      this.#last = ticket;
      this.#unsubmitted = false;
      this.#microseconds = 0;
      if (inline) {
        this.#encoded.length = 0;
        this.#reap(ticket); // what was on its way before it, too
        this.#over = this.operations;
      } else {
        this.#flight.push({ ticket, pieces: this.#encoded, operations: this.operations });
        this.#encoded = [];
      }
    }
    this.check(status);
    return ticket;
  }

  /** Whether a ticket has passed; throws when it ended by an error. */
  done(ticket: number): boolean {
    const status = this.#poll(ticket);
    if (status !== abi.TSR_E_CANCELED && status !== abi.TSR_E_TIMEOUT) this.check(status);
    return this.#passed >= ticket;
  }

  /** Blocks until the ticket has passed, or so long: `done` tells which, and how it ended. */
  nap(ticket: number, ms: number): void {
    this.native.tsr_wait(this.context, ticket, ms / 1000);
  }

  cancel(ticket: number): void {
    this.check(this.native.tsr_cancel(this.context, ticket));
  }

  #poll(ticket: number): number {
    if (this.#closed) return abi.TSR_OK;
    const status = this.native.tsr_wait(this.#context, ticket, 0);
    if (ENDED.has(status)) this.#reap(ticket);
    return status;
  }

  #reap(ticket: number): void {
    this.#passed = Math.max(this.#passed, ticket);
    while (this.#flight.length > 0 && this.#flight[0]!.ticket <= ticket) this.#over = this.#flight.shift()!.operations;
  }
}
