/* gemm.c: the matrix product and its symmetric form: reads the operation, and chooses the way by shape. */
#include "gemm.h"
#include "fast.h"
#include "pool.h"
#include <float.h>
#include <math.h>

#define CUBE(n) ((double)(n) * (n) * (n))

enum {
  SMALL_SIDE = 512,  /* of a product done in place, */
  SMALL_WORK = 384,  /* or its cube is the most multiply-adds; */
  TURNED_WORK = 144, /* this one where A is transposed and tiles have fewer rows than */
  HALF_LINE = 8,     /* numbers of a cache line; */
  TINY_WORK = 72,    /* up to this cube wherever its rows lie: */
  SKINNY = 160,      /* most columns of V in A*V, and of both in A'B */
  SPLIT_MIN = 512,   /* shortest K of A'B, */
  SPLIT_RATIO = 16,  /* also in terms of the shorter side of C */
  SCALE_ROWS = 32, SCALE_COLUMNS = 256
};

const tsr_kernels *tsr_kernels_of(uint32_t isa) {
  switch (isa) {
#if defined(__x86_64__)
    case TSR_ISA_AVX2: return &tsr_kernels_avx2;
    case TSR_ISA_AVX512: return &tsr_kernels_avx512;
#elif defined(__aarch64__)
    case TSR_ISA_NEON: return &tsr_kernels_neon;
#endif
    default: return &tsr_kernels_portable;
  }
}

uint32_t tsr_fast_chain(uint32_t isa) {
  (void)isa;
  return TSR_CHAIN_DEFAULT;
}

/* Scalars that float32 holds to full precision. */
static bool fits_float(double x) { return x == 0 || !isfinite(x) || (fabs(x) >= FLT_MIN && fabs(x) <= FLT_MAX); }

/* A factor that rounds nothing. */
static bool power_of_two(double x) {
  int exponent;
  return fabs(frexp(x, &exponent)) == 0.5;
}

/* Of pairs, through which a number of terms is folded to one. */
static size_t levels(size_t terms) {
  size_t levels = 0;
  for (size_t folded = 1; folded < terms; folded *= 2) levels++;
  return levels;
}

/* A term may see chain + ceil(log2(ceil(K/chain))) + 2 roundings. In a block it sees those of its chain and of the
 * levels that fold its chains; then one for each block that is added to C or to another block, and those of an alpha
 * that is no power of two. The longest chains that keep the bound are taken; where none do, which for chains of 32 is
 * from K = 3073 on (2561 with C, 1537 with such an alpha) and else, with blocks of 512, from about 118000 on, blocks
 * are added in float64, which rounds once. */
tsr_blocks tsr_blocks_of(const tsr_product *g, const tsr_kernels *kernels) {
  size_t longest = g->chain == 32 ? 32 : TSR_CHAIN_DEFAULT, bound = longest + 2 + levels(tsr_parts(g->k, longest));
  size_t most = tsr_min(kernels->block, longest * TSR_CHAINS);
  size_t size = tsr_round_up(tsr_parts(g->k, tsr_parts(g->k, most)), 8), count = tsr_parts(g->k, size);
  size_t added = power_of_two(g->alpha) ? count - (g->beta == 0) : count + 1;
  bool fits = fits_float(g->alpha) && fits_float(g->beta);
  for (size_t chains = tsr_parts(size, longest); chains <= TSR_CHAINS && fits; chains++) {
    size_t chain = tsr_round_up(tsr_parts(size, chains), 8);
    if (chain + levels(chains) + added <= bound) return (tsr_blocks){size, count, chain, false};
  }
  return (tsr_blocks){size, count, longest, true};
}

static bool applies(const tsr_product *g, uint32_t tile) {
  if (g->wide) return tile == TSR_TILE_INNER;
  switch (tile) {
    case TSR_TILE_PACKED:
    case TSR_TILE_INNER: return true;
    case TSR_TILE_SMALL: return g->uplo == TSR_FULL;
    case TSR_TILE_TALL: return g->uplo == TSR_FULL && !g->a.trans;
    case TSR_TILE_GEMV: return g->uplo == TSR_FULL && (g->m == 1 || g->n == 1);
    default: return false;
  }
}

