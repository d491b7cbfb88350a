// Rungs 5 and 7 of the Metal ladder: our headers say what Apple's do, and the library that is cross-built for macOS is
// one that the system can load, as far as a file shows.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildFor, findCompiler } from "../scripts/build.mjs";
import { faultsOf, functionsOf, importsIn } from "./metal-emulator/rungs/binary.ts";
import { compareHeader, metalCppOf } from "./metal-emulator/rungs/headers.ts";
import { readMachO, readSignature } from "./metal-emulator/rungs/macho.ts";
import { linkedPackages, wheel } from "./metal-emulator/rungs/wheel.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const header = (name: string): string => readFileSync(here(`metal-emulator/fake/${name}`), "utf8");
const mlx = wheel();
const packages = linkedPackages();
const lacking = packages.flatMap((found) => "missing" in found ? [found.missing] : []);
const compiler = findCompiler();
const zig = compiler.identity.startsWith("zig");
const noZig = zig ? false : "cross-building needs zig: delete build/venv, or install it";

// ---- rung 7 ----

const noWheel = "missing" in mlx ? mlx.missing : false;
const tables = "missing" in mlx ? undefined : metalCppOf(mlx.folder);

test("rung 7: Metal.h is what metal-cpp declares, all of it", { skip: noWheel }, () => {
  const { agree, differences, unknown } = compareHeader(header("Metal/Metal.h"), tables!);
  assert.deepEqual(differences, []);
  assert.deepEqual(unknown, []);
  assert.ok(agree > 100, `${agree} declarations agree`);
});

test("rung 7: Foundation.h is what metal-cpp declares, but for what that leaves out", { skip: noWheel }, () => {
  const { agree, differences, unknown } = compareHeader(header("Foundation/Foundation.h"), tables!);
  assert.deepEqual(differences, []);
  assert.deepEqual(unknown, [
    "-[NSObject class]",
    "-[NSObject dealloc]",
    "+[NSString stringWithUTF8String:]",
    "-[NSString initWithBytes:length:encoding:]",
    "NSAutoreleasePool",
  ]);
  assert.ok(agree >= 20, `${agree} declarations agree`);
});

/** Text of Metal.h, what to put in its place, and a part of what the comparison must say. */
const plantedErrors: readonly [string, string, string][] = [
  ["MTLCommandBufferStatusError = 5", "MTLCommandBufferStatusError = 6", "MTLCommandBufferStatusError is 6"],
  ["MTLDataTypeUInt = 33", "MTLDataTypeUInt = 32", "MTLDataTypeUInt is 32"],
  ["HazardTrackingModeUntracked = 1 << 8", "HazardTrackingModeUntracked = 1 << 7", "ModeUntracked is 128"],
  ["NS_ENUM(NSInteger, MTLMathMode)", "NS_ENUM(NSUInteger, MTLMathMode)", "MTLMathMode is NSUInteger"],
  ["NSUInteger width, height, depth", "NSUInteger width, depth, height", "struct MTLSize"],
  ["NSUInteger width, height, depth", "uint32_t width, height, depth", "struct MTLSize"],
  ["setBytes:(const void *)bytes length", "setBytes:(const void *)bytes size", "setBytes:size:atIndex:] is not in"],
  ["offset:(NSUInteger)offset", "offset:(uint32_t)offset", "setBuffer:offset:atIndex:] is -(void)"],
  ["- (BOOL)supportsFamily:", "- (void)supportsFamily:", "supportsFamily:] is -(void)"],
  ["- (NSTimeInterval)GPUEndTime", "- (uint64_t)GPUEndTime", "GPUEndTime] is -(uint64_t)"],
  ["- (id<MTLFence>)newFence", "+ (id<MTLFence>)newFence", "+[MTLDevice newFence] is +"],
  ["@protocol MTLBuffer <MTLResource>", "@protocol MTLBuffer <MTLFence>", "MTLBuffer derives from MTLFence"],
  ["- (void)updateFence:(id<MTLFence>)", "- (void)updateFence:(id<MTLBuffer>)", "updateFence:] is -(void)"],
  ["- (void *)contents;", "- (void *)contents;\n- (void)commit;", "-[MTLBuffer commit] is in metal-cpp a message to"],
  ["(^MTLCommandBufferHandler)(id<MTLCommandBuffer>", "(^MTLCommandBufferHandler)(id<MTLBuffer>", "block MTLCommandB"],
  ["extern NSArray *MTLCopyAllDevices", "extern NSString *MTLCopyAllDevices", "function MTLCopyAllDevices"],
];

test("rung 7: every planted error in Metal.h is named", { skip: noWheel }, () => {
  const right = header("Metal/Metal.h");
  for (const [from, to, message] of plantedErrors) {
    assert.ok(right.includes(from), from);
    const { differences } = compareHeader(right.replace(from, to), tables!);
    assert.equal(differences.length, 1, `${to}: ${differences.join("; ")}`);
    assert.ok(differences[0]!.includes(message), `${to}: ${differences[0]}`);
  }
});

// ---- rung 5 ----

const library = noZig === false ? readFileSync(await buildFor(compiler, "darwin", "arm64")) : Buffer.alloc(0);

test("rung 5: the library for Apple Silicon has our exports, a right signature, and no undeclared selector", {
  skip: noZig,
}, () => {
  assert.deepEqual(faultsOf(library), []);
  const { arch, minimum, libraries, exports } = readMachO(library);
  assert.deepEqual([arch, minimum], ["arm64", "14.0"]);
  assert.deepEqual(libraries.filter((name) => !/^\/(?:usr\/lib|System\/Library\/Frameworks)\//.test(name)), []);
  const functions = functionsOf(readFileSync(here("../ffi/tsr.h"), "utf8"));
  assert.deepEqual(exports.filter((name) => name.startsWith("_tsr_")), functions);
});

test("rung 5: it imports nothing but what Apple's linker has written, from the same libraries", {
  skip: noZig || (lacking.length > 0 ? lacking.join("; ") : false),
}, () => {
  const known = importsIn(packages.flatMap((found) => "folder" in found ? [found.folder] : []));
  assert.deepEqual(faultsOf(library, known), []);
  const moved = [...known].map((pair) => pair.startsWith("_objc_msgSend ") ? "_objc_msgSend /usr/lib/other" : pair);
  assert.deepEqual(faultsOf(library, new Set(moved)), [
    "imports what Apple's linker has in no known package: _objc_msgSend /usr/lib/libobjc.A.dylib",
  ]);
});

test("rung 5: one changed byte is a page that was not signed", { skip: noZig }, () => {
  const signature = readSignature(library);
  assert.ok(typeof signature !== "string");
  for (const at of [8, 20_000, signature.bytes >> 1, signature.bytes - 1]) {
    const changed = Buffer.from(library);
    changed[at]! ^= 1;
    const faults = faultsOf(changed).filter((fault) => fault.startsWith("page "));
    assert.equal(faults.length, 1, `byte ${at}: ${faults.join("; ")}`);
  }
});
