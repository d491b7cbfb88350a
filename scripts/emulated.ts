// Rung 4 as the gate runs it: the public suite on device "metal", through the .m files of metal/ on the fake Metal,
// with the kernels executed by the emulator. A table of what runs there, on which runtime, in which circumstances.

/** Build what the parts use, and print the paths: the library; the kernels, plain and checked. */
export const builds: readonly (readonly string[])[] = [
  ["bun", "tests/metal-emulator/fake/build.ts"],
  ["bun", "tests/metal-emulator/build.ts"],
];

/** Test files that do not run on the emulated device, and why. */
const leftOut: Readonly<Record<string, string>> = {
  accuracy: "the bench's formulas, on the CPU library",
  cli: "sets the variables that choose device and library",
  compat: "other packages' suites: calls that the other files make too",
  conquer: "stedc and bdsdc: host code on every device",
  devices: "opens the CPU's devices by name",
  emulator: "the emulator itself, without a device",
  engines: "vendors' libraries, on the CPU",
  fault: "files that are no library, threads and ends of processes: the core, the same for all devices",
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
  small: "float64 on the host of every device",
  syev: "host code on every device",
  tidy: "the tree's texts",
  tune: "the dispatch table, variables and vendors' engines, on the CPU library",
  types: "the compiler's types",
  vendors: "vendors' libraries, on the CPU",
};

/** Files for both runtimes: memory, calls, promises, errors. Kernels give both the same bits, as bits.test.ts says. */
const ofRuntime = ["abi", "arguments", "async", "bits", "input", "matrix", "memory", "operands", "views"];

export interface Part {
  readonly name: string;
  readonly runtime: "Bun" | "Deno";
  readonly takes: (test: string) => boolean;
  readonly env: Readonly<Record<string, string>>;
}

const named = (...tests: readonly string[]) => (test: string): boolean => tests.includes(test);

/** The parts, with the libraries that were built. */
export function parts(library: string, kernels: string, watched: string): readonly Part[] {
  const use = (path: string) => ({ TSR_LIB: library, TSR_DEVICE: "metal", TSR_EMULATED_KERNELS: path });
  const plain = use(kernels);
  // Races, bounds and uninitialised memory end a test; groups run their threads in another order.
  const checked = (order: number) => ({ ...use(watched), TSR_EMULATED_CHECK: "1", TSR_EMULATED_ORDER: `${order}` });
  const name = (runtime: string, more = "") => `${runtime} on Metal (emulated)${more}`;
  return [
    { name: name("Bun"), runtime: "Bun", takes: (test) => !(test in leftOut), env: plain },
    { name: name("Deno"), runtime: "Deno", takes: named(...ofRuntime), env: plain },
    {
      name: name("Deno", ", Apple's pages"),
      runtime: "Deno",
      takes: named("basis", "elementwise", "matmul", "solve"),
      env: { ...plain, TSR_EMULATED_PAGE: "16384" },
    },
    {
      name: name("Bun", ", memory copied"),
      runtime: "Bun",
      takes: named("async", "elementwise", "views"),
      env: { ...plain, TSR_EMULATED_NOCOPY: "0" },
    },
    { name: name("Bun", ", checked, order 1"), runtime: "Bun", takes: named("expm", "matmul"), env: checked(1) },
    { name: name("Bun", ", checked, order 2"), runtime: "Bun", takes: named("basis", "cholesky"), env: checked(2) },
    {
      name: name("Deno", ", checked, order 3"),
      runtime: "Deno",
      takes: named("input", "elementwise"),
      env: checked(3),
    },
  ];
}

/** One line for each file that does not run on the emulated device. */
export function reasons(tests: readonly string[]): string[] {
  return tests.filter((test) => test in leftOut).map((test) => `${test}: ${leftOut[test]}`);
}
