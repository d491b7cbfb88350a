/* gemv_avx2.c: the kernels of kernel_gemv.h with AVX2 and FMA. */
#include "gemm.h"
#ifdef __AVX2__
#include "kernel_avx2.h"

typedef __m256 vector;
#define GEMV(name) tsr_##name##_avx2
#include "kernel_gemv.h"

INLINE vector spread(float x) { return _mm256_set1_ps(x); }
INLINE vector madd(vector x, vector y, vector z) { return _mm256_fmadd_ps(x, y, z); }
INLINE vector load_part(const float *from, size_t n) { return _mm256_maskload_ps(from, tsr_mask(n)); }
INLINE void store_part(float *to, size_t n, vector x) { _mm256_maskstore_ps(to, tsr_mask(n), x); }
INLINE void totals(const vector x[TSR_DOT_ROWS], float y[TSR_DOT_ROWS]) { _mm_storeu_ps(y, tsr_totals(x)); }
#endif
