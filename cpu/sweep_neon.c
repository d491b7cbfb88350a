/* sweep_neon.c: the pass of kernel_sweep.h with NEON. */
#include "gemm.h"
#ifdef __aarch64__
#include <arm_neon.h>
#include "kernel_neon.h"

typedef float64x2_t vector;
#define SWEEP tsr_sweep_neon
#include "kernel_sweep.h"

INLINE vector spread(double x) { return vdupq_n_f64(x); }
INLINE vector madd(vector x, vector y, vector z) { return vfmaq_f64(z, x, y); }
INLINE vector widen(const float *from) { return vcvt_f64_f32(vld1_f32(from)); }
INLINE vector widen_part(const float *from, size_t n) { return (vector){n > 0 ? (double)from[0] : 0, 0}; }
INLINE vector load_part(const double *from, size_t n) { return (vector){n > 0 ? from[0] : 0, 0}; }
INLINE void store_part(double *to, size_t n, vector x) {
  if (n > 0) to[0] = x[0];
}
INLINE double total(vector x) { return vaddvq_f64(x); }
#endif
