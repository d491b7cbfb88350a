/* selftest.metal: what the other kernels take for granted of a GPU and its compiler, put to the test when a device is
 * opened. One threadgroup of 32 threads; each check writes 1 where it holds. */
#include <metal_stdlib>
#include <metal_simdgroup_matrix>
#include "df32.h"
#include "selftest_args.h"
using namespace metal;

/* Row and column of the first of the two numbers of an 8x8 matrix that a lane holds. */
inline uint2 selftest_place(uint lane) {
  uint quad = lane / 4u;
  return uint2((quad & 4u) + (lane / 2u) % 4u, (quad & 2u) * 2u + (lane % 2u) * 2u);
}

kernel void selftest(constant selftest_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                     device uint *holds [[buffer(2)]], uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float coded[64];
  if (*gate == 0u) return;
  for (uint i = lane; i < 64u; i += 32u) coded[i] = float(i);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  simdgroup_float8x8 m, square;
  simdgroup_load(m, coded, 8);
  uint2 at = selftest_place(lane);
  bool lanes = m.thread_elements()[0] == float(8u * at.x + at.y) &&
               m.thread_elements()[1] == float(8u * at.x + at.y + 1u);
  simdgroup_float8x8 zero = simdgroup_float8x8(0.0f);
  simdgroup_multiply_accumulate(square, m, m, zero);
  float first = 0.0f;
  for (uint k = 0u; k < 8u; k++) first += float((8u * at.x + k) * (8u * k + at.y));
  bool product = square.thread_elements()[0] == first;
  float2 sum = df_two_sum(p.one, p.small), power = df_two_prod(p.above_one, p.above_one);
  bool sums = sum.x == p.one && sum.y == p.small;
  bool fused = power.x == p.square_high && power.y == p.square_low;
  bool nans = !(p.nan > 0.0f) && !(p.nan <= 0.0f) && p.nan != p.nan;
  bool every_lane = simd_sum(lanes ? 1u : 0u) == 32u, every_product = simd_sum(product ? 1u : 0u) == 32u;
  if (lane != 0u) return;
  holds[0] = every_lane ? 1u : 0u;
  holds[1] = every_product ? 1u : 0u;
  holds[2] = sums ? 1u : 0u;
  holds[3] = fused ? 1u : 0u;
  holds[4] = nans ? 1u : 0u;
}
