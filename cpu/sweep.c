/* sweep.c: the pass of kernel_sweep.h for any processor, in vectors of 16 bytes, and a plane rotation of two rows in
 * float64. */
#include "gemm.h"

typedef double vector __attribute__((vector_size(16)));
#define SWEEP tsr_sweep_portable
#include "kernel_sweep.h"

INLINE vector spread(double x) { return (vector){x, x}; }
INLINE vector madd(vector x, vector y, vector z) { return x * y + z; }
INLINE vector widen(const float *from) { return (vector){(double)from[0], (double)from[1]}; }
INLINE vector widen_part(const float *from, size_t n) { return (vector){n > 0 ? (double)from[0] : 0, 0}; }
INLINE vector load_part(const double *from, size_t n) { return (vector){n > 0 ? from[0] : 0, 0}; }
INLINE void store_part(double *to, size_t n, vector x) {
  if (n > 0) to[0] = x[0];
}
INLINE double total(vector x) { return x[0] + x[1]; }

void tsr_turn_portable(size_t n, double *restrict x, double *restrict y, double c, double s) {
  for (size_t i = 0; i < n; i++) {
    double a = x[i], b = y[i];
    x[i] = c * a - s * b;
    y[i] = s * a + c * b;
  }
}
