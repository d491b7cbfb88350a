/* gemm.h: one tile of C = alpha A B + beta C, BM x BN, by WM x WN simdgroups on matrices of 8 x 8. Both operands are
 * staged in threadgroup memory as they lie, BK steps of K at a time, in rows 4 numbers longer than they need to be
 * (so that the 8 rows of a matrix fall into different banks); K is filled up with zeros in both. */
#ifndef TSR_GEMM_H
#define TSR_GEMM_H
#include "products.h"
#include "triangle.h"
#pragma METAL fp contract(off)

constant constexpr uint GEMM_PAD = 4u;
constant constexpr uint GEMM_BAND = 8u; /* rows of tiles walked together, so that their operands stay cached */

/* Row and column of tile t. */
inline uint2 gemm_tile(uint t, uint rows, uint cols) {
  if (GEMM_TRIANGLE != 0u) {
    const uint row = triangle_row(t), col = t - row * (row + 1u) / 2u;
    return GEMM_TRIANGLE == TRIANGLE_LOWER ? uint2(row, col) : uint2(col, row);
  }
  const uint band = t / (GEMM_BAND * cols), within = t - band * GEMM_BAND * cols;
  const uint height = min(GEMM_BAND, rows - band * GEMM_BAND);
  return uint2(band * GEMM_BAND + within % height, within / height);
}

/* Copies OUTER rows of INNER numbers, ld apart, of which `outer` and `inner` belong to the matrix. A thread takes four
 * neighbours at a time. */
template <uint OUTER, uint INNER, uint THREADS>
inline void gemm_stage(device const float *from, uint ld, uint outer, uint inner, threadgroup float *to, uint index) {
  const bool whole = outer >= OUTER && inner >= INNER;
#pragma unroll
  for (uint q = 0u; q < OUTER * INNER / 4u; q += THREADS) {
    const uint o = (q + index) / (INNER / 4u), i = (q + index) % (INNER / 4u) * 4u;
    device const float *source = from + ulong(o) * ld + i;
    threadgroup float *target = to + o * (INNER + GEMM_PAD) + i;
    if (whole) {
#pragma unroll
      for (uint e = 0u; e < 4u; e++) target[e] = source[e];
    } else {
#pragma unroll
      for (uint e = 0u; e < 4u; e++) target[e] = o < outer && i + e < inner ? source[e] : 0.0f;
    }
  }
}

/* sums += the BK staged steps of K; `left` and `right` point at the simdgroup's first row and column. */
template <uint TM, uint TN, uint BK, uint LDA, uint LDB, bool TA, bool TB>
inline void gemm_multiply(threadgroup const float *left, threadgroup const float *right,
                          thread simdgroup_float8x8 *sums) {
#pragma unroll
  for (uint k = 0u; k < BK; k += 8u) {
    simdgroup_float8x8 a[TM];
    simdgroup_float8x8 b[TN];
#pragma unroll
    for (uint i = 0u; i < TM; i++) {
      simdgroup_load(a[i], left + (TA ? k * LDA + 8u * i : 8u * i * LDA + k), LDA, ulong2(0, 0), TA);
    }
#pragma unroll
    for (uint j = 0u; j < TN; j++) {
      simdgroup_load(b[j], right + (TB ? 8u * j * LDB + k : k * LDB + 8u * j), LDB, ulong2(0, 0), TB);
    }
#pragma unroll
    for (uint i = 0u; i < TM; i++) {
#pragma unroll
      for (uint j = 0u; j < TN; j++) {
        simdgroup_multiply_accumulate(sums[i * TN + j], a[i], b[j], sums[i * TN + j]);
      }
    }
  }
}

/* Sums of a lane: chains in matrix accumulators, chains added plainly, and pairs (see products.h). What GEMM_FOLD does
 * not need takes no registers. */
template <uint N>
struct gemm_sums {
  simdgroup_float8x8 chain[N];
  float plain[2 * N], hi[2 * N], lo[2 * N];
};

template <uint N>
inline void gemm_clear(thread gemm_sums<N> &s) {
#pragma unroll
  for (uint t = 0u; t < N; t++) s.chain[t] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
#pragma unroll
  for (uint e = 0u; e < 2u * N; e++) s.plain[e] = s.hi[e] = s.lo[e] = 0.0f;
}

/* A chain has ended. */
template <uint N>
inline void gemm_fold(thread gemm_sums<N> &s, bool group_ended) {
#pragma unroll
  for (uint e = 0u; e < 2u * N; e++) s.plain[e] = s.plain[e] + s.chain[e / 2u].thread_elements()[e % 2u];
#pragma unroll
  for (uint t = 0u; t < N; t++) s.chain[t] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
  if (GEMM_FOLD == FOLD_EXACT && group_ended) {
#pragma unroll
    for (uint e = 0u; e < 2u * N; e++) {
      product_add(s.hi[e], s.lo[e], s.plain[e]);
      s.plain[e] = 0.0f;
    }
  }
}

/* Writes the simdgroup's TM x TN matrices, whose first element is (i0,j0) of C. A lane holds two neighbours in a row of
 * each. */
template <uint TM, uint TN>
inline void gemm_store(constant gemm_args &p, thread gemm_sums<TM * TN> &s, device float *c, uint i0, uint j0,
                       uint lane) {
  const uint quad = lane / 4u, row = (quad & 4u) + lane / 2u % 4u, col = (quad & 2u) * 2u + lane % 2u * 2u;
#pragma unroll
  for (uint t = 0u; t < TM * TN; t++) {
    const uint i = i0 + t / TN * 8u + row;
#pragma unroll
    for (uint e = 0u; e < 2u; e++) {
      const uint j = j0 + t % TN * 8u + col + e;
      const float plain = GEMM_FOLD == FOLD_NONE ? s.chain[t].thread_elements()[e] : s.plain[2u * t + e];
      const float hi = GEMM_FOLD == FOLD_EXACT ? s.hi[2u * t + e] : plain;
      const float lo = GEMM_FOLD == FOLD_EXACT ? s.lo[2u * t + e] : 0.0f;
      if (i < p.m && j < p.n && product_wanted(i, j)) {
        product_store(p.scale, hi, lo, c + ulong(i) * p.c_row + ulong(j) * p.c_col);
      }
    }
  }
}

#endif
