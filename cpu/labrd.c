/* labrd.c: a panel of the reduction to upper bidiagonal form. Column by column: a reflector v from the left and y,
 * for which A - v y' is the matrix with v applied; then on the row a reflector u from the right and x, for which
 * A - x u' is the same for u. */
#include <string.h>
#include "fast.h"
#include "panel.h"
#include "pool.h"
#include "reference.h"

typedef struct {
  tsr_run *run;
  const tsr_kernels *kernels;
  const tsr_op *op;
  size_t m, n, nb, j;      /* j: the column in work */
  tsr_vectors left, right; /* v_s and y_s at 2s, x_s and u_s at 2s + 1 */
  double *x, *y;           /* of m numbers: the column, v, A u; of n numbers: A'v, the row, u */
  double *partial;         /* one sum of each chunk */
  double *parts;           /* projections of each chunk */
  double c[2 * TSR_PANEL_COLUMNS], row[2 * TSR_PANEL_COLUMNS], t;
  tsr_stream product;
} panel;

/* Elements of a chunk, counted from `first`. */
static void span(size_t first, size_t length, size_t chunk, size_t *from, size_t *to) {
  *from = first + chunk * TSR_PANEL_CHUNK;
  *to = tsr_min(length, *from + TSR_PANEL_CHUNK);
}

static void each(panel *p, size_t first, size_t length, tsr_task task) {
  tsr_pool_run(p->run->pool, tsr_parts(length - first, TSR_PANEL_CHUNK), task, p);
}

static double sum_partial(const panel *p, size_t first, size_t length) {
  double sum = 0;
  for (size_t chunk = 0; chunk < tsr_parts(length - first, TSR_PANEL_CHUNK); chunk++) sum += p->partial[chunk];
  return sum;
}

/* Element i of the vectors: the coefficients of the other side's vectors in row or column i. */
static void elements(const tsr_vectors *v, size_t count, size_t i, double *c) {
  for (size_t s = 0; s < count; s++) c[s] = (double)v->p[s * v->length + i];
}

/* x = column j of A - sum l_s r_s'. */
static void update_column(void *context, size_t chunk, uint32_t worker) {
  panel *p = context;
  const tsr_view *A = &p->op->v[0];
  size_t from, to;
  (void)worker;
  span(p->j, p->m, chunk, &from, &to);
  for (size_t i = from; i < to; i++) p->x[i] = (double)((const float *)A->data)[i * A->ld + p->j];
  tsr_vectors_subtract(p->kernels, &p->left, 2 * p->j, p->c, from, to, p->x);
  size_t rest = tsr_max(from, p->j + 1);
  p->partial[chunk] = rest < to ? tsr_squares(to - rest, p->x + rest) : 0;
}

/* y_j = (A'v - sum r_s l_s'v) / t where there is a v, then y = row j of A - sum l_s r_s' with the new y_j in it. */
static void update_row(void *context, size_t chunk, uint32_t worker) {
  panel *p = context;
  const tsr_view *A = &p->op->v[0];
  const float *row = (const float *)A->data + p->j * A->ld;
  float *y = p->right.p + 2 * p->j * p->n;
  size_t from, to, first = p->j + 1;
  (void)worker;
  span(first, p->n, chunk, &from, &to);
  if (p->row[2 * p->j] != 0) {
    tsr_stream_take(&p->product, from - first, to - first, p->y + first);
    tsr_vectors_subtract(p->kernels, &p->right, 2 * p->j, p->c, from, to, p->y);
    for (size_t i = from; i < to; i++) y[i] = (float)(p->y[i] / p->t);
  }
  for (size_t i = from; i < to; i++) p->y[i] = (double)row[i];
  tsr_vectors_subtract(p->kernels, &p->right, 2 * p->j + 1, p->row, from, to, p->y);
  size_t rest = tsr_max(from, first + 1);
  p->partial[chunk] = rest < to ? tsr_squares(to - rest, p->y + rest) : 0;
}

/* x_j = (A u - sum l_s r_s'u) / t. */
static void finish_column(void *context, size_t chunk, uint32_t worker) {
  panel *p = context;
  float *x = p->left.p + (2 * p->j + 1) * p->m;
  size_t from, to, first = p->j + 1;
  (void)worker;
  span(first, p->m, chunk, &from, &to);
  tsr_stream_take(&p->product, from - first, to - first, p->x + first);
  tsr_vectors_subtract(p->kernels, &p->left, 2 * p->j + 1, p->c, from, to, p->x);
  for (size_t i = from; i < to; i++) x[i] = (float)(p->x[i] / p->t);
}

/* Column j of one of the triangles: the products of the new reflector with those before it. */
static void write_triangle(const panel *p, size_t column, size_t odd) {
  const tsr_view *T = &p->op->v[3];
  for (size_t s = 0; s < p->nb; s++) {
    tsr_set(T, s, column + p->j, s < p->j ? p->c[2 * s + odd] : s == p->j ? p->t : 0);
  }
}

