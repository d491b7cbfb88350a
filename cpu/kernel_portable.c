/* kernel_portable.c: the kernels of a product in C for any processor: tiles of 4x8 float and 4x4 double, and packing.
 * Vectors of 16 bytes are spelled out, because compilers differ in which of these loops they find them in. */
#include "gemm.h"
#include <string.h>

enum { MR = 4, NR = 8, NR64 = 4, LANES64 = 2, LEVELS = 4 };
_Static_assert(TSR_CHAINS == 1 << LEVELS, "a stack of LEVELS sums folds that many chains");

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

typedef float vector __attribute__((vector_size(16)));
typedef double vector64 __attribute__((vector_size(16)));
#define NUMBER float
#include "kernel_register.h"

INLINE vector64 load64(const double *from) {
  vector64 x;
  memcpy(&x, from, sizeof x);
  return x;
}

/* sum = the product of `steps` steps. */
INLINE void chain(const int rows, const int vectors, const bool by_rows, const tsr_tile *t, size_t first,
                  size_t steps, vector *sum) {
  const float *b = t->b + first * t->ldb, *a = by_rows ? t->a + first : t->a + first * t->lda;
  vector s[2 * MR], y[2];
  UNROLL for (int i = 0; i < rows * vectors; i++) s[i] = (vector){0};
  for (; steps > 0; steps--, b += t->ldb, a += by_rows ? 1 : t->lda) {
    UNROLL for (int j = 0; j < vectors; j++) y[j] = load(b + LANES * j);
    UNROLL for (int i = 0; i < rows; i++) {
      float x = by_rows ? a[(size_t)i * t->lda] : a[i];
      UNROLL for (int j = 0; j < vectors; j++) s[i * vectors + j] += (vector){x, x, x, x} * y[j];
    }
  }
  UNROLL for (int i = 0; i < rows * vectors; i++) sum[i] = s[i];
}

INLINE void add(const int n, vector *sum, const vector *more) {
  UNROLL for (int i = 0; i < n; i++) sum[i] += more[i];
}

/* The stack holds one sum for each set bit of `count`, as a binary counter holds its digits, so that a term passes
 * through at most ceil(log2(chains)) additions of sums. */
INLINE void tile(const int rows, const int vectors, const bool by_rows, const tsr_tile *t) {
  vector stack[LEVELS + 1][2 * MR];
  size_t depth = 0, done = 0;
  for (size_t count = 0;; count++) {
    size_t steps = tsr_min(t->k - done, t->chain);
    chain(rows, vectors, by_rows, t, done, steps, stack[depth]);
    done += steps;
    for (size_t bits = count; bits & 1; bits >>= 1, depth--) add(rows * vectors, stack[depth - 1], stack[depth]);
    if (done == t->k) break;
    depth++;
  }
  for (; depth > 0; depth--) add(rows * vectors, stack[depth - 1], stack[depth]);
  for (int i = 0; i < rows; i++) {
    float *c = t->c + (size_t)i * t->ldc;
    for (size_t j = 0; j < LANES * vectors - t->cut; j++) {
      double s = t->alpha * (double)stack[0][i * vectors + j / LANES][j % LANES];
      c[j] = (float)(t->beta == 0 ? s : s + t->beta * (double)c[j]);
    }
  }
}

INLINE void tile64(const int rows, size_t k, const double *a, const double *b, double *c, size_t ldc) {
  vector64 s[2 * MR];
  UNROLL for (int i = 0; i < 2 * rows; i++) s[i] = (vector64){0};
  for (; k > 0; k--, a += MR, b += NR64) {
    vector64 y[2] = {load64(b), load64(b + LANES64)};
    UNROLL for (int i = 0; i < rows; i++) {
      UNROLL for (int j = 0; j < 2; j++) s[2 * i + j] += (vector64){a[i], a[i]} * y[j];
    }
  }
  for (int i = 0; i < rows; i++, c += ldc) {
    for (int j = 0; j < NR64; j++) c[j] += s[2 * i + j / LANES64][j % LANES64];
  }
}

