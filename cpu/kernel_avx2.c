/* kernel_avx2.c: tiles of a product for AVX2 and FMA: 6x16 float, 6x8 double, and narrower or lower ones for the
 * edges. Twelve accumulators, two vectors of B and one broadcast element of A fill the sixteen registers. */
#include "gemm.h"
#ifdef __AVX2__
#include "kernel_avx2.h"

enum { MR = 6, REACH = 3 }; /* three rows are within reach of one addressing mode */
#define EACH_ROW(F, ...) F(1, __VA_ARGS__) F(2, __VA_ARGS__) F(3, __VA_ARGS__) F(4, __VA_ARGS__) F(5, __VA_ARGS__) \
  F(6, __VA_ARGS__)
typedef __m256 vector;
typedef __m256d vector64;
#include "kernel_tile.h"
#include "kernel_x86.h"

INLINE vector spread(float x) { return _mm256_set1_ps(x); }
INLINE vector madd(vector x, vector y, vector z) { return _mm256_fmadd_ps(x, y, z); }
INLINE vector pair_sums(vector x, vector y) {
  return (vector)_mm256_permute4x64_pd((vector64)_mm256_hadd_ps(x, y), _MM_SHUFFLE(3, 1, 2, 0));
}
INLINE vector load_part(const float *from, size_t n) { return _mm256_maskload_ps(from, tsr_mask(n)); }

/* By halves: a masked store costs a dozen cycles on some processors. */
INLINE void store_part(float *to, size_t n, vector x) {
  __m128 y = _mm256_castps256_ps128(x);
  if (n & 4) {
    _mm_storeu_ps(to, y);
    to += 4;
    y = _mm256_extractf128_ps(x, 1);
  }
  if (n & 2) {
    _mm_storel_pi((__m64 *)(void *)to, y);
    to += 2;
    y = _mm_movehl_ps(y, y);
  }
  if (n & 1) _mm_store_ss(to, y);
}

void tsr_fold_avx2(size_t n, const float *from, double *to, bool add) {
  size_t i = 0;
  for (; i + LANES64 <= n; i += LANES64) {
    __m256d x = _mm256_cvtps_pd(_mm_loadu_ps(from + i));
    _mm256_storeu_pd(to + i, add ? _mm256_add_pd(_mm256_loadu_pd(to + i), x) : x);
  }
  for (; i < n; i++) to[i] = add ? to[i] + (double)from[i] : (double)from[i];
}

const tsr_kernels tsr_kernels_avx2 = {
    .mr = MR,
    .nr = NR,
    .mr64 = MR64,
    .nr64 = NR64,
    .block = 512,
    .tile = {{by_columns, by_columns_narrow}, {in_rows, in_rows_narrow}},
    .pairs = {in_pairs, in_pairs_narrow},
    .tile64 = doubles,
    .pack = tsr_pack_avx2,
    .pack64 = tsr_pack64_avx2,
    .transpose = tsr_transpose_avx2,
    .substitute = substitute_corner,
    .fold = tsr_fold_avx2,
    .dots = tsr_dots_avx2,
    .rows = tsr_rows_avx2,
    .largest = tsr_largest_avx2,
    .sweep = tsr_sweep_avx2,
    .turn = tsr_turn_avx2,
    .turns = tsr_strip_turns_avx2,
    .reflect = tsr_strip_reflect_avx2,
    .rank2 = tsr_strip_rank2_avx2,
    .terms = tsr_secular_terms_avx2,
    .quotients = tsr_secular_quotients_avx2,
    .columns = tsr_secular_columns_avx2,
    .row = tsr_secular_row_avx2,
};
#endif
