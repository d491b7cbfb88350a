/* kernel_register.h: the doubles of one register to and from memory, for kernels that are one text for all instruction
 * sets; `vector`, these doubles, is given before. */
#ifndef TSR_KERNEL_REGISTER_H
#define TSR_KERNEL_REGISTER_H
#include <string.h>

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline))
#endif

enum { LANES = sizeof(vector) / sizeof(double) };

INLINE vector load(const double *from) {
  vector x;
  memcpy(&x, from, sizeof x);
  return x;
}

INLINE void store(double *to, vector x) { memcpy(to, &x, sizeof x); }
#endif
