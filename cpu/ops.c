/* ops.c: the table of the CPU library's operations: the reference loop where it is asked for, else the fast one. */
#include "elementwise.h"
#include "fast.h"
#include "reference.h"

#define TSR_CPU_OP(name, fast)                                                                                 \
  static int32_t name(tsr_run *run, const tsr_op *op) {                                                        \
    return op->tile == TSR_TILE_REFERENCE ? tsr_reference_##name(run, op) : fast(run, op);                     \
  }

TSR_CPU_OP(laset, tsr_elementwise_laset)
TSR_CPU_OP(geadd, tsr_elementwise_geadd)
TSR_CPU_OP(gemm, tsr_fast_gemm)
TSR_CPU_OP(atav, tsr_fast_atav)
TSR_CPU_OP(syrk, tsr_fast_syrk)
TSR_CPU_OP(trsm, tsr_fast_trsm)
TSR_CPU_OP(potrf, tsr_fast_potrf)
TSR_CPU_OP(getrf, tsr_fast_getrf)
TSR_CPU_OP(laswp, tsr_fast_laswp)
TSR_CPU_OP(latrd, tsr_fast_latrd)
TSR_CPU_OP(labrd, tsr_fast_labrd)
TSR_CPU_OP(larft, tsr_fast_larft)
TSR_CPU_OP(gemqrt, tsr_fast_gemqrt)
TSR_CPU_OP(stedc, tsr_fast_stedc)
TSR_CPU_OP(bdsdc, tsr_fast_bdsdc)
TSR_CPU_OP(syev, tsr_fast_syev)
TSR_CPU_OP(jacobi, tsr_fast_jacobi)
TSR_CPU_OP(apply, tsr_fast_apply)
TSR_CPU_OP(colstat, tsr_elementwise_colstat)
TSR_CPU_OP(scale, tsr_elementwise_scale)
TSR_CPU_OP(orth, tsr_fast_orth)
TSR_CPU_OP(resid, tsr_fast_resid)
TSR_CPU_OP(rand, tsr_elementwise_rand)

const tsr_engine tsr_cpu_engine = {
    "tiled",
    {
        [TSR_OP_LASET] = laset, [TSR_OP_GEADD] = geadd, [TSR_OP_GEMM] = gemm, [TSR_OP_ATAV] = atav,
        [TSR_OP_SYRK] = syrk, [TSR_OP_TRSM] = trsm, [TSR_OP_POTRF] = potrf, [TSR_OP_GETRF] = getrf,
        [TSR_OP_LASWP] = laswp, [TSR_OP_LATRD] = latrd, [TSR_OP_LABRD] = labrd, [TSR_OP_LARFT] = larft,
        [TSR_OP_GEMQRT] = gemqrt, [TSR_OP_STEDC] = stedc, [TSR_OP_BDSDC] = bdsdc, [TSR_OP_SYEV] = syev,
        [TSR_OP_JACOBI] = jacobi, [TSR_OP_APPLY] = apply, [TSR_OP_COLSTAT] = colstat, [TSR_OP_SCALE] = scale,
        [TSR_OP_ORTH] = orth, [TSR_OP_RESID] = resid, [TSR_OP_RAND] = rand
    }
};
