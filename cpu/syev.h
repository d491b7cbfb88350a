/* syev.h: what the two ways through the dense symmetric eigenproblem share: the matrix scaled, or the answer NaN. */
#ifndef TSR_SYEV_H
#define TSR_SYEV_H
#include <limits.h>
#include <math.h>
#include "../core/core.h"

enum { TSR_SYEV_NOT_FINITE = INT_MAX };

/* Copies the lower triangle of G to A (n x n) by a power of two, so that its largest element lies in [1/2, 1), and
 * returns the exponent taken off; TSR_SYEV_NOT_FINITE where there is a NaN or Inf. */
static inline int tsr_syev_scaled(const tsr_view *G, double *A) {
  size_t n = G->rows;
  double largest = 0;
  int exponent = 0;
  for (size_t i = 0; i < n; i++) {
    const double *row = (const double *)G->data + i * G->ld;
    for (size_t j = 0; j <= i; j++) {
      if (!isfinite(row[j])) return TSR_SYEV_NOT_FINITE;
      if (fabs(row[j]) > largest) largest = fabs(row[j]);
    }
  }
  if (largest > 0) (void)frexp(largest, &exponent);
  /* One factor could be beyond float64. */
  double half = ldexp(1, -exponent / 2), other = ldexp(1, -exponent - (-exponent / 2));
  for (size_t i = 0; i < n; i++) {
    const double *row = (const double *)G->data + i * G->ld;
    for (size_t j = 0; j <= i; j++) A[i * n + j] = row[j] * half * other;
  }
  return exponent;
}

static inline int32_t tsr_syev_fill_nan(const tsr_op *op) {
  const tsr_view *W = &op->v[1], *Z = &op->v[2];
  for (size_t j = 0; j < W->cols; j++) ((double *)W->data)[j] = NAN;
  for (size_t i = 0; i < Z->rows; i++) {
    for (size_t j = 0; j < Z->cols; j++) ((double *)Z->data)[i * Z->ld + j] = NAN;
  }
  return TSR_OK;
}

#endif
