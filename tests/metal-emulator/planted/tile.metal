// C = alpha A B + beta C in tiles of 16 x 16, 128 threads, an 8x8 matrix for each SIMD-group, with one fault at a time:
// the function constant chooses it, and 0 is the sound kernel.
#include <metal_stdlib>
#include <metal_simdgroup_matrix>
using namespace metal;
#pragma METAL fp contract(off)

constant uint plant [[function_constant(0)]];

constant constexpr uint NO_BARRIER_BEFORE_USE = 1;
constant constexpr uint NO_BARRIER_AFTER_USE = 2;
constant constexpr uint BARRIER_WITHOUT_MEMORY = 3;
constant constexpr uint DEVICE_READ_BEYOND = 4;
constant constexpr uint DEVICE_WRITE_BEYOND = 5;
constant constexpr uint THREADGROUP_BEYOND = 6;
constant constexpr uint THREADGROUP_UNWRITTEN = 7;
constant constexpr uint DIVERGENT_BARRIER = 8;
constant constexpr uint RETURN_BEFORE_BARRIER = 9;
constant constexpr uint GROUPS_SHARE_A_WORD = 10;
constant constexpr uint TAIL_OF_A = 11;
constant constexpr uint TAIL_OF_B = 12;
constant constexpr uint BETA_ZERO_READS_C = 13;
constant constexpr uint WRONG_LANE_MAP = 14;
constant constexpr uint OFFSET_OF_32_BITS = 15;
constant constexpr uint LOCKSTEP = 16;

struct tile_args {
  uint m, n, k, lda, ldb, ldc;
  float alpha, beta;
};

inline void load_tiles(constant tile_args &p, device const float *A, device const float *B, threadgroup float *a,
                       threadgroup float *b, uint i0, uint j0, uint k0, uint t) {
  const uint rows = plant == DEVICE_READ_BEYOND ? p.m + 1 : p.m;
  for (uint e = t; e < 256; e += 128) {
    const uint i = e / 16, j = e % 16;
    const bool in_a = i0 + i < rows && (k0 + j < p.k || plant == TAIL_OF_A);
    const bool in_b = (k0 + i < p.k || plant == TAIL_OF_B) && j0 + j < p.n;
    const ulong row = plant == OFFSET_OF_32_BITS ? ulong((i0 + i) * p.lda) : ulong(i0 + i) * p.lda;
    a[plant == THREADGROUP_BEYOND ? e + 1 : e] = in_a ? A[row + k0 + j] : 0.0f;
    if (plant != THREADGROUP_UNWRITTEN || e < 255) {
      b[e] = in_b ? B[ulong(k0 + i) * p.ldb + j0 + j] : 0.0f;
    }
  }
}

// Writes both elements of a lane, by the lane map of Apple's GPUs.
inline void store_tile(constant tile_args &p, device float *C, simdgroup_float8x8 sum, uint i0, uint j0, uint lane) {
  const uint q = lane / 4;
  const uint i = plant == WRONG_LANE_MAP ? lane / 4 : (q & 4) + lane / 2 % 4;
  const uint j = plant == WRONG_LANE_MAP ? lane % 4 * 2 : (q & 2) * 2 + lane % 2 * 2;
  const uint rows = plant == DEVICE_WRITE_BEYOND ? p.m + 1 : p.m;
  for (uint e = 0; e < 2; e++) {
    if (i0 + i >= rows || j0 + j + e >= p.n) {
      continue;
    }
    device float *c = C + ulong(i0 + i) * p.ldc + j0 + j + e;
    const float product = p.alpha * sum.thread_elements()[e];
    if (p.beta == 0.0f && plant != BETA_ZERO_READS_C) {
      *c = product;
    } else {
      *c = fma(p.beta, *c, product);
    }
  }
}

kernel void tile(constant tile_args &p [[buffer(0)]], device const float *A [[buffer(1)]],
                 device const float *B [[buffer(2)]], device float *C [[buffer(3)]],
                 uint2 group [[threadgroup_position_in_grid]], ushort t [[thread_index_in_threadgroup]],
                 ushort lane [[thread_index_in_simdgroup]], ushort s [[simdgroup_index_in_threadgroup]]) {
  threadgroup float a[256];
  threadgroup float b[256];
  const uint i0 = group.y * 16;
  const uint j0 = group.x * 16;
  if (plant == RETURN_BEFORE_BARRIER && i0 + t / 8 >= p.m) {
    return;
  }
  simdgroup_float8x8 sum = make_filled_simdgroup_matrix<float, 8>(0.0f);
  simdgroup_float8x8 x;
  simdgroup_float8x8 y;
  for (uint k0 = 0; k0 < p.k; k0 += 16) {
    load_tiles(p, A, B, a, b, i0, j0, k0, t);
    if (plant == BARRIER_WITHOUT_MEMORY) {
      threadgroup_barrier(mem_flags::mem_none);
    } else if (plant == DIVERGENT_BARRIER) {
      if (t < 96) {
        threadgroup_barrier(mem_flags::mem_threadgroup);
      }
    } else if (plant != NO_BARRIER_BEFORE_USE) {
      threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    for (uint k = 0; k < 16; k += 8) {
      simdgroup_load(x, a + s / 2 * 128 + k, 16);
      simdgroup_load(y, b + k * 16 + s % 2 * 8, 16);
      simdgroup_multiply_accumulate(sum, x, y, sum);
    }
    if (plant != NO_BARRIER_AFTER_USE) {
      threadgroup_barrier(mem_flags::mem_threadgroup);
    }
  }
  if (plant == LOCKSTEP) {
    a[t] = float(t);
    sum.thread_elements()[0] += 0.0f * a[t ^ 1];
  }
  store_tile(p, C, sum, i0 + s / 2 * 8, j0 + s % 2 * 8, lane);
  if (plant == GROUPS_SHARE_A_WORD && t == 127) {
    C[0] += 0.0f;
  }
}
