// One operation at one size in a process of its own: the most memory it ever held beyond what the process had before
// its inputs, and its time. Arguments: name, rows, columns, and "once" to leave the time at the first call.
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { Matrix, qr } from "../../src/index.ts";
import { median, spread } from "../statistics.ts";
import { boundOf, bytesOf, jobs } from "./jobs.ts";

/** More calls are timed until so many were, or so much time has passed. */
const [RUNS, RUNS_MS] = [7, 600];

function marked(name: "VmHWM" | "VmRSS"): number | undefined {
  try {
    const kilobytes = new RegExp(`${name}:\\s*(\\d+) kB`).exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return kilobytes === undefined ? undefined : 1024 * Number(kilobytes);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
    return undefined;
  }
}

const resident = (): number => marked("VmRSS") ?? process.memoryUsage().rss;
/** Elsewhere the mark cannot be set back, and counts what making the inputs took. */
const highest = (): number => marked("VmHWM") ?? process.resourceUsage().maxRSS * 1024;

/** The highest mark starts again from what is resident now, where the system can do that. */
function setBack(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch (error) {
    if (!["ENOENT", "EACCES", "EPERM", "EINVAL"].includes((error as { code?: string }).code ?? "")) throw error;
  }
}

const parts = (result: object): unknown[] => result instanceof Matrix ? [result] : Object.values(result);

const [name = "", m = "", n = "", once] = process.argv.slice(2);
const job = jobs.find((j) => j.name === name);
if (!job) throw new Error(`there is no operation ${name}; there are ${jobs.map((j) => j.name).join("; ")}`);

await qr(Matrix.random(40, 20)); // the library and its threads are there before the base is taken
const base = resident();
const inputs = job.inputs(Number(m), Number(n));
setBack();
const start = performance.now(), result = await job.run(inputs), first = performance.now() - start;
const peak = highest() - base, bytes = bytesOf([...inputs, ...parts(result)]);
for (const part of parts(result)) if (part instanceof Matrix) part[Symbol.dispose]();

const times: number[] = once ? [first] : [];
for (let spent = 0; !once && times.length < RUNS && spent < RUNS_MS;) {
  const begun = performance.now();
  if (first > 2 * RUNS_MS) times.push(first);
  else {
    const again = await job.run(inputs);
    times.push(performance.now() - begun);
    for (const part of parts(again)) if (part instanceof Matrix) part[Symbol.dispose]();
  }
  spent += times.at(-1)!;
}
console.log(JSON.stringify({
  ms: median(times),
  spread: spread(times),
  peak,
  bytes,
  bound: boundOf(job.bound, bytes),
}));
