/* ops_elementwise.m: laset, geadd, scale, laswp, rand and colstat as dispatches. */
#include <math.h>
#include <string.h>
#include "kernels/elementwise_args.h"
#include "ops.h"

enum { THREADS = 256, ROWS_OF_THREAD = 4 };

/* Columns of a group as a power of two: all of a narrow matrix, at most one for each thread. */
static uint32_t shift_for(size_t cols) {
  uint32_t shift = 0;
  while (shift < 8 && (1u << shift) < cols) shift++;
  return shift;
}

/* Groups that cover the stored matrix. */
static void cover(tsr_dispatch *d, const tsr_view *v, uint32_t shift) {
  d->groups[0] = tsr_groups_for(v->cols, (size_t)1 << shift);
  d->groups[1] = tsr_groups_for(v->rows, ((size_t)THREADS >> shift) * ROWS_OF_THREAD);
  d->groups[2] = 1;
  d->threads = THREADS;
  d->cost = (double)v->rows * (double)v->cols * 8;
}

static tsr_uint bits_of(const tsr_view *v, double x) {
  if (v->type == TSR_U32) return (tsr_uint)x;
  float f = (float)x;
  tsr_uint bits;
  memcpy(&bits, &f, sizeof bits);
  return bits;
}

int32_t tsr_metal_laset(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0];
  if (A->type == TSR_F64) return tsr_metal_host(run, op);
  bool keep = isnan(op->beta);
  struct laset_args args = {(tsr_uint)A->rows, (tsr_uint)A->cols, (tsr_uint)A->ld, shift_for(A->cols), op->flags,
                            bits_of(A, op->alpha), keep ? 0 : bits_of(A, op->beta), keep};
  tsr_dispatch d = {.kernel = "laset", .args = &args, .args_bytes = sizeof args, .operand = {A->place}, .operands = 1};
  cover(&d, A, args.shift);
  return tsr_metal_run(run, op, &d);
}

/* Whether x can be carried as a sum of two float32 numbers. */
static bool carries(double x) { return x == 0 || (fabs(x) < 0x1p126 && fabs(x) > 0x1p-100); }

int32_t tsr_metal_geadd(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *B = &op->v[1];
  if (A->type != TSR_F32 || B->type != TSR_F32 || !carries(op->alpha) || !carries(op->beta))
    return tsr_metal_host(run, op);
  bool turned = A->trans != B->trans;
  float alpha = (float)op->alpha, beta = (float)op->beta;
  struct geadd_args args = {
      (tsr_uint)B->rows, (tsr_uint)B->cols, (tsr_uint)B->ld, shift_for(B->cols),
      turned ? 1 : (tsr_uint)A->ld, turned ? (tsr_uint)A->ld : 1,
      alpha, (float)(op->alpha - alpha), beta, (float)(op->beta - beta), op->alpha != 0, op->beta != 0};
  tsr_dispatch d = {.kernel = "geadd", .args = &args, .args_bytes = sizeof args, .operand = {A->place, B->place},
                    .operands = 2};
  cover(&d, B, args.shift);
  return tsr_metal_run(run, op, &d);
}

int32_t tsr_metal_scale(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *S = &op->v[1], *B = &op->v[2];
  bool one = S->rows == 1 && S->cols == 1, turned = A->trans != B->trans;
  struct scale_args args = {(tsr_uint)B->rows, (tsr_uint)B->cols, (tsr_uint)B->ld, shift_for(B->cols),
                            turned ? 1 : (tsr_uint)A->ld, turned ? (tsr_uint)A->ld : 1, B->trans,
                            one ? 0 : tsr_col_stride(S), op->flags};
  tsr_dispatch d = {.kernel = "scale", .args = &args, .args_bytes = sizeof args,
                    .operand = {A->place, S->place, B->place}, .operands = 3};
  cover(&d, B, args.shift);
  return tsr_metal_run(run, op, &d);
}

