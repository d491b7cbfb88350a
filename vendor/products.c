/* products.c: the products and triangular solves of a vendor's BLAS. An operation whose contract such a library
 * cannot promise (short chains of additions, float64 results, scalars that are no float32) is left to the tiled
 * kernels. */
#include "blas.h"

static bool is_float(double x) { return (double)(float)x == x; }

bool tsr_blas_keeps_contract(const tsr_op *op) {
  const tsr_view *out = &op->v[op->operands - 1];
  return op->chain == 0 && out->type == TSR_F32 && is_float(op->alpha) && (op->id == TSR_OP_TRSM || is_float(op->beta));
}

static int turned(bool trans) { return trans ? TSR_CBLAS_TRANSPOSED : TSR_CBLAS_PLAIN; }

/* One row or column of C: a matrix times a vector, without copies. */
static bool multiply_vector(const tsr_blas *blas, const tsr_op *op, const tsr_view *a, bool a_trans,
                            const tsr_view *x, size_t x_step, size_t c_step) {
  if (!blas->f.gemv) return false;
  blas->f.gemv(TSR_CBLAS_ROW_MAJOR, turned(a_trans), (tsr_blas_int)a->rows, (tsr_blas_int)a->cols, (float)op->alpha,
               a->data, (tsr_blas_int)a->ld, x->data, (tsr_blas_int)x_step, (float)op->beta, op->v[2].data,
               (tsr_blas_int)c_step);
  return true;
}

int32_t tsr_blas_gemm(tsr_run *run, const tsr_op *op) {
  const tsr_blas *blas = tsr_blas_of(run);
  const tsr_view *A = &op->v[0], *B = &op->v[1], *C = &op->v[2];
  size_t m = C->trans ? C->cols : C->rows, n = C->trans ? C->rows : C->cols, k = A->trans ? A->rows : A->cols;
  size_t down = C->trans ? 1 : C->ld, along = C->trans ? C->ld : 1;
  run->tile = TSR_TILE_PACKED;
  if (n == 1 && multiply_vector(blas, op, A, A->trans, B, B->trans ? 1 : B->ld, down)) return TSR_OK;
  if (m == 1 && multiply_vector(blas, op, B, !B->trans, A, A->trans ? A->ld : 1, along)) return TSR_OK;
  /* C' = B'A' where C is stored transposed. */
  const tsr_view *left = C->trans ? B : A, *right = C->trans ? A : B;
  blas->f.gemm(TSR_CBLAS_ROW_MAJOR, turned(left->trans != C->trans), turned(right->trans != C->trans),
               (tsr_blas_int)C->rows, (tsr_blas_int)C->cols, (tsr_blas_int)k, (float)op->alpha, left->data,
               (tsr_blas_int)left->ld, right->data, (tsr_blas_int)right->ld, (float)op->beta, C->data,
               (tsr_blas_int)C->ld);
  return TSR_OK;
}

int32_t tsr_blas_syrk(tsr_run *run, const tsr_op *op) {
  const tsr_blas *blas = tsr_blas_of(run);
  const tsr_view *A = &op->v[0], *C = &op->v[1];
  run->tile = TSR_TILE_PACKED;
  blas->f.syrk(TSR_CBLAS_ROW_MAJOR, op->flags == TSR_LOWER ? TSR_CBLAS_LOWER : TSR_CBLAS_UPPER, turned(A->trans),
               (tsr_blas_int)C->rows, (tsr_blas_int)(A->trans ? A->rows : A->cols), (float)op->alpha, A->data,
               (tsr_blas_int)A->ld, (float)op->beta, C->data, (tsr_blas_int)C->ld);
  return TSR_OK;
}

/* A X = B is X'A' = B' where B is stored transposed. */
int32_t tsr_blas_trsm(tsr_run *run, const tsr_op *op) {
  const tsr_blas *blas = tsr_blas_of(run);
  const tsr_view *A = &op->v[0], *B = &op->v[1];
  bool right = ((op->flags & TSR_RIGHT) != 0) != B->trans;
  run->tile = TSR_TILE_PACKED;
  blas->f.trsm(TSR_CBLAS_ROW_MAJOR, right ? TSR_CBLAS_RIGHT : TSR_CBLAS_LEFT,
               op->flags & TSR_LOWER ? TSR_CBLAS_LOWER : TSR_CBLAS_UPPER, turned(A->trans != B->trans),
               op->flags & TSR_UNIT ? TSR_CBLAS_UNIT : TSR_CBLAS_NON_UNIT, (tsr_blas_int)B->rows,
               (tsr_blas_int)B->cols, (float)op->alpha, A->data, (tsr_blas_int)A->ld, B->data, (tsr_blas_int)B->ld);
  return TSR_OK;
}
