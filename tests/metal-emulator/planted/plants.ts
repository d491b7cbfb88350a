// The faults of the tile kernel by number, and the first rung that sees each.

export interface Plant {
  readonly number: number;
  readonly fault: string;
  /** The first rung that sees it. */
  readonly rung: 2 | 3;
  readonly says: RegExp;
  /** What rung 3 adds where rung 2 has seen it first. */
  readonly checker?: RegExp;
}

export const plants: readonly Plant[] = [
  {
    number: 1,
    fault: "missing barrier before use (RAW)",
    rung: 2,
    says: /wrong numbers/,
    checker: /race \(read after/,
  },
  {
    number: 2,
    fault: "missing barrier after use (WAR)",
    rung: 2,
    says: /wrong numbers/,
    checker: /race \(write after/,
  },
  { number: 3, fault: "barrier that orders no memory", rung: 3, says: /race \(read after unordered write\)/ },
  { number: 4, fault: "read one row beyond a buffer", rung: 3, says: /out of bounds: read.*buffer\(1\) 'A'/ },
  { number: 5, fault: "write one row beyond a buffer", rung: 3, says: /out of bounds: write.*buffer\(3\) 'C'/ },
  {
    number: 6,
    fault: "threadgroup array off by one",
    rung: 2,
    says: /wrong numbers/,
    checker: /out of bounds.*threadgroup 'a'/,
  },
  {
    number: 7,
    fault: "uninitialised threadgroup memory",
    rung: 2,
    says: /wrong numbers/,
    checker: /uninitialised.*'b'/,
  },
  {
    number: 8,
    fault: "barrier in divergent control flow",
    rung: 2,
    says: /divergent|the barrier of line \d+ is reached by/,
  },
  {
    number: 9,
    fault: "return before a barrier",
    rung: 2,
    says: /the barrier of line \d+ is reached by \d+ of 128 threads/,
  },
  { number: 10, fault: "threadgroups share a word", rung: 3, says: /race.*buffer\(3\) 'C' at offset 0/ },
  { number: 11, fault: "tail of K not zeroed in A", rung: 2, says: /wrong numbers/ },
  { number: 12, fault: "tail of K not zeroed in B", rung: 2, says: /wrong numbers/ },
  { number: 13, fault: "beta = 0 reads C", rung: 2, says: /wrong numbers/ },
  { number: 14, fault: "wrong lane map", rung: 2, says: /wrong numbers/ },
  { number: 16, fault: "lanes in lockstep without a barrier", rung: 3, says: /race.*threadgroup 'a'/ },
];
