/* getrf.metal: LU factors of a leaf, rows x width (at most 32), with partial pivoting, column by column. One
 * threadgroup of 512 threads: the largest number of a column is known only when all rows have it. */
#include <metal_stdlib>
#include "getrf_args.h"
using namespace metal;
#pragma METAL fp contract(off)

constant uint GETRF_THREADS = 512u;

/* The larger number, or of equal ones the first row. A NaN is larger than nothing. */
inline bool getrf_better(float size, uint row, float than, uint than_row) {
  return size > than || (size == than && row < than_row);
}

/* The row of the largest number in column t, from row t down, in rows[0]; t where all are NaN. */
inline void getrf_pivot(constant getrf_args &p, device const float *a, uint t, uint thread_id,
                        threadgroup float *sizes, threadgroup uint *rows) {
  float size = -1.0f;
  uint row = t;
  for (uint i = t + thread_id; i < p.rows; i += GETRF_THREADS) {
    float x = fabs(a[ulong(i) * p.ld + t]);
    if (x > size) {
      size = x;
      row = i;
    }
  }
  sizes[thread_id] = size;
  rows[thread_id] = row;
  for (uint half_way = GETRF_THREADS / 2u; half_way > 0u; half_way >>= 1) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (thread_id < half_way && getrf_better(sizes[thread_id + half_way], rows[thread_id + half_way],
                                             sizes[thread_id], rows[thread_id])) {
      sizes[thread_id] = sizes[thread_id + half_way];
      rows[thread_id] = rows[thread_id + half_way];
    }
  }
  /* Device memory too: the rows that all have read here are exchanged next. */
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
}

kernel void getrf_leaf(constant getrf_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                       device float *a [[buffer(2)]], device uint *pivots [[buffer(3)]],
                       device uint *info [[buffer(4)]], uint thread_id [[thread_index_in_threadgroup]]) {
  threadgroup float sizes[512];
  threadgroup uint rows[512];
  threadgroup float top[32];
  if (*gate == 0u) return;
  uint zero = 0u;
  for (uint t = 0u; t < p.width; t++) {
    getrf_pivot(p, a, t, thread_id, sizes, rows);
    uint row = rows[0];
    if (thread_id < p.width) {
      float x = a[ulong(row) * p.ld + thread_id];
      if (row != t) {
        a[ulong(row) * p.ld + thread_id] = a[ulong(t) * p.ld + thread_id];
        a[ulong(t) * p.ld + thread_id] = x;
      }
      top[thread_id] = x;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float pivot = top[t];
    if (thread_id == 0u) pivots[t] = p.first + row;
    if (pivot == 0.0f && zero == 0u) zero = p.first + t + 1u;
    for (uint i = t + 1u + thread_id; i < p.rows; i += GETRF_THREADS) {
      device float *line = a + ulong(i) * p.ld;
      float factor = pivot == 0.0f ? line[t] : line[t] / pivot;
      line[t] = factor;
      for (uint c = t + 1u; c < p.width; c++) line[c] = fma(-factor, top[c], line[c]);
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  }
  if (thread_id == 0u && (p.first == 0u || (info[0] == 0u && zero != 0u))) info[0] = zero;
}
