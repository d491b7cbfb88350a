/* gemm_inplace.c: products that leave A where it is: small ones (SMALL), and a tall A times a matrix of few columns
 * (TALL), where packing A would cost as much as multiplying it. B is packed once as a whole, or stays in place too.
 */
#include "gemm.h"
#include "pool.h"

enum {
  STRIP_TILES = 4,       /* tiles of rows that share the passes over B */
  CHUNK_STRIPS = 16,     /* strips in a chunk of a tall A */
  INLINE_WORK = 1000000, /* multiply-adds below which threads are not worth waking */
  PACK_ROWS = 12, PACK_K = 96 /* leaving B in place pays only for few rows of A, or few of its own */
};

typedef struct {
  tsr_run *run;
  const tsr_product *g;
  const tsr_kernels *kernels;
  tsr_blocks blocks;
  size_t panels, panel, chunk_rows; /* panels of B, floats from one to the next; rows of A in a chunk */
  float *b;                         /* packed as [block of K][panel]; NULL: B stays in place */
  double *sums;                     /* for each thread: float64 sums of a strip by tiles; NULL: C itself takes them */
} inplace;

static void pack_block(void *context, size_t block, uint32_t worker) {
  inplace *p = context;
  size_t t0 = block * p->blocks.size;
  (void)worker;
  tsr_pack pack = {.w = p->kernels->nr,
                   .panel = p->panel,
                   .width = p->g->n,
                   .k = tsr_min(p->blocks.size, p->g->k - t0),
                   .from = tsr_operand_at(&p->g->b, t0, 0),
                   .ld = p->g->b.ld,
                   .transpose = p->g->b.trans};
  p->kernels->pack(&pack, p->b + block * p->panels * p->panel);
}

/* Rows [i, i + rows) of C, one panel wide, one block of K. */
static void tile(const inplace *p, size_t i, size_t rows, size_t panel, size_t t0, double *sum, const char *ahead,
                 size_t stride) {
  const tsr_product *g = p->g;
  size_t nr = p->kernels->nr, col = panel * nr, cols = tsr_min(nr, g->n - col),
         steps = tsr_min(p->blocks.size, g->k - t0);
  size_t narrow = cols <= nr / 2 && sum == NULL;
  bool whole = cols == (narrow ? nr / 2 : nr);
  double beta = t0 == 0 ? g->beta : 1;
  float buffer[TSR_TILE_SIZE_MAX];
  tsr_tile t = {.k = steps,
                .chain = p->blocks.chain,
                .a = tsr_operand_at(&g->a, i, t0),
                .lda = g->a.ld,
                .c = buffer,
                .ldc = nr,
                .alpha = 1,
                .beta = 0,
                .ahead = ahead,
                .stride = stride};
  t.b = p->b != NULL ? p->b + (t0 / p->blocks.size * p->panels + panel) * p->panel : tsr_operand_at(&g->b, t0, col);
  t.ldb = p->b != NULL ? nr : g->b.ld;
  if (whole && sum == NULL) {
    t.c = (float *)g->c.p + i * g->c.row + col;
    t.ldc = g->c.row;
    t.alpha = g->alpha;
    t.beta = beta;
  }
  p->kernels->tile[!g->a.trans][narrow][rows](&t);
  if (sum != NULL) {
    p->kernels->fold(rows * nr, buffer, sum, t0 > 0);
    if (t0 + steps == g->k) tsr_merge(g, g->beta, i, col, rows, cols, sum, nr);
  } else if (!whole) {
    tsr_merge32(g, beta, i, col, rows, cols, buffer, nr);
  }
}

/* Rows [first, end) of C: all blocks of K, all panels. While they are computed the rows behind them are fetched,
 * where they lie close. */
static void strip(const inplace *p, size_t first, size_t end, double *sums) {
  const tsr_product *g = p->g;
  size_t mr = p->kernels->mr, tiles = tsr_parts(end - first, mr);
  bool dense = !g->a.trans && g->a.ld <= g->k + 16 && end < g->m;
  const char *ahead = (const char *)tsr_operand_at(&g->a, dense ? end : first, 0);
  size_t stride = dense ? tsr_max(1, 48 / p->panels) : 0;
  for (size_t t0 = 0; t0 < g->k; t0 += p->blocks.size) {
    for (size_t panel = 0; panel < p->panels; panel++) {
      for (size_t q = 0; q < tiles; q++) {
        size_t i = first + (end - first) * q / tiles, e = first + (end - first) * (q + 1) / tiles;
        double *sum = sums == NULL ? NULL : sums + (q * p->panels + panel) * mr * p->kernels->nr;
        tile(p, i, e - i, panel, t0, sum, ahead, stride);
        ahead += tsr_min(p->blocks.size, g->k - t0) / 2 * stride;
      }
    }
  }
}

static void multiply(void *context, size_t chunk, uint32_t worker) {
  inplace *p = context;
  size_t rows = STRIP_TILES * p->kernels->mr, first = chunk * p->chunk_rows,
         end = tsr_min(p->g->m, first + p->chunk_rows);
  double *sums = p->sums == NULL ? NULL : p->sums + worker * rows * p->panels * p->kernels->nr;
  for (size_t i = first; i < end && !tsr_stopped(p->run); i += rows) strip(p, i, tsr_min(end, i + rows), sums);
}

/* B can stay when it consists of whole panels along memory, half a one being whole where C takes the sums. A row of B
 * apart by a multiple of 512 bytes shares few cache sets with the others, so longer ones are packed. */
static bool pack_needed(const inplace *p) {
  const tsr_product *g = p->g;
  if (g->b.trans || p->blocks.wide || g->n % (p->kernels->nr / 2) != 0) return true;
  return g->m > PACK_ROWS && (g->k > PACK_K || (g->k > PACK_K / 3 && g->b.ld % 128 == 0));
}

int32_t tsr_gemm_inplace(tsr_run *run, const tsr_product *g) {
  inplace p = {.run = run, .g = g, .kernels = tsr_kernels_of(run->isa), .blocks = tsr_blocks_of(g)};
  size_t strip_rows = STRIP_TILES * p.kernels->mr, nr = p.kernels->nr, threads = tsr_pool_threads(run->pool);
  p.panels = tsr_parts(g->n, nr);
  p.panel = tsr_min(p.blocks.size, g->k) * nr + TSR_PACK_SLACK;
  bool pack = pack_needed(&p), small = (double)g->m * (double)g->n * (double)g->k <= INLINE_WORK;
  size_t sums = p.blocks.wide ? threads * strip_rows * p.panels * nr : 0;
  size_t floats = pack ? p.blocks.count * p.panels * p.panel : 0;
  if (sums + floats > 0) {
    double *memory = tsr_scratch(run, sums * sizeof(double) + floats * sizeof(float));
    if (memory == NULL) return TSR_E_MEMORY;
    if (sums > 0) p.sums = memory;
    if (floats > 0) p.b = (float *)(memory + sums);
  }
  for (size_t block = 0; pack && small && block < p.blocks.count; block++) pack_block(&p, block, 0);
  if (pack && !small) tsr_pool_run(run->pool, p.blocks.count, pack_block, &p);
  size_t strips = tsr_parts(g->m, strip_rows);
  p.chunk_rows = small ? g->m : tsr_max(1, tsr_min(CHUNK_STRIPS, strips / (4 * threads))) * strip_rows;
  tsr_pool_run(run->pool, tsr_parts(g->m, p.chunk_rows), multiply, &p);
  return TSR_OK;
}
