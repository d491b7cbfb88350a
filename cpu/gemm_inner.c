/* gemm_inner.c: products with a long K and a small C, and all products with float64 sums. C is cut into blocks and K
 * into parts; each (block, part) is a chunk of work with packed operands of its own, and the parts are added in their
 * order. */
#include "gemm.h"
#include "pool.h"
#include <string.h>

enum {
  STEPS = 128,           /* of K packed at a time */
  SUMS_MAX = 64,         /* of those added in float32: chains <= 128 + 64; the rest in float64; */
  SHORT_SUMS_MAX = 4,    /* of chains of 32: a term sees 32 + 2 + 3 and the rounding of C, right from K = 512 on */
  IN_PLACE_TILES = 2,    /* most rows of C, in widths of a tile: packing B would take as long as multiplying it, */
  ALIAS = 128,           /* unless its rows, apart by a multiple of so many floats, share few sets of a cache; */
  ALIAS_WIDE = 2048,     /* tiles that use two lines of memory of each row bear more, */
  WIDE = 32,             /* those of so many columns */
  A_LD = 64,             /* longest row of A that stays in place where B does: so many of them lie close */
  ROWS = 160,            /* most of a block of C, */
  BLOCK_BYTES = 3 << 17, /* and most that its sums and the block of B take: they stay in the second-level cache */
  THREAD_CHUNKS = 2,     /* wanted for each thread */
  CHUNKS = 64,           /* wanted, by cutting K into parts where there are fewer blocks; */
  PARTS_MAX = 16, PART_MIN = 2048 /* few and long, so that adding them costs nothing */
};

typedef struct {
  tsr_run *run;
  tsr_product g; /* with C' = B'A' instead where C has more rows than columns */
  const tsr_kernels *kernels;
  size_t mr, nr, element; /* tile; bytes of a packed number */
  size_t row_blocks, col_blocks, parts, part;
  size_t row_tiles, col_tiles, panel_a, panel_b; /* of the largest block */
  bool in_place;                                 /* whether B stays where it is but for the last columns; */
  bool a_in_place;                               /* whether A does, too; */
  bool even;                                     /* whether tiles are cut evenly, */
  bool direct;                                   /* and whole ones added to C at once */
  char *a, *b;                                   /* packed operands, for each thread */
  float *sums32;                                 /* for each thread */
  double *sums;                                  /* by tiles: for each thread, or with several parts for each chunk */
} inner;

/* One block of C: its rows and columns, and whether it has anything of the triangle. */
typedef struct {
  size_t i0, rows, row_tiles, j0, cols, col_tiles;
  bool empty;
} block;

static size_t cut(size_t n, size_t unit, size_t parts, size_t index) {
  return tsr_min(n, tsr_parts(n, unit) * index / parts * unit);
}

static block block_of(const inner *p, size_t index) {
  size_t r = index / p->col_blocks, c = index % p->col_blocks;
  block b = {.i0 = cut(p->g.m, p->mr, p->row_blocks, r), .j0 = cut(p->g.n, p->nr, p->col_blocks, c)};
  b.rows = cut(p->g.m, p->mr, p->row_blocks, r + 1) - b.i0;
  b.cols = cut(p->g.n, p->nr, p->col_blocks, c + 1) - b.j0;
  b.row_tiles = p->in_place ? p->row_tiles : tsr_parts(b.rows, p->mr);
  b.col_tiles = tsr_parts(b.cols, p->nr);
  b.empty = !tsr_touches(p->g.uplo, b.i0, b.j0, b.rows, b.cols);
  return b;
}

/* First row of a tile: even ones where the rows of A lie along memory or are few, else all but the last as high as can
 * be, so that the block is packed in the order of memory. */
static size_t tile_row(const inner *p, const block *b, size_t tile) {
  return p->even ? b->rows * tile / b->row_tiles : tsr_min(b->rows, tile * p->mr);
}