/* The product that was set up, and c = the vectors times x, from element `from` on. */
static void multiply(panel *p, const tsr_vectors *vectors, size_t count, size_t from, const double *x) {
  tsr_projection projection = {vectors, count, from, vectors->length, x, p->parts, p->c};
  tsr_multiply_vector(p->run, &p->product, &projection);
}

/* From the left: d_j, v_j, and the pass over A that y_j needs. */
static void reflect_column(panel *p) {
  const tsr_view *A = &p->op->v[0];
  size_t j = p->j;
  float *v = p->left.p + 2 * j * p->m;
  elements(&p->right, 2 * j, j, p->c);
  each(p, j, p->m, update_column);
  double rest = sum_partial(p, j, p->m);
  memset(v, 0, 2 * p->m * sizeof *v);
  memset(p->right.p + 2 * j * p->n, 0, 2 * p->n * sizeof *v);
  tsr_reflector h = tsr_reflect(p->m - j, rest, p->x + j, v + j);
  p->t = h.t;
  tsr_set(&p->op->v[4], 0, j, h.beta);
  memset(p->c, 0, sizeof p->c);
  if (v[j] != 0) {
    p->product = (tsr_stream){.direction = TSR_DOWN,
                              .a = (const float *)A->data + j * A->ld + j + 1,
                              .ld = A->ld,
                              .rows = p->m - j,
                              .cols = p->n - j - 1,
                              .x = p->x + j,
                              .sums = p->product.sums};
    multiply(p, &p->left, 2 * j, j, p->x);
  }
  write_triangle(p, 0, 0);
}

/* From the right: e_j, u_j and x_j. */
static void reflect_row(panel *p) {
  const tsr_view *A = &p->op->v[0];
  size_t j = p->j, first = j + 1;
  float *u = p->right.p + (2 * j + 1) * p->n;
  elements(&p->left, 2 * j + 1, j, p->row);
  each(p, first, p->n, update_row);
  tsr_reflector h = tsr_reflect(p->n - first, sum_partial(p, first, p->n), p->y + first, u + first);
  p->t = h.t;
  tsr_set(&p->op->v[4], 1, j, h.beta);
  memset(p->c, 0, sizeof p->c);
  if (first < p->n && u[first] != 0) {
    p->product = (tsr_stream){.direction = TSR_ACROSS,
                              .a = (const float *)A->data + first * A->ld + first,
                              .ld = A->ld,
                              .rows = p->m - first,
                              .cols = p->n - first,
                              .x = p->y + first,
                              .sums = p->product.sums};
    multiply(p, &p->right, 2 * j + 1, first, p->y);
    each(p, first, p->m, finish_column);
  }
  write_triangle(p, p->nb, 1);
}

static void write(void *context, size_t chunk, uint32_t worker) {
  const panel *p = context;
  size_t from, to;
  (void)worker;
  for (size_t odd = 0; odd < 2; odd++) {
    span(0, p->m, chunk, &from, &to);
    tsr_vectors_write(&p->left, p->nb, odd, &p->op->v[1], odd * p->nb, from, to);
    span(0, p->n, chunk, &from, &to);
    tsr_vectors_write(&p->right, p->nb, odd, &p->op->v[2], odd * p->nb, from, to);
  }
}

int32_t tsr_fast_labrd(tsr_run *run, const tsr_op *op) {
  size_t m = op->v[0].rows, n = op->v[0].cols, nb = op->v[4].cols, chunks = tsr_parts(m, TSR_PANEL_CHUNK);
  panel p = {.run = run, .kernels = tsr_kernels_of(run->isa), .op = op, .m = m, .n = n, .nb = nb};
  size_t sums = tsr_max(tsr_stream_sums(TSR_DOWN, m, n), tsr_stream_sums(TSR_ACROSS, m, n));
  size_t numbers = m + n + chunks * (1 + 2 * nb) + sums;
  run->tile = TSR_TILE_GEMV;
  if (nb == 0) return TSR_OK;
  p.x = tsr_scratch(run, numbers * sizeof *p.x + 2 * nb * (m + n) * sizeof *p.left.p);
  if (p.x == NULL) return TSR_E_MEMORY;
  p.y = p.x + m;
  p.partial = p.y + n;
  p.parts = p.partial + chunks;
  p.product.sums = p.parts + chunks * 2 * nb;
  p.left = (tsr_vectors){(float *)(p.product.sums + sums), m};
  p.right = (tsr_vectors){p.left.p + 2 * nb * m, n};
  for (size_t j = 0; j < nb && !tsr_stopped(run); j++) {
    p.j = j;
    reflect_column(&p);
    reflect_row(&p);
  }
  if (!tsr_stopped(run)) tsr_pool_run(run->pool, chunks, write, &p);
  return TSR_OK;
}
