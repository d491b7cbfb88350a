/* gemm_packed.c: the general product. A slab of B is packed for all threads, then blocks of A that stay in a thread's
 * second-level cache; a panel of B stays in the first-level cache while the tiles of a block of A pass over it. */
#include "gemm.h"
#include "pool.h"

enum {
  COLUMNS = 3072,    /* of a slab of B, */
  SLAB = 1 << 22,    /* and its elements: few slabs, so that threads seldom wait for each other */
  ROW_TILES = 24,    /* tiles in a block of A */
  GROUP_PANELS = 16, /* fewest panels of B for which a block of A is packed */
  PACK_PANELS = 4,   /* of B packed in one go */
  CHUNKS = 4,        /* wanted for each thread */
  WIDE_SIDE = 1024   /* largest block of C when its sums are kept in float64 */
};

typedef struct {
  tsr_run *run;
  const tsr_product *g;
  const tsr_kernels *kernels;
  tsr_blocks blocks;
  size_t i0, rows, j0, cols, t0, t1; /* block of C, and of K: the slab */
  size_t panels, groups, block_rows; /* panels of B; chunks across; rows of a block of A */
  size_t panel_a, panel_b;           /* floats from panel to panel */
  float *a, *b;                      /* a: one for each thread; b: [block of K][panel] */
  double *sums;                      /* float64 sums of the block of C by tiles; NULL: C itself takes them */
} packed;

/* One block of K of some panels. */
static void pack_b(void *context, size_t chunk, uint32_t worker) {
  packed *p = context;
  const tsr_product *g = p->g;
  size_t across = tsr_parts(p->panels, PACK_PANELS), nr = p->kernels->nr, first = chunk % across * PACK_PANELS,
         j = first * nr;
  size_t block = chunk / across, t = p->t0 + block * p->blocks.size;
  (void)worker;
  if (tsr_stopped(p->run)) return;
  tsr_pack pack = {.w = nr,
                   .panel = p->panel_b,
                   .width = tsr_min(PACK_PANELS * nr, p->cols - j),
                   .k = tsr_min(p->blocks.size, p->t1 - t),
                   .from = tsr_operand_at(&g->b, t, p->j0 + j),
                   .ld = g->b.ld,
                   .transpose = g->b.trans};
  p->kernels->pack(&pack, p->b + (block * p->panels + first) * p->panel_b);
}

/* The way of a tile's sums into C where that is not the tile itself: into float64 sums first, or over the diagonal. */
static void merge(const packed *p, const tsr_tile *t, size_t t0, size_t i, size_t rows, size_t panel, size_t cols) {
  const tsr_kernels *kernels = p->kernels;
  size_t nr = kernels->nr, row = p->i0 + i, col = p->j0 + panel * nr;
  if (p->sums == NULL) {
    tsr_merge32(p->g, t0 == 0 ? p->g->beta : 1, row, col, rows, cols, t->c, nr);
    return;
  }
  double *sum = p->sums + (i / kernels->mr * p->panels + panel) * kernels->mr * nr;
  kernels->fold(rows * nr, t->c, sum, t0 > 0);
  if (t0 + t->k == p->g->k) tsr_merge(p->g, p->g->beta, row, col, rows, cols, sum, nr);
}

/* The tiles of a block of A in one panel of B, one block of K: straight into C, or by way of a buffer. While they are
 * computed the next panel of A is fetched. */
static void multiply_panel(const packed *p, const float *a, const float *b, size_t t0, size_t first, size_t end,
                           size_t panel) {
  const tsr_product *g = p->g;
  size_t mr = p->kernels->mr, nr = p->kernels->nr, cols = tsr_min(nr, p->cols - panel * nr),
         col = p->j0 + panel * nr, narrow = cols <= nr / 2 && p->sums == NULL;
  const tsr_tile_kernel *tile = p->kernels->tile[0][narrow];
  float buffer[TSR_TILE_SIZE_MAX];
  tsr_tile into_buffer = {.k = tsr_min(p->blocks.size, p->t1 - t0),
                          .chain = p->blocks.chain,
                          .lda = mr,
                          .b = b,
                          .ldb = nr,
                          .c = buffer,
                          .ldc = nr,
                          .alpha = 1,
                          .stride = tsr_min(64, 2 * mr * sizeof(float))};
  tsr_tile into_c = into_buffer;
  into_c.ldc = g->c.row;
  into_c.cut = (narrow ? nr / 2 : nr) - cols;
  into_c.alpha = g->alpha;
  into_c.beta = t0 == 0 ? g->beta : 1;
  for (size_t i = first; i < end; i += mr, a += p->panel_a) {
    size_t row = p->i0 + i, rows = tsr_min(mr, end - i);
    if (!tsr_touches(g->uplo, row, col, rows, cols)) continue;
    bool direct = p->sums == NULL && tsr_inside(g->uplo, row, col, rows, cols);
    tsr_tile *t = direct ? &into_c : &into_buffer;
    t->a = a;
    t->ahead = (const char *)(a + p->panel_a);
    if (direct) t->c = (float *)g->c.p + row * g->c.row + col;
    tile[rows](t);
    if (!direct) merge(p, t, t0, i, rows, panel, cols);
  }
}

