// What the foreign suites import as vitest: node:test under its names, and vitest's own expect. Tests that the
// adapter's table leaves out are counted, not registered.
import { test } from "node:test";
import { chai, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from "@vitest/expect";

/** What is left out, by reason: names of tests, or beginnings that stand for a whole group. */
export type LeftOut = Readonly<Record<string, readonly string[]>>;
type Body = () => void | Promise<void>;
type Matcher = (actual: unknown, ...rest: never[]) => { pass: boolean; message: () => string };

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
const expect: typeof chai.expect = chai.expect;

/** Adds matchers to expect. */
export function extend(matchers: Readonly<Record<string, Matcher>>): void {
  (expect as unknown as { extend: (on: typeof expect, matchers: object) => void }).extend(expect, matchers);
}

/** One foreign suite at work: its counts, and the functions that its file calls. */
export class Suite {
  readonly name: string;
  total = 0;
  registered = 0;
  passed = 0;
  readonly #rows: readonly { readonly reason: string; readonly start: string; met: number }[];
  #path: readonly string[] = [];

  constructor(name: string, leftOut: LeftOut) {
    this.name = name;
    this.#rows = Object.entries(leftOut).flatMap(([reason, tests]) =>
      tests.map((start) => ({ reason, start, met: 0 }))
    );
  }

  readonly describe = (name: string, body: () => void): void => {
    const outer = this.#path;
    this.#path = [...outer, name];
    body();
    this.#path = outer;
  };

  readonly it = (name: string, body: Body): void => {
    const full = [...this.#path, name].join(": ");
    this.total++;
    const row = this.#rows.find(({ start }) => full.startsWith(start));
    if (row) {
      row.met++;
      return;
    }
    this.registered++;
    test(`${this.name}: ${full}`, async () => {
      await body();
      this.passed++;
    });
  };

  readonly expect: typeof expect = expect;

  /** Rows of the table that name no test. */
  stale(): string[] {
    return this.#rows.filter(({ met }) => met === 0).map(({ start }) => start);
  }

  /** The count, and the table of what was left out. */
  report(): string {
    const reasons = [...new Set(this.#rows.map(({ reason }) => reason))];
    const lines = reasons.map((reason) => {
      const count = this.#rows.reduce((sum, row) => sum + (row.reason === reason ? row.met : 0), 0);
      return `  ${String(count).padStart(3)} left out: ${reason}`;
    });
    return [`${this.name}: ${this.passed} of ${this.total} passed`, ...lines].join("\n");
  }
}
