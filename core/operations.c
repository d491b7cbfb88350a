/* operations.c: the operations of tsr.h, each with its shape rules. */
#include <math.h>
#include "encode.h"

int32_t tsr_laset(uint32_t ctx, uint32_t uplo, double off, double diag, const uint32_t *A, const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_LASET, 1, (const uint32_t *const[]){A}, options);
  if (status != TSR_OK) return status;
  if (uplo > TSR_UPPER) return tsr_argument(&e, "uplo", uplo, "0 (full), 1 (lower) or 2 (upper)");
  bool words = (off >= 0 && off <= UINT32_MAX && off == floor(off)) &&
               (isnan(diag) || (diag >= 0 && diag <= UINT32_MAX && diag == floor(diag)));
  if (e.op->v[0].type == TSR_U32 && !words) {
    return tsr_fail(e.context, TSR_E_ARGUMENT, "laset: A is u32, which cannot hold %g and %g", off, diag);
  }
  e.op->flags = uplo;
  e.op->alpha = off;
  e.op->beta = diag;
  return tsr_commit(&e, 1);
}

int32_t tsr_geadd(uint32_t ctx, double alpha, const uint32_t *A, double beta, const uint32_t *B,
                  const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_GEADD, 2, (const uint32_t *const[]){A, B}, options);
  if (status == TSR_OK) status = tsr_match(&e, 0, ROWS, 1, ROWS);
  if (status == TSR_OK) status = tsr_match(&e, 0, COLS, 1, COLS);
  if (status != TSR_OK) return status;
  e.op->alpha = alpha;
  e.op->beta = beta;
  return tsr_commit(&e, 2);
}

int32_t tsr_gemm(uint32_t ctx, double alpha, const uint32_t *A, const uint32_t *B, double beta, const uint32_t *C,
                 const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_GEMM, 3, (const uint32_t *const[]){A, B, C}, options);
  if (status == TSR_OK) status = tsr_match(&e, 0, COLS, 1, ROWS);
  if (status == TSR_OK) status = tsr_match(&e, 2, ROWS, 0, ROWS);
  if (status == TSR_OK) status = tsr_match(&e, 2, COLS, 1, COLS);
  if (status != TSR_OK) return status;
  e.op->alpha = alpha;
  e.op->beta = beta;
  return tsr_commit(&e, 3);
}

int32_t tsr_atav(uint32_t ctx, const uint32_t *A, const uint32_t *V, const uint32_t *Y, const uint32_t *Z,
                 const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_ATAV, 4, (const uint32_t *const[]){A, V, Y, Z}, options);
  if (status == TSR_OK) status = tsr_match(&e, 0, COLS, 1, ROWS);
  if (status == TSR_OK) status = tsr_match(&e, 2, ROWS, 0, ROWS);
  if (status == TSR_OK) status = tsr_match(&e, 2, COLS, 1, COLS);
  if (status == TSR_OK) status = tsr_match(&e, 3, ROWS, 0, COLS);
  if (status == TSR_OK) status = tsr_match(&e, 3, COLS, 1, COLS);
  return status == TSR_OK ? tsr_commit(&e, 4) : status;
}

void tsr_atav_products(const tsr_op *atav, tsr_op *products) {
  for (int i = 0; i < 2; i++) {
    products[i] = *atav;
    products[i].id = TSR_OP_GEMM;
    products[i].operands = 3;
    products[i].outputs = 1u << 2;
    products[i].alpha = 1;
    products[i].beta = 0;
  }
  products[1].v[0].trans = !atav->v[0].trans;
  products[1].v[1] = atav->v[2];
  products[1].v[2] = atav->v[3];
}

int32_t tsr_syrk(uint32_t ctx, uint32_t uplo, double alpha, const uint32_t *A, double beta, const uint32_t *C,
                 const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_SYRK, 2, (const uint32_t *const[]){A, C}, options);
  if (status == TSR_OK) status = tsr_match(&e, 1, ROWS, 1, COLS);
  if (status == TSR_OK) status = tsr_match(&e, 1, ROWS, 0, ROWS);
  if (status != TSR_OK) return status;
  if (uplo != TSR_LOWER && uplo != TSR_UPPER) return tsr_argument(&e, "uplo", uplo, "1 (lower) or 2 (upper)");
  e.op->flags = uplo;
  e.op->alpha = alpha;
  e.op->beta = beta;
  return tsr_commit(&e, 2);
}

