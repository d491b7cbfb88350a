/* kernel_sweep.h: one pass over rows of a float32 matrix in float64, for one instruction set: inner products of the
 * rows, their sum, or both. A sweep*.c includes this text once, and gives before: SWEEP, the name of the function, and
 * `vector`, the doubles of one register; behind it the functions that are only declared here. */
#ifndef TSR_KERNEL_SWEEP_H
#define TSR_KERNEL_SWEEP_H
#include "gemm.h"
#define NUMBER double
#include "kernel_register.h"

#ifndef UNROLL
#define UNROLL _Pragma("GCC unroll 32")
#endif

enum { DOT_ROWS = 4, SUM_ROWS = 8 };

/* All lanes x; x y + z; the sum of all lanes, by halves; and as many floats as a vector has lanes. */
INLINE vector spread(double x);
INLINE vector madd(vector x, vector y, vector z);
INLINE double total(vector x);
INLINE vector widen(const float *from);

/* The first n lanes, 0 < n < LANES, the others 0; no other number of memory is touched. */
INLINE vector widen_part(const float *from, size_t n);
INLINE vector load_part(const double *from, size_t n);
INLINE void store_part(double *to, size_t n, vector x);

/* Some rows: where they lie, and what is the same for all columns. */
typedef struct {
  const float *a[SUM_ROWS];
  const double *x;
  double *y;
  vector f[SUM_ROWS];
} strip;

/* A vector of some columns in `rows` rows; of its lanes only the first n where that is not 0. */
INLINE void step(const size_t rows, const bool dots, const bool sums, const strip *s, size_t t, size_t n, vector *sum) {
  vector along = spread(0), across = spread(0);
  if (dots) along = n > 0 ? load_part(s->x + t, n) : load(s->x + t);
  if (sums) across = n > 0 ? load_part(s->y + t, n) : load(s->y + t);
  UNROLL for (size_t r = 0; r < rows; r++) {
    vector e = n > 0 ? widen_part(s->a[r] + t, n) : widen(s->a[r] + t);
    if (dots) sum[r] = madd(e, along, sum[r]);
    if (sums) across = madd(e, s->f[r], across);
  }
  if (sums && n > 0) store_part(s->y + t, n, across);
  else if (sums) store(s->y + t, across);
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
    step(rows, dots, sums, &s, t, 0, even);
    step(rows, dots, sums, &s, t + LANES, 0, odd);
  }
  if (t + LANES <= k) {
    step(rows, dots, sums, &s, t, 0, even);
    t += LANES;
  }
  if (t < k) step(rows, dots, sums, &s, t, k - t, odd);
  UNROLL for (size_t r = 0; dots && r < rows; r++) given->dots[first + r] += total(even[r] + odd[r]);
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
