// Writes dist/, what the npm package holds: JavaScript and types made of src/ and ffi/ (Deno refuses TypeScript inside
// node_modules), and the native libraries beside them.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
rmSync(dist, { recursive: true, force: true });
const { status } = spawnSync("tsc", ["-p", "tsconfig.dist.json"], { cwd: root, stdio: ["ignore", 2, 2] });
if (status !== 0) process.exit(1);
const lib = join(root, "lib");
if (!existsSync(lib)) {
  console.error("lib/ is missing: run `npm run build` first");
  process.exit(1);
}
cpSync(lib, join(dist, "lib"), { recursive: true });
chmodSync(join(dist, "src/cli.js"), 0o755);
