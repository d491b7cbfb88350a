/* split_reduce.metal: adds the parts of a product whose K was split, in their order, and writes C. One number of C for
 * each thread; 256 threads, no threadgroup memory. Grid: (ceil(m n / 256)). */
#include <metal_stdlib>
using namespace metal;
#include "products.h"
#pragma METAL fp contract(off)

kernel void split_reduce(constant split_reduce_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                         device const float *parts [[buffer(2)]], device float *c [[buffer(3)]],
                         uint group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  if (*gate == 0u) return;
  const ulong at = ulong(p.first + group) * 256u + index, size = ulong(p.m) * p.n;
  if (at >= size) return;
  const uint i = uint(at / p.n), j = uint(at % p.n);
  if (!product_wanted(i, j)) return;
  float hi = 0.0f;
  float lo = 0.0f;
  for (uint q = 0u; q < p.parts; q++) product_add(hi, lo, parts[q * size + at]);
  product_store(p.scale, hi, lo, c + ulong(i) * p.c_row + ulong(j) * p.c_col);
}
