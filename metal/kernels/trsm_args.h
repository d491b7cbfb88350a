/* trsm_args.h: arguments of the leaf of triangular solves, the same text for the host and for the kernel. */
#ifndef TSR_TRSM_ARGS_H
#define TSR_TRSM_ARGS_H
#include "types.h"

/* T X = alpha B in place of B, T of order n <= 128 and triangular, B with `count` right-hand sides. T(i,j) lies at
 * i*t_row + j*t_col, unknown i of right-hand side r at i*b_row + r*b_col. */
struct trsm_args {
  tsr_uint n, count;
  tsr_uint t_row, t_col, b_row, b_col;
  tsr_uint lower, unit;
  float alpha, alpha_low;
};

#endif
