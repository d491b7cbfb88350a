/* orth.metal: one certified panel of Gram-Schmidt, but for its Gram matrix (product_f64.metal) and its triangular
 * solve (trsm.metal).
 *   orth_factor  guarded Cholesky factor of the Gram matrix in df32, by panels of 16 rows; 256 threads, 20480 bytes,
 *                1 group
 *   orth_fill    random numbers in dead columns, a thread for each row; 256 threads; grid (m / 256) */
#include <metal_stdlib>
using namespace metal;
#include "f64.h"
#include "orth_args.h"
#include "random.h"
#include "wide.h"
#pragma METAL fp contract(off)

constant constexpr uint ORTH_ROWS = 16u;
constant constexpr float ORTH_SHIFT = 3.637978807091713e-12f;
constant constexpr float ORTH_DEAD = 3.637978807091713e-15f;
constant constexpr float ORTH_FAR = 0.25f; /* square of the distance from I that a certificate allows */

/* Whether x 2^e is a length of at most the floor; NaN is not. */
inline bool orth_short(constant orth_args &p, float2 x, int e) {
  scaled floor = scaled_of(float2(-p.floor_hi, -p.floor_lo), p.floor_exponent);
  return scaled_add(scaled_of(x, e), floor).v.x <= 0.0f;
}

/* Whether the square of a length, g 2^2e, is at least 0.999. */
inline bool orth_entered(float2 g, int e) {
  scaled least = scaled_of(float2(-0.999f, -1.2874603271484e-8f), 0);
  return scaled_add(scaled_of(g, 2 * e), least).v.x >= 0.0f;
}

/* The rows of a panel short of the part that the finished rows of R above it give. A thread works on every other row
 * of its column, the same ones that it filled with the Gram matrix. */
inline void orth_panel(device const float2 *R, uint first, uint column, uint half_of, float diagonal,
                       threadgroup float2 *panel) {
  float2 sum[8];
#pragma unroll
  for (uint q = 0u; q < 8u; q++) {
    uint i = first + half_of + 2u * q;
    sum[q] = float2(0.0f, 0.0f);
    if (i < column) sum[q] = R[i * ORTH_COLUMNS + column];
    if (i == column) sum[q] = float2(1.0f, diagonal);
  }
  for (uint k = 0u; k < first && column >= first; k++) {
    float2 r = R[k * ORTH_COLUMNS + column];
#pragma unroll
    for (uint q = 0u; q < 8u; q++) {
      sum[q] = df_sub(sum[q], df_mul(R[k * ORTH_COLUMNS + first + half_of + 2u * q], r));
    }
  }
#pragma unroll
  for (uint q = 0u; q < 8u; q++) panel[(half_of + 2u * q) * ORTH_COLUMNS + column] = sum[q];
}

