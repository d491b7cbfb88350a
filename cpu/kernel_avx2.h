/* kernel_avx2.h: what the AVX2 files share, and AVX-512 takes from them. */
#ifndef TSR_KERNEL_AVX2_H
#define TSR_KERNEL_AVX2_H
#include "gemm.h"
#include <immintrin.h>

#define UNROLL _Pragma("GCC unroll 32")
#define INLINE static inline __attribute__((always_inline))

void tsr_pack_avx2(const tsr_pack *pack, float *to);
void tsr_pack64_avx2(const tsr_pack *pack, double *to);
void tsr_transpose_avx2(size_t m, size_t n, const float *from, size_t ld_from, float *to, size_t ld_to);
void tsr_fold_avx2(size_t n, const float *from, double *to, bool add);
void tsr_dots_avx2(size_t rows, size_t k, const float *a, size_t lda, const float *x, float *y, size_t ahead);
void tsr_dots_avx512(size_t rows, size_t k, const float *a, size_t lda, const float *x, float *y, size_t ahead);
void tsr_rows_avx2(size_t k, size_t n, const float *a, size_t lda, const float *y, float *z);
void tsr_rows_avx512(size_t k, size_t n, const float *a, size_t lda, const float *y, float *z);
void tsr_largest_avx2(size_t rows, size_t n, const int32_t *a, size_t lda, int32_t *largest);
void tsr_sweep_avx2(const tsr_sweep *s);
void tsr_sweep_avx512(const tsr_sweep *s);
void tsr_turn_avx2(size_t n, double *x, double *y, double c, double s);

INLINE double tsr_sum_lanes(__m256d x) {
  __m128d s = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
  return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
}

/* The sums of all lanes of four vectors. */
INLINE __m128 tsr_totals(const __m256 x[4]) {
  __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(x[0], x[1]), _mm256_hadd_ps(x[2], x[3]));
  return _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
}

/* Mask of the first n of eight lanes. */
INLINE __m256i tsr_mask(size_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < 8 ? (int)n : 8), lane);
}

#endif
