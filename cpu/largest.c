/* largest.c: largest numbers of columns, for any processor. */
#define LARGEST tsr_largest_portable
#include "kernel_largest.h"
