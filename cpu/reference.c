/* reference.c: every operation but the triangular ones as the plainest loop, sums in float64 and one rounding at the
 * end. */
#include "reference.h"
#include <math.h>
#include "random.h"

int32_t tsr_reference_laset(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0];
  run->tile = TSR_TILE_REFERENCE;
  for (size_t i = 0; i < A->rows; i++) {
    for (size_t j = 0; j < A->cols; j++) {
      if (i == j ? isnan(op->beta) : (op->flags == TSR_LOWER && j > i) || (op->flags == TSR_UPPER && j < i)) continue;
      double x = i == j ? op->beta : op->alpha;
      if (A->type == TSR_F64) ((double *)A->data)[i * A->ld + j] = x;
      else if (A->type == TSR_F32) ((float *)A->data)[i * A->ld + j] = (float)x;
      else ((uint32_t *)A->data)[i * A->ld + j] = (uint32_t)x;
    }
  }
  return TSR_OK;
}

/* alpha * x + beta * C(i,j), with what a zero factor excludes not read. */
static double combined(double alpha, double x, double beta, const tsr_view *C, size_t i, size_t j) {
  double scaled = alpha == 0 ? 0 : alpha * x;
  return beta == 0 ? scaled : alpha == 0 ? beta * tsr_get(C, i, j) : scaled + beta * tsr_get(C, i, j);
}

int32_t tsr_reference_geadd(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *B = &op->v[1];
  run->tile = TSR_TILE_REFERENCE;
  for (size_t i = 0; i < tsr_view_rows(B) && !tsr_canceled(run); i++) {
    for (size_t j = 0; j < tsr_view_cols(B); j++) {
      double a = op->alpha == 0 ? 0 : tsr_get(A, i, j);
      tsr_set(B, i, j, combined(op->alpha, a, op->beta, B, i, j));
    }
  }
  return TSR_OK;
}

/* Row i of A times column j of B. */
static double dot(const tsr_view *A, size_t i, const tsr_view *B, size_t j) {
  double sum = 0;
  for (size_t k = 0; k < tsr_view_cols(A); k++) sum += tsr_get(A, i, k) * tsr_get(B, k, j);
  return sum;
}

int32_t tsr_reference_gemm(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *B = &op->v[1], *C = &op->v[2];
  run->tile = TSR_TILE_REFERENCE;
  for (size_t i = 0; i < tsr_view_rows(C); i++) {
    for (size_t j = 0; j < tsr_view_cols(C) && !tsr_canceled(run); j++) {
      double sum = op->alpha == 0 ? 0 : dot(A, i, B, j);
      tsr_set(C, i, j, combined(op->alpha, sum, op->beta, C, i, j));
    }
  }
  return TSR_OK;
}

int32_t tsr_reference_atav(tsr_run *run, const tsr_op *op) {
  tsr_op products[2];
  tsr_atav_products(op, products);
  tsr_reference_gemm(run, &products[0]);
  return tsr_reference_gemm(run, &products[1]);
}

int32_t tsr_reference_syrk(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *C = &op->v[1];
  tsr_view T = *A, stored = *C;
  T.trans = !A->trans;
  stored.trans = false;
  run->tile = TSR_TILE_REFERENCE;
  for (size_t i = 0; i < stored.rows; i++) {
    size_t first = op->flags == TSR_LOWER ? 0 : i, end = op->flags == TSR_LOWER ? i + 1 : stored.cols;
    for (size_t j = first; j < end && !tsr_canceled(run); j++) {
      double sum = op->alpha == 0 ? 0 : dot(A, i, &T, j);
      tsr_set(&stored, i, j, combined(op->alpha, sum, op->beta, &stored, i, j));
    }
  }
  return TSR_OK;
}

int32_t tsr_reference_resid(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *X = &op->v[1], *B = &op->v[2], *R = &op->v[3];
  run->tile = TSR_TILE_REFERENCE;
  for (size_t i = 0; i < tsr_view_rows(R); i++) {
    for (size_t j = 0; j < tsr_view_cols(R) && !tsr_canceled(run); j++) {
      double sum = tsr_get(B, i, j);
      for (size_t k = 0; k < tsr_view_cols(A); k++) sum -= tsr_get(A, i, k) * tsr_get(X, k, j);
      tsr_set(R, i, j, sum);
    }
  }
  return TSR_OK;
}

/* The second row of S. */
static void reference_signs(const tsr_view *A, const tsr_view *S) {
  for (size_t j = 0; j < tsr_view_cols(A); j++) {
    double least = (1 - 0x1p-10) * tsr_get(S, 0, j);
    size_t i = 0;
    while (i < tsr_view_rows(A) && fabs(tsr_get(A, i, j)) < least) i++;
    tsr_set(S, 1, j, i < tsr_view_rows(A) && tsr_get(A, i, j) < 0 ? -1 : 1);
  }
}

int32_t tsr_reference_colstat(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *S = &op->v[1];
  uint32_t *info = op->v[2].data;
  run->tile = TSR_TILE_REFERENCE;
  info[0] = info[1] = 0;
  for (size_t j = 0; j < tsr_view_cols(A); j++) tsr_set(S, 0, j, 0);
  for (size_t i = 0; i < tsr_view_rows(A) && !tsr_canceled(run); i++) {
    for (size_t j = 0; j < tsr_view_cols(A); j++) {
      double x = fabs(tsr_get(A, i, j));
      if (isnan(x)) x = INFINITY;
      if (x > tsr_get(S, 0, j)) tsr_set(S, 0, j, x);
      if (isinf(x) && info[0] == 0) {
        info[0] = (uint32_t)i + 1;
        info[1] = (uint32_t)j + 1;
      }
    }
  }
  if (tsr_view_rows(S) == 2) reference_signs(A, S);
  return TSR_OK;
}

/* What a column is multiplied by. Zero, Inf and NaN have no exponent. */
double tsr_scale_factor(uint32_t mode, float s) {
  if (mode == TSR_MULTIPLY) return s;
  if (s == 0 || !isfinite(s)) return 1;
  int exponent;
  frexpf(s, &exponent);
  return ldexp(1, mode == TSR_NORMALIZE ? -exponent : exponent);
}

int32_t tsr_reference_scale(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *S = &op->v[1], *B = &op->v[2];
  size_t factors = tsr_view_cols(S);
  run->tile = TSR_TILE_REFERENCE;
  for (size_t i = 0; i < tsr_view_rows(A) && !tsr_canceled(run); i++) {
    for (size_t j = 0; j < tsr_view_cols(A); j++) {
      double factor = tsr_scale_factor(op->flags, (float)tsr_get(S, 0, factors == 1 ? 0 : j));
      tsr_set(B, i, j, tsr_get(A, i, j) * factor);
    }
  }
  return TSR_OK;
}

int32_t tsr_reference_rand(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0];
  run->tile = TSR_TILE_REFERENCE;
  for (size_t i = 0; i < tsr_view_rows(A) && !tsr_canceled(run); i++) {
    for (size_t j = 0; j < tsr_view_cols(A); j++) {
      uint32_t words[4];
      tsr_philox((const uint32_t[]){(uint32_t)i, (uint32_t)(j / 4), op->flags, 0}, op->seed, words);
      uint32_t word = words[j % 4];
      tsr_set(A, i, j, op->flags == TSR_NORMAL ? tsr_normal_of(word) : (float)(word >> 8) * 0x1p-24f);
    }
  }
  return TSR_OK;
}
