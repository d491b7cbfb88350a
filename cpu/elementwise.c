/* elementwise.c: laset, geadd, colstat, scale and rand by blocks of the stored matrix. The blocks are independent and
 * every element is computed as in the reference, so the bits do not depend on the number of threads. */
#include "elementwise.h"
#include <math.h>
#include <string.h>
#include "gemm.h"
#include "pool.h"
#include "random.h"
#include "reference.h"

/* ---- blocks ---- */

/* Elements of a block: a few ten microseconds of work, so that a cancelled run ends soon. */
enum { BLOCK = 1 << 15, BLOCK_COLS = 1 << 13 };

/* Rows [i0, i1) and columns [j0, j1) of the matrix as stored. */
typedef struct {
  size_t i0, i1, j0, j1;
} block;

typedef void (*block_task)(const tsr_op *op, const void *data, block b);

typedef struct {
  const tsr_run *run;
  const tsr_op *op;
  const void *data;
  block_task task;
  size_t rows, cols, block_rows, block_cols;
} grid;

static void run_block(void *context, size_t index, uint32_t worker) {
  const grid *g = context;
  (void)worker;
  if (tsr_canceled(g->run)) return;
  size_t across = tsr_parts(g->cols, g->block_cols), i = index / across * g->block_rows,
         j = index % across * g->block_cols;
  g->task(g->op, g->data, (block){i, tsr_min(i + g->block_rows, g->rows), j, tsr_min(j + g->block_cols, g->cols)});
}

/* Calls the task for each block of v, blocks at most so many columns wide. */
static void over_blocks(tsr_run *run, const tsr_op *op, const tsr_view *v, size_t widest, block_task task,
                        const void *data) {
  run->tile = TSR_TILE_SMALL;
  if (v->rows == 0 || v->cols == 0) return;
  grid g = {run, op, data, task, v->rows, v->cols, 0, tsr_min(v->cols, widest)};
  g.block_rows = tsr_min(v->rows, tsr_parts(BLOCK, g.block_cols));
  size_t count = tsr_parts(g.rows, g.block_rows) * tsr_parts(g.cols, g.block_cols);
  if (count == 1) run_block(&g, 0, 0);
  else tsr_pool_run(run->pool, count, run_block, &g);
}

/* ---- laset ---- */

static void fill(const tsr_view *A, size_t i, size_t j0, size_t j1, double x) {
  if (A->type == TSR_F64) {
    for (size_t j = j0; j < j1; j++) ((double *)A->data)[i * A->ld + j] = x;
  } else if (A->type == TSR_F32) {
    for (size_t j = j0; j < j1; j++) ((float *)A->data)[i * A->ld + j] = (float)x;
  } else {
    for (size_t j = j0; j < j1; j++) ((uint32_t *)A->data)[i * A->ld + j] = (uint32_t)x;
  }
}

static void laset_block(const tsr_op *op, const void *data, block b) {
  (void)data;
  for (size_t i = b.i0; i < b.i1; i++) {
    size_t before = i < b.j0 ? b.j0 : tsr_min(i, b.j1), after = i + 1 < b.j0 ? b.j0 : tsr_min(i + 1, b.j1);
    if (op->flags != TSR_UPPER) fill(&op->v[0], i, b.j0, before, op->alpha);
    if (!isnan(op->beta)) fill(&op->v[0], i, before, after, op->beta);
    if (op->flags != TSR_LOWER) fill(&op->v[0], i, after, b.j1, op->alpha);
  }
}

int32_t tsr_elementwise_laset(tsr_run *run, const tsr_op *op) {
  over_blocks(run, op, &op->v[0], BLOCK_COLS, laset_block, NULL);
  return TSR_OK;
}

/* ---- geadd ---- */

/* Elements of a row of B in one go; across a transpose fewer, of so many rows: they are a cache line of A. */
enum { SEGMENT = 256, TURNED = 128, LINE = 16 };

/* n elements of v from element (i,j) as stored. */
static void load(const tsr_view *v, size_t i, size_t j, size_t n, double *x) {
  size_t at = i * v->ld + j;
  if (v->type == TSR_F64) memcpy(x, (const double *)v->data + at, n * sizeof *x);
  else for (size_t k = 0; k < n; k++) x[k] = ((const float *)v->data)[at + k];
}

