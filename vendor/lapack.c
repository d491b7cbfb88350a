/* lapack.c: factorisations of a vendor's LAPACK. It stores by columns: a matrix stored by rows is its transpose
 * there, so factors of a symmetric matrix and singular vectors change places and need no copy; LU and QR do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "blas.h"

bool tsr_blas_is_wide(const tsr_blas_functions *f) {
  float a[9] = {1, 2, 3, 4, 5, 6, 7, 8, 10};
  union {
    int32_t narrow[6];
    int64_t wide[3];
  } pivots = {{-1, -1, -1, -1, -1, -1}};
  tsr_lapack_int n = 3, info = 0;
  f->getrf(&n, &n, a, &n, &pivots, &info);
  return pivots.wide[0] == 3;
}

/* LAPACK's negative info: an argument it does not like, which none of these calls gives. */
static int32_t refused(tsr_run *run, const char *name, tsr_lapack_int info) {
  if ((int32_t)info >= 0) return TSR_OK;
  snprintf(run->trouble, sizeof run->trouble, "%s of the vendor's library refused its argument %d", name,
           -(int32_t)info);
  return TSR_E_DEVICE;
}

static void *numbers(size_t count) { return malloc((count > 0 ? count : 1) * sizeof(float)); }

/* What a workspace query answers, with room for what the float rounded away. */
static tsr_lapack_int workspace(float asked) { return (tsr_lapack_int)(asked * 1.000001f) + 64; }

/* to(j,i) = from(i,j), both by rows. */
static void turn(size_t rows, size_t cols, const float *from, size_t ld, float *to, size_t ldt) {
  enum { BLOCK = 16 };
  for (size_t i0 = 0; i0 < rows; i0 += BLOCK) {
    size_t end = i0 + BLOCK < rows ? i0 + BLOCK : rows;
    for (size_t j = 0; j < cols; j++) {
      for (size_t i = i0; i < end; i++) to[j * ldt + i] = from[i * ld + j];
    }
  }
}

/* The first pivot that is not > 0, from 1; some libraries let NaN pass. */
static uint32_t first_bad(const tsr_view *A) {
  const float *a = A->data;
  for (size_t j = 0; j < A->rows; j++) {
    if (!(a[j * A->ld + j] > 0)) return (uint32_t)j + 1;
  }
  return 0;
}

int32_t tsr_blas_potrf(tsr_run *run, const tsr_op *op) {
  const tsr_blas *blas = tsr_blas_of(run);
  const tsr_view *A = &op->v[0];
  uint32_t *word = op->v[1].data;
  run->tile = TSR_TILE_PACKED;
  if (*word != 0) return TSR_OK;
  tsr_lapack_int n = (tsr_lapack_int)A->rows, ld = (tsr_lapack_int)A->ld, info = 0;
  blas->f.potrf("U", &n, A->data, &ld, &info, 1);
  int32_t status = refused(run, "spotrf", info);
  if (status != TSR_OK) return status;
  uint32_t bad = (int32_t)info > 0 ? (uint32_t)info : first_bad(A);
  if (bad != 0) *word = op->flags + bad;
  return TSR_OK;
}

int32_t tsr_blas_getrf(tsr_run *run, const tsr_op *op) {
  const tsr_blas *blas = tsr_blas_of(run);
  const tsr_view *A = &op->v[0];
  uint32_t *word = op->v[2].data, *rows = op->v[1].data;
  size_t p = A->rows < A->cols ? A->rows : A->cols;
  float *a = numbers(A->rows * A->cols);
  int64_t *pivots = malloc(p * sizeof *pivots);
  if (a && pivots) {
    tsr_lapack_int m = (tsr_lapack_int)A->rows, n = (tsr_lapack_int)A->cols, info = 0;
    turn(A->rows, A->cols, A->data, A->ld, a, A->rows);
    blas->f.getrf(&m, &n, a, &m, pivots, &info);
    turn(A->cols, A->rows, a, A->rows, A->data, A->ld);
    for (size_t j = 0; j < p; j++) {
      int32_t narrow;
      memcpy(&narrow, (const char *)pivots + 4 * j, sizeof narrow);
      rows[j] = (uint32_t)(blas->wide ? pivots[j] : narrow) - 1;
    }
    *word = (int32_t)info > 0 ? (uint32_t)info : 0;
    run->tile = TSR_TILE_PACKED;
  }
  int32_t status = a && pivots ? TSR_OK : TSR_E_MEMORY;
  free(a);
  free(pivots);
  return status;
}

/* R from the factored a (by columns), its rows with the signs that make R_jj >= 0. */
static void take_r(const float *a, size_t m, const tsr_view *R, float *signs) {
  float *r = R->data;
  for (size_t i = 0; i < R->rows; i++) {
    signs[i] = signbit(a[i * m + i]) ? -1.0f : 1.0f;
    for (size_t j = 0; j < R->cols; j++) r[i * R->ld + j] = j < i ? 0 : signs[i] * a[j * m + i];
  }
}

static void take_q(const float *a, const tsr_view *Q, const float *signs) {
  float *q = Q->data;
  turn(Q->cols, Q->rows, a, Q->rows, q, Q->ld);
  for (size_t i = 0; i < Q->rows; i++) {
    for (size_t j = 0; j < Q->cols; j++) q[i * Q->ld + j] *= signs[j];
  }
}

