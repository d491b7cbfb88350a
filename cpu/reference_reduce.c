/* reference_reduce.c: the panels of the reductions to tridiagonal and bidiagonal form as plain loops, every number
 * of the matrix reduced so far computed where it is used, as A - L R'; and products with their reflectors. */
#include <math.h>
#include "reference.h"

static const double DROPPED = 0x1p-48;

typedef struct {
  const tsr_run *run;
  const tsr_view *A, *L, *R, *T, *DE;
  size_t nb;
  bool symmetric;
  double *x; /* the vector that becomes a reflector */
} panel;

/* Element (i,j) of A - L R'. What is not yet known of L and R is 0. */
static double reduced(const panel *p, size_t i, size_t j) {
  double sum = p->symmetric && i < j ? tsr_get(p->A, j, i) : tsr_get(p->A, i, j);
  for (size_t s = 0; s < 2 * p->nb; s++) sum -= tsr_get(p->L, i, s) * tsr_get(p->R, j, s);
  return sum;
}

/* x (n numbers) becomes the v that takes it to beta e1, rounded to float32; t likewise. */
static double reflect(double *x, size_t n, double *t) {
  double rest = 0, beta = n > 0 ? x[0] : 0;
  for (size_t i = 1; i < n; i++) rest += x[i] * x[i];
  *t = 1;
  if (n < 2 || rest < DROPPED * DROPPED) {
    for (size_t i = 0; i < n; i++) x[i] = 0;
    return beta;
  }
  double length = sqrt(x[0] * x[0] + rest), scale = 1 / sqrt(length * (length + fabs(x[0]))), squares = 0;
  beta = -copysign(length, x[0]);
  x[0] -= beta;
  for (size_t i = 0; i < n; i++) {
    x[i] = (float)(x[i] * scale);
    squares += x[i] * x[i];
  }
  *t = (float)(squares / 2);
  return beta;
}

/* The reflector in x[first..] as column `column` of M, and column j of its triangle, which begins at column
 * `triangle` of T. */
static void keep(const panel *p, const tsr_view *M, size_t column, size_t j, size_t first, size_t triangle, double t) {
  for (size_t i = 0; i < M->rows; i++) tsr_set(M, i, column, i < first ? 0 : p->x[i]);
  for (size_t s = 0; s < p->nb; s++) {
    double sum = 0;
    for (size_t i = first; s < j && i < M->rows; i++) sum += tsr_get(M, i, column - j + s) * p->x[i];
    tsr_set(p->T, s, triangle + j, s == j ? t : sum);
  }
}

static void clear(const tsr_view *M) {
  for (size_t i = 0; i < M->rows; i++) {
    for (size_t j = 0; j < M->cols; j++) tsr_set(M, i, j, 0);
  }
}

/* w = y - (y'v / 2t) v for y = A v / t. */
static void tridiagonal_column(const panel *p, size_t j) {
  size_t n = p->A->rows, first = j + 1;
  double t, product = 0;
  for (size_t i = j; i < n; i++) p->x[i] = reduced(p, i, j);
  tsr_set(p->DE, 0, j, p->x[j]);
  tsr_set(p->DE, 1, j, reflect(p->x + first, n - first, &t));
  keep(p, p->L, j, j, first, 0, t);
  double *y = p->x + n;
  for (size_t i = first; i < n && !tsr_canceled(p->run); i++) {
    y[i] = 0;
    for (size_t k = first; k < n; k++) y[i] += reduced(p, i, k) * p->x[k];
    y[i] /= t;
    product += y[i] * p->x[i];
  }
  for (size_t i = first; i < n; i++) {
    tsr_set(p->L, i, p->nb + j, y[i] - product / (2 * t) * p->x[i]);
    tsr_set(p->R, i, j, tsr_get(p->L, i, p->nb + j));
    tsr_set(p->R, i, p->nb + j, p->x[i]);
  }
}

static void bidiagonal_column(const panel *p, size_t j) {
  size_t m = p->A->rows, n = p->A->cols, first = j + 1;
  double t;
  for (size_t i = j; i < m; i++) p->x[i] = reduced(p, i, j);
  tsr_set(p->DE, 0, j, reflect(p->x + j, m - j, &t));
  keep(p, p->L, j, j, j, 0, t);
  for (size_t k = first; k < n && !tsr_canceled(p->run); k++) {
    double sum = 0;
    for (size_t i = j; i < m; i++) sum += reduced(p, i, k) * p->x[i];
    tsr_set(p->R, k, j, sum / t);
  }
  for (size_t k = first; k < n; k++) p->x[k] = reduced(p, j, k);
  tsr_set(p->DE, 1, j, reflect(p->x + first, n - first, &t));
  keep(p, p->R, p->nb + j, j, first, p->nb, t);
  for (size_t i = first; i < m && !tsr_canceled(p->run); i++) {
    double sum = 0;
    for (size_t k = first; k < n; k++) sum += reduced(p, i, k) * p->x[k];
    tsr_set(p->L, i, p->nb + j, sum / t);
  }
}