#define TILE(rows, name, vectors, by_rows) \
  static void name##_##rows(const tsr_tile *t) { tile(rows, vectors, by_rows, t); }
#define TILES(name, vectors, by_rows)                                                             \
  TILE(1, name, vectors, by_rows) TILE(2, name, vectors, by_rows) TILE(3, name, vectors, by_rows) \
  TILE(4, name, vectors, by_rows)                                                                 \
  static const tsr_tile_kernel name[MR + 1] = {NULL, name##_1, name##_2, name##_3, name##_4};
TILES(by_columns, 2, false)
TILES(by_columns_narrow, 1, false)
TILES(in_rows, 2, true)
TILES(in_rows_narrow, 1, true)

#define TILE64(rows)                                                                             \
  static void double_##rows(size_t k, const double *a, const double *b, double *c, size_t ldc) { \
    tile64(rows, k, a, b, c, ldc);                                                               \
  }
TILE64(1) TILE64(2) TILE64(3) TILE64(4)
static const tsr_tile64_kernel doubles[MR + 1] = {NULL, double_1, double_2, double_3, double_4};

/* One panel as float or double. */
#define PACK(name, type)                                                                    \
  static void name(const tsr_pack *p, type *to) {                                           \
    for (size_t first = 0; first < p->width; first += p->w, to += p->panel) {               \
      size_t lines = tsr_min(p->width - first, p->w);                                       \
      const float *from = p->from + (p->transpose ? first * p->ld : first);                 \
      size_t along = p->transpose ? 1 : p->ld, across = p->transpose ? p->ld : 1;           \
      for (size_t t = 0; t < p->k; t++) {                                                   \
        for (size_t l = 0; l < lines; l++) to[t * p->w + l] = from[t * along + l * across]; \
        for (size_t l = lines; l < p->w; l++) to[t * p->w + l] = 0;                         \
      }                                                                                     \
    }                                                                                       \
  }
PACK(pack, float)
PACK(pack64, double)

static void transpose(size_t m, size_t n, const float *from, size_t ld_from, float *to, size_t ld_to) {
  for (size_t j = 0; j < n; j++) {
    for (size_t i = 0; i < m; i++) to[j * ld_to + i] = from[i * ld_from + j];
  }
}

static void substitute(const tsr_corner *k) {
  float *x = k->x;
  for (size_t r = 0; r < k->rows; r++, x += k->step) {
    const float *t = k->t + (ptrdiff_t)r * k->row;
    for (size_t s = 0; s < r; s++, t += k->col) {
      const float *known = k->x + (ptrdiff_t)s * k->step;
      for (size_t j = 0; j < NR; j++) x[j] -= *t * known[j];
    }
    for (size_t j = 0; j < NR && !k->unit; j++) x[j] /= *t;
  }
}

void tsr_fold_portable(size_t n, const float *from, double *to, bool add) {
  for (size_t i = 0; i < n; i++) to[i] = add ? to[i] + (double)from[i] : (double)from[i];
}

const tsr_kernels tsr_kernels_portable = {
    .mr = MR,
    .nr = NR,
    .mr64 = MR,
    .nr64 = NR64,
    .block = 512,
    .tile = {{by_columns, by_columns_narrow}, {in_rows, in_rows_narrow}},
    .tile64 = doubles,
    .pack = pack,
    .pack64 = pack64,
    .transpose = transpose,
    .substitute = substitute,
    .fold = tsr_fold_portable,
    .dots = tsr_dots_portable,
    .rows = tsr_rows_portable,
    .largest = tsr_largest_portable,
    .sweep = tsr_sweep_portable,
    .turn = tsr_turn_portable,
    .turns = tsr_strip_turns_portable,
    .reflect = tsr_strip_reflect_portable,
    .rank2 = tsr_strip_rank2_portable,
    .terms = tsr_secular_terms_portable,
    .quotients = tsr_secular_quotients_portable,
    .columns = tsr_secular_columns_portable,
    .row = tsr_secular_row_portable,
};
