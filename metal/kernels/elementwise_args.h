/* elementwise_args.h: arguments of the elementwise kernels. rows, cols and ld are as stored; a group of 256 threads
 * covers 2^shift columns and 4 * 2^(8 - shift) rows. */
#ifndef TSR_ELEMENTWISE_ARGS_H
#define TSR_ELEMENTWISE_ARGS_H
#include "types.h"

struct laset_args {
  tsr_uint rows, cols, ld, shift;
  tsr_uint uplo;
  tsr_uint off, diag;  /* bits of the elements */
  tsr_uint keep;       /* 1: the diagonal is left alone */
};

struct geadd_args {
  tsr_uint rows, cols, ld, shift; /* of B */
  tsr_uint rs, cs;                /* A, in B's stored coordinates */
  float alpha_high, alpha_low, beta_high, beta_low;
  tsr_uint reads_a, reads_b;
};

struct scale_args {
  tsr_uint rows, cols, ld, shift; /* of B */
  tsr_uint rs, cs;  /* A, in B's stored coordinates */
  tsr_uint by_row;  /* 1: B is transposed, its columns are stored as rows */
  tsr_uint step;    /* between the numbers of S; 0: one for all */
  tsr_uint mode;
};

struct laswp_args {
  tsr_uint rows, cols, rs, cs;
  tsr_uint first, count, backward; /* pivot number k is that of row first + k */
};

/* A group covers 2^shift groups of four columns and 2^(8 - shift) rows. */
struct rand_args {
  tsr_uint rows, cols, rs, cs, shift;
  tsr_uint distribution, seed_low, seed_high;
};

struct colstat_args {
  tsr_uint rows, cols, rs, cs, shift;
  tsr_uint chunks, chunk_rows, strips; /* parts: chunks of rows, strips of columns */
  tsr_uint step, down;                 /* between the numbers of S, and to those of its second row */
};
#endif
