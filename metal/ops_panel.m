/* ops_panel.m: panels of the reductions to tridiagonal and bidiagonal form (latrd, labrd), column by column, no
 * number of which crosses to the host. */
#include <math.h>
#include "kernels/panel_args.h"
#include "ops.h"

enum { THREADS = 256, BLOCK = 64, BLOCK_THREADS = 128 };

/* Vectors of a side: number s at place + s*length floats. */
typedef struct {
  tsr_place place;
  size_t length;
} side;

typedef struct {
  tsr_run *run;
  const tsr_op *op;
  size_t nb, j;
  side left, right;                    /* latrd: left only, v_s at 2s, w_s at 2s + 1 */
  tsr_place x, partial, part, c, scalars;
  int32_t status;                      /* of the dispatches so far: the first failure ends the panel */
} panel;

static void dispatch(panel *p, tsr_dispatch *d) {
  if (p->status == TSR_OK && d->groups[0] > 0) p->status = tsr_metal_run(p->run, p->op, d);
}

static void line(panel *p, const side *own, const side *other, struct panel_line_args args, tsr_place a) {
  tsr_dispatch d = {.kernel = "panel_line", .args = &args, .args_bytes = sizeof args,
                    .operand = {a, own->place, other->place, p->x, p->partial}, .operands = 5,
                    .groups = {tsr_groups_for(own->length - args.from, THREADS), 1, 1}, .threads = THREADS,
                    .cost = 20.0 * (double)own->length * (double)(args.count + 1)};
  dispatch(p, &d);
}

/* The reflector of the elements from `from` on: v in `slot` of the side, beta in row de_row of DE. */
static void reflect(panel *p, const side *own, size_t from, size_t slot, uint32_t de_row, size_t triangle) {
  const tsr_view *T = &p->op->v[3], *DE = &p->op->v[4];
  bool diagonal = p->op->id == TSR_OP_LATRD;
  size_t chunks = tsr_groups_for(own->length - (diagonal ? from - 1 : from), THREADS);
  struct panel_reflect_args args = {
      (tsr_uint)own->length, (tsr_uint)from, (tsr_uint)chunks, (tsr_uint)slot, de_row, (tsr_uint)p->j,
      (tsr_uint)DE->ld, DE->type == TSR_F64, diagonal, (tsr_uint)(p->j * T->ld + triangle + p->j)};
  tsr_dispatch d = {.kernel = "panel_reflect", .args = &args, .args_bytes = sizeof args,
                    .operand = {p->x, p->partial, own->place, p->scalars, DE->place, T->place}, .operands = 6,
                    .groups = {1, 1, 1}, .threads = THREADS, .cost = 100.0 * (double)own->length};
  dispatch(p, &d);
}

/* part = the product of A from (i,j) on with a vector; row_at and col_at say where that lies in `own`. */
static void multiply(panel *p, const side *own, size_t i, size_t j, uint32_t mode, size_t row_at, size_t col_at) {
  const tsr_view *A = &p->op->v[0];
  tsr_view a = tsr_part(A, i, j, A->rows - i, A->cols - j);
  struct panel_multiply_args args = {(tsr_uint)a.rows, (tsr_uint)a.cols, (tsr_uint)a.ld, mode, (tsr_uint)row_at,
                                     (tsr_uint)col_at};
  tsr_dispatch d = {.kernel = "panel_multiply", .args = &args, .args_bytes = sizeof args,
                    .operand = {a.place, own->place, p->scalars, p->part}, .operands = 4,
                    .groups = {tsr_groups_for(a.cols, BLOCK), tsr_groups_for(a.rows, BLOCK), 1},
                    .threads = BLOCK_THREADS, .cost = 20.0 * (double)a.rows * (double)a.cols};
  dispatch(p, &d);
}

/* c = the first `count` vectors times vector `slot`, from element `from` on; every second of them into T. */
static void project(panel *p, const side *own, size_t count, size_t from, size_t slot, uint32_t parity,
                    size_t triangle) {
  const tsr_view *T = &p->op->v[3];
  struct panel_project_args args = {(tsr_uint)own->length, (tsr_uint)from, (tsr_uint)(slot * own->length), parity,
                                    (tsr_uint)(triangle + p->j), (tsr_uint)T->ld};
  tsr_dispatch d = {.kernel = "panel_project", .args = &args, .args_bytes = sizeof args,
                    .operand = {own->place, p->scalars, p->c, T->place}, .operands = 4,
                    .groups = {(uint32_t)count, 1, 1}, .threads = THREADS,
                    .cost = 20.0 * (double)count * (double)own->length};
  dispatch(p, &d);
}

