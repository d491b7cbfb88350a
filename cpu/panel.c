/* panel.c: reflectors, vectors of a panel, and the passes over the matrix that take most of the time of a reduction. */
#include "panel.h"
#include <math.h>
#include <string.h>
#include "pool.h"

enum { PART_ROWS = 64, PARTS_MAX = 32, LANES = 4, LINE = 16 };

static const double DROPPED = 0x1p-48; /* for a matrix whose largest entry is about 1 */

/* ---- reflectors ---- */

double tsr_squares(size_t n, const double *x) {
  double sum[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (size_t l = 0; l < LANES; l++) sum[l] += x[i + l] * x[i + l];
  }
  for (size_t l = 0; i + l < n; l++) sum[l] += x[i + l] * x[i + l];
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

tsr_reflector tsr_reflect(size_t n, double rest, double *x, float *v) {
  tsr_reflector h = {n > 0 ? x[0] : 0, 1};
  if (n < 2 || rest < DROPPED * DROPPED) {
    for (size_t i = 0; i < n; i++) x[i] = v[i] = 0;
    return h;
  }
  double length = sqrt(x[0] * x[0] + rest), scale = 1 / sqrt(length * (length + fabs(x[0])));
  h.beta = -copysign(length, x[0]);
  x[0] -= h.beta;
  for (size_t i = 0; i < n; i++) {
    v[i] = (float)(x[i] * scale);
    x[i] = (double)v[i];
  }
  h.t = (double)(float)(tsr_squares(n, x) / 2);
  return h;
}

/* ---- vectors ---- */

void tsr_vectors_subtract(const tsr_kernels *kernels, const tsr_vectors *p, size_t count, const double *c, size_t from,
                          size_t to, double *y) {
  double f[2 * TSR_PANEL_COLUMNS];
  for (size_t s = 0; s < count; s++) f[s] = -c[s];
  tsr_sweep sweep = {.rows = count, .k = to - from, .a = p->p + from, .lda = p->length, .f = f, .y = y + from};
  kernels->sweep(&sweep);
}

void tsr_vectors_write(const tsr_vectors *p, size_t nb, size_t odd, const tsr_view *M, size_t column, size_t from,
                       size_t to) {
  for (size_t i0 = from; i0 < to; i0 += LINE) {
    size_t end = tsr_min(to, i0 + LINE);
    float *rows = (float *)M->data + column;
    for (size_t s = 0; s < nb; s++) {
      const float *vector = p->p + (2 * s + odd) * p->length;
      for (size_t i = i0; i < end; i++) rows[i * M->ld + s] = vector[i];
    }
  }
}

/* ---- products with a vector ---- */

static size_t parts_of(tsr_direction direction, size_t rows) {
  size_t parts = tsr_parts(rows, PART_ROWS);
  return direction == TSR_ACROSS ? parts : tsr_min(parts, PARTS_MAX);
}

/* First row of a part: parts of a triangle have about equal areas. */
static size_t first_row(const tsr_stream *s, size_t part) {
  size_t parts = parts_of(s->direction, s->rows), quads = tsr_parts(s->rows, TSR_SWEEP_ROWS);
  if (s->direction == TSR_ACROSS) return tsr_min(s->rows, part * PART_ROWS);
  double share = (double)part / (double)parts;
  if (s->direction == TSR_SYMMETRIC) share = sqrt(share);
  return tsr_min(s->rows, TSR_SWEEP_ROWS * (size_t)(share * (double)quads));
}

size_t tsr_stream_sums(tsr_direction direction, size_t rows, size_t cols) {
  return direction == TSR_ACROSS ? rows : parts_of(direction, rows) * cols;
}

/* The square on the diagonal. */
static void corner(const tsr_stream *s, size_t i, size_t n, double *y) {
  double sum[TSR_SWEEP_ROWS] = {0};
  const double *x = s->x + i;
  for (size_t r = 0; r < n; r++) {
    const float *row = s->a + (i + r) * s->ld + i;
    for (size_t t = 0; t < r; t++) {
      sum[r] += (double)row[t] * x[t];
      sum[t] += (double)row[t] * x[r];
    }
    sum[r] += (double)row[r] * x[r];
  }
  for (size_t r = 0; r < n; r++) y[i + r] += sum[r];
}

static void symmetric(const tsr_kernels *kernels, const tsr_stream *s, size_t first, size_t end, double *y) {
  memset(y, 0, end * sizeof *y);
  for (size_t i = first; i < end; i += TSR_SWEEP_ROWS) {
    size_t n = tsr_min(TSR_SWEEP_ROWS, end - i);
    tsr_sweep sweep = {.rows = n, .k = i, .a = s->a + i * s->ld, .lda = s->ld, .x = s->x, .f = s->x + i};
    sweep.dots = y + i;
    sweep.y = y;
    kernels->sweep(&sweep);
    if (n == TSR_SWEEP_ROWS) corner(s, i, TSR_SWEEP_ROWS, y);
    else corner(s, i, n, y);
  }
}

static void multiply_part(const tsr_kernels *kernels, const tsr_stream *s, size_t part) {
  size_t first = first_row(s, part), end = first_row(s, part + 1);
  tsr_sweep sweep = {.rows = end - first, .k = s->cols, .a = s->a + first * s->ld, .lda = s->ld};
  double *y = s->sums + (s->direction == TSR_ACROSS ? first : part * s->cols);
  if (s->direction == TSR_SYMMETRIC) {
    symmetric(kernels, s, first, end, y);
  } else if (s->direction == TSR_DOWN) {
    sweep.f = s->x + first;
    sweep.y = y;
    memset(y, 0, s->cols * sizeof *y);
    kernels->sweep(&sweep);
  } else {
    sweep.x = s->x;
    sweep.dots = y;
    memset(y, 0, (end - first) * sizeof *y);
    kernels->sweep(&sweep);
  }
}

void tsr_stream_take(const tsr_stream *s, size_t from, size_t to, double *y) {
  if (s->direction == TSR_ACROSS) {
    memcpy(y + from, s->sums + from, (to - from) * sizeof *y);
    return;
  }
  memset(y + from, 0, (to - from) * sizeof *y);
  for (size_t part = 0; part < parts_of(s->direction, s->rows); part++) {
    const double *sums = s->sums + part * s->cols;
    size_t end = s->direction == TSR_DOWN ? to : tsr_min(to, first_row(s, part + 1));
    for (size_t t = from; t < end; t++) y[t] += sums[t];
  }
}

typedef struct {
  const tsr_run *run;
  const tsr_kernels *kernels;
  const tsr_stream *s;
  const tsr_projection *p;
  size_t parts;
} product;

static void multiply_task(void *context, size_t index, uint32_t worker) {
  const product *g = context;
  const tsr_projection *p = g->p;
  (void)worker;
  if (tsr_stopped(g->run)) return;
  if (index < g->parts) {
    multiply_part(g->kernels, g->s, index);
    return;
  }
  size_t chunk = index - g->parts, from = p->from + chunk * TSR_PANEL_CHUNK;
  size_t to = tsr_min(p->to, from + TSR_PANEL_CHUNK);
  tsr_sweep sweep = {.rows = p->count, .k = to - from, .a = p->p->p + from, .lda = p->p->length, .x = p->x + from,
                     .dots = p->parts + chunk * p->count};
  memset(sweep.dots, 0, p->count * sizeof *sweep.dots);
  g->kernels->sweep(&sweep);
}

void tsr_multiply_vector(tsr_run *run, const tsr_stream *s, const tsr_projection *p) {
  product g = {run, tsr_kernels_of(run->isa), s, p, parts_of(s->direction, s->rows)};
  size_t chunks = p->count > 0 ? tsr_parts(p->to - p->from, TSR_PANEL_CHUNK) : 0;
  tsr_pool_run(run->pool, g.parts + chunks, multiply_task, &g);
  for (size_t i = 0; i < p->count; i++) {
    p->c[i] = 0;
    for (size_t chunk = 0; chunk < chunks; chunk++) p->c[i] += p->parts[chunk * p->count + i];
  }
}
