/* selftest_args.h: numbers of the self-test, given at run time so that no compiler can work them out. */
#ifndef TSR_SELFTEST_ARGS_H
#define TSR_SELFTEST_ARGS_H

struct selftest_args {
  float one, small;                          /* small is lost in one + small */
  float above_one, square_high, square_low;  /* 1 + 2^-23 and its square in two parts */
  float nan;
};
#endif
