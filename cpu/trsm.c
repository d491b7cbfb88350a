/* trsm.c: triangular systems by recursion: half the unknowns, a product, the other half. The leaves solve one panel
 * of right-hand sides at a time, by tiles of the product, or a single one by inner products of rows or sums of columns;
 * all by true substitution, never by an inverse. */
#include "fast.h"
#include "pool.h"
#include "solve.h"

enum {
  PANEL = 4096, LONGEST = TSR_CHAIN_DEFAULT, /* most numbers of a panel, half a first-level cache, and its unknowns; */
  MANY = 128, /* where right-hand sides are fewer, leaves are short, so that the work between them is shared: */
  LEAF = 64,  /* these unknowns, or twice as many where that is all */
  CHUNK_PANELS = 4,
  SINGLE_LEAF = 128,
  SINGLE = 2, /* most right-hand sides that are solved one by one: a panel costs as much as four of them */
  STEP = 8    /* unknowns that are subtracted from the later ones together */
};

typedef struct {
  tsr_run *run;
  const tsr_system *s;
  const tsr_kernels *kernels;
} leaf;

/* Rows [i, i + rows) of the panel, from which the other unknowns are already subtracted. */
static void substitute(const leaf *l, size_t i, size_t rows, float *panel) {
  const tsr_system *s = l->s;
  ptrdiff_t sign = s->lower ? 1 : -1, ld = (ptrdiff_t)s->t.ld, nr = (ptrdiff_t)l->kernels->nr;
  size_t first = s->lower ? i : i + rows - 1;
  tsr_corner corner = {.rows = rows,
                       .t = tsr_operand_at(&s->t, first, first),
                       .row = s->t.trans ? sign : sign * ld,
                       .col = s->t.trans ? sign * ld : sign,
                       .unit = s->unit,
                       .x = panel + (ptrdiff_t)first * nr,
                       .step = sign * nr};
  l->kernels->substitute(&corner);
}

static void solve_panel(const leaf *l, float *panel) {
  const tsr_system *s = l->s;
  size_t mr = l->kernels->mr, nr = l->kernels->nr, tiles = tsr_parts(s->n, mr);
  for (size_t q = 0; q < tiles; q++) {
    size_t tile = s->lower ? q : tiles - 1 - q, i = tile * mr, rows = tsr_min(mr, s->n - i),
           known = s->lower ? 0 : i + rows;
    size_t steps = s->lower ? i : s->n - known;
    tsr_tile t = {.k = steps,
                  .chain = s->chain == 32 ? 32 : TSR_CHAIN_DEFAULT,
                  .lda = s->t.ld,
                  .b = panel + known * nr,
                  .ldb = nr,
                  .c = panel + i * nr,
                  .ldc = nr,
                  .alpha = -1,
                  .beta = 1,
                  .ahead = (const char *)panel};
    if (steps > 0) {
      t.a = tsr_operand_at(&s->t, i, known);
      l->kernels->tile[!s->t.trans][0][rows](&t);
    }
    substitute(l, i, rows, panel);
  }
}

static void solve_chunk(void *context, size_t chunk, uint32_t worker) {
  const leaf *l = context;
  const tsr_system *s = l->s;
  size_t nr = l->kernels->nr, first = chunk * CHUNK_PANELS * nr;
  float panels[CHUNK_PANELS * (PANEL + TSR_PACK_SLACK)], *b = s->b + first * s->col;
  bool along = s->col == 1;
  (void)worker;
  if (tsr_stopped(l->run)) return;
  tsr_pack pack = {.w = nr,
                   .panel = s->n * nr + TSR_PACK_SLACK,
                   .width = tsr_min(s->count - first, CHUNK_PANELS * nr),
                   .k = s->n,
                   .from = b,
                   .ld = along ? s->row : s->col,
                   .transpose = !along};
  l->kernels->pack(&pack, panels);
  for (size_t c = 0; c < pack.width; c += nr) {
    float *panel = panels + c / nr * pack.panel;
    for (size_t i = 0; i < s->n * nr && s->alpha != 1; i++) panel[i] = (float)(s->alpha * (double)panel[i]);
    solve_panel(l, panel);
    if (!along) l->kernels->transpose(s->n, tsr_min(nr, pack.width - c), panel, nr, b + c * s->col, s->col);
  }
  if (along) tsr_unpack(&pack, panels, b, s->row);
}

/* ---- a single right-hand side ---- */

/* Unknowns [i, i + rows) of x, from which the others are already subtracted. */
static void substitute_single(const tsr_system *s, size_t i, size_t rows, float *x) {
  for (size_t r = 0; r < rows; r++) {
    size_t at = s->lower ? i + r : i + rows - 1 - r, known = s->lower ? i : at + 1;
    for (size_t k = known; k < known + r; k++) x[at] -= *tsr_operand_at(&s->t, at, k) * x[k];
    if (!s->unit) x[at] /= *tsr_operand_at(&s->t, at, at);
  }
}

/* Rows of T lie along memory. */
static void by_rows(const leaf *l, float *x) {
  const tsr_system *s = l->s;
  for (size_t done = 0, rows; done < s->n; done += rows) {
    rows = tsr_min(TSR_DOT_ROWS, s->n - done);
    size_t i = s->lower ? done : s->n - done - rows, known = s->lower ? 0 : i + rows;
    float sum[TSR_DOT_ROWS];
    if (done > 0) {
      l->kernels->dots(rows, done, tsr_operand_at(&s->t, i, known), s->t.ld, x + known, sum, 0);
      for (size_t r = 0; r < rows; r++) x[i + r] -= sum[r];
    }
    substitute_single(s, i, rows, x);
  }
}

