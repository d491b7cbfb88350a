// A few lines of statistics.

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
};

/** The median distance from the median, relative to it. */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  return median(values.map((value) => Math.abs(value - middle))) / middle;
}

/** How many times longer these took than those: the median over pairs of turns next to each other, both of which a slow
 * spell of the machine meets. */
export function ratio(these: readonly number[], those: readonly number[]): number {
  const pairs = Math.min(these.length, those.length);
  return median(Array.from({ length: pairs }, (_, i) => these[i]! / those[i]!));
}

/** Exponent p and factor c of y = c xᵖ, by least squares on the logarithms. */
export function powerLaw(points: readonly { readonly x: number; readonly y: number }[]): { p: number; c: number } {
  const logs = points.map(({ x, y }) => [Math.log(x), Math.log(y)] as const), count = logs.length;
  const [mx, my] = [0, 1].map((i) => logs.reduce((sum, point) => sum + point[i]!, 0) / count) as [number, number];
  const over = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  const p = over / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  return { p, c: Math.exp(my - p * mx) };
}
