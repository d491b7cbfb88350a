/* types.h: the numbers that the host and the kernels share, by one name. */
#ifndef TSR_KERNEL_TYPES_H
#define TSR_KERNEL_TYPES_H
#ifdef __METAL_VERSION__
typedef uint tsr_uint;
#else
#include <stdint.h>
typedef uint32_t tsr_uint;
#endif
#endif