int32_t tsr_trsm(uint32_t ctx, uint32_t flags, double alpha, const uint32_t *A, const uint32_t *B,
                 const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_TRSM, 2, (const uint32_t *const[]){A, B}, options);
  if (status != TSR_OK) return status;
  uint32_t uplo = flags & (TSR_LOWER | TSR_UPPER);
  if (flags >= 2 * TSR_UNIT || (uplo != TSR_LOWER && uplo != TSR_UPPER)) {
    return tsr_argument(&e, "flags", flags, "1 (lower) or 2 (upper), + 4 for right, + 8 for a unit diagonal");
  }
  status = tsr_match(&e, 0, ROWS, 0, COLS);
  if (status == TSR_OK) status = tsr_match(&e, 0, ROWS, 1, flags & TSR_RIGHT ? COLS : ROWS);
  if (status != TSR_OK) return status;
  e.op->flags = flags;
  e.op->alpha = alpha;
  return tsr_commit(&e, 2);
}

int32_t tsr_potrf(uint32_t ctx, const uint32_t *A, const uint32_t *info, uint32_t base, const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_POTRF, 2, (const uint32_t *const[]){A, info}, options);
  if (status == TSR_OK) status = tsr_match(&e, 0, ROWS, 0, COLS);
  if (status == TSR_OK) status = tsr_exactly(&e, 1, 1, 1);
  if (status != TSR_OK) return status;
  if (e.op->v[0].rows > UINT32_MAX - base) return tsr_argument(&e, "base", base, "less than 2^32 less the order of A");
  e.op->flags = base;
  return tsr_commit(&e, 2);
}

int32_t tsr_getrf(uint32_t ctx, const uint32_t *A, const uint32_t *pivots, const uint32_t *info,
                  const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_GETRF, 3, (const uint32_t *const[]){A, pivots, info}, options);
  if (status != TSR_OK) return status;
  const tsr_view *v = e.op->v;
  status = tsr_exactly(&e, 1, 1, v->rows < v->cols ? v->rows : v->cols);
  if (status == TSR_OK) status = tsr_exactly(&e, 2, 1, 1);
  return status == TSR_OK ? tsr_commit(&e, 3) : status;
}

int32_t tsr_laswp(uint32_t ctx, const uint32_t *A, const uint32_t *pivots, uint32_t direction,
                  const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_LASWP, 2, (const uint32_t *const[]){A, pivots}, options);
  if (status != TSR_OK) return status;
  if (direction > TSR_BACKWARD) return tsr_argument(&e, "direction", direction, "0 (forward) or 1 (backward)");
  size_t rows = tsr_rows(&e.op->v[0]), count = e.op->v[1].cols;
  e.op->flags = direction;
  status = tsr_exactly(&e, 1, 1, count < rows ? count : rows);
  return status == TSR_OK ? tsr_commit(&e, 2) : status;
}

/* latrd and labrd: nb, the columns of DE, says what the others must be. */
static int32_t reduce(uint32_t ctx, tsr_op_id id, const uint32_t *const *views, const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, id, 5, views, options);
  if (status != TSR_OK) return status;
  size_t m = e.op->v[0].rows, n = e.op->v[0].cols, nb = e.op->v[4].cols;
  size_t most = n < TSR_BLOCK_COLUMNS ? n : TSR_BLOCK_COLUMNS;
  if (id == TSR_OP_LATRD) status = tsr_match(&e, 0, ROWS, 0, COLS);
  if (m < n && status == TSR_OK) {
    return tsr_fail(e.context, TSR_E_SHAPE, "labrd: A is %zux%zu; with more columns than rows, reduce A'", m, n);
  }
  if (status == TSR_OK) status = tsr_exactly(&e, 4, 2, nb < most ? nb : most);
  if (status == TSR_OK) status = tsr_exactly(&e, 1, m, 2 * nb);
  if (status == TSR_OK) status = tsr_exactly(&e, 2, n, 2 * nb);
  if (status == TSR_OK) status = tsr_exactly(&e, 3, nb, id == TSR_OP_LATRD ? nb : 2 * nb);
  return status == TSR_OK ? tsr_commit(&e, 5) : status;
}

int32_t tsr_latrd(uint32_t ctx, const uint32_t *A, const uint32_t *L, const uint32_t *R, const uint32_t *T,
                  const uint32_t *DE, const uint32_t *options) {
  return reduce(ctx, TSR_OP_LATRD, (const uint32_t *const[]){A, L, R, T, DE}, options);
}

int32_t tsr_labrd(uint32_t ctx, const uint32_t *A, const uint32_t *L, const uint32_t *R, const uint32_t *T,
                  const uint32_t *DE, const uint32_t *options) {
  return reduce(ctx, TSR_OP_LABRD, (const uint32_t *const[]){A, L, R, T, DE}, options);
}

