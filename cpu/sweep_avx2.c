/* sweep_avx2.c: the pass of kernel_sweep.h with AVX2 and FMA, and a plane rotation of two rows in float64. */
#include "gemm.h"
#ifdef __AVX2__
#include "kernel_avx2.h"

typedef __m256d vector;
#define SWEEP tsr_sweep_avx2
#include "kernel_sweep.h"

INLINE vector spread(double x) { return _mm256_set1_pd(x); }
INLINE vector madd(vector x, vector y, vector z) { return _mm256_fmadd_pd(x, y, z); }
INLINE vector widen(const float *from) { return _mm256_cvtps_pd(_mm_loadu_ps(from)); }
INLINE __m256i lanes(size_t n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)n), _mm256_setr_epi64x(0, 1, 2, 3));
}
INLINE vector widen_part(const float *from, size_t n) {
  const __m128i mask = _mm_cmpgt_epi32(_mm_set1_epi32((int)n), _mm_setr_epi32(0, 1, 2, 3));
  return _mm256_cvtps_pd(_mm_maskload_ps(from, mask));
}
INLINE vector load_part(const double *from, size_t n) { return _mm256_maskload_pd(from, lanes(n)); }
INLINE void store_part(double *to, size_t n, vector x) { _mm256_maskstore_pd(to, lanes(n), x); }
INLINE double total(vector x) { return tsr_sum_lanes(x); }

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
