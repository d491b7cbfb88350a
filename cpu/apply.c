/* apply.c: the block updates of a round of block Jacobi: Gram matrices of pairs of blocks by the float64 tiles of a
 * product, and rotations of columns and rows by its float32 tiles. */
#include <string.h>
#include "fast.h"
#include "gemm.h"
#include "pool.h"
#include "reference.h"

enum { ORDER = 64, STEPS = 128, ROWS = 48, STRIP = 64 };

typedef struct {
  tsr_run *run;
  const tsr_op *op;
  const tsr_kernels *kernels;
  size_t w, blocks, count;
  const uint32_t *p, *q, *words;
  char *memory; /* for each thread */
  size_t bytes;
  float *rotations; /* B with rows of ORDER numbers, filled up with zeros */
} apply;

/* Whether a pair has two blocks of A. */
static bool whole(const apply *x, size_t t) { return x->p[t] < x->blocks && x->q[t] < x->blocks; }

static float *block_at(const apply *x, size_t number, bool rows) {
  const tsr_view *A = &x->op->v[0];
  return (float *)A->data + number * x->w * (rows ? A->ld : 1);
}

/* ---- Gram matrices ---- */

/* The columns of both blocks in rows [from, to), side by side; a block that is none of A is zero. */
static void gather(const apply *x, size_t t, size_t from, size_t to, float *X) {
  const tsr_view *A = &x->op->v[0];
  for (int half = 0; half < 2; half++) {
    size_t number = half == 0 ? x->p[t] : x->q[t];
    const float *a = number < x->blocks ? block_at(x, number, false) : NULL;
    for (size_t i = from; i < to; i++) {
      float *row = X + (i - from) * 2 * x->w + (size_t)half * x->w;
      if (a != NULL) memcpy(row, a + i * A->ld, x->w * sizeof *row);
      else memset(row, 0, x->w * sizeof *row);
    }
  }
}

/* Memory of a thread: X, both packed forms, and the tiles of the sums. */
typedef struct {
  size_t k, row_tiles, col_tiles, panel_a, panel_b, sums, a, b, bytes;
} layout;

static layout layout_of(const tsr_kernels *kernels, size_t k) {
  layout l = {.k = k, .row_tiles = tsr_parts(k, kernels->mr64), .col_tiles = tsr_parts(k, kernels->nr64)};
  l.panel_a = STEPS * kernels->mr64 + TSR_PACK_SLACK;
  l.panel_b = STEPS * kernels->nr64 + TSR_PACK_SLACK;
  l.sums = tsr_round_up(STEPS * k * sizeof(float), 64);
  l.a = l.sums + l.row_tiles * l.col_tiles * kernels->mr64 * kernels->nr64 * sizeof(double);
  l.b = l.a + tsr_round_up(l.row_tiles * l.panel_a * sizeof(double), 64);
  l.bytes = tsr_round_up(l.b + l.col_tiles * l.panel_b * sizeof(double), 64);
  return l;
}

/* A tile that lies wholly above the diagonal is not needed. */
static bool above(const tsr_kernels *kernels, size_t r, size_t c) {
  return c * kernels->nr64 >= (r + 1) * kernels->mr64;
}

static void add_products(const apply *x, const layout *l, char *memory, size_t steps) {
  size_t mr = x->kernels->mr64, nr = x->kernels->nr64;
  double *a = (double *)(memory + l->a), *b = (double *)(memory + l->b), *sums = (double *)(memory + l->sums);
  tsr_pack pack = {.w = mr, .panel = l->panel_a, .width = l->k, .k = steps, .from = (float *)memory, .ld = l->k};
  x->kernels->pack64(&pack, a);
  pack.w = nr;
  pack.panel = l->panel_b;
  x->kernels->pack64(&pack, b);
  for (size_t r = 0; r < l->row_tiles; r++) {
    size_t rows = tsr_min(mr, l->k - r * mr);
    for (size_t c = 0; c < l->col_tiles && !above(x->kernels, r, c); c++) {
      double *sum = sums + (r * l->col_tiles + c) * mr * nr;
      x->kernels->tile64[rows](steps, a + r * l->panel_a, b + c * l->panel_b, sum, nr);
    }
  }
}

static void gram(void *context, size_t t, uint32_t worker) {
  const apply *x = context;
  const tsr_view *A = &x->op->v[0], *B = &x->op->v[2];
  size_t mr = x->kernels->mr64, nr = x->kernels->nr64, k = B->cols;
  layout l = layout_of(x->kernels, k);
  char *memory = x->memory + worker * x->bytes;
  double *sums = (double *)(memory + l.sums);
  memset(sums, 0, l.a - l.sums);
  for (size_t from = 0; from < A->rows && !tsr_stopped(x->run); from += STEPS) {
    size_t to = tsr_min(A->rows, from + STEPS);
    gather(x, t, from, to, (float *)memory);
    add_products(x, &l, memory, to - from);
  }
  for (size_t i = 0; i < k; i++) {
    for (size_t j = 0; j <= i; j++) {
      double sum = sums[(i / mr * l.col_tiles + j / nr) * mr * nr + i % mr * nr + j % nr];
      tsr_set(B, t * k + i, j, sum);
      tsr_set(B, t * k + j, i, sum);
    }
  }
}

/* ---- updates ---- */

