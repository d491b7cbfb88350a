// A public call: its operands, held until it ends, and the type of the algorithms that serve both its forms.
import type { Device } from "./device.ts";
import { attachEngine } from "./engines.ts";
import { ArgumentError, DeviceError, DisposedError } from "./errors.ts";
import { requireOptions, shown, vectorFrom, type VectorLike } from "./input.ts";
import { Matrix, type MatrixLike } from "./matrix.ts";
import type { Piece } from "./memory.ts";
import { defaultDevice, deviceOption } from "./open.ts";
import { copying } from "./trace.ts";
import { type Engine, requireEngine } from "./tune.ts";

export { note } from "./trace.ts";

/** Options that every call takes. */
export interface RunOptions {
  /** Where to run; default: where the first Matrix operand lies, else the default device. */
  device?: Device;
  engine?: Engine;
  /** The promise rejects within 100 ms of the abort; other calls go on. */
  signal?: AbortSignal;
  onProgress?: (event: Progress) => void;
  /** Reject NaN and Inf with their position. Default: true for factorisations and solves, false for products. */
  checkFinite?: boolean;
}

export interface Progress {
  phase: string;
  done: number;
  total: number;
}

/** Where an algorithm pauses. `numbers`: the host is about to read what was computed so far; else it only tells how far
 * it is. */
export interface Pause extends Progress {
  numbers: boolean;
}

/** One text for both forms of a call: the drivers in run.ts submit what was encoded at each pause and wait for it. */
export type Algorithm<T> = Generator<Pause, T, undefined>;

/** Waits until everything encoded so far has run, so that the host may read it. */
export function numbers(phase: string, done: number, total: number): Pause {
  return { phase, done, total, numbers: true };
}

/** Waits as `numbers` does and tells nothing. */
export function settled(): Pause {
  return { phase: "", done: 0, total: 0, numbers: true };
}

/** Multiplications after which an algorithm with many short steps pauses: a pause costs about as much as a step. */
export const STRETCH: number = 2 ** 26;

/** Tells how far the work is; work of the next stretch may start before this one has passed. */
export function progress(phase: string, done: number, total: number): Pause {
  return { phase, done, total, numbers: false };
}

/** What a call on its way does with a matrix of the user's. */
type Hold = "readers" | "writers";

/** Throws where these are no options, or already aborted. */
function checkOptions(options: RunOptions, op: string): void {
  requireOptions(options, op);
  const { signal, onProgress } = options;
  if (onProgress && typeof onProgress !== "function") {
    throw new ArgumentError(`${op}: onProgress is ${shown(onProgress)}; give a function of { phase, done, total }`);
  }
  if (!signal) return;
  if (typeof signal.throwIfAborted !== "function") {
    throw new ArgumentError(`${op}: signal is ${shown(signal)}; give an AbortSignal, as the controller's .signal`);
  }
  signal.throwIfAborted();
}

/** Where the first matrix lies. */
function deviceOf(operands: readonly unknown[]): Device | undefined {
  for (const operand of operands) if (operand instanceof Matrix) return operand.device;
  return undefined;
}

/** The operands of one public call: plain data copied in, matrices kept alive whatever their owner does meanwhile. */
export class Call implements Disposable {
  readonly op: string;
  readonly options: RunOptions;
  readonly device: Device;
  readonly #async: boolean;
  readonly #operands: Matrix[] = [];
  #holds: { piece: Piece; as: Hold }[] | undefined; // seldom needed by the calls that are short

  constructor(op: string, operands: readonly unknown[], options: RunOptions, async: boolean) {
    checkOptions(options, op);
    this.op = op;
    this.options = options;
    this.#async = async;
    this.device = deviceOption(options, op) ?? deviceOf(operands) ?? defaultDevice();
    const { engine } = options;
    requireEngine(engine, op);
    if (engine === "blas" || engine === "mlx") attachEngine(op, this.device, engine);
  }

  /** For method "lapack": engine blas must be there, with a LAPACK. */
  requireLapack(): void {
    const { engine = "auto" } = this.options;
    if (engine !== "auto" && engine !== "blas") {
      throw new ArgumentError(`${this.op}: method "lapack" runs on engine blas; the call asks for engine ${engine}`);
    }
    attachEngine(this.op, this.device, "blas");
    const { blas } = this.device.facts;
    if (blas?.lapack) return;
    throw new DeviceError(
      `${this.op}: method "lapack" needs a LAPACK, which ${blas?.library} has not; give an OpenBLAS or MKL in TSR_BLAS`,
    );
  }

  /** An operand; errors call it by its name. Numbers that the user can reach (`data` was read) are copied for an
   * asynchronous call, so that nothing the user does with their ArrayBuffer can reach work on its way; others cannot be
   * written until the call ends. */
  matrix(a: MatrixLike, name: string = "A"): Matrix {
    return this.#take(a, name, "readers");
  }

  /** The user's memory for a result, or a copy of it where the user holds its numbers. */
  output(out: Matrix): Matrix {
    const own = this.#take(out, "out", "writers");
    if (out.storage.piece.readers === 0) return own;
    throw new ArgumentError(`${this.op}: a call that has not ended reads out; await that one first`);
  }

  #take(a: MatrixLike, name: string, as: Hold): Matrix {
    if (a instanceof Matrix && a.device !== this.device) {
      const [theirs, ours] = a.device.name === this.device.name
        ? [a.device.name, "another of that name"]
        : [a.device.name, this.device.name];
      throw new ArgumentError(
        `${this.op}: an operand lies on device ${theirs}, the call runs on ${ours}; ` +
          "Matrix.from(m.data, m.shape, { device }) copies it there",
      );
    }
    const lost = a instanceof Matrix ? a.storage.lost : undefined;
    if (lost !== undefined) throw new DisposedError(`${this.#operand(name)}: ${lost}`);
    // A blocking call that calls nothing of the user's has them for itself.
    if (a instanceof Matrix && !this.#async && !this.options.onProgress) return a;
    const own = !(a instanceof Matrix)
      ? copying(() => Matrix.fromData(a, this.device, this.#operand(name)))
      : this.#async && a.storage.exposed
      ? copying(() => a.copy())
      : a.share();
    this.#operands.push(own);
    const { piece } = own.storage;
    piece[as]++;
    (this.#holds ??= []).push({ piece, as });
    return own;
  }

  /** A vector operand as a column. */
  column(values: VectorLike, name: string): Matrix {
    const data = vectorFrom(values, this.#operand(name));
    return this.matrix({ data, shape: [data.length, 1] }, name);
  }

  #operand(name: string): string {
    return `${this.op}, operand ${name}`;
  }

  [Symbol.dispose](): void {
    if (this.#holds) { for (const { piece, as } of this.#holds) piece[as]--; }
    for (const operand of this.#operands) operand[Symbol.dispose]();
  }
}
