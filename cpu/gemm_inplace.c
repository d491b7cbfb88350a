/* gemm_inplace.c: products that leave A where it is: small ones (SMALL), and a tall A times a matrix of few columns
 * (TALL), where packing A would cost as much as multiplying it. B is packed once as a whole, or stays in place too.
 */
#include "gemm.h"
#include "pool.h"
#include <math.h>

enum {
  SHARED = 4,            /* tiles of rows that share a pass over B; */
  NEAR_BYTES = 1 << 19,  /* one alone where B takes no more and A does: what it fetches is still there for the next */
  CHUNK_TILES = 64,      /* most in a chunk of a tall A */
  CHUNKS = 4,            /* most for each thread, */
  CHUNK_WORK = 100000,   /* with at least so many multiply-adds, */
  THREAD_WORK = 1000000, /* and so many where there is one for each thread already */
  PACK_FLOATS = 4096,    /* of B packed in one go */
  GAP = 8,               /* part of a row by which the next may lie behind it to be fetched with it */
  PAIR_BYTES = 2 * sizeof(float), /* of a row that the two steps take between which a kernel fetches */
  INLINE_WORK = 400000,  /* multiply-adds below which threads are not worth waking */
  PAIR_ROWS = 128,       /* fewest of A for which B is paired: without, (A B)' has the bits of B'A' */
  PACK_ROWS = 24, PACK_K = 96 /* leaving B in place pays only for few rows of A, or few of its own */
};

typedef struct {
  tsr_run *run;
  const tsr_product *g;
  const tsr_kernels *kernels;
  tsr_blocks blocks;
  size_t height;         /* most rows of a tile, */
  size_t strip;          /* and of those that share a pass */
  size_t panels, panel;  /* panels of B, floats from one to the next */
  size_t packed;         /* first panel of B that is packed; those before it stay in place */
  bool pairs;            /* the only panel, in pairs of rows where the tile is narrow */
  tsr_cut down, across;  /* chunks of work: units of rows of C, panels of B; */
  size_t unit;           /* rows: those of a tile, or one; */
  tsr_cut packs;         /* packed panels of one block of K */
  float *b;              /* packed as [block of K][panel] */
  double *sums;          /* for each thread: float64 sums of a strip by tiles; NULL: C itself takes them */
} inplace;

/* Of a panel of B. */
static tsr_columns columns_of(const inplace *p, size_t panel) {
  size_t nr = p->kernels->nr, cols = tsr_min(nr, p->g->n - panel * nr);
  if (p->pairs) return tsr_columns_of(p->kernels, cols);
  bool narrow = cols <= nr / 2;
  return (tsr_columns){p->kernels->tile[!p->g->a.trans][narrow], narrow ? nr / 2 : nr,
                       panel < p->packed ? p->g->b.ld : nr, false};
}

/* Some panels of one block of K. */
static void pack_panels(void *context, size_t chunk, uint32_t worker) {
  inplace *p = context;
  const tsr_product *g = p->g;
  size_t block = chunk / p->packs.count, piece = chunk % p->packs.count, t0 = block * p->blocks.size,
         first = tsr_cut_start(&p->packs, piece), col = (p->packed + first) * p->kernels->nr;
  (void)worker;
  tsr_pack pack = {.w = p->kernels->nr,
                   .panel = p->panel,
                   .width = tsr_min(g->n - col, tsr_cut_size(&p->packs, piece) * p->kernels->nr),
                   .k = tsr_min(p->blocks.size, g->k - t0),
                   .from = tsr_operand_at(&g->b, t0, col),
                   .ld = g->b.ld,
                   .transpose = g->b.trans};
  float *to = p->b + (block * (p->panels - p->packed) + first) * p->panel;
  p->kernels->pack(&pack, to);
  tsr_columns columns = columns_of(p, 0);
  tsr_pair_rows(p->kernels, &columns, pack.k, to);
}

