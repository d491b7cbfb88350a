/* secular_avx512.c: the kernels of kernel_secular.h with AVX-512. */
#include "gemm.h"
#ifdef __AVX512F__
#define SECULAR(name) tsr_secular_##name##_avx512
#define BYTES 64
#include "kernel_secular.h"
#endif
