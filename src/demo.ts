// The main job: a photograph taken apart by every algorithm there is, each result measured against its contract.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cholesky, explain, matmul, Matrix, type Proof, qr, svd } from "./index.ts";
import { drawSvg, encodePng, readPhotograph } from "./picture.ts";

const ranks = [5, 20, 50, 100] as const;
/** A run is timed again until so many were, or so much time has passed. */
const RUNS = 3;
const RUNS_MS = 400;
const u = 2 ** -24;

/** One line of the table. Residual and orthogonality are relative to the data, as their bounds are. */
interface Row {
  operation: string;
  method: string;
  k?: number;
  passes?: number;
  converged?: boolean;
  ms: number;
  gflops: number;
  residual: number;
  residualBound: number;
  orthogonality?: number;
  orthogonalityBound?: number;
  holds: boolean;
}

/** A picture of low rank that was written. */
interface Picture {
  rank: number;
  /** ‖A - A_k‖ / ‖A‖. */
  error: number;
  /** Numbers that U, σ and V hold, over the numbers of A. */
  numbers: number;
  file: string;
}

export interface Report {
  photograph: { width: number; height: number };
  shape: readonly [number, number];
  rows: Row[];
  jitter: number;
  pictures: Picture[];
  files: string[];
  holds: boolean;
}

/** Told once for each piece of work: what comes next, and how many pieces there are. */
export type Tell = (next: string, pieces: number) => void;

type Figures = Omit<Row, "operation" | "method" | "k" | "passes" | "converged">;

interface Measured<T> {
  value: T;
  figures: Figures;
}

/** Runs once with proof, then times runs without it and keeps the fastest. */
async function measure<T extends { proof?: Proof }>(
  run: (options: { proof?: true }) => Promise<T>,
): Promise<Measured<T>> {
  const value = await run({ proof: true });
  let [ms, gflops, spent] = [Infinity, 0, 0];
  for (let i = 0; i < RUNS && spent < RUNS_MS; i++) {
    const { operations, totals } = await explain(() => run({}));
    spent += totals.wallMs!;
    if (totals.wallMs! >= ms) continue;
    ms = totals.wallMs!;
    gflops = operations.reduce((sum, o) => sum + o.gflops * o.deviceMs, 0) / ms;
  }
  return { value, figures: { ms, gflops, ...contract(value.proof!) } };
}

/** The figure nearest to its bound of those about the residual, and of those about orthogonality. */
function contract({ figures, holds }: Proof): Omit<Figures, "ms" | "gflops"> {
  const worst = (names: RegExp) =>
    Object.entries(figures).filter(([name]) => names.test(name)).map(([, figure]) => figure)
      .sort((a, b) => b.value / b.bound - a.value / a.bound)[0];
  const [residual, orthogonality] = [worst(/^residual/)!, worst(/^orthogonality/)];
  return {
    residual: u * residual.value,
    residualBound: u * residual.bound,
    ...(orthogonality && { orthogonality: u * orthogonality.value, orthogonalityBound: u * orthogonality.bound }),
    holds,
  };
}

async function taken(A: Matrix, tell: Tell): Promise<{ rows: Row[]; triplets: Map<number, Triplets>; jitter: number }> {
  const rows: Row[] = [];
  const triplets = new Map<number, Triplets>();
  const pieces = 2 * ranks.length + 4;
  for (const k of ranks) {
    for (const method of ["krylov", "subspace"] as const) {
      tell(`svd k = ${k} ${method}`, pieces);
      const { value, figures } = await measure((options) => svd(A, { k, method, ...options }));
      rows.push({ operation: "svd", method, k, passes: value.passes, converged: value.converged, ...figures });
      if (method === "krylov") triplets.set(k, value);
    }
  }
  for (const method of ["blocked", "cgs2"] as const) {
    tell(`qr ${method}`, pieces);
    rows.push({ operation: "qr", method, ...(await measure((options) => qr(A, { method, ...options }))).figures });
  }
  tell("cholesky", pieces);
  using gram = await matmul(A, A, { transA: true });
  const { value, figures } = await measure((options) => cholesky(gram, { jitter: true, ...options }));
  rows.push({ operation: "cholesky", method: "blocked", ...figures });
  return { rows, triplets, jitter: value.jitter };
}

interface Triplets {
  u: Matrix;
  s: Float32Array;
  vt: Matrix;
}

