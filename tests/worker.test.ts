// Worker threads: each has the library to itself, and matrices travel as { data, shape }.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { DisposedError, matmulSync, Matrix, qrSync, svdSync } from "../src/index.ts";
import { sameBits } from "./helpers.ts";

interface Parcel {
  data: Float32Array;
  shape: readonly number[];
}
interface Answer {
  id: number;
  result?: unknown;
  started?: boolean;
  error?: { name: string; message: string };
}

/** A worker that answers questions. */
class Helper implements AsyncDisposable {
  readonly #worker: Worker = new Worker(new URL("fixtures/worker.ts", import.meta.url));
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #count = 0;
  constructor() {
    this.#worker.on("message", (answer: Answer) => this.#waiting.get(answer.id)?.(answer));
  }
  ask(job: string, a: unknown, transfer: ArrayBuffer[] = []): Promise<Answer> {
    const id = this.#count++, { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, resolve);
    this.#worker.once("error", reject);
    this.#worker.postMessage({ id, job, a }, transfer);
    return promise;
  }
  async result<T>(job: string, a: unknown, transfer: ArrayBuffer[] = []): Promise<T> {
    const { result, error } = await this.ask(job, a, transfer);
    assert.equal(error, undefined, JSON.stringify(error));
    return result as T;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

const parcel = ({ data, shape }: Matrix): Parcel => ({ data, shape: [...shape] });

describe("a worker", () => {
  it("gives the same bits as the main thread, at the same time", async () => {
    await using helper = new Helper();
    const a = Matrix.random(400, 60, { seed: 1 }),
      far = helper.result<{ q: Parcel; r: Parcel }>("qr", parcel(a)),
      { q, r } = qrSync(a);
    const there = await far;
    sameBits(there.q.data, q.data, "Q");
    sameBits(there.r.data, r.data, "R");
  });

  it("and another one work beside each other", async () => {
    await using one = new Helper();
    await using two = new Helper();
    const a = Matrix.random(300, 80, { seed: 2 }), b = Matrix.random(20, 10, { seed: 3 });
    const ends = await Promise.all(
      [one, two, one, two].map((helper, i) =>
        helper.result<{ u: Parcel; same: boolean }>("svd", parcel(i < 2 ? a : b))
      ),
    );
    ends.forEach(({ u, same }, i) => {
      assert.ok(same, "blocking and promised agree in the worker");
      sameBits(u.data, svdSync(i < 2 ? a : b, { k: 3 }).u.data, `U of call ${i}`);
    });
  });

  it("takes over memory that is transferred, and the sender's matrix says so", async () => {
    await using helper = new Helper();
    const a = Matrix.random(200, 150, { seed: 4 }), truth = matmulSync(a, a, { transA: true });
    const back = await helper.result<Parcel>("gram", parcel(a), [a.data.buffer]);
    sameBits(back.data, truth.data, "the product");
    assert.throws(() => a.at(0, 0), DisposedError);
    assert.equal(Matrix.from(back.data, back.shape).at(3, 4), truth.at(3, 4));
  });

  it("reads memory that is shared", async () => {
    await using helper = new Helper();
    const data = new Float32Array(new SharedArrayBuffer(4 * 30 * 20)).map((_, i) => Math.fround(i / 7) % 1);
    const shared = new Float32Array(new SharedArrayBuffer(4 * 30 * 20));
    shared.set(data);
    const { data: product } = await helper.result<Parcel>("gram", { data: shared, shape: [30, 20] });
    sameBits(
      product,
      matmulSync({ data, shape: [30, 20] }, { data, shape: [30, 20] }, { transA: true }).data,
      "the product",
    );
  });

  it("refuses a Matrix posted whole, telling what to post instead", async () => {
    await using helper = new Helper();
    const { error } = await helper.ask("qr", Matrix.eye(3));
    assert.equal(error?.name, "DTypeError");
    assert.match(error.message, /data: m\.data, shape: m\.shape/);
  });

  it("can be ended in the middle of its work without harm to the rest", async () => {
    for (let time = 0; time < 3; time++) {
      const helper = new Helper(), a = Matrix.random(500, 200, { seed: 5 }), truth = qrSync(a);
      assert.ok((await helper.ask("endless", parcel(a))).started);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await helper[Symbol.asyncDispose]();
      sameBits(qrSync(a).r.data, truth.r.data, "R");
    }
    assert.equal(matmulSync([[2]], [[3]]).at(0, 0), 6);
  });
});
