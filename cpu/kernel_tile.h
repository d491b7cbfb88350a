/* kernel_tile.h: tiles of a product and small triangular systems for one instruction set. A kernel_*.c includes this
 * text once, and gives before: `vector` and `vector64`, the floats and doubles of one register; MR, the most rows of
 * a tile; REACH, how many rows of A one pointer serves; EACH_ROW(F, ...), which is F(1, ...) F(2, ...) to F(MR, ...);
 * and behind it the functions that are only declared here. A tile is two vectors wide. */
#ifndef TSR_KERNEL_TILE_H
#define TSR_KERNEL_TILE_H
#include "gemm.h"
#include <string.h>

#define UNROLL _Pragma("GCC unroll 32")
#define INLINE static inline __attribute__((always_inline))
#define NUMBER float
#include "kernel_register.h"

enum {
  LANES64 = sizeof(vector64) / sizeof(double),
  NR = 2 * LANES, MR64 = MR, NR64 = 2 * LANES64,
  POINTERS = (MR + REACH - 1) / REACH, LEVELS = 4, FOUR = 4, LINE = 64
};
_Static_assert(TSR_CHAINS == 1 << LEVELS, "a stack of LEVELS sums folds that many chains");
_Static_assert((int)MR * (int)NR <= (int)TSR_TILE_SIZE_MAX, "a tile fits the buffers of the ways through a product");

/* Where the kernel stands in A and B, and how it goes on. By rows, pointer q stands in row q * REACH. */
typedef struct {
  const float *a[POINTERS], *b;
  size_t lda, ldb, three_lda, three_ldb;
  const char *ahead, *also;
  size_t stride;
} cursor;

/* Sums of a tile: no loop over them is longer than MR, or gcc does not see that they are registers. */
typedef vector sums[MR][2];
typedef vector64 sums64[MR64][2];

/* How A lies: by columns; by rows; or by rows, of which one step takes two numbers. Then B is packed in pairs, number j
 * of two rows side by side, and so are the sums. */
enum { BY_COLUMNS, IN_ROWS, IN_PAIRS };

/* One step: row t of B times column t of A, t < FOUR counted from the cursor; and the same for packed doubles. */
INLINE void step(const int rows, const int vectors, const int lie, const cursor *at, const int t, sums sum);
INLINE void step64(const int rows, const double *a, const double *b, sums64 sum);
/* All lanes x; and x y + z, rounded once. */
INLINE vector spread(float x);
INLINE vector madd(vector x, vector y, vector z);
/* The sums of pairs of lanes, those of x and behind them those of y. */
INLINE vector pair_sums(vector x, vector y);

/* The first n lanes, 0 < n < LANES: no other number of memory is touched; what the other lanes hold is not used. */
INLINE vector load_part(const float *from, size_t n);
INLINE void store_part(float *to, size_t n, vector x);

/* Line t < FOUR of those that are ld numbers apart, in one addressing mode. */
INLINE const float *line(const float *p, size_t ld, size_t three_ld, const int t) {
  return t == 0 ? p : t == 1 ? p + ld : t == 2 ? p + 2 * ld : p + three_ld;
}

/* The pointers are opaque behind it: clang would derive them from each other in every step. */
INLINE void advance(const int rows, const int lie, const size_t steps, cursor *at) {
  at->b += steps * at->ldb;
  __asm__ volatile("" : "+r"(at->b));
  if (lie == BY_COLUMNS) at->a[0] += steps * at->lda;
  UNROLL for (int q = 0; lie == BY_COLUMNS ? q < 1 : q * REACH < rows; q++) {
    if (lie != BY_COLUMNS) at->a[q] += lie == IN_PAIRS ? 2 * steps : steps;
    __asm__ volatile("" : "+r"(at->a[q]));
  }
}

/* The step of the last number of a row, where B has a row of zeros beside its last one: the sums of the other lanes
 * stay, whatever 0 times that number is. */
INLINE void half_step(const int rows, const int vectors, const cursor *at, sums sum) {
  typedef int lanes __attribute__((vector_size(sizeof(vector))));
  lanes even;
  UNROLL for (int l = 0; l < (int)LANES; l++) even[l] = l % 2 - 1;
  UNROLL for (int i = 0; i < rows; i++) {
    const vector x = spread(at->a[i / REACH][(size_t)(i % REACH) * at->lda]);
    UNROLL for (int j = 0; j < vectors; j++) {
      const vector more = madd(x, load(at->b + LANES * j), sum[i][j]);
      sum[i][j] = (vector)(((lanes)more & even) | ((lanes)sum[i][j] & ~even));
    }
  }
}

