/* atav.c: Y = A V and Z = A'Y for few columns in one pass over A: both products of a block of its rows are computed
 * while that lies in the second-level cache. Blocks are grouped into parts with sums of Z of their own, in float32
 * for some blocks and then in float64; the parts are added in their order. */
#include "fast.h"
#include "gemm.h"
#include "pool.h"

enum {
  COLUMNS = 8,             /* most of V, */
  WORTH = 1 << 19,         /* and least of A, unless V is one column: beyond, two products are no slower */
  BLOCK_FLOATS = 1 << 17,  /* of A in a block, */
  ROWS = 32, ROWS_MIN = 8, /* whose rows are one short chain, and for several columns whole tiles */
  SUMS_MAX = 64,           /* blocks added in float32: chains <= 32 + 64; */
  SHORT_SUMS_MAX = 4,      /* with chains of 32: a term sees 32 + 3 and the rounding of Z, right from 97 rows on */
  DEPTH = 256,             /* of A V in float32 */
  VECTOR_CHAIN = 128,      /* of an inner product, in each lane: 128 + 4 <= 256 */
  PARTS_MAX = 16, PART_BLOCKS = 8
};

typedef struct {
  tsr_run *run;
  const tsr_kernels *kernels;
  const float *a;
  size_t lda, m, n, k;
  uint32_t chain;
  tsr_product y, z;     /* where the sums of Y and of Z' go */
  size_t rows, blocks;  /* of A in a block; blocks of all parts */
  size_t part, parts;   /* blocks of a part */
  size_t depth, depths; /* of A V in float32, and how many */
  size_t panels, panel; /* of V; floats from one to the next */
  size_t width, size;   /* of a row of Z', and of Z' */
  float *v;             /* V packed as [depth][panel] */
  float *sums32;        /* Z' of some blocks, for each thread, */
  double *sums;         /* and of each part */
  double *y64;          /* sums of Y of a block, */
  float *edge;          /* and its last columns, for each thread */
} atav;

/* Y of a block, one panel of V: all its rows by tiles, one depth after the other. */
static void multiply(const atav *p, size_t first, size_t rows, size_t panel, double *sums) {
  size_t nr = p->kernels->nr, cols = tsr_min(nr, p->k - panel * nr);
  tsr_cut tiles = tsr_cut_of(rows, p->kernels->mr);
  float buffer[TSR_TILE_SIZE_MAX] = {0}; /* of which a narrow tile leaves a half alone */
  for (size_t d = 0; d < p->depths; d++) {
    size_t t0 = d * p->depth;
    tsr_tile t = {.k = tsr_min(p->depth, p->n - t0),
                  .chain = p->chain,
                  .a = p->a + first * p->lda + t0,
                  .lda = p->lda,
                  .b = p->v + (d * p->panels + panel) * p->panel,
                  .ldb = nr,
                  .c = buffer,
                  .ldc = nr,
                  .alpha = 1,
                  .ahead = (const char *)buffer};
    double *to = sums;
    for (size_t q = 0; q < tiles.count; q++) {
      size_t height = tsr_cut_size(&tiles, q);
      p->kernels->tile[1][cols <= nr / 2][height](&t);
      p->kernels->fold(height * nr, buffer, to, d > 0);
      t.a += height * p->lda;
      to += height * nr;
    }
  }
  tsr_merge(&p->y, first, panel * nr, rows, cols, sums, nr);
}

/* Z' += Y'A of a block: elements of Y are broadcast, the vectors are those of A where it lies. Meanwhile the block
 * behind it is fetched, where it lies close. */
