/* gemv.c: the kernels of kernel_gemv.h for any processor, in vectors of 16 bytes. */
#include "gemm.h"

typedef float vector __attribute__((vector_size(16)));
#define GEMV(name) tsr_##name##_portable
#include "kernel_gemv.h"

INLINE vector spread(float x) { return (vector){x, x, x, x}; }
INLINE vector madd(vector x, vector y, vector z) { return x * y + z; }
INLINE vector load_part(const float *from, size_t n) {
  vector x = {0};
  memcpy(&x, from, tsr_min(n, LANES) * sizeof *from);
  return x;
}
INLINE void store_part(float *to, size_t n, vector x) { memcpy(to, &x, tsr_min(n, LANES) * sizeof *to); }
INLINE void totals(const vector x[TSR_DOT_ROWS], float y[TSR_DOT_ROWS]) {
  UNROLL for (int r = 0; r < TSR_DOT_ROWS; r++) y[r] = (x[r][0] + x[r][2]) + (x[r][1] + x[r][3]);
}