INLINE void chain(const int rows, const int vectors, const int lie, const bool also, size_t steps, cursor *at,
                  sums sum) {
  const int rare = lie == IN_PAIRS ? 1 : 2; /* steps from one fetch ahead to the next */
  const bool half = lie == IN_PAIRS && steps % 2 > 0;
  if (lie == IN_PAIRS) steps /= 2;
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = (vector){0};
  }
  for (; steps >= 2 * FOUR; steps -= 2 * FOUR) {
    UNROLL for (int four = 0; four < 2; four++) {
      UNROLL for (int t = 0; t < FOUR; t++) {
        const char *next = (t % rare == 0 ? at->ahead : at->also) + (size_t)(t / rare) * at->stride;
        UNROLL for (size_t line = 0; (t % rare == 0 || also) && line < NR * sizeof(float); line += LINE)
          __builtin_prefetch(next + line, 0, 2);
        step(rows, vectors, lie, at, t, sum);
      }
      at->ahead += (size_t)(FOUR / rare) * at->stride;
      if (also) at->also += (size_t)(FOUR / rare) * at->stride;
      advance(rows, lie, FOUR, at);
    }
  }
  for (; steps > 0; steps--) {
    step(rows, vectors, lie, at, 0, sum);
    advance(rows, lie, 1, at);
  }
  if (half) half_step(rows, vectors, at, sum);
}

INLINE void add(const int rows, const int vectors, sums sum, sums more) {
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int j = 0; j < vectors; j++) sum[i][j] += more[i][j];
  }
}

/* All chains of a tile. The stack holds one sum for each set bit of `count`, as a binary counter holds its digits, so
 * that a term passes through at most ceil(log2(chains)) additions of sums; in pairs there are half as many chains, and
 * one addition more. */
INLINE void chains(const int rows, const int vectors, const int lie, const bool also, const tsr_tile *t, sums sum) {
  sums stack[LEVELS];
  cursor at = {.b = t->b, .lda = t->lda, .ldb = t->ldb, .three_lda = 3 * t->lda, .three_ldb = 3 * t->ldb,
               .ahead = t->ahead, .also = t->also, .stride = t->stride};
  UNROLL for (int q = 0; q < POINTERS; q++) {
    at.a[q] = lie != BY_COLUMNS && q * REACH < rows ? t->a + (size_t)(q * REACH) * t->lda : t->a;
  }
  __asm__ volatile("" : "+r"(at.three_lda), "+r"(at.three_ldb));
  advance(rows, lie, 0, &at);
  const size_t longest = lie == IN_PAIRS ? 2 * t->chain : t->chain;
  size_t depth = 0, left = t->k;
  for (size_t count = 0;; count++) {
    size_t steps = tsr_min(left, longest);
    left -= steps;
    chain(rows, vectors, lie, also, steps, &at, sum);
    for (size_t bits = count; bits & 1; bits >>= 1) add(rows, vectors, sum, stack[--depth]);
    if (left == 0) break;
    UNROLL for (int i = 0; i < rows; i++) {
      UNROLL for (int j = 0; j < vectors; j++) stack[depth][i][j] = sum[i][j];
    }
    depth++;
  }
  while (depth > 0) add(rows, vectors, sum, stack[--depth]);
}

/* C = alpha sum + beta C, of the last vector only its first lanes. `fresh`: beta is 0. */
INLINE void finish(const int rows, const int vectors, const bool fresh, const bool part, const tsr_tile *t, sums sum) {
  /* Apart from *t, which a store to C might change for all that the compiler knows. */
  const vector alpha = spread((float)t->alpha), beta = spread((float)t->beta);
  const size_t ldc = t->ldc, lanes = LANES - t->cut;
  float *c = t->c;
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int j = 0; j < vectors; j++) {
      float *to = c + (size_t)i * ldc + LANES * j;
      const bool cut = part && j == vectors - 1;
      vector x = alpha * sum[i][j];
      if (!fresh) x = madd(alpha, sum[i][j], beta * (cut ? load_part(to, lanes) : load(to)));
      if (cut) store_part(to, lanes, x);
      else store(to, x);
    }
  }
}

