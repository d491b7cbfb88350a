/* divide.h: what the parts of divide and conquer share: the state of the whole problem, and the merge of two halves.
 *
 * A node is a range of rows. Once it is solved, its part of T is V diag(d) V' with V in the same rows and columns of Q,
 * columns in no order; `order` lists them by eigenvalue. The first and the last row of V, which are all that the next
 * merge takes from it, are also kept in float64: taken from the float32 vectors they would spoil the eigenvalues. */
#ifndef TSR_DIVIDE_H
#define TSR_DIVIDE_H
#include "../core/core.h"

enum { TSR_DIVIDE_COLUMNS = 1024 }; /* of the secular eigenvectors formed at a time */

/* Two columns of a node to be turned: x' = c x + s y, y' = c y - s x. */
typedef struct {
  uint32_t x, y;
  float c, s;
} tsr_turn;

/* Numbers lie at the row or column of the whole matrix that they belong to, so that a node uses its own range of each
 * array. */
typedef struct {
  size_t n;
  double tolerance;
  double *d, *e;        /* eigenvalues by column; T's off-diagonal */
  double *first, *last; /* rows of V by column */
  uint32_t *order;      /* columns, counted in the node, by eigenvalue */
  float *Q;             /* n x n; NULL: eigenvalues only */
  size_t ldq;
  /* Of a merge, by column: z; then by position among the columns that take part: */
  double *z, *pole, *weight, *origin, *offset, *part, *scale, *first_new, *last_new, *first_kept, *last_kept;
  uint32_t *kept, *group; /* columns that take part, by eigenvalue; positions in this list, by half */
  uint32_t *settled;      /* columns that take no part, by eigenvalue */
  uint32_t *from, *to;    /* columns that move; before that, `from` lists all by eigenvalue */
  uint8_t *half;                             /* rows in which a column is not 0: TOP, BOTTOM or both */
  tsr_turn *turns;
  float *gathered, *vectors; /* n x n: columns of Q; n x min(n, COLUMNS): secular eigenvectors */
} tsr_divide;

enum { TSR_TOP = 1, TSR_BOTTOM = 2 };

/* Merges the solved nodes [start, middle) and [middle, end) by way of e[middle-1], whose absolute value was taken from
 * the diagonal at both sides. Works with the threads of `run`. TSR_OK or TSR_E_MEMORY. */
int32_t tsr_divide_merge(const tsr_divide *t, tsr_run *run, size_t start, size_t middle, size_t end);

#endif