/* Columns j to j + rows of v, n elements from row i on: each becomes a row of x. */
static void load_turned(const tsr_view *v, size_t i, size_t j, size_t n, size_t rows, double x[LINE][TURNED]) {
  for (size_t k = 0; k < n; k++) {
    size_t at = (i + k) * v->ld + j;
    if (v->type == TSR_F64) {
      for (size_t r = 0; r < rows; r++) x[r][k] = ((const double *)v->data)[at + r];
    } else {
      for (size_t r = 0; r < rows; r++) x[r][k] = ((const float *)v->data)[at + r];
    }
  }
}

static void store(const tsr_view *v, size_t i, size_t j, size_t n, const double *x) {
  size_t at = i * v->ld + j;
  if (v->type == TSR_F64) memcpy((double *)v->data + at, x, n * sizeof *x);
  else for (size_t k = 0; k < n; k++) ((float *)v->data)[at + k] = (float)x[k];
}

/* n elements of B from element (i,j) as stored, those of A being x, which is not read where alpha is 0. */
static void add_segment(const tsr_op *op, size_t i, size_t j, size_t n, const double *x) {
  const tsr_view *B = &op->v[1];
  double y[SEGMENT];
  if (op->beta != 0) load(B, i, j, n, y);
  if (op->alpha == 0) {
    for (size_t k = 0; k < n; k++) y[k] = op->beta == 0 ? 0 : op->beta * y[k];
  } else if (op->beta == 0) {
    for (size_t k = 0; k < n; k++) y[k] = op->alpha * x[k];
  } else {
    for (size_t k = 0; k < n; k++) y[k] = op->alpha * x[k] + op->beta * y[k];
  }
  store(B, i, j, n, y);
}

static void geadd_block(const tsr_op *op, const void *data, block b) {
  const tsr_view *A = &op->v[0], *B = &op->v[1];
  bool copy = op->alpha == 1 && op->beta == 0 && A->type == B->type;
  size_t size = A->type == TSR_F64 ? sizeof(double) : sizeof(float);
  double x[SEGMENT];
  (void)data;
  for (size_t i = b.i0; i < b.i1; i++) {
    if (copy) {
      const char *from = (const char *)A->data + (i * A->ld + b.j0) * size;
      memcpy((char *)B->data + (i * B->ld + b.j0) * size, from, (b.j1 - b.j0) * size);
      continue;
    }
    for (size_t j = b.j0; j < b.j1; j += SEGMENT) {
      size_t n = tsr_min(SEGMENT, b.j1 - j);
      if (op->alpha != 0) load(A, i, j, n, x);
      add_segment(op, i, j, n, x);
    }
  }
}

/* A lies across B. Its rows may be a power of two apart and share few sets of a cache, so each line is used up. */
static void geadd_turned(const tsr_op *op, const void *data, block b) {
  double x[LINE][TURNED];
  (void)data;
  for (size_t i = b.i0; i < b.i1; i += LINE) {
    size_t rows = tsr_min(LINE, b.i1 - i), n = b.j1 - b.j0;
    load_turned(&op->v[0], b.j0, i, n, rows, x);
    for (size_t r = 0; r < rows; r++) add_segment(op, i + r, b.j0, n, x[r]);
  }
}

int32_t tsr_elementwise_geadd(tsr_run *run, const tsr_op *op) {
  bool turned = op->alpha != 0 && op->v[0].trans != op->v[1].trans;
  over_blocks(run, op, &op->v[1], turned ? TURNED : BLOCK_COLS, turned ? geadd_turned : geadd_block, NULL);
  return TSR_OK;
}

/* ---- scale ---- */

/* to = from times factors, one for each number or one for all. Where both are the same the compiler must be told, or
 * it takes the numbers one by one; through a buffer of doubles, as geadd, all four take three times as long. */
static void scale_row(const float *from, float *to, size_t n, const double *factor, bool one) {
  const double f = *factor;
  if (from == to && one) for (size_t j = 0; j < n; j++) to[j] = (float)(to[j] * f);
  else if (from == to) for (size_t j = 0; j < n; j++) to[j] = (float)(to[j] * factor[j]);
  else if (one) for (size_t j = 0; j < n; j++) to[j] = (float)(from[j] * f);
  else for (size_t j = 0; j < n; j++) to[j] = (float)(from[j] * factor[j]);
}

