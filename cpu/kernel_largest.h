/* kernel_largest.h: the largest bits of |x| in each column, for one instruction set. A largest*.c includes this text
 * once, and gives LARGEST, the name of the function, before. */
#ifndef TSR_KERNEL_LARGEST_H
#define TSR_KERNEL_LARGEST_H
#include "gemm.h"

enum { TOGETHER = 8 /* rows that share one load and store of what they are compared with */ };

static inline int32_t larger(int32_t bits, int32_t largest) {
  bits &= 0x7FFFFFFF;
  return bits > largest ? bits : largest;
}

void LARGEST(size_t rows, size_t n, const int32_t *restrict a, size_t lda, int32_t *restrict largest) {
  for (; rows >= TOGETHER; rows -= TOGETHER, a += TOGETHER * lda) {
    for (size_t j = 0; j < n; j++) {
      int32_t bits = largest[j];
      _Pragma("GCC unroll 8") for (size_t r = 0; r < TOGETHER; r++) bits = larger(a[r * lda + j], bits);
      largest[j] = bits;
    }
  }
  for (; rows > 0; rows--, a += lda) {
    for (size_t j = 0; j < n; j++) largest[j] = larger(a[j], largest[j]);
  }
}

#endif
