/* ops.h: the operations that have kernels. Each encodes its dispatches, sets run->tile where it is not
 * TSR_TILE_DEVICE, and returns TSR_OK, TSR_E_MEMORY or TSR_E_DEVICE; all operands have numbers. */
#ifndef TSR_METAL_OPS_H
#define TSR_METAL_OPS_H
#include "metal.h"

int32_t tsr_metal_laset(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_geadd(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_colstat(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_scale(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_laswp(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_gemm(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_atav(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_syrk(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_trsm(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_potrf(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_getrf(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_orth(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_resid(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_rand(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_latrd(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_labrd(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_gemqrt(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_jacobi(tsr_run *run, const tsr_op *op);
int32_t tsr_metal_apply(tsr_run *run, const tsr_op *op);

/* Row and column stride of the operand, in elements, its transpose taken. */
static inline uint32_t tsr_row_stride(const tsr_view *v) { return v->trans ? 1 : (uint32_t)v->ld; }
static inline uint32_t tsr_col_stride(const tsr_view *v) { return v->trans ? (uint32_t)v->ld : 1; }

/* rows x cols numbers of an operand that is not transposed, from (i,j) on. */
static inline tsr_view tsr_part(const tsr_view *v, size_t i, size_t j, size_t rows, size_t cols) {
  size_t size = v->type == TSR_F64 || v->type == TSR_DF32 ? 8 : 4, at = (i * v->ld + j) * size;
  tsr_view part = *v;
  part.rows = rows;
  part.cols = cols;
  part.data = (char *)v->data + at;
  part.place.at += at;
  return part;
}

/* A part of this operation: another one, whose scalars and operands the caller sets. */
static inline tsr_op tsr_part_of(const tsr_op *op, tsr_op_id id) {
  tsr_op part = *op;
  part.id = id;
  part.tile = TSR_TILE_DEFAULT;
  return part;
}

static inline uint32_t tsr_groups_for(size_t whole, size_t part) { return (uint32_t)((whole + part - 1) / part); }

#endif
