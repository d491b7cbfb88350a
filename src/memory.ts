// Memory of a device: page-aligned blocks that JavaScript owns, each with a handle in the library, pooled and reused.
// Small pieces are cut from slabs. Nothing here is ever read by queued work after the user was given it (see
// Storage.expose).
import process from "node:process";
import { setTimeout } from "node:timers";
import { DisposedError, OutOfMemoryError } from "./errors.ts";

/** What memory needs of its device. */
export interface Host {
  /** Bytes to skip from the start of this memory to the next page boundary. */
  align(memory: Uint8Array): number;
  wrap(memory: Uint8Array): number;
  alloc(bytes: number): number;
  free(handle: number): void;
  /** The ticket after which everything encoded so far has passed, and the last one known to have passed. */
  horizon(): number;
  passed(): number;
}

/** Largest piece cut from a slab, a slab's size, and the cap of what each pool keeps. */
const SMALL_BYTES = 1 << 13;
const SLAB_BYTES = 1 << 18;
const POOL_BYTES = 64 << 20;
const PAGE_SLACK = 1 << 14;
const IDLE_MS = 1000;
const FREE_PIECES = 1024;
/** From this size on the library is told of memory before anything is written there: it asks for large pages. */
const LARGE_BYTES = 1 << 22;

/** Fresh memory after which dropped matrices should have been collected, and a size that no machine can allocate. */
const COLLECT_BYTES = 128 << 20;
const IMPOSSIBLE_BYTES = 2 ** 52;

/** One allocation with its handle: JavaScript's (buffer set) or, beyond the runtime's ArrayBuffer limit, the library's.
 */
export class Block {
  buffer: ArrayBuffer | undefined;
  readonly skip: number;
  readonly bytes: number;
  handle = 0;
  /** Work up to this ticket may still use the memory. */
  ticket = 0;
  constructor(buffer: ArrayBuffer | undefined, skip: number, bytes: number) {
    this.buffer = buffer;
    this.skip = skip;
    this.bytes = bytes;
  }
}

/** A part of a block, counted: the matrix's own reference and one for each public call at work on it. */
export class Piece {
  readonly block: Block;
  readonly base: number;
  readonly bytes: number;
  readonly small: boolean;
  references = 1;
  exposed = false;
  /** Not yet written: all zero. */
  fresh: boolean;
  ticket = 0;
  /** Calls on their way that read it, and that write it. */
  readers = 0;
  writers = 0;
  constructor(block: Block, base: number, bytes: number, small: boolean, fresh: boolean) {
    this.block = block;
    this.base = base;
    this.bytes = bytes;
    this.small = small;
    this.fresh = fresh;
  }
  bytesView(): Uint8Array<ArrayBuffer> {
    const { buffer, skip } = this.block;
    if (buffer === undefined) {
      throw new DisposedError("this matrix lies beyond the runtime's ArrayBuffer limit: use readBlock and writeBlock");
    }
    return new Uint8Array(buffer, skip + this.base, this.bytes);
  }
  floats(): Float32Array<ArrayBuffer> {
    const view = this.bytesView();
    return new Float32Array(view.buffer, view.byteOffset, Math.floor(this.bytes / 4));
  }
}

export class Memory {
  readonly #host: Host;
  #slab: Block | undefined;
  #slabUsed = 0;
  readonly #small = new Map<number, Piece[]>();
  #pool: Block[] = [];
  #pooledBytes = 0;
  #taken = 0;
  #trimming = false;
  #closed = false;
  #sinceCollection = 0;
  #inUse = 0;
  readonly #registry: FinalizationRegistry<number>;

