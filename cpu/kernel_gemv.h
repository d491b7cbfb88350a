/* kernel_gemv.h: a matrix times a vector for one instruction set: inner products of rows, and sums of rows. A gemv*.c
 * includes this text once, and gives before: GEMV(name), the names of its functions; `vector`, the floats of one
 * register; and behind it the functions that are only declared here. */
#ifndef TSR_KERNEL_GEMV_H
#define TSR_KERNEL_GEMV_H
#include "gemm.h"
#define NUMBER float
#include "kernel_register.h"

#ifndef UNROLL
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* VECTORS of a row have sums of their own. Whole lines are fetched well enough by the processors that have vectors of
 * that size. */
enum { VECTORS = LANES > 8 ? 2 : TSR_DOT_STEPS / LANES, TOGETHER = 8, FETCHES = LANES < 16 };

/* All lanes x; x y + z; and the sums of all lanes of four vectors. */
INLINE vector spread(float x);
INLINE vector madd(vector x, vector y, vector z);
INLINE void totals(const vector x[TSR_DOT_ROWS], float y[TSR_DOT_ROWS]);

/* The first n lanes, or all where n is larger; the others are 0, and no other number of memory is touched. */
INLINE vector load_part(const float *from, size_t n);
INLINE void store_part(float *to, size_t n, vector x);

INLINE void dots(const size_t rows, const bool far, size_t k, const float *a, size_t lda, const float *x, float *y,
                 size_t ahead) {
  vector s[TSR_DOT_ROWS][VECTORS];
  UNROLL for (size_t r = 0; r < TSR_DOT_ROWS; r++) {
    UNROLL for (size_t v = 0; v < VECTORS; v++) s[r][v] = spread(0);
  }
  size_t t = 0;
  for (; t + VECTORS * LANES <= k; t += VECTORS * LANES) {
    UNROLL for (size_t r = 0; far && r < rows; r++) __builtin_prefetch(a + r * lda + t + ahead, 0, 2);
    UNROLL for (size_t r = 0; r < rows; r++) {
      UNROLL for (size_t v = 0; v < VECTORS; v++) {
        s[r][v] = madd(load(a + r * lda + t + v * LANES), load(x + t + v * LANES), s[r][v]);
      }
    }
  }
  UNROLL for (size_t v = 0; v < VECTORS; v++, t += LANES) {
    if (t >= k) break;
    vector tail = load_part(x + t, k - t);
    UNROLL for (size_t r = 0; r < rows; r++) s[r][v] = madd(load_part(a + r * lda + t, k - t), tail, s[r][v]);
  }
  vector sum[TSR_DOT_ROWS];
  float all[TSR_DOT_ROWS];
  UNROLL for (size_t r = 0; r < TSR_DOT_ROWS; r++) {
    UNROLL for (size_t half = VECTORS / 2; half > 0; half /= 2) {
      UNROLL for (size_t v = 0; v < half; v++) s[r][v] += s[r][v + half];
    }
    sum[r] = s[r][0];
  }
  totals(sum, all);
  UNROLL for (size_t r = 0; r < rows; r++) y[r] = all[r];
}

void GEMV(dots)(size_t rows, size_t k, const float *a, size_t lda, const float *x, float *y, size_t ahead) {
  switch (rows) {
    case 1: dots(1, false, k, a, lda, x, y, ahead); break;
    case 2: dots(2, false, k, a, lda, x, y, ahead); break;
    case 3: dots(3, false, k, a, lda, x, y, ahead); break;
    default:
      if (FETCHES && ahead > 0) dots(4, true, k, a, lda, x, y, ahead);
      else dots(4, false, k, a, lda, x, y, ahead);
      break;
  }
}

/* z (+)= the sum of `count` rows, each times its number. */
INLINE void add_rows(const size_t count, size_t n, const float *a, size_t lda, const float *y, float *z, bool first) {
  vector b[TOGETHER];
  UNROLL for (size_t r = 0; r < count; r++) b[r] = spread(y[r]);
  size_t j = 0;
  for (; j + 2 * LANES <= n; j += 2 * LANES) {
    vector s0 = first ? spread(0) : load(z + j), s1 = first ? spread(0) : load(z + j + LANES);
    UNROLL for (size_t r = 0; r < count; r++) {
      s0 = madd(b[r], load(a + r * lda + j), s0);
      s1 = madd(b[r], load(a + r * lda + j + LANES), s1);
    }
    store(z + j, s0);
    store(z + j + LANES, s1);
  }
  for (; j < n; j += LANES) {
    vector s = first ? spread(0) : load_part(z + j, n - j);
    UNROLL for (size_t r = 0; r < count; r++) s = madd(b[r], load_part(a + r * lda + j, n - j), s);
    store_part(z + j, n - j, s);
  }
}

void GEMV(rows)(size_t k, size_t n, const float *a, size_t lda, const float *y, float *z) {
  size_t t = 0;
  for (; t + TOGETHER <= k; t += TOGETHER) add_rows(TOGETHER, n, a + t * lda, lda, y + t, z, t == 0);
  for (; t < k; t++) add_rows(1, n, a + t * lda, lda, y + t, z, t == 0);
}

#endif
