/* strip_avx2.c: the kernels of kernel_strip.h with AVX2 and FMA. */
#include "gemm.h"
#ifdef __AVX2__
#include <immintrin.h>

typedef __m256d vector;
#define STRIP(name) tsr_strip_##name##_avx2
#include "kernel_strip.h"

INLINE vector spread(double x) { return _mm256_set1_pd(x); }
INLINE vector madd(vector x, vector y, vector z) { return _mm256_fmadd_pd(x, y, z); }
#endif
