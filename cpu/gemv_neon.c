/* gemv_neon.c: the kernels of kernel_gemv.h with NEON. */
#include "gemm.h"
#ifdef __aarch64__
#include <arm_neon.h>
#include "kernel_neon.h"


typedef float32x4_t vector;
#define GEMV(name) tsr_##name##_neon
#include "kernel_gemv.h"

INLINE vector spread(float x) { return vdupq_n_f32(x); }
INLINE vector madd(vector x, vector y, vector z) { return vfmaq_f32(z, x, y); }
INLINE vector load_part(const float *from, size_t n) {
  vector x = vdupq_n_f32(0);
  memcpy(&x, from, tsr_min(n, LANES) * sizeof *from);
  return x;
}
INLINE void store_part(float *to, size_t n, vector x) { memcpy(to, &x, tsr_min(n, LANES) * sizeof *to); }
INLINE void totals(const vector x[TSR_DOT_ROWS], float y[TSR_DOT_ROWS]) {
  vst1q_f32(y, vpaddq_f32(vpaddq_f32(x[0], x[1]), vpaddq_f32(x[2], x[3])));
}
#endif
