/* strip.c: the kernels of kernel_strip.h for any processor, in vectors of 16 bytes. */
#include "gemm.h"

typedef double vector __attribute__((vector_size(16)));
#define STRIP(name) tsr_strip_##name##_portable
#include "kernel_strip.h"

INLINE vector spread(double x) { return (vector){x, x}; }
INLINE vector madd(vector x, vector y, vector z) { return x * y + z; }