/* Finishes row j of the panel and takes it from the rows below. The row of a dead column is 0 but for its diagonal. */
inline void orth_row(device float2 *R, uint b, uint first, uint j, uint column, uint half_of, float2 pivot, bool gone,
                     threadgroup float2 *panel) {
  uint i = first + j;
  if (half_of == 0u && column >= i && column < b) {
    float2 r = float2(0.0f, 0.0f);
    if (column == i) r = pivot;
    else if (!gone) r = df_div(panel[j * ORTH_COLUMNS + column], pivot);
    panel[j * ORTH_COLUMNS + column] = r;
    R[i * ORTH_COLUMNS + column] = r;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint below = half_of; below < ORTH_ROWS && !gone; below += 2u) {
    if (below <= j || column < first + below || column >= b) continue;
    float2 part = df_mul(panel[j * ORTH_COLUMNS + first + below], panel[j * ORTH_COLUMNS + column]);
    panel[below * ORTH_COLUMNS + column] = df_sub(panel[below * ORTH_COLUMNS + column], part);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
}

/* What the columns are before anything is projected: length, its inverse, dead or not, entered long enough or not. */
inline void orth_column(constant orth_args &p, float2 g, int e, uint column, threadgroup float2 *norm,
                        threadgroup float2 *inverse, threadgroup uint *gone, threadgroup uint *entered) {
  float2 length = df_sqrt(g);
  bool lost = orth_short(p, length, e);
  norm[column] = length;
  inverse[column] = lost ? float2(0.0f, 0.0f) : df_div(float2(1.0f, 0.0f), length);
  gone[column] = lost ? 1u : 0u;
  entered[column] = orth_entered(g, e) ? 1u : 0u;
}

/* The certificate, and for the fill which columns are dead and, behind them, how many. */
inline void orth_certify(uint b, bool near, threadgroup const uint *gone, threadgroup const uint *entered,
                         device uint *info, device uint *dead) {
  uint count = 0u;
  bool certified = near;
  for (uint j = 0u; j < b; j++) {
    dead[j] = gone[j];
    count += gone[j];
    certified = certified && entered[j] != 0u;
  }
  dead[ORTH_COLUMNS] = count;
  info[0] = !certified || count > 0u ? 1u : 0u;
  info[1] = count;
}

kernel void orth_factor(constant orth_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                        device const float2 *G [[buffer(2)]], device const uint *largest [[buffer(3)]],
                        device float2 *R [[buffer(4)]], device float *T [[buffer(5)]],
                        device float *solver [[buffer(6)]], device uint *info [[buffer(7)]],
                        device uint *dead [[buffer(8)]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float2 panel[ORTH_ROWS * ORTH_COLUMNS];
  threadgroup float2 norm[ORTH_COLUMNS];
  threadgroup float2 inverse[ORTH_COLUMNS];
  threadgroup uint gone[ORTH_COLUMNS];
  threadgroup uint entered[ORTH_COLUMNS];
  threadgroup float off[256];
  if (*gate == 0u) return;
  uint column = t % ORTH_COLUMNS;
  uint half_of = t / ORTH_COLUMNS;
  bool used = column < p.b;
  int e = used ? wide_shift(largest[column]) : 0;
  if (half_of == 0u && used) orth_column(p, G[column * p.b + column], e, column, norm, inverse, gone, entered);
  threadgroup_barrier(mem_flags::mem_threadgroup);

  float sum = 0.0f;
  for (uint i = half_of; i < column && used; i += 2u) {
    float2 r = df_mul(G[i * p.b + column], df_mul(inverse[i], inverse[column]));
    R[i * ORTH_COLUMNS + column] = r;
    sum += 2.0f * r.x * r.x;
  }
  off[t] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint s = 128u; s > 0u; s /= 2u) {
    if (t < s) off[t] += off[t + s];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  bool near = off[0] <= ORTH_FAR;

  for (uint first = 0u; first < p.b; first += ORTH_ROWS) {
    orth_panel(R, first, column, half_of, near ? 0.0f : ORTH_SHIFT, panel);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    for (uint i = first; i < min(first + ORTH_ROWS, p.b); i++) {
      float2 d = panel[(i - first) * ORTH_COLUMNS + i];
      float2 root = df_sqrt(d);
      bool lost = gone[i] != 0u || d.x <= ORTH_DEAD || orth_short(p, df_mul(root, norm[i]), wide_shift(largest[i]));
      threadgroup_barrier(mem_flags::mem_threadgroup);
      if (t == i && lost) gone[t] = 1u;
      orth_row(R, p.b, first, i - first, column, half_of, lost ? float2(1.0f, 0.0f) : root, lost, panel);
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  }

  for (uint i = half_of; i < p.b && used; i += 2u) {
    float x = 0.0f;
    if (column >= i && gone[i] == 0u) x = scale_by(df_mul(R[i * ORTH_COLUMNS + column], norm[column]).x, e);
    T[ulong(i) * p.t_ld + column] = x;
    solver[i * ORTH_COLUMNS + column] = i == column && gone[i] != 0u ? 1.0f : x;
  }
  if (t == 0u) orth_certify(p.b, near, gone, entered, info, dead);
}

kernel void orth_fill(constant orth_fill_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                      device const uint *dead [[buffer(2)]], device float *W [[buffer(3)]],
                      uint group [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  if (*gate == 0u || dead[ORTH_COLUMNS] == 0u) return;
  uint i = group * 256u + t;
  if (i >= p.m) return;
  for (uint j = 0u; j < p.b; j++) {
    if (dead[j] == 0u) continue;
    uint4 words = random_words(i, j / 4u, RANDOM_NORMAL, uint2(p.seed_low, p.seed_high));
    float x = random_normal(words[j % 4u]);
    W[ulong(i) * p.ld + j] = df_div(float2(x, 0.0f), float2(p.length_hi, p.length_lo)).x;
  }
}
