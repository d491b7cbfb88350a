/* ops.m: the table of the Metal library's operations. What has no kernel runs on the CPU side of the same memory,
 * after the device has done what came before. */
#include "ops.h"
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int32_t tsr_metal_host(tsr_run *run, const tsr_op *op) {
  int32_t status = tsr_metal_settle(run);
  if (status != TSR_OK || atomic_load(run->canceled)) return status;
  if (op->predicate && *op->predicate == 0) {
    run->tile = TSR_TILE_DEFAULT;
    return TSR_OK;
  }
  double start = now();
  status = tsr_cpu_engine.op[op->id](run, op);
  run->device_seconds += now() - start;
  run->tile = op->tile == TSR_TILE_REFERENCE ? TSR_TILE_REFERENCE : TSR_TILE_HOST;
  return status;
}

static const tsr_kernel kernels[TSR_OP_COUNT] = {
    [TSR_OP_LASET] = tsr_metal_laset, [TSR_OP_GEADD] = tsr_metal_geadd, [TSR_OP_GEMM] = tsr_metal_gemm,
    [TSR_OP_ATAV] = tsr_metal_atav, [TSR_OP_SYRK] = tsr_metal_syrk, [TSR_OP_TRSM] = tsr_metal_trsm,
    [TSR_OP_POTRF] = tsr_metal_potrf, [TSR_OP_GETRF] = tsr_metal_getrf, [TSR_OP_LASWP] = tsr_metal_laswp,
    [TSR_OP_LATRD] = tsr_metal_latrd, [TSR_OP_LABRD] = tsr_metal_labrd, [TSR_OP_GEMQRT] = tsr_metal_gemqrt,
    [TSR_OP_COLSTAT] = tsr_metal_colstat, [TSR_OP_SCALE] = tsr_metal_scale, [TSR_OP_ORTH] = tsr_metal_orth,
    [TSR_OP_RESID] = tsr_metal_resid, [TSR_OP_RAND] = tsr_metal_rand, [TSR_OP_JACOBI] = tsr_metal_jacobi,
    [TSR_OP_APPLY] = tsr_metal_apply,
    /* Small triangles, and divide and conquer, are scalar work in float64. */
    [TSR_OP_LARFT] = tsr_metal_host, [TSR_OP_STEDC] = tsr_metal_host, [TSR_OP_BDSDC] = tsr_metal_host,
    [TSR_OP_SYEV] = tsr_metal_host,
};

/* An operand without numbers has no buffer to bind. */
static bool has_empty(const tsr_op *op) {
  for (uint32_t i = 0; i < op->operands; i++) {
    if (!op->v[i].place.object) return true;
  }
  return false;
}

static int32_t perform(tsr_run *run, const tsr_op *op) {
  @autoreleasepool {
    tsr_metal_begin(run, op);
    tsr_kernel kernel = kernels[op->id];
    if (!kernel || op->tile == TSR_TILE_REFERENCE || has_empty(op)) return tsr_metal_host(run, op);
    run->tile = TSR_TILE_DEVICE;
    return kernel(run, op);
  }
}

const tsr_engine tsr_metal_engine = {
    "tiled",
    {
        [TSR_OP_LASET] = perform, [TSR_OP_GEADD] = perform, [TSR_OP_GEMM] = perform, [TSR_OP_ATAV] = perform,
        [TSR_OP_SYRK] = perform, [TSR_OP_TRSM] = perform, [TSR_OP_POTRF] = perform, [TSR_OP_GETRF] = perform,
        [TSR_OP_LASWP] = perform, [TSR_OP_LATRD] = perform, [TSR_OP_LABRD] = perform, [TSR_OP_LARFT] = perform,
        [TSR_OP_GEMQRT] = perform, [TSR_OP_STEDC] = perform, [TSR_OP_BDSDC] = perform, [TSR_OP_SYEV] = perform,
        [TSR_OP_COLSTAT] = perform, [TSR_OP_SCALE] = perform, [TSR_OP_ORTH] = perform, [TSR_OP_RESID] = perform,
        [TSR_OP_RAND] = perform, [TSR_OP_JACOBI] = perform, [TSR_OP_APPLY] = perform,
    }
};
