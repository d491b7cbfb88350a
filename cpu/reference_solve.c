/* reference_solve.c: the triangular operations as plain loops: solves, Cholesky, and the certified panel of
 * Gram-Schmidt. */
#include <math.h>
#include <string.h>
#include "random.h"
#include "reference.h"

/* ---- trsm ---- */

/* x = inv(A) x for one right-hand side of order n in float64; A as an operand, lower or upper triangular. */
static void solve(const tsr_run *run, const tsr_view *A, bool lower, bool unit, double *x) {
  size_t n = A->rows;
  for (size_t step = 0; step < n && !tsr_canceled(run); step++) {
    size_t i = lower ? step : n - 1 - step, first = lower ? 0 : i + 1, end = lower ? i : n;
    for (size_t k = first; k < end; k++) x[i] -= tsr_get(A, i, k) * x[k];
    if (!unit) x[i] /= tsr_get(A, i, i);
  }
}

/* B inv(A) is the transpose of inv(A') B', so the right side is the left one of both transposes. */
int32_t tsr_reference_trsm(tsr_run *run, const tsr_op *op) {
  tsr_view A = op->v[0], B = op->v[1];
  if (op->flags & TSR_RIGHT) {
    A.trans = !A.trans;
    B.trans = !B.trans;
  }
  size_t n = A.rows;
  bool lower = (op->flags & TSR_LOWER) != 0, unit = (op->flags & TSR_UNIT) != 0;
  run->tile = TSR_TILE_REFERENCE;
  double *x = tsr_scratch(run, n * sizeof *x);
  if (!x && n > 0) return TSR_E_MEMORY;
  for (size_t j = 0; j < tsr_view_cols(&B) && !tsr_canceled(run); j++) {
    for (size_t i = 0; i < n; i++) x[i] = op->alpha == 0 ? 0 : op->alpha * tsr_get(&B, i, j);
    if (op->alpha != 0) solve(run, &A, lower != A.trans, unit, x);
    for (size_t i = 0; i < n; i++) tsr_set(&B, i, j, x[i]);
  }
  return TSR_OK;
}

/* ---- potrf ---- */

int32_t tsr_reference_potrf(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0];
  uint32_t *info = op->v[1].data;
  run->tile = TSR_TILE_REFERENCE;
  if (*info != 0) return TSR_OK;
  for (size_t j = 0; j < A->rows; j++) {
    for (size_t i = j; i < A->rows && !tsr_canceled(run); i++) {
      double sum = tsr_get(A, i, j);
      for (size_t k = 0; k < j; k++) sum -= tsr_get(A, i, k) * tsr_get(A, j, k);
      if (i > j) {
        tsr_set(A, i, j, sum / tsr_get(A, j, j));
        continue;
      }
      if (!((float)sum > 0)) {
        *info = op->flags + (uint32_t)j + 1;
        return TSR_OK;
      }
      tsr_set(A, j, j, sqrt(sum));
    }
  }
  return TSR_OK;
}

/* ---- orth ---- */

static const double SHIFT = 0x1p-38, ENTERED = 0.999;

/* The panel of one call: Gram matrix of the unit columns, then its Cholesky factor R (upper), rows of dead columns
 * cleared. */
typedef struct {
  size_t b;
  double G[128][128];
  double norm[128], one_over[128];
  bool dead[128];
  bool certified;
} panel;

/* G = D W'W D with D the inverse column norms. A column is short when its square is below ENTERED. */
static void gram(const tsr_run *run, const tsr_view *W, double floor, panel *p) {
  double off = 0;
  for (size_t j = 0; j < p->b; j++) {
    for (size_t k = 0; k <= j && !tsr_canceled(run); k++) {
      double sum = 0;
      for (size_t i = 0; i < W->rows; i++) sum += tsr_get(W, i, j) * tsr_get(W, i, k);
      p->G[k][j] = sum;
    }
  }
  p->certified = true;
  for (size_t j = 0; j < p->b; j++) {
    p->norm[j] = sqrt(p->G[j][j]);
    p->dead[j] = p->G[j][j] <= floor * floor;
    p->one_over[j] = p->dead[j] ? 0 : 1 / p->norm[j];
    if (!(p->G[j][j] >= ENTERED)) p->certified = false;
  }
  for (size_t j = 0; j < p->b; j++) {
    for (size_t k = 0; k < j; k++) {
      p->G[k][j] *= p->one_over[k] * p->one_over[j];
      off += 2 * p->G[k][j] * p->G[k][j];
    }
    p->G[j][j] = 1;
  }
  if (off <= 0.25) return;
  p->certified = false;
  for (size_t j = 0; j < p->b; j++) p->G[j][j] += SHIFT;
}

/* G = R'R in place. A pivot within the guard of 0 is a dependent column. */
static void factor(panel *p, double floor) {
  for (size_t j = 0; j < p->b; j++) {
    for (size_t i = 0; i <= j; i++) {
      double sum = p->G[i][j];
      for (size_t k = 0; k < i; k++) sum -= p->G[k][i] * p->G[k][j];
      if (i < j) {
        p->G[i][j] = p->dead[i] ? 0 : sum / p->G[i][i];
        continue;
      }
      if (sum <= 1e-3 * SHIFT || sqrt(sum) * p->norm[j] <= floor) p->dead[j] = true;
      p->G[j][j] = p->dead[j] ? 1 : sqrt(sum);
    }
  }
}

/* W = W D inv(R), row by row and in float32: an exactly dependent column must end as 0 or as rounding noise, which
 * the next pass can work with. In higher precision the shift would leave it parallel to the others for ever. Dead
 * columns are random. */
static void apply(const tsr_run *run, const tsr_op *op, const panel *p) {
  const tsr_view *W = &op->v[0];
  for (size_t i = 0; i < W->rows && !tsr_canceled(run); i++) {
    float w[128];
    for (size_t j = 0; j < p->b; j++) {
      w[j] = (float)tsr_get(W, i, j) * (float)p->one_over[j];
      for (size_t k = 0; k < j; k++) w[j] -= w[k] * (float)p->G[k][j];
      w[j] /= (float)p->G[j][j];
    }
    for (size_t j = 0; j < p->b; j++) {
      double filler = p->dead[j] ? tsr_normal(op->seed, (uint32_t)i, (uint32_t)j) / sqrt((double)W->rows) : 0;
      tsr_set(W, i, j, p->dead[j] ? filler : (double)w[j]);
    }
  }
}

int32_t tsr_reference_orth(tsr_run *run, const tsr_op *op) {
  const tsr_view *W = &op->v[0], *T = &op->v[1];
  uint32_t *info = op->v[2].data, count = 0;
  run->tile = TSR_TILE_REFERENCE;
  panel *p = tsr_scratch(run, sizeof *p);
  if (!p) return TSR_E_MEMORY;
  p->b = W->cols;
  gram(run, W, op->alpha, p);
  factor(p, op->alpha);
  apply(run, op, p);
  for (size_t i = 0; i < p->b; i++) {
    for (size_t j = 0; j < p->b; j++) tsr_set(T, i, j, j < i || p->dead[i] ? 0 : p->G[i][j] * p->norm[j]);
    count += p->dead[i];
  }
  info[0] = !p->certified || count > 0;
  info[1] = count;
  return TSR_OK;
}
