/* orth.c: one certified panel of block Gram-Schmidt: Gram matrix and its guarded Cholesky factor in float64, then
 * row-wise substitution, or where that factor is near I a product with its inverse. */
#include <math.h>
#include <stdlib.h>
#include "fast.h"
#include "pool.h"
#include "random.h"
#include "solve.h"

enum { COLUMNS_MAX = 128, CHUNK_ROWS = 256, COLUMN_CHUNK = 4096 /* rows of a single column */, SUMS = 4 };

static const double SHIFT = 0x1p-38, DEAD = 1e-3 * 0x1p-38, CERTIFIED = 0.5, ENTERED = 0.999;

typedef struct {
  tsr_run *run;
  const tsr_op *op;
  size_t b;
  double norm[COLUMNS_MAX]; /* of the columns of W */
  bool dead[COLUMNS_MAX];
  bool near; /* whether the unit columns are nearly orthogonal */
  double r[COLUMNS_MAX][COLUMNS_MAX]; /* W'W, then of unit columns, then its factor: upper triangle */
  float t[COLUMNS_MAX][COLUMNS_MAX];  /* R D^-1, the diagonal 1 for dead columns */
} panel;

/* r = W'W, the upper triangle. */
static int32_t gram(panel *p) {
  const tsr_view *W = &p->op->v[0];
  tsr_product g = {.m = p->b,
                   .n = p->b,
                   .k = W->rows,
                   .alpha = 1,
                   .beta = 0,
                   .a = {W->data, W->ld, true},
                   .b = {W->data, W->ld, false},
                   .c = {p->r, COLUMNS_MAX, 1, true},
                   .d = {p->r, COLUMNS_MAX, 1, true},
                   .uplo = TSR_UPPER,
                   .wide = true};
  return tsr_multiply(p->run, &g, TSR_TILE_INNER);
}

/* Scales to unit columns and shifts where the Gram matrix is far from I. Returns the certificate, as far as the Gram
 * matrix decides it: near I, and no column entered short, that is much shorter than before the projection. */
static bool scale(panel *p) {
  bool certified = true;
  double off = 0, inverse[COLUMNS_MAX];
  for (size_t j = 0; j < p->b; j++) {
    double g = p->r[j][j];
    p->norm[j] = sqrt(g);
    p->dead[j] = g <= p->op->alpha * p->op->alpha;
    inverse[j] = p->dead[j] ? 0 : 1 / p->norm[j];
    if (!(g >= ENTERED)) certified = false;
    p->r[j][j] = 1;
    for (size_t i = 0; i < j; i++) {
      p->r[i][j] *= inverse[i] * inverse[j];
      off += 2 * p->r[i][j] * p->r[i][j];
    }
  }
  p->near = sqrt(off) <= CERTIFIED;
  if (p->near) return certified;
  for (size_t j = 0; j < p->b; j++) p->r[j][j] += SHIFT;
  return false;
}

/* r = its Cholesky factor, by rows. The row of a dead column is 0 but for the diagonal. */
static void factor(panel *p) {
  for (size_t j = 0; j < p->b; j++) {
    double *row = p->r[j];
    if (row[j] <= DEAD || sqrt(row[j]) * p->norm[j] <= p->op->alpha) p->dead[j] = true;
    double pivot = p->dead[j] ? 1 : sqrt(row[j]);
    for (size_t t = j + 1; t < p->b; t++) row[t] = p->dead[j] ? 0 : row[t] / pivot;
    row[j] = pivot;
    for (size_t i = j + 1; i < p->b && !p->dead[j]; i++) {
      for (size_t t = i; t < p->b; t++) p->r[i][t] -= row[i] * row[t];
    }
  }
}

/* Random numbers of length about 1 in the dead columns, for some rows. */
static void refill(void *context, size_t chunk, uint32_t worker) {
  panel *p = context;
  const tsr_view *W = &p->op->v[0];
  size_t end = tsr_min(W->rows, (chunk + 1) * CHUNK_ROWS);
  double length = sqrt((double)W->rows);
  (void)worker;
  for (size_t i = chunk * CHUNK_ROWS; i < end && !tsr_stopped(p->run); i++) {
    for (size_t j = 0; j < p->b; j++) {
      if (p->dead[j])
        ((float *)W->data)[i * W->ld + j] = (float)(tsr_normal(p->op->seed, (uint32_t)i, (uint32_t)j) / length);
    }
  }
}