/* Some rows of A, `tiles` of them, in one panel of B, for one block of K. */
static const char *multiply_panel(const inplace *p, size_t first, const tsr_cut *tiles, size_t panel, size_t t0,
                                  double *sum, const char *ahead, size_t stride) {
  const tsr_product *g = p->g;
  size_t nr = p->kernels->nr, col = panel * nr, cols = tsr_min(nr, g->n - col);
  tsr_columns columns = columns_of(p, panel);
  size_t width = columns.width;
  bool in_place = panel < p->packed;
  float buffer[TSR_TILE_SIZE_MAX];
  tsr_tile t = {.k = tsr_min(p->blocks.size, g->k - t0),
                .chain = p->blocks.chain,
                .a = tsr_operand_at(&g->a, first, t0),
                .lda = g->a.ld,
                .b = in_place ? tsr_operand_at(&g->b, t0, col)
                              : p->b + (t0 / p->blocks.size * (p->panels - p->packed) + panel - p->packed) * p->panel,
                .ldb = columns.ldb,
                .c = sum ? buffer : (float *)g->c.p + first * g->c.row + col,
                .ldc = sum ? width : g->c.row,
                .cut = sum ? 0 : width - cols,
                .alpha = sum ? 1 : g->alpha,
                .beta = sum ? 0 : t0 == 0 ? g->beta : 1,
                .ahead = ahead,
                .stride = stride};
  size_t i = first, down = g->a.trans ? 1 : g->a.ld;
  for (size_t q = 0; q < tiles->count; q++) {
    size_t rows = tsr_cut_size(tiles, q);
    columns.tile[rows](&t);
    if (sum) {
      p->kernels->fold(rows * width, buffer, sum, t0 > 0);
      if (t0 + t.k == g->k) tsr_merge(g, i, col, rows, cols, sum, width);
      sum += p->panels * p->height * nr;
    } else {
      t.c += rows * g->c.row;
    }
    t.a += rows * down;
    t.ahead += t.k / 2 * stride;
    i += rows;
  }
  return t.ahead;
}

/* All blocks of K, some panels. While they are computed the rows behind them are fetched, where they lie close. */
static void multiply_strip(const inplace *p, size_t first, size_t end, size_t panel, size_t last, double *sums) {
  const tsr_product *g = p->g;
  tsr_cut tiles = tsr_cut_of(end - first, p->height);
  bool dense = !g->a.trans && g->a.ld - g->k <= g->k / GAP && end < g->m;
  const char *ahead = (const char *)tsr_operand_at(&g->a, dense ? end : first, 0);
  size_t stride = dense ? tsr_max(1, PAIR_BYTES * p->height * g->a.ld / g->k / (last - panel)) : 0;
  for (size_t t0 = 0; t0 < g->k; t0 += p->blocks.size) {
    for (size_t j = panel; j < last; j++) {
      double *sum = sums == NULL ? NULL : sums + j * p->height * p->kernels->nr;
      ahead = multiply_panel(p, first, &tiles, j, t0, sum, ahead, stride);
    }
  }
}

static void multiply(void *context, size_t chunk, uint32_t worker) {
  inplace *p = context;
  size_t row = chunk / p->across.count, group = chunk % p->across.count;
  size_t panel = tsr_cut_start(&p->across, group), last = panel + tsr_cut_size(&p->across, group);
  size_t i = tsr_cut_line(&p->down, row, p->unit, p->g->m), end = tsr_cut_line(&p->down, row + 1, p->unit, p->g->m);
  double *sums = p->sums == NULL ? NULL : p->sums + worker * p->strip * p->panels * p->kernels->nr;
  for (; i < end && !tsr_stopped(p->run); i += p->strip)
    multiply_strip(p, i, tsr_min(end, i + p->strip), panel, last, sums);
}

/* Chunks of work: some rows of C, and some panels where there are too few rows. Up to one for each thread they may be
 * small, and are as even as can be; more of them only keep threads busy whose neighbours are held up, and are whole
 * tiles. */
