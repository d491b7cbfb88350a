/* colstat.metal: largest absolute value of each column and the place of the first NaN or Inf, in two steps: parts of
 * rows and columns, then all parts of a column; and the signs of near largest values, a column for each thread. Bits
 * of |x| order as the numbers do, NaN above Inf, so maxima are exact in any order. 256 threads. */
#include <metal_stdlib>
#include "elementwise_args.h"
using namespace metal;
#pragma METAL fp contract(off)

constant uint INFINITE_BITS = 0x7f800000u;
constant uint NOWHERE = 0xffffffffu;

/* The earlier of two places in row-major order. */
inline uint2 earlier(uint2 a, uint2 b) { return b.x < a.x || (b.x == a.x && b.y < a.y) ? b : a; }

/* The earliest place of 256 threads, in bad[0]. */
inline void reduce_places(threadgroup uint2 *bad, uint t) {
  for (uint half_way = 128u; half_way > 0u; half_way >>= 1) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (t < half_way) bad[t] = earlier(bad[t], bad[t + half_way]);
  }
}

kernel void colstat_part(constant colstat_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                         device const float *a [[buffer(2)]], device uint *part [[buffer(3)]],
                         device uint2 *places [[buffer(4)]], uint2 group [[threadgroup_position_in_grid]],
                         uint t [[thread_index_in_threadgroup]]) {
  threadgroup uint largest[256];
  threadgroup uint2 bad[256];
  if (*gate == 0u) return;
  uint lane = t >> p.shift, lanes = 256u >> p.shift, j = (group.x << p.shift) + (t & ((1u << p.shift) - 1u));
  uint end = min(p.rows, (group.y + 1u) * p.chunk_rows), most = 0u;
  uint2 place = uint2(NOWHERE, NOWHERE);
  for (uint i = group.y * p.chunk_rows + lane; i < end && j < p.cols; i += lanes) {
    uint bits = as_type<uint>(a[ulong(i) * p.rs + ulong(j) * p.cs]) & 0x7fffffffu;
    most = max(most, bits);
    if (bits >= INFINITE_BITS) place = earlier(place, uint2(i, j));
  }
  largest[t] = most;
  bad[t] = place;
  reduce_places(bad, t);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (lane == 0u && j < p.cols) {
    for (uint l = 1u; l < lanes; l++) most = max(most, largest[(l << p.shift) + t]);
    part[ulong(group.y) * p.cols + j] = most;
  }
  if (t == 0u) places[group.y * p.strips + group.x] = bad[0];
}

kernel void colstat_fold(constant colstat_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                         device const uint *part [[buffer(2)]], device const uint2 *places [[buffer(3)]],
                         device uint *s [[buffer(4)]], device uint *info [[buffer(5)]],
                         uint group [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup uint2 bad[256];
  if (*gate == 0u) return;
  uint j = group * 256u + t, most = 0u;
  uint2 place = uint2(NOWHERE, NOWHERE);
  for (uint c = 0u; c < p.chunks && j < p.cols; c++) most = max(most, part[ulong(c) * p.cols + j]);
  if (j < p.cols) s[ulong(j) * p.step] = min(most, INFINITE_BITS);
  uint count = group == 0u ? p.chunks * p.strips : 0u;
  for (uint i = t; i < count; i += 256u) place = earlier(place, places[i]);
  bad[t] = place;
  reduce_places(bad, t);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (group == 0u && t < 2u) info[t] = bad[0].x == NOWHERE ? 0u : (t == 0u ? bad[0].x : bad[0].y) + 1u;
}

/* The difference from a number not far below the largest is exact. */
kernel void colstat_signs(constant colstat_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                          device const float *a [[buffer(2)]], device float *s [[buffer(3)]],
                          uint group [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  if (*gate == 0u) return;
  uint j = group * 256u + t, i = 0u;
  if (j >= p.cols) return;
  float largest = s[ulong(j) * p.step], x = 0.0f;
  for (bool found = false; i < p.rows && !found; i++) {
    x = a[ulong(i) * p.rs + ulong(j) * p.cs];
    found = largest - fabs(x) <= largest * 0.0009765625f;
  }
  s[ulong(j) * p.step + p.down] = x < 0.0f ? -1.0f : 1.0f;
}