/* Writes T and returns the number of dead columns. */
static uint32_t write_t(panel *p) {
  const tsr_view *T = &p->op->v[1];
  uint32_t dead = 0;
  for (size_t i = 0; i < p->b; i++) {
    dead += p->dead[i];
    for (size_t j = 0; j < p->b; j++) {
      p->t[i][j] = j < i ? 0 : (float)(p->r[i][j] * p->norm[j]);
      if (p->dead[i]) p->t[i][j] = 0;
      ((float *)T->data)[i * T->ld + j] = p->t[i][j];
    }
    if (p->dead[i]) p->t[i][i] = 1;
  }
  return dead;
}

/* ---- a single column ---- */

typedef struct {
  const panel *p;
  double *squares; /* of each chunk */
} column;

static void square(void *context, size_t chunk, uint32_t worker) {
  const column *c = context;
  const tsr_view *W = &c->p->op->v[0];
  const float *w = W->data;
  size_t i = chunk * COLUMN_CHUNK, end = tsr_min(W->rows, i + COLUMN_CHUNK);
  double sum[SUMS] = {0};
  (void)worker;
  for (; i + SUMS <= end; i += SUMS) {
    for (size_t l = 0; l < SUMS; l++) sum[l] += (double)w[(i + l) * W->ld] * (double)w[(i + l) * W->ld];
  }
  for (; i < end; i++) sum[0] += (double)w[i * W->ld] * (double)w[i * W->ld];
  c->squares[chunk] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void divide(void *context, size_t chunk, uint32_t worker) {
  const panel *p = context;
  const tsr_view *W = &p->op->v[0];
  float *w = W->data;
  size_t end = tsr_min(W->rows, (chunk + 1) * COLUMN_CHUNK);
  (void)worker;
  for (size_t i = chunk * COLUMN_CHUNK; i < end; i++) w[i * W->ld] /= p->t[0][0];
}

/* r = W'W. */
static int32_t gram_of_one(panel *p) {
  size_t chunks = tsr_parts(p->op->v[0].rows, COLUMN_CHUNK);
  column c = {p, tsr_scratch(p->run, chunks * sizeof *c.squares)};
  if (c.squares == NULL && chunks > 0) return TSR_E_MEMORY;
  tsr_pool_run(p->run->pool, chunks, square, &c);
  p->r[0][0] = 0;
  for (size_t i = 0; i < chunks; i++) p->r[0][0] += c.squares[i];
  return TSR_OK;
}

/* ---- columns nearly orthogonal ---- */

typedef struct {
  const panel *p;
  const tsr_kernels *kernels;
  size_t panels, panel; /* of the packed inverse, and floats from one to the next */
  const float *inverse;
} product;

/* t = inv(T), in float64 and rounded once. */
static void invert(panel *p) {
  for (size_t i = p->b; i-- > 0;) {
    double *row = p->r[i];
    for (size_t j = i; j < p->b; j++) row[j] = i == j;
    for (size_t k = i + 1; k < p->b; k++) {
      const double factor = (double)p->t[i][k], *other = p->r[k];
      for (size_t j = k; j < p->b; j++) row[j] -= factor * other[j];
    }
    for (size_t j = i; j < p->b; j++) row[j] /= (double)p->t[i][i];
  }
  for (size_t i = 0; i < p->b; i++) {
    for (size_t j = i; j < p->b; j++) p->t[i][j] = (float)p->r[i][j];
  }
}

/* Some rows, a tile of them at a time, the last panel first: it takes the place of numbers that no other one needs. */
static void multiply_rows(void *context, size_t chunk, uint32_t worker) {
  const product *f = context;
  const tsr_view *W = &f->p->op->v[0];
  size_t first = chunk * CHUNK_ROWS, nr = f->kernels->nr, b = f->p->b;
  tsr_operand rows = tsr_operand_of(W);
  tsr_cut tiles = tsr_cut_of(tsr_min(W->rows - first, CHUNK_ROWS), tsr_rows_together(&rows, f->kernels->mr));
  float *row = (float *)W->data + first * W->ld;
  (void)worker;
  for (size_t q = 0, height; q < tiles.count && !tsr_stopped(f->p->run); q++, row += height * W->ld) {
    height = tsr_cut_size(&tiles, q);
    for (size_t j = f->panels; j-- > 0;) {
      size_t cols = tsr_min(nr, b - j * nr), narrow = cols <= nr / 2;
      tsr_tile tile = {.k = j * nr + cols,
                       .chain = 32,
                       .a = row,
                       .lda = W->ld,
                       .b = f->inverse + j * f->panel,
                       .ldb = nr,
                       .c = row + j * nr,
                       .ldc = W->ld,
                       .cut = (narrow ? nr / 2 : nr) - cols,
                       .alpha = 1,
                       .ahead = (const char *)(row + 2 * height * W->ld + j * nr), /* the tile after the next */
                       .stride = W->ld * sizeof(float)};
      f->kernels->tile[1][narrow][height](&tile);
    }
  }
}

/* W = W inv(T) as a product. Its error is not larger than that of substitution here, where T is the triangle of columns
 * nearly orthogonal. */
static int32_t multiply(panel *p) {
  const tsr_view *W = &p->op->v[0];
  product f = {.p = p, .kernels = tsr_kernels_of(p->run->isa)};
  f.panels = tsr_parts(p->b, f.kernels->nr);
  f.panel = p->b * f.kernels->nr + TSR_PACK_SLACK;
  float *packed = tsr_scratch(p->run, f.panels * f.panel * sizeof *packed);
  if (packed == NULL) return TSR_E_MEMORY;
  invert(p);
  tsr_pack pack = {f.kernels->nr, f.panel, .width = p->b, .k = p->b, .from = &p->t[0][0], .ld = COLUMNS_MAX};
  f.kernels->pack(&pack, packed);
  f.inverse = packed;
  tsr_pool_run(p->run->pool, tsr_parts(W->rows, CHUNK_ROWS), multiply_rows, &f);
  return TSR_OK;
}

/* ---- any panel ---- */

/* W = W inv(T), in float32. */
static int32_t substitute(panel *p) {
  const tsr_view *W = &p->op->v[0];
  if (p->b == 1) {
    tsr_pool_run(p->run->pool, tsr_parts(W->rows, COLUMN_CHUNK), divide, p);
    return TSR_OK;
  }
  tsr_system s = {.n = p->b,
                  .count = W->rows,
                  .t = {&p->t[0][0], COLUMNS_MAX, true},
                  .lower = true,
                  .alpha = 1,
                  .b = W->data,
                  .row = 1,
                  .col = W->ld,
                  .chain = 32};
  return tsr_solve(p->run, &s);
}

static int32_t orthonormalize(panel *p) {
  const tsr_view *W = &p->op->v[0];
  uint32_t *info = p->op->v[2].data;
  int32_t status = p->b == 1 ? gram_of_one(p) : gram(p);
  if (status != TSR_OK || tsr_stopped(p->run)) return status;
  bool certified = scale(p);
  factor(p);
  uint32_t dead = write_t(p);
  status = p->b > 1 && p->near && dead == 0 ? multiply(p) : substitute(p);
  if (status == TSR_OK && dead > 0) tsr_pool_run(p->run->pool, tsr_parts(W->rows, CHUNK_ROWS), refill, p);
  info[0] = !certified || dead > 0;
  info[1] = dead;
  return status;
}

int32_t tsr_fast_orth(tsr_run *run, const tsr_op *op) {
  panel *p = malloc(sizeof *p);
  if (p == NULL) return TSR_E_MEMORY;
  p->run = run;
  p->op = op;
  p->b = op->v[0].cols;
  int32_t status = orthonormalize(p);
  free(p);
  run->tile = TSR_TILE_INNER;
  return status;
}
