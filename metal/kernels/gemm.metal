/* gemm.metal: products by tiles of C, also of a triangle of C and with K split into parts. Grid: (tiles * parts);
 * threads and threadgroup bytes (nn, nt, tn, tt):
 *   gemm_XX_64      64 x 64 x 16, 4 simdgroups of 32 x 32, 128 threads, 9472 10240 8704 9472; FOLD_EXACT would spill
 *   gemm_XX_64fine  64 x 64 x 16, 8 simdgroups of 32 x 16, 256 threads, the same
 *   gemm_XX_64deep  64 x 64 x 32, 4 simdgroups of 32 x 32, 128 threads, 17920 18432 17408 17920; for few tiles, which
 *                   leave threadgroup memory free: half the barriers, twice the loads under way
 *   gemm_XX_64x32   64 x 32 x 32, 4 simdgroups of 32 x 16, 128 threads, 13824 13824 13312 13312; for narrow C
 *   gemm_XX_32      32 x 32 x 16, 4 simdgroups of 16 x 16, 128 threads, 4864 5120 4608 4864; for small C */
#include <metal_stdlib>
#include <metal_simdgroup>
#include <metal_simdgroup_matrix>
using namespace metal;
#include "gemm.h"
#pragma METAL fp contract(off)

template <uint BM, uint BN, uint BK, uint WM, uint WN, bool TA, bool TB>
[[kernel, max_total_threads_per_threadgroup(WM * WN * 32)]] void gemm(
    constant gemm_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
    device const float *a [[buffer(2)]], device const float *b [[buffer(3)]], device float *c [[buffer(4)]],
    uint group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]],
    uint simdgroup [[simdgroup_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]]) {
  constexpr uint LDA = (TA ? BM : BK) + GEMM_PAD, LDB = (TB ? BK : BN) + GEMM_PAD;
  constexpr uint THREADS = WM * WN * 32u, SM = BM / WM, SN = BN / WN, N = SM / 8u * (SN / 8u);
  threadgroup float staged_a[(TA ? BK : BM) * LDA];
  threadgroup float staged_b[(TB ? BN : BK) * LDB];
  if (*gate == 0u) return;

  const uint part = (p.first + group) / p.tiles;
  const uint2 tile = gemm_tile((p.first + group) % p.tiles, (p.m + BM - 1u) / BM, (p.n + BN - 1u) / BN);
  const uint i0 = tile.x * BM, j0 = tile.y * BN, end = min(p.k, (part + 1u) * p.part);
  uint k = part * p.part;
  a += TA ? ulong(k) * p.lda + i0 : ulong(i0) * p.lda + k;
  b += TB ? ulong(j0) * p.ldb + k : ulong(k) * p.ldb + j0;
  c += ulong(part) * p.m * p.c_row;

  /* On the diagonal of A A' both operands are the same numbers, staged alike. */
  const bool twin = GEMM_TRIANGLE != 0u && TA != TB && BM == BN && i0 == j0;
  const uint i1 = simdgroup / WN * SM, j1 = simdgroup % WN * SN;
  threadgroup const float *left = staged_a + i1 * (TA ? 1u : LDA);
  threadgroup const float *right = (twin ? staged_a : staged_b) + j1 * (TB ? LDB : 1u);

  gemm_sums<N> sums;
  gemm_clear(sums);
  uint chains = 0u;
  while (k < end) {
    const uint chain_end = GEMM_FOLD == FOLD_NONE ? end : min(end, k + p.chain);
    for (; k < chain_end; k += BK) {
      threadgroup_barrier(mem_flags::mem_threadgroup);
      if (TA) gemm_stage<BK, BM, THREADS>(a, p.lda, end - k, p.m - i0, staged_a, index);
      else gemm_stage<BM, BK, THREADS>(a, p.lda, p.m - i0, end - k, staged_a, index);
      if (!twin) {
        if (TB) gemm_stage<BN, BK, THREADS>(b, p.ldb, p.n - j0, end - k, staged_b, index);
        else gemm_stage<BK, BN, THREADS>(b, p.ldb, end - k, p.n - j0, staged_b, index);
      }
      threadgroup_barrier(mem_flags::mem_threadgroup);
      gemm_multiply<SM / 8u, SN / 8u, BK, LDA, LDB, TA, TB>(left, right, sums.chain);
      a += TA ? ulong(BK) * p.lda : BK;
      b += TB ? BK : ulong(BK) * p.ldb;
    }
    chains++;
    if (GEMM_FOLD != FOLD_NONE) gemm_fold(sums, chains % p.group == 0u || k >= end);
  }
  gemm_store<SM / 8u, SN / 8u>(p, sums, c, i0 + i1, j0 + j1, lane);
}

#define GEMM(NAME, ...) template [[host_name(NAME)]] [[kernel]] decltype(gemm<__VA_ARGS__>) gemm<__VA_ARGS__>;
#define GEMMS(TILE, ...) \
  GEMM("gemm_nn_" TILE, __VA_ARGS__, false, false) \
  GEMM("gemm_nt_" TILE, __VA_ARGS__, false, true) \
  GEMM("gemm_tn_" TILE, __VA_ARGS__, true, false) \
  GEMM("gemm_tt_" TILE, __VA_ARGS__, true, true)

GEMMS("64", 64, 64, 16, 2, 2)
GEMMS("64fine", 64, 64, 16, 2, 4)
GEMMS("64deep", 64, 64, 32, 2, 2)
GEMMS("64x32", 64, 32, 32, 2, 2)
GEMMS("32", 32, 32, 16, 2, 2)