static void correct(panel *p, const side *own, struct panel_correct_args args) {
  tsr_dispatch d = {.kernel = "panel_correct", .args = &args, .args_bytes = sizeof args,
                    .operand = {p->part, own->place, p->left.place, p->scalars, p->c, p->x, p->partial},
                    .operands = 7, .groups = {tsr_groups_for(own->length - args.from, THREADS), 1, 1},
                    .threads = THREADS, .cost = 20.0 * (double)own->length * (double)(args.count + args.parts)};
  dispatch(p, &d);
}

/* One of the other operations on parts of this one. */
static void whole(panel *p, tsr_op_id id, tsr_kernel kernel, double alpha, const tsr_view *a, const tsr_view *b) {
  tsr_op part = tsr_part_of(p->op, id);
  part.flags = TSR_FULL;
  part.alpha = alpha;
  part.beta = 0;
  part.v[0] = *a;
  if (b) part.v[1] = *b;
  if (p->status == TSR_OK) p->status = kernel(p->run, &part);
}

static tsr_view vectors_of(const side *own, size_t nb) {
  return (tsr_view){NULL, 2 * nb, own->length, own->length, false, TSR_F32, own->place};
}

/* The vectors of one parity as nb columns of M from `column` on. */
static void write(panel *p, const side *own, size_t odd, const tsr_view *M, size_t column) {
  tsr_view from = {NULL, p->nb, own->length, 2 * own->length, true, TSR_F32, own->place};
  from.place.at += odd * own->length * sizeof(float);
  tsr_view to = tsr_part(M, 0, column, own->length, p->nb);
  whole(p, TSR_OP_GEADD, tsr_metal_geadd, 1, &from, &to);
}

/* Workspace and zeros: a vector is 0 where nothing is written. */
static void begin(panel *p, size_t m, size_t n, bool both) {
  size_t longest = m > n ? m : n, blocks = tsr_groups_for(longest, BLOCK), nb = p->nb;
  p->left = (side){tsr_metal_scratch(p->run, 2 * nb * m * sizeof(float)), m};
  p->right = (side){tsr_metal_scratch(p->run, 2 * nb * n * sizeof(float)), n};
  p->x = tsr_metal_scratch(p->run, longest * 2 * sizeof(float));
  p->partial = tsr_metal_scratch(p->run, tsr_groups_for(longest, THREADS) * 2 * sizeof(float));
  p->part = tsr_metal_scratch(p->run, blocks * longest * 2 * sizeof(float));
  p->c = tsr_metal_scratch(p->run, 2 * nb * 2 * sizeof(float));
  p->scalars = tsr_metal_scratch(p->run, 2 * sizeof(float));
  tsr_place all[] = {p->left.place, p->right.place, p->x, p->partial, p->part, p->c, p->scalars};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (!all[i].object) p->status = TSR_E_MEMORY;
  }
  tsr_view left = vectors_of(&p->left, nb), right = vectors_of(&p->right, nb);
  whole(p, TSR_OP_LASET, tsr_metal_laset, 0, &left, NULL);
  if (both) whole(p, TSR_OP_LASET, tsr_metal_laset, 0, &right, NULL);
  whole(p, TSR_OP_LASET, tsr_metal_laset, 0, &p->op->v[3], NULL);
}

static void tridiagonal_column(panel *p, size_t j) {
  const tsr_view *A = &p->op->v[0];
  const side *own = &p->left;
  size_t n = own->length, first = j + 1, k = n - first;
  p->j = j;
  line(p, own, own, (struct panel_line_args){(tsr_uint)n, (tsr_uint)j, (tsr_uint)A->ld, (tsr_uint)(2 * j), 1,
                                             (tsr_uint)j, (tsr_uint)n, (tsr_uint)(j + 2)},
       tsr_part(A, 0, j, n, 1).place);
  reflect(p, own, first, 2 * j, 1, 0);
  if (k == 0) return;
  multiply(p, own, first, first, 2, 2 * j * n + first, 2 * j * n + first);
  project(p, own, 2 * j, first, 2 * j, 0, 0);
  correct(p, own, (struct panel_correct_args){(tsr_uint)n, (tsr_uint)first, (tsr_uint)(2 * j), 1,
                                              tsr_groups_for(k, BLOCK), (tsr_uint)k, (tsr_uint)(2 * j),
                                              (tsr_uint)(2 * j + 1)});
  struct panel_finish_args args = {(tsr_uint)n, (tsr_uint)first, tsr_groups_for(k, THREADS), (tsr_uint)(2 * j),
                                   (tsr_uint)(2 * j + 1)};
  tsr_dispatch d = {.kernel = "panel_finish", .args = &args, .args_bytes = sizeof args,
                    .operand = {p->x, p->partial, own->place, p->scalars}, .operands = 4,
                    .groups = {tsr_groups_for(k, THREADS), 1, 1}, .threads = THREADS, .cost = 20.0 * (double)k};
  dispatch(p, &d);
}

