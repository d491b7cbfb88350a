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

/* Rows j and pivots[j] change places, first <= j < end in order or backward; element (i, c) of the rows x columns
 * matrix is a[i*row + c*col], and one of the two strides is 1. */
typedef struct {
  float *a;
  size_t row, col, rows, columns;
  const uint32_t *pivots;
  size_t first, end;
  bool backward;
} tsr_exchanges;

void tsr_exchange(tsr_run *run, const tsr_exchanges *e);

#endif
