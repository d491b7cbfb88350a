// Wrong layouts of 8x8 matrices over the lanes of a SIMD-group: which kernels notice them?

/** Row and column of each of the 64 elements (2 l + i for element i of lane l), one behind the other. */
export type Layout = Uint8Array;

type Place = readonly [row: number, column: number];

const layoutOf = (place: (lane: number, i: number) => Place): Layout =>
  Uint8Array.from({ length: 64 }, (_, e) => e).reduce((layout, e) => {
    layout.set(place(e >> 1, e & 1), 2 * e);
    return layout;
  }, new Uint8Array(128));

/** That of Apple's GPUs, as public kernels assume it. */
const right = (l: number, i: number): Place => [
  (l >> 2 & 4) + (l >> 1 & 3),
  (l >> 2 & 2) * 2 + (l & 1) * 2 + i,
];

export const rightLayout: Layout = layoutOf(right);

const exchanged = (l: number, a: number, b: number): number => l === a ? b : l === b ? a : l;

export const wrongLayouts: readonly { readonly name: string; readonly layout: Layout }[] = [
  { name: "pairs along the rows", layout: layoutOf((l, i) => [l >> 2, (l & 3) * 2 + i]) },
  { name: "pairs along the columns", layout: layoutOf((l, i) => [l & 7, (l >> 3) * 2 + i]) },
  { name: "transposed", layout: layoutOf((l, i) => [right(l, i)[1], right(l, i)[0]]) },
  { name: "the elements of a lane exchanged", layout: layoutOf((l, i) => right(l, 1 - i)) },
  { name: "lanes 5 and 6 exchanged", layout: layoutOf((l, i) => right(exchanged(l, 5, 6), i)) },
  { name: "columns 0-3 and 4-7 exchanged", layout: layoutOf((l, i) => [right(l, i)[0], right(l, i)[1] ^ 4]) },
  { name: "rows 0-3 and 4-7 exchanged", layout: layoutOf((l, i) => [right(l, i)[0] ^ 4, right(l, i)[1]]) },
  { name: "the elements of a lane four rows apart", layout: layoutOf((l, i) => [(l >> 3) + 4 * i, l & 7]) },
];

/** The right layout with two of its 64 places exchanged. */
export function swapped(a: number, b: number): Layout {
  return layoutOf((l, i) => {
    const e = exchanged(2 * l + i, a, b);
    return right(e >> 1, e & 1);
  });
}

/** The right layout with rows and columns renumbered alike: a product notices nothing. */
export function renumbered(order: readonly number[]): Layout {
  return layoutOf((l, i) => [order[right(l, i)[0]]!, order[right(l, i)[1]]!]);
}

/** All orders of 0 to 7 but the first. */
export function* orders(): Generator<readonly number[]> {
  const order = [0, 1, 2, 3, 4, 5, 6, 7];
  for (;;) {
    let i = order.length - 2;
    while (i >= 0 && order[i]! > order[i + 1]!) i--;
    if (i < 0) return;
    let j = order.length - 1;
    while (order[j]! < order[i]!) j--;
    [order[i], order[j]] = [order[j]!, order[i]!];
    order.splice(i + 1, order.length, ...order.slice(i + 1).reverse());
    yield [...order];
  }
}

/** The places shuffled by numbers in (-1, 1). */
export function shuffled(random: (count: number) => Float32Array): Layout {
  const keys = random(64), places = [...keys.keys()].sort((a, b) => keys[a]! - keys[b]!);
  return layoutOf((l, i) => right(places[2 * l + i]! >> 1, places[2 * l + i]! & 1));
}
