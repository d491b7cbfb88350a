/* potrf.metal: the diagonal blocks of a Cholesky factorisation, and the words that tell whether it goes on.
 *   potrf_enter  goes on unless the predicate is 0 or info is not; 1 group of 32 threads
 *   potrf_keep   copies that word, so that rows below a block that failed are finished; the same
 *   potrf_block  order at most 128, lower triangle: leaves of 32, a row in each lane of one simdgroup; then a thread
 *                for each row below, then all for the rest; 128 threads, 16784 bytes, 1 group */
#include <metal_stdlib>
using namespace metal;
#include "potrf_args.h"
#pragma METAL fp contract(off)

constant constexpr uint POTRF_LEAF = 32u;
constant constexpr uint POTRF_PITCH = 33u;

kernel void potrf_enter(device const uint *gate [[buffer(1)]], device uint *going [[buffer(2)]],
                        device const uint *info [[buffer(3)]], uint t [[thread_index_in_threadgroup]]) {
  if (t == 0u) *going = *gate != 0u && *info == 0u ? 1u : 0u;
}

kernel void potrf_keep(device const uint *gate [[buffer(1)]], device uint *kept [[buffer(2)]],
                       uint t [[thread_index_in_threadgroup]]) {
  if (t == 0u) *kept = *gate;
}

/* Factors a leaf of order n <= 32 in registers and returns the number of columns before the first bad pivot; those
 * behind it mean nothing. The factor goes back to A, and by columns to `leaf`; beyond n it is the identity. */
inline uint potrf_leaf(device float *a, uint ld, uint n, threadgroup float *leaf, uint lane) {
  float r[32];
#pragma unroll
  for (uint j = 0u; j < 32u; j++) {
    r[j] = lane == j ? 1.0f : 0.0f;
    if (lane < n && j <= lane) r[j] = a[ulong(lane) * ld + j];
  }
  uint good = n;
#pragma unroll
  for (uint j = 0u; j < 32u; j++) {
    float pivot = simd_shuffle(r[j], ushort(j));
    if (good == n && j < n && !(pivot > 0.0f)) good = j;
    float root = sqrt(pivot);
    float below = r[j] / root;
    r[j] = lane == j ? root : below;
#pragma unroll
    for (uint k = j + 1u; k < 32u; k++) r[k] = fma(-r[j], simd_shuffle(r[j], ushort(k)), r[k]);
  }
#pragma unroll
  for (uint j = 0u; j < 32u; j++) {
    leaf[j * POTRF_LEAF + lane] = r[j];
    if (lane < n && j <= lane) a[ulong(lane) * ld + j] = r[j];
  }
  return good;
}

/* A row below the leaf: x L' = a for its 32 unknowns, kept in the panel and stored. */
inline void potrf_row(device float *a, threadgroup const float *leaf, threadgroup float *row) {
  float x[32];
#pragma unroll
  for (uint j = 0u; j < 32u; j++) x[j] = a[j];
#pragma unroll
  for (uint j = 0u; j < 32u; j++) {
    x[j] = x[j] / leaf[j * POTRF_LEAF + j];
#pragma unroll
    for (uint i = j + 1u; i < 32u; i++) x[i] = fma(-leaf[j * POTRF_LEAF + i], x[j], x[i]);
    row[j] = x[j];
    a[j] = x[j];
  }
}

/* Takes the product of rows of the panel from four numbers of a row of the rest, as far as its diagonal. */
inline void potrf_update(device float *a, uint i, uint j, threadgroup const float *panel) {
  float sum[4];
#pragma unroll
  for (uint q = 0u; q < 4u; q++) sum[q] = 0.0f;
  for (uint k = 0u; k < POTRF_LEAF; k++) {
    float x = panel[i * POTRF_PITCH + k];
#pragma unroll
    for (uint q = 0u; q < 4u; q++) sum[q] = fma(x, panel[min(j + q, i) * POTRF_PITCH + k], sum[q]);
  }
  for (uint q = 0u; q < 4u && j + q <= i; q++) a[j + q] -= sum[q];
}

kernel void potrf_block(constant potrf_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                        device float *A [[buffer(2)]], device uint *info [[buffer(3)]],
                        device uint *going [[buffer(4)]], uint t [[thread_index_in_threadgroup]],
                        uint lane [[thread_index_in_simdgroup]],
                        uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float leaf[POTRF_LEAF * POTRF_LEAF];
  threadgroup float panel[96u * POTRF_PITCH];
  threadgroup uint right[4];
  if (*gate == 0u) return;
  for (uint first = 0u; first < p.n; first += POTRF_LEAF) {
    uint order = min(POTRF_LEAF, p.n - first);
    uint below = p.n - first - order;
    device float *corner = A + ulong(first) * p.ld + first;
    if (simdgroup == 0u) {
      uint columns = potrf_leaf(corner, p.ld, order, leaf, lane);
      if (lane == 0u) right[0] = columns;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    uint good = right[0];
    device float *under = corner + ulong(order) * p.ld;
    if (t < below) potrf_row(under + ulong(t) * p.ld, leaf, panel + t * POTRF_PITCH);
    if (good < order) {
      if (t == 0u) {
        *info = p.base + first + good + 1u;
        *going = 0u;
      }
      return;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    uint quads = (below + 3u) / 4u;
    for (uint at = t; at < below * quads; at += 128u) {
      uint i = at / quads;
      uint j = at % quads * 4u;
      if (j <= i) potrf_update(under + ulong(i) * p.ld + order, i, j, panel);
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  }
}
