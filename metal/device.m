/* device.m: Metal as a device: finds the GPU, opens it, and tells about it. */
#import <Metal/Metal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../cpu/fast.h"
#include "../cpu/pool.h"
#include "metal.h"

int32_t tsr_metal_fail(tsr_run *run, const char *what, NSError *error) {
  const char *why = error ? [[error localizedDescription] UTF8String] : NULL;
  snprintf(run->trouble, sizeof run->trouble, "%s%s%s", what, why ? ": " : "", why ? why : "");
  return TSR_E_DEVICE;
}

/* The system's default GPU; without a display (ssh, services) only the list of all has it. Owned by the caller. */
static id<MTLDevice> find_device(void) {
  id<MTLDevice> device = MTLCreateSystemDefaultDevice();
  if (device) return device;
  NSArray *all = [MTLCopyAllDevices() autorelease];
  return [all count] > 0 ? [[all objectAtIndex:0] retain] : nil;
}

static void close_device(tsr_run *run) {
  @autoreleasepool {
    tsr_metal *metal = run->device;
    run->device = NULL;
    if (metal->commands) tsr_metal_commands_close(metal->commands);
    if (metal->scratch) tsr_metal_scratch_close(metal->scratch);
    if (metal->pipelines) tsr_metal_pipelines_close(metal->pipelines);
    [metal->device release];
    free(metal);
  }
}

/* Everything of a device that was found; where it fails, close_device takes what is there. */
static int32_t equip(tsr_run *run, tsr_metal *metal) {
  static const char emulated[] = "Emulated";
  snprintf(metal->name, sizeof metal->name, "%s", [[metal->device name] UTF8String]);
  metal->emulated = strncmp(metal->name, emulated, strlen(emulated)) == 0;
  if (![metal->device supportsFamily:MTLGPUFamilyApple7]) {
    tsr_metal_fail(run, "this GPU is older than Apple M1 (family Apple7)", nil);
    return TSR_E_UNSUPPORTED;
  }
  metal->scratch = tsr_metal_scratch_open();
  if (!metal->scratch) return TSR_E_MEMORY;
  metal->pipelines = tsr_metal_pipelines_open(run, metal->device);
  if (!metal->pipelines) return TSR_E_DEVICE;
  metal->commands = tsr_metal_commands_open(run, metal->device);
  if (!metal->commands) return TSR_E_DEVICE;
  return tsr_metal_selftest(run);
}

static int32_t open_device(tsr_run *run) {
  @autoreleasepool {
    id<MTLDevice> device = find_device();
    if (!device) {
      tsr_metal_fail(run, "this machine offers no Metal device", nil);
      return TSR_E_UNSUPPORTED;
    }
    tsr_metal *metal = calloc(1, sizeof *metal);
    if (!metal) {
      [device release];
      return TSR_E_MEMORY;
    }
    metal->device = device;
    run->device = metal;
    return equip(run, metal);
  }
}

static int describe(const tsr_run *run, char *json, size_t capacity) {
  const tsr_metal *metal = tsr_metal_of(run);
  char name[sizeof metal->name];
  tsr_plain_text(metal->name, name, sizeof name);
  char checks[320] = "";
  for (int i = 0; tsr_metal_checks[i]; i++) {
    size_t length = strlen(checks);
    snprintf(checks + length, sizeof checks - length, "%s\"%s\"", i ? "," : "", tsr_metal_checks[i]);
  }
  return snprintf(
      json, capacity,
      "\"device\":\"metal\",\"kind\":\"metal\",\"isa\":\"%s\",\"threads\":%u,\"cores\":%u,\"chain\":%u,"
      "\"page\":%ld,\"tiles\":[\"reference\",\"inner\",\"gemv\",\"simd64\",\"simd32\"],"
      "\"emulated\":%s,\"checks\":[%s]",
      name, tsr_pool_threads(run->pool), tsr_cpu_processors(), tsr_fast_chain(run->isa), sysconf(_SC_PAGESIZE),
      metal->emulated ? "true" : "false", checks);
}

const tsr_device tsr_metal_device = {
    .engine = &tsr_metal_engine,
    .tiles = 1u << TSR_TILE_DEFAULT | 1u << TSR_TILE_REFERENCE | 1u << TSR_TILE_INNER | 1u << TSR_TILE_GEMV |
             1u << TSR_TILE_SIMD64 | 1u << TSR_TILE_SIMD32,
    .open = open_device,
    .close = close_device,
    .describe = describe,
    .attach = tsr_metal_attach,
    .detach = tsr_metal_detach,
    .settle = tsr_metal_settle,
};
