/* kernel_neon.h: what the NEON files share. */
#ifndef TSR_KERNEL_NEON_H
#define TSR_KERNEL_NEON_H
#include "gemm.h"

void tsr_pack_neon(const tsr_pack *pack, float *to);
void tsr_pack64_neon(const tsr_pack *pack, double *to);
void tsr_dots_neon(size_t rows, size_t k, const float *a, size_t lda, const float *x, float *y, size_t ahead);
void tsr_rows_neon(size_t k, size_t n, const float *a, size_t lda, const float *y, float *z);
void tsr_sweep_neon(const tsr_sweep *s);
void tsr_transpose_neon(size_t m, size_t n, const float *from, size_t ld_from, float *to, size_t ld_to);

#endif
