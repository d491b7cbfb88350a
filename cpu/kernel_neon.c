/* kernel_neon.c: tiles of a product for NEON: 12x8 float, 12x4 double, and narrower or lower ones for the edges.
 * Twenty-four accumulators, two vectors of B and one of A, whose lanes are factors of their own. Rows of C are eight
 * wide and not twelve, because 8 divides the usual numbers of columns. What no NEON file has is the portable code. */
#include "gemm.h"
#ifdef __aarch64__
#include <arm_neon.h>
#include "kernel_neon.h"

enum { MR = 12, REACH = 1 };
#define EACH_ROW(F, ...) F(1, __VA_ARGS__) F(2, __VA_ARGS__) F(3, __VA_ARGS__) F(4, __VA_ARGS__) F(5, __VA_ARGS__) \
  F(6, __VA_ARGS__) F(7, __VA_ARGS__) F(8, __VA_ARGS__) F(9, __VA_ARGS__) F(10, __VA_ARGS__) F(11, __VA_ARGS__) \
  F(12, __VA_ARGS__)
typedef float32x4_t vector;
typedef float64x2_t vector64;
#include "kernel_tile.h"

typedef vector unaligned __attribute__((aligned(4)));
typedef vector64 unaligned64 __attribute__((aligned(8)));

/* Volatile one-line assembly keeps the order written, and the accumulators in their registers. */
#define LOAD(to, from) __asm__ volatile("ldr %q0, %1" : "=w"(to) : "m"(*(const unaligned *)(from)))
#define LOAD64(to, from) __asm__ volatile("ldr %q0, %1" : "=w"(to) : "m"(*(const unaligned64 *)(from)))
#define ELEMENT(to, from) __asm__ volatile("ldr %s0, %1" : "=w"(to) : "m"(*(from)))
#define MADD(sum, x, y, lane) __asm__ volatile("fmla %0.4s, %1.4s, %2.s[" #lane "]" : "+w"(sum) : "w"(x), "w"(y))
#define MADD64(sum, x, y, lane) __asm__ volatile("fmla %0.2d, %1.2d, %2.d[" #lane "]" : "+w"(sum) : "w"(x), "w"(y))

INLINE vector spread(float x) { return vdupq_n_f32(x); }
INLINE vector madd(vector x, vector y, vector z) { return vfmaq_f32(z, x, y); }

INLINE vector pair_sums(vector x, vector y) { return vpaddq_f32(x, y); }

INLINE vector load_part(const float *from, size_t n) {
  vector x = {from[0]};
  if (n > 1) x[1] = from[1];
  if (n > 2) x[2] = from[2];
  return x;
}

INLINE void store_part(float *to, size_t n, vector x) {
  to[0] = x[0];
  if (n > 1) to[1] = x[1];
  if (n > 2) to[2] = x[2];
}

INLINE void step(const int rows, const int vectors, const int lie, const cursor *at, const int t, sums sum) {
  const int fours = lie == IN_ROWS ? 0 : rows / 4 * 4;
  const float *row = line(at->b, at->ldb, at->three_ldb, t), *column = line(at->a[0], at->lda, at->three_lda, t);
  vector a, b[2];
  UNROLL for (int j = 0; j < vectors; j++) LOAD(b[j], row + LANES * j);
  UNROLL for (int i = 0; i < fours; i += 4) {
    LOAD(a, column + i);
    UNROLL for (int j = 0; j < vectors; j++) {
      MADD(sum[i][j], b[j], a, 0);
      MADD(sum[i + 1][j], b[j], a, 1);
      MADD(sum[i + 2][j], b[j], a, 2);
      MADD(sum[i + 3][j], b[j], a, 3);
    }
  }
  UNROLL for (int i = fours; i < rows; i++) {
    ELEMENT(a, lie == IN_ROWS ? at->a[i] + t : column + i);
    UNROLL for (int j = 0; j < vectors; j++) MADD(sum[i][j], b[j], a, 0);
  }
}

/* A panel is MR wide whatever the rows, so pairs of them can be read. */
INLINE void step64(const int rows, const double *a, const double *b, sums64 sum) {
  vector64 x, y[2];
  UNROLL for (int j = 0; j < 2; j++) LOAD64(y[j], b + LANES64 * j);
  UNROLL for (int i = 0; i < rows; i += 2) {
    LOAD64(x, a + i);
    UNROLL for (int j = 0; j < 2; j++) {
      MADD64(sum[i][j], y[j], x, 0);
      if (i + 1 < rows) MADD64(sum[i + 1][j], y[j], x, 1);
    }
  }
}

const tsr_kernels tsr_kernels_neon = {
    .mr = MR,
    .nr = NR,
    .mr64 = MR64,
    .nr64 = NR64,
    .block = 512,
    .tile = {{by_columns, by_columns_narrow}, {in_rows, in_rows_narrow}},
    .tile64 = doubles,
    .pack = tsr_pack_neon,
    .pack64 = tsr_pack64_neon,
    .transpose = tsr_transpose_neon,
    .substitute = substitute_corner,
    .fold = tsr_fold_portable,
    .dots = tsr_dots_neon,
    .rows = tsr_rows_neon,
    .largest = tsr_largest_portable,
    .sweep = tsr_sweep_neon,
    .turn = tsr_turn_portable,
    .turns = tsr_strip_turns_neon,
    .reflect = tsr_strip_reflect_neon,
    .rank2 = tsr_strip_rank2_neon,
    .terms = tsr_secular_terms_portable,
    .quotients = tsr_secular_quotients_portable,
    .columns = tsr_secular_columns_portable,
    .row = tsr_secular_row_portable,
};
#endif
