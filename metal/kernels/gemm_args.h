/* gemm_args.h: arguments of the kernels of products, the same text for the host and for the kernels. */
#ifndef TSR_GEMM_ARGS_H
#define TSR_GEMM_ARGS_H
#include "types.h"

/* alpha and beta as unevaluated pairs. beta = 0: C is not read. */
struct product_scale {
  float alpha, alpha_low, beta, beta_low;
};

/* C = alpha A B + beta C. lda and ldb are those of the operands as stored; element (i,j) of C lies at i*c_row +
 * j*c_col. K is cut into parts of `part` steps; the sums of part q go to C + q*m*c_row. A chain has `chain` steps of K,
 * a multiple of what the kernel stages, and `group` chains make a group. */
struct gemm_args {
  tsr_uint m, n, k, lda, ldb, c_row, c_col;
  tsr_uint first; /* number of the first tile of this launch; */
  tsr_uint tiles; /* they are counted through C, then through the parts */
  tsr_uint part, chain, group;
  struct product_scale scale;
};

/* C = alpha (sum of the parts) + beta C; part q is m x n at parts + q*m*n. */
struct split_reduce_args {
  tsr_uint m, n, parts, c_row, c_col;
  tsr_uint first; /* number of the first threadgroup of this launch */
  struct product_scale scale;
};

/* y = alpha A x + beta y for m numbers of y, each a sum of k products; y of part q goes to y + q*m*y_step. */
struct gemv_args {
  tsr_uint m, k, lda, x_step, y_step;
  tsr_uint first; /* number of the first threadgroup of this launch */
  tsr_uint parts, part, chain;
  tsr_uint width; /* gemv_t: a threadgroup takes four times so many columns; a power of 2 */
  struct product_scale scale;
};

#endif
