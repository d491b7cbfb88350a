/* labrd.c: a panel of the reduction to upper bidiagonal form. Column by column: a reflector v from the left and y,
 * for which A - v y' is the matrix with v applied; then on the row a reflector u from the right and x, for which
 * A - x u' is the same for u.
 *
 * Row by row, x and the next column need only that row of A and of the panel's vectors. So one pass over A makes
 * x = A u and, while the rows lie in a near cache, A'z for the next column z: the next v is z but for its length and
 * its first number (Howell, Demmel, Fulton, Hammarling and Marmol 2008). */
#include <string.h>
#include "fast.h"
#include "panel.h"
#include "pool.h"
#include "reference.h"

enum {
  PART_ROWS = 64, PARTS_MAX = 32,
  COLUMNS = 16, /* a pass begins at a multiple of so many */
  NEAR_ROWS = 8 /* of A, which lie in a near cache */
};

typedef struct {
  tsr_run *run;
  const tsr_kernels *kernels;
  const tsr_op *op;
  size_t m, n, nb, j;      /* j: the column in work */
  tsr_vectors left, right; /* v_s and y_s at 2s, x_s and u_s at 2s + 1 */
  double *x, *z, *y;       /* of m numbers: A u; the next column, then v; of n numbers: A'v, then the row, then u */
  double *partial;         /* one sum of each part or chunk */
  double *parts;           /* projections of each chunk */
  double *sums;            /* what each part of the rows adds to A'z, n numbers each */
  size_t first, part_rows; /* of a pass: its first row and column; rows of a part */
  bool across;             /* whether it makes x */
  tsr_reflector v, u;
  double c[2 * TSR_BLOCK_COLUMNS], row[2 * TSR_BLOCK_COLUMNS];
} panel;

static const float *element(const panel *p, size_t i, size_t j) {
  const tsr_view *A = &p->op->v[0];
  return (const float *)A->data + i * A->ld + j;
}

static float *vector(const tsr_vectors *v, size_t s) { return v->p + s * v->length; }

/* Element i of the vectors: the coefficients of the other side's vectors in row or column i. */
static void elements(const tsr_vectors *v, size_t count, size_t i, double *c) {
  for (size_t s = 0; s < count; s++) c[s] = (double)vector(v, s)[i];
}

/* ---- the pass over A ---- */

static size_t parts_of(const panel *p) { return tsr_parts(p->m - p->first, p->part_rows); }

/* Of some rows: x_j = (A u - sum l_s r_s'u) / t, of which x holds the sum; then z less x_j r_j, and the rows' part of
 * A'z. */
static void pass_rows(panel *p, size_t from, size_t rows, double *sum) {
  size_t left = p->first / COLUMNS * COLUMNS;
  float *x = vector(&p->left, 2 * p->j + 1);
  tsr_sweep sweep = {.rows = rows, .k = p->n - left, .a = element(p, from, left), .lda = p->op->v[0].ld};
  if (p->across) {
    sweep.x = p->y + left;
    sweep.dots = p->x + from;
    p->kernels->sweep(&sweep);
    for (size_t i = from; i < from + rows; i++) x[i] = (float)(p->x[i] / p->u.t);
  }
  if (p->first == p->nb) return;
  for (size_t i = from; i < from + rows && p->across; i++) p->z[i] -= (double)x[i] * p->y[p->first];
  sweep.x = NULL;
  sweep.f = p->z + from;
  sweep.y = sum + left;
  p->kernels->sweep(&sweep);
}

/* x = -sum l_s r_s'u without the new vectors; z = column `first` of A - sum l_s r_s', likewise. */
static void prepare(panel *p, size_t from, size_t to) {
  size_t known = 2 * p->first - (p->first > 0);
  if (p->across) {
    memset(p->x + from, 0, (to - from) * sizeof *p->x);
    tsr_vectors_subtract(p->kernels, &p->left, known, p->c, from, to, p->x);
  }
  if (p->first == p->nb) return;
  for (size_t i = from; i < to; i++) p->z[i] = (double)*element(p, i, p->first);
  tsr_vectors_subtract(p->kernels, &p->left, known, p->row, from, to, p->z);
}

