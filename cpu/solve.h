/* solve.h: the triangular steps that the factorisations share. */
#ifndef TSR_SOLVE_H
#define TSR_SOLVE_H
#include "gemm.h"

/* T X = alpha B in place of B: T is n x n, lower or upper triangular as an operand; element (i, c) of B is b[i*row +
 * c*col], for i < n and c < count, and one of the two strides is 1. */
typedef struct {
  size_t n, count;
  tsr_operand t;
  bool lower, unit;
  double alpha;
  float *b;
  size_t row, col;
  uint32_t chain;
} tsr_system;

int32_t tsr_solve(tsr_run *run, const tsr_system *s);

#endif
