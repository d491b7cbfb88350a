/* secular_avx2.c: the kernels of kernel_secular.h with AVX2. */
#include "gemm.h"
#ifdef __AVX2__
#define SECULAR(name) tsr_secular_##name##_avx2
#define BYTES 32
#include "kernel_secular.h"
#endif
