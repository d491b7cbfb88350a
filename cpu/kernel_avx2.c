/* kernel_avx2.c: tiles of a product for AVX2 and FMA: 6x16 float, 6x8 double, and narrower or lower ones for the
 * edges. Twelve accumulators, two vectors of B and one broadcast element of A fill the sixteen registers. */
#include "gemm.h"
#ifdef __AVX2__
#include "kernel_avx2.h"

enum { MR = 6, NR = 16, LANES = 8, LEVELS = 4, MR64 = 6, NR64 = 8, LANES64 = 4 };
_Static_assert(TSR_CHAINS == 1 << LEVELS, "a stack of LEVELS sums folds that many chains");

/* Volatile one-line assembly keeps loads, broadcasts and multiply-adds in the order written. As intrinsics, clang
 * moves the broadcasts of several steps together and spills accumulators, at a third of the speed. */
#define LOAD(to, from) __asm__ volatile("vmovups %1, %0" : "=x"(to) : "m"(*(const __m256_u *)(from)))
#define BROADCAST(to, from) __asm__ volatile("vbroadcastss %1, %0" : "=x"(to) : "m"(*(from)))
#define MADD(sum, x, y) __asm__ volatile("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(y))
#define LOAD64(to, from) __asm__ volatile("vmovupd %1, %0" : "=x"(to) : "m"(*(const __m256d_u *)(from)))
#define BROADCAST64(to, from) __asm__ volatile("vbroadcastsd %1, %0" : "=x"(to) : "m"(*(from)))
#define MADD64(sum, x, y) __asm__ volatile("vfmadd231pd %2, %1, %0" : "+x"(sum) : "x"(x), "x"(y))

/* Where the kernel stands in A and B. By rows, one pointer serves three rows: the other two are within reach of one
 * addressing mode. */
typedef struct {
  const float *a[2];
  const float *b;
  const char *ahead;
} cursor;

/* One step: row t of B times column t of A. */
INLINE void step(const int rows, const int vectors, const bool by_rows, const tsr_tile *t, cursor *at, __m256 *sum) {
  __m256 b[2], x;
  UNROLL for (int j = 0; j < vectors; j++) LOAD(b[j], at->b + LANES * j);
  UNROLL for (int i = 0; i < rows; i++) {
    const float *a = by_rows ? at->a[i / 3] + (size_t)(i % 3) * t->lda : at->a[0] + i;
    BROADCAST(x, a);
    UNROLL for (int j = 0; j < vectors; j++) MADD(sum[i * vectors + j], x, b[j]);
  }
  at->b += t->ldb;
  if (by_rows) {
    at->a[0]++;
    if (rows > 3) at->a[1]++;
  } else {
    at->a[0] += t->lda;
  }
}

INLINE void chain(const int rows, const int vectors, const bool by_rows, const tsr_tile *t, size_t steps, cursor *at,
                  __m256 *sum) {
  UNROLL for (int i = 0; i < rows * vectors; i++) sum[i] = _mm256_setzero_ps();
  for (; steps >= 4; steps -= 4) {
    UNROLL for (int u = 0; u < 4; u++) {
      if (u % 2 == 0) {
        _mm_prefetch(at->ahead, _MM_HINT_T0);
        at->ahead += t->stride;
      }
      step(rows, vectors, by_rows, t, at, sum);
    }
  }
  for (; steps > 0; steps--) step(rows, vectors, by_rows, t, at, sum);
}

/* All chains of a tile. The stack holds one sum for each set bit of `count`, as a binary counter holds its digits, so
 * that a term passes through at most ceil(log2(chains)) additions of sums. */
INLINE void chains(const int rows, const int vectors, const bool by_rows, const tsr_tile *t, __m256 *sum) {
  __m256 stack[LEVELS][2 * MR];
  const int n = rows * vectors;
  cursor at = {.a = {t->a, by_rows && rows > 3 ? t->a + 3 * t->lda : t->a}, .b = t->b, .ahead = t->ahead};
  /* Opaque from here: clang would derive one pointer from the other in every step. */
  __asm__ volatile("" : "+r"(at.a[0]), "+r"(at.a[1]));
  size_t depth = 0, left = t->k;
  for (size_t count = 0;; count++) {
    size_t steps = tsr_min(left, t->chain);
    left -= steps;
    chain(rows, vectors, by_rows, t, steps, &at, sum);
    for (size_t bits = count; bits & 1; bits >>= 1) {
      depth--;
      UNROLL for (int i = 0; i < n; i++) sum[i] = _mm256_add_ps(sum[i], stack[depth][i]);
    }
    if (left == 0) break;
    UNROLL for (int i = 0; i < n; i++) stack[depth][i] = sum[i];
    depth++;
  }
  while (depth > 0) {
    depth--;
    UNROLL for (int i = 0; i < n; i++) sum[i] = _mm256_add_ps(sum[i], stack[depth][i]);
  }
}

