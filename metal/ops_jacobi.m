/* ops_jacobi.m: a round of block Jacobi as dispatches: the rotations of small blocks, the small blocks of a matrix, and
 * the rotations of the matrix. Which blocks make a pair, and whether it is turned, only the device reads. */
#include "kernels/jacobi_args.h"
#include "ops.h"
#include "ops_f64.h"

enum {
  LINES = 32,
  GRAM_LINES = 1 << 19 /* the longest that one threadgroup, on one core, adds up in a quarter second (half of it) */
};

/* No two columns have a cosine above 1; this keeps a tolerance within float32. */
static const double LARGEST_COSINE = 0x1p20;

/* Flops of one block of order k: 30 sweeps of k^2/2 turns of columns of J, rows and columns of G, in df32. */
static double sweeps_cost(size_t k) { return 30 * 100.0 * (double)k * (double)k * (double)k; }

/* `count` blocks, cut into dispatches of bearable length; `first` is a field of d's arguments. */
static int32_t in_parts(tsr_run *run, const tsr_op *op, tsr_dispatch *d, tsr_uint *first, size_t count, int axis,
                        double cost_of_one) {
  double most = TSR_METAL_DISPATCH_FLOPS / cost_of_one;
  size_t part = most >= (double)count ? count : most < 1 ? 1 : (size_t)most;
  int32_t status = TSR_OK;
  for (size_t from = 0; from < count && status == TSR_OK; from += part) {
    size_t blocks = part < count - from ? part : count - from;
    *first = (tsr_uint)from;
    d->groups[axis] = (uint32_t)blocks;
    d->cost = cost_of_one * (double)blocks;
    status = tsr_metal_run(run, op, d);
  }
  return status;
}

int32_t tsr_metal_jacobi(tsr_run *run, const tsr_op *op) {
  const tsr_view *G = &op->v[0], *J = &op->v[1], *words = &op->v[2];
  bool gram = op->flags == TSR_GRAM;
  struct jacobi_args args = {
      .k = (tsr_uint)G->cols,
      .gram = gram,
      .wide = G->type == TSR_F64,
      .g_ld = (tsr_uint)G->ld,
      .j_ld = (tsr_uint)J->ld,
      .tolerance = tsr_wide_number(gram && op->alpha > LARGEST_COSINE ? LARGEST_COSINE : op->alpha),
      .floor = tsr_wide_number(op->beta)};
  tsr_dispatch d = {.kernel = "jacobi_blocks_of",
                    .args = &args,
                    .args_bytes = sizeof args,
                    .operand = {G->place, J->place, words->place},
                    .operands = 3,
                    .groups = {1, 1, 1},
                    .threads = 256};
  return in_parts(run, op, &d, &args.first, words->cols, 0, sweeps_cost(G->cols));
}

int32_t tsr_metal_apply(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *pairs = &op->v[1], *B = &op->v[2];
  bool rows = op->flags == TSR_ROWS;
  size_t k = B->cols, lines = rows ? A->cols : A->rows;
  struct apply_args args = {.k = (tsr_uint)k,
                            .blocks = (tsr_uint)((rows ? A->rows : A->cols) / (k / 2)),
                            .lines = (tsr_uint)lines,
                            .line = rows ? 1 : (tsr_uint)A->ld,
                            .member = rows ? (tsr_uint)A->ld : 1,
                            .pairs_ld = (tsr_uint)pairs->ld,
                            .b_ld = (tsr_uint)B->ld,
                            .wide = B->type == TSR_F64};
  tsr_dispatch d = {.args = &args,
                    .args_bytes = sizeof args,
                    .operand = {A->place, pairs->place, B->place},
                    .operands = 3,
                    .groups = {1, 1, 1},
                    .threads = 256};
  double square = (double)k * (double)k;
  if (op->flags == TSR_PRINCIPAL) {
    d.kernel = "apply_mean";
    d.groups[0] = tsr_groups_for(k * k, d.threads);
    return in_parts(run, op, &d, &args.first, pairs->cols, 1, 8 * square);
  }
  if (op->flags == TSR_GRAM) {
    if (lines > GRAM_LINES) return tsr_metal_host(run, op);
    d.kernel = "apply_gram";
    return in_parts(run, op, &d, &args.first, pairs->cols, 0, 8 * square * (double)lines);
  }
  d.kernel = "apply_turn";
  d.threads = 128;
  d.groups[0] = tsr_groups_for(lines, LINES);
  return in_parts(run, op, &d, &args.first, pairs->cols, 1, 2 * square * (double)lines);
}