static void pack(const inner *p, const tsr_operand *x, bool rows, size_t line, size_t lines, size_t t0, size_t steps,
                 size_t w, size_t panel, char *to) {
  tsr_pack pack = {.w = w,
                   .panel = panel,
                   .width = lines,
                   .k = steps,
                   .from = rows ? tsr_operand_at(x, line, t0) : tsr_operand_at(x, t0, line),
                   .ld = x->ld,
                   .transpose = x->trans != rows};
  if (p->g.wide) p->kernels->pack64(&pack, (double *)to);
  else p->kernels->pack(&pack, (float *)to);
}

/* Aims the prefetches of one of `calls` kernels at its share of the rows of B that are packed next, in the order of
 * memory. */
static void look_ahead(const inner *p, const block *b, size_t t, size_t call, size_t calls, tsr_tile *tile) {
  size_t pieces = tsr_max(1, calls / STEPS), row = t + call / pieces, bytes = b->cols * sizeof(float) / pieces;
  if (p->g.b.trans || row >= p->g.k) return;
  tile->ahead = (const char *)tsr_operand_at(&p->g.b, row, b->j0) + call % pieces * bytes;
  tile->stride = bytes / (STEPS / 2) + 1;
}

/* The same where B stays in place: two tiles with the same columns share the rows below them, one takes them all. */
static void look_below(const inner *p, const block *b, size_t t, size_t row_tile, size_t col, tsr_tile *tile) {
  if (t + STEPS > p->g.k) return;
  tile->ahead = (const char *)tsr_operand_at(&p->g.b, t + row_tile % 2, col);
  if (b->row_tiles == 1) tile->also = (const char *)tsr_operand_at(&p->g.b, t + 1, col);
  tile->stride = 2 * p->g.b.ld * sizeof(float);
}

/* Whether a tile with so many columns takes C itself for its sums. */
static bool is_direct(const inner *p, size_t cols) { return p->direct && cols == p->nr; }

/* Adds the products of K from t on to all tiles of the block. */
static void multiply_tiles(const inner *p, const block *b, size_t t, size_t steps, char *a, char *bb, float *sums32,
                           double *sums, bool fresh) {
  size_t size = p->mr * p->nr, call = 0;
  for (size_t c = 0; c < b->col_tiles; c++) {
    size_t cols = tsr_min(p->nr, b->cols - c * p->nr);
    for (size_t r = 0; r < b->row_tiles; r++) {
      size_t i = tile_row(p, b, r), rows = tile_row(p, b, r + 1) - i, at = (r * p->col_tiles + c) * size;
      if (!tsr_touches(p->g.uplo, b->i0 + i, b->j0 + c * p->nr, rows, cols)) continue;
      char *ap = a + r * p->panel_a * p->element, *bp = bb + c * p->panel_b * p->element;
      bool stays = p->in_place && cols == p->nr;
      if (p->g.wide) {
        bool direct = is_direct(p, cols);
        double *sum = direct ? (double *)p->g.c.p + (b->i0 + i) * p->g.c.row + b->j0 + c * p->nr : sums + at;
        p->kernels->tile64[rows](steps, (double *)ap, (double *)bp, sum, direct ? p->g.c.row : p->nr);
        continue;
      }
      tsr_tile tile = {.k = steps,
                       .chain = p->g.chain == 32 ? 32 : TSR_CHAIN_DEFAULT,
                       .a = p->a_in_place ? tsr_operand_at(&p->g.a, b->i0 + i, t) : (float *)ap,
                       .lda = p->a_in_place ? p->g.a.ld : p->mr,
                       .b = stays ? tsr_operand_at(&p->g.b, t, b->j0 + c * p->nr) : (float *)bp,
                       .ldb = stays ? p->g.b.ld : p->nr,
                       .c = sums32 + at,
                       .ldc = p->nr,
                       .alpha = 1,
                       .beta = fresh ? 0 : 1,
                       .ahead = ap};
      if (stays) look_below(p, b, t + STEPS, r, b->j0 + c * p->nr, &tile);
      else look_ahead(p, b, t + STEPS, call++, b->row_tiles * b->col_tiles, &tile);
      p->kernels->tile[0][cols <= p->nr / 2][rows](&tile);
    }
  }
}

