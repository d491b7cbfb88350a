/* latrd.c: a panel of the reduction of a symmetric matrix to tridiagonal form. Column by column: what the reflectors so
 * far have made of it, its own reflector v, and w, for which A - v w' - w v' is the matrix with v applied from both
 * sides. */
#include <math.h>
#include <string.h>
#include "fast.h"
#include "panel.h"
#include "pool.h"
#include "reference.h"

enum {
  SQUARE = 32,  /* rows of A that one pass takes; their squares on the diagonal are copied */
  COLUMNS = 16, /* a pass begins at a multiple of so many */
  PART_ROWS = 64, PARTS_MAX = 32
};

typedef struct {
  tsr_run *run;
  const tsr_kernels *kernels;
  const tsr_op *op;
  size_t n, nb, j;  /* j: the column in work */
  tsr_vectors p;    /* v_s at 2s, w_s at 2s + 1: the l of the panel; the r are the same with each two exchanged */
  double *x, *y;    /* the column, then v; A v, then w */
  double *partial;  /* one sum of each chunk */
  double *sums;     /* what each part of the rows adds to A v, n numbers each */
  float *squares;   /* n x SQUARE: the squares on the diagonal of A, whole */
  double c[2 * TSR_BLOCK_COLUMNS], t;
  tsr_projection projection;
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

/* ---- A v ---- */

/* Rows from which v is not 0, in squares. */
static size_t first_square(const panel *p) { return (p->j + 1) / SQUARE; }

static size_t parts_of(const panel *p) {
  return tsr_min(tsr_parts(p->n - first_square(p) * SQUARE, PART_ROWS), PARTS_MAX);
}

/* First square of a part: parts of a triangle have about equal areas. */
static size_t part_start(const panel *p, size_t part) {
  size_t first = first_square(p), squares = tsr_parts(p->n, SQUARE) - first;
  return first + (size_t)(sqrt((double)part / (double)parts_of(p)) * (double)squares);
}

/* Rows of one square: the columns left of it, as rows and as columns; then itself. */
static void multiply_square(const panel *p, size_t square, double *sum) {
  const tsr_view *A = &p->op->v[0];
  size_t left = (p->j + 1) / COLUMNS * COLUMNS, start = square * SQUARE;
  size_t row = tsr_max(start, left), end = tsr_min(p->n, start + SQUARE);
  tsr_sweep sweep = {.rows = end - row, .f = p->x + row, .dots = sum + row};
  if (start > left) {
    sweep.k = start - left;
    sweep.a = (const float *)A->data + row * A->ld + left;
    sweep.lda = A->ld;
    sweep.x = p->x + left;
    sweep.y = sum + left;
    p->kernels->sweep(&sweep);
  }
  sweep.k = end - row;
  sweep.a = p->squares + row * SQUARE + (row - start);
  sweep.lda = SQUARE;
  sweep.x = p->x + row;
  sweep.y = NULL;
  p->kernels->sweep(&sweep);
}

/* One part of A v, or one chunk of the projections. */
static void multiply_part(void *context, size_t index, uint32_t worker) {
  const panel *p = context;
  size_t parts = parts_of(p);
  (void)worker;
  if (tsr_stopped(p->run)) return;
  if (index >= parts) {
    tsr_projection_chunk(&p->projection, index - parts);
    return;
  }
  size_t end = part_start(p, index + 1);
  double *sum = p->sums + index * p->n;
  memset(sum, 0, tsr_min(p->n, end * SQUARE) * sizeof *sum);
  for (size_t square = part_start(p, index); square < end; square++) {
    multiply_square(p, square, sum);
  }
}

/* The square on the diagonal, from the lower triangle. */
static void copy_square(void *context, size_t square, uint32_t worker) {
  const panel *p = context;
  const tsr_view *A = &p->op->v[0];
  size_t start = square * SQUARE, rows = tsr_min(SQUARE, p->n - start);
  float *to = p->squares + start * SQUARE;
  (void)worker;
  for (size_t i = 0; i < rows; i++) {
    const float *row = (const float *)A->data + (start + i) * A->ld + start;
    for (size_t j = 0; j <= i; j++) to[i * SQUARE + j] = to[j * SQUARE + i] = row[j];
  }
}

/* ---- a column ---- */

/* y = (A v - sum l_s r_s' v) / t, and its product with v. */
static void correct(void *context, size_t chunk, uint32_t worker) {
  panel *p = context;
  size_t from, to, first = p->j + 1;
  double sum = 0;
  (void)worker;
  span(p, first, chunk, &from, &to);
  memset(p->y + from, 0, (to - from) * sizeof *p->y);
  for (size_t part = 0; part < parts_of(p); part++) {
    size_t end = tsr_min(to, part_start(p, part + 1) * SQUARE);
    for (size_t i = from; i < end; i++) p->y[i] += p->sums[part * p->n + i];
  }
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
  const tsr_view *T = &p->op->v[3];
  size_t first = p->j + 1;
  p->projection.count = 2 * p->j;
  p->projection.from = first;
  p->projection.x = p->x;
  tsr_pool_run(p->run->pool, parts_of(p) + tsr_projection_chunks(&p->projection), multiply_part, p);
  tsr_projection_take(&p->projection, p->c);
  for (size_t s = 0; s < p->j; s++) tsr_set(T, s, p->j, p->c[2 * s]);
  swap_pairs(p->c, 2 * p->j);
  tsr_pool_run(p->run->pool, tsr_parts(p->n - first, TSR_PANEL_CHUNK), correct, p);
  double half = sum_partial(p, first) / (2 * p->t);
  float *w = p->p.p + (2 * p->j + 1) * p->p.length;
  for (size_t i = first; i < p->n; i++) w[i] = (float)(p->y[i] - half * p->x[i]);
}

static void reduce_column(panel *p, size_t j) {
  const tsr_view *T = &p->op->v[3], *DE = &p->op->v[4];
  float *v = p->p.p + 2 * j * p->p.length;
  p->j = j;
  for (size_t s = 0; s < 2 * j; s++) p->c[s] = (double)p->p.p[(s ^ 1) * p->p.length + j];
  tsr_pool_run(p->run->pool, tsr_parts(p->n - j, TSR_PANEL_CHUNK), update, p);
  double rest = sum_partial(p, j);
  memset(v, 0, 2 * p->p.length * sizeof *v);
  tsr_reflector h = tsr_reflect(p->n - j - 1, rest, p->x + j + 1, v + j + 1);
  p->t = h.t;
  tsr_set(DE, 0, j, p->x[j]);
  tsr_set(DE, 1, j, h.beta);
  for (size_t s = 0; s < p->nb; s++) tsr_set(T, s, j, s == j ? h.t : 0);
  memset(p->x, 0, (j + 1) * sizeof *p->x);
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
  panel p = {.run = run, .kernels = tsr_kernels_of(run->isa), .op = op, .n = n, .nb = nb};
  size_t numbers = 2 * n + chunks * (1 + 2 * nb) + tsr_min(tsr_parts(n, PART_ROWS), PARTS_MAX) * n;
  size_t length = tsr_vectors_length(n);
  run->tile = TSR_TILE_GEMV;
  if (nb == 0) return TSR_OK;
  p.x = tsr_scratch(run, numbers * sizeof(double) + (2 * nb * length + n * SQUARE) * sizeof(float));
  if (p.x == NULL) return TSR_E_MEMORY;
  p.y = p.x + n;
  p.partial = p.y + n;
  p.sums = p.partial + chunks * (1 + 2 * nb);
  p.p = (tsr_vectors){(float *)(p.x + numbers), length};
  p.squares = p.p.p + 2 * nb * length;
  p.projection = (tsr_projection){.kernels = p.kernels, .p = &p.p, .to = n, .parts = p.partial + chunks};
  tsr_pool_run(run->pool, tsr_parts(n, SQUARE), copy_square, &p);
  for (size_t j = 0; j < nb && !tsr_stopped(run); j++) reduce_column(&p, j);
  if (!tsr_stopped(run)) tsr_pool_run(run->pool, chunks, write, &p);
  return TSR_OK;
}
