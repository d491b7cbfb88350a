/* ops_f64.m: products with sums in df32, and residuals, as dispatches of the products in df32. */
#include <math.h>
#include "ops_f64.h"

enum { TILE = 32, SCAN_ROWS = 8, SCAN_LINES = 32, SCAN_CHUNK = 1024, SCAN_PARTS = 512, CHAIN = 256 };
enum { PART_LEAST = 1024, GROUPS_WANTED = 1024 };

/* Flops of one product and its addition. */
static const double STEP_FLOPS = 16;

struct wide_number tsr_wide_number(double x) {
  int exponent = 0;
  double fraction = isfinite(x) ? frexp(x, &exponent) : x;
  float hi = (float)fraction;
  return (struct wide_number){hi, isfinite(x) ? (float)(fraction - hi) : 0, exponent};
}

/* The largest |x| of each row of an operand, to workspace. */
static int32_t scan(tsr_run *run, const tsr_op *op, tsr_place a, struct wide_scan_args s, tsr_place *largest) {
  size_t chunk = tsr_groups_for(s.count, SCAN_PARTS);
  s.chunk = (tsr_uint)(chunk > SCAN_CHUNK ? chunk : SCAN_CHUNK);
  s.parts = s.count ? tsr_groups_for(s.count, s.chunk) : 1;
  *largest = tsr_metal_scratch(run, (size_t)s.rows * s.parts * sizeof(tsr_uint));
  if (!largest->object) return TSR_E_MEMORY;
  tsr_dispatch d = {.kernel = "wide_scan",
                    .args = &s,
                    .args_bytes = sizeof s,
                    .operand = {a, *largest},
                    .operands = 2,
                    .groups = {tsr_groups_for(s.rows, s.col == 1 ? SCAN_ROWS : SCAN_LINES), s.parts, 1},
                    .threads = 256,
                    .cost = 2.0 * s.rows * s.count};
  int32_t status = tsr_metal_run(run, op, &d);
  if (status != TSR_OK || s.parts == 1) return status;
  tsr_dispatch of_parts = {.kernel = "wide_largest",
                           .args = &s,
                           .args_bytes = sizeof s,
                           .operand = {*largest},
                           .operands = 1,
                           .groups = {tsr_groups_for(s.rows, 256), 1, 1},
                           .threads = 256,
                           .cost = (double)s.rows * s.parts};
  return tsr_metal_run(run, op, &of_parts);
}

/* Both operands; a Gram matrix has only one. */
static int32_t scan_both(tsr_run *run, const tsr_op *op, tsr_wide *w, tsr_place *b_largest) {
  const struct wide_args *p = &w->args;
  struct wide_scan_args a = {p->m, p->k, p->a_row, p->a_col, 0, 0}, b = {p->n, p->k, p->b_col, p->b_row, 0, 0};
  int32_t status = scan(run, op, w->a, a, &w->a_largest);
  bool gram = w->a.object == w->b.object && w->a.at == w->b.at && a.rows == b.rows && a.row == b.row && a.col == b.col;
  *b_largest = w->a_largest;
  return status == TSR_OK && !gram ? scan(run, op, w->b, b, b_largest) : status;
}

/* K in parts where C has too few tiles for a whole device. By shape alone, so that the bits are. */
static void split(struct wide_args *p) {
  size_t tiles = (size_t)tsr_groups_for(p->m, TILE) * tsr_groups_for(p->n, TILE);
  size_t parts = tsr_groups_for(GROUPS_WANTED, tiles), most = tsr_groups_for(p->k, PART_LEAST);
  if (parts > most) parts = most > 0 ? most : 1;
  size_t chunk = tsr_groups_for(p->k, parts);
  p->chunk = (tsr_uint)(tsr_groups_for(chunk, CHAIN) * (size_t)CHAIN);
  p->parts = p->k ? tsr_groups_for(p->k, p->chunk) : 1;
}

static uint32_t within(double budget, uint32_t most) {
  return budget >= most ? most : budget < 1 ? 1 : (uint32_t)budget;
}

/* Tiles of C by parts of K, cut into dispatches of bearable length. */
static int32_t multiply(tsr_run *run, const tsr_op *op, tsr_dispatch *d, struct wide_args *p) {
  uint32_t cols = tsr_groups_for(p->n, TILE), rows = tsr_groups_for(p->m, TILE);
  double one = STEP_FLOPS * TILE * TILE * (p->parts > 1 ? p->chunk : p->k) + 1;
  double budget = TSR_METAL_DISPATCH_FLOPS / one;
  uint32_t wide = within(budget, cols), high = wide < cols ? 1 : within(budget / cols, rows);
  uint32_t deep = high < rows ? 1 : within(budget / cols / rows, p->parts);
  int32_t status = TSR_OK;
  for (p->first_part = 0; p->first_part < p->parts; p->first_part += deep) {
    d->groups[2] = deep < p->parts - p->first_part ? deep : p->parts - p->first_part;
    for (p->first_row = 0; p->first_row < rows; p->first_row += high) {
      d->groups[1] = high < rows - p->first_row ? high : rows - p->first_row;
      for (p->first_col = 0; p->first_col < cols && status == TSR_OK; p->first_col += wide) {
        d->groups[0] = wide < cols - p->first_col ? wide : cols - p->first_col;
        d->cost = one * d->groups[0] * d->groups[1] * d->groups[2];
        status = tsr_metal_run(run, op, d);
      }
    }
  }
  return status;
}

