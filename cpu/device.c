/* device.c: the CPU as a device: nothing to open, and what it tells about itself. */
#include <stdio.h>
#include <unistd.h>
#include "fast.h"
#include "pool.h"

const char *const tsr_isa_names[] = {
    [TSR_ISA_BEST] = "best", [TSR_ISA_PORTABLE] = "portable", [TSR_ISA_AVX2] = "avx2",
    [TSR_ISA_AVX512] = "avx512", [TSR_ISA_NEON] = "neon"};

static int describe(const tsr_run *run, char *json, size_t capacity) {
  return snprintf(
      json, capacity,
      "\"device\":\"cpu\",\"kind\":\"cpu\",\"isa\":\"%s\",\"threads\":%u,\"cores\":%u,\"chain\":%u,\"page\":%ld,"
      "\"tiles\":[\"reference\",\"small\",\"packed\",\"tall\",\"inner\",\"gemv\"],"
      "\"emulated\":false",
      tsr_isa_names[run->isa], tsr_pool_threads(run->pool), tsr_cpu_processors(), tsr_fast_chain(run->isa),
      sysconf(_SC_PAGESIZE));
}

const tsr_device tsr_cpu_device = {
    .engine = &tsr_cpu_engine,
    .tiles = 1u << TSR_TILE_DEFAULT | 1u << TSR_TILE_REFERENCE | 1u << TSR_TILE_SMALL | 1u << TSR_TILE_PACKED |
             1u << TSR_TILE_TALL | 1u << TSR_TILE_INNER | 1u << TSR_TILE_GEMV,
    .describe = describe,
};
