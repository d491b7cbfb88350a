/* orth_args.h: arguments of the kernels of one panel of Gram-Schmidt, the same text for the host and for the
 * kernels. */
#ifndef TSR_ORTH_ARGS_H
#define TSR_ORTH_ARGS_H
#include "types.h"

#define ORTH_COLUMNS 128 /* at most; leading dimension of what the kernels keep */

/* floor = (hi + lo) * 2^exponent. */
struct orth_args {
  tsr_uint b, t_ld;
  float floor_hi, floor_lo;
  int floor_exponent;
};

/* length = sqrt(m) as a pair. */
struct orth_fill_args {
  tsr_uint m, b, ld;
  tsr_uint seed_low, seed_high;
  float length_hi, length_lo;
};

#endif
