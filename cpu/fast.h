/* fast.h: the fast CPU operations. Each takes a validated operation, sets run->tile to the way it went, and returns
 * TSR_OK or TSR_E_MEMORY. When *run->canceled becomes non-zero it returns early with TSR_OK and undefined outputs. */
#ifndef TSR_FAST_H
#define TSR_FAST_H
#include "../core/core.h"

int32_t tsr_fast_gemm(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_atav(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_syrk(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_trsm(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_potrf(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_getrf(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_laswp(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_latrd(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_labrd(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_larft(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_gemqrt(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_stedc(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_bdsdc(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_syev(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_jacobi(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_apply(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_orth(tsr_run *run, const tsr_op *op);
int32_t tsr_fast_resid(tsr_run *run, const tsr_op *op);

/* The longest chain of float32 additions in a product with op->chain == 0. */
uint32_t tsr_fast_chain(uint32_t isa);

#endif