int32_t tsr_metal_latrd(tsr_run *run, const tsr_op *op) {
  size_t n = op->v[0].rows;
  panel p = {.run = run, .op = op, .nb = op->v[4].cols};
  begin(&p, n, 1, false);
  for (size_t j = 0; j < p.nb; j++) tridiagonal_column(&p, j);
  for (size_t odd = 0; odd < 2; odd++) {
    write(&p, &p.left, odd, &op->v[1], odd * p.nb);
    write(&p, &p.left, odd, &op->v[2], (1 - odd) * p.nb);
  }
  run->tile = TSR_TILE_DEVICE;
  return p.status;
}

/* From the left: d_j, v_j, and y_j = (A'v - sum r_s l_s'v) / t. */
static void bidiagonal_column(panel *p, size_t j) {
  const tsr_view *A = &p->op->v[0];
  size_t m = p->left.length, n = p->right.length, first = j + 1;
  line(p, &p->left, &p->right, (struct panel_line_args){(tsr_uint)m, (tsr_uint)j, (tsr_uint)A->ld,
                                                        (tsr_uint)(2 * j), 0, (tsr_uint)j, (tsr_uint)n,
                                                        (tsr_uint)first},
       tsr_part(A, 0, j, m, 1).place);
  reflect(p, &p->left, j, 2 * j, 0, 0);
  project(p, &p->left, 2 * j, j, 2 * j, 0, 0);
  if (first == n) return;
  multiply(p, &p->left, j, first, 1, 2 * j * m + j, 0);
  correct(p, &p->right, (struct panel_correct_args){(tsr_uint)n, (tsr_uint)first, (tsr_uint)(2 * j), 0,
                                                    tsr_groups_for(m - j, BLOCK), (tsr_uint)(n - first), 0,
                                                    (tsr_uint)(2 * j)});
}

/* From the right: e_j, u_j, and x_j = (A u - sum l_s r_s'u) / t. */
static void bidiagonal_row(panel *p, size_t j) {
  const tsr_view *A = &p->op->v[0];
  size_t m = p->left.length, n = p->right.length, first = j + 1;
  line(p, &p->right, &p->left, (struct panel_line_args){(tsr_uint)n, (tsr_uint)first, 1, (tsr_uint)(2 * j + 1), 0,
                                                        (tsr_uint)j, (tsr_uint)m, (tsr_uint)(first + 1)},
       tsr_part(A, j, 0, 1, n).place);
  reflect(p, &p->right, first, 2 * j + 1, 1, p->nb);
  if (first == n) return;
  project(p, &p->right, 2 * j + 1, first, 2 * j + 1, 1, p->nb);
  if (first == m) return;
  multiply(p, &p->right, first, first, 0, 0, (2 * j + 1) * n + first);
  correct(p, &p->left, (struct panel_correct_args){(tsr_uint)m, (tsr_uint)first, (tsr_uint)(2 * j + 1), 0,
                                                   tsr_groups_for(n - first, BLOCK), (tsr_uint)(m - first), 0,
                                                   (tsr_uint)(2 * j + 1)});
}

int32_t tsr_metal_labrd(tsr_run *run, const tsr_op *op) {
  panel p = {.run = run, .op = op, .nb = op->v[4].cols};
  begin(&p, op->v[0].rows, op->v[0].cols, true);
  for (size_t j = 0; j < p.nb; j++) {
    p.j = j;
    bidiagonal_column(&p, j);
    bidiagonal_row(&p, j);
  }
  for (size_t odd = 0; odd < 2; odd++) {
    write(&p, &p.left, odd, &op->v[1], odd * p.nb);
    write(&p, &p.right, odd, &op->v[2], odd * p.nb);
  }
  run->tile = TSR_TILE_DEVICE;
  return p.status;
}