static void scale_block(const tsr_op *op, const void *data, block b) {
  const tsr_view *A = &op->v[0], *B = &op->v[2];
  const double *factor = data;
  for (size_t i = b.i0; i < b.i1; i++) {
    const float *from = (const float *)A->data + i * A->ld + b.j0;
    float *to = (float *)B->data + i * B->ld + b.j0;
    scale_row(from, to, b.j1 - b.j0, factor + (B->trans ? i : b.j0), B->trans);
  }
}

/* A lies across B. */
static void scale_turned(const tsr_op *op, const void *data, block b) {
  const tsr_view *B = &op->v[2];
  const double *factor = data;
  double x[LINE][TURNED];
  for (size_t i = b.i0; i < b.i1; i += LINE) {
    size_t rows = tsr_min(LINE, b.i1 - i), n = b.j1 - b.j0;
    load_turned(&op->v[0], b.j0, i, n, rows, x);
    for (size_t r = 0; r < rows; r++) {
      for (size_t k = 0; k < n; k++) x[r][k] *= factor[B->trans ? i + r : b.j0 + k];
      store(B, i + r, b.j0, n, x[r]);
    }
  }
}

int32_t tsr_elementwise_scale(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *S = &op->v[1], *B = &op->v[2];
  size_t n = tsr_view_cols(A), given = tsr_view_cols(S);
  double *factor = tsr_scratch(run, n * sizeof *factor);
  if (!factor && n > 0) return TSR_E_MEMORY;
  for (size_t j = 0; j < n; j++) factor[j] = tsr_scale_factor(op->flags, (float)tsr_get(S, 0, given == 1 ? 0 : j));
  bool turned = A->trans != B->trans;
  over_blocks(run, op, B, turned ? TURNED : BLOCK_COLS, turned ? scale_turned : scale_block, factor);
  return TSR_OK;
}

/* ---- rand ---- */

static float number_of(uint32_t distribution, uint32_t word) {
  return distribution == TSR_NORMAL ? tsr_normal_of(word) : (float)(word >> 8) * 0x1p-24f;
}

static void rand_block(const tsr_op *op, const void *data, block b) {
  const tsr_view *A = &op->v[0];
  (void)data;
  uint32_t words[4];
  for (size_t i = b.i0; i < b.i1; i++) {
    float *row = (float *)A->data + i * A->ld;
    for (size_t j = b.j0; j < b.j1; j++) {
      size_t r = A->trans ? j : i, c = A->trans ? i : j;
      if (A->trans || j % 4 == 0)
        tsr_philox((const uint32_t[]){(uint32_t)r, (uint32_t)(c / 4), op->flags, 0}, op->seed, words);
      row[j] = number_of(op->flags, words[c % 4]);
    }
  }
}

int32_t tsr_elementwise_rand(tsr_run *run, const tsr_op *op) {
  over_blocks(run, op, &op->v[0], BLOCK_COLS, rand_block, NULL);
  return TSR_OK;
}

/* ---- colstat ---- */

enum { STRIP = 1024, STAT_ROWS = 256, LANES = 64, SIGNS = 64 /* columns of which one looks for signs at a time */ };

/* Bits of |x| order as the numbers do, with NaN above Inf, so that maxima are exact in any order. */
static const int32_t INFINITE = 0x7F800000;

/* Largest bits of each column, by pieces: strips of columns times groups of rows, each with maxima of its own. */
typedef struct {
  const tsr_run *run;
  const tsr_view *A, *S;
  int32_t *largest; /* groups x columns */
  size_t m, n, strips, groups;
} colstat;

/* A column that lies along memory, as rows of LANES numbers, and these as a column. */
static void stat_column(const tsr_kernels *kernels, const int32_t *column, size_t n, int32_t *largest) {
  int32_t lanes[LANES] = {0};
  kernels->largest(n / LANES, LANES, column, LANES, lanes);
  kernels->largest(1, n % LANES, column + n / LANES * LANES, LANES, lanes);
  kernels->largest(LANES, 1, lanes, 1, largest);
}

