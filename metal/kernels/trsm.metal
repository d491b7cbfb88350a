/* trsm.metal: triangular systems of at most 128 unknowns by true substitution, a thread for each right-hand side:
 * blocks of 32 unknowns in registers, the block of T and the right-hand sides staged. Chains have 32 steps.
 *   trsm_leaf  128 right-hand sides; 128 threads, 20992 bytes; grid (right-hand sides / 128) */
#include <metal_stdlib>
using namespace metal;
#include "trsm_args.h"
#pragma METAL fp contract(off)

constant constexpr uint TRSM_BLOCK = 32u;
constant constexpr uint TRSM_STRIP = 128u;
constant constexpr uint TRSM_PITCH = 33u;

/* Place of an unknown: an upper triangle is solved from its end, so that all below may speak of a lower one. */
inline uint trsm_at(constant trsm_args &p, uint i) { return p.lower != 0u ? i : p.n - 1u - i; }

/* Copies 32 unknowns of the strip between B and the tile; threads run along what is contiguous. A thread loads only
 * what it stored itself, so what is solved needs no barrier of device memory on its way back. */
inline void trsm_load(constant trsm_args &p, device const float *b, uint first, uint width, threadgroup float *tile,
                      uint t) {
  for (uint q = 0u; q < TRSM_BLOCK; q++) {
    uint i = p.b_row == 1u ? t % TRSM_BLOCK : q;
    uint r = p.b_row == 1u ? q * 4u + t / TRSM_BLOCK : t;
    float x = 0.0f;
    if (first + i < p.n && r < width) x = b[ulong(trsm_at(p, first + i)) * p.b_row + ulong(r) * p.b_col];
    tile[r * TRSM_PITCH + i] = x;
  }
}

inline void trsm_store(constant trsm_args &p, device float *b, uint first, uint width, threadgroup const float *tile,
                       uint t) {
  for (uint q = 0u; q < TRSM_BLOCK; q++) {
    uint i = p.b_row == 1u ? t % TRSM_BLOCK : q;
    uint r = p.b_row == 1u ? q * 4u + t / TRSM_BLOCK : t;
    if (first + i >= p.n || r >= width) continue;
    b[ulong(trsm_at(p, first + i)) * p.b_row + ulong(r) * p.b_col] = tile[r * TRSM_PITCH + i];
  }
}

/* The block of T at rows `row`, columns `col`, by columns. Beyond the end of T it is the identity; what lies above the
 * diagonal, and a unit diagonal, is not read. */
inline void trsm_load_block(constant trsm_args &p, device const float *T, uint row, uint col, threadgroup float *block,
                            uint t) {
  for (uint q = 0u; q < 8u; q++) {
    uint at = q * TRSM_STRIP + t;
    uint i = p.t_col == 1u ? at / TRSM_BLOCK : at % TRSM_BLOCK;
    uint j = p.t_col == 1u ? at % TRSM_BLOCK : at / TRSM_BLOCK;
    bool diagonal = row + i == col + j;
    bool given = row + i < p.n && col + j <= row + i && !(diagonal && p.unit != 0u);
    float x = diagonal ? 1.0f : 0.0f;
    if (given) x = T[ulong(trsm_at(p, row + i)) * p.t_row + ulong(trsm_at(p, col + j)) * p.t_col];
    block[j * TRSM_BLOCK + i] = x;
  }
}

kernel void trsm_leaf(constant trsm_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                      device const float *T [[buffer(2)]], device float *B [[buffer(3)]],
                      uint group [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[TRSM_STRIP * TRSM_PITCH];
  threadgroup float block[TRSM_BLOCK * TRSM_BLOCK];
  if (*gate == 0u) return;
  uint strip = group * TRSM_STRIP;
  uint width = min(TRSM_STRIP, p.count - strip);
  device float *b = B + ulong(strip) * p.b_col;
  threadgroup float *mine = tile + t * TRSM_PITCH;
  for (uint first = 0u; first < p.n; first += TRSM_BLOCK) {
    float x[32];
    trsm_load(p, b, first, width, tile, t);
    threadgroup_barrier(mem_flags::mem_threadgroup);
#pragma unroll
    for (uint i = 0u; i < 32u; i++) x[i] = fma(p.alpha, mine[i], p.alpha_low * mine[i]);

    for (uint known = 0u; known < first; known += TRSM_BLOCK) {
      float sum[32];
      threadgroup_barrier(mem_flags::mem_threadgroup);
      trsm_load(p, b, known, width, tile, t);
      trsm_load_block(p, T, first, known, block, t);
      threadgroup_barrier(mem_flags::mem_threadgroup);
#pragma unroll
      for (uint i = 0u; i < 32u; i++) sum[i] = 0.0f;
      for (uint j = 0u; j < TRSM_BLOCK; j++) {
        float solved = mine[j];
#pragma unroll
        for (uint i = 0u; i < 32u; i++) sum[i] = fma(block[j * TRSM_BLOCK + i], solved, sum[i]);
      }
#pragma unroll
      for (uint i = 0u; i < 32u; i++) x[i] -= sum[i];
    }

    threadgroup_barrier(mem_flags::mem_threadgroup);
    trsm_load_block(p, T, first, first, block, t);
    threadgroup_barrier(mem_flags::mem_threadgroup);
#pragma unroll
    for (uint j = 0u; j < 32u; j++) {
      x[j] = x[j] / block[j * TRSM_BLOCK + j];
#pragma unroll
      for (uint i = j + 1u; i < 32u; i++) x[i] = fma(-block[j * TRSM_BLOCK + i], x[j], x[i]);
      mine[j] = x[j];
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    trsm_store(p, b, first, width, tile, t);
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
}
