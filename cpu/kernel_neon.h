/* kernel_neon.h: what the NEON files share. */
#ifndef TSR_KERNEL_NEON_H
#define TSR_KERNEL_NEON_H
#include "gemm.h"

void tsr_pack_neon(const tsr_pack *pack, float *to);
void tsr_pack64_neon(const tsr_pack *pack, double *to);
void tsr_sweep_neon(const tsr_sweep *s);
void tsr_unpack_neon(size_t width, size_t k, const float *panel, float *to, size_t ld);

#endif
