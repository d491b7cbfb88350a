/* products.c: the products and triangular solves of a vendor's BLAS. Such libraries add in long chains in some shapes
 * (MKL where C is narrow, BLIS where A is transposed), so a deep product is computed in parts that are added up here.
 * An operation that asks for short chains, float64 results or scalars that are no float32 is left to the tiled kernels.
 */
#include "../cpu/pool.h"
#include "blas.h"
#include "parts.h"

static bool is_float(double x) { return (double)(float)x == x; }

static size_t depth_of(const tsr_view *A) { return A->trans ? A->rows : A->cols; }

/* A deep product with a vector is read once and not worth the parts. */
static bool depth_is_kept(const tsr_op *op) {
  const tsr_view *C = &op->v[op->operands - 1];
  size_t k = depth_of(&op->v[0]);
  if (op->id == TSR_OP_TRSM) return true;
  return C->rows == 1 || C->cols == 1 ? k <= TSR_VENDOR_CHAIN : tsr_parts_of(k).count > 0;
}

bool tsr_blas_keeps_contract(const tsr_op *op) {
  const tsr_view *out = &op->v[op->operands - 1];
  return op->chain == 0 && out->type == TSR_F32 && is_float(op->alpha) &&
         (op->id == TSR_OP_TRSM || is_float(op->beta)) && depth_is_kept(op);
}

static int turned(bool trans) { return trans ? TSR_CBLAS_TRANSPOSED : TSR_CBLAS_PLAIN; }

/* Columns from t on as the product sees them, or rows: where the numbers of a part of the depth begin. */
static const float *from_column(const tsr_view *v, size_t t) {
  return (const float *)v->data + (v->trans ? t * v->ld : t);
}
static const float *from_row(const tsr_view *v, size_t t) {
  return (const float *)v->data + (v->trans ? t : t * v->ld);
}

/* One row or column of C: a matrix times a vector, without copies. */
static bool multiply_vector(const tsr_blas *blas, const tsr_op *op, const tsr_view *a, bool a_trans,
                            const tsr_view *x, size_t x_step, size_t c_step) {
  if (!blas->f.gemv) return false;
  blas->f.gemv(TSR_CBLAS_ROW_MAJOR, turned(a_trans), (tsr_blas_int)a->rows, (tsr_blas_int)a->cols, (float)op->alpha,
               a->data, (tsr_blas_int)a->ld, x->data, (tsr_blas_int)x_step, (float)op->beta, op->v[2].data,
               (tsr_blas_int)c_step);
  return true;
}

/* A part of a product: its depth from t on, to `to` = alpha P + beta to. */
typedef struct {
  const tsr_blas *blas;
  const tsr_op *op;
  size_t t, depth;
} part;
typedef void (*multiply)(const part *p, float alpha, float beta, float *to, size_t ld);

/* C = alpha P + beta C, by rows of C as it is stored; of a triangle only its part. */
typedef struct {
  const tsr_view *C;
  const float *product;
  double alpha, beta;
  uint32_t uplo; /* TSR_FULL, TSR_LOWER or TSR_UPPER */
} merging;

static void merge_row(void *context, size_t i, uint32_t worker) {
  (void)worker;
  const merging *g = context;
  size_t cols = g->C->cols, first = g->uplo == TSR_UPPER ? i : 0, end = g->uplo == TSR_LOWER ? i + 1 : cols;
  float *c = (float *)g->C->data + i * g->C->ld;
  const float *p = g->product + i * cols;
  if (g->beta == 0) {
    for (size_t j = first; j < end; j++) c[j] = (float)(g->alpha * p[j]);
  } else {
    for (size_t j = first; j < end; j++) c[j] = (float)(g->alpha * p[j] + g->beta * c[j]);
  }
}

/* The whole product at once where it is not deep, else its parts, added up. */
static int32_t in_parts(tsr_run *run, const tsr_op *op, uint32_t uplo, multiply f) {
  const tsr_view *C = &op->v[op->operands - 1];
  size_t k = depth_of(&op->v[0]);
  tsr_parts cut = tsr_parts_of(k);
  run->tile = TSR_TILE_PACKED;
  part p = {tsr_blas_of(run), op, 0, k};
  if (cut.count == 1) {
    f(&p, (float)op->alpha, (float)op->beta, C->data, C->ld);
    return TSR_OK;
  }
  float *product = tsr_scratch(run, C->rows * C->cols * sizeof *product);
  if (!product) return TSR_E_MEMORY;
  for (p.t = 0; p.t < k && !atomic_load(run->canceled); p.t += cut.size) {
    p.depth = k - p.t < cut.size ? k - p.t : cut.size;
    f(&p, 1, 0, product, C->cols);
    merging g = {C, product, op->alpha, p.t == 0 ? op->beta : 1, uplo};
    tsr_pool_run(run->pool, C->rows, merge_row, &g);
  }
  return TSR_OK;
}

/* C' = B'A' where C is stored transposed. */
static void multiply_part(const part *p, float alpha, float beta, float *to, size_t ld) {
  const tsr_view *A = &p->op->v[0], *B = &p->op->v[1], *C = &p->op->v[2];
  const tsr_view *left = C->trans ? B : A, *right = C->trans ? A : B;
  const float *a = from_column(A, p->t), *b = from_row(B, p->t);
  p->blas->f.gemm(TSR_CBLAS_ROW_MAJOR, turned(left->trans != C->trans), turned(right->trans != C->trans),
                  (tsr_blas_int)C->rows, (tsr_blas_int)C->cols, (tsr_blas_int)p->depth, alpha, C->trans ? b : a,
                  (tsr_blas_int)left->ld, C->trans ? a : b, (tsr_blas_int)right->ld, beta, to, (tsr_blas_int)ld);
}

int32_t tsr_blas_gemm(tsr_run *run, const tsr_op *op) {
  const tsr_blas *blas = tsr_blas_of(run);
  const tsr_view *A = &op->v[0], *B = &op->v[1], *C = &op->v[2];
  size_t m = C->trans ? C->cols : C->rows, n = C->trans ? C->rows : C->cols;
  size_t down = C->trans ? 1 : C->ld, along = C->trans ? C->ld : 1;
  run->tile = TSR_TILE_PACKED;
  if (n == 1 && multiply_vector(blas, op, A, A->trans, B, B->trans ? 1 : B->ld, down)) return TSR_OK;
  if (m == 1 && multiply_vector(blas, op, B, !B->trans, A, A->trans ? A->ld : 1, along)) return TSR_OK;
  return in_parts(run, op, TSR_FULL, multiply_part);
}

static void square_part(const part *p, float alpha, float beta, float *to, size_t ld) {
  const tsr_view *A = &p->op->v[0], *C = &p->op->v[1];
  p->blas->f.syrk(TSR_CBLAS_ROW_MAJOR, p->op->flags == TSR_LOWER ? TSR_CBLAS_LOWER : TSR_CBLAS_UPPER,
                  turned(A->trans), (tsr_blas_int)C->rows, (tsr_blas_int)p->depth, alpha, from_column(A, p->t),
                  (tsr_blas_int)A->ld, beta, to, (tsr_blas_int)ld);
}

int32_t tsr_blas_syrk(tsr_run *run, const tsr_op *op) { return in_parts(run, op, op->flags, square_part); }

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