static void stat_piece(void *context, size_t index, uint32_t worker) {
  const colstat *c = context;
  const tsr_view *A = c->A;
  const int32_t *data = A->data;
  const tsr_kernels *kernels = tsr_kernels_of(c->run->isa);
  (void)worker;
  size_t group = index / c->strips, j0 = index % c->strips * STRIP, j1 = tsr_min(j0 + STRIP, c->n);
  size_t i0 = c->m * group / c->groups, i1 = c->m * (group + 1) / c->groups;
  int32_t *largest = c->largest + group * c->n;
  if (A->trans) {
    for (size_t j = j0; j < j1 && !tsr_canceled(c->run); j++)
      stat_column(kernels, data + j * A->ld + i0, i1 - i0, &largest[j]);
  } else {
    for (size_t i = i0, rows; i < i1 && !tsr_canceled(c->run); i += rows) {
      rows = tsr_min(i1 - i, STAT_ROWS);
      kernels->largest(rows, j1 - j0, data + i * A->ld + j0, A->ld, largest + j0);
    }
  }
}

/* Row and column (from 1) of the first NaN or Inf in row-major order. */
static void find_first(const tsr_run *run, const tsr_view *A, uint32_t *info) {
  for (size_t i = 0; i < tsr_view_rows(A) && !tsr_canceled(run); i++) {
    for (size_t j = 0; j < tsr_view_cols(A); j++) {
      if (isfinite(tsr_get(A, i, j))) continue;
      info[0] = (uint32_t)i + 1;
      info[1] = (uint32_t)j + 1;
      return;
    }
  }
}

/* The signs of some columns, row by row, as long as there are columns whose entry has not come. */
static void find_signs(void *context, size_t index, uint32_t worker) {
  const colstat *c = context;
  size_t rs = c->A->trans ? 1 : c->A->ld, cs = c->A->trans ? c->A->ld : 1, first = index * SIGNS;
  const float *a = (const float *)c->A->data + first * cs;
  size_t open[SIGNS], left = tsr_min(SIGNS, c->n - first);
  double least[SIGNS];
  (void)worker;
  for (size_t j = 0; j < left; j++) {
    least[j] = (1 - 0x1p-10) * tsr_get(c->S, 0, first + j);
    open[j] = j;
    tsr_set(c->S, 1, first + j, 1);
  }
  for (size_t i = 0; i < c->m && left > 0 && !tsr_canceled(c->run); i++, a += rs) {
    size_t before = left;
    left = 0;
    for (size_t q = 0; q < before; q++) {
      size_t j = open[q];
      float x = a[j * cs];
      if (fabs((double)x) < least[j]) open[left++] = j;
      else if (x < 0) tsr_set(c->S, 1, first + j, -1);
    }
  }
}

int32_t tsr_elementwise_colstat(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *S = &op->v[1];
  uint32_t *info = op->v[2].data;
  colstat c = {run, A, S, NULL, tsr_view_rows(A), tsr_view_cols(A), 0, 1};
  run->tile = TSR_TILE_SMALL;
  info[0] = info[1] = 0;
  if (c.n == 0) return TSR_OK;
  c.strips = tsr_parts(c.n, STRIP);
  bool large = c.m > 0 && c.n > BLOCK / c.m;
  if (large) c.groups = tsr_min(tsr_parts(4 * tsr_pool_threads(run->pool), c.strips), tsr_parts(c.m, 16));
  c.largest = tsr_scratch(run, c.groups * c.n * sizeof *c.largest);
  if (!c.largest) return TSR_E_MEMORY;
  memset(c.largest, 0, c.groups * c.n * sizeof *c.largest);
  if (large) tsr_pool_run(run->pool, c.groups * c.strips, stat_piece, &c);
  else if (c.m > 0) for (size_t i = 0; i < c.strips; i++) stat_piece(&c, i, 0);
  bool finite = true;
  for (size_t j = 0; j < c.n; j++) {
    int32_t bits = 0;
    for (size_t g = 0; g < c.groups; g++) bits = c.largest[g * c.n + j] > bits ? c.largest[g * c.n + j] : bits;
    float value = INFINITY;
    if (bits < INFINITE) memcpy(&value, &bits, sizeof value);
    else finite = false;
    tsr_set(S, 0, j, value);
  }
  if (!finite) find_first(run, A, info);
  size_t signs = tsr_view_rows(S) == 2 ? tsr_parts(c.n, SIGNS) : 0;
  if (large) tsr_pool_run(run->pool, signs, find_signs, &c);
  else for (size_t i = 0; i < signs; i++) find_signs(&c, i, 0);
  return TSR_OK;
}
