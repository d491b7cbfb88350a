/* gemm_packed.c: the general product. A slab of B is packed for all threads, then blocks of A that stay in a thread's
 * second-level cache; a panel of B stays in the first-level cache while the tiles of a block of A pass over it. */
#include "gemm.h"
#include "pool.h"

enum {
  COLUMNS = 3072,    /* of a slab of B, */
  SLAB = 1 << 22,    /* and its elements: few slabs, so that threads seldom wait for each other */
  ROW_STEPS = 6144,  /* of K in all tiles of a block of A */
  GROUP_PANELS = 4,  /* fewest panels of B for which a block of A is packed */
  PACK_PANELS = 4,   /* most of B packed in one go */
  CHUNKS = 4,        /* wanted for each thread, */
  CHUNKS_MIN = 2,    /* by parts of the rows of B where there are fewer than so many */
  WIDE_SIDE = 1024   /* largest block of C when its sums are kept in float64 */
};

typedef struct {
  tsr_run *run;
  const tsr_product *g;
  const tsr_kernels *kernels;
  tsr_blocks blocks;
  size_t i0, rows, j0, cols, t0, t1; /* block of C, and of K: the slab */
  size_t panels, pack_panels, groups; /* panels of B, those packed in one go, chunks across */
  tsr_cut down;                       /* blocks of A: tiles of rows of the block of C */
  size_t tiles;                       /* most in a block of A */
  size_t panel_a, panel_b;           /* floats from panel to panel */
  float *a, *b;                      /* a: one for each thread; b: [block of K][panel] */
  double *sums; /* float64 sums of the block of C, [tile of rows][panel]; NULL: C itself takes them */
} packed;

/* One block of K of some panels. */
static void pack_b(void *context, size_t chunk, uint32_t worker) {
  packed *p = context;
  const tsr_product *g = p->g;
  size_t across = tsr_parts(p->panels, p->pack_panels), nr = p->kernels->nr,
         first = chunk % across * p->pack_panels, j = first * nr;
  size_t block = chunk / across, t = p->t0 + block * p->blocks.size;
  (void)worker;
  if (tsr_stopped(p->run)) return;
  tsr_pack pack = {.w = nr,
                   .panel = p->panel_b,
                   .width = tsr_min(p->pack_panels * nr, p->cols - j),
                   .k = tsr_min(p->blocks.size, p->t1 - t),
                   .from = tsr_operand_at(&g->b, t, p->j0 + j),
                   .ld = g->b.ld,
                   .transpose = g->b.trans};
  p->kernels->pack(&pack, p->b + (block * p->panels + first) * p->panel_b);
}

/* First row of a block of A, and with the one behind it how many it has. */
static size_t first_row(const packed *p, size_t block) {
  return p->i0 + tsr_cut_line(&p->down, block, p->kernels->mr, p->rows);
}

static size_t rows_of(const packed *p, size_t block) { return first_row(p, block + 1) - first_row(p, block); }

/* Tiles of a block of A: even ones where its rows lie along memory, else all but the last as high as can be, so that
 * the block is packed in the order of memory. */
static tsr_cut tiles_of(const packed *p, size_t block) {
  return tsr_cut_of(rows_of(p, block), p->kernels->mr);
}

/* Copies what a tile of C has of the triangle. */
static void copy_triangle(uint32_t uplo, size_t row, size_t rows, size_t col, size_t cols, const float *from,
                          size_t ld_from, float *to, size_t ld_to) {
  for (size_t i = 0; i < rows; i++, row++, from += ld_from, to += ld_to) {
    size_t first = uplo == TSR_UPPER && row > col ? tsr_min(cols, row - col) : 0,
           end = uplo == TSR_UPPER ? cols : row < col ? 0 : tsr_min(cols, row - col + 1);
    for (size_t j = first; j < end; j++) to[j] = from[j];
  }
}

/* A tile over the diagonal works on a copy: the same steps as in C itself, because where tiles begin depends on the
 * number of threads. Where the triangle has nothing of its left or right half, only the other one is computed. */