  constructor(host: Host) {
    this.#host = host;
    this.#registry = new FinalizationRegistry((handle) => {
      if (!this.#closed) host.free(handle);
    });
  }

  /** The handle of a block, made at its first use. */
  handle(block: Block): number {
    if (block.handle === 0) {
      const { buffer, skip, bytes } = block;
      if (buffer === undefined || buffer.detached) {
        throw new DisposedError(
          "the ArrayBuffer of this matrix was transferred away: make a new matrix from its new owner",
        );
      }
      block.handle = this.#host.wrap(new Uint8Array(buffer, skip, bytes));
      this.#registry.register(block, block.handle, block);
    }
    return block.handle;
  }

  /** Memory for a matrix. forHost: JavaScript will write it at once, so no pending work may still use it. */
  take(bytes: number, forHost: boolean): Piece {
    this.#taken++;
    if (bytes <= SMALL_BYTES) return this.#takeSmall(bytes, forHost);
    const limit = forHost ? this.#host.passed() : Infinity;
    const at = this.#pool.findIndex((b) =>
      b.bytes >= bytes && b.bytes <= bytes * 1.25 + PAGE_SLACK && b.ticket <= limit
    );
    if (at >= 0) {
      const [block] = this.#pool.splice(at, 1) as [Block];
      this.#pooledBytes -= block.bytes;
      return new Piece(block, 0, bytes, false, false);
    }
    return new Piece(this.#block(bytes), 0, bytes, false, true);
  }

  /** A block that holds just this piece, to be handed to the user. */
  takeOwn(bytes: number): Piece {
    if (bytes > SMALL_BYTES) return this.take(bytes, true);
    return new Piece(new Block(new ArrayBuffer(bytes), 0, bytes), 0, bytes, false, true);
  }

  /** Lets go of one reference; the last one returns the memory to its pool. */
  release(piece: Piece): void {
    if (--piece.references > 0) return;
    piece.ticket = this.#host.horizon();
    if (piece.small) {
      const free = this.#small.get(piece.bytes);
      if (free && free.length < FREE_PIECES) free.push(piece);
      return;
    }
    const { block } = piece;
    if (block.buffer?.detached) return this.#drop(block);
    if (piece.exposed && block.buffer) block.buffer = block.buffer.transfer();
    block.ticket = piece.ticket;
    if (block.bytes <= SMALL_BYTES) return this.#drop(block);
    this.#pool.push(block);
    this.#pooledBytes += block.bytes;
    this.#shrink(POOL_BYTES);
    this.#trimWhenIdle();
  }

  /** Bytes kept for reuse. */
  get pooledBytes(): number {
    return this.#pooledBytes;
  }

  close(): void {
    this.#closed = true;
    for (const block of this.#pool) block.buffer?.transfer(0);
    this.#pool = [];
    this.#pooledBytes = 0;
    this.#small.clear();
    this.#slab = undefined;
  }

  #takeSmall(bytes: number, forHost: boolean): Piece {
    const size = Math.max(64, 2 ** Math.ceil(Math.log2(bytes)));
    let free = this.#small.get(size);
    if (!free) this.#small.set(size, free = []);
    const last = free.at(-1);
    if (last && (!forHost || last.ticket <= this.#host.passed())) {
      free.pop();
      return new Piece(last.block, last.base, size, true, false);
    }
    if (!this.#slab || this.#slabUsed + size > SLAB_BYTES) {
      this.#slab = this.#block(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    const piece = new Piece(this.#slab, this.#slabUsed, size, true, true);
    this.#slabUsed += size;
    return piece;
  }

  /** Both engines are slow to see that dropped matrices hold much memory (550 MB resident where 150 were live): they
   * are made to collect after as much fresh memory as was in use. Bun has a call for it; V8 collects before it gives up
   * on an allocation, so the impossible is asked for. */
  #collect(bytes: number): void {
    this.#sinceCollection += bytes;
    if (this.#sinceCollection < Math.max(COLLECT_BYTES, this.#inUse)) return;
    const { Bun } = globalThis as { Bun?: { gc(now: boolean): void } };
    try {
      if (Bun) Bun.gc(true);
      else new ArrayBuffer(IMPOSSIBLE_BYTES);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    this.#sinceCollection = 0;
    this.#inUse = process.memoryUsage().external;
  }

  #block(bytes: number): Block {
    this.#collect(bytes);
    try {
      const buffer = new ArrayBuffer(bytes + PAGE_SLACK);
      const block = new Block(buffer, this.#host.align(new Uint8Array(buffer)), bytes);
      if (bytes >= LARGE_BYTES) this.handle(block);
      return block;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      if (bytes < 2 ** 31) {
        throw new OutOfMemoryError(`no memory for ${bytes} bytes: dispose matrices no longer used`, bytes);
      }
      const block = new Block(undefined, 0, bytes);
      block.handle = this.#host.alloc(bytes);
      this.#registry.register(block, block.handle, block);
      return block;
    }
  }

  #drop(block: Block): void {
    if (block.handle !== 0) {
      this.#registry.unregister(block);
      this.#host.free(block.handle);
      block.handle = 0;
    }
    if (block.buffer && !block.buffer.detached) block.buffer.transfer(0);
    block.buffer = undefined;
  }

  /** Gives memory back, oldest first, until at most so many bytes are kept; what pending work may use stays. */
  #shrink(keep: number): void {
    const passed = this.#host.passed();
    const stay: Block[] = [];
    for (const block of this.#pool) {
      if (this.#pooledBytes <= keep || block.ticket > passed) {
        stay.push(block);
        continue;
      }
      this.#pooledBytes -= block.bytes;
      this.#drop(block);
    }
    this.#pool = stay;
  }

  #trimWhenIdle(): void {
    if (this.#trimming) return;
    this.#trimming = true;
    const seen = this.#taken;
    setTimeout(() => {
      this.#trimming = false;
      if (this.#closed || this.#pool.length === 0) return;
      if (this.#taken === seen) this.#shrink(0);
      if (this.#pool.length > 0) this.#trimWhenIdle();
    }, IDLE_MS).unref();
  }
}
