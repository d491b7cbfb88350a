/* kernel_strip.h: float64 kernels of the symmetric eigenproblem for one instruction set. A strip_*.c includes this text
 * once, and gives before: STRIP(name), the name of a kernel in this set, and `vector`, the doubles of one
 * register; behind it spread, all lanes x, and madd, x y + z. */
#ifndef TSR_KERNEL_STRIP_H
#define TSR_KERNEL_STRIP_H
#include "gemm.h"
#define NUMBER double
#include "kernel_register.h"

#define UNROLL _Pragma("GCC unroll 8")

enum { WIDE = TSR_STRIP / LANES, ROWS = TSR_RANK2_ROWS };

/* A row of a strip. */
typedef struct {
  vector x[WIDE];
} row;

INLINE vector spread(double x);
INLINE vector madd(vector x, vector y, vector z);

INLINE row load_row(const double *from) {
  row r;
  UNROLL for (int q = 0; q < WIDE; q++) r.x[q] = load(from + q * LANES);
  return r;
}

INLINE void store_row(double *to, row r) {
  UNROLL for (int q = 0; q < WIDE; q++) store(to + q * LANES, r.x[q]);
}

/* The row that two rotations share stays in registers. */
void STRIP(turns)(size_t count, const tsr_rotation *last, double *strip) {
  row carried = load_row(strip);
  for (; count > 0; count--, last--, strip += TSR_STRIP) {
    vector c = spread(last->c), s = spread(last->s);
    row next = load_row(strip + TSR_STRIP), out;
    UNROLL for (int q = 0; q < WIDE; q++) {
      vector sx = s * carried.x[q], sy = s * next.x[q];
      out.x[q] = madd(c, carried.x[q], sy);
      carried.x[q] = madd(c, next.x[q], -sx);
    }
    store_row(strip, out);
  }
  store_row(strip, carried);
}

void STRIP(reflect)(size_t n, const double *v, double beta, double *strip) {
  row even = {{{0}}}, odd = {{{0}}};
  size_t i = 0;
  for (; i + 2 <= n; i += 2) {
    row a = load_row(strip + i * TSR_STRIP), b = load_row(strip + (i + 1) * TSR_STRIP);
    UNROLL for (int q = 0; q < WIDE; q++) {
      even.x[q] = madd(spread(v[i]), a.x[q], even.x[q]);
      odd.x[q] = madd(spread(v[i + 1]), b.x[q], odd.x[q]);
    }
  }
  if (i < n) {
    row a = load_row(strip + i * TSR_STRIP);
    UNROLL for (int q = 0; q < WIDE; q++) even.x[q] = madd(spread(v[i]), a.x[q], even.x[q]);
  }
  UNROLL for (int q = 0; q < WIDE; q++) even.x[q] = (even.x[q] + odd.x[q]) * spread(-beta);
  for (i = 0; i < n; i++) {
    row a = load_row(strip + i * TSR_STRIP);
    UNROLL for (int q = 0; q < WIDE; q++) a.x[q] = madd(spread(v[i]), even.x[q], a.x[q]);
    store_row(strip + i * TSR_STRIP, a);
  }
}

/* Columns t, t+1, ... of the rows, as many as a vector has. */
INLINE void columns(const tsr_rank2 *k, size_t t, const vector *v, const vector *w, const vector *x, vector *sum) {
  vector vt = load(k->v + t), wt = load(k->w + t), xt = load(k->x + t), y = load(k->y + t);
  UNROLL for (int r = 0; r < ROWS; r++) {
    double *at = k->a + (size_t)r * k->lda + t;
    vector a = madd(w[r], vt, madd(v[r], wt, load(at)));
    store(at, a);
    sum[r] = madd(a, xt, sum[r]);
    y = madd(a, x[r], y);
  }
  store(k->y + t, y);
}

void STRIP(rank2)(const tsr_rank2 *k) {
  const size_t i = k->first;
  vector v[ROWS], w[ROWS], x[ROWS], sum[ROWS];
  UNROLL for (int r = 0; r < ROWS; r++) {
    v[r] = spread(-k->v[i + (size_t)r]);
    w[r] = spread(-k->w[i + (size_t)r]);
    x[r] = spread(k->x[i + (size_t)r]);
    sum[r] = (vector){0};
  }
  size_t t = 0;
  for (; t + LANES <= i; t += LANES) columns(k, t, v, w, x, sum);
  for (int r = 0; r < ROWS; r++) {
    double *a = k->a + (size_t)r * k->lda, dot = 0;
    for (int l = 0; l < LANES; l++) dot += sum[r][l];
    for (size_t j = t; j < i; j++) {
      a[j] -= k->v[i + (size_t)r] * k->w[j] + k->w[i + (size_t)r] * k->v[j];
      dot += a[j] * k->x[j];
      k->y[j] += a[j] * k->x[i + (size_t)r];
    }
    k->y[i + (size_t)r] += dot;
  }
}

#endif
