// The linear algebra suites of jax-js and numpy-ts, run against this package through the adapters in compat/.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as jax from "./compat/jax.ts";
import * as numpy from "./compat/numpy.ts";
import { asFunction, load, obtain } from "./compat/source.ts";
import { Suite } from "./compat/vitest.ts";

test("compat: a test file becomes a function of its modules", () => {
  const file = 'import {\n  a,\n  b as c,\n} from "x";\nimport { d } from \'../y\';\nc(a, d);\n';
  const expected = "const {\n  a,\n  b: c,\n} = modules[\"x\"];\nconst { d } = modules['../y'];\nc(a, d);";
  assert.ok(asFunction(file).includes(expected), asFunction(file));
  assert.throws(() => asFunction('import x from "x";\n'), /import x/);
});

for (const { source, total, leftOut, modules } of [jax, numpy]) {
  const copy = await obtain(source);
  if ("missing" in copy) {
    test(`compat: ${source.name}: ${copy.missing}`, { skip: copy.missing }, () => {});
    continue;
  }
  const suite = new Suite(source.name, leftOut);
  await load(source, copy.text, modules(suite));

  test(`compat: ${source.name}: all of its tests are met, and every row of the table of those left out`, () => {
    assert.deepEqual(suite.stale(), [], "no test has a name that begins so");
    assert.equal(suite.total, total);
    console.log(suite.report());
  });
}
