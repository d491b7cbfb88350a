/* strip_neon.c: the kernels of kernel_strip.h with NEON. */
#include "gemm.h"
#ifdef __aarch64__
#include <arm_neon.h>

typedef float64x2_t vector;
#define STRIP(name) tsr_strip_##name##_neon
#include "kernel_strip.h"

INLINE vector spread(double x) { return vdupq_n_f64(x); }
INLINE vector madd(vector x, vector y, vector z) { return vfmaq_f64(z, x, y); }
#endif