static void multiply_over_diagonal(const packed *p, const tsr_tile *t, size_t row, size_t rows, size_t col,
                                   size_t cols) {
  float copy[TSR_TILE_SIZE_MAX];
  size_t nr = p->kernels->nr, half = nr / 2;
  uint32_t uplo = p->g->uplo;
  tsr_tile on_copy = *t;
  float *c = t->c;
  if (cols > half && uplo == TSR_UPPER && row >= col + half) {
    on_copy.b += half;
    c += half;
    col += half;
    cols -= half;
  } else if (cols > half && uplo == TSR_LOWER && row + rows <= col + half) {
    on_copy.cut = 0;
    cols = half;
  }
  on_copy.c = copy;
  on_copy.ldc = nr;
  for (size_t i = 0; i < rows * nr && t->beta != 0; i++) copy[i] = 0;
  if (t->beta != 0) copy_triangle(uplo, row, rows, col, cols, c, t->ldc, copy, nr);
  p->kernels->tile[0][cols <= half][rows](&on_copy);
  copy_triangle(uplo, row, rows, col, cols, copy, nr, c, t->ldc);
}

/* The tiles of a block of A in one panel of B, one block of K. While they are computed the next panel of B is
 * fetched, a share with each tile. */
static void multiply_panel(const packed *p, const float *a, const float *b, size_t t0, size_t block, size_t panel) {
  const tsr_product *g = p->g;
  const tsr_kernels *kernels = p->kernels;
  size_t mr = kernels->mr, nr = kernels->nr, cols = tsr_min(nr, p->cols - panel * nr), col = p->j0 + panel * nr;
  size_t narrow = cols <= nr / 2 && p->sums == NULL, row = first_row(p, block), rows,
         end = first_row(p, block + 1);
  tsr_cut tiles = tiles_of(p, block);
  size_t share = p->panel_b * sizeof(float) / tiles.count;
  float buffer[TSR_TILE_SIZE_MAX];
  tsr_tile t = {.k = tsr_min(p->blocks.size, p->t1 - t0),
                .chain = p->blocks.chain,
                .a = a,
                .lda = mr,
                .b = b,
                .ldb = nr,
                .c = buffer,
                .ldc = p->sums ? nr : g->c.row,
                .cut = p->sums ? 0 : (narrow ? nr / 2 : nr) - cols,
                .alpha = p->sums ? 1 : g->alpha,
                .beta = p->sums ? 0 : t0 == 0 ? g->beta : 1,
                .ahead = (const char *)(b + p->panel_b)};
  t.stride = share / (t.k / 2 + 1) + 1;
  for (size_t q = 0; q < tiles.count; q++, row += rows, t.a += p->panel_a, t.ahead += share) {
    rows = g->a.trans ? tsr_min(mr, end - row) : tsr_cut_size(&tiles, q);
    tsr_tile_kernel tile = kernels->tile[0][narrow][rows];
    if (!tsr_touches(g->uplo, row, col, rows, cols)) continue;
    if (p->sums) {
      double *sum = p->sums + ((row - p->i0) * p->panels + panel * rows) * nr;
      tile(&t);
      kernels->fold(rows * nr, buffer, sum, t0 > 0);
      if (t0 + t.k == g->k) tsr_merge(g, row, col, rows, cols, sum, nr);
      continue;
    }
    t.c = (float *)g->c.p + row * g->c.row + col;
    if (tsr_inside(g->uplo, row, col, rows, cols)) tile(&t);
    else multiply_over_diagonal(p, &t, row, rows, col, cols);
  }
}