int32_t tsr_blas_geqrf(tsr_run *run, const tsr_op *op) {
  const tsr_blas *blas = tsr_blas_of(run);
  const tsr_view *A = &op->v[0];
  tsr_lapack_int m = (tsr_lapack_int)A->rows, n = (tsr_lapack_int)A->cols, info = 0, query = -1;
  float asked[2] = {0, 0};
  blas->f.geqrf(&m, &n, NULL, &m, NULL, &asked[0], &query, &info);
  blas->f.orgqr(&m, &n, &n, NULL, &m, NULL, &asked[1], &query, &info);
  tsr_lapack_int size = workspace(fmaxf(asked[0], asked[1]));
  float *a = numbers(A->rows * A->cols), *more = numbers(2 * A->cols + (size_t)size);
  int32_t status = a && more ? TSR_OK : TSR_E_MEMORY;
  if (status == TSR_OK) {
    float *tau = more, *signs = more + A->cols, *work = signs + A->cols;
    turn(A->rows, A->cols, A->data, A->ld, a, A->rows);
    blas->f.geqrf(&m, &n, a, &m, tau, work, &size, &info);
    take_r(a, A->rows, &op->v[2], signs);
    if ((int32_t)info == 0) blas->f.orgqr(&m, &n, &n, a, &m, tau, work, &size, &info);
    take_q(a, &op->v[1], signs);
    status = refused(run, "sgeqrf", info);
    run->tile = TSR_TILE_PACKED;
  }
  free(a);
  free(more);
  return status;
}

int32_t tsr_blas_gesdd(tsr_run *run, const tsr_op *op) {
  const tsr_blas *blas = tsr_blas_of(run);
  const tsr_view *A = &op->v[0], *U = &op->v[1], *S = &op->v[2], *V = &op->v[3];
  size_t p = A->rows < A->cols ? A->rows : A->cols;
  tsr_lapack_int m = (tsr_lapack_int)A->cols, n = (tsr_lapack_int)A->rows, info = 0, query = -1;
  tsr_lapack_int ldu = (tsr_lapack_int)V->ld, ldvt = (tsr_lapack_int)U->ld;
  float asked = 0;
  blas->f.gesdd("S", &m, &n, NULL, &m, NULL, NULL, &ldu, NULL, &ldvt, &asked, &query, NULL, &info, 1);
  tsr_lapack_int size = workspace(asked);
  float *a = numbers(A->rows * A->cols), *work = numbers((size_t)size);
  int64_t *integers = malloc(8 * p * sizeof *integers);
  int32_t status = a && work && integers ? TSR_OK : TSR_E_MEMORY;
  if (status == TSR_OK) {
    for (size_t i = 0; i < A->rows; i++)
      memcpy(a + i * A->cols, (const float *)A->data + i * A->ld, A->cols * sizeof *a);
    info = 0;
    blas->f.gesdd("S", &m, &n, a, &m, S->data, V->data, &ldu, U->data, &ldvt, work, &size, integers, &info, 1);
    status = refused(run, "sgesdd", info);
    *(uint32_t *)op->v[4].data = (int32_t)info > 0 ? (uint32_t)info : 0;
    run->tile = TSR_TILE_PACKED;
  }
  free(a);
  free(work);
  free(integers);
  return status;
}

/* Rows become columns, in place. */
static void turn_square(const tsr_view *V) {
  float *v = V->data;
  for (size_t i = 0; i < V->rows; i++) {
    for (size_t j = 0; j < i; j++) {
      float x = v[i * V->ld + j];
      v[i * V->ld + j] = v[j * V->ld + i];
      v[j * V->ld + i] = x;
    }
  }
}

int32_t tsr_blas_syevd(tsr_run *run, const tsr_op *op) {
  const tsr_blas *blas = tsr_blas_of(run);
  const tsr_view *A = &op->v[0], *W = &op->v[1], *V = &op->v[2];
  tsr_lapack_int n = (tsr_lapack_int)A->rows, ld = (tsr_lapack_int)V->ld, info = 0, query = -1;
  int64_t asked_integers[2] = {0, 0};
  float asked = 0;
  blas->f.syevd("V", "U", &n, NULL, &ld, NULL, &asked, &query, asked_integers, &query, &info, 1, 1);
  int32_t narrow;
  memcpy(&narrow, asked_integers, sizeof narrow);
  tsr_lapack_int size = workspace(asked), count = (blas->wide ? asked_integers[0] : narrow) + 64;
  float *work = numbers((size_t)size);
  int64_t *integers = malloc((size_t)count * sizeof *integers);
  int32_t status = work && integers ? TSR_OK : TSR_E_MEMORY;
  if (status == TSR_OK) {
    for (size_t i = 0; i < A->rows; i++)
      memcpy((float *)V->data + i * V->ld, (const float *)A->data + i * A->ld, A->cols * sizeof *work);
    info = 0;
    blas->f.syevd("V", "U", &n, V->data, &ld, W->data, work, &size, integers, &count, &info, 1, 1);
    status = refused(run, "ssyevd", info);
    turn_square(V);
    *(uint32_t *)op->v[3].data = (int32_t)info > 0 ? (uint32_t)info : 0;
    run->tile = TSR_TILE_PACKED;
  }
  free(work);
  free(integers);
  return status;
}
