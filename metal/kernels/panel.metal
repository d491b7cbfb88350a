/* panel.metal: the steps of a column of latrd and labrd: the column as the reflectors so far have made it, its own
 * reflector, a pass over the matrix, and what that makes of the next vector. Sums in df32, in an order that depends
 * on the shapes only. 256 threads, one element each, unless a kernel says otherwise. */
#include <metal_stdlib>
#include "df32.h"
#include "f64.h"
#include "panel_args.h"
using namespace metal;

/* The sum of 256 numbers, in sums[0]. */
inline void panel_sum(threadgroup float2 *sums, float2 mine, uint t) {
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sums[t] = mine;
  for (uint half_way = 128u; half_way > 0u; half_way >>= 1) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (t < half_way) sums[t] = df_add(sums[t], sums[t + half_way]);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
}

kernel void panel_line(constant panel_line_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                       device const float *a [[buffer(2)]], device const float *vectors [[buffer(3)]],
                       device const float *other [[buffer(4)]], device float2 *x [[buffer(5)]],
                       device float2 *partial [[buffer(6)]], uint group [[threadgroup_position_in_grid]],
                       uint t [[thread_index_in_threadgroup]]) {
  threadgroup float2 sums[256];
  if (*gate == 0u) return;
  uint i = p.from + group * 256u + t;
  float2 value = float2(0.0f);
  if (i < p.length) {
    value.x = a[ulong(i) * p.step];
    for (uint s = 0u; s < p.count; s++) {
      float c = other[ulong(s ^ p.flip) * p.other_length + p.at];
      value = df_accumulate(value, -vectors[ulong(s) * p.length + i], c);
    }
    x[i] = value;
  }
  panel_sum(sums, i >= p.rest && i < p.length ? df_mul(value, value) : float2(0.0f), t);
  if (t == 0u) partial[group] = sums[0];
}

/* x as float32 or float64 into DE. */
inline void panel_band(constant panel_reflect_args &p, device uint *de, uint row, float2 x) {
  ulong at = ulong(row) * p.de_ld + p.de_column;
  if (p.wide != 0u) {
    uint2 words = f64_store(scaled_of(x, 0));
    de[2ul * at] = words.x;
    de[2ul * at + 1ul] = words.y;
  } else {
    de[at] = as_type<uint>(x.x);
  }
}

/* One threadgroup. scalars: t, and 1 where there is a reflector. */
kernel void panel_reflect(constant panel_reflect_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                          device const float2 *x [[buffer(2)]], device const float2 *partial [[buffer(3)]],
                          device float *vectors [[buffer(4)]], device float *scalars [[buffer(5)]],
                          device uint *de [[buffer(6)]], device float *triangle [[buffer(7)]],
                          uint t [[thread_index_in_threadgroup]]) {
  threadgroup float2 sums[256];
  if (*gate == 0u) return;
  const float dropped = 1.2621774483536189e-29f; /* 2^-96 */
  float2 mine = float2(0.0f);
  for (uint c = t; c < p.chunks; c += 256u) mine = df_add(mine, partial[c]);
  panel_sum(sums, mine, t);
  float2 rest = sums[0];
  bool active = p.length > p.from + 1u && !(rest.x < dropped);
  float2 first = p.from < p.length ? x[p.from] : float2(0.0f), beta = first, scale = float2(0.0f);
  if (active) {
    float2 size = first.x < 0.0f ? df_negate(first) : first;
    float2 length = df_sqrt(df_add(df_mul(first, first), rest));
    beta = first.x < 0.0f ? length : df_negate(length);
    scale = df_div(float2(1.0f, 0.0f), df_sqrt(df_mul(length, df_add(length, size))));
    first = df_sub(first, beta);
  }
  float2 squares = float2(0.0f);
  device float *v = vectors + ulong(p.slot) * p.length;
  for (uint i = p.from + t; i < p.length && active; i += 256u) {
    float2 scaled_x = df_mul(i == p.from ? first : x[i], scale);
    float rounded = scaled_x.x;
    v[i] = rounded;
    squares = df_accumulate(squares, rounded, rounded);
  }
  panel_sum(sums, squares, t);
  if (t != 0u) return;
  float half_square = active ? 0.5f * sums[0].x : 1.0f;
  scalars[0] = half_square;
  scalars[1] = active ? 1.0f : 0.0f;
  triangle[p.t_at] = half_square;
  if (p.diagonal != 0u) panel_band(p, de, 0u, x[p.from - 1u]);
  panel_band(p, de, p.de_row, beta);
}

