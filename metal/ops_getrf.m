/* ops_getrf.m: LU factors with partial pivoting by recursion on the columns, as the CPU library does: the left half,
 * its effect on the right one, the right half. Leaves of 32 columns are one threadgroup's; the rest is trsm and gemm
 * on the whole device. */
#include "kernels/elementwise_args.h"
#include "kernels/getrf_args.h"
#include "ops.h"

enum {
  LEAF = 32, THREADS = 512, SWAP_THREADS = 256,
  MOST_ROWS = 1 << 20 /* of a leaf, which one threadgroup on one core finishes in a quarter second */
};

typedef struct {
  tsr_run *run;
  const tsr_op *op;
  const tsr_view *a;
} factor;

/* Rows [i, m) of columns [from, to). */
static tsr_view below(const factor *f, size_t i, size_t from, size_t to) {
  return tsr_part(f->a, i, from, f->a->rows - i, to - from);
}

static tsr_place pivots_from(const factor *f, size_t first) {
  tsr_place place = f->op->v[1].place;
  place.at += first * sizeof(uint32_t);
  return place;
}

static int32_t leaf(const factor *f, size_t first, size_t end) {
  tsr_view a = below(f, first, first, end);
  struct getrf_args args = {(tsr_uint)a.rows, (tsr_uint)a.cols, (tsr_uint)a.ld, (tsr_uint)first};
  tsr_dispatch d = {.kernel = "getrf_leaf", .args = &args, .args_bytes = sizeof args,
                    .operand = {a.place, pivots_from(f, first), f->op->v[2].place}, .operands = 3,
                    .groups = {1, 1, 1}, .threads = THREADS,
                    .cost = 40.0 * (double)a.rows * (double)a.cols * (double)a.cols};
  return tsr_metal_run(f->run, f->op, &d);
}

/* The exchanges of the pivots [first, end) in the columns [from, to). */
static int32_t exchange(const factor *f, size_t first, size_t end, size_t from, size_t to) {
  tsr_view a = below(f, 0, from, to);
  struct laswp_args args = {(tsr_uint)a.rows, (tsr_uint)a.cols, (tsr_uint)a.ld, 1, (tsr_uint)first,
                            (tsr_uint)(end - first), 0};
  tsr_dispatch d = {.kernel = "laswp", .args = &args, .args_bytes = sizeof args,
                    .operand = {a.place, pivots_from(f, first)}, .operands = 2,
                    .groups = {tsr_groups_for(a.cols, SWAP_THREADS), 1, 1}, .threads = SWAP_THREADS,
                    .cost = 16.0 * (double)(end - first) * (double)a.cols};
  return tsr_metal_run(f->run, f->op, &d);
}

/* What the columns [first, known) do to those of [known, end): their exchanges, U, and the rest. */
static int32_t apply(const factor *f, size_t first, size_t known, size_t end) {
  size_t m = f->a->rows;
  int32_t status = exchange(f, first, known, known, end);
  if (status != TSR_OK) return status;
  tsr_op solve = tsr_part_of(f->op, TSR_OP_TRSM);
  solve.flags = TSR_LOWER | TSR_UNIT;
  solve.alpha = 1;
  solve.v[0] = tsr_part(f->a, first, first, known - first, known - first);
  solve.v[1] = tsr_part(f->a, first, known, known - first, end - known);
  status = tsr_metal_trsm(f->run, &solve);
  if (status != TSR_OK || m == known) return status;
  tsr_op update = tsr_part_of(f->op, TSR_OP_GEMM);
  update.alpha = -1;
  update.beta = 1;
  update.v[0] = tsr_part(f->a, known, first, m - known, known - first);
  update.v[1] = solve.v[1];
  update.v[2] = tsr_part(f->a, known, known, m - known, end - known);
  return tsr_metal_gemm(f->run, &update);
}

/* Columns [first, end), from row `first` down. */
static int32_t factorize(const factor *f, size_t first, size_t end) {
  if (end - first <= LEAF) return leaf(f, first, end);
  size_t known = first + (end - first + 2 * LEAF - 1) / (2 * LEAF) * LEAF;
  int32_t status = factorize(f, first, known);
  if (status == TSR_OK) status = apply(f, first, known, end);
  if (status == TSR_OK) status = factorize(f, known, end);
  if (status == TSR_OK) status = exchange(f, known, end, first, known);
  return status;
}

int32_t tsr_metal_getrf(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0];
  if (A->rows > MOST_ROWS) return tsr_metal_host(run, op);
  factor f = {run, op, A};
  size_t n = A->rows < A->cols ? A->rows : A->cols;
  int32_t status = factorize(&f, 0, n);
  if (status == TSR_OK && A->cols > n) status = apply(&f, 0, n, A->cols);
  run->tile = TSR_TILE_DEVICE;
  return status;
}
