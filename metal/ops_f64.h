/* ops_f64.h: products in df32, for the operations that need more than float32. */
#ifndef TSR_METAL_OPS_F64_H
#define TSR_METAL_OPS_F64_H
#include "kernels/product_f64_args.h"
#include "ops.h"

/* A product: the caller gives shapes, strides, types, scalars and places; the other fields of args are set here. */
typedef struct {
  struct wide_args args;
  tsr_place a, b, addend, result;
  tsr_place a_largest; /* out: bits of the largest |x| in each row of A, workspace of the operation */
} tsr_wide;

int32_t tsr_metal_wide(tsr_run *run, const tsr_op *op, tsr_wide *w);

/* gemm and syrk with sums in df32, rounded once to C. */
int32_t tsr_metal_gemm_f64(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_syrk_f64(tsr_run *run, const tsr_op *op);

/* x as (hi + lo) * 2^exponent. */
struct wide_number tsr_wide_number(double x);

#endif
