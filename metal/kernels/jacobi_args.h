/* jacobi_args.h: arguments of the kernels of a round of block Jacobi, the same text for the host and for the
 * kernels. */
#ifndef TSR_JACOBI_ARGS_H
#define TSR_JACOBI_ARGS_H
#include "product_f64_args.h"

/* Block `first` is that of the first threadgroup. wide: G is float64. */
struct jacobi_args {
  tsr_uint k, first;
  tsr_uint gram, wide;
  tsr_uint g_ld, j_ld;
  struct wide_number tolerance, floor;
};

/* Pair `first` is that of the first threadgroup. A has `blocks` blocks of k/2 members, which are columns, or rows:
 * element i of member m lies at i*line + m*member, for i < lines. wide: B is float64. */
struct apply_args {
  tsr_uint k, first, blocks;
  tsr_uint lines, line, member;
  tsr_uint pairs_ld, b_ld, wide;
};

#endif
