/* gemv_avx2.c: a matrix times a vector, with AVX2 and FMA: inner products of rows, and sums of rows. */
#include "gemm.h"
#ifdef __AVX2__
#include "kernel_avx2.h"

enum { LANES = 8, TOGETHER = 8 };

INLINE float sum_lanes(__m256 x) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

INLINE void dots(const size_t rows, const bool far, size_t k, const float *a, size_t lda, const float *x, float *y,
                 size_t ahead) {
  __m256 s[TSR_DOT_ROWS][2];
  UNROLL for (size_t r = 0; r < rows; r++) s[r][0] = s[r][1] = _mm256_setzero_ps();
  size_t t = 0;
  for (; t + 2 * LANES <= k; t += 2 * LANES) {
    __m256 x0 = _mm256_loadu_ps(x + t), x1 = _mm256_loadu_ps(x + t + LANES);
    UNROLL for (size_t r = 0; far && r < rows; r++) __builtin_prefetch(a + r * lda + t + ahead, 0, 2);
    UNROLL for (size_t r = 0; r < rows; r++) {
      s[r][0] = _mm256_fmadd_ps(_mm256_loadu_ps(a + r * lda + t), x0, s[r][0]);
      s[r][1] = _mm256_fmadd_ps(_mm256_loadu_ps(a + r * lda + t + LANES), x1, s[r][1]);
    }
  }
  for (size_t h = 0; t < k; t += LANES, h = 1) {
    __m256i mask = tsr_mask(k - t);
    __m256 tail = _mm256_maskload_ps(x + t, mask);
    UNROLL for (size_t r = 0; r < rows; r++) {
      s[r][h] = _mm256_fmadd_ps(_mm256_maskload_ps(a + r * lda + t, mask), tail, s[r][h]);
    }
  }
  UNROLL for (size_t r = 0; r < rows; r++) y[r] = sum_lanes(_mm256_add_ps(s[r][0], s[r][1]));
}

void tsr_dots_avx2(size_t rows, size_t k, const float *a, size_t lda, const float *x, float *y, size_t ahead) {
  switch (rows) {
    case 1: dots(1, false, k, a, lda, x, y, ahead); break;
    case 2: dots(2, false, k, a, lda, x, y, ahead); break;
    case 3: dots(3, false, k, a, lda, x, y, ahead); break;
    default:
      if (ahead > 0) dots(4, true, k, a, lda, x, y, ahead);
      else dots(4, false, k, a, lda, x, y, ahead);
      break;
  }
}

/* z (+)= the sum of `count` rows, each times its number. */
INLINE void add_rows(const size_t count, size_t n, const float *a, size_t lda, const float *y, float *z, bool first) {
  __m256 b[TOGETHER];
  UNROLL for (size_t r = 0; r < count; r++) b[r] = _mm256_broadcast_ss(y + r);
  size_t j = 0;
  for (; j + 2 * LANES <= n; j += 2 * LANES) {
    __m256 s0 = first ? _mm256_setzero_ps() : _mm256_loadu_ps(z + j);
    __m256 s1 = first ? _mm256_setzero_ps() : _mm256_loadu_ps(z + j + LANES);
    UNROLL for (size_t r = 0; r < count; r++) {
      s0 = _mm256_fmadd_ps(b[r], _mm256_loadu_ps(a + r * lda + j), s0);
      s1 = _mm256_fmadd_ps(b[r], _mm256_loadu_ps(a + r * lda + j + LANES), s1);
    }
    _mm256_storeu_ps(z + j, s0);
    _mm256_storeu_ps(z + j + LANES, s1);
  }
  for (; j < n; j += LANES) {
    __m256i mask = tsr_mask(n - j);
    __m256 s = first ? _mm256_setzero_ps() : _mm256_maskload_ps(z + j, mask);
    UNROLL for (size_t r = 0; r < count; r++) s = _mm256_fmadd_ps(b[r], _mm256_maskload_ps(a + r * lda + j, mask), s);
    _mm256_maskstore_ps(z + j, mask, s);
  }
}

void tsr_rows_avx2(size_t k, size_t n, const float *a, size_t lda, const float *y, float *z) {
  size_t t = 0;
  for (; t + TOGETHER <= k; t += TOGETHER) add_rows(TOGETHER, n, a + t * lda, lda, y + t, z, t == 0);
  for (; t < k; t++) add_rows(1, n, a + t * lda, lda, y + t, z, t == 0);
}
#endif
