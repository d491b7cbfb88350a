/* wide.h: how the products in df32 scale their operands. */
#ifndef TSR_WIDE_H
#define TSR_WIDE_H
#include <metal_stdlib>
using namespace metal;

/* Power of two by which a row is divided, from the bits of its largest |x|: that comes into [1, 4). Inf and NaN are
 * left alone. */
inline int wide_shift(uint largest) {
  if (largest >= 0x7f800000u) return 0;
  return clamp(int(largest >> 23) - 127, -126, 126);
}

#endif
