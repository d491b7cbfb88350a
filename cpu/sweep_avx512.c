/* sweep_avx512.c: the pass of kernel_sweep.h with AVX-512. */
#include "gemm.h"
#ifdef __AVX512F__
#include "kernel_avx2.h"

typedef __m512d vector;
#define SWEEP tsr_sweep_avx512
#include "kernel_sweep.h"

INLINE vector spread(double x) { return _mm512_set1_pd(x); }
INLINE vector madd(vector x, vector y, vector z) { return _mm512_fmadd_pd(x, y, z); }
INLINE vector widen(const float *from) { return _mm512_cvtps_pd(_mm256_loadu_ps(from)); }
INLINE __mmask8 lanes(size_t n) { return (__mmask8)((1u << n) - 1); }
INLINE vector widen_part(const float *from, size_t n) {
  return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(lanes(n), from));
}
INLINE vector load_part(const double *from, size_t n) { return _mm512_maskz_loadu_pd(lanes(n), from); }
INLINE void store_part(double *to, size_t n, vector x) { _mm512_mask_storeu_pd(to, lanes(n), x); }
INLINE double total(vector x) {
  return tsr_sum_lanes(_mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd(x, 1)));
}
#endif
