// The program of the child process in which libraries of vendors are tried: LIBRARY ENGINE PATH... One JSON line when
// a path's turn comes, and one that says how it went, so that the parent knows which one ended this process.
import { writeSync } from "node:fs";
import process from "node:process";
import { load } from "../ffi/load.ts";
import { Device, type VendorEngine } from "./device.ts";

const [library = "", engine = "", ...paths] = process.argv.slice(2);
const tell = (line: Record<string, unknown>): void => void writeSync(1, `${JSON.stringify(line)}\n`);

for (const path of paths) {
  tell({ path });
  using device = new Device("cpu", load([library]).native, library, 1);
  try {
    device.attach(engine as VendorEngine, path);
    tell({ path, served: true });
    break;
  } catch (error) {
    tell({ path, why: error instanceof Error ? error.message : String(error) });
  }
}