static uint32_t choose(const tsr_product *g, size_t tile_rows) {
  size_t m = g->m, n = g->n, k = g->k;
  double work = (double)m * (double)n * (double)k;
  bool aliased = tsr_rows_together(&g->a, tsr_min(m, tile_rows)) < tsr_min(m, tile_rows);
  bool split = k >= SPLIT_MIN && tsr_min(m, n) <= SKINNY && k >= SPLIT_RATIO * tsr_min(m, n);
  if (g->wide) return TSR_TILE_INNER;
  if (g->uplo == TSR_FULL) {
    if (m == 1 || n == 1) return TSR_TILE_GEMV;
    bool scattered = aliased || (split && g->a.trans), turned = g->a.trans && tile_rows < HALF_LINE;
    if (work <= CUBE(scattered ? TINY_WORK : turned ? TURNED_WORK : SMALL_WORK)) return TSR_TILE_SMALL;
    if (!scattered && !turned && tsr_max(m, tsr_max(n, k)) <= SMALL_SIDE) return TSR_TILE_SMALL;
    if (!g->a.trans && n <= SKINNY && m >= 2 * n && m >= 256) return TSR_TILE_TALL;
  }
  return split ? TSR_TILE_INNER : TSR_TILE_PACKED;
}

typedef struct {
  const tsr_run *run;
  tsr_product g;
} scaling;

/* Some rows of C = beta D. */
static void scale_rows(void *context, size_t chunk, uint32_t worker) {
  static const double zeros[SCALE_COLUMNS];
  const scaling *s = context;
  size_t end = tsr_min(s->g.m, (chunk + 1) * SCALE_ROWS);
  (void)worker;
  for (size_t i = chunk * SCALE_ROWS; i < end && !tsr_stopped(s->run); i++) {
    for (size_t j = 0; j < s->g.n; j += SCALE_COLUMNS) {
      tsr_merge(&s->g, i, j, 1, tsr_min(SCALE_COLUMNS, s->g.n - j), zeros, SCALE_COLUMNS);
    }
  }
}

static void scale_target(tsr_run *run, const tsr_product *g) {
  if (g->beta == 1 && g->c.p == g->d.p) return;
  scaling s = {run, *g};
  s.g.alpha = 0;
  tsr_pool_run(run->pool, tsr_parts(g->m, SCALE_ROWS), scale_rows, &s);
}

int32_t tsr_multiply(tsr_run *run, const tsr_product *g, uint32_t tile) {
  run->tile = applies(g, tile) ? tile : choose(g, tsr_kernels_of(run->isa)->mr);
  if (g->m == 0 || g->n == 0) return TSR_OK;
  if (g->k == 0 || g->alpha == 0) {
    scale_target(run, g);
    return TSR_OK;
  }
  switch (run->tile) {
    case TSR_TILE_GEMV: return tsr_gemm_gemv(run, g);
    case TSR_TILE_SMALL:
    case TSR_TILE_TALL: return tsr_gemm_inplace(run, g);
    case TSR_TILE_INNER: return tsr_gemm_inner(run, g);
    default: return tsr_gemm_packed(run, g);
  }
}

static tsr_operand flip(tsr_operand a) {
  a.trans = !a.trans;
  return a;
}

int32_t tsr_fast_gemm(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *B = &op->v[1], *C = &op->v[2];
  tsr_product g = {.m = tsr_rows_of(C),
                   .n = tsr_cols_of(C),
                   .k = tsr_cols_of(A),
                   .alpha = op->alpha,
                   .beta = op->beta,
                   .a = tsr_operand_of(A),
                   .b = tsr_operand_of(B),
                   .c = tsr_target_of(C),
                   .chain = op->chain,
                   .wide = C->type == TSR_F64};
  if (C->trans) { /* C' = B'A' has rows along memory */
    tsr_operand a = g.a;
    g.a = flip(g.b);
    g.b = flip(a);
    g.m = C->rows;
    g.n = C->cols;
    g.c.row = C->ld;
    g.c.col = 1;
  }
  g.d = g.c;
  return tsr_multiply(run, &g, op->tile);
}

int32_t tsr_fast_syrk(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *C = &op->v[1];
  tsr_product g = {.m = C->rows,
                   .n = C->rows,
                   .k = tsr_cols_of(A),
                   .alpha = op->alpha,
                   .beta = op->beta,
                   .a = tsr_operand_of(A),
                   .c = {C->data, C->ld, 1, C->type == TSR_F64},
                   .uplo = op->flags,
                   .chain = op->chain,
                   .wide = C->type == TSR_F64};
  g.b = flip(g.a);
  g.d = g.c;
  return tsr_multiply(run, &g, op->tile);
}