/* C = A B for tiles of at most mr rows and nr columns; C and B have rows of ORDER and `ldb` numbers, filled up to
 * whole tiles. by_rows: A(i,t) = a[i*lda + t]; else a[t*lda + i]. */
static void multiply(const tsr_kernels *kernels, size_t m, size_t n, size_t k, const float *a, size_t lda, bool by_rows,
                     const float *b, size_t ldb, bool add, float *c) {
  for (size_t j = 0; j < n; j += kernels->nr) {
    for (size_t i = 0; i < m; i += kernels->mr) {
      tsr_tile tile = {.k = k, .chain = 32, .a = a + (by_rows ? i * lda : i), .lda = lda, .b = b + j, .ldb = ldb,
                       .c = c + i * ORDER + j, .ldc = ORDER, .alpha = 1, .beta = add, .ahead = (const char *)(b + j)};
      kernels->tile[by_rows][0][tsr_min(kernels->mr, m - i)](&tile);
    }
  }
}

/* Some rows of X = X B for every pair. */
static void turn_columns(void *context, size_t chunk, uint32_t worker) {
  const apply *x = context;
  size_t ld = x->op->v[0].ld, first = chunk * ROWS, rows = tsr_min(ROWS, x->op->v[0].rows - first), w = x->w;
  float *c = (float *)(x->memory + worker * x->bytes);
  for (size_t t = 0; t < x->count && !tsr_stopped(x->run); t++) {
    if (x->words[t] == 0 || !whole(x, t)) continue;
    float *p = block_at(x, x->p[t], false) + first * ld, *q = block_at(x, x->q[t], false) + first * ld;
    const float *b = x->rotations + t * 2 * w * ORDER;
    multiply(x->kernels, rows, 2 * w, w, p, ld, true, b, ORDER, false, c);
    multiply(x->kernels, rows, 2 * w, w, q, ld, true, b + w * ORDER, ORDER, true, c);
    for (size_t i = 0; i < rows; i++) {
      memcpy(p + i * ld, c + i * ORDER, w * sizeof *c);
      memcpy(q + i * ld, c + i * ORDER + w, w * sizeof *c);
    }
  }
}

/* Some columns of X = B' X for every pair. */
static void turn_rows(void *context, size_t chunk, uint32_t worker) {
  const apply *x = context;
  size_t ld = x->op->v[0].ld, first = chunk * STRIP, cols = tsr_min(STRIP, x->op->v[0].cols - first), w = x->w;
  float *c = (float *)(x->memory + worker * x->bytes), *X = c + ORDER * ORDER;
  memset(X, 0, ORDER * STRIP * sizeof *X);
  for (size_t t = 0; t < x->count && !tsr_stopped(x->run); t++) {
    if (x->words[t] == 0 || !whole(x, t)) continue;
    float *half[2] = {block_at(x, x->p[t], true) + first, block_at(x, x->q[t], true) + first};
    for (size_t i = 0; i < 2 * w; i++) memcpy(X + i * STRIP, half[i / w] + i % w * ld, cols * sizeof *X);
    multiply(x->kernels, 2 * w, cols, 2 * w, x->rotations + t * 2 * w * ORDER, ORDER, false, X, STRIP, false, c);
    for (size_t i = 0; i < 2 * w; i++) memcpy(half[i / w] + i % w * ld, c + i * ORDER, cols * sizeof *c);
  }
}

static void copy_rotations(const apply *x) {
  const tsr_view *B = &x->op->v[2];
  memset(x->rotations, 0, B->rows * ORDER * sizeof(float));
  for (size_t i = 0; i < B->rows; i++) {
    memcpy(x->rotations + i * ORDER, (const float *)B->data + i * B->ld, B->cols * sizeof(float));
  }
}

int32_t tsr_fast_apply(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *pairs = &op->v[1], *B = &op->v[2];
  bool rows = op->flags == TSR_ROWS, updates = rows || op->flags == TSR_COLUMNS;
  if (op->flags == TSR_PRINCIPAL || pairs->cols == 0) {
    int32_t status = tsr_reference_apply(run, op);
    run->tile = TSR_TILE_SMALL;
    return status;
  }
  apply x = {.run = run, .op = op, .kernels = tsr_kernels_of(run->isa), .w = B->cols / 2, .count = pairs->cols};
  size_t threads = tsr_pool_threads(run->pool);
  x.blocks = (rows ? A->rows : A->cols) / x.w;
  x.p = pairs->data;
  x.q = x.p + pairs->ld;
  x.words = x.q + pairs->ld;
  x.bytes = updates ? 2 * ORDER * ORDER * sizeof(float) : layout_of(x.kernels, B->cols).bytes;
  x.memory = tsr_scratch(run, threads * x.bytes + (updates ? B->rows * ORDER * sizeof(float) : 0));
  run->tile = TSR_TILE_SMALL;
  if (x.memory == NULL) return TSR_E_MEMORY;
  x.rotations = (float *)(x.memory + threads * x.bytes);
  if (updates) copy_rotations(&x);
  if (op->flags == TSR_GRAM) tsr_pool_run(run->pool, x.count, gram, &x);
  else if (rows) tsr_pool_run(run->pool, tsr_parts(A->cols, STRIP), turn_rows, &x);
  else tsr_pool_run(run->pool, tsr_parts(A->rows, ROWS), turn_columns, &x);
  return TSR_OK;
}