INLINE void tile(const int rows, const int vectors, const bool by_rows, const tsr_tile *t) {
  __m256 sum[2 * MR];
  UNROLL for (int i = 0; i < rows; i++) {
    _mm_prefetch((const char *)(t->c + (size_t)i * t->ldc), _MM_HINT_T0);
    if (vectors > 1) _mm_prefetch((const char *)(t->c + (size_t)i * t->ldc + NR - 1), _MM_HINT_T0);
  }
  chains(rows, vectors, by_rows, t, sum);
  __m256 alpha = _mm256_set1_ps((float)t->alpha), beta = _mm256_set1_ps((float)t->beta);
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int j = 0; j < vectors; j++) {
      float *c = t->c + (size_t)i * t->ldc + LANES * j;
      __m256 s = sum[i * vectors + j];
      if (t->beta == 0) _mm256_storeu_ps(c, _mm256_mul_ps(alpha, s));
      else _mm256_storeu_ps(c, _mm256_fmadd_ps(alpha, s, _mm256_mul_ps(beta, _mm256_loadu_ps(c))));
    }
  }
}

INLINE void tile64(const int rows, size_t k, const double *a, const double *b, double *acc) {
  __m256d sum[2 * MR64], x, y[2];
  UNROLL for (int i = 0; i < 2 * rows; i++) sum[i] = _mm256_setzero_pd();
  for (; k > 0; k--, a += MR64, b += NR64) {
    UNROLL for (int j = 0; j < 2; j++) LOAD64(y[j], b + LANES64 * j);
    UNROLL for (int i = 0; i < rows; i++) {
      BROADCAST64(x, a + i);
      UNROLL for (int j = 0; j < 2; j++) MADD64(sum[2 * i + j], x, y[j]);
    }
  }
  UNROLL for (int i = 0; i < 2 * rows; i++) {
    _mm256_storeu_pd(acc + LANES64 * i, _mm256_add_pd(_mm256_loadu_pd(acc + LANES64 * i), sum[i]));
  }
}

/* The functions: name_ROWS. */
#define TILE(rows, name, vectors, by_rows) \
  static void name##_##rows(const tsr_tile *t) { tile(rows, vectors, by_rows, t); }
#define TILES(name, vectors, by_rows)                                                                \
  TILE(1, name, vectors, by_rows) TILE(2, name, vectors, by_rows) TILE(3, name, vectors, by_rows)    \
  TILE(4, name, vectors, by_rows) TILE(5, name, vectors, by_rows) TILE(6, name, vectors, by_rows)    \
  static const tsr_tile_kernel name[MR + 1] = {NULL, name##_1, name##_2, name##_3, name##_4, name##_5, name##_6};
TILES(by_columns, 2, false)
TILES(by_columns_narrow, 1, false)
TILES(in_rows, 2, true)
TILES(in_rows_narrow, 1, true)

#define TILE64(rows) \
  static void double_##rows(size_t k, const double *a, const double *b, double *acc) { tile64(rows, k, a, b, acc); }
TILE64(1) TILE64(2) TILE64(3) TILE64(4) TILE64(5) TILE64(6)
static const tsr_tile64_kernel doubles[MR64 + 1] = {NULL, double_1, double_2, double_3, double_4, double_5, double_6};

/* Each unknown is subtracted from all later ones as soon as it is known, which is the shortest way from the first to
 * the last. */
INLINE void substitute_rows(const int rows, const tsr_corner *k) {
  __m256 x[MR][2];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int j = 0; j < 2; j++) x[r][j] = _mm256_loadu_ps(k->x + r * k->step + LANES * j);
  }
  UNROLL for (int s = 0; s < rows; s++) {
    if (!k->unit) {
      __m256 pivot = _mm256_broadcast_ss(k->t + s * k->row + s * k->col);
      UNROLL for (int j = 0; j < 2; j++) x[s][j] = _mm256_div_ps(x[s][j], pivot);
    }
    UNROLL for (int r = s + 1; r < rows; r++) {
      __m256 t = _mm256_broadcast_ss(k->t + r * k->row + s * k->col);
      UNROLL for (int j = 0; j < 2; j++) x[r][j] = _mm256_fnmadd_ps(t, x[s][j], x[r][j]);
    }
    UNROLL for (int j = 0; j < 2; j++) _mm256_storeu_ps(k->x + s * k->step + LANES * j, x[s][j]);
  }
}

static void substitute(const tsr_corner *k) {
  switch (k->rows) {
    case 1: substitute_rows(1, k); break;
    case 2: substitute_rows(2, k); break;
    case 3: substitute_rows(3, k); break;
    case 4: substitute_rows(4, k); break;
    case 5: substitute_rows(5, k); break;
    default: substitute_rows(MR, k); break;
  }
}

static void fold(size_t n, const float *from, double *to, bool add) {
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
    .tile = {{by_columns, by_columns_narrow}, {in_rows, in_rows_narrow}},
    .tile64 = doubles,
    .pack = tsr_pack_avx2,
    .pack64 = tsr_pack64_avx2,
    .unpack = tsr_unpack_avx2,
    .substitute = substitute,
    .fold = fold,
    .dots = tsr_dots_avx2,
    .rows = tsr_rows_avx2,
    .sweep = tsr_sweep_avx2,
    .turn = tsr_turn_avx2,
};
#endif
