/* apply.metal: what a round of block Jacobi reads of its matrix and does to it, for pairs of blocks that lie on the
 * device. Members are the columns (or rows) of the two blocks of a pair.
 *   apply_mean  (S + S')/2 of a principal submatrix S; an element a thread; 256 threads; grid (k*k / 256, pairs)
 *   apply_gram  X'X in df32, 4 x 4 elements of the lower triangle a thread; 256 threads, 5632 bytes; grid (pairs)
 *   apply_turn  X = X B in place, 32 lines of the members a group, 4 x 4 elements a thread; 128 threads, 24832 bytes;
 *               grid (lines / 32, pairs) */
#include <metal_stdlib>
using namespace metal;
#include "f64.h"
#include "jacobi_args.h"
#include "wide.h"
#pragma METAL fp contract(off)

constant uint APPLY_ORDER = 64u;
constant uint APPLY_NONE = 0xffffffffu;
constant uint APPLY_DEPTH = 16u;
constant uint APPLY_TILES = 136u; /* of 4 x 4 in the lower triangle of a block of 64 */
constant uint APPLY_LINES = 32u;
constant uint APPLY_PITCH = 33u;

/* Number in A of member i of a pair; APPLY_NONE where its block is none of A. */
inline uint apply_member(constant apply_args &p, device const uint *pairs, uint pair, uint i) {
  uint w = p.k / 2u;
  uint number = pairs[ulong(i < w ? 0u : p.pairs_ld) + pair];
  return number < p.blocks ? number * w + i % w : APPLY_NONE;
}

inline void apply_store(constant apply_args &p, device uint *B, uint pair, uint i, uint j, scaled x) {
  ulong at = (ulong(pair) * p.k + i) * p.b_ld + j;
  if (p.wide == 0u) {
    B[at] = as_type<uint>(scaled_float(x));
    return;
  }
  uint2 word = f64_store(x);
  B[2ul * at] = word.x;
  B[2ul * at + 1ul] = word.y;
}

kernel void apply_mean(constant apply_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                       device const float *A [[buffer(2)]], device const uint *pairs [[buffer(3)]],
                       device uint *B [[buffer(4)]], uint2 group [[threadgroup_position_in_grid]],
                       uint t [[thread_index_in_threadgroup]]) {
  if (*gate == 0u) return;
  uint pair = p.first + group.y;
  uint e = group.x * 256u + t;
  if (e >= p.k * p.k) return;
  uint i = e / p.k;
  uint j = e % p.k;
  uint a = apply_member(p, pairs, pair, i);
  uint b = apply_member(p, pairs, pair, j);
  float2 mean = float2(0.0f, 0.0f);
  if (a != APPLY_NONE && b != APPLY_NONE) {
    float one = 0.5f * A[ulong(a) * p.line + ulong(b) * p.member];
    float other = 0.5f * A[ulong(b) * p.line + ulong(a) * p.member];
    mean = df_two_sum(one, other);
  }
  apply_store(p, B, pair, i, j, scaled_of(mean, 0));
}

/* Powers of two that the members are divided by. */
inline void apply_shifts(constant apply_args &p, device const float *A, uint member, uint t, threadgroup uint *seen,
                         threadgroup int *shift) {
  uint most = 0u;
  for (uint l = t / APPLY_ORDER; l < p.lines && member != APPLY_NONE; l += 4u) {
    most = max(most, as_type<uint>(A[ulong(l) * p.line + ulong(member) * p.member]) & 0x7fffffffu);
  }
  seen[t] = most;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t < APPLY_ORDER) {
    for (uint q = 1u; q < 4u; q++) most = max(most, seen[q * APPLY_ORDER + t]);
    shift[t] = wide_shift(most);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
}

/* A sum that met Inf or NaN, once more as plain float32 would have it. */
inline float apply_plain(constant apply_args &p, device const float *A, uint2 members, int2 shift) {
  float sum = 0.0f;
  for (uint l = 0u; l < p.lines; l++) {
    float x = A[ulong(l) * p.line + ulong(members.x) * p.member] * power_of_two(-shift.x);
    float y = A[ulong(l) * p.line + ulong(members.y) * p.member] * power_of_two(-shift.y);
    float product = x * y;
    sum += product;
  }
  return sum;
}

/* Row and column of a tile in the lower triangle. */
inline uint2 apply_tile(uint number) {
  uint row = 0u;
  while ((row + 1u) * (row + 2u) / 2u <= number) row++;
  return uint2(row, number - row * (row + 1u) / 2u);
}

/* Adds 16 products to each of the 4 x 4 sums of a thread; their own sum first, which keeps the chains short. */
inline void apply_multiply(threadgroup const float *x, threadgroup const float *y, thread float2 *total) {
  float2 sum[16];
#pragma unroll
  for (uint q = 0u; q < 16u; q++) sum[q] = float2(0.0f, 0.0f);
  for (uint l = 0u; l < APPLY_DEPTH; l++) {
#pragma unroll
    for (uint q = 0u; q < 16u; q++) {
      sum[q] = df_accumulate(sum[q], x[l * APPLY_ORDER + q / 4u], y[l * APPLY_ORDER + q % 4u]);
    }
  }
#pragma unroll
  for (uint q = 0u; q < 16u; q++) total[q] = df_add(total[q], sum[q]);
}

