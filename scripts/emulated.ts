// Rung 4: the public suite on device "metal", through the .m files of metal/ on the fake Metal, with the kernels
// executed by the emulator. A table of what runs there, on which runtime, in which circumstances: in the gate, and, of
// each circumstance more, in `npm run verify`.

/** Build what the parts use, and print the paths: the library; the kernels, plain and checked. */
export const builds: readonly (readonly string[])[] = [
  ["bun", "tests/metal-emulator/fake/build.ts"],
  ["bun", "tests/metal-emulator/build.ts"],
];

/** Test files that do not run on the emulated device, and why. */
const leftOut: Readonly<Record<string, string>> = {
  accuracy: "the bench's formulas, on the CPU library",
  bench: "the bench's own arithmetic, on the CPU library",
  cli: "sets the variables that choose device and library",
  compat: "other packages' suites: calls that the other files make too",
  conquer: "stedc and bdsdc: host code on every device",
  decision: "how measured times become rows, without a device",
  devices: "opens the CPU's devices by name",
  emulator: "the emulator itself, without a device",
  engines: "vendors' libraries, on the CPU",
  isa: "the CPU's instruction sets",
  lapack: "vendors' libraries, on the CPU",
  metal: "opens the device in circumstances of its own",
  metalbinary: "the library for macOS, which cannot be opened here",
  metalhost: "opens the library in circumstances of its own",
  metalmachine: "machine code for macOS, which cannot be opened here",
  metrics: "the tests' own measurements",
  mlxkernels: "MLX's kernels, without a device",
  package: "the packed package",
  passes: "counts passes over matrices that take an emulator an hour",
  permissions: "what Deno asks for to open a library",
  readme: "the README's texts",
  mlx: "Apple's MLX, on the CPU library",
  scale: "the most memory held, at sizes that would take an emulator an hour",
  small: "float64 on the host of every device",
  syev: "host code on every device",
  tidy: "the tree's texts",
  tune: "the dispatch table, variables and vendors' engines, on the CPU library",
  types: "the compiler's types",
  vendors: "vendors' libraries, on the CPU",
};

export interface Part {
  readonly name: string;
  readonly runtime: "Bun" | "Deno";
  readonly env: Readonly<Record<string, string>>;
  readonly takes: (test: string) => boolean;
  /** Test files that run in other circumstances, but not in these, and why. */
  readonly without: Readonly<Record<string, string>>;
}

type Circumstances = Omit<Part, "takes" | "without"> & Partial<Pick<Part, "without">> & {
  /** The test files of the gate; without a list, all. */
  readonly gate?: readonly string[];
  /** Those of `npm run verify`; without a list, all. */
  readonly whole?: readonly string[];
};

/** A file for each family of kernels. */
const families = [
  "apply",
  "basis",
  "cholesky",
  "elementwise",
  "getrf",
  "jacobi",
  "matmul",
  "reduce",
  "reflectors",
  "solve",
];

const copies = { memory: "the limits are those of memory that is not copied" };

function circumstances(library: string, kernels: string, watched: string): readonly Circumstances[] {
  const use = (path: string) => ({ TSR_LIB: library, TSR_DEVICE: "metal", TSR_EMULATED_KERNELS: path });
  const plain = use(kernels);
  // Races, bounds and uninitialised memory end a test; groups run their threads in another order.
  const checked = (order: number) => ({ ...use(watched), TSR_EMULATED_CHECK: "1", TSR_EMULATED_ORDER: `${order}` });
  const name = (runtime: string, more = "") => `${runtime} on Metal (emulated)${more}`;
  return [
    { name: name("Bun"), runtime: "Bun", env: plain },
    {
      // Memory, calls, promises, errors. Kernels give both runtimes the same bits, as bits.test.ts says.
      name: name("Deno"),
      runtime: "Deno",
      env: plain,
      gate: ["abi", "arguments", "async", "bits", "input", "matrix", "memory", "operands", "views"],
    },
    {
      name: name("Deno", ", Apple's pages"),
      runtime: "Deno",
      env: { ...plain, TSR_EMULATED_PAGE: "16384" },
      without: copies,
      gate: ["basis", "elementwise", "matmul", "solve"],
    },
    {
      name: name("Bun", ", memory copied"),
      runtime: "Bun",
      env: { ...plain, TSR_EMULATED_NOCOPY: "0" },
      without: copies,
      gate: ["async", "elementwise", "views"],
    },
    { name: name("Bun", ", checked, order 1"), runtime: "Bun", env: checked(1), gate: ["expm", "matmul"] },
    {
      name: name("Bun", ", checked, order 2"),
      runtime: "Bun",
      env: checked(2),
      gate: ["basis", "cholesky"],
      whole: families,
    },
    {
      name: name("Deno", ", checked, order 3"),
      runtime: "Deno",
      env: checked(3),
      gate: ["input", "elementwise"],
      whole: ["input", ...families],
    },
  ];
}

/** The parts of the gate, or the whole of them, with the libraries that were built. */
export function parts(library: string, kernels: string, watched: string, whole: boolean): readonly Part[] {
  return circumstances(library, kernels, watched).map(({ without = {}, ...part }) => {
    const list = whole ? part.whole : part.gate;
    return {
      ...part,
      without,
      takes: (test) => !(test in leftOut || test in without) && (list?.includes(test) ?? true),
    };
  });
}

/** One line for each of the files that does not run on the emulated device, or not in all circumstances. */
export function reasons(tests: readonly string[], parts: readonly Part[]): string[] {
  const nowhere = Object.entries(leftOut).filter(([test]) => tests.includes(test));
  const sometimes = parts.flatMap(({ name, without }) =>
    Object.entries(without).filter(([test]) => tests.includes(test)).map(([test, why]) =>
      `not in ${name}: ${test}: ${why}`
    )
  );
  return [...nowhere.map(([test, why]) => `not on emulated Metal: ${test}: ${why}`), ...sometimes];
}