/* A 64x64 block of A times its pieces of the vector: 128 threads, a row or a column each. */
kernel void panel_multiply(constant panel_multiply_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                           device const float *a [[buffer(2)]], device const float *vectors [[buffer(3)]],
                           device const float *scalars [[buffer(4)]], device float2 *part [[buffer(5)]],
                           uint2 group [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float block[64 * 65];
  threadgroup float along[64];
  threadgroup float down[64];
  if (*gate == 0u) return;
  bool symmetric = p.mode == 2u, on_diagonal = symmetric && group.x == group.y;
  if (scalars[1] == 0.0f || (symmetric && group.x > group.y)) return;
  uint row = group.y * 64u, col = group.x * 64u, line = t & 63u;
  for (uint k = t >> 6; k < 64u; k += 2u) {
    uint i = row + k, j = col + line;
    bool inside = i < p.rows && j < p.cols && !(on_diagonal && j > i);
    block[k * 65u + line] = inside ? a[ulong(i) * p.ld + j] : 0.0f;
  }
  if (t < 64u) along[t] = col + t < p.cols ? vectors[p.col_at + col + t] : 0.0f;
  else down[line] = row + line < p.rows ? vectors[p.row_at + row + line] : 0.0f;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float2 sum = float2(0.0f);
  if (t < 64u && p.mode != 1u) {
    for (uint k = 0u; k < 64u; k++) {
      float x = on_diagonal && k > line ? block[k * 65u + line] : block[line * 65u + k];
      sum = df_accumulate(sum, x, along[k]);
    }
    if (row + line < p.rows) part[ulong(group.x) * p.rows + row + line] = sum;
  }
  if (t >= 64u && p.mode != 0u && !on_diagonal) {
    for (uint k = 0u; k < 64u; k++) sum = df_accumulate(sum, block[k * 65u + line], down[k]);
    if (col + line < p.cols) part[ulong(group.y) * p.cols + col + line] = sum;
  }
}

/* c_s = p_s'v over the elements [from, length), a threadgroup for each s. */
kernel void panel_project(constant panel_project_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                          device const float *vectors [[buffer(2)]], device const float *scalars [[buffer(3)]],
                          device float2 *c [[buffer(4)]], device float *triangle [[buffer(5)]],
                          uint s [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float2 sums[256];
  if (*gate == 0u) return;
  if (scalars[1] == 0.0f) return;
  float2 mine = float2(0.0f);
  for (uint i = p.from + t; i < p.length; i += 256u)
    mine = df_accumulate(mine, vectors[ulong(s) * p.length + i], vectors[p.v_at + i]);
  panel_sum(sums, mine, t);
  if (t != 0u) return;
  c[s] = sums[0];
  if ((s & 1u) == p.parity) triangle[p.t_at + ulong(s / 2u) * p.t_ld] = sums[0].x;
}

kernel void panel_correct(constant panel_correct_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                          device const float2 *part [[buffer(2)]], device float *vectors [[buffer(3)]],
                          device const float *reflectors [[buffer(4)]], device const float *scalars [[buffer(5)]],
                          device const float2 *c [[buffer(6)]], device float2 *y [[buffer(7)]],
                          device float2 *partial [[buffer(8)]], uint group [[threadgroup_position_in_grid]],
                          uint t [[thread_index_in_threadgroup]]) {
  threadgroup float2 sums[256];
  if (*gate == 0u) return;
  if (scalars[1] == 0.0f) return;
  uint i = p.from + group * 256u + t;
  float2 value = float2(0.0f), product = float2(0.0f);
  if (i < p.length) {
    for (uint b = 0u; b < p.parts; b++) value = df_add(value, part[ulong(b) * p.part_length + (i - p.from)]);
    for (uint s = 0u; s < p.count; s++)
      value = df_sub(value, df_mul_float(c[s ^ p.flip], vectors[ulong(s) * p.length + i]));
    value = df_div(value, float2(scalars[0], 0.0f));
    y[i] = value;
    vectors[ulong(p.target) * p.length + i] = value.x;
    product = df_mul_float(value, reflectors[ulong(p.slot) * p.length + i]);
  }
  panel_sum(sums, product, t);
  if (t == 0u) partial[group] = sums[0];
}

/* w = y - (y'v / 2t) v. */
kernel void panel_finish(constant panel_finish_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                         device const float2 *y [[buffer(2)]], device const float2 *partial [[buffer(3)]],
                         device float *vectors [[buffer(4)]], device const float *scalars [[buffer(5)]],
                         uint group [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float2 sums[256];
  if (*gate == 0u) return;
  if (scalars[1] == 0.0f) return;
  float2 mine = float2(0.0f);
  for (uint k = t; k < p.chunks; k += 256u) mine = df_add(mine, partial[k]);
  panel_sum(sums, mine, t);
  float2 share = df_div(sums[0], float2(2.0f * scalars[0], 0.0f));
  uint i = p.from + group * 256u + t;
  if (i >= p.length) return;
  float v = vectors[ulong(p.slot) * p.length + i];
  vectors[ulong(p.target) * p.length + i] = df_sub(y[i], df_mul_float(share, v)).x;
}