static void merge_row(const inner *p, const block *b, size_t row_tile, const double *sums) {
  size_t i = tile_row(p, b, row_tile), rows = tile_row(p, b, row_tile + 1) - i;
  for (size_t c = 0; c < b->col_tiles; c++, sums += p->mr * p->nr) {
    size_t cols = tsr_min(p->nr, b->cols - c * p->nr);
    if (!is_direct(p, cols)) tsr_merge(&p->g, b->i0 + i, b->j0 + c * p->nr, rows, cols, sums, p->nr);
  }
}

static size_t sums_of_block(const inner *p) { return p->row_tiles * p->col_tiles * p->mr * p->nr; }

static void multiply(void *context, size_t chunk, uint32_t worker) {
  inner *p = context;
  block b = block_of(p, chunk / p->parts);
  if (b.empty) return;
  size_t n = sums_of_block(p), t = chunk % p->parts * p->part, end = tsr_min(p->g.k, t + p->part), added = 0;
  double *sums = p->sums + (p->parts > 1 ? chunk : worker) * n;
  float *sums32 = p->sums32 + worker * n;
  char *a = p->a + worker * p->row_tiles * p->panel_a * p->element,
       *bb = p->b + worker * p->col_tiles * p->panel_b * p->element;
  size_t most = p->g.chain == 32 ? SHORT_SUMS_MAX : SUMS_MAX;
  size_t whole = p->in_place ? b.cols / p->nr : 0; /* panels of B that stay */
  bool folded = false;
  if (p->g.wide && (!p->direct || b.cols % p->nr != 0)) memset(sums, 0, n * sizeof(double));
  if (!p->g.wide) memset(sums32, 0, n * sizeof(float)); /* tiles at the edge are not filled by the kernels */
  for (; t < end && !tsr_stopped(p->run); t += STEPS) {
    size_t steps = tsr_min(STEPS, end - t);
    size_t j = whole * p->nr;
    pack(p, &p->g.b, false, b.j0 + j, b.cols - j, t, steps, p->nr, p->panel_b, bb + whole * p->panel_b * p->element);
    if (!p->even) pack(p, &p->g.a, true, b.i0, b.rows, t, steps, p->mr, p->panel_a, a);
    for (size_t r = 0; r < b.row_tiles && p->even && !p->a_in_place; r++) {
      size_t i = tile_row(p, &b, r);
      pack(p, &p->g.a, true, b.i0 + i, tile_row(p, &b, r + 1) - i, t, steps, p->mr, 0, a + r * p->panel_a * p->element);
    }
    multiply_tiles(p, &b, t, steps, a, bb, sums32, sums, added == 0);
    if (!p->g.wide && (++added == most || t + steps == end)) {
      p->kernels->fold(n, sums32, sums, folded);
      folded = true;
      added = 0;
    }
  }
  if (p->parts > 1) return;
  for (size_t r = 0; r < b.row_tiles; r++) merge_row(p, &b, r, sums + r * p->col_tiles * p->mr * p->nr);
}

/* One row of tiles: the parts, in their order. */
static void add_parts(void *context, size_t chunk, uint32_t worker) {
  inner *p = context;
  block b = block_of(p, chunk / p->row_tiles);
  size_t row_tile = chunk % p->row_tiles, n = p->col_tiles * p->mr * p->nr;
  (void)worker;
  if (b.empty || row_tile >= b.row_tiles) return;
  double *sums = p->sums + chunk / p->row_tiles * p->parts * sums_of_block(p) + row_tile * n;
  for (size_t part = 1; part < p->parts; part++) {
    const double *more = sums + part * sums_of_block(p);
    for (size_t i = 0; i < n; i++) sums[i] += more[i];
  }
  merge_row(p, &b, row_tile, sums);
}

/* The smaller side of C is the one whose elements are broadcast: its tiles can have any number of rows. */
static tsr_product oriented(const tsr_product *g) {
  tsr_product h = *g;
  if (g->m <= g->n) return h;
  h.m = g->n;
  h.n = g->m;
  h.a = g->b;
  h.b = g->a;
  h.a.trans = !h.a.trans;
  h.b.trans = !h.b.trans;
  h.c.row = g->c.col;
  h.c.col = g->c.row;
  h.d.row = g->d.col;
  h.d.col = g->d.row;
  if (g->uplo != TSR_FULL) h.uplo = g->uplo == TSR_LOWER ? TSR_UPPER : TSR_LOWER;
  return h;
}

