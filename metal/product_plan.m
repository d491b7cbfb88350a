/* product_plan.m: how a product is cut. The numbers are for GPUs of 8 to 40 cores, none of which can be asked: the
 * same shape must give the same bits everywhere. */
#include "product_plan.h"

enum {
  STEP = 32,             /* parts of K are multiples: what any kernel stages at a time */
  NARROW = 32,           /* widest C for the tile of 32 columns */
  MANY_TILES = 64,       /* several on each core, which share its threadgroup memory */
  ENOUGH_TILES = 32,     /* of 64x64, to be preferred to four times as many, which read all twice as often */
  SPLIT_GROUPS = 256,    /* threadgroups wanted where K is split, */
  SPLIT_MIN = 512,       /* and the shortest part */
  PART_MAX = 1 << 16,
  EXACT_MAX = 1 << 21,   /* longest K with chain 32 that FOLD_EXACT keeps within the budget */
  GEMV_SIMDGROUPS = 2048, GEMV_ROWS = 4, GEMV_MIN = 1024,
  GEMV_T_GROUPS = 512, GEMV_COLUMNS = 4, GEMV_T_MIN = 256
};
enum { FOLD_NONE = 0, FOLD_PLAIN = 1, FOLD_EXACT = 2 };
enum { SIMD64, FINE64, DEEP64, NARROW64, SIMD32 };

static const struct {
  const char *kernel[2][2]; /* by the transposes of A and B */
  uint32_t bm, bn, threads;
  uint32_t step; /* steps of K staged at a time: chains are multiples */
} kernels[] = {
    [SIMD64] = {{{"gemm_nn_64", "gemm_nt_64"}, {"gemm_tn_64", "gemm_tt_64"}}, 64, 64, 128, 16},
    [FINE64] = {{{"gemm_nn_64fine", "gemm_nt_64fine"}, {"gemm_tn_64fine", "gemm_tt_64fine"}}, 64, 64, 256, 16},
    [DEEP64] = {{{"gemm_nn_64deep", "gemm_nt_64deep"}, {"gemm_tn_64deep", "gemm_tt_64deep"}}, 64, 64, 128, 32},
    [NARROW64] = {{{"gemm_nn_64x32", "gemm_nt_64x32"}, {"gemm_tn_64x32", "gemm_tt_64x32"}}, 64, 32, 128, 32},
    [SIMD32] = {{{"gemm_nn_32", "gemm_nt_32"}, {"gemm_tn_32", "gemm_tt_32"}}, 32, 32, 128, 16},
};

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t most(uint32_t a, uint32_t b) { return a > b ? a : b; }
static uint32_t parts_of(uint32_t n, uint32_t size) { return n / size + (n % size != 0); }
static uint32_t round_up(uint32_t n, uint32_t step) { return parts_of(n, step) * step; }

/* Threadgroups for C, or for its triangle. */
static uint32_t tiles_of(const tsr_product_shape *s, uint32_t bm, uint32_t bn) {
  uint32_t rows = parts_of(s->m, bm);
  return s->uplo == TSR_FULL ? rows * parts_of(s->n, bn) : rows * (rows + 1) / 2;
}

/* Chains for a part of K (kernels/products.h), with one unit of the budget kept for adding parts. */
static void fold(tsr_product_plan *p, const tsr_product_shape *s, uint32_t step, bool split) {
  uint32_t budget = s->chain + 2 - split;
  for (uint64_t chains = 1; chains * s->chain < s->k; chains *= 2) budget++;
  p->fold = p->part > s->chain ? FOLD_EXACT : FOLD_NONE;
  p->chain = most(s->chain / 2, step);
  p->group = budget - p->chain - 2;
  for (uint32_t n = 2; p->fold == FOLD_EXACT && n < budget; n++) {
    uint32_t chain = round_up(parts_of(p->part, n), step);
    if (chain > s->chain || chain + n > budget) continue;
    p->fold = FOLD_PLAIN;
    p->chain = chain;
  }
}

/* Cuts K so that there are enough threadgroups, into at most so many parts as stay long enough. */
static void cut(tsr_product_plan *p, uint32_t k, uint32_t wanted, uint32_t shortest) {
  uint32_t parts = most(1, least(wanted / p->tiles, k / shortest));
  p->part = most(STEP, round_up(parts_of(k, most(parts, parts_of(k, PART_MAX))), STEP));
  p->parts = most(1, parts_of(k, p->part));
}

/* A matrix times a vector: a row of C counts as B' a. */
static tsr_product_plan plan_gemv(const tsr_product_shape *s) {
  uint32_t length = s->n == 1 ? s->m : s->n;
  bool rows_lie = s->n == 1 ? !s->a_trans : s->b_trans;
  tsr_product_plan p = {.tile = TSR_TILE_GEMV, .threads = 256, .chain = s->chain == 32 ? 32 : 128, .width = 64};
  if (rows_lie) {
    p.kernel = "gemv";
    p.tiles = parts_of(length, GEMV_ROWS);
    cut(&p, s->k, GEMV_SIMDGROUPS, GEMV_MIN);
    return p;
  }
  while (p.width > 8 && p.width / 2 * GEMV_COLUMNS >= length) p.width /= 2;
  p.kernel = "gemv_t";
  p.tiles = parts_of(length, p.width * GEMV_COLUMNS);
  cut(&p, s->k, GEMV_T_GROUPS, GEMV_T_MIN);
  return p;
}

static tsr_product_plan plan_of(const tsr_product_shape *s, uint32_t tile, uint32_t kernel) {
  tsr_product_plan p = {.tile = tile, .bm = kernels[kernel].bm, .bn = kernels[kernel].bn, .parts = 1, .part = s->k};
  bool split = tile == TSR_TILE_INNER;
  p.tiles = tiles_of(s, p.bm, p.bn);
  if (split) cut(&p, s->k, SPLIT_GROUPS, SPLIT_MIN);
  fold(&p, s, kernels[kernel].step, split);
  if (p.bn == 64 && p.fold == FOLD_EXACT) kernel = FINE64;
  p.kernel = kernels[kernel].kernel[s->a_trans][s->b_trans];
  p.threads = kernels[kernel].threads;
  return p;
}

tsr_product_plan tsr_product_plan_of(const tsr_product_shape *s, uint32_t tile) {
  bool full = s->uplo == TSR_FULL, vector = full && (s->m == 1 || s->n == 1), narrow = full && s->n <= NARROW;
  bool other = tile == TSR_TILE_INNER || tile == TSR_TILE_SIMD64 || tile == TSR_TILE_SIMD32;
  if (vector && !other) return plan_gemv(s);
  uint32_t high = narrow ? NARROW64 : SIMD64;
  tsr_product_plan inner = plan_of(s, TSR_TILE_INNER, s->m > NARROW || s->n > NARROW ? high : SIMD32);
  tsr_product_plan small = plan_of(s, TSR_TILE_SIMD32, SIMD32), large = plan_of(s, TSR_TILE_SIMD64, high);
  if (tile == TSR_TILE_INNER || (s->chain == 32 && s->k > EXACT_MAX)) return inner;
  if (tile == TSR_TILE_SIMD32) return small;
  if (tile == TSR_TILE_SIMD64 || large.tiles >= MANY_TILES) return large;
  bool enough = !narrow && large.tiles >= ENOUGH_TILES;
  tsr_product_plan whole = enough ? plan_of(s, TSR_TILE_SIMD64, DEEP64) : small;
  return inner.parts > 1 && inner.tiles * inner.parts >= 2 * whole.tiles ? inner : whole;
}
