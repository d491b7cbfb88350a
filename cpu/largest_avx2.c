/* largest_avx2.c: the same with AVX2, which has a maximum of integers. */
#include "gemm.h"
#ifdef __AVX2__
#include "kernel_avx2.h"
#define LARGEST tsr_largest_avx2
#include "kernel_largest.h"
#endif
