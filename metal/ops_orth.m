/* ops_orth.m: one certified panel of block Gram-Schmidt as dispatches: Gram matrix and guarded factor in df32, the
 * triangular solve in float32, random numbers in dead columns. */
#include <math.h>
#include "kernels/orth_args.h"
#include "ops_f64.h"
#include "ops_triangular.h"

/* Workspace of one panel. */
typedef struct {
  tsr_place gram, factor, solver, dead;
} panel;

static bool make_room(tsr_run *run, size_t b, panel *p) {
  size_t whole = (size_t)ORTH_COLUMNS * ORTH_COLUMNS;
  p->gram = tsr_metal_scratch(run, b * b * 2 * sizeof(float));
  p->factor = tsr_metal_scratch(run, whole * 2 * sizeof(float));
  p->solver = tsr_metal_scratch(run, whole * sizeof(float));
  p->dead = tsr_metal_scratch(run, (ORTH_COLUMNS + 1) * sizeof(tsr_uint));
  return p->gram.object && p->factor.object && p->solver.object && p->dead.object;
}

/* W'W of columns scaled by powers of two, the upper triangle. */
static int32_t gram(tsr_run *run, const tsr_op *op, const panel *p, tsr_place *largest) {
  const tsr_view *W = &op->v[0];
  tsr_uint b = (tsr_uint)W->cols, ld = (tsr_uint)W->ld;
  tsr_wide w = {.args = {.m = b,
                         .n = b,
                         .k = (tsr_uint)W->rows,
                         .a_row = 1,
                         .a_col = ld,
                         .b_row = ld,
                         .b_col = 1,
                         .result_row = b,
                         .result_col = 1,
                         .result_type = WIDE_PAIR,
                         .uplo = TSR_UPPER},
                .a = W->place,
                .b = W->place,
                .result = p->gram};
  int32_t status = tsr_metal_wide(run, op, &w);
  *largest = w.a_largest;
  return status;
}

static int32_t factor(tsr_run *run, const tsr_op *op, const panel *p, tsr_place largest) {
  const tsr_view *T = &op->v[1];
  struct wide_number floor = tsr_wide_number(op->alpha);
  struct orth_args args = {(tsr_uint)T->rows, (tsr_uint)T->ld, floor.hi, floor.lo, floor.exponent};
  tsr_dispatch d = {.kernel = "orth_factor",
                    .args = &args,
                    .args_bytes = sizeof args,
                    .operand = {p->gram, largest, p->factor, T->place, p->solver, op->v[2].place, p->dead},
                    .operands = 7,
                    .groups = {1, 1, 1},
                    .threads = 256,
                    .cost = 2e7};
  return tsr_metal_run(run, op, &d);
}

/* W inv(T), row by row. */
static int32_t solve(tsr_run *run, const tsr_op *op, const panel *p) {
  const tsr_view *W = &op->v[0];
  tsr_triangle s = {.n = W->cols,
                    .count = W->rows,
                    .t = p->solver,
                    .b = W->place,
                    .t_row = 1,
                    .t_col = ORTH_COLUMNS,
                    .row = 1,
                    .col = W->ld,
                    .lower = true,
                    .alpha = 1};
  return tsr_metal_triangle(run, op, &s);
}

static int32_t fill(tsr_run *run, const tsr_op *op, const panel *p) {
  const tsr_view *W = &op->v[0];
  double length = sqrt((double)W->rows);
  float hi = (float)length;
  struct orth_fill_args args = {(tsr_uint)W->rows, (tsr_uint)W->cols, (tsr_uint)W->ld,     op->seed[0],
                                op->seed[1],       hi,                (float)(length - hi)};
  tsr_dispatch d = {.kernel = "orth_fill",
                    .args = &args,
                    .args_bytes = sizeof args,
                    .operand = {p->dead, W->place},
                    .operands = 2,
                    .groups = {tsr_groups_for(W->rows, 256), 1, 1},
                    .threads = 256,
                    .cost = (double)W->rows};
  return tsr_metal_run(run, op, &d);
}

int32_t tsr_metal_orth(tsr_run *run, const tsr_op *op) {
  panel p;
  tsr_place largest;
  if (!make_room(run, op->v[0].cols, &p)) return TSR_E_MEMORY;
  int32_t status = gram(run, op, &p, &largest);
  if (status == TSR_OK) status = factor(run, op, &p, largest);
  if (status == TSR_OK) status = solve(run, op, &p);
  return status == TSR_OK ? fill(run, op, &p) : status;
}