static void pass_part(void *context, size_t part, uint32_t worker) {
  panel *p = context;
  size_t begin = p->first + part * p->part_rows, end = tsr_min(p->m, begin + p->part_rows);
  double *sum = p->sums + part * p->n;
  (void)worker;
  memset(sum, 0, p->n * sizeof *sum);
  prepare(p, begin, end);
  for (size_t i = begin; i < end && !tsr_stopped(p->run); i += NEAR_ROWS) {
    pass_rows(p, i, tsr_min(NEAR_ROWS, end - i), sum);
  }
  size_t rest = tsr_max(begin, p->first + 1);
  p->partial[part] = rest < end ? tsr_squares(end - rest, p->z + rest) : 0;
}

/* From row and column `first` on. */
static void pass(panel *p, size_t first, bool across) {
  p->first = first;
  p->across = across;
  p->part_rows = tsr_max(PART_ROWS, tsr_round_up(tsr_parts(p->m - first, PARTS_MAX), NEAR_ROWS));
  if (first < p->nb) elements(&p->right, 2 * first, first, p->row);
  tsr_pool_run(p->run->pool, parts_of(p), pass_part, p);
}

/* ---- a column ---- */

static double sum_partial(const panel *p, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += p->partial[i];
  return sum;
}

static void project_chunk(void *context, size_t chunk, uint32_t worker) {
  (void)worker;
  tsr_projection_chunk(context, chunk);
}

/* c = the first `count` vectors times x, from element `from` on. */
static void project(panel *p, const tsr_vectors *vectors, size_t count, size_t from, size_t to, const double *x) {
  tsr_projection projection = {p->kernels, vectors, count, from, to, x, p->parts};
  tsr_pool_run(p->run->pool, tsr_projection_chunks(&projection), project_chunk, &projection);
  tsr_projection_take(&projection, p->c);
}

/* y_j = (A'v - sum r_s l_s'v) / t where there is a v, then y = row j of A - sum l_s r_s' with the new y_j in it. */
static void update_row(void *context, size_t chunk, uint32_t worker) {
  panel *p = context;
  size_t j = p->j, from = j + 1 + chunk * TSR_PANEL_CHUNK, to = tsr_min(p->n, from + TSR_PANEL_CHUNK);
  const float *row = element(p, j, 0);
  float *y = vector(&p->right, 2 * j);
  (void)worker;
  if (p->row[2 * j] != 0) {
    for (size_t i = from; i < to; i++) p->y[i] = -p->v.beta * (double)row[i];
    for (size_t part = 0; part < parts_of(p); part++) {
      for (size_t i = from; i < to; i++) p->y[i] += p->sums[part * p->n + i];
    }
    for (size_t i = from; i < to; i++) p->y[i] *= p->v.scale;
    tsr_vectors_subtract(p->kernels, &p->right, 2 * j, p->c, from, to, p->y);
    for (size_t i = from; i < to; i++) y[i] = (float)(p->y[i] / p->v.t);
  }
  for (size_t i = from; i < to; i++) p->y[i] = (double)row[i];
  tsr_vectors_subtract(p->kernels, &p->right, 2 * j + 1, p->row, from, to, p->y);
  size_t rest = tsr_max(from, j + 2);
  p->partial[chunk] = rest < to ? tsr_squares(to - rest, p->y + rest) : 0;
}

/* Column j of one of the triangles: the products of the new reflector with those before it. */
static void write_triangle(const panel *p, size_t column, size_t odd, double t) {
  const tsr_view *T = &p->op->v[3];
  for (size_t s = 0; s < p->nb; s++) {
    tsr_set(T, s, column + p->j, s < p->j ? p->c[2 * s + odd] : s == p->j ? t : 0);
  }
}

/* From the left: d_j and v_j. A'z and the products with the other vectors are both those of z before it is rounded to
 * v, so that what is left of their large terms is the reduced matrix times the rounding errors. */