INLINE void tile(const int rows, const int vectors, const int lie, const tsr_tile *t) {
  const int across = lie == IN_PAIRS ? 1 : vectors; /* vectors of a row of C */
  sums sum;
  UNROLL for (int i = 0; i < rows; i++) {
    __builtin_prefetch(t->c + (size_t)i * t->ldc, 0, 3);
    if (across > 1) __builtin_prefetch(t->c + (size_t)i * t->ldc + NR - 1, 0, 3);
  }
  if (lie == BY_COLUMNS && vectors == 2 && t->also != NULL) chains(rows, vectors, lie, true, t, sum);
  else chains(rows, vectors, lie, false, t, sum);
  UNROLL for (int i = 0; i < rows && lie == IN_PAIRS; i++) {
    sum[i][0] = pair_sums(sum[i][0], vectors > 1 ? sum[i][1] : (vector){0});
  }
  if (t->cut == 0) {
    if (t->beta == 0) finish(rows, across, true, false, t, sum);
    else finish(rows, across, false, false, t, sum);
  } else {
    if (t->beta == 0) finish(rows, across, true, true, t, sum);
    else finish(rows, across, false, true, t, sum);
  }
}

INLINE void tile64(const int rows, size_t k, const double *a, const double *b, double *c, size_t ldc) {
  sums64 sum;
  vector64 x;
  UNROLL for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = (vector64){0};
  for (; k >= FOUR; k -= FOUR, a += FOUR * MR64, b += FOUR * NR64) {
    UNROLL for (int t = 0; t < FOUR; t++) step64(rows, a + t * MR64, b + t * NR64, sum);
  }
  for (; k > 0; k--, a += MR64, b += NR64) step64(rows, a, b, sum);
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int j = 0; j < 2; j++) {
      double *to = c + (size_t)i * ldc + LANES64 * j;
      memcpy(&x, to, sizeof x);
      x += sum[i][j];
      memcpy(to, &x, sizeof x);
    }
  }
}

/* Each unknown is subtracted from all later ones as soon as it is known, which is the shortest way from the first to
 * the last. */
INLINE void substitute(const int rows, const tsr_corner *k) {
  sums x;
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int j = 0; j < 2; j++) x[r][j] = load(k->x + r * k->step + LANES * j);
  }
  UNROLL for (int s = 0; s < rows; s++) {
    if (!k->unit) {
      vector pivot = spread(k->t[s * k->row + s * k->col]);
      UNROLL for (int j = 0; j < 2; j++) x[s][j] /= pivot;
    }
    UNROLL for (int r = s + 1; r < rows; r++) {
      vector t = spread(-k->t[r * k->row + s * k->col]);
      UNROLL for (int j = 0; j < 2; j++) x[r][j] = madd(t, x[s][j], x[r][j]);
    }
    UNROLL for (int j = 0; j < 2; j++) store(k->x + s * k->step + LANES * j, x[s][j]);
  }
}

/* The functions, name_ROWS, and their tables. */
#define TILE(rows, name, vectors, lie) \
  static void name##_##rows(const tsr_tile *t) { tile(rows, vectors, lie, t); }
#define TILE64(rows, name)                                                                       \
  static void name##_##rows(size_t k, const double *a, const double *b, double *c, size_t ldc) { \
    tile64(rows, k, a, b, c, ldc);                                                               \
  }
#define CORNER(rows, name) \
  static void name##_##rows(const tsr_corner *k) { substitute(rows, k); }
#define ENTRY(rows, name) [rows] = name##_##rows,
EACH_ROW(TILE, by_columns, 2, BY_COLUMNS)
EACH_ROW(TILE, by_columns_narrow, 1, BY_COLUMNS)
EACH_ROW(TILE, in_rows, 2, IN_ROWS)
EACH_ROW(TILE, in_rows_narrow, 1, IN_ROWS)
EACH_ROW(TILE64, double)
EACH_ROW(CORNER, corner)
static const tsr_tile_kernel by_columns[MR + 1] = {EACH_ROW(ENTRY, by_columns)};
static const tsr_tile_kernel by_columns_narrow[MR + 1] = {EACH_ROW(ENTRY, by_columns_narrow)};
static const tsr_tile_kernel in_rows[MR + 1] = {EACH_ROW(ENTRY, in_rows)};
static const tsr_tile_kernel in_rows_narrow[MR + 1] = {EACH_ROW(ENTRY, in_rows_narrow)};
static const tsr_tile64_kernel doubles[MR64 + 1] = {EACH_ROW(ENTRY, double)};

static void substitute_corner(const tsr_corner *k) {
  static void (*const corners[MR + 1])(const tsr_corner *) = {EACH_ROW(ENTRY, corner)};
  corners[k->rows](k);
}

#endif
