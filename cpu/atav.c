/* atav.c: Y = A V and Z = A'Y for few columns in one pass over A: both products of a block of its rows are computed
 * while that lies in the second-level cache, and fetch the next block. Blocks are grouped into parts with sums of Z of
 * their own, in float32 for some blocks and then in float64; the parts are added in their order. */
#include "fast.h"
#include "gemm.h"
#include "pool.h"

enum {
  COLUMNS = 16, FEW = 8,   /* most of V, more than FEW only where a block has all its rows, */
  WORTH = 1 << 19,         /* and least of A, unless V is one column: beyond, two products are no slower */
  BLOCK_FLOATS = 1 << 17,  /* of A in a block, */
  CHAIN = 32,              /* whose rows are added in chains of so many: */
  ROWS = 64, ROWS_MIN = 8, /* two of them in whole tiles, or one for one column */
  SUMS_MAX = 64,           /* blocks added in float32: chains <= 32 + 64; */
  SHORT_SUMS_MAX = 4,      /* with chains of 32: a term sees 32 + 1 + 3 and the rounding of Z, as its bound allows */
  VECTOR_CHAIN = 128,      /* of an inner product, in each lane: 128 + 4 <= 256 */
  PARTS_MAX = 16,
  PART_BLOCKS = 4          /* fewest of a part; more parts have more, since they are added in float64 */
};

typedef struct {
  tsr_run *run;
  const tsr_kernels *kernels;
  const float *a;
  size_t lda, m, n, k;
  uint32_t chain;       /* of an inner product, in each lane */
  tsr_product y, z;     /* where the sums of Y and of Z' go */
  size_t rows, blocks;  /* of A in a block; blocks of all parts */
  size_t part, parts;   /* blocks of a part */
  tsr_blocks depths;    /* of A V */
  size_t panels, panel; /* of V; floats from one to the next */
  size_t width, size;   /* of a row of Z', and of Z' */
  float *v;             /* V packed as [depth][panel] */
  float *sums32;        /* Z' of some blocks, for each thread, */
  double *sums;         /* and of each part */
  double *y64;          /* sums of Y of a block, where they are float64, */
  float *edge;          /* and the last columns of A, for each thread */
} atav;

/* The block behind one, where it lies close: each of both products fetches a half of it. */
typedef struct {
  const char *at;
  size_t half; /* bytes; 0: nothing is fetched */
} next_block;

static next_block behind(const atav *p, size_t first, size_t rows) {
  size_t next = first + rows, there = p->lda <= p->n + p->kernels->nr ? tsr_min(rows, p->m - next) : 0;
  return (next_block){(const char *)(p->a + (there > 0 ? next : first) * p->lda), there * p->lda / 2 * sizeof *p->a};
}

/* Y of a block, one panel of V: all its rows by tiles, one depth after the other; `sums`: where it takes float64. */
static void multiply(const atav *p, size_t first, size_t rows, const next_block *next, size_t panel, double *sums) {
  const tsr_target *y = &p->y.c;
  size_t nr = p->kernels->nr, cols = tsr_min(nr, p->k - panel * nr);
  tsr_columns columns = tsr_columns_of(p->kernels, cols);
  tsr_cut tiles = tsr_cut_of(rows, p->kernels->mr);
  float buffer[TSR_TILE_SIZE_MAX];
  size_t share = next->half / p->panels;
  const char *ahead = next->at + next->half + panel * share;
  for (size_t d = 0; d < p->depths.count; d++) {
    size_t t0 = d * p->depths.size;
    tsr_tile t = {.k = tsr_min(p->depths.size, p->n - t0),
                  .chain = p->depths.chain,
                  .a = p->a + first * p->lda + t0,
                  .lda = p->lda,
                  .b = p->v + (d * p->panels + panel) * p->panel,
                  .ldb = columns.ldb,
                  .c = sums ? buffer : (float *)y->p + first * y->row + panel * nr,
                  .ldc = sums ? columns.width : y->row,
                  .cut = sums ? 0 : columns.width - cols,
                  .alpha = 1,
                  .beta = sums == NULL && d > 0,
                  .ahead = ahead,
                  .stride = share / (tiles.count * tsr_max(1, p->n / 2))};
    double *sum = sums;
    for (size_t q = 0; q < tiles.count; q++) {
      size_t height = tsr_cut_size(&tiles, q);
      columns.tile[height](&t);
      t.a += height * p->lda;
      t.ahead += t.k / 2 * t.stride;
      if (sums == NULL) {
        t.c += height * y->row;
        continue;
      }
      p->kernels->fold(height * columns.width, buffer, sum, d > 0);
      sum += height * columns.width;
    }
    ahead = t.ahead;
  }
  if (sums) tsr_merge(&p->y, first, panel * nr, rows, cols, sums, columns.width);
}

