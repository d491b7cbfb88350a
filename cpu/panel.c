/* panel.c: reflectors and the vectors of a panel. */
#include "panel.h"
#include <math.h>
#include <string.h>

enum { LANES = 4, LINE = 16 };

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
  tsr_reflector h = {n > 0 ? x[0] : 0, 1, 1};
  if (n < 2 || rest < DROPPED * DROPPED) {
    for (size_t i = 0; i < n; i++) x[i] = v[i] = 0;
    return h;
  }
  double length = sqrt(x[0] * x[0] + rest);
  h.scale = 1 / sqrt(length * (length + fabs(x[0])));
  h.beta = -copysign(length, x[0]);
  x[0] -= h.beta;
  for (size_t i = 0; i < n; i++) {
    v[i] = (float)(x[i] * h.scale);
    x[i] = (double)v[i];
  }
  h.t = (double)(float)(tsr_squares(n, x) / 2);
  return h;
}

/* ---- vectors ---- */

void tsr_vectors_subtract(const tsr_kernels *kernels, const tsr_vectors *p, size_t count, const double *c, size_t from,
                          size_t to, double *y) {
  double f[2 * TSR_BLOCK_COLUMNS];
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

/* ---- projections ---- */

size_t tsr_projection_chunks(const tsr_projection *p) {
  return p->count > 0 ? tsr_parts(p->to - p->from, TSR_PANEL_CHUNK) : 0;
}

void tsr_projection_chunk(const tsr_projection *p, size_t chunk) {
  size_t from = p->from + chunk * TSR_PANEL_CHUNK;
  tsr_sweep sweep = {.rows = p->count,
                     .k = tsr_min(p->to - from, TSR_PANEL_CHUNK),
                     .a = p->p->p + from,
                     .lda = p->p->length,
                     .x = p->x + from,
                     .dots = p->parts + chunk * p->count};
  memset(sweep.dots, 0, p->count * sizeof *sweep.dots);
  p->kernels->sweep(&sweep);
}

void tsr_projection_take(const tsr_projection *p, double *c) {
  for (size_t s = 0; s < p->count; s++) {
    c[s] = 0;
    for (size_t chunk = 0; chunk < tsr_projection_chunks(p); chunk++) c[s] += p->parts[chunk * p->count + s];
  }
}
