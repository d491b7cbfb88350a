// A fitted principal component analysis: an object with the fit's numbers and the maps it defines.
import type { Algorithm, Call, RunOptions } from "./call.ts";
import {
  checkOptions,
  fixComponents,
  fromCovariance,
  gather,
  type Gathered,
  inverseTransformJob,
  merged,
  type Model,
  pcaJob,
  type PcaOptions,
  transformJob,
} from "./components.ts";
import { ArgumentError } from "./errors.ts";
import { requireOptions } from "./input.ts";
import type { Matrix, MatrixLike } from "./matrix.ts";
import { runAsync, runSync } from "./run.ts";

/** Principal components and the maps to and from them. pca(x) and Pca.streamed() make them. */
export class Pca {
  readonly #fit: Model;
  /** k x n, orthonormal rows. */
  readonly components: Matrix;
  readonly mean: Float32Array;
  readonly singularValues: Float32Array;
  /** Descending; of the rows as scaled, divided by rows - 1. */
  readonly explainedVariance: Float32Array;
  /** Parts of the total variance. */
  readonly explainedVarianceRatio: Float32Array;

  /** Use pca or Pca.streamed. */
  constructor(fit: Model) {
    this.#fit = fit;
    this.components = fit.components;
    this.mean = Float32Array.from(fit.mean);
    this.singularValues = fit.singularValues;
    this.explainedVariance = fit.explainedVariance;
    this.explainedVarianceRatio = fit.explainedVarianceRatio;
  }

  /** Scores of rows, m x k. */
  transform(x: MatrixLike): Promise<Matrix> {
    return runAsync("transform", [this.components], {}, (call) => transformJob(call, x, this.#fit));
  }
  /** The blocking form of transform. */
  transformSync(x: MatrixLike): Matrix {
    return runSync("transform", [this.components], {}, (call) => transformJob(call, x, this.#fit));
  }

  /** Rows from scores: the nearest to the originals that k components can give. */
  inverseTransform(scores: MatrixLike): Promise<Matrix> {
    return runAsync("inverseTransform", [this.components], {}, (call) => inverseTransformJob(call, scores, this.#fit));
  }
  /** The blocking form of inverseTransform. */
  inverseTransformSync(scores: MatrixLike): Matrix {
    return runSync("inverseTransform", [this.components], {}, (call) => inverseTransformJob(call, scores, this.#fit));
  }

  /** Gathers rows in blocks of any size, in any number, and keeps n² numbers of them; the result does not depend on the
   * blocks beyond rounding. The largest entry of each component is positive. */
  static streamed(options: PcaOptions = {}): PcaStream {
    return new PcaStream(options);
  }
}

export type PushOptions = Pick<RunOptions, "signal">;

/** Rows on their way into a Pca. */
export class PcaStream {
  readonly #options: PcaOptions;
  #gathered: Gathered | undefined;

  /** Use Pca.streamed. */
  constructor(options: PcaOptions) {
    checkOptions(options, "Pca.streamed");
    if (options.method === "svd") {
      throw new ArgumentError('Pca.streamed: method "svd" needs all rows at once; the method is covariance');
    }
    this.#options = options;
  }

  /** Adds rows: all of them, or none where it fails or its signal (default: the stream's) is aborted. */
  async push(rows: MatrixLike, options: PushOptions = {}): Promise<void> {
    this.#add(await runAsync("Pca.push", [rows], this.#placed(options), (call) => this.#gather(call, rows)));
  }
  /** The blocking form of push. */
  pushSync(rows: MatrixLike, options: PushOptions = {}): void {
    this.#add(runSync("Pca.push", [rows], this.#placed(options), (call) => this.#gather(call, rows)));
  }

  /** The components of all rows so far; more may follow. */
  finish(): Promise<Pca> {
    return runAsync("Pca.finish", [], this.#placed({}), (call) => this.#fit(call));
  }
  /** The blocking form of finish. */
  finishSync(): Pca {
    return runSync("Pca.finish", [], this.#placed({}), (call) => this.#fit(call));
  }

  /** Options of a call: after the first rows, on their device. */
  #placed(options: PushOptions): RunOptions {
    requireOptions(options, "Pca.push");
    const device = this.#gathered?.device;
    return { ...this.#options, ...options, ...(device ? { device } : {}) };
  }

  #gather(call: Call, rows: MatrixLike): Algorithm<Gathered> {
    return gather(call.matrix(rows, "rows"), this.#options, "Pca.push");
  }

  /** In one turn, so that rows pushed at once do not mix and an abort leaves all as it was. */
  #add(part: Gathered): void {
    if (part.rows > 0) this.#gathered = this.#gathered ? merged(this.#gathered, part, "Pca.push") : part;
  }

  *#fit(call: Call): Algorithm<Pca> {
    const gathered = this.#gathered;
    if (!gathered) throw new ArgumentError("Pca.finish: no rows were pushed; push at least one");
    const fit = yield* fromCovariance(call, gathered, this.#options, "Pca.finish");
    fixComponents(fit.components);
    return new Pca(fit);
  }
}

/** The principal components of the rows of x, and their scores. */
export function pca(x: MatrixLike, options: PcaOptions = {}): Promise<Pca & { scores: Matrix }> {
  return runAsync("pca", [x], options, (call) => fitted(call, x, options));
}
/** The blocking form of pca. */
export function pcaSync(x: MatrixLike, options: PcaOptions = {}): Pca & { scores: Matrix } {
  return runSync("pca", [x], options, (call) => fitted(call, x, options));
}

function* fitted(call: Call, x: MatrixLike, o: PcaOptions): Algorithm<Pca & { scores: Matrix }> {
  const { fit, scores } = yield* pcaJob(call, x, o);
  return Object.assign(new Pca(fit), { scores });
}
