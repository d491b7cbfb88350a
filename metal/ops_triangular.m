/* ops_triangular.m: triangular solves and the Cholesky factorisation, by recursion down to blocks of 128; everything
 * between the blocks is a product. */
#include <math.h>
#include "kernels/potrf_args.h"
#include "kernels/trsm_args.h"
#include "ops_triangular.h"

enum { BLOCK = 128 };

static tsr_place at(tsr_place place, size_t elements) {
  return (tsr_place){place.object, place.at + elements * sizeof(float)};
}

/* Half of n, in whole blocks. */
static size_t half_of(size_t n) { return (size_t)tsr_groups_for(n / 2, BLOCK) * BLOCK; }

/* An m x n operand whose elements lie at i*row + j*col. */
static tsr_view view(tsr_place place, size_t m, size_t n, size_t row, size_t col) {
  bool trans = col != 1;
  return (tsr_view){.place = place,
                    .rows = trans ? n : m,
                    .cols = trans ? m : n,
                    .ld = trans ? col : row,
                    .trans = trans,
                    .type = TSR_F32};
}

/* ---- triangular solves ---- */

static int32_t leaf(tsr_run *run, const tsr_op *op, const tsr_triangle *s) {
  float alpha = (float)s->alpha;
  struct trsm_args args = {(tsr_uint)s->n,   0,                (tsr_uint)s->t_row, (tsr_uint)s->t_col,
                           (tsr_uint)s->row, (tsr_uint)s->col, s->lower,           s->unit,
                           alpha,            (float)(s->alpha - alpha)};
  tsr_dispatch d = {.kernel = "trsm_leaf",
                    .args = &args,
                    .args_bytes = sizeof args,
                    .operand = {s->t},
                    .operands = 2,
                    .groups = {1, 1, 1},
                    .threads = 128};
  /* Reading what is staged and B take four times the arithmetic's time. */
  double cost_of_one = 4.0 * (double)s->n * (double)s->n;
  size_t most = (size_t)(TSR_METAL_DISPATCH_FLOPS / cost_of_one);
  int32_t status = TSR_OK;
  for (size_t from = 0; from < s->count && status == TSR_OK; from += args.count) {
    args.count = (tsr_uint)(most < s->count - from ? most : s->count - from);
    d.operand[1] = at(s->b, from * s->col);
    d.groups[0] = tsr_groups_for(args.count, BLOCK);
    d.cost = cost_of_one * args.count;
    status = tsr_metal_run(run, op, &d);
  }
  return status;
}

/* Unknowns [first, first + n) as a system of their own. */
static tsr_triangle part(const tsr_triangle *s, size_t first, size_t n, double alpha) {
  tsr_triangle p = *s;
  p.n = n;
  p.t = at(s->t, first * (s->t_row + s->t_col));
  p.b = at(s->b, first * s->row);
  p.alpha = alpha;
  return p;
}

/* B(to..) = alpha B(to..) - T(to.., from..) X(from..), or its transpose where right-hand sides are rows. */
static int32_t eliminate(tsr_run *run, const tsr_op *op, const tsr_triangle *s, size_t from, size_t known, size_t to) {
  size_t n = s->n - known;
  tsr_place t = at(s->t, to * s->t_row + from * s->t_col), x = at(s->b, from * s->row), b = at(s->b, to * s->row);
  tsr_op g = {.id = TSR_OP_GEMM, .alpha = -1, .beta = s->alpha, .chain = s->chain, .operands = 3, .outputs = 4};
  g.gate = op->gate;
  if (s->col == 1) {
    g.v[0] = view(t, n, known, s->t_row, s->t_col);
    g.v[1] = view(x, known, s->count, s->row, 1);
    g.v[2] = view(b, n, s->count, s->row, 1);
  } else {
    g.v[0] = view(x, s->count, known, s->col, 1);
    g.v[1] = view(t, known, n, s->t_col, s->t_row);
    g.v[2] = view(b, s->count, n, s->col, 1);
  }
  return tsr_metal_gemm(run, &g);
}

int32_t tsr_metal_triangle(tsr_run *run, const tsr_op *op, const tsr_triangle *s) {
  if (s->n <= BLOCK) return leaf(run, op, s);
  size_t half = half_of(s->n), known = s->lower ? half : s->n - half;
  size_t first = s->lower ? 0 : half, then = s->lower ? half : 0;
  tsr_triangle a = part(s, first, known, s->alpha), b = part(s, then, s->n - known, 1);
  int32_t status = tsr_metal_triangle(run, op, &a);
  if (status == TSR_OK) status = eliminate(run, op, s, first, known, then);
  return status == TSR_OK ? tsr_metal_triangle(run, op, &b) : status;
}

/* Whether x can be carried as a sum of two float32 numbers. */
static bool carries(double x) { return fabs(x) < 0x1p126 && fabs(x) > 0x1p-100; }