static void reflect_column(panel *p) {
  size_t j = p->j;
  float *v = vector(&p->left, 2 * j);
  memset(v, 0, 2 * p->left.length * sizeof *v);
  memset(vector(&p->right, 2 * j), 0, 2 * p->right.length * sizeof *v);
  double rest = sum_partial(p, parts_of(p));
  project(p, &p->left, 2 * j, j, p->m, p->z);
  p->v = tsr_reflect(p->m - j, rest, p->z + j, v + j);
  tsr_set(&p->op->v[4], 0, j, p->v.beta);
  for (size_t s = 0; s < 2 * j; s++) {
    double c = p->v.scale * (p->c[s] - p->v.beta * (double)vector(&p->left, s)[j]);
    p->c[s] = v[j] != 0 ? c : 0;
  }
  write_triangle(p, 0, 0, p->v.t);
}

/* From the right: y_j, e_j, u_j, and with the pass over A x_j and the next column. */
static void reflect_row(panel *p) {
  size_t j = p->j, first = j + 1, chunks = tsr_parts(p->n - first, TSR_PANEL_CHUNK);
  float *u = vector(&p->right, 2 * j + 1);
  elements(&p->left, 2 * j + 1, j, p->row);
  tsr_pool_run(p->run->pool, chunks, update_row, p);
  p->u = tsr_reflect(p->n - first, sum_partial(p, chunks), p->y + first, u + first);
  tsr_set(&p->op->v[4], 1, j, p->u.beta);
  memset(p->c, 0, sizeof p->c);
  memset(p->y, 0, first * sizeof *p->y);
  bool across = first < p->n && u[first] != 0;
  if (across) project(p, &p->right, 2 * j + 1, first, p->n, p->y);
  write_triangle(p, p->nb, 1, p->u.t);
  if (across || first < p->nb) pass(p, first, across);
}

static void write(void *context, size_t chunk, uint32_t worker) {
  const panel *p = context;
  size_t from = chunk * TSR_PANEL_CHUNK;
  (void)worker;
  for (size_t odd = 0; odd < 2; odd++) {
    tsr_vectors_write(&p->left, p->nb, odd, &p->op->v[1], odd * p->nb, from, tsr_min(p->m, from + TSR_PANEL_CHUNK));
    tsr_vectors_write(&p->right, p->nb, odd, &p->op->v[2], odd * p->nb, from, tsr_min(p->n, from + TSR_PANEL_CHUNK));
  }
}

int32_t tsr_fast_labrd(tsr_run *run, const tsr_op *op) {
  size_t m = op->v[0].rows, n = op->v[0].cols, nb = op->v[4].cols, chunks = tsr_parts(m, TSR_PANEL_CHUNK);
  size_t parts = tsr_min(tsr_parts(m, PART_ROWS), PARTS_MAX);
  panel p = {.run = run, .kernels = tsr_kernels_of(run->isa), .op = op, .m = m, .n = n, .nb = nb};
  size_t numbers = 2 * m + n + tsr_max(parts, chunks) + chunks * 2 * nb + parts * n;
  run->tile = TSR_TILE_GEMV;
  if (nb == 0) return TSR_OK;
  p.left.length = tsr_vectors_length(m);
  p.right.length = tsr_vectors_length(n);
  size_t floats = 2 * nb * (p.left.length + p.right.length);
  p.x = tsr_scratch(run, numbers * sizeof(double) + floats * sizeof(float));
  if (p.x == NULL) return TSR_E_MEMORY;
  p.z = p.x + m;
  p.y = p.z + m;
  p.partial = p.y + n;
  p.parts = p.partial + tsr_max(parts, chunks);
  p.sums = p.parts + chunks * 2 * nb;
  p.left.p = (float *)(p.sums + parts * n);
  p.right.p = p.left.p + 2 * nb * p.left.length;
  pass(&p, 0, false);
  for (; p.j < nb && !tsr_stopped(run); p.j++) {
    reflect_column(&p);
    reflect_row(&p);
  }
  if (!tsr_stopped(run)) tsr_pool_run(run->pool, chunks, write, &p);
  return TSR_OK;
}
