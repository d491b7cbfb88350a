/* ops_triangular.h: triangular systems as the operations on triangles see them. */
#ifndef TSR_METAL_OPS_TRIANGULAR_H
#define TSR_METAL_OPS_TRIANGULAR_H
#include "ops.h"

/* T X = alpha B in place of B. T(i,j) lies at i*t_row + j*t_col and unknown i of right-hand side r at i*row + r*col, in
 * elements; one stride of each is 1. */
typedef struct {
  size_t n, count;
  tsr_place t, b;
  size_t t_row, t_col, row, col;
  bool lower, unit;
  double alpha;
  uint32_t chain;
} tsr_triangle;

int32_t tsr_metal_triangle(tsr_run *run, const tsr_op *op, const tsr_triangle *s);

#endif
