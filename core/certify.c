/* certify.c: whether a vendor's library computes right: each operation it has on one small matrix, beside the plain
 * loops of this library. Some builds of such libraries have kernels that are wrong on some processors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "internal.h"

enum { M = 70, N = 45, LD = 80, CELLS = M * LD, MATRICES = 5 };
static const double TOLERANCE = 1e-4; /* of the largest number; a wrong kernel misses it by far */

/* Room for the operands of one operation, twice: the vendor's and ours. */
typedef struct {
  tsr_run *run;
  const tsr_engine *engine;
  float cells[2][MATRICES][CELLS];
  uint32_t words[2][N + 1]; /* pivots, info */
} bench;

/* Small whole numbers of a fixed pattern, on the diagonal large enough for all factorisations. */
static void fill(float *a) {
  for (size_t i = 0; i < M; i++) {
    for (size_t j = 0; j < LD; j++) {
      int number = (int)((i * 7 + j * 3 + i * j % 5) % 9) - 4;
      a[i * LD + j] = (float)(i == j ? number + 64 : number);
    }
  }
}

static tsr_view view(float *a, size_t rows, size_t cols, bool trans) {
  return (tsr_view){a, rows, cols, LD, trans, TSR_F32, {NULL, 0}};
}

static bool close_to(const float *a, const float *b) {
  double most = 0, error = 0;
  for (size_t i = 0; i < CELLS; i++) {
    most = fmax(most, fabs((double)b[i]));
    double d = fabs((double)a[i] - (double)b[i]);
    if (isnan(d)) return false;
    error = fmax(error, d);
  }
  return error <= TOLERANCE * fmax(most, 1);
}

/* The vendor's result beside the reference loop's; all matrices are compared. */
static bool agree(bench *b, tsr_op *op, const tsr_view *views, uint32_t count) {
  static const tsr_engine *const reference = &tsr_cpu_engine;
  for (int side = 0; side < 2; side++) {
    for (size_t k = 0; k < MATRICES; k++) fill(b->cells[side][k]);
    memset(b->words[side], 0, sizeof b->words[side]);
    op->operands = count;
    op->tile = side == 0 ? TSR_TILE_DEFAULT : TSR_TILE_REFERENCE;
    for (uint32_t k = 0; k < count; k++) {
      op->v[k] = views[k];
      op->v[k].data = views[k].type == TSR_U32 ? (void *)(b->words[side] + (views[k].cols == 1 ? N : 0))
                                               : (void *)b->cells[side][k];
    }
    const tsr_engine *engine = side == 0 ? b->engine : reference;
    if (engine->op[op->id](b->run, op) != TSR_OK) return false;
  }
  for (uint32_t k = 0; k < count; k++) {
    if (!close_to(b->cells[0][k], b->cells[1][k])) return false;
  }
  return memcmp(b->words[0], b->words[1], sizeof b->words[0]) == 0;
}

static tsr_view words(size_t cols) { return (tsr_view){NULL, 1, cols, cols, false, TSR_U32, {NULL, 0}}; }

static bool products(bench *b, tsr_op_id id) {
  tsr_op op = {.id = id, .alpha = 2, .beta = -1, .flags = TSR_LOWER};
  if (id == TSR_OP_SYRK) return agree(b, &op, (tsr_view[]){view(NULL, N, M, false), view(NULL, N, N, false)}, 2);
  if (id == TSR_OP_TRSM) {
    tsr_view square = view(NULL, N, N, true), left = view(NULL, N, N, false);
    op.flags = TSR_UPPER | TSR_LEFT;
    bool plain = agree(b, &op, (tsr_view[]){left, view(NULL, N, M, false)}, 2);
    op.flags = TSR_LOWER | TSR_RIGHT;
    return plain && agree(b, &op, (tsr_view[]){square, view(NULL, M, N, false)}, 2);
  }
  const tsr_view plain[] = {view(NULL, M, N, false), view(NULL, N, N, false), view(NULL, M, N, false)};
  const tsr_view turned[] = {view(NULL, N, M, true), view(NULL, N, N, true), view(NULL, N, M, true)};
  return agree(b, &op, plain, 3) && agree(b, &op, turned, 3);
}

