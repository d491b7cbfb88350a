// Which file is the native library. Nothing is looked up: loading the file is the test, so no read permission is
// needed.
import process from "node:process";
import { fileURLToPath } from "node:url";

/** `linux-x64`, `darwin-arm64`, ...: the folder of lib/ for this machine. */
export const platform: string = `${process.platform}-${process.arch}`;

/** The library's file name on this system. */
export const fileName: string = process.platform === "darwin" ? "libtesserae.dylib" : "libtesserae.so";

/** The files to try, in order: the one asked for and no other, else the one of this package. */
export function candidates(asked?: string): readonly string[] {
  if (asked !== undefined) return [asked];
  return [fileURLToPath(new URL(`../lib/${platform}/${fileName}`, import.meta.url))];
}
