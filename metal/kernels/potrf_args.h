/* potrf_args.h: arguments of the kernels of the Cholesky factorisation, the same text for the host and for the
 * kernels. */
#ifndef TSR_POTRF_ARGS_H
#define TSR_POTRF_ARGS_H
#include "types.h"

/* The diagonal block of order n <= 128 at A; the order of a bad pivot is counted from base + 1. */
struct potrf_args {
  tsr_uint n, ld, base;
};

#endif
