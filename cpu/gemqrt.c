/* gemqrt.c: Q C for a product Q of blocks of reflectors, which are copied first so that their rows lie close. Columns
 * of C go their way alone: a strip of them is copied into panels once, and all blocks are applied to it there, so
 * that threads never wait for each other. */
#include <string.h>
#include "fast.h"
#include "gemm.h"
#include "pool.h"

enum {
  CHAIN = 32,
  STEPS = TSR_CHAINS * CHAIN, /* of K that one tile adds */
  STRIP_PANELS = 4            /* most panels that share the passes over V */
};

typedef struct {
  tsr_run *run;
  const tsr_kernels *kernels;
  const tsr_view *V, *N, *C;
  size_t nb;           /* reflectors of a block */
  float *v;            /* the blocks one after the other, rows of nb numbers from their first on */
  size_t corner;       /* doubles of one triangle: */
  double *corners;     /* of each block V' of its first rows, and N, in panels of mr64 rows */
  tsr_cut strips;      /* panels of C */
  size_t panel;        /* floats of one */
  size_t wide;         /* doubles of the rows of a panel that a block begins with, in panels of nr64 columns */
  size_t slots;        /* strips in work at once at most; for each */
  float *panels;       /* its panels, */
  double *w, *operand; /* W = V'C, and what is multiplied by a triangle; */
  float *x;            /* and W in float32 */
} reflection;

/* One block: its first row and column, and how many reflectors it has; where they are, and its triangles. */
typedef struct {
  size_t first, count;
  float *v;
  double *top, *n;
} block;

static block block_of(const reflection *p, size_t index) {
  size_t first = index * p->nb, before = index * p->V->rows - index * (index - 1) / 2 * p->nb;
  double *corners = p->corners + 2 * index * p->corner;
  return (block){first, tsr_min(p->nb, p->V->cols - first), p->v + before * p->nb, corners, corners + p->corner};
}

static size_t corner_panel(const reflection *p) { return p->nb * p->kernels->mr64 + TSR_PACK_SLACK; }
static size_t operand_panel(const reflection *p) { return p->nb * p->kernels->nr64 + TSR_PACK_SLACK; }

/* A block and its triangles. */
static void copy_block(void *context, size_t index, uint32_t worker) {
  const reflection *p = context;
  block b = block_of(p, index);
  const float *v = (const float *)p->V->data + b.first * p->V->ld + b.first;
  tsr_pack top = {p->kernels->mr64, corner_panel(p), b.count, b.count, v, p->V->ld, false};
  tsr_pack n = {p->kernels->mr64, corner_panel(p), b.count, b.count, (const float *)p->N->data + b.first * p->N->ld,
                p->N->ld, true};
  (void)worker;
  p->kernels->pack64(&top, b.top);
  p->kernels->pack64(&n, b.n);
  for (size_t i = 0; i < p->V->rows - b.first; i++) memcpy(b.v + i * p->nb, v + i * p->V->ld, b.count * sizeof *v);
}

/* w = V'C for the rows of C below those that the block begins with. */
static void project(const reflection *p, const block *b, const float *panel, double *w) {
  size_t nr = p->kernels->nr, below = b->first + b->count, left = p->V->rows - below;
  tsr_cut tiles = tsr_cut_of(b->count, p->kernels->mr);
  float sums[TSR_TILE_SIZE_MAX];
  if (left == 0) memset(w, 0, b->count * nr * sizeof *w);
  for (size_t t = 0; t < left; t += STEPS) {
    tsr_tile tile = {.k = tsr_min(STEPS, left - t),
                     .chain = CHAIN,
                     .lda = p->nb,
                     .b = panel + (below + t) * nr,
                     .ldb = nr,
                     .c = sums,
                     .ldc = nr,
                     .alpha = 1,
                     .ahead = (const char *)panel};
    for (size_t q = 0; q < tiles.count; q++) {
      size_t i = tsr_cut_start(&tiles, q), rows = tsr_cut_size(&tiles, q);
      tile.a = b->v + (b->count + t) * p->nb + i;
      p->kernels->tile[0][0][rows](&tile);
      p->kernels->fold(rows * nr, sums, w + i * nr, t > 0);
    }
  }
}

/* w += T times the operand, T upper triangular. */
static void add_corner(const reflection *p, const block *b, const double *t, const double *operand, double *w) {
  size_t mr = p->kernels->mr64, nr = p->kernels->nr, nr64 = p->kernels->nr64;
  for (size_t i = 0; i < b->count; i += mr) {
    const double *rows = t + i / mr * corner_panel(p) + i * mr;
    for (size_t c = 0; c < nr; c += nr64) {
      const double *cols = operand + c / nr64 * operand_panel(p) + i * nr64;
      p->kernels->tile64[tsr_min(mr, b->count - i)](b->count - i, rows, cols, w + i * nr + c, nr);
    }
  }
}

/* The operand becomes w. */
static void repack(const reflection *p, const block *b, const double *w, double *operand) {
  size_t nr = p->kernels->nr, nr64 = p->kernels->nr64;
  for (size_t i = 0; i < b->count; i++) {
    for (size_t c = 0; c < nr; c += nr64)
      memcpy(operand + c / nr64 * operand_panel(p) + i * nr64, w + i * nr + c, nr64 * sizeof *w);
  }
}

