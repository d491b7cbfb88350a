/* kernel_register.h: the numbers of one register to and from memory, for kernels that are one text for all instruction
 * sets; `vector`, these numbers, is given before, and NUMBER, their type. */
#ifndef TSR_KERNEL_REGISTER_H
#define TSR_KERNEL_REGISTER_H
#include <string.h>

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline))
#endif

enum { LANES = sizeof(vector) / sizeof(NUMBER) };

INLINE vector load(const NUMBER *from) {
  vector x;
  memcpy(&x, from, sizeof x);
  return x;
}

INLINE void store(NUMBER *to, vector x) { memcpy(to, &x, sizeof x); }
#endif
