/* sweep_avx2.c: one pass over rows of a float32 matrix in float64, with AVX2 and FMA: inner products of the rows, their
 * sum, or both; and a plane rotation of two rows in float64. */
#include "gemm.h"
#ifdef __AVX2__
#include "kernel_avx2.h"

enum { LANES = 4 };

INLINE double sum_lanes(__m256d x) {
  __m128d s = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
  return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
}

/* Four elements of `rows` rows. */
INLINE void step(const size_t rows, const bool dots, const bool sums, const float *const *a, size_t t, const double *x,
                 double *y, const __m256d *f, __m256d *sum) {
  __m256d along = dots ? _mm256_loadu_pd(x + t) : _mm256_setzero_pd();
  __m256d across = sums ? _mm256_loadu_pd(y + t) : _mm256_setzero_pd();
  UNROLL for (size_t r = 0; r < rows; r++) {
    __m256d e = _mm256_cvtps_pd(_mm_loadu_ps(a[r] + t));
    if (dots) sum[r] = _mm256_fmadd_pd(e, along, sum[r]);
    if (sums) across = _mm256_fmadd_pd(e, f[r], across);
  }
  if (sums) _mm256_storeu_pd(y + t, across);
}

INLINE void sweep(const size_t rows, const bool dots, const bool sums, const tsr_sweep *s, size_t first) {
  const float *a[TSR_SWEEP_ROWS];
  const double *x = s->x;
  double *y = s->y;
  const size_t k = s->k;
  __m256d f[TSR_SWEEP_ROWS], even[TSR_SWEEP_ROWS], odd[TSR_SWEEP_ROWS];
  UNROLL for (size_t r = 0; r < rows; r++) {
    a[r] = s->a + (first + r) * s->lda;
    f[r] = sums ? _mm256_broadcast_sd(s->f + first + r) : _mm256_setzero_pd();
    even[r] = odd[r] = _mm256_setzero_pd();
  }
  size_t t = 0;
  for (; t + 2 * LANES <= k; t += 2 * LANES) {
    step(rows, dots, sums, a, t, x, y, f, even);
    step(rows, dots, sums, a, t + LANES, x, y, f, odd);
  }
  if (t + LANES <= k) {
    step(rows, dots, sums, a, t, x, y, f, even);
    t += LANES;
  }
  UNROLL for (size_t r = 0; r < rows; r++) {
    double sum = dots ? sum_lanes(_mm256_add_pd(even[r], odd[r])) : 0;
    for (size_t q = t; q < k; q++) {
      double e = (double)a[r][q];
      if (dots) sum += e * x[q];
      if (sums) y[q] += e * s->f[first + r];
    }
    if (dots) s->dots[first + r] += sum;
  }
}

#define SWEEP(name, dots, sums)                                                                          \
  static void name(const tsr_sweep *s) {                                                                 \
    size_t r = 0;                                                                                        \
    for (; r + TSR_SWEEP_ROWS <= s->rows; r += TSR_SWEEP_ROWS) sweep(TSR_SWEEP_ROWS, dots, sums, s, r);  \
    for (; r < s->rows; r++) sweep(1, dots, sums, s, r);                                                 \
  }
SWEEP(sweep_dots, true, false)
SWEEP(sweep_sums, false, true)
SWEEP(sweep_both, true, true)

void tsr_sweep_avx2(const tsr_sweep *s) {
  if (s->y == NULL) sweep_dots(s);
  else if (s->x == NULL) sweep_sums(s);
  else sweep_both(s);
}

void tsr_turn_avx2(size_t n, double *x, double *y, double c, double s) {
  const __m256d cosine = _mm256_set1_pd(c), sine = _mm256_set1_pd(s);
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    __m256d a = _mm256_loadu_pd(x + i), b = _mm256_loadu_pd(y + i);
    _mm256_storeu_pd(x + i, _mm256_fmsub_pd(cosine, a, _mm256_mul_pd(sine, b)));
    _mm256_storeu_pd(y + i, _mm256_fmadd_pd(sine, a, _mm256_mul_pd(cosine, b)));
  }
  for (; i < n; i++) {
    double a = x[i], b = y[i];
    x[i] = c * a - s * b;
    y[i] = s * a + c * b;
  }
}
#endif