/* A block of rows and a group of panels, over the whole slab. */
static void multiply(void *context, size_t chunk, uint32_t worker) {
  packed *p = context;
  const tsr_product *g = p->g;
  size_t mr = p->kernels->mr, nr = p->kernels->nr, i = chunk / p->groups * p->block_rows, group = chunk % p->groups;
  size_t rows = tsr_min(p->block_rows, p->rows - i), first = p->panels * group / p->groups,
         end = p->panels * (group + 1) / p->groups;
  if (!tsr_touches(g->uplo, p->i0 + i, p->j0 + first * nr, rows, tsr_min(p->cols, end * nr) - first * nr)) return;
  float *a = p->a + worker * (p->block_rows / mr) * p->panel_a;
  for (size_t t = p->t0; t < p->t1 && !tsr_stopped(p->run); t += p->blocks.size) {
    tsr_pack pack = {.w = mr,
                     .panel = p->panel_a,
                     .width = rows,
                     .k = tsr_min(p->blocks.size, p->t1 - t),
                     .from = tsr_operand_at(&g->a, p->i0 + i, t),
                     .ld = g->a.ld,
                     .transpose = !g->a.trans};
    p->kernels->pack(&pack, a);
    const float *b = p->b + (t - p->t0) / p->blocks.size * p->panels * p->panel_b;
    for (size_t panel = first; panel < end; panel++)
      multiply_panel(p, a, b + panel * p->panel_b, t, i, i + rows, panel);
  }
}

/* One block of C over the whole of K, slab by slab. */
static void multiply_block(packed *p, size_t slab) {
  tsr_pool *pool = p->run->pool;
  size_t threads = tsr_pool_threads(pool), rows = tsr_parts(p->rows, p->block_rows);
  p->panels = tsr_parts(p->cols, p->kernels->nr);
  p->groups = tsr_max(1, tsr_min(tsr_parts(CHUNKS * threads, rows), p->panels / GROUP_PANELS));
  if (threads == 1) p->groups = 1;
  for (p->t0 = 0; p->t0 < p->g->k && !tsr_stopped(p->run); p->t0 = p->t1) {
    p->t1 = tsr_min(p->g->k, p->t0 + slab);
    tsr_pool_run(pool, tsr_parts(p->t1 - p->t0, p->blocks.size) * tsr_parts(p->panels, PACK_PANELS), pack_b, p);
    tsr_pool_run(pool, rows * p->groups, multiply, p);
  }
}

int32_t tsr_gemm_packed(tsr_run *run, const tsr_product *g) {
  packed p = {.run = run, .g = g, .kernels = tsr_kernels_of(run->isa), .blocks = tsr_blocks_of(g)};
  size_t mr = p.kernels->mr, nr = p.kernels->nr, threads = tsr_pool_threads(run->pool);
  size_t block_rows = p.blocks.wide ? tsr_min(g->m, WIDE_SIDE / mr * mr) : g->m;
  size_t block_cols = tsr_min(g->n, p.blocks.wide ? WIDE_SIDE : COLUMNS), panels = tsr_parts(block_cols, nr);
  p.block_rows = tsr_min(ROW_TILES, tsr_max(1, tsr_parts(g->m, CHUNKS * threads * mr))) * mr;
  if (threads == 1) p.block_rows = ROW_TILES * mr;
  p.panel_a = p.blocks.size * mr + TSR_PACK_SLACK;
  p.panel_b = p.blocks.size * nr + TSR_PACK_SLACK;
  size_t sums = p.blocks.wide ? tsr_parts(block_rows, mr) * panels * mr * nr : 0;
  size_t slab_blocks = tsr_max(1, tsr_min(p.blocks.count, SLAB / (panels * p.panel_b)));
  size_t floats_a = tsr_round_up(threads * (p.block_rows / mr) * p.panel_a, 16),
         floats_b = slab_blocks * panels * p.panel_b;
  double *memory = tsr_scratch(run, sums * sizeof(double) + (floats_a + floats_b + TSR_PACK_SLACK) * sizeof(float));
  if (memory == NULL) return TSR_E_MEMORY;
  p.sums = p.blocks.wide ? memory : NULL;
  p.a = (float *)(memory + sums);
  p.b = p.a + floats_a;
  for (p.j0 = 0; p.j0 < g->n; p.j0 += p.cols) {
    p.cols = tsr_min(block_cols, g->n - p.j0);
    for (p.i0 = 0; p.i0 < g->m; p.i0 += p.rows) {
      p.rows = tsr_min(block_rows, g->m - p.i0);
      multiply_block(&p, slab_blocks * p.blocks.size);
    }
  }
  return TSR_OK;
}