/* Columns of T do. */
static void by_columns(const leaf *l, float *x) {
  const tsr_system *s = l->s;
  float sum[SINGLE_LEAF];
  for (size_t done = 0, rows; done < s->n; done += rows) {
    rows = tsr_min(STEP, s->n - done);
    size_t i = s->lower ? done : s->n - done - rows, left = s->n - done - rows, then = s->lower ? i + rows : 0;
    substitute_single(s, i, rows, x);
    if (left == 0) break;
    l->kernels->rows(rows, left, tsr_operand_at(&s->t, then, i), s->t.ld, x + i, sum);
    for (size_t r = 0; r < left; r++) x[then + r] -= sum[r];
  }
}

static void solve_single(const leaf *l) {
  const tsr_system *s = l->s;
  float x[SINGLE_LEAF];
  for (size_t i = 0; i < s->n; i++) x[i] = (float)(s->alpha * (double)s->b[i * s->row]);
  if (s->t.trans) by_columns(l, x);
  else by_rows(l, x);
  for (size_t i = 0; i < s->n; i++) s->b[i * s->row] = x[i];
}

/* ---- recursion ---- */

/* Unknowns [first, first + n) as a system of their own. */
static tsr_system part(const tsr_system *s, size_t first, size_t n, double alpha) {
  tsr_system p = *s;
  p.n = n;
  p.t.p = tsr_operand_at(&s->t, first, first);
  p.b = s->b + first * s->row;
  p.alpha = alpha;
  return p;
}

/* B(to..) = alpha B(to..) - T(to.., from..) X(from..). */
static int32_t eliminate(tsr_run *run, const tsr_system *s, size_t from, size_t known, size_t to, size_t n) {
  tsr_operand t = {tsr_operand_at(&s->t, to, from), s->t.ld, s->t.trans};
  tsr_product g = {.k = known, .alpha = -1, .beta = s->alpha, .chain = s->chain};
  float *b = s->b + to * s->row, *x = s->b + from * s->row;
  if (s->col == 1) {
    g.m = n;
    g.n = s->count;
    g.a = t;
    g.b = (tsr_operand){x, s->row, false};
    g.c = (tsr_target){b, s->row, 1, false};
  } else {
    g.m = s->count;
    g.n = n;
    g.a = (tsr_operand){x, s->col, false};
    g.b = (tsr_operand){t.p, t.ld, !t.trans};
    g.c = (tsr_target){b, s->col, 1, false};
  }
  g.d = g.c;
  return tsr_multiply(run, &g, TSR_TILE_DEFAULT);
}

static int32_t solve(tsr_run *run, const tsr_system *s, size_t largest) {
  if (tsr_stopped(run) || s->n == 0 || s->count == 0) return TSR_OK;
  if (s->n <= largest) {
    leaf l = {run, s, tsr_kernels_of(run->isa)};
    if (s->count == 1) solve_single(&l);
    else tsr_pool_run(run->pool, tsr_parts(s->count, CHUNK_PANELS * l.kernels->nr), solve_chunk, &l);
    return TSR_OK;
  }
  size_t half = tsr_round_up(s->n / 2, largest), rest = s->n - half;
  size_t first = s->lower ? 0 : half, known = s->lower ? half : rest, then = s->lower ? half : 0, left = s->n - known;
  tsr_system a = part(s, first, known, s->alpha), b = part(s, then, left, 1);
  int32_t status = solve(run, &a, largest);
  if (status == TSR_OK) status = eliminate(run, s, first, known, then, left);
  if (status == TSR_OK) status = solve(run, &b, largest);
  return status;
}

int32_t tsr_solve(tsr_run *run, const tsr_system *s) {
  size_t few = s->n <= 2 * LEAF ? 2 * LEAF : LEAF, many = tsr_min(PANEL / tsr_kernels_of(run->isa)->nr, LONGEST);
  if (s->count > SINGLE) return solve(run, s, s->count < MANY ? few : many);
  int32_t status = TSR_OK;
  for (size_t c = 0; c < s->count && status == TSR_OK; c++) {
    tsr_system single = *s;
    single.b = s->b + c * s->col;
    single.count = 1;
    status = solve(run, &single, SINGLE_LEAF);
  }
  return status;
}

/* B inv(A) is the transpose of inv(A') B', so the right side is the left one of both transposes. */
int32_t tsr_fast_trsm(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *B = &op->v[1];
  bool right = (op->flags & TSR_RIGHT) != 0, turned = right != B->trans;
  tsr_system s = {.n = A->rows,
                  .t = tsr_operand_of(A),
                  .unit = (op->flags & TSR_UNIT) != 0,
                  .alpha = op->alpha,
                  .b = B->data,
                  .row = turned ? 1 : B->ld,
                  .col = turned ? B->ld : 1,
                  .count = turned ? B->rows : B->cols,
                  .chain = op->chain};
  s.t.trans = A->trans != right;
  s.lower = ((op->flags & TSR_LOWER) != 0) != s.t.trans;
  run->tile = TSR_TILE_PACKED;
  if (op->alpha == 0) {
    tsr_product zero = {.m = B->rows, .n = B->cols, .c = {B->data, B->ld, 1, false}, .d = {B->data, B->ld, 1, false}};
    return tsr_multiply(run, &zero, TSR_TILE_PACKED);
  }
  int32_t status = tsr_solve(run, &s);
  run->tile = TSR_TILE_PACKED;
  return status;
}
