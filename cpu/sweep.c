/* sweep.c: one pass over rows of a float32 matrix in float64, in plain C: inner products of the rows, their sum, or
 * both; and a plane rotation of two rows. Loops of constant length, which a compiler can turn into vector code. */
#include "gemm.h"

enum { LANES = 4 };

static void add_dot(const tsr_sweep *s, size_t r, const float *a) {
  double sum[LANES] = {0};
  size_t t = 0;
  for (; t + LANES <= s->k; t += LANES) {
    for (size_t l = 0; l < LANES; l++) sum[l] += (double)a[t + l] * s->x[t + l];
  }
  for (size_t l = 0; t + l < s->k; l++) sum[l] += (double)a[t + l] * s->x[t + l];
  s->dots[r] += (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

static void add_row(const tsr_sweep *s, size_t r, const float *a) {
  double f = s->f[r], *y = s->y;
  for (size_t t = 0; t < s->k; t++) y[t] += f * (double)a[t];
}

void tsr_sweep_portable(const tsr_sweep *s) {
  for (size_t r = 0; r < s->rows; r++) {
    const float *a = s->a + r * s->lda;
    if (s->x != NULL) add_dot(s, r, a);
    if (s->y != NULL) add_row(s, r, a);
  }
}

void tsr_turn_portable(size_t n, double *restrict x, double *restrict y, double c, double s) {
  for (size_t i = 0; i < n; i++) {
    double a = x[i], b = y[i];
    x[i] = c * a - s * b;
    y[i] = s * a + c * b;
  }
}
