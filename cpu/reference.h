/* reference.h: the plain loops that specify the operations and serve as oracle for the fast ones. */
#ifndef TSR_REFERENCE_H
#define TSR_REFERENCE_H
#include "../core/core.h"

int32_t tsr_reference_laset(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_geadd(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_gemm(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_atav(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_syrk(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_trsm(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_potrf(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_getrf(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_laswp(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_latrd(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_labrd(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_larft(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_gemqrt(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_stedc(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_bdsdc(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_syev(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_jacobi(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_apply(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_colstat(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_scale(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_orth(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_resid(tsr_run *run, const tsr_op *op);
int32_t tsr_reference_rand(tsr_run *run, const tsr_op *op);

/* What tsr_scale multiplies a column by. */
double tsr_scale_factor(uint32_t mode, float s);

/* Rows and columns of the operand, its transpose taken. */
static inline size_t tsr_view_rows(const tsr_view *v) { return v->trans ? v->cols : v->rows; }
static inline size_t tsr_view_cols(const tsr_view *v) { return v->trans ? v->rows : v->cols; }

static inline size_t tsr_at(const tsr_view *v, size_t i, size_t j) {
  return v->trans ? j * v->ld + i : i * v->ld + j;
}

/* Element (i,j) of the operand, f32 or f64. */
static inline double tsr_get(const tsr_view *v, size_t i, size_t j) {
  return v->type == TSR_F64 ? ((const double *)v->data)[tsr_at(v, i, j)]
                            : (double)((const float *)v->data)[tsr_at(v, i, j)];
}

/* Rounds once, to the type of the operand. */
static inline void tsr_set(const tsr_view *v, size_t i, size_t j, double x) {
  if (v->type == TSR_F64) ((double *)v->data)[tsr_at(v, i, j)] = x;
  else ((float *)v->data)[tsr_at(v, i, j)] = (float)x;
}

static inline bool tsr_canceled(const tsr_run *run) {
  return atomic_load_explicit(run->canceled, memory_order_relaxed) != 0;
}

#endif
