/* gemv.metal: a matrix times a vector, with K split into parts. A lane adds chains of float32, and those as pairs.
 *   gemv    the rows of A lie along memory: a simdgroup for four rows of a part, its lanes side by side in K. 256
 *           threads, no threadgroup memory; grid (ceil(ceil(m/4) parts / 8)).
 *   gemv_t  y = A'x, the columns of A lie side by side: 256 threads are `width` <= 64 places along a row, with four
 *           columns each, times 256/width rows. 8192 bytes of threadgroup memory; grid (ceil(m/(4 width)) parts). */
#include <metal_stdlib>
#include <metal_simdgroup>
using namespace metal;
#include "products.h"
#pragma METAL fp contract(off)

constant constexpr uint GEMV_ROWS = 4u;    /* of a simdgroup in gemv, */
constant constexpr uint GEMV_COLUMNS = 4u; /* of a thread in gemv_t: a number of x serves so many of A */
constant constexpr uint GEMV_THREADS = 256u;

kernel void gemv(constant gemv_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                 device const float *a [[buffer(2)]], device const float *x [[buffer(3)]],
                 device float *y [[buffer(4)]], uint group [[threadgroup_position_in_grid]],
                 uint simdgroup [[simdgroup_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]]) {
  if (*gate == 0u) return;
  const uint quads = (p.m + GEMV_ROWS - 1u) / GEMV_ROWS, number = (p.first + group) * 8u + simdgroup;
  const uint part = number / quads, i0 = number % quads * GEMV_ROWS, rows = min(GEMV_ROWS, p.m - i0);
  if (part >= p.parts) return;
  const uint begin = part * p.part, end = min(p.k, begin + p.part);
  device const float *row = a + ulong(i0) * p.lda;
  float hi[GEMV_ROWS] = {0.0f, 0.0f, 0.0f, 0.0f};
  float lo[GEMV_ROWS] = {0.0f, 0.0f, 0.0f, 0.0f};
  uint k = begin + lane;
  while (k < end) {
    float sum[GEMV_ROWS] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (uint step = 0u; step < p.chain && k < end; step++) {
      const float factor = x[ulong(k) * p.x_step];
#pragma unroll
      for (uint r = 0u; r < GEMV_ROWS; r++) {
        if (r < rows) sum[r] = fma(row[ulong(r) * p.lda + k], factor, sum[r]);
      }
      k += 32u;
    }
#pragma unroll
    for (uint r = 0u; r < GEMV_ROWS; r++) product_add(hi[r], lo[r], sum[r]);
  }
#pragma unroll
  for (uint r = 0u; r < GEMV_ROWS; r++) {
    for (ushort distance = 16; distance != 0; distance /= 2) {
      const float other = simd_shuffle_xor(hi[r], distance);
      const float other_low = simd_shuffle_xor(lo[r], distance);
      product_add(hi[r], lo[r], other);
      lo[r] = lo[r] + other_low;
    }
    if (lane == 0u && r < rows) {
      product_store(p.scale, hi[r], lo[r], y + (ulong(part) * p.m + i0 + r) * p.y_step);
    }
  }
}

kernel void gemv_t(constant gemv_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                   device const float *a [[buffer(2)]], device const float *x [[buffer(3)]],
                   device float *y [[buffer(4)]], uint group [[threadgroup_position_in_grid]],
                   uint index [[thread_index_in_threadgroup]]) {
  threadgroup float sums[GEMV_COLUMNS * GEMV_THREADS];
  threadgroup float lows[GEMV_COLUMNS * GEMV_THREADS];
  if (*gate == 0u) return;
  const uint strip = GEMV_COLUMNS * p.width, strips = (p.m + strip - 1u) / strip, number = p.first + group;
  const uint part = number / strips, rows = GEMV_THREADS / p.width;
  const uint j0 = number % strips * strip + index % p.width;
  const uint columns = j0 < p.m ? min(GEMV_COLUMNS, (p.m - j0 + p.width - 1u) / p.width) : 0u;
  const uint end = min(p.k, (part + 1u) * p.part);
  float hi[GEMV_COLUMNS] = {0.0f, 0.0f, 0.0f, 0.0f};
  float lo[GEMV_COLUMNS] = {0.0f, 0.0f, 0.0f, 0.0f};
  uint k = columns > 0u ? part * p.part + index / p.width : end;
  while (k < end) {
    float sum[GEMV_COLUMNS] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (uint step = 0u; step < p.chain && k < end; step++) {
      const float factor = x[ulong(k) * p.x_step];
      device const float *row = a + ulong(k) * p.lda + j0;
#pragma unroll
      for (uint c = 0u; c < GEMV_COLUMNS; c++) {
        if (c < columns) sum[c] = fma(row[c * p.width], factor, sum[c]);
      }
      k += rows;
    }
#pragma unroll
    for (uint c = 0u; c < GEMV_COLUMNS; c++) product_add(hi[c], lo[c], sum[c]);
  }
#pragma unroll
  for (uint c = 0u; c < GEMV_COLUMNS; c++) {
    sums[c * GEMV_THREADS + index] = hi[c];
    lows[c * GEMV_THREADS + index] = lo[c];
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const uint c = index / p.width, j = j0 + c * p.width, at = c * GEMV_THREADS + index % p.width;
  if (c >= GEMV_COLUMNS || j >= p.m) return;
  float sum = 0.0f;
  float low = 0.0f;
  for (uint r = 0u; r < rows; r++) {
    product_add(sum, low, sums[at + r * p.width]);
    low = low + lows[at + r * p.width];
  }
  product_store(p.scale, sum, low, y + (ulong(part) * p.m + j) * p.y_step);
}
