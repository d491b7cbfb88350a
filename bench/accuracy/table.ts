// The arithmetic of the accuracy table: figures in units of their bounds, the worst of them, and lines to print.
import type { Figure } from "../../tests/metrics.ts";

/** A figure in units of its bound: over 1 it breaks it, and so does one that is no number or should be 0 and is not. */
export function ratio({ value, bound }: Figure): number {
  if (bound === 0) return value === 0 ? 0 : Infinity;
  return Number.isNaN(value) ? Infinity : value / bound;
}

/** The worst of many figures: how bad, which, and where. */
export class Worst {
  ratio = 0;
  bound = 0;
  figure = "";
  where = "";
  /** Matrices that were looked at, and those without a result. */
  count = 0;
  missing = 0;

  /** Takes the figures of one result; the worst of them, in units of its bound. */
  take(figures: readonly Figure[], where: string): number {
    this.count++;
    let most = 0;
    for (const figure of figures) {
      const size = ratio(figure);
      most = Math.max(most, size);
      if (this.figure !== "" && !(size > this.ratio)) continue;
      [this.ratio, this.bound, this.figure, this.where] = [size, figure.bound, figure.contract, where];
    }
    return most;
  }

  /** Counts a matrix for which there was no result. */
  miss(): void {
    this.count++;
    this.missing++;
  }
}

/** Three digits, or how far beyond measuring. */
export function short(x: number): string {
  if (!Number.isFinite(x)) return "no number";
  if (x !== 0 && (x >= 999.5 || x < 1e-3)) return x.toExponential(1);
  return x === 0 ? "0" : x < 1 ? x.toFixed(3) : x.toPrecision(3);
}

/** Rows under headings, each column as wide as it must be; columns named in `right` are set to the right. */
export function lay(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  right: ReadonlySet<number>,
): string {
  const widths = headings.map((heading, j) => Math.max(heading.length, ...rows.map((row) => row[j]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, j) => right.has(j) ? cell.padStart(widths[j]!) : cell.padEnd(widths[j]!)).join("  ").trimEnd();
  return [line(headings), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
