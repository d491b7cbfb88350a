/* reference_lu.c: LU factors with partial pivoting, and row exchanges, as plain loops. */
#include <math.h>
#include "reference.h"

static void exchange(const tsr_view *A, size_t i, size_t j) {
  for (size_t c = 0; c < tsr_view_cols(A) && i != j; c++) {
    double x = tsr_get(A, i, c);
    tsr_set(A, i, c, tsr_get(A, j, c));
    tsr_set(A, j, c, x);
  }
}

/* A(i,j) less the product of row i of L and column j of U. */
static double reduced(const tsr_view *A, size_t i, size_t j) {
  double sum = tsr_get(A, i, j);
  for (size_t k = 0; k < i && k < j; k++) sum -= tsr_get(A, i, k) * tsr_get(A, k, j);
  return sum;
}

/* By columns: U above the diagonal, the numbers below it, the pivot among them, L. */
int32_t tsr_reference_getrf(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0];
  uint32_t *pivots = op->v[1].data, *info = op->v[2].data;
  run->tile = TSR_TILE_REFERENCE;
  *info = 0;
  for (size_t j = 0; j < A->cols && !tsr_canceled(run); j++) {
    size_t pivot = j;
    double largest = -1;
    for (size_t i = 0; i < A->rows; i++) {
      tsr_set(A, i, j, reduced(A, i, j));
      if (i < j || !(fabs(tsr_get(A, i, j)) > largest)) continue;
      largest = fabs(tsr_get(A, i, j));
      pivot = i;
    }
    if (j >= A->rows) continue;
    pivots[j] = (uint32_t)pivot;
    exchange(A, j, pivot);
    if (tsr_get(A, j, j) == 0) {
      if (*info == 0) *info = (uint32_t)j + 1;
      continue;
    }
    for (size_t i = j + 1; i < A->rows; i++) tsr_set(A, i, j, tsr_get(A, i, j) / tsr_get(A, j, j));
  }
  return TSR_OK;
}

int32_t tsr_reference_laswp(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0];
  const uint32_t *pivots = op->v[1].data;
  size_t count = op->v[1].cols;
  run->tile = TSR_TILE_REFERENCE;
  for (size_t step = 0; step < count && !tsr_canceled(run); step++) {
    size_t j = op->flags == TSR_BACKWARD ? count - 1 - step : step;
    if (pivots[j] < tsr_view_rows(A)) exchange(A, j, pivots[j]);
  }
  return TSR_OK;
}
