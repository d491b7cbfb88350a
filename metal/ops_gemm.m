/* ops_gemm.m: gemm, atav and syrk with float32 results as dispatches; product_plan.m says which. */
#include <math.h>
#include "kernels/gemm_args.h"
#include "ops.h"
#include "ops_f64.h"
#include "product_plan.h"

enum { FIRST_CONSTANT = 10, REDUCE_THREADS = 256, GEMV_ROWS = 4, GEMV_COLUMNS = 4, GEMV_SIMDGROUPS = 8, NARROW = 32 };

typedef struct {
  tsr_place place;
  uint32_t ld;
  bool trans;
} operand;

/* C = alpha A B + beta C; element (i,j) of C lies at i*c_row + j*c_col. */
typedef struct {
  uint32_t m, n, k;
  operand a, b;
  tsr_place c;
  uint32_t c_row, c_col, uplo;
  struct product_scale scale;
} product;

static const struct product_scale one = {1, 0, 0, 0};

static operand operand_of(const tsr_view *v) { return (operand){v->place, (uint32_t)v->ld, v->trans}; }

static operand flip(operand a) {
  a.trans = !a.trans;
  return a;
}

/* C' = B'A'. */
static product flip_product(product g) {
  product h = g;
  h.m = g.n;
  h.n = g.m;
  h.a = flip(g.b);
  h.b = flip(g.a);
  h.c_row = g.c_col;
  h.c_col = g.c_row;
  return h;
}

/* Whether x can be carried as a sum of two float32 numbers. */
static bool carries(double x) { return x == 0 || (fabs(x) < 0x1p126 && fabs(x) > 0x1p-100); }

static struct product_scale scale_of(const tsr_op *op) {
  float alpha = (float)op->alpha, beta = (float)op->beta;
  return (struct product_scale){alpha, (float)(op->alpha - (double)alpha), beta, (float)(op->beta - (double)beta)};
}

/* Runs threadgroups 0 to groups-1, a watchdog's worth at a time; `first` is the kernel's argument of that name. */
static int32_t run_groups(tsr_run *run, const tsr_op *op, tsr_dispatch *d, tsr_uint *first, uint32_t groups,
                          double group_flops) {
  uint32_t most = (uint32_t)fmax(1, fmin(groups, TSR_METAL_DISPATCH_FLOPS / group_flops));
  for (uint32_t done = 0; done < groups; done += most) {
    uint32_t count = groups - done < most ? groups - done : most;
    *first = done;
    d->groups[0] = count;
    d->groups[1] = d->groups[2] = 1;
    d->cost = count * group_flops;
    int32_t status = tsr_metal_run(run, op, d);
    if (status != TSR_OK) return status;
  }
  return TSR_OK;
}

/* C = alpha (sum of the parts) + beta C. */
static int32_t reduce(tsr_run *run, const tsr_op *op, const product *g, tsr_place parts, uint32_t count) {
  struct split_reduce_args args = {g->m, g->n, count, g->c_row, g->c_col, 0, g->scale};
  tsr_dispatch d = {.kernel = "split_reduce",
                    .first_constant = FIRST_CONSTANT, .constant_count = 2, .constants = {0, g->uplo},
                    .args = &args, .args_bytes = sizeof args,
                    .operand = {parts, g->c}, .operands = 2, .threads = REDUCE_THREADS};
  return run_groups(run, op, &d, &args.first, tsr_groups_for((size_t)g->m * g->n, REDUCE_THREADS),
                    REDUCE_THREADS * 8.0 * count);
}

static int32_t run_tiles(tsr_run *run, const tsr_op *op, const product *g, const tsr_product_plan *p) {
  struct gemm_args args = {g->m, g->n, g->k, g->a.ld, g->b.ld, g->c_row, g->c_col, 0, p->tiles,
                           p->part, p->chain, p->group, g->scale};
  tsr_place c = g->c;
  bool split = p->tile == TSR_TILE_INNER;
  if (split) {
    c = tsr_metal_scratch(run, (size_t)p->parts * g->m * g->n * sizeof(float));
    if (!c.object) return TSR_E_MEMORY;
    args.c_row = g->n;
    args.c_col = 1;
    args.scale = one;
  }
  tsr_dispatch d = {.kernel = p->kernel,
                    .first_constant = FIRST_CONSTANT, .constant_count = 2, .constants = {p->fold, g->uplo},
                    .args = &args, .args_bytes = sizeof args,
                    .operand = {g->a.place, g->b.place, c}, .operands = 3, .threads = p->threads};
  int32_t status = run_groups(run, op, &d, &args.first, p->tiles * p->parts, 2.0 * p->bm * p->bn * (p->part + 16.0));
  return status == TSR_OK && split ? reduce(run, op, g, c, p->parts) : status;
}