static bool factors(bench *b, tsr_op_id id) {
  tsr_op op = {.id = id};
  if (id == TSR_OP_POTRF) return agree(b, &op, (tsr_view[]){view(NULL, N, N, false), words(1)}, 2);
  return agree(b, &op, (tsr_view[]){view(NULL, M, N, false), words(N), words(1)}, 3);
}

/* to = X diag(s) Y, s NULL: ones; Y is transposed where `trans` says so. */
static void compose(float *to, size_t rows, size_t inner, size_t cols, const float *x, const float *s, const float *y,
                    bool trans) {
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < cols; j++) {
      double sum = 0;
      for (size_t k = 0; k < inner; k++)
        sum += (double)x[i * LD + k] * (s ? (double)s[k] : 1) * (double)(trans ? y[j * LD + k] : y[k * LD + j]);
      to[i * LD + j] = (float)sum;
    }
  }
}

/* The factors of A, multiplied, are A. */
static bool whole(bench *b, tsr_op_id id) {
  float(*c)[CELLS] = b->cells[0], *product = b->cells[1][0];
  size_t rows = id == TSR_OP_SYEVD ? N : M;
  for (size_t k = 0; k < MATRICES; k++) fill(c[k]);
  if (id == TSR_OP_SYEVD) {
    for (size_t i = 0; i < N; i++) {
      for (size_t j = i + 1; j < N; j++) c[0][i * LD + j] = c[0][j * LD + i];
    }
  }
  memcpy(product, c[0], sizeof c[0]);
  tsr_op op = {.id = id, .v = {view(c[0], rows, N, false)}};
  tsr_view info = words(1);
  info.data = b->words[0];
  if (id == TSR_OP_GEQRF) {
    op.v[1] = view(c[1], M, N, false), op.v[2] = view(c[2], N, N, false);
  } else if (id == TSR_OP_GESDD) {
    op.v[1] = view(c[1], M, N, false), op.v[2] = view(c[2], 1, N, false), op.v[3] = view(c[3], N, N, false);
    op.v[4] = info;
  } else {
    op.v[1] = view(c[2], 1, N, false), op.v[2] = view(c[1], N, N, false), op.v[3] = info;
  }
  if (b->engine->op[id](b->run, &op) != TSR_OK) return false;
  if (id == TSR_OP_GEQRF) compose(product, M, N, N, c[1], NULL, c[2], false);
  else if (id == TSR_OP_GESDD) compose(product, M, N, N, c[1], c[2], c[3], false);
  else compose(product, N, N, N, c[1], c[2], c[1], true);
  return close_to(product, c[0]);
}

const char *tsr_certify(tsr_run *run, const tsr_vendor *vendor, const void *state) {
  static const struct {
    tsr_op_id id;
    const char *name;
    bool (*holds)(bench *b, tsr_op_id id);
  } checks[] = {{TSR_OP_GEMM, "matrix product", products}, {TSR_OP_SYRK, "symmetric product", products},
                {TSR_OP_TRSM, "triangular solve", products}, {TSR_OP_POTRF, "Cholesky factor", factors},
                {TSR_OP_GETRF, "LU factors", factors},      {TSR_OP_GEQRF, "QR factors", whole},
                {TSR_OP_GESDD, "singular values", whole},   {TSR_OP_SYEVD, "eigenvalues", whole}};
  static const atomic_uint never;
  bench *b = malloc(sizeof *b);
  if (!b) return "no memory";
  b->run = run;
  b->engine = vendor->engine;
  run->canceled = &never;
  const char *wrong = NULL;
  for (size_t i = 0; i < sizeof checks / sizeof checks[0] && !wrong; i++) {
    tsr_view one = view(b->cells[0][0], M, N, false);
    tsr_op op = {.id = checks[i].id, .operands = 1, .v = {one}};
    if (vendor->engine->op[op.id] && vendor->can(state, &op) && !checks[i].holds(b, op.id)) wrong = checks[i].name;
  }
  free(b);
  return wrong;
}