static void share_out(inplace *p, size_t threads) {
  const tsr_product *g = p->g;
  size_t packed = p->panels - p->packed;
  double work = (double)g->m * (double)g->n * (double)g->k;
  p->unit = 1;
  p->down = tsr_cut_of(g->m, g->m);
  p->across = tsr_cut_of(p->panels, p->panels);
  p->packs = tsr_cut_of(packed, packed);
  if (threads == 1 || work <= INLINE_WORK) return;
  double each = fmax(1, fmin(CHUNKS, work / (double)threads / THREAD_WORK));
  size_t chunks = (size_t)fmin(work / CHUNK_WORK, (double)threads * each);
  size_t tiles = tsr_parts(g->m, p->height);
  if (chunks > threads) p->unit = p->height;
  p->down = tsr_cut_into(tsr_parts(g->m, p->unit),
                         tsr_max(tsr_min(chunks, tiles), tsr_parts(tiles, CHUNK_TILES)));
  p->across = tsr_cut_of(p->panels, tsr_parts(p->panels, tsr_max(1, chunks / p->down.count)));
  p->packs = tsr_cut_of(packed, tsr_max(1, tsr_parts(packed, tsr_min(chunks, packed * p->panel / PACK_FLOATS + 1))));
}

/* A panel can stay when it is whole along memory, half a one being whole where C takes the sums. It is packed where
 * many rows of A pass over it and it is long, or its rows are a multiple of 512 bytes apart: they share few cache
 * sets. */
static size_t first_packed(const inplace *p) {
  const tsr_product *g = p->g;
  size_t rest = g->n % p->kernels->nr;
  bool whole = rest == 0 || (rest == p->kernels->nr / 2 && !p->blocks.wide);
  if (g->b.trans || (g->m > PACK_ROWS && (g->k > PACK_K || (g->k > PACK_K / 3 && g->b.ld % 128 == 0)))) return 0;
  return whole ? p->panels : p->panels - 1;
}

int32_t tsr_gemm_inplace(tsr_run *run, const tsr_product *g) {
  inplace p = {.run = run, .g = g, .kernels = tsr_kernels_of(run->isa)};
  p.blocks = tsr_blocks_of(g, p.kernels);
  size_t nr = p.kernels->nr, threads = tsr_pool_threads(run->pool);
  p.height = tsr_rows_together(&g->a, p.kernels->mr);
  p.panels = tsr_parts(g->n, nr);
  p.panel = tsr_min(p.blocks.size, g->k) * nr + TSR_PACK_SLACK;
  bool far = g->m * g->k * sizeof(float) > NEAR_BYTES, near = g->k * p.panels * nr * sizeof(float) <= NEAR_BYTES;
  p.strip = tsr_round_up((far && near ? 1 : SHARED) * p.kernels->mr, p.height);
  p.packed = first_packed(&p);
  p.pairs = !g->a.trans && p.packed == 0 && p.panels == 1 && g->m >= PAIR_ROWS;
  size_t sums = p.blocks.wide ? threads * p.strip * p.panels * nr : 0;
  size_t floats = p.blocks.count * (p.panels - p.packed) * p.panel;
  if (sums + floats > 0) {
    double *memory = tsr_scratch(run, sums * sizeof(double) + floats * sizeof(float));
    if (memory == NULL) return TSR_E_MEMORY;
    if (sums > 0) p.sums = memory;
    if (floats > 0) p.b = (float *)(memory + sums);
  }
  share_out(&p, threads);
  size_t chunks = p.down.count * p.across.count, packs = floats > 0 ? p.blocks.count * p.packs.count : 0;
  if (chunks > 1) tsr_pool_run(run->pool, packs, pack_panels, &p);
  else for (size_t pack = 0; pack < packs; pack++) pack_panels(&p, pack, 0);
  tsr_pool_run(run->pool, chunks, multiply, &p);
  return TSR_OK;
}