static void multiply_back(const atav *p, size_t first, size_t rows, bool fresh, float *sums32, float *edge) {
  size_t nr = p->kernels->nr, next = first + rows;
  const float *a = p->a + first * p->lda;
  tsr_cut tiles = tsr_cut_of(p->k, p->kernels->mr);
  bool dense = p->lda <= p->n + nr && next + rows <= p->m;
  const char *ahead = (const char *)(dense ? p->a + next * p->lda : a);
  size_t stride = dense ? nr * sizeof(float) : 0;
  for (size_t j = 0; j < p->n; j += nr) {
    bool whole = j + nr <= p->n;
    tsr_pack pack = {.w = nr, .width = p->n - j, .k = rows, .from = a + j, .ld = p->lda};
    if (!whole) p->kernels->pack(&pack, edge);
    tsr_tile t = {.k = rows,
                  .chain = ROWS,
                  .a = (const float *)p->y.c.p + first * p->y.c.row,
                  .lda = p->y.c.row,
                  .b = whole ? a + j : edge,
                  .ldb = whole ? p->lda : nr,
                  .c = sums32 + j,
                  .ldc = p->width,
                  .alpha = 1,
                  .beta = fresh ? 0 : 1,
                  .ahead = ahead,
                  .stride = stride};
    for (size_t q = 0; q < tiles.count; q++) {
      size_t height = tsr_cut_size(&tiles, q);
      p->kernels->tile[0][0][height](&t);
      t.a += height;
      t.c += height * p->width;
      t.ahead += rows / 2 * stride;
    }
    ahead = t.ahead;
  }
}

/* Both of a block for one column: inner products, and a sum of rows. */
static void multiply_vector(const atav *p, size_t first, size_t rows, float *sums32) {
  double sums[ROWS];
  float y[ROWS];
  const float *a = p->a + first * p->lda;
  tsr_dots d = {a, p->lda, p->n, p->v, p->chain * TSR_DOT_STEPS, tsr_dots_ahead(p->m, p->n, p->lda)};
  tsr_sum_dots(p->kernels, &d, rows, sums);
  for (size_t i = 0; i < rows; i++) y[i] = (float)sums[i];
  tsr_merge(&p->y, first, 0, rows, 1, sums, 1);
  p->kernels->rows(rows, p->n, a, p->lda, y, sums32);
}

static void run_part(void *context, size_t index, uint32_t worker) {
  const atav *p = context;
  size_t block = index * p->part, end = tsr_min(p->blocks, block + p->part), added = 0, nr = p->kernels->nr;
  size_t most = p->k == 1 ? 1 : p->chain == 32 ? SHORT_SUMS_MAX : SUMS_MAX;
  float *sums32 = p->sums32 + worker * p->size, *edge = p->edge + worker * (ROWS * nr + TSR_PACK_SLACK);
  bool folded = false;
  for (; block < end && !tsr_stopped(p->run); block++) {
    size_t first = block * p->rows, rows = tsr_min(p->rows, p->m - first);
    for (size_t j = 0; j < p->panels && p->k > 1; j++) multiply(p, first, rows, j, p->y64 + worker * ROWS * nr);
    if (p->k > 1) multiply_back(p, first, rows, added == 0, sums32, edge);
    else multiply_vector(p, first, rows, sums32);
    if (++added < most && block + 1 < end) continue;
    p->kernels->fold(p->size, sums32, p->sums + index * p->size, folded);
    folded = true;
    added = 0;
  }
}

/* One column of Z: the parts, in their order. */
static void add_parts(void *context, size_t column, uint32_t worker) {
  const atav *p = context;
  double *sums = p->sums + column * p->width;
  (void)worker;
  for (size_t part = 1; part < p->parts; part++) {
    const double *more = sums + part * p->size;
    for (size_t j = 0; j < p->n; j++) sums[j] += more[j];
  }
  tsr_merge(&p->z, column, 0, 1, p->n, sums, p->width);
}

