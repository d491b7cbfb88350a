/* product_f64.metal: alpha A B + beta C with exact products and sums in df32, for float64 results, residuals and Gram
 * matrices. Rows of A and columns of B are scaled by powers of two, so that nothing overflows or is lost below; a
 * chain has 256 steps, chains are added up in df32.
 *   wide_scan     largest |x| of rows, 32 or 8 of them a group; 256 threads, 1024 bytes; grid (rows, parts)
 *   wide_largest  of the parts; a thread a row; grid (rows / 256)
 *   wide_product  32 x 32 tile, 4 x 4 a thread; 64 threads, 13056 bytes; grid (columns, rows, parts) of tiles
 *   wide_reduce   adds the parts in their order; a thread an element; grid (m n / 256) */
#include <metal_stdlib>
using namespace metal;
#include "f64.h"
#include "product_f64_args.h"
#include "wide.h"
#pragma METAL fp contract(off)

constant constexpr uint WIDE_TILE = 32u;
constant constexpr uint WIDE_DEPTH = 16u;
constant constexpr uint WIDE_PITCH = 36u;
constant constexpr uint WIDE_CHAIN = 256u;
constant constexpr uint WIDE_PARTS_CHAIN = 32u;

kernel void wide_scan(constant wide_scan_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                      device const uint *a [[buffer(2)]], device uint *largest [[buffer(3)]],
                      uint2 group [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]],
                      uint lane [[thread_index_in_simdgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup uint seen[256];
  if (*gate == 0u) return;
  uint from = group.y * p.chunk;
  uint end = from + min(p.chunk, p.count - from);
  uint most = 0u;
  if (p.col == 1u) {
    uint i = group.x * 8u + simdgroup;
    if (i < p.rows) {
      device const uint *x = a + ulong(i) * p.row;
      for (uint l = from + lane; l < end; l += 32u) most = max(most, x[l] & 0x7fffffffu);
    }
    most = simd_max(most);
    if (lane == 0u && i < p.rows) largest[ulong(group.y) * p.rows + i] = most;
    return;
  }
  uint i = group.x * 32u + lane;
  if (i < p.rows) {
    for (uint l = from + simdgroup; l < end; l += 8u) {
      most = max(most, a[ulong(i) * p.row + ulong(l) * p.col] & 0x7fffffffu);
    }
  }
  seen[t] = most;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (simdgroup != 0u || i >= p.rows) return;
  for (uint s = 1u; s < 8u; s++) most = max(most, seen[s * 32u + lane]);
  largest[ulong(group.y) * p.rows + i] = most;
}

kernel void wide_largest(constant wide_scan_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                         device uint *largest [[buffer(2)]], uint group [[threadgroup_position_in_grid]],
                         uint t [[thread_index_in_threadgroup]]) {
  if (*gate == 0u) return;
  uint i = group * 256u + t;
  if (i >= p.rows) return;
  uint most = 0u;
  for (uint q = 0u; q < p.parts; q++) most = max(most, largest[ulong(q) * p.rows + i]);
  largest[i] = most;
}

/* Stages 16 steps of 32 rows of an operand, scaled, zero beyond its ends; threads run along what is contiguous. */
inline void wide_stage(device const float *a, uint row, uint col, uint rows, uint steps, threadgroup const int *shift,
                       threadgroup float *staged, uint t) {
  for (uint q = 0u; q < 8u; q++) {
    uint at = q * 64u + t;
    uint i = col == 1u ? at / WIDE_DEPTH : at % WIDE_TILE;
    uint l = col == 1u ? at % WIDE_DEPTH : at / WIDE_TILE;
    float x = 0.0f;
    if (i < rows && l < steps) x = a[ulong(i) * row + ulong(l) * col] * power_of_two(-shift[i]);
    staged[l * WIDE_PITCH + i] = x;
  }
}

/* Adds 16 products to each of the 4 x 4 sums of a thread. */
inline void wide_multiply(thread float2 *sum, threadgroup const float *a, threadgroup const float *b) {
  for (uint l = 0u; l < WIDE_DEPTH; l++) {
    float x[4];
    float y[4];
#pragma unroll
    for (uint q = 0u; q < 4u; q++) {
      x[q] = a[l * WIDE_PITCH + q];
      y[q] = b[l * WIDE_PITCH + q];
    }
#pragma unroll
    for (uint q = 0u; q < 16u; q++) sum[q] = df_accumulate(sum[q], x[q / 4u], y[q % 4u]);
  }
}

/* Ends the chains of a thread: adds them to its totals. */
inline void wide_fold(thread float2 *sum, threadgroup float2 *total) {
#pragma unroll
  for (uint q = 0u; q < 16u; q++) {
    total[q * 64u] = df_add(total[q * 64u], sum[q]);
    sum[q] = float2(0.0f, 0.0f);
  }
}

/* A sum that met Inf or NaN, once more as plain float32 would have it; the scaled numbers cannot overflow. */
inline float wide_plain(constant wide_args &p, device const float *a, device const float *b, uint2 at, int2 shift,
                        uint from, uint end) {
  float sum = 0.0f;
  for (uint l = from; l < end; l++) {
    float x = a[ulong(at.x) * p.a_row + ulong(l) * p.a_col] * power_of_two(-shift.x);
    float y = b[ulong(l) * p.b_row + ulong(at.y) * p.b_col] * power_of_two(-shift.y);
    float product = x * y;
    sum += product;
  }
  return sum;
}

inline scaled wide_constant(float hi, float lo, int e) { return scaled_of(float2(hi, lo), e); }

/* Element (i,j) of the result, from its product of the scaled operands, which is short of the factor 2^e. */
inline void wide_finish(constant wide_args &p, float2 product, int e, uint2 at, device const uint *addend,
                        device uint *result) {
  ulong to = ulong(at.x) * p.result_row + ulong(at.y) * p.result_col;
  if (p.result_type == WIDE_PAIR) {
    result[2u * to] = as_type<uint>(product.x);
    result[2u * to + 1u] = as_type<uint>(product.y);
    return;
  }
  scaled sum = scaled_mul(wide_constant(p.alpha.hi, p.alpha.lo, p.alpha.exponent), scaled_of(product, e));
  if (p.addend_type != WIDE_NONE) {
    ulong of = ulong(at.x) * p.addend_row + ulong(at.y) * p.addend_col;
    scaled c = scaled_of(float2(0.0f, 0.0f), 0);
    if (p.addend_type == WIDE_F32) c = scaled_of(float2(as_type<float>(addend[of]), 0.0f), 0);
    else c = f64_load(uint2(addend[2u * of], addend[2u * of + 1u]));
    sum = scaled_add(sum, scaled_mul(wide_constant(p.beta.hi, p.beta.lo, p.beta.exponent), c));
  }
  if (p.result_type == WIDE_F32) {
    result[to] = as_type<uint>(scaled_float(sum));
    return;
  }
  uint2 word = f64_store(sum);
  result[2u * to] = word.x;
  result[2u * to + 1u] = word.y;
}

inline bool wide_wanted(uint uplo, uint i, uint j) {
  return uplo == 0u || (uplo == 1u ? j <= i : j >= i);
}

kernel void wide_product(constant wide_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                         device const float *a [[buffer(2)]], device const float *b [[buffer(3)]],
                         device const uint *a_largest [[buffer(4)]], device const uint *b_largest [[buffer(5)]],
                         device const uint *addend [[buffer(6)]], device uint *result [[buffer(7)]],
                         device float2 *parts [[buffer(8)]], uint3 group [[threadgroup_position_in_grid]],
                         uint t [[thread_index_in_threadgroup]]) {
  threadgroup float staged_a[WIDE_DEPTH * WIDE_PITCH];
  threadgroup float staged_b[WIDE_DEPTH * WIDE_PITCH];
  threadgroup float2 total[1024];
  threadgroup int shift_a[WIDE_TILE];
  threadgroup int shift_b[WIDE_TILE];
  if (*gate == 0u) return;
  uint part = p.first_part + group.z;
  uint i0 = (p.first_row + group.y) * WIDE_TILE;
  uint j0 = (p.first_col + group.x) * WIDE_TILE;
  if ((p.uplo == 1u && j0 > i0) || (p.uplo == 2u && j0 < i0)) return;
  uint from = part * p.chunk;
  uint end = from + min(p.chunk, p.k - from);

  uint line = t % WIDE_TILE;
  if (t < WIDE_TILE) shift_a[line] = i0 + line < p.m ? wide_shift(a_largest[i0 + line]) : 0;
  else shift_b[line] = j0 + line < p.n ? wide_shift(b_largest[j0 + line]) : 0;
  for (uint q = 0u; q < 16u; q++) total[q * 64u + t] = float2(0.0f, 0.0f);

  uint row = t / 8u * 4u;
  uint col = t % 8u * 4u;
  float2 sum[16];
#pragma unroll
  for (uint q = 0u; q < 16u; q++) sum[q] = float2(0.0f, 0.0f);
  for (uint l = from; l < end; l += WIDE_DEPTH) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    wide_stage(a + ulong(i0) * p.a_row + ulong(l) * p.a_col, p.a_row, p.a_col, p.m - i0, end - l, shift_a, staged_a, t);
    wide_stage(b + ulong(j0) * p.b_col + ulong(l) * p.b_row, p.b_col, p.b_row, p.n - j0, end - l, shift_b, staged_b, t);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    wide_multiply(sum, staged_a + row, staged_b + col);
    if ((l - from) % WIDE_CHAIN == WIDE_CHAIN - WIDE_DEPTH || end - l <= WIDE_DEPTH) wide_fold(sum, total + t);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);

  for (uint q = 0u; q < 16u; q++) {
    uint2 at = uint2(i0 + row + q / 4u, j0 + col + q % 4u);
    if (at.x >= p.m || at.y >= p.n || !wide_wanted(p.uplo, at.x, at.y)) continue;
    int2 shifts = int2(shift_a[row + q / 4u], shift_b[col + q % 4u]);
    float2 value = total[q * 64u + t];
    if (is_special(value.x)) value = float2(wide_plain(p, a, b, at, shifts, from, end), 0.0f);
    if (p.parts > 1u) parts[(ulong(part) * p.m + at.x) * p.n + at.y] = value;
    else wide_finish(p, value, shifts.x + shifts.y, at, addend, result);
  }
}

