/* rand.metal: random numbers as a pure function of seed, row and column, the same bits on every machine. 256 threads;
 * a thread makes the four numbers of one group of columns. */
#include <metal_stdlib>
#include "elementwise_args.h"
#include "random.h"
using namespace metal;

kernel void rand_fill(constant rand_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                      device float *a [[buffer(2)]], uint2 group [[threadgroup_position_in_grid]],
                      uint t [[thread_index_in_threadgroup]]) {
  if (*gate == 0u) return;
  uint quad = (group.x << p.shift) + (t & ((1u << p.shift) - 1u)), i = group.y * (256u >> p.shift) + (t >> p.shift);
  if (i >= p.rows || quad >= (p.cols + 3u) / 4u) return;
  uint4 words = random_words(i, quad, p.distribution, uint2(p.seed_low, p.seed_high));
  uint each[4] = {words.x, words.y, words.z, words.w};
  for (uint k = 0u; k < 4u; k++) {
    uint j = 4u * quad + k;
    if (j >= p.cols) continue;
    float x = p.distribution == RANDOM_NORMAL ? random_normal(each[k]) : float(each[k] >> 8) * 5.9604644775390625e-8f;
    a[ulong(i) * p.rs + ulong(j) * p.cs] = x;
  }
}
