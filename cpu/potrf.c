/* potrf.c: Cholesky factor of a symmetric matrix by recursion: the leading half, the panel below it, the rest. */
#include <math.h>
#include "fast.h"
#include "solve.h"

enum { LEAF = 16 };

typedef struct {
  tsr_run *run;
  size_t ld;
  uint32_t chain;
} factor;

/* Unblocked, in float64, by rows of the transposed triangle, in pairs of numbers: what lies left of the diagonal is
 * never read. Returns the order of the first bad pivot, 0 for none. */
static size_t leaf(const factor *f, float *a, size_t n) {
  double u[LEAF][LEAF] = {{0}};
  size_t bad = 0;
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j <= i; j++) u[j][i] = (double)a[i * f->ld + j];
  }
  for (size_t j = 0; j < n; j++) {
    if (!((float)u[j][j] > 0)) {
      bad = j + 1;
      break;
    }
    double pivot = sqrt(u[j][j]), inverse = 1 / pivot;
    for (size_t t = j / 2 * 2; t < LEAF; t += 2) {
      u[j][t] *= inverse;
      u[j][t + 1] *= inverse;
    }
    u[j][j] = pivot;
    for (size_t i = j + 1; i < n; i++) {
      double factor = u[j][i];
      for (size_t t = i / 2 * 2; t < LEAF; t += 2) {
        u[i][t] -= factor * u[j][t];
        u[i][t + 1] -= factor * u[j][t + 1];
      }
    }
  }
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j <= i; j++) a[i * f->ld + j] = (float)u[j][i];
  }
  return bad;
}

/* Rows below the leading `done` columns: A21 = A21 inv(L11'). */
static int32_t panel(const factor *f, float *a, size_t done, size_t below, size_t rows) {
  tsr_system s = {.n = done,
                  .count = rows,
                  .t = {a, f->ld, false},
                  .lower = true,
                  .alpha = 1,
                  .b = a + below * f->ld,
                  .row = 1,
                  .col = f->ld,
                  .chain = f->chain};
  return tsr_solve(f->run, &s);
}

/* bad: order of the first pivot that is not positive. The columns before it are finished, down to the last row. */
static int32_t factorize(const factor *f, float *a, size_t n, size_t *bad) {
  if (tsr_stopped(f->run)) return TSR_OK;
  if (n <= LEAF) {
    *bad = leaf(f, a, n);
    return TSR_OK;
  }
  size_t half = tsr_round_up(n / 2, LEAF), rest = n - half;
  int32_t status = factorize(f, a, half, bad);
  if (status == TSR_OK) status = panel(f, a, *bad > 0 ? *bad - 1 : half, half, rest);
  if (status != TSR_OK || *bad > 0) return status;
  float *a21 = a + half * f->ld, *a22 = a21 + half;
  tsr_product g = {.m = rest,
                   .n = rest,
                   .k = half,
                   .alpha = -1,
                   .beta = 1,
                   .a = {a21, f->ld, false},
                   .b = {a21, f->ld, true},
                   .c = {a22, f->ld, 1, false},
                   .d = {a22, f->ld, 1, false},
                   .uplo = TSR_LOWER,
                   .chain = f->chain};
  status = tsr_multiply(f->run, &g, TSR_TILE_DEFAULT);
  if (status == TSR_OK) status = factorize(f, a22, rest, bad);
  if (*bad > 0) *bad += half;
  return status;
}

int32_t tsr_fast_potrf(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0];
  uint32_t *info = op->v[1].data;
  factor f = {run, A->ld, op->chain};
  size_t bad = 0;
  int32_t status = *info == 0 ? factorize(&f, A->data, A->rows, &bad) : TSR_OK;
  if (bad > 0) *info = op->flags + (uint32_t)bad;
  run->tile = TSR_TILE_PACKED;
  return status;
}
