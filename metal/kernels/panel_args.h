/* panel_args.h: arguments of the kernels for panels of the tridiagonal and bidiagonal reductions. The vectors of a
 * side of the panel lie one behind the other, number s at s * length; indices count from the start of the panel. */
#ifndef TSR_PANEL_ARGS_H
#define TSR_PANEL_ARGS_H
#include "types.h"

/* x = line of A - sum over s < count of p_s times element `at` of the other side's vector s ^ flip. */
struct panel_line_args {
  tsr_uint length, from, step;    /* elements [from, length) of the line, `step` apart in A */
  tsr_uint count, flip, at, other_length;
  tsr_uint rest;                  /* squares are summed from here */
};

struct panel_reflect_args {
  tsr_uint length, from, chunks;
  tsr_uint slot;                  /* of v */
  tsr_uint de_row, de_column, de_ld, wide, diagonal;
  tsr_uint t_at;                  /* where t goes in T */
};

/* part[b*length + i]: what block b of the other dimension adds to element i of A v. */
struct panel_multiply_args {
  tsr_uint rows, cols, ld;
  tsr_uint mode;                  /* 0: A v; 1: A'v; 2: A v for a symmetric A, by its lower triangle */
  tsr_uint row_at, col_at;        /* where the vector's elements for the first row and column lie in p */
};

struct panel_project_args {
  tsr_uint length, from, v_at;    /* v_at: where v begins */
  tsr_uint parity, t_at, t_ld;    /* c_s with s of this parity goes to T, one row for each two s */
};

/* y = (sum of parts - sum over s < count of p_s c_(s^flip)) / t. */
struct panel_correct_args {
  tsr_uint length, from, count, flip;
  tsr_uint parts, part_length;
  tsr_uint slot, target;          /* of v; of the rounded y */
};

struct panel_finish_args {
  tsr_uint length, from, chunks;
  tsr_uint slot, target;
};
#endif