/* V is m x n, m >= n, and N has a column for each reflector of a block. */
static int32_t check_reflectors(tsr_encoding *e) {
  size_t m = e->op->v[0].rows, n = e->op->v[0].cols, nb = e->op->v[1].cols;
  const char *op = e->rule->name;
  if (m < n) {
    return tsr_fail(e->context, TSR_E_SHAPE, "%s: V is %zux%zu; it must not have more columns than rows", op, m, n);
  }
  if (n > 0 && nb == 0) {
    return tsr_fail(e->context, TSR_E_SHAPE, "%s: N is %zux0; its columns are the reflectors of a block", op,
                    e->op->v[1].rows);
  }
  return tsr_exactly(e, 1, n, nb < TSR_BLOCK_COLUMNS ? nb : TSR_BLOCK_COLUMNS);
}

int32_t tsr_larft(uint32_t ctx, const uint32_t *V, const uint32_t *N, const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_LARFT, 2, (const uint32_t *const[]){V, N}, options);
  if (status == TSR_OK) status = check_reflectors(&e);
  return status == TSR_OK ? tsr_commit(&e, 2) : status;
}

int32_t tsr_gemqrt(uint32_t ctx, const uint32_t *V, const uint32_t *N, const uint32_t *C, const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_GEMQRT, 3, (const uint32_t *const[]){V, N, C}, options);
  if (status == TSR_OK) status = check_reflectors(&e);
  if (status == TSR_OK) status = tsr_match(&e, 2, ROWS, 0, ROWS);
  return status == TSR_OK ? tsr_commit(&e, 3) : status;
}

/* DE holds the bands of a matrix of order n; Z is n x n, or 0x0 where only the values are wanted. */
static int32_t conquer(uint32_t ctx, tsr_op_id id, const uint32_t *DE, const uint32_t *Z, const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, id, 2, (const uint32_t *const[]){DE, Z}, options);
  if (status != TSR_OK) return status;
  size_t n = e.op->v[0].cols;
  status = tsr_exactly(&e, 0, 2, n);
  bool none = e.op->v[1].rows == 0 && e.op->v[1].cols == 0;
  if (status == TSR_OK && !none) status = tsr_exactly(&e, 1, n, n);
  return status == TSR_OK ? tsr_commit(&e, 2) : status;
}

int32_t tsr_stedc(uint32_t ctx, const uint32_t *DE, const uint32_t *Z, const uint32_t *options) {
  return conquer(ctx, TSR_OP_STEDC, DE, Z, options);
}

int32_t tsr_bdsdc(uint32_t ctx, const uint32_t *DE, const uint32_t *Z, const uint32_t *options) {
  return conquer(ctx, TSR_OP_BDSDC, DE, Z, options);
}

int32_t tsr_syev(uint32_t ctx, const uint32_t *G, const uint32_t *W, const uint32_t *Z, const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_SYEV, 3, (const uint32_t *const[]){G, W, Z}, options);
  if (status == TSR_OK) status = tsr_match(&e, 0, ROWS, 0, COLS);
  if (status != TSR_OK) return status;
  size_t n = e.op->v[0].rows, v = e.op->v[2].cols;
  status = tsr_exactly(&e, 1, 1, n);
  if (status == TSR_OK) status = tsr_exactly(&e, 2, n, v < n ? v : n);
  return status == TSR_OK ? tsr_commit(&e, 3) : status;
}

/* Blocks of order k, one below the other, in operand i. */
static int32_t check_blocks(tsr_encoding *e, int i, size_t *count) {
  const tsr_view *v = &e->op->v[i];
  *count = v->cols > 0 ? v->rows / v->cols : 0;
  if (v->cols <= 64 && *count * v->cols == v->rows) return TSR_OK;
  return tsr_fail(e->context, TSR_E_SHAPE,
                  "%s: %s is %zux%zu; it must be square blocks of at most 64 columns, one below the other",
                  e->rule->name, e->rule->v[i].name, v->rows, v->cols);
}