/* B inv(A) is the transpose of inv(A') B', so the right side is the left one of both transposes. */
int32_t tsr_metal_trsm(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *B = &op->v[1];
  if (op->alpha == 0) {
    tsr_op zero = {.id = TSR_OP_LASET, .flags = TSR_FULL, .v = {*B}, .gate = op->gate, .operands = 1, .outputs = 1};
    return tsr_metal_laset(run, &zero);
  }
  if (!carries(op->alpha)) return tsr_metal_host(run, op);
  bool right = (op->flags & TSR_RIGHT) != 0, turned = A->trans != right, by_row = right != B->trans;
  tsr_triangle s = {.n = A->rows,
                    .count = by_row ? B->rows : B->cols,
                    .t = A->place,
                    .b = B->place,
                    .t_row = turned ? 1 : A->ld,
                    .t_col = turned ? A->ld : 1,
                    .row = by_row ? 1 : B->ld,
                    .col = by_row ? B->ld : 1,
                    .lower = ((op->flags & TSR_LOWER) != 0) != turned,
                    .unit = (op->flags & TSR_UNIT) != 0,
                    .alpha = op->alpha,
                    .chain = op->chain};
  int32_t status = tsr_metal_triangle(run, op, &s);
  run->tile = TSR_TILE_DEVICE;
  return status;
}

/* ---- Cholesky ---- */

enum { LEVELS = 32 };

typedef struct {
  tsr_run *run;
  const tsr_op *op;
  size_t ld;
  tsr_place words; /* whether the factorisation goes on; then, by level, whether it did when that level began */
} factor;

/* The operation under one of the words as its predicate. */
static tsr_op under(const factor *f, uint32_t word) {
  tsr_op op = *f->op;
  op.gate = at(f->words, word);
  return op;
}

/* Writes one of the words: potrf_enter or potrf_keep. */
static int32_t decide(const factor *f, const tsr_op *op, const char *kernel, uint32_t word) {
  struct potrf_args args = {0};
  tsr_dispatch d = {.kernel = kernel,
                    .args = &args,
                    .args_bytes = sizeof args,
                    .operand = {at(f->words, word), f->op->v[1].place},
                    .operands = 2,
                    .groups = {1, 1, 1},
                    .threads = 32,
                    .cost = 1};
  return tsr_metal_run(f->run, op, &d);
}

static int32_t block(const factor *f, size_t first, size_t n) {
  struct potrf_args args = {(tsr_uint)n, (tsr_uint)f->ld, f->op->flags + (tsr_uint)first};
  tsr_op op = under(f, 0);
  tsr_dispatch d = {.kernel = "potrf_block",
                    .args = &args,
                    .args_bytes = sizeof args,
                    .operand = {at(f->op->v[0].place, first * (f->ld + 1)), f->op->v[1].place, f->words},
                    .operands = 3,
                    .groups = {1, 1, 1},
                    .threads = 128,
                    .cost = 5e6};
  return tsr_metal_run(f->run, &op, &d);
}

/* Rows below finished columns, A21 = A21 inv(L11'), also where the block failed: the columns before are to be right. */
static int32_t below(const factor *f, uint32_t level, size_t first, size_t done, size_t rows) {
  tsr_op op = under(f, 1 + level);
  tsr_place corner = at(f->op->v[0].place, first * (f->ld + 1));
  tsr_triangle s = {.n = done,
                    .count = rows,
                    .t = corner,
                    .b = at(corner, done * f->ld),
                    .t_row = f->ld,
                    .t_col = 1,
                    .row = 1,
                    .col = f->ld,
                    .lower = true,
                    .alpha = 1,
                    .chain = f->op->chain};
  return tsr_metal_triangle(f->run, &op, &s);
}

/* A22 = A22 - A21 A21'. */
static int32_t rest(const factor *f, size_t first, size_t done, size_t rows) {
  tsr_place corner = at(f->op->v[0].place, first * (f->ld + 1));
  tsr_op g = {.id = TSR_OP_SYRK,
              .flags = TSR_LOWER,
              .alpha = -1,
              .beta = 1,
              .chain = f->op->chain,
              .gate = f->words,
              .operands = 2,
              .outputs = 2};
  g.v[0] = view(at(corner, done * f->ld), rows, done, f->ld, 1);
  g.v[1] = view(at(corner, done * (f->ld + 1)), rows, rows, f->ld, 1);
  return tsr_metal_syrk(f->run, &g);
}

static int32_t factorize(const factor *f, uint32_t level, size_t first, size_t n) {
  if (n <= BLOCK) return block(f, first, n);
  size_t half = half_of(n), left = n - half;
  tsr_op going = under(f, 0);
  int32_t status = decide(f, &going, "potrf_keep", 1 + level);
  if (status == TSR_OK) status = factorize(f, level + 1, first, half);
  if (status == TSR_OK) status = below(f, level, first, half, left);
  if (status == TSR_OK) status = rest(f, first, half, left);
  return status == TSR_OK ? factorize(f, level + 1, first + half, left) : status;
}

int32_t tsr_metal_potrf(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0];
  factor f = {run, op, A->ld, tsr_metal_scratch(run, (1 + LEVELS) * sizeof(tsr_uint))};
  if (!f.words.object) return TSR_E_MEMORY;
  int32_t status = decide(&f, op, "potrf_enter", 0);
  if (status == TSR_OK) status = factorize(&f, 0, 0, A->rows);
  run->tile = TSR_TILE_DEVICE;
  return status;
}
