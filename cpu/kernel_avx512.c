/* kernel_avx512.c: tiles of a product for AVX-512: 14x32 float, 14x16 double, and narrower or lower ones for the
 * edges. Twenty-eight accumulators, two vectors of B and one broadcast element of A leave one register free.
 * Copying is AVX2's. */
#include "gemm.h"
#ifdef __AVX512F__
#include "kernel_avx2.h"

enum { MR = 14, REACH = 3 };
#define EACH_ROW(F, ...) F(1, __VA_ARGS__) F(2, __VA_ARGS__) F(3, __VA_ARGS__) F(4, __VA_ARGS__) F(5, __VA_ARGS__) \
  F(6, __VA_ARGS__) F(7, __VA_ARGS__) F(8, __VA_ARGS__) F(9, __VA_ARGS__) F(10, __VA_ARGS__) F(11, __VA_ARGS__) \
  F(12, __VA_ARGS__) F(13, __VA_ARGS__) F(14, __VA_ARGS__)
typedef __m512 vector;
typedef __m512d vector64;
#include "kernel_tile.h"
#include "kernel_x86.h"

INLINE vector spread(float x) { return _mm512_set1_ps(x); }
INLINE vector madd(vector x, vector y, vector z) { return _mm512_fmadd_ps(x, y, z); }
INLINE vector pair_sums(vector x, vector y) {
  const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0),
                odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  return _mm512_permutex2var_ps(x, even, y) + _mm512_permutex2var_ps(x, odd, y);
}
INLINE __mmask16 first(size_t n) { return (__mmask16)((1u << n) - 1); }
INLINE vector load_part(const float *from, size_t n) { return _mm512_maskz_loadu_ps(first(n), from); }
INLINE void store_part(float *to, size_t n, vector x) { _mm512_mask_storeu_ps(to, first(n), x); }

const tsr_kernels tsr_kernels_avx512 = {
    .mr = MR,
    .nr = NR,
    .mr64 = MR64,
    .nr64 = NR64,
    .block = 1024,
    .tile = {{by_columns, by_columns_narrow}, {in_rows, in_rows_narrow}},
    .pairs = {in_pairs, in_pairs_narrow},
    .tile64 = doubles,
    .pack = tsr_pack_avx2,
    .pack64 = tsr_pack64_avx2,
    .transpose = tsr_transpose_avx2,
    .substitute = substitute_corner,
    .fold = tsr_fold_avx2,
    .dots = tsr_dots_avx512,
    .rows = tsr_rows_avx512,
    .largest = tsr_largest_avx2,
    .sweep = tsr_sweep_avx512,
    .turn = tsr_turn_avx2,
    .turns = tsr_strip_turns_avx2,
    .reflect = tsr_strip_reflect_avx2,
    .rank2 = tsr_strip_rank2_avx2,
    .terms = tsr_secular_terms_avx512,
    .quotients = tsr_secular_quotients_avx512,
    .columns = tsr_secular_columns_avx512,
    .row = tsr_secular_row_avx512,
};
#endif