kernel void wide_reduce(constant wide_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                        device const float2 *parts [[buffer(2)]], device const uint *a_largest [[buffer(3)]],
                        device const uint *b_largest [[buffer(4)]], device const uint *addend [[buffer(5)]],
                        device uint *result [[buffer(6)]], uint group [[threadgroup_position_in_grid]],
                        uint t [[thread_index_in_threadgroup]]) {
  if (*gate == 0u) return;
  ulong size = ulong(p.m) * p.n;
  ulong index = ulong(group) * 256u + t;
  if (index >= size) return;
  uint2 at = uint2(uint(index / p.n), uint(index % p.n));
  if (!wide_wanted(p.uplo, at.x, at.y)) return;
  float2 total = float2(0.0f, 0.0f);
  float plain = 0.0f;
  for (uint q0 = 0u; q0 < p.parts; q0 += WIDE_PARTS_CHAIN) {
    float2 sum = float2(0.0f, 0.0f);
    for (uint q = q0; q < min(p.parts, q0 + WIDE_PARTS_CHAIN); q++) {
      float2 part = parts[ulong(q) * size + index];
      sum = df_add(sum, part);
      plain += part.x;
    }
    total = df_add(total, sum);
  }
  if (is_special(plain)) total = float2(plain, 0.0f);
  wide_finish(p, total, wide_shift(a_largest[at.x]) + wide_shift(b_largest[at.y]), at, addend, result);
}