kernel void apply_gram(constant apply_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                       device const float *A [[buffer(2)]], device const uint *pairs [[buffer(3)]],
                       device uint *B [[buffer(4)]], uint group [[threadgroup_position_in_grid]],
                       uint t [[thread_index_in_threadgroup]]) {
  threadgroup float staged[APPLY_DEPTH * APPLY_ORDER];
  threadgroup uint seen[256];
  threadgroup int shift[APPLY_ORDER];
  if (*gate == 0u) return;
  uint pair = p.first + group;
  uint i = t % APPLY_ORDER;
  uint member = APPLY_NONE;
  if (i < p.k) member = apply_member(p, pairs, pair, i);
  apply_shifts(p, A, member, t, seen, shift);
  float unit = power_of_two(-shift[i]);

  uint2 tile = apply_tile(min(t, APPLY_TILES - 1u));
  bool works = t < APPLY_TILES && 4u * tile.x < p.k;
  float2 total[16];
#pragma unroll
  for (uint q = 0u; q < 16u; q++) total[q] = float2(0.0f, 0.0f);
  for (uint from = 0u; from < p.lines; from += APPLY_DEPTH) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint l = t / APPLY_ORDER; l < APPLY_DEPTH; l += 4u) {
      float x = 0.0f;
      if (member != APPLY_NONE && from + l < p.lines) x = A[ulong(from + l) * p.line + ulong(member) * p.member] * unit;
      staged[l * APPLY_ORDER + i] = x;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (works) apply_multiply(staged + 4u * tile.x, staged + 4u * tile.y, total);
  }

  for (uint q = 0u; q < 16u && works; q++) {
    uint row = 4u * tile.x + q / 4u;
    uint col = 4u * tile.y + q % 4u;
    if (row >= p.k || col > row) continue;
    int2 shifts = int2(shift[row], shift[col]);
    float2 sum = total[q];
    if (is_special(sum.x)) {
      uint2 members = uint2(apply_member(p, pairs, pair, row), apply_member(p, pairs, pair, col));
      sum = float2(apply_plain(p, A, members, shifts), 0.0f);
    }
    scaled x = scaled_of(sum, shifts.x + shifts.y);
    apply_store(p, B, pair, row, col, x);
    if (row != col) apply_store(p, B, pair, col, row, x);
  }
}

/* Line and member of element e of what a group turns, neighbours in memory one behind the other. */
inline uint2 apply_place(constant apply_args &p, uint e) {
  if (p.member == 1u) return uint2(e / APPLY_ORDER, e % APPLY_ORDER);
  return uint2(e % APPLY_LINES, e / APPLY_LINES);
}

kernel void apply_turn(constant apply_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                       device float *A [[buffer(2)]], device const uint *pairs [[buffer(3)]],
                       device const float *B [[buffer(4)]], uint2 group [[threadgroup_position_in_grid]],
                       uint t [[thread_index_in_threadgroup]]) {
  threadgroup float b[APPLY_ORDER * APPLY_ORDER];
  threadgroup float x[APPLY_ORDER * APPLY_PITCH];
  if (*gate == 0u) return;
  uint pair = p.first + group.y;
  uint p0 = apply_member(p, pairs, pair, 0u);
  uint q0 = apply_member(p, pairs, pair, p.k / 2u);
  if (pairs[2ul * p.pairs_ld + pair] == 0u || p0 == APPLY_NONE || q0 == APPLY_NONE) return;
  uint w = p.k / 2u;
  uint first = group.x * APPLY_LINES;
  uint lines = min(APPLY_LINES, p.lines - first);
  device float *a = A + ulong(first) * p.line;

  for (uint e = t; e < APPLY_ORDER * APPLY_ORDER; e += 128u) {
    uint i = e / APPLY_ORDER;
    uint j = e % APPLY_ORDER;
    b[e] = i < p.k && j < p.k ? B[(ulong(pair) * p.k + i) * p.b_ld + j] : 0.0f;
  }
  for (uint e = t; e < APPLY_ORDER * APPLY_LINES; e += 128u) {
    uint2 at = apply_place(p, e);
    uint member = at.y < w ? p0 + at.y : q0 + at.y - w;
    float value = 0.0f;
    if (at.x < lines && at.y < p.k) value = a[ulong(at.x) * p.line + ulong(member) * p.member];
    x[at.y * APPLY_PITCH + at.x] = value;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);

  /* The sums of the two blocks are added at the end: no chain is longer than 32. */
  uint line = t / 16u * 4u;
  uint col = t % 16u * 4u;
  float sum[16];
  float total[16];
#pragma unroll
  for (uint q = 0u; q < 16u; q++) total[q] = 0.0f;
  for (uint from = 0u; from < p.k; from += w) {
#pragma unroll
    for (uint q = 0u; q < 16u; q++) sum[q] = 0.0f;
    for (uint l = from; l < from + w; l++) {
#pragma unroll
      for (uint q = 0u; q < 16u; q++) {
        sum[q] = fma(x[l * APPLY_PITCH + line + q / 4u], b[l * APPLY_ORDER + col + q % 4u], sum[q]);
      }
    }
#pragma unroll
    for (uint q = 0u; q < 16u; q++) total[q] += sum[q];
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
#pragma unroll
  for (uint q = 0u; q < 16u; q++) x[(col + q % 4u) * APPLY_PITCH + line + q / 4u] = total[q];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint e = t; e < APPLY_ORDER * APPLY_LINES; e += 128u) {
    uint2 at = apply_place(p, e);
    uint member = at.y < w ? p0 + at.y : q0 + at.y - w;
    if (at.x < lines && at.y < p.k) a[ulong(at.x) * p.line + ulong(member) * p.member] = x[at.y * APPLY_PITCH + at.x];
  }
}
