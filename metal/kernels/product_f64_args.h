/* product_f64_args.h: arguments of the products in df32, the same text for the host and for the kernels. Element (i,j)
 * of an operand lies at i*row + j*col, in elements of its type. */
#ifndef TSR_PRODUCT_F64_ARGS_H
#define TSR_PRODUCT_F64_ARGS_H
#include "types.h"

/* What an addend or a result is made of. */
#define WIDE_NONE 0
#define WIDE_F32 1
#define WIDE_F64 2
#define WIDE_PAIR 3 /* results only: df32, of the scaled operands, neither alpha nor addend */

/* The largest |x| of each of `rows` rows of `count` elements, by parts of `chunk` elements. */
struct wide_scan_args {
  tsr_uint rows, count, row, col;
  tsr_uint chunk, parts;
};

/* A double as (hi + lo) * 2^exponent. */
struct wide_number {
  float hi, lo;
  int exponent;
};

/* result = alpha A B + beta addend on the elements of uplo. K is cut into parts of `chunk`. */
struct wide_args {
  tsr_uint m, n, k;
  tsr_uint a_row, a_col, b_row, b_col;
  tsr_uint addend_row, addend_col, addend_type;
  tsr_uint result_row, result_col, result_type;
  tsr_uint uplo;
  tsr_uint chunk, parts;
  tsr_uint first_row, first_col, first_part; /* of the tiles of this launch */
  struct wide_number alpha, beta;
};

#endif
