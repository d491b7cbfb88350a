// The memory behind a matrix and its views: who may see it, and until when.
import type { Device } from "./device.ts";
import { ArgumentError, DisposedError } from "./errors.ts";
import type { Piece } from "./memory.ts";

/** The memory of a matrix, shared by its views and by the calls at work on it. */
export class Storage implements Disposable {
  readonly device: Device;
  #piece: Piece | undefined;
  #floats: Float32Array<ArrayBuffer> | undefined;

  constructor(device: Device, piece: Piece) {
    this.device = device;
    this.#piece = piece;
  }

  /** The memory; throws once it is lost. */
  get piece(): Piece {
    const { lost } = this;
    if (lost !== undefined) throw new DisposedError(lost);
    return this.#piece!;
  }

  /** Why the memory can no longer be used, once it was disposed or transferred away. */
  get lost(): string | undefined {
    const piece = this.#piece;
    if (piece === undefined) return "this matrix was disposed; make a new one, or dispose it later";
    if (this.device.closed) return `this matrix belongs to device ${this.device.name}, which is closed`;
    if (piece.exposed && piece.block.buffer?.detached) {
      return "the ArrayBuffer of this matrix was transferred away: make a new matrix from its new owner";
    }
    return undefined;
  }

  get exposed(): boolean {
    return this.piece.exposed;
  }

  /** Throws while a call that has not ended reads or writes the numbers. */
  requireFree(op: string): void {
    const { readers, writers } = this.piece;
    if (readers + writers === 0) return;
    throw new ArgumentError(`${op}: a call that has not ended works on this matrix; await that one first`);
  }

  /** Another owner of the same memory, for the length of a call. */
  share(): Storage {
    this.piece.references++;
    return new Storage(this.device, this.piece);
  }

  /** The numbers, for JavaScript's own use inside the package. */
  floats(): Float32Array<ArrayBuffer> {
    return this.#floats ??= this.piece.floats();
  }

  /** The numbers, for the user. They then lie in an ArrayBuffer of their own, which no pending work touches: a piece of
   * a slab, or one that a call is at work on, is copied first. */
  expose(length: number): Float32Array<ArrayBuffer> {
    const piece = this.piece;
    if (!piece.exposed) {
      if (piece.small || piece.references > 1) {
        const own = this.device.memory.takeOwn(4 * length);
        own.floats().set(this.floats().subarray(0, length));
        this.#piece = own;
        this.device.memory.release(piece);
      }
      this.piece.exposed = true;
      this.#floats = this.piece.floats();
    }
    return this.floats();
  }

  [Symbol.dispose](): void {
    const piece = this.#piece;
    if (piece === undefined) return;
    this.#piece = undefined;
    this.#floats = undefined;
    this.device.memory.release(piece);
  }
}
