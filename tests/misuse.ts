// Operands that no function of one matrix may take, and the typed error that each gets, for any list of functions.
import { Matrix } from "../src/index.ts";
import { every } from "./helpers.ts";
import { disposed, dtype, fails, nonFinite, overflow, shape, type Wanted } from "./refusals.ts";

/** A function of one matrix in both forms, that works on a 2x2 identity. */
export interface Form {
  readonly op: string;
  readonly blocking: (a: never) => unknown;
  readonly promised: (a: never) => Promise<unknown>;
  /** Takes square matrices alone. */
  readonly square?: boolean;
  /** NaN and Inf go through, as in a product. */
  readonly passes?: boolean;
}

interface Bad {
  readonly name: string;
  readonly make: () => unknown;
  readonly wanted: Wanted;
}

const always: readonly Bad[] = [
  { name: "ragged rows", make: () => [[1, 2], [3]], wanted: { ...shape, text: /row 1 has 1/ } },
  { name: "too few numbers", make: () => ({ data: [1, 2, 3], shape: [2, 2] }), wanted: { ...shape, text: /2x2/ } },
  { name: "three sizes", make: () => ({ data: [1], shape: [1, 1, 1] }), wanted: { ...shape, text: /\[1,1,1\]/ } },
  { name: "strings", make: () => [["1", "2"], ["3", "4"]], wanted: { ...dtype, text: /string/ } },
  { name: "complex numbers", make: () => [[{ re: 1, im: 2 }, 0], [0, 1]], wanted: { ...dtype, text: /object/i } },
  { name: "null", make: () => null, wanted: { ...dtype, text: /null/ } },
  { name: "a number", make: () => 5, wanted: { ...dtype, text: /number/ } },
  { name: "beyond float32", make: () => [[1, 0], [1e39, 1]], wanted: { ...overflow, text: /1e\+39/ } },
  { name: "disposed", make: gone, wanted: { ...disposed, text: /disposed/ } },
];

const finite: readonly Bad[] = [
  {
    name: "NaN",
    make: () => [[1, 0], [NaN, 1]],
    wanted: { ...nonFinite, text: /NaN.*row 1, column 0/, fields: { row: 1, column: 0 } },
  },
  {
    name: "-Infinity",
    make: () => Matrix.from([[1, 0], [0, -Infinity]]),
    wanted: { ...nonFinite, text: /Inf.*row 1, column 1/, fields: { row: 1, column: 1 } },
  },
];

const shapes: readonly Bad[] = [
  { name: "1x2", make: () => [[1, 2]], wanted: { ...shape, text: /1x2/ } },
  { name: "3x0", make: () => Matrix.zeros(3, 0), wanted: { ...shape, text: /3x0/ } },
];

function gone(): Matrix {
  const a = Matrix.eye(2);
  a[Symbol.dispose]();
  return a;
}

/** Every function refuses every operand that it must, in both forms, and names itself. */
export async function refuseAll(forms: readonly Form[]): Promise<void> {
  const pairs = forms.flatMap((form) => {
    const list = [...always, ...(form.passes ? [] : finite), ...(form.square ? shapes : [])];
    return list.map((bad) => ({ form, bad }));
  });
  await every(pairs, ({ form, bad }) => `${form.op}, ${bad.name}`, async ({ form, bad }) => {
    // The first form must have left the second one's operand as it was, so each has its own.
    const blocking = (): unknown => form.blocking(bad.make() as never);
    const promised = (): Promise<unknown> => form.promised(bad.make() as never);
    await fails(form.op, blocking, promised, bad.wanted);
  });
}