static int32_t reduce(tsr_run *run, const tsr_op *op, bool symmetric, void (*column)(const panel *p, size_t j)) {
  const tsr_view *v = op->v;
  panel p = {run, &v[0], &v[1], &v[2], &v[3], &v[4], v[4].cols, symmetric, NULL};
  p.x = tsr_scratch(run, (v[0].rows + v[0].cols) * sizeof *p.x);
  run->tile = TSR_TILE_REFERENCE;
  if (p.nb == 0) return TSR_OK;
  if (p.x == NULL) return TSR_E_MEMORY;
  clear(p.L);
  clear(p.R);
  for (size_t j = 0; j < p.nb && !tsr_canceled(run); j++) column(&p, j);
  return TSR_OK;
}

int32_t tsr_reference_latrd(tsr_run *run, const tsr_op *op) { return reduce(run, op, true, tridiagonal_column); }

int32_t tsr_reference_labrd(tsr_run *run, const tsr_op *op) { return reduce(run, op, false, bidiagonal_column); }

/* Column c of inv(T) - I for the block that begins at column j, from the diagonal up; x is workspace. */
static void triangle_column(const tsr_op *op, size_t j, size_t c, double *x) {
  const tsr_view *V = &op->v[0], *N = &op->v[1];
  for (size_t r = c + 1; r-- > 0;) {
    double sum = r == c, t = 0;
    for (size_t q = r; q <= c; q++) {
      double g = 0;
      for (size_t i = j; i < V->rows; i++) g += tsr_get(V, i, j + r) * tsr_get(V, i, j + q);
      if (q == r) t = g != 0 ? g / 2 : 1;
      else sum -= g * x[q];
    }
    x[r] = sum / t;
    tsr_set(N, j + r, c, r == c ? (1 - t) / t : x[r]);
  }
}

int32_t tsr_reference_larft(tsr_run *run, const tsr_op *op) {
  const tsr_view *N = &op->v[1];
  size_t n = N->rows, nb = N->cols;
  double *x = tsr_scratch(run, nb * sizeof *x);
  run->tile = TSR_TILE_REFERENCE;
  if (n == 0) return TSR_OK;
  if (x == NULL) return TSR_E_MEMORY;
  clear(N);
  for (size_t j = 0; j < n; j += nb) {
    size_t count = n - j < nb ? n - j : nb;
    for (size_t c = 0; c < count && !tsr_canceled(run); c++) triangle_column(op, j, c, x);
  }
  return TSR_OK;
}

/* Column c of C less V (I + N) V'C for the block of reflectors that begins at column j. */
static void reflect_column(const tsr_op *op, size_t j, size_t c, double *w) {
  const tsr_view *V = &op->v[0], *N = &op->v[1], *C = &op->v[2];
  size_t nb = N->cols < V->cols - j ? N->cols : V->cols - j;
  for (size_t s = 0; s < nb; s++) {
    w[s] = 0;
    for (size_t i = j; i < V->rows; i++) w[s] += tsr_get(V, i, j + s) * tsr_get(C, i, c);
  }
  for (size_t s = 0; s < nb; s++) {
    for (size_t t = s; t < nb; t++) w[s] += tsr_get(N, j + s, t) * w[t];
  }
  for (size_t i = j; i < V->rows; i++) {
    double x = tsr_get(C, i, c);
    for (size_t s = 0; s < nb; s++) x -= tsr_get(V, i, j + s) * w[s];
    tsr_set(C, i, c, x);
  }
}

int32_t tsr_reference_gemqrt(tsr_run *run, const tsr_op *op) {
  size_t n = op->v[0].cols, nb = op->v[1].cols;
  double *w = tsr_scratch(run, nb * sizeof *w);
  run->tile = TSR_TILE_REFERENCE;
  if (n == 0) return TSR_OK;
  if (w == NULL) return TSR_E_MEMORY;
  for (size_t end = n; end > 0 && !tsr_canceled(run); end = (end - 1) / nb * nb) {
    for (size_t c = 0; c < op->v[2].cols; c++) reflect_column(op, (end - 1) / nb * nb, c, w);
  }
  return TSR_OK;
}