int32_t tsr_metal_wide(tsr_run *run, const tsr_op *op, tsr_wide *w) {
  struct wide_args *p = &w->args;
  tsr_place b_largest, parts, addend = p->addend_type == WIDE_NONE ? w->result : w->addend;
  int32_t status = scan_both(run, op, w, &b_largest);
  if (status != TSR_OK) return status;
  split(p);
  parts = p->parts > 1 ? tsr_metal_scratch(run, (size_t)p->parts * p->m * p->n * 2 * sizeof(float)) : w->a_largest;
  if (!parts.object) return TSR_E_MEMORY;
  tsr_dispatch d = {.kernel = "wide_product",
                    .args = p,
                    .args_bytes = sizeof *p,
                    .operand = {w->a, w->b, w->a_largest, b_largest, addend, w->result, parts},
                    .operands = 7,
                    .threads = 64};
  status = multiply(run, op, &d, p);
  if (status != TSR_OK || p->parts == 1) return status;
  tsr_dispatch reduce = {.kernel = "wide_reduce",
                         .args = p,
                         .args_bytes = sizeof *p,
                         .operand = {parts, w->a_largest, b_largest, addend, w->result},
                         .operands = 5,
                         .groups = {tsr_groups_for((size_t)p->m * p->n, 256), 1, 1},
                         .threads = 256,
                         .cost = 20.0 * p->m * p->n * p->parts};
  return tsr_metal_run(run, op, &reduce);
}

/* The addend C or B; none where beta is 0. */
static void add(tsr_wide *w, double beta, const tsr_view *v) {
  w->args.beta = tsr_wide_number(beta);
  w->args.addend_type = beta == 0 ? WIDE_NONE : v->type == TSR_F64 ? WIDE_F64 : WIDE_F32;
  w->args.addend_row = tsr_row_stride(v);
  w->args.addend_col = tsr_col_stride(v);
  w->addend = v->place;
}

static void put(tsr_wide *w, const tsr_view *v) {
  w->args.result_type = v->type == TSR_F64 ? WIDE_F64 : WIDE_F32;
  w->args.result_row = tsr_row_stride(v);
  w->args.result_col = tsr_col_stride(v);
  w->result = v->place;
}

static tsr_wide product_of(const tsr_view *A, const tsr_view *B, double alpha) {
  return (tsr_wide){.args = {.m = (tsr_uint)(A->trans ? A->cols : A->rows),
                             .n = (tsr_uint)(B->trans ? B->rows : B->cols),
                             .k = alpha == 0 ? 0 : (tsr_uint)(A->trans ? A->rows : A->cols),
                             .a_row = tsr_row_stride(A),
                             .a_col = tsr_col_stride(A),
                             .b_row = tsr_row_stride(B),
                             .b_col = tsr_col_stride(B),
                             .alpha = tsr_wide_number(alpha)},
                    .a = A->place,
                    .b = B->place};
}

int32_t tsr_metal_gemm_f64(tsr_run *run, const tsr_op *op) {
  tsr_wide w = product_of(&op->v[0], &op->v[1], op->alpha);
  add(&w, op->beta, &op->v[2]);
  put(&w, &op->v[2]);
  return tsr_metal_wide(run, op, &w);
}

/* uplo names the triangle as stored, and A A' is its own transpose. */
int32_t tsr_metal_syrk_f64(tsr_run *run, const tsr_op *op) {
  tsr_view turned = op->v[0], C = op->v[1];
  turned.trans = !turned.trans;
  C.trans = false;
  tsr_wide w = product_of(&op->v[0], &turned, op->alpha);
  w.args.uplo = op->flags;
  add(&w, op->beta, &C);
  put(&w, &C);
  return tsr_metal_wide(run, op, &w);
}

int32_t tsr_metal_resid(tsr_run *run, const tsr_op *op) {
  tsr_wide w = product_of(&op->v[0], &op->v[1], -1);
  add(&w, 1, &op->v[2]);
  put(&w, &op->v[3]);
  return tsr_metal_wide(run, op, &w);
}
