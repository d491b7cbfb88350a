/* ops_gemqrt.m: products with blocks of reflectors as products: W = V'C, W + N W, and C less V times that. */
#include "ops.h"
#include "ops_f64.h"

enum { CHAIN = 32 };

/* C = alpha A B + beta C, by gemm's kernels or in df32. */
static int32_t product(tsr_run *run, const tsr_op *op, tsr_kernel kernel, double alpha, const tsr_view *A,
                       const tsr_view *B, double beta, const tsr_view *C) {
  tsr_op part = tsr_part_of(op, TSR_OP_GEMM);
  part.alpha = alpha;
  part.beta = beta;
  part.chain = CHAIN;
  part.v[0] = *A;
  part.v[1] = *B;
  part.v[2] = *C;
  return kernel(run, &part);
}

static int32_t copy(tsr_run *run, const tsr_op *op, const tsr_view *A, const tsr_view *B) {
  tsr_op part = tsr_part_of(op, TSR_OP_GEADD);
  part.alpha = 1;
  part.beta = 0;
  part.v[0] = *A;
  part.v[1] = *B;
  return tsr_metal_geadd(run, &part);
}

static tsr_view turned(tsr_view v) {
  v.trans = !v.trans;
  return v;
}

/* The block of `count` reflectors that begins at column j; X and Y are workspace, count x columns of C. */
static int32_t apply(tsr_run *run, const tsr_op *op, size_t j, size_t count, const tsr_view *X, const tsr_view *Y) {
  const tsr_view *V = &op->v[0], *N = &op->v[1], *C = &op->v[2];
  size_t rows = V->rows - j, below = rows - count;
  tsr_view v = tsr_part(V, j, j, rows, count), c = tsr_part(C, j, 0, rows, C->cols);
  tsr_view v_top = turned(tsr_part(&v, 0, 0, count, count)), c_top = tsr_part(&c, 0, 0, count, C->cols);
  tsr_view v_below = turned(tsr_part(&v, count, 0, below, count)), c_below = tsr_part(&c, count, 0, below, C->cols);
  tsr_view n = tsr_part(N, j, 0, count, count);
  int32_t status = TSR_OK;
  if (below > 0) status = product(run, op, tsr_metal_gemm, 1, &v_below, &c_below, 0, X);
  if (status == TSR_OK) status = product(run, op, tsr_metal_gemm_f64, 1, &v_top, &c_top, below > 0, X);
  if (status == TSR_OK) status = copy(run, op, X, Y);
  if (status == TSR_OK) status = product(run, op, tsr_metal_gemm_f64, 1, &n, X, 1, Y);
  return status == TSR_OK ? product(run, op, tsr_metal_gemm, -1, &v, Y, 1, &c) : status;
}

int32_t tsr_metal_gemqrt(tsr_run *run, const tsr_op *op) {
  size_t n = op->v[0].cols, nb = op->v[1].cols, k = op->v[2].cols;
  tsr_place x = tsr_metal_scratch(run, nb * k * sizeof(float)), y = tsr_metal_scratch(run, nb * k * sizeof(float));
  if (!x.object || !y.object) return TSR_E_MEMORY;
  int32_t status = TSR_OK;
  for (size_t block = tsr_groups_for(n, nb); block-- > 0 && status == TSR_OK;) {
    size_t j = block * nb, count = n - j < nb ? n - j : nb;
    tsr_view X = {NULL, count, k, k, false, TSR_F32, x}, Y = {NULL, count, k, k, false, TSR_F32, y};
    status = apply(run, op, j, count, &X, &Y);
  }
  run->tile = TSR_TILE_DEVICE;
  return status;
}
