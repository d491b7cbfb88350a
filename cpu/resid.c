/* resid.c: the residual of a linear system, products and sums in float64. */
#include "fast.h"
#include "gemm.h"

int32_t tsr_fast_resid(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *X = &op->v[1], *B = &op->v[2], *R = &op->v[3];
  tsr_product g = {.m = tsr_rows_of(R),
                   .n = tsr_cols_of(R),
                   .k = tsr_cols_of(A),
                   .alpha = -1,
                   .beta = 1,
                   .a = tsr_operand_of(A),
                   .b = tsr_operand_of(X),
                   .c = tsr_target_of(R),
                   .d = tsr_target_of(B),
                   .wide = true};
  return tsr_multiply(run, &g, TSR_TILE_DEFAULT);
}
