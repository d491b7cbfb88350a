/* getrf_args.h: arguments of the leaf of LU factors. */
#ifndef TSR_GETRF_ARGS_H
#define TSR_GETRF_ARGS_H
#include "types.h"

struct getrf_args {
  tsr_uint rows, width, ld; /* of the leaf */
  tsr_uint first;           /* its first row and column in the whole matrix */
};
#endif