/* Z' += Y'A of a block: elements of Y are broadcast, the vectors are those of A where it lies. */
static void multiply_back(const atav *p, size_t first, size_t rows, const next_block *next, bool fresh, float *sums32,
                          float *edge) {
  size_t nr = p->kernels->nr;
  const float *a = p->a + first * p->lda;
  tsr_cut tiles = tsr_cut_of(p->k, p->kernels->mr);
  size_t stride = next->half / (tiles.count * tsr_parts(p->n, nr) * tsr_max(1, rows / 2));
  const char *ahead = next->at;
  for (size_t j = 0; j < p->n; j += nr) {
    bool whole = j + nr <= p->n;
    tsr_pack pack = {.w = nr, .width = p->n - j, .k = rows, .from = a + j, .ld = p->lda};
    if (!whole) p->kernels->pack(&pack, edge);
    tsr_tile t = {.k = rows,
                  .chain = CHAIN,
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
  double sums[CHAIN];
  float y[CHAIN];
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
  double *y64 = p->y64 == NULL ? NULL : p->y64 + worker * ROWS * nr;
  bool folded = false;
  for (; block < end && !tsr_stopped(p->run); block++) {
    size_t first = block * p->rows, rows = tsr_min(p->rows, p->m - first);
    if (p->k == 1) {
      multiply_vector(p, first, rows, sums32);
    } else {
      next_block next = behind(p, first, rows);
      for (size_t j = 0; j < p->panels; j++) multiply(p, first, rows, &next, j, y64);
      multiply_back(p, first, rows, &next, added == 0, sums32, edge);
    }
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
  tsr_columns columns = tsr_columns_of(p->kernels, p->k - (p->panels - 1) * p->kernels->nr);
  for (size_t t = 0; t < p->n && w == 1; t++) p->v[t] = *tsr_operand_at(&v, t, 0);
  for (size_t d = 0; d < p->depths.count && w > 1; d++) {
    size_t t0 = d * p->depths.size;
    tsr_pack pack = {.w = w,
                     .panel = p->panel,
                     .width = p->k,
                     .k = tsr_min(p->depths.size, p->n - t0),
                     .from = tsr_operand_at(&v, t0, 0),
                     .ld = v.ld,
                     .transpose = v.trans};
    float *to = p->v + d * p->panels * p->panel;
    p->kernels->pack(&pack, to);
    tsr_pair_rows(p->kernels, &columns, pack.k, to + (p->panels - 1) * p->panel);
  }
}

/* All sizes that have a say in the order of additions come from the shape. */
static void lay_out(atav *p) {
  size_t nr = p->kernels->nr;
  p->rows = p->k == 1 ? CHAIN : ROWS / p->kernels->mr * p->kernels->mr;
  while (p->rows > ROWS_MIN && p->rows * p->n > BLOCK_FLOATS) p->rows /= 2;
  p->blocks = tsr_parts(p->m, p->rows);
  size_t parts = 1;
  while (parts < PARTS_MAX && 2 * parts * tsr_max(PART_BLOCKS, parts) <= p->blocks) parts *= 2;
  p->part = tsr_parts(p->blocks, parts);
  p->parts = tsr_parts(p->blocks, p->part);
  p->depths = tsr_blocks_of(&p->y, p->kernels);
  p->panels = tsr_parts(p->k, nr);
  p->panel = p->depths.size * nr + TSR_PACK_SLACK;
  p->width = p->k == 1 ? p->n : tsr_round_up(p->n, nr);
  p->size = p->k * p->width;
}

static int32_t fused(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *Y = &op->v[2];
  tsr_target z = tsr_target_of(&op->v[3]);
  atav p = {.run = run, .kernels = tsr_kernels_of(run->isa), .a = A->data, .lda = A->ld, .m = A->rows, .n = A->cols,
            .k = Y->cols, .y = {.k = A->cols, .alpha = 1, .c = tsr_target_of(Y), .chain = op->chain},
            .z = {.alpha = 1, .c = {z.p, z.col, z.row, false}}};
  p.chain = op->chain == 32 ? 32 : VECTOR_CHAIN;
  p.y.d = p.y.c;
  p.z.d = p.z.c;
  lay_out(&p);
  size_t threads = tsr_pool_threads(run->pool), block = ROWS * p.kernels->nr, edge = block + TSR_PACK_SLACK;
  size_t sums = p.depths.wide ? threads * block : 0, doubles = p.parts * p.size + sums,
         floats = threads * (p.size + edge) + p.depths.count * p.panels * p.panel;
  double *memory = tsr_scratch(run, doubles * sizeof(double) + floats * sizeof(float));
  if (memory == NULL) return TSR_E_MEMORY;
  p.sums = memory;
  p.y64 = sums > 0 ? memory + p.parts * p.size : NULL;
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
  return !A->trans && !Y->trans && m > 0 && n > 0 && k > 0 && k <= COLUMNS &&
         (k > FEW ? ROWS : ROWS_MIN) * n <= BLOCK_FLOATS && (k == 1 || m * n >= WORTH);
}

int32_t tsr_fast_atav(tsr_run *run, const tsr_op *op) {
  if (pays(&op->v[0], &op->v[2])) return fused(run, op);
  tsr_op products[2];
  tsr_atav_products(op, products);
  int32_t status = tsr_fast_gemm(run, &products[0]);
  return status == TSR_OK ? tsr_fast_gemm(run, &products[1]) : status;
}
