/* secular_portable.c: the kernels of kernel_secular.h in vectors of 16 bytes, which every processor has. */
#define SECULAR(name) tsr_secular_##name##_portable
#define BYTES 16
#include "kernel_secular.h"
