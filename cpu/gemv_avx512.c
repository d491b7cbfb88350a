/* gemv_avx512.c: the kernels of kernel_gemv.h with AVX-512. */
#include "gemm.h"
#ifdef __AVX512F__
#include "kernel_avx2.h"

typedef __m512 vector;
#define GEMV(name) tsr_##name##_avx512
#include "kernel_gemv.h"

INLINE __mmask16 first(size_t n) { return n < LANES ? (__mmask16)((1u << n) - 1) : (__mmask16)-1; }
INLINE vector spread(float x) { return _mm512_set1_ps(x); }
INLINE vector madd(vector x, vector y, vector z) { return _mm512_fmadd_ps(x, y, z); }
INLINE vector load_part(const float *from, size_t n) { return _mm512_maskz_loadu_ps(first(n), from); }
INLINE void store_part(float *to, size_t n, vector x) { _mm512_mask_storeu_ps(to, first(n), x); }
INLINE void totals(const vector x[TSR_DOT_ROWS], float y[TSR_DOT_ROWS]) {
  __m256 half[TSR_DOT_ROWS];
  UNROLL for (int r = 0; r < TSR_DOT_ROWS; r++) {
    half[r] = _mm256_add_ps(_mm512_castps512_ps256(x[r]), _mm512_extractf32x8_ps(x[r], 1));
  }
  _mm_storeu_ps(y, tsr_totals(half));
}
#endif
