/* elementwise.metal: laset, geadd, scale and laswp. Groups of 256 threads; where a group covers 2^shift columns,
 * neighbouring threads take neighbouring columns, so that loads of a row are one transaction. */
#include <metal_stdlib>
#include "f64.h"
#include "elementwise_args.h"
using namespace metal;

constant uint ROWS_OF_THREAD = 4u;

/* The first of the four rows of a thread, and its column. */
inline uint2 element_of(uint2 group, uint t, uint shift) {
  uint lane = t >> shift, lanes = 256u >> shift;
  return uint2(group.y * lanes * ROWS_OF_THREAD + lane, (group.x << shift) + (t & ((1u << shift) - 1u)));
}

kernel void laset(constant laset_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                  device uint *a [[buffer(2)]], uint2 group [[threadgroup_position_in_grid]],
                  uint t [[thread_index_in_threadgroup]]) {
  if (*gate == 0u) return;
  uint2 at = element_of(group, t, p.shift);
  uint j = at.y, lanes = 256u >> p.shift;
  for (uint r = 0u; r < ROWS_OF_THREAD; r++) {
    uint i = at.x + r * lanes;
    if (i >= p.rows || j >= p.cols) continue;
    bool below = i > j && p.uplo != 2u, above = i < j && p.uplo != 1u, on = i == j && p.keep == 0u;
    if (below || above) a[ulong(i) * p.ld + j] = p.off;
    if (on) a[ulong(i) * p.ld + j] = p.diag;
  }
}

/* alpha a + beta b, rounded once: a product alone by one multiplication, which keeps the sign of 0; else in df32, but
 * for Inf and NaN. */
inline float combine(constant geadd_args &p, float a, float b) {
  float2 alpha = float2(p.alpha_high, p.alpha_low), beta = float2(p.beta_high, p.beta_low);
  if (p.reads_b == 0u && alpha.y == 0.0f) return p.reads_a != 0u ? alpha.x * a : 0.0f;
  if (p.reads_a == 0u && beta.y == 0.0f) return beta.x * b;
  float plain = alpha.x * a + beta.x * b;
  if (is_special(plain)) return plain;
  float2 sum = p.reads_a != 0u ? df_mul_float(alpha, a) : float2(0.0f);
  if (p.reads_b != 0u) sum = df_add(sum, df_mul_float(beta, b));
  return sum.x + sum.y;
}

kernel void geadd(constant geadd_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                  device const float *a [[buffer(2)]], device float *b [[buffer(3)]],
                  uint2 group [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  if (*gate == 0u) return;
  uint2 at = element_of(group, t, p.shift);
  uint j = at.y, lanes = 256u >> p.shift;
  for (uint r = 0u; r < ROWS_OF_THREAD; r++) {
    uint i = at.x + r * lanes;
    if (i >= p.rows || j >= p.cols) continue;
    ulong to = ulong(i) * p.ld + j;
    float x = p.reads_a != 0u ? a[ulong(i) * p.rs + ulong(j) * p.cs] : 0.0f;
    float y = p.reads_b != 0u ? b[to] : 0.0f;
    b[to] = combine(p, x, y);
  }
}

/* The binary exponent of s as frexp counts; 0 for 0, Inf and NaN, and for what the device takes as 0. */
inline int exponent_of(float s) {
  int e = int((as_type<uint>(s) >> 23) & 255u);
  return e == 0 || e == 255 ? 0 : e - 126;
}

/* A column brought to size has no subnormal numbers: they count as 0, and a GPU may take them so or not. */
inline float scale_number(float x, float s, uint mode) {
  if (mode == 0u) return x * s;
  int e = exponent_of(s);
  if (mode == 1u && (as_type<uint>(x) & 0x7f800000u) == 0u) return 0.0f;
  return scale_by(x, mode == 1u ? -e : e);
}

kernel void scale(constant scale_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                  device const float *a [[buffer(2)]], device const float *s [[buffer(3)]],
                  device float *b [[buffer(4)]],
                  uint2 group [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  if (*gate == 0u) return;
  uint2 at = element_of(group, t, p.shift);
  uint j = at.y, lanes = 256u >> p.shift;
  for (uint r = 0u; r < ROWS_OF_THREAD; r++) {
    uint i = at.x + r * lanes;
    if (i >= p.rows || j >= p.cols) continue;
    float x = a[ulong(i) * p.rs + ulong(j) * p.cs];
    b[ulong(i) * p.ld + j] = scale_number(x, s[ulong(p.by_row != 0u ? i : j) * p.step], p.mode);
  }
}

/* One thread a column; the exchanges follow one another. */
kernel void laswp(constant laswp_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                  device float *a [[buffer(2)]], device const uint *pivots [[buffer(3)]],
                  uint group [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  if (*gate == 0u) return;
  uint c = group * 256u + t;
  if (c >= p.cols) return;
  ulong column = ulong(c) * p.cs;
  for (uint step = 0u; step < p.count; step++) {
    uint k = p.backward != 0u ? p.count - 1u - step : step, i = p.first + k, j = pivots[k];
    if (j >= p.rows || j == i) continue;
    ulong at = ulong(i) * p.rs + column, other = ulong(j) * p.rs + column;
    float x = a[at];
    a[at] = a[other];
    a[other] = x;
  }
}