/* C -= V x. */
static void subtract(const reflection *p, const block *b, const float *x, float *panel) {
  size_t nr = p->kernels->nr, rows = p->V->rows - b->first;
  tsr_cut tiles = tsr_cut_of(rows, p->kernels->mr);
  tsr_tile tile = {.k = b->count,
                   .chain = CHAIN,
                   .a = b->v,
                   .lda = p->nb,
                   .b = x,
                   .ldb = nr,
                   .c = panel + b->first * nr,
                   .ldc = nr,
                   .alpha = -1,
                   .beta = 1,
                   .ahead = (const char *)x};
  for (size_t q = 0; q < tiles.count; q++) {
    size_t height = tsr_cut_size(&tiles, q);
    p->kernels->tile[1][0][height](&tile);
    tile.a += height * p->nb;
    tile.c += height * nr;
  }
}

static void apply_block(const reflection *p, const block *b, size_t slot, float *panel) {
  size_t nr = p->kernels->nr, numbers = b->count * nr;
  double *w = p->w + slot * p->nb * nr, *operand = p->operand + slot * p->wide;
  float *x = p->x + slot * p->nb * nr;
  tsr_pack top = {.w = p->kernels->nr64,
                  .panel = operand_panel(p),
                  .width = nr,
                  .k = b->count,
                  .from = panel + b->first * nr,
                  .ld = nr};
  project(p, b, panel, w);
  p->kernels->pack64(&top, operand);
  add_corner(p, b, b->top, operand, w);
  repack(p, b, w, operand);
  add_corner(p, b, b->n, operand, w);
  for (size_t i = 0; i < numbers; i++) x[i] = (float)w[i];
  subtract(p, b, x, panel);
}

static void apply_strip(void *context, size_t strip, uint32_t worker) {
  const reflection *p = context;
  size_t nr = p->kernels->nr, count = tsr_cut_size(&p->strips, strip), col = tsr_cut_start(&p->strips, strip) * nr;
  size_t slot = p->slots == p->strips.count ? strip : worker;
  float *panels = p->panels + slot * tsr_cut_size(&p->strips, 0) * p->panel, *c = (float *)p->C->data + col;
  tsr_pack pack = {.w = nr,
                   .panel = p->panel,
                   .width = tsr_min(p->C->cols - col, count * nr),
                   .k = p->C->rows,
                   .from = c,
                   .ld = p->C->ld};
  p->kernels->pack(&pack, panels);
  for (size_t index = tsr_parts(p->V->cols, p->nb); index-- > 0 && !tsr_stopped(p->run);) {
    block b = block_of(p, index);
    for (size_t q = 0; q < count; q++) apply_block(p, &b, slot, panels + q * p->panel);
  }
  tsr_unpack(&pack, panels, c, p->C->ld);
}

int32_t tsr_fast_gemqrt(tsr_run *run, const tsr_op *op) {
  reflection p = {.run = run, .kernels = tsr_kernels_of(run->isa), .V = &op->v[0], .N = &op->v[1], .C = &op->v[2]};
  size_t nr = p.kernels->nr, threads = tsr_pool_threads(run->pool), panels = tsr_parts(p.C->cols, nr);
  run->tile = TSR_TILE_PACKED;
  p.nb = tsr_min(p.N->cols, p.V->cols);
  if (p.nb == 0 || panels == 0) return TSR_OK;
  size_t blocks = tsr_parts(p.V->cols, p.nb);
  p.strips = tsr_cut_of(panels, tsr_max(1, tsr_min(STRIP_PANELS, panels / threads)));
  p.slots = tsr_min(threads, p.strips.count);
  p.corner = tsr_round_up(tsr_parts(p.nb, p.kernels->mr64) * corner_panel(&p), 8);
  p.wide = tsr_round_up(nr / p.kernels->nr64 * operand_panel(&p), 8);
  p.panel = tsr_round_up(p.C->rows * nr + TSR_PACK_SLACK, 16);
  size_t strip = tsr_cut_size(&p.strips, 0) * p.panel, rows = p.nb * nr;
  size_t v = tsr_round_up((blocks * p.V->rows - blocks * (blocks - 1) / 2 * p.nb) * p.nb, 16);
  size_t doubles = 2 * blocks * p.corner + p.slots * (p.wide + rows), floats = v + p.slots * (strip + rows);
  p.corners = tsr_scratch(run, doubles * sizeof(double) + floats * sizeof(float));
  if (p.corners == NULL) return TSR_E_MEMORY;
  p.w = p.corners + 2 * blocks * p.corner;
  p.operand = p.w + p.slots * rows;
  p.v = (float *)(p.operand + p.slots * p.wide);
  p.x = p.v + v;
  p.panels = p.x + p.slots * rows;
  tsr_pool_run(run->pool, blocks, copy_block, &p);
  tsr_pool_run(run->pool, p.strips.count, apply_strip, &p);
  return TSR_OK;
}