int32_t tsr_metal_laswp(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *pivots = &op->v[1];
  size_t rows = A->trans ? A->cols : A->rows, cols = A->trans ? A->rows : A->cols;
  struct laswp_args args = {(tsr_uint)rows, (tsr_uint)cols, tsr_row_stride(A), tsr_col_stride(A), 0,
                            (tsr_uint)pivots->cols, op->flags == TSR_BACKWARD};
  tsr_dispatch d = {.kernel = "laswp", .args = &args, .args_bytes = sizeof args,
                    .operand = {A->place, pivots->place}, .operands = 2,
                    .groups = {tsr_groups_for(cols, THREADS), 1, 1}, .threads = THREADS,
                    .cost = (double)pivots->cols * (double)cols * 16};
  return tsr_metal_run(run, op, &d);
}

int32_t tsr_metal_rand(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0];
  size_t rows = A->trans ? A->cols : A->rows, cols = A->trans ? A->rows : A->cols, quads = tsr_groups_for(cols, 4);
  struct rand_args args = {(tsr_uint)rows, (tsr_uint)cols, tsr_row_stride(A), tsr_col_stride(A), shift_for(quads),
                           op->flags, op->seed[0], op->seed[1]};
  tsr_dispatch d = {.kernel = "rand_fill", .args = &args, .args_bytes = sizeof args, .operand = {A->place},
                    .operands = 1, .threads = THREADS, .cost = 50.0 * (double)rows * (double)cols,
                    .groups = {tsr_groups_for(quads, (size_t)1 << args.shift),
                               tsr_groups_for(rows, (size_t)THREADS >> args.shift), 1}};
  return tsr_metal_run(run, op, &d);
}

int32_t tsr_metal_colstat(tsr_run *run, const tsr_op *op) {
  enum { CHUNK_ROWS = 512 };
  const tsr_view *A = &op->v[0], *S = &op->v[1], *info = &op->v[2];
  size_t rows = A->trans ? A->cols : A->rows, cols = A->trans ? A->rows : A->cols;
  struct colstat_args args = {(tsr_uint)rows, (tsr_uint)cols, tsr_row_stride(A), tsr_col_stride(A), shift_for(cols),
                              tsr_groups_for(rows, CHUNK_ROWS), CHUNK_ROWS, 0, tsr_col_stride(S), tsr_row_stride(S)};
  args.strips = tsr_groups_for(cols, (size_t)1 << args.shift);
  tsr_place part = tsr_metal_scratch(run, (size_t)args.chunks * cols * sizeof(tsr_uint));
  tsr_place places = tsr_metal_scratch(run, (size_t)args.chunks * args.strips * 2 * sizeof(tsr_uint));
  if (!part.object || !places.object) return TSR_E_MEMORY;
  tsr_dispatch d = {.kernel = "colstat_part", .args = &args, .args_bytes = sizeof args,
                    .operand = {A->place, part, places}, .operands = 3,
                    .groups = {args.strips, args.chunks, 1}, .threads = THREADS,
                    .cost = (double)rows * (double)cols * 4};
  int32_t status = tsr_metal_run(run, op, &d);
  if (status != TSR_OK) return status;
  d = (tsr_dispatch){.kernel = "colstat_fold", .args = &args, .args_bytes = sizeof args,
                     .operand = {part, places, S->place, info->place}, .operands = 4,
                     .groups = {tsr_groups_for(cols, THREADS), 1, 1}, .threads = THREADS,
                     .cost = (double)args.chunks * (double)cols};
  status = tsr_metal_run(run, op, &d);
  if (status != TSR_OK || (S->trans ? S->cols : S->rows) == 1) return status;
  d = (tsr_dispatch){.kernel = "colstat_signs", .args = &args, .args_bytes = sizeof args,
                     .operand = {A->place, S->place}, .operands = 2,
                     .groups = {tsr_groups_for(cols, THREADS), 1, 1}, .threads = THREADS,
                     .cost = (double)rows * (double)cols * 4};
  return tsr_metal_run(run, op, &d);
}