/* C has one column, y = A x, or one row, y = B'x. */
static int32_t run_gemv(tsr_run *run, const tsr_op *op, const product *g, const tsr_product_plan *p) {
  product y = *g;
  if (g->n != 1) y = flip_product(y);
  struct gemv_args args = {y.m, y.k, y.a.ld, y.b.trans ? 1 : y.b.ld, y.c_row, 0, p->parts, p->part,
                           p->chain, p->width, y.scale};
  tsr_place target = y.c;
  if (p->parts > 1) {
    target = tsr_metal_scratch(run, (size_t)p->parts * y.m * sizeof(float));
    if (!target.object) return TSR_E_MEMORY;
    args.y_step = 1;
    args.scale = one;
  }
  uint32_t groups = p->tiles * p->parts, numbers = GEMV_COLUMNS * p->width;
  if (!y.a.trans) {
    groups = tsr_groups_for(groups, GEMV_SIMDGROUPS);
    numbers = GEMV_ROWS * GEMV_SIMDGROUPS;
  }
  tsr_dispatch d = {.kernel = p->kernel,
                    .first_constant = FIRST_CONSTANT, .constant_count = 2,
                    .args = &args, .args_bytes = sizeof args,
                    .operand = {y.a.place, y.b.place, target}, .operands = 3, .threads = p->threads};
  int32_t status = run_groups(run, op, &d, &args.first, groups, 8.0 * numbers * (p->part + 16.0));
  return status == TSR_OK && p->parts > 1 ? reduce(run, op, &y, target, p->parts) : status;
}

static int32_t run_product(tsr_run *run, const tsr_op *op, product g) {
  if (op->alpha == 0) g.k = 0;
  tsr_product_shape shape = {g.m, g.n, g.k, g.a.trans, g.b.trans, g.uplo, op->chain == 32 ? 32 : 256};
  tsr_product_plan plan = tsr_product_plan_of(&shape, op->tile);
  run->tile = plan.tile;
  return plan.tile == TSR_TILE_GEMV ? run_gemv(run, op, &g, &plan) : run_tiles(run, op, &g, &plan);
}

int32_t tsr_metal_gemm(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *B = &op->v[1], *C = &op->v[2];
  if (C->type == TSR_F64) return tsr_metal_gemm_f64(run, op);
  if (!carries(op->alpha) || !carries(op->beta)) return tsr_metal_host(run, op);
  product g = {.m = (uint32_t)(A->trans ? A->cols : A->rows),
               .n = (uint32_t)(B->trans ? B->rows : B->cols),
               .k = (uint32_t)(A->trans ? A->rows : A->cols),
               .a = operand_of(A), .b = operand_of(B), .c = C->place,
               .c_row = tsr_row_stride(C), .c_col = tsr_col_stride(C), .uplo = TSR_FULL, .scale = scale_of(op)};
  /* Tiles of C lie along its rows, and are as wide as high or narrower. */
  bool wide = g.m <= NARROW && g.n > NARROW, high = g.n <= NARROW && g.m > NARROW;
  if (wide || (C->trans && !high)) g = flip_product(g);
  return run_product(run, op, g);
}

int32_t tsr_metal_atav(tsr_run *run, const tsr_op *op) {
  tsr_op products[2];
  tsr_atav_products(op, products);
  int32_t status = tsr_metal_gemm(run, &products[0]);
  return status == TSR_OK ? tsr_metal_gemm(run, &products[1]) : status;
}

int32_t tsr_metal_syrk(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *C = &op->v[1];
  if (C->type == TSR_F64) return tsr_metal_syrk_f64(run, op);
  if (!carries(op->alpha) || !carries(op->beta)) return tsr_metal_host(run, op);
  operand a = operand_of(A);
  product g = {.m = (uint32_t)C->rows, .n = (uint32_t)C->rows, .k = (uint32_t)(A->trans ? A->rows : A->cols),
               .a = a, .b = flip(a), .c = C->place, .c_row = (uint32_t)C->ld, .c_col = 1,
               .uplo = op->flags, .scale = scale_of(op)};
  return run_product(run, op, g);
}
