/* latrd.c: a panel of the reduction of a symmetric matrix to tridiagonal form. Column by column: what the reflectors so
 * far have made of it, its own reflector v, and w, for which A - v w' - w v' is the matrix with v applied from both
 * sides. */
#include <string.h>
#include "fast.h"
#include "panel.h"
#include "pool.h"
#include "reference.h"

typedef struct {
  tsr_run *run;
  const tsr_kernels *kernels;
  const tsr_op *op;
  size_t n, nb, j;  /* j: the column in work */
  tsr_vectors p;    /* v_s at 2s, w_s at 2s + 1: the l of the panel; the r are the same with each two exchanged */
  double *x, *y;    /* the column, then v; A v, then w */
  double *partial;  /* one sum of each chunk */
  double *parts;    /* projections of each chunk */
  double c[2 * TSR_PANEL_COLUMNS], t;
  tsr_stream product;
} panel;

/* Elements of a chunk, counted from `first`. */
static void span(const panel *p, size_t first, size_t chunk, size_t *from, size_t *to) {
  *from = first + chunk * TSR_PANEL_CHUNK;
  *to = tsr_min(p->n, *from + TSR_PANEL_CHUNK);
}

static double sum_partial(const panel *p, size_t first) {
  double sum = 0;
  for (size_t chunk = 0; chunk < tsr_parts(p->n - first, TSR_PANEL_CHUNK); chunk++) sum += p->partial[chunk];
  return sum;
}

/* x = column j of A - sum l_s r_s'. */
static void update(void *context, size_t chunk, uint32_t worker) {
  panel *p = context;
  const tsr_view *A = &p->op->v[0];
  size_t from, to;
  (void)worker;
  span(p, p->j, chunk, &from, &to);
  for (size_t i = from; i < to; i++) p->x[i] = (double)((const float *)A->data)[i * A->ld + p->j];
  tsr_vectors_subtract(p->kernels, &p->p, 2 * p->j, p->c, from, to, p->x);
  size_t rest = tsr_max(from, p->j + 2);
  p->partial[chunk] = rest < to ? tsr_squares(to - rest, p->x + rest) : 0;
}

/* y = (A v - sum l_s r_s' v) / t, and its product with v. */
static void correct(void *context, size_t chunk, uint32_t worker) {
  panel *p = context;
  size_t from, to, first = p->j + 1;
  double sum = 0;
  (void)worker;
  span(p, first, chunk, &from, &to);
  tsr_stream_take(&p->product, from - first, to - first, p->y + first);
  tsr_vectors_subtract(p->kernels, &p->p, 2 * p->j, p->c, from, to, p->y);
  for (size_t i = from; i < to; i++) {
    p->y[i] /= p->t;
    sum += p->y[i] * p->x[i];
  }
  p->partial[chunk] = sum;
}

/* Each two coefficients change places: from those of the l to those of the r. */
static void swap_pairs(double *c, size_t count) {
  for (size_t s = 0; s < count; s += 2) {
    double first = c[s];
    c[s] = c[s + 1];
    c[s + 1] = first;
  }
}

/* w = y - (y'v / 2t) v; column j of T. */
static void multiply(panel *p) {
  const tsr_view *A = &p->op->v[0], *T = &p->op->v[3];
  size_t first = p->j + 1, k = p->n - first;
  p->product = (tsr_stream){.direction = TSR_SYMMETRIC,
                            .a = (const float *)A->data + first * A->ld + first,
                            .ld = A->ld,
                            .rows = k,
                            .cols = k,
                            .x = p->x + first,
                            .sums = p->product.sums};
  tsr_projection projection = {&p->p, 2 * p->j, first, p->n, p->x, p->parts, p->c};
  tsr_multiply_vector(p->run, &p->product, &projection);
  for (size_t s = 0; s < p->j; s++) tsr_set(T, s, p->j, p->c[2 * s]);
  swap_pairs(p->c, 2 * p->j);
  tsr_pool_run(p->run->pool, tsr_parts(k, TSR_PANEL_CHUNK), correct, p);
  double half = sum_partial(p, first) / (2 * p->t);
  float *w = p->p.p + (2 * p->j + 1) * p->n;
  for (size_t i = first; i < p->n; i++) w[i] = (float)(p->y[i] - half * p->x[i]);
}

static void reduce_column(panel *p, size_t j) {
  const tsr_view *T = &p->op->v[3], *DE = &p->op->v[4];
  float *v = p->p.p + 2 * j * p->n;
  p->j = j;
  for (size_t s = 0; s < 2 * j; s++) p->c[s] = (double)p->p.p[(s ^ 1) * p->n + j];
  tsr_pool_run(p->run->pool, tsr_parts(p->n - j, TSR_PANEL_CHUNK), update, p);
  double rest = sum_partial(p, j);
  memset(v, 0, 2 * p->n * sizeof *v);
  tsr_reflector h = tsr_reflect(p->n - j - 1, rest, p->x + j + 1, v + j + 1);
  p->t = h.t;
  tsr_set(DE, 0, j, p->x[j]);
  tsr_set(DE, 1, j, h.beta);
  for (size_t s = 0; s < p->nb; s++) tsr_set(T, s, j, s == j ? h.t : 0);
  if (j + 1 < p->n && v[j + 1] != 0) multiply(p);
}

static void write(void *context, size_t chunk, uint32_t worker) {
  const panel *p = context;
  size_t from, to;
  (void)worker;
  span(p, 0, chunk, &from, &to);
  for (size_t odd = 0; odd < 2; odd++) {
    tsr_vectors_write(&p->p, p->nb, odd, &p->op->v[1], odd * p->nb, from, to);
    tsr_vectors_write(&p->p, p->nb, odd, &p->op->v[2], (1 - odd) * p->nb, from, to);
  }
}

int32_t tsr_fast_latrd(tsr_run *run, const tsr_op *op) {
  size_t n = op->v[0].rows, nb = op->v[4].cols, chunks = tsr_parts(n, TSR_PANEL_CHUNK);
  panel p = {.run = run, .kernels = tsr_kernels_of(run->isa), .op = op, .n = n, .nb = nb, .p = {NULL, n}};
  size_t sums = tsr_stream_sums(TSR_SYMMETRIC, n, n), numbers = 2 * n + chunks * (1 + 2 * nb) + sums;
  run->tile = TSR_TILE_GEMV;
  if (nb == 0) return TSR_OK;
  p.x = tsr_scratch(run, numbers * sizeof *p.x + 2 * nb * n * sizeof *p.p.p);
  if (p.x == NULL) return TSR_E_MEMORY;
  p.y = p.x + n;
  p.partial = p.y + n;
  p.parts = p.partial + chunks;
  p.product.sums = p.parts + chunks * 2 * nb;
  p.p.p = (float *)(p.product.sums + sums);
  for (size_t j = 0; j < nb && !tsr_stopped(run); j++) reduce_column(&p, j);
  if (!tsr_stopped(run)) tsr_pool_run(run->pool, chunks, write, &p);
  return TSR_OK;
}