static void lay_out(inner *p, size_t threads) {
  const tsr_product *g = &p->g;
  size_t blocks, chunks;
  p->mr = g->wide ? p->kernels->mr64 : p->kernels->mr;
  p->nr = g->wide ? p->kernels->nr64 : p->kernels->nr;
  p->element = g->wide ? sizeof(double) : sizeof(float);
  p->row_blocks = tsr_parts(g->m, ROWS);
  p->col_blocks = tsr_parts(g->n, BLOCK_BYTES / ((tsr_parts(g->m, p->row_blocks) + STEPS) * p->element));
  p->row_tiles = tsr_parts(tsr_parts(g->m, p->mr), p->row_blocks);
  p->in_place = !g->wide && !g->b.trans && g->m >= 2 && g->m <= IN_PLACE_TILES * p->nr &&
                g->b.ld % (p->nr < WIDE ? ALIAS : ALIAS_WIDE) != 0;
  p->a_in_place = p->in_place && g->a.trans && g->a.ld <= A_LD;
  p->even = !g->a.trans || p->in_place;
  p->panel_a = STEPS * p->mr + TSR_PACK_SLACK;
  p->panel_b = STEPS * p->nr + TSR_PACK_SLACK;
  blocks = p->row_blocks * p->col_blocks;
  chunks = tsr_min(tsr_parts(CHUNKS, blocks), tsr_min(PARTS_MAX, g->k / PART_MIN));
  p->part = tsr_round_up(tsr_parts(g->k, tsr_max(1, chunks)), STEPS);
  p->parts = tsr_parts(g->k, p->part);
  /* Narrower blocks where there are not enough for all threads: they change no number's sum. */
  if (threads > 1 && blocks * p->parts < THREAD_CHUNKS * threads) {
    size_t wanted = tsr_parts(THREAD_CHUNKS * threads, p->row_blocks * p->parts);
    p->col_blocks = tsr_max(p->col_blocks, tsr_min(wanted, tsr_parts(g->n, p->nr)));
  }
  p->col_tiles = tsr_parts(tsr_parts(g->n, p->nr), p->col_blocks);
}

/* C + A B in float64 with all of K in one go. */
static bool adds_once(const tsr_product *g) {
  return g->wide && g->c.wide && g->c.col == 1 && g->c.p == g->d.p && g->uplo == TSR_FULL && g->alpha == 1 &&
         g->beta == 1 && g->k <= STEPS;
}

int32_t tsr_gemm_inner(tsr_run *run, const tsr_product *g) {
  inner p = {.run = run, .g = oriented(g), .kernels = tsr_kernels_of(run->isa)};
  size_t threads = tsr_pool_threads(run->pool);
  lay_out(&p, threads);
  p.direct = adds_once(&p.g);
  size_t blocks = p.row_blocks * p.col_blocks, chunks = blocks * p.parts;
  size_t n = sums_of_block(&p), sums = n * (p.parts > 1 ? chunks : threads), sums32 = g->wide ? 0 : n * threads;
  size_t bytes_a = tsr_round_up(threads * p.row_tiles * p.panel_a * p.element, 64);
  size_t bytes_b = threads * p.col_tiles * p.panel_b * p.element;
  char *memory = tsr_scratch(run, sums * sizeof(double) + bytes_a + bytes_b + sums32 * sizeof(float));
  if (memory == NULL) return TSR_E_MEMORY;
  p.sums = (double *)memory;
  p.a = memory + sums * sizeof(double);
  p.b = p.a + bytes_a;
  p.sums32 = (float *)(p.b + bytes_b);
  tsr_pool_run(run->pool, chunks, multiply, &p);
  if (p.parts > 1 && !tsr_stopped(run)) tsr_pool_run(run->pool, blocks * p.row_tiles, add_parts, &p);
  return TSR_OK;
}