/* The panels of V; a single column stays one. */
static void pack_panels(const atav *p, tsr_operand v) {
  size_t w = p->k == 1 ? 1 : p->kernels->nr;
  for (size_t t = 0; t < p->n && w == 1; t++) p->v[t] = *tsr_operand_at(&v, t, 0);
  for (size_t d = 0; d < p->depths && w > 1; d++) {
    size_t t0 = d * p->depth;
    tsr_pack pack = {.w = w,
                     .panel = p->panel,
                     .width = p->k,
                     .k = tsr_min(p->depth, p->n - t0),
                     .from = tsr_operand_at(&v, t0, 0),
                     .ld = v.ld,
                     .transpose = v.trans};
    p->kernels->pack(&pack, p->v + d * p->panels * p->panel);
  }
}

/* All sizes that have a say in the order of additions come from the shape. */
static void lay_out(atav *p) {
  size_t nr = p->kernels->nr;
  p->rows = p->k == 1 ? ROWS : ROWS / p->kernels->mr * p->kernels->mr;
  while (p->rows > ROWS_MIN && p->rows * p->n > BLOCK_FLOATS) p->rows /= 2;
  p->blocks = tsr_parts(p->m, p->rows);
  p->part = tsr_max(PART_BLOCKS, tsr_parts(p->blocks, PARTS_MAX));
  p->parts = tsr_parts(p->blocks, p->part);
  p->depths = tsr_parts(p->n, DEPTH);
  p->depth = tsr_round_up(tsr_parts(p->n, p->depths), 32);
  p->panels = tsr_parts(p->k, nr);
  p->panel = p->depth * nr + TSR_PACK_SLACK;
  p->width = p->k == 1 ? p->n : tsr_round_up(p->n, nr);
  p->size = p->k * p->width;
}

static int32_t fused(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *Y = &op->v[2];
  tsr_target z = tsr_target_of(&op->v[3]);
  atav p = {.run = run, .kernels = tsr_kernels_of(run->isa), .a = A->data, .lda = A->ld, .m = A->rows, .n = A->cols,
            .k = Y->cols, .y = {.alpha = 1, .c = tsr_target_of(Y)},
            .z = {.alpha = 1, .c = {z.p, z.col, z.row, false}}};
  p.chain = op->chain == 32 ? 32 : p.k == 1 ? VECTOR_CHAIN : DEPTH;
  p.y.d = p.y.c;
  p.z.d = p.z.c;
  lay_out(&p);
  size_t threads = tsr_pool_threads(run->pool), block = ROWS * p.kernels->nr, edge = block + TSR_PACK_SLACK;
  size_t doubles = p.parts * p.size + threads * block,
         floats = threads * (p.size + edge) + p.depths * p.panels * p.panel;
  double *memory = tsr_scratch(run, doubles * sizeof(double) + floats * sizeof(float));
  if (memory == NULL) return TSR_E_MEMORY;
  p.sums = memory;
  p.y64 = memory + p.parts * p.size;
  p.sums32 = (float *)(memory + doubles);
  p.edge = p.sums32 + threads * p.size;
  p.v = p.edge + threads * edge;
  run->tile = TSR_TILE_DEVICE;
  pack_panels(&p, tsr_operand_of(&op->v[1]));
  tsr_pool_run(run->pool, p.parts, run_part, &p);
  if (!tsr_stopped(run)) tsr_pool_run(run->pool, p.k, add_parts, &p);
  return TSR_OK;
}

static bool pays(const tsr_view *A, const tsr_view *Y) {
  size_t m = A->rows, n = A->cols, k = Y->cols;
  return !A->trans && !Y->trans && m > 0 && n > 0 && k > 0 && k <= COLUMNS && ROWS_MIN * n <= BLOCK_FLOATS &&
         (k == 1 || m * n >= WORTH);
}

int32_t tsr_fast_atav(tsr_run *run, const tsr_op *op) {
  if (pays(&op->v[0], &op->v[2])) return fused(run, op);
  tsr_op products[2];
  tsr_atav_products(op, products);
  int32_t status = tsr_fast_gemm(run, &products[0]);
  return status == TSR_OK ? tsr_fast_gemm(run, &products[1]) : status;
}
