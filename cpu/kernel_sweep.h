/* kernel_sweep.h: one pass over rows of a float32 matrix in float64, for one instruction set: inner products of the
 * rows, their sum, or both. A sweep*.c includes this text once, and gives before: SWEEP, the name of the function, and
 * `vector`, the doubles of one register; behind it the functions that are only declared here. */
#ifndef TSR_KERNEL_SWEEP_H
#define TSR_KERNEL_SWEEP_H
#include <string.h>
#include "gemm.h"

#ifndef UNROLL
#define UNROLL _Pragma("GCC unroll 32")
#define INLINE static inline __attribute__((always_inline))
#endif

enum { LANES = sizeof(vector) / sizeof(double), DOT_ROWS = 4, SUM_ROWS = 8 };

/* All lanes x; x y + z; the sum of all lanes, by halves; and as many floats as a vector has lanes. */
INLINE vector spread(double x);
INLINE vector madd(vector x, vector y, vector z);
INLINE double total(vector x);
INLINE vector widen(const float *from);

INLINE vector load(const double *from) {
  vector x;
  memcpy(&x, from, sizeof x);
  return x;
}

INLINE void store(double *to, vector x) { memcpy(to, &x, sizeof x); }

/* Some rows: where they lie, and what is the same for all columns. */
typedef struct {
  const float *a[SUM_ROWS];
  const double *x;
  double *y;
  vector f[SUM_ROWS];
} strip;

/* A vector of some columns in `rows` rows. */
INLINE void step(const size_t rows, const bool dots, const bool sums, const strip *s, size_t t, vector *sum) {
  vector along = dots ? load(s->x + t) : spread(0), across = sums ? load(s->y + t) : spread(0);
  UNROLL for (size_t r = 0; r < rows; r++) {
    vector e = widen(s->a[r] + t);
    if (dots) sum[r] = madd(e, along, sum[r]);
    if (sums) across = madd(e, s->f[r], across);
  }
  if (sums) store(s->y + t, across);
}

/* The columns that make up no vector. */
INLINE void finish(const size_t rows, const bool dots, const bool sums, const tsr_sweep *given, size_t first,
                   size_t t) {
  for (size_t r = first; r < first + rows; r++) {
    for (size_t q = t; q < given->k; q++) {
      double e = (double)given->a[r * given->lda + q];
      if (dots) given->dots[r] += e * given->x[q];
      if (sums) given->y[q] += e * given->f[r];
    }
  }
}

INLINE void sweep(const size_t rows, const bool dots, const bool sums, const tsr_sweep *given, size_t first) {
  strip s = {.x = given->x, .y = given->y};
  const size_t k = given->k;
  vector even[SUM_ROWS], odd[SUM_ROWS];
  UNROLL for (size_t r = 0; r < rows; r++) {
    s.a[r] = given->a + (first + r) * given->lda;
    s.f[r] = spread(sums ? given->f[first + r] : 0);
    even[r] = odd[r] = spread(0);
  }
  size_t t = 0;
  for (; t + 2 * LANES <= k; t += 2 * LANES) {
    step(rows, dots, sums, &s, t, even);
    step(rows, dots, sums, &s, t + LANES, odd);
  }
  if (t + LANES <= k) {
    step(rows, dots, sums, &s, t, even);
    t += LANES;
  }
  UNROLL for (size_t r = 0; dots && r < rows; r++) given->dots[first + r] += total(even[r] + odd[r]);
  if (t < k) finish(rows, dots, sums, given, first, t);
}

INLINE void sweep_rows(const size_t together, const bool dots, const bool sums, const tsr_sweep *s) {
  size_t r = 0;
  for (; r + together <= s->rows; r += together) sweep(together, dots, sums, s, r);
  if (together > DOT_ROWS && r + DOT_ROWS <= s->rows) {
    sweep(DOT_ROWS, dots, sums, s, r);
    r += DOT_ROWS;
  }
  for (; r + 2 <= s->rows; r += 2) sweep(2, dots, sums, s, r);
  if (r < s->rows) sweep(1, dots, sums, s, r);
}

void SWEEP(const tsr_sweep *s) {
  if (s->y == NULL) sweep_rows(DOT_ROWS, true, false, s);
  else if (s->x == NULL) sweep_rows(SUM_ROWS, false, true, s);
  else sweep_rows(DOT_ROWS, true, true, s);
}

#endif