/** U Σ Vᵀ, laid out like the photograph. */
async function approximate({ u, s, vt }: Triplets): Promise<Matrix> {
  using sigma = Matrix.diag(s);
  using us = await matmul(u, sigma);
  return await matmul(vt, us, { transA: true, transB: true });
}

function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

/** The whole job. Files go to the folder `out`. */
export async function demo(out: string, tell: Tell): Promise<Report> {
  const { width, height, matrix } = await readPhotograph();
  const A = matrix.T;
  const [m, n] = A.shape;
  const norm = distance(matrix.data, new Float32Array(m * n));
  const { rows, triplets, jitter } = await taken(A, tell);

  tell("pictures and plot", rows.length + 1);
  mkdirSync(out, { recursive: true });
  const write = (name: string, content: Uint8Array | string): string => {
    writeFileSync(join(out, name), content);
    return join(out, name);
  };
  const original = write("photograph.png", await encodePng(matrix));
  const pictures: Picture[] = [];
  for (const [rank, parts] of triplets) {
    using picture = await approximate(parts);
    const file = write(`rank-${String(rank).padStart(3, "0")}.png`, await encodePng(picture));
    pictures.push({
      rank,
      error: distance(matrix.data, picture.data) / norm,
      numbers: rank * (m + n + 1) / (m * n),
      file,
    });
  }
  const values = [...triplets.get(ranks.at(-1)!)!.s];
  let rest = norm ** 2;
  const errors = values.map((s) => Math.sqrt(Math.max(0, rest -= s * s)) / norm);
  const plot = write("spectrum.svg", await drawSvg({ values, errors, pictures }));
  return {
    photograph: { width, height },
    shape: [m, n],
    rows,
    jitter,
    pictures,
    files: [original, ...pictures.map((p) => p.file), plot],
    holds: rows.every((row) => row.holds && row.converged !== false),
  };
}

const small = (x: number | undefined): string => x === undefined ? "" : x.toExponential(1).padStart(7);

function line(row: Row): string {
  const verdict = !row.holds ? "FAIL" : row.converged === false ? "not converged" : "PASS";
  const bound = (value?: number, limit?: number) =>
    value === undefined ? "".padEnd(17) : `${small(value)} ≤ ${small(limit)}`;
  return [
    `${row.operation} ${row.method}`.padEnd(17),
    String(row.k ?? "").padStart(4),
    String(row.passes ?? "").padStart(7),
    row.ms.toFixed(1).padStart(8),
    row.gflops.toFixed(1).padStart(8),
    ` ${bound(row.residual, row.residualBound)}`,
    ` ${bound(row.orthogonality, row.orthogonalityBound)}`,
    ` ${verdict}`,
  ].join(" ");
}

/** The report as text of under a screen. */
export function format(
  { photograph, shape: [m, n], rows, jitter, pictures, files, holds }: Report,
  device: string,
): string {
  const head = [
    "method".padEnd(17),
    "   k",
    " passes",
    "      ms",
    " GFLOP/s",
    ` ${"residual ≤ bound".padStart(17)}`,
    " orthogonality ≤ bound",
  ].join(" ");
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  return [
    `A photograph of ${photograph.width} x ${photograph.height} points is a matrix A of ${m} x ${n}, a column a line.`,
    device,
    "",
    head,
    ...rows.map(line),
    "",
    "passes         products with a block of columns, a narrower block as its part of one",
    "residual       svd: largest |Av - σu| or |A'u - σv| over σ1;  qr: |A - QR| over |A|;",
    `               cholesky: |G - LL'| over |G|, where G = A'A${jitter > 0 ? ` + ${jitter.toExponential(1)} I` : ""}`,
    "orthogonality  |Q'Q - I|: how far the columns of Q (U, V) are from perpendicular unit vectors",
    "bound          what is promised for every finite matrix; the figures were measured in float64",
    "",
    ...pictures.map((p) =>
      `rank ${String(p.rank).padStart(3)}: ${percent(p.numbers).padStart(6)} of the numbers give the picture up to ` +
      `${percent(p.error).padStart(6)} error  ${p.file}`
    ),
    "No picture made of as few such terms is nearer to the photograph (Eckart and Young).",
    `The original: ${files[0]}; singular values and error against rank: ${files.at(-1)}`,
    holds ? "Every result is within its contract." : "NOT every result is within its contract: see the table.",
  ].join("\n");
}