int32_t tsr_jacobi(uint32_t ctx, uint32_t form, const uint32_t *G, const uint32_t *J, const uint32_t *words,
                   double tolerance, double floor, const uint32_t *options) {
  tsr_encoding e;
  size_t count;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_JACOBI, 3, (const uint32_t *const[]){G, J, words}, options);
  if (status == TSR_OK) status = check_blocks(&e, 0, &count);
  if (status == TSR_OK) status = tsr_exactly(&e, 1, e.op->v[0].rows, e.op->v[0].cols);
  if (status == TSR_OK) status = tsr_exactly(&e, 2, 1, count);
  if (status != TSR_OK) return status;
  if (form > TSR_GRAM) return tsr_argument(&e, "form", form, "0 (principal) or 1 (gram)");
  if (!(tolerance >= 0) || !(floor >= 0)) {
    return tsr_fail(e.context, TSR_E_ARGUMENT, "jacobi: tolerance is %g, floor is %g; they must be 0 or more",
                    tolerance, floor);
  }
  e.op->flags = form;
  e.op->alpha = tolerance;
  e.op->beta = floor;
  return tsr_commit(&e, 3);
}

/* The side of A that is cut must hold whole blocks. */
static int32_t check_cut(tsr_encoding *e, tsr_side side, size_t width) {
  const tsr_view *A = &e->op->v[0];
  size_t size = side == ROWS ? A->rows : A->cols;
  if (width > 0 && size % width == 0) return TSR_OK;
  return tsr_fail(e->context, TSR_E_SHAPE, "apply: A is %zux%zu, B's blocks have %zu columns: A's %zu %s must be blocks"
                  " of half as many", A->rows, A->cols, e->op->v[2].cols, size, side == ROWS ? "rows" : "columns");
}

int32_t tsr_apply(uint32_t ctx, uint32_t form, const uint32_t *A, const uint32_t *pairs, const uint32_t *B,
                  const uint32_t *options) {
  tsr_encoding e;
  size_t count;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_APPLY, 3, (const uint32_t *const[]){A, pairs, B}, options);
  if (status == TSR_OK) status = check_blocks(&e, 2, &count);
  if (status == TSR_OK) status = tsr_exactly(&e, 1, 3, count);
  if (status != TSR_OK) return status;
  const tsr_view *b = &e.op->v[2];
  if (form > TSR_ROWS)
    return tsr_argument(&e, "form", form, "0 (principal), 1 (gram), 2 (columns) or 3 (rows)");
  if (b->cols % 2 != 0) {
    return tsr_fail(e.context, TSR_E_SHAPE, "apply: B is %zux%zu; its blocks must have an even number of columns",
                    b->rows, b->cols);
  }
  if (form >= TSR_COLUMNS && b->type != TSR_F32)
    return tsr_fail(e.context, TSR_E_TYPE, "apply: B is f64; rotations are f32");
  if (form == TSR_PRINCIPAL) status = tsr_match(&e, 0, ROWS, 0, COLS);
  if (count > 0 && status == TSR_OK) status = check_cut(&e, form == TSR_ROWS ? ROWS : COLS, b->cols / 2);
  e.op->flags = form;
  return status == TSR_OK ? tsr_commit(&e, 3) : status;
}

int32_t tsr_colstat(uint32_t ctx, const uint32_t *A, const uint32_t *S, const uint32_t *info,
                    const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_COLSTAT, 3, (const uint32_t *const[]){A, S, info}, options);
  if (status == TSR_OK) status = tsr_exactly(&e, 1, tsr_rows(&e.op->v[1]) == 2 ? 2 : 1, tsr_cols(&e.op->v[0]));
  if (status == TSR_OK) status = tsr_exactly(&e, 2, 1, 2);
  return status == TSR_OK ? tsr_commit(&e, 3) : status;
}

int32_t tsr_scale(uint32_t ctx, uint32_t mode, const uint32_t *A, const uint32_t *S, const uint32_t *B,
                  const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_SCALE, 3, (const uint32_t *const[]){A, S, B}, options);
  if (status != TSR_OK) return status;
  if (mode > TSR_RESTORE) return tsr_argument(&e, "mode", mode, "0 (multiply), 1 (normalize) or 2 (restore)");
  bool one = tsr_rows(&e.op->v[1]) == 1 && tsr_cols(&e.op->v[1]) == 1;
  if (!one) status = tsr_exactly(&e, 1, 1, tsr_cols(&e.op->v[0]));
  if (status == TSR_OK) status = tsr_match(&e, 2, ROWS, 0, ROWS);
  if (status == TSR_OK) status = tsr_match(&e, 2, COLS, 0, COLS);
  e.op->flags = mode;
  return status == TSR_OK ? tsr_commit(&e, 3) : status;
}