/* A block of rows and a group of panels, over the whole slab. */
static void multiply(void *context, size_t chunk, uint32_t worker) {
  packed *p = context;
  const tsr_product *g = p->g;
  size_t mr = p->kernels->mr, nr = p->kernels->nr, block = chunk / p->groups, group = chunk % p->groups;
  size_t row = first_row(p, block), rows = rows_of(p, block),
         first = p->panels * group / p->groups, end = p->panels * (group + 1) / p->groups;
  if (!tsr_touches(g->uplo, row, p->j0 + first * nr, rows, tsr_min(p->cols, end * nr) - first * nr)) return;
  float *a = p->a + worker * p->tiles * p->panel_a;
  tsr_cut tiles = tiles_of(p, block);
  for (size_t t = p->t0; t < p->t1 && !tsr_stopped(p->run); t += p->blocks.size) {
    tsr_pack pack = {.w = mr,
                     .panel = p->panel_a,
                     .width = rows,
                     .k = tsr_min(p->blocks.size, p->t1 - t),
                     .from = tsr_operand_at(&g->a, row, t),
                     .ld = g->a.ld,
                     .transpose = !g->a.trans};
    if (g->a.trans) p->kernels->pack(&pack, a);
    for (size_t q = 0, i = row; q < tiles.count && !g->a.trans; q++, i += pack.width) {
      pack.width = tsr_cut_size(&tiles, q);
      pack.from = tsr_operand_at(&g->a, i, t);
      p->kernels->pack(&pack, a + q * p->panel_a);
    }
    const float *b = p->b + (t - p->t0) / p->blocks.size * p->panels * p->panel_b;
    for (size_t panel = first; panel < end; panel++) multiply_panel(p, a, b + panel * p->panel_b, t, block, panel);
  }
}

/* The work of one block of C: blocks of rows of as many tiles each or one more, a multiple of the threads where rows
 * allow, and parts of the rows of B where these are too few. */
static void share_out(packed *p) {
  size_t threads = tsr_pool_threads(p->run->pool), mr = p->kernels->mr, tiles = tsr_parts(p->rows, mr);
  size_t blocks = tsr_parts(tiles, ROW_STEPS / p->blocks.size);
  if (threads > 1) blocks = tsr_max(blocks, tsr_min(tiles, CHUNKS * threads));
  if (tsr_round_up(blocks, threads) <= tiles) blocks = tsr_round_up(blocks, threads);
  p->down = tsr_cut_into(tiles, tsr_min(blocks, tiles));
  p->panels = tsr_parts(p->cols, p->kernels->nr);
  p->groups = tsr_max(1, tsr_min(tsr_parts(CHUNKS_MIN * threads, p->down.count), p->panels / GROUP_PANELS));
  if (threads == 1) p->groups = 1;
  p->pack_panels = tsr_max(1, tsr_min(PACK_PANELS, p->panels / (CHUNKS_MIN * threads)));
}

/* Most tiles in a block of A of a block of C. */
static size_t tiles_in(packed *p, size_t rows, size_t cols) {
  if (rows == 0) return 0;
  p->rows = rows;
  p->cols = cols;
  share_out(p);
  return tiles_of(p, 0).count;
}

/* One block of C over the whole of K, slab by slab. */
static void multiply_block(packed *p, size_t slab) {
  tsr_pool *pool = p->run->pool;
  share_out(p);
  for (p->t0 = 0; p->t0 < p->g->k && !tsr_stopped(p->run); p->t0 = p->t1) {
    p->t1 = tsr_min(p->g->k, p->t0 + slab);
    tsr_pool_run(pool, tsr_parts(p->t1 - p->t0, p->blocks.size) * tsr_parts(p->panels, p->pack_panels), pack_b, p);
    tsr_pool_run(pool, p->down.count * p->groups, multiply, p);
  }
}

int32_t tsr_gemm_packed(tsr_run *run, const tsr_product *g) {
  packed p = {.run = run, .g = g, .kernels = tsr_kernels_of(run->isa)};
  p.blocks = tsr_blocks_of(g, p.kernels);
  size_t mr = p.kernels->mr, nr = p.kernels->nr, threads = tsr_pool_threads(run->pool);
  size_t block_rows = p.blocks.wide ? tsr_min(g->m, WIDE_SIDE / mr * mr) : g->m;
  size_t block_cols = tsr_min(g->n, p.blocks.wide ? WIDE_SIDE : COLUMNS), panels = tsr_parts(block_cols, nr);
  p.tiles = tsr_max(tiles_in(&p, block_rows, block_cols), tiles_in(&p, g->m % block_rows, block_cols));
  p.panel_a = p.blocks.size * mr + TSR_PACK_SLACK;
  p.panel_b = p.blocks.size * nr + TSR_PACK_SLACK;
  size_t sums = p.blocks.wide ? block_rows * panels * nr : 0;
  size_t slab_blocks = tsr_max(1, tsr_min(p.blocks.count, SLAB / (panels * p.panel_b)));
  size_t floats_a = tsr_round_up(threads * p.tiles * p.panel_a, 16),
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