int32_t tsr_orth(uint32_t ctx, const uint32_t *W, const uint32_t *T, const uint32_t *info, double floor,
                 uint32_t seed, const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_ORTH, 3, (const uint32_t *const[]){W, T, info}, options);
  if (status != TSR_OK) return status;
  size_t b = e.op->v[0].cols;
  if (b > 128) {
    return tsr_fail(e.context, TSR_E_SHAPE, "orth: W is %zux%zu; a panel has at most 128 columns", e.op->v[0].rows,
                    b);
  }
  status = tsr_exactly(&e, 1, b, b);
  if (status == TSR_OK) status = tsr_exactly(&e, 2, 1, 2);
  if (status != TSR_OK) return status;
  if (!(floor >= 0))
    return tsr_fail(e.context, TSR_E_ARGUMENT, "orth: floor is %g; it must be a length, 0 or more", floor);
  e.op->alpha = floor;
  e.op->seed[0] = seed;
  e.op->seed[1] = 0;
  return tsr_commit(&e, 3);
}

int32_t tsr_resid(uint32_t ctx, const uint32_t *A, const uint32_t *X, const uint32_t *B, const uint32_t *R,
                  const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_RESID, 4, (const uint32_t *const[]){A, X, B, R}, options);
  if (status == TSR_OK) status = tsr_match(&e, 0, COLS, 1, ROWS);
  if (status == TSR_OK) status = tsr_match(&e, 2, ROWS, 0, ROWS);
  if (status == TSR_OK) status = tsr_match(&e, 2, COLS, 1, COLS);
  if (status == TSR_OK) status = tsr_match(&e, 3, ROWS, 2, ROWS);
  if (status == TSR_OK) status = tsr_match(&e, 3, COLS, 2, COLS);
  return status == TSR_OK ? tsr_commit(&e, 4) : status;
}

int32_t tsr_rand(uint32_t ctx, uint32_t distribution, uint32_t seed_low, uint32_t seed_high, const uint32_t *A,
                 const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_RAND, 1, (const uint32_t *const[]){A}, options);
  if (status != TSR_OK) return status;
  if (distribution > TSR_NORMAL) return tsr_argument(&e, "distribution", distribution, "0 (uniform) or 1 (normal)");
  e.op->flags = distribution;
  e.op->seed[0] = seed_low;
  e.op->seed[1] = seed_high;
  return tsr_commit(&e, 1);
}

int32_t tsr_geqrf(uint32_t ctx, const uint32_t *A, const uint32_t *Q, const uint32_t *R, const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_GEQRF, 3, (const uint32_t *const[]){A, Q, R}, options);
  if (status != TSR_OK) return status;
  size_t m = e.op->v[0].rows, n = e.op->v[0].cols;
  if (m < n) {
    return tsr_fail(e.context, TSR_E_SHAPE, "geqrf: A is %zux%zu; it must have no more columns than rows", m, n);
  }
  status = tsr_exactly(&e, 1, m, n);
  if (status == TSR_OK) status = tsr_exactly(&e, 2, n, n);
  return status == TSR_OK ? tsr_commit(&e, 3) : status;
}

int32_t tsr_gesdd(uint32_t ctx, const uint32_t *A, const uint32_t *U, const uint32_t *S, const uint32_t *V,
                  const uint32_t *info, const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_GESDD, 5, (const uint32_t *const[]){A, U, S, V, info}, options);
  if (status != TSR_OK) return status;
  size_t m = e.op->v[0].rows, n = e.op->v[0].cols, p = m < n ? m : n;
  status = tsr_exactly(&e, 1, m, p);
  if (status == TSR_OK) status = tsr_exactly(&e, 2, 1, p);
  if (status == TSR_OK) status = tsr_exactly(&e, 3, p, n);
  if (status == TSR_OK) status = tsr_exactly(&e, 4, 1, 1);
  return status == TSR_OK ? tsr_commit(&e, 5) : status;
}

int32_t tsr_syevd(uint32_t ctx, const uint32_t *A, const uint32_t *W, const uint32_t *V, const uint32_t *info,
                  const uint32_t *options) {
  tsr_encoding e;
  int32_t status = tsr_begin(&e, ctx, TSR_OP_SYEVD, 4, (const uint32_t *const[]){A, W, V, info}, options);
  if (status != TSR_OK) return status;
  size_t n = e.op->v[0].rows;
  status = tsr_match(&e, 0, ROWS, 0, COLS);
  if (status == TSR_OK) status = tsr_exactly(&e, 1, 1, n);
  if (status == TSR_OK) status = tsr_exactly(&e, 2, n, n);
  if (status == TSR_OK) status = tsr_exactly(&e, 3, 1, 1);
  return status == TSR_OK ? tsr_commit(&e, 4) : status;
}
