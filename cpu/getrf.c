/* getrf.c: LU factors with partial pivoting by recursion on the columns: the left half, its effect on the right
 * one, the right half. The columns of a leaf are copied into rows of memory, where they are computed one after the
 * other. */
#include <math.h>
#include <stdlib.h>
#include "fast.h"
#include "pool.h"
#include "solve.h"

enum {
  LEAF = 16, CHUNK = 2048,
  LANES = 8,   /* of the search for the largest number */
  SPREAD = 16, /* more numbers from one column of a leaf to the next, so that they do not share the sets of a cache */
  ROWS = 8, AHEAD = 16 /* rows that are turned at a time, and that are asked for before: each lies on its own page */
};

/* The candidate of a chunk for the pivot. */
typedef struct {
  float size;
  size_t row;
} candidate;

typedef struct {
  tsr_run *run;
  const tsr_kernels *kernels;
  float *a;
  size_t ld, rows;
  uint32_t chain, *pivots;
  size_t zero;                     /* first pivot, from 1, that is 0 */
  size_t first, width, length, at; /* leaf: first column (and row), columns, rows, column in work */
  float *lines;                    /* column t of the leaf at lines + t*stride */
  size_t stride;
  float pivot;                     /* of the column before the one in work, still to be divided by; 0: none */
  candidate *candidates;
} factor;

/* ---- leaf ---- */

/* The leaf's part of the rows from `row` on, into the cache. */
static void ask_for(const factor *f, size_t row) {
  const float *at = f->a + (f->first + row) * f->ld + f->first;
  for (size_t end = tsr_min(f->length, row + ROWS); row < end; row++, at += f->ld) {
    __builtin_prefetch(at);
    __builtin_prefetch(at + f->width - 1);
  }
}

static void load(void *context, size_t chunk, uint32_t worker) {
  const factor *f = context;
  size_t end = tsr_min(f->length, (chunk + 1) * CHUNK), i = chunk * CHUNK;
  const float *corner = f->a + f->first * f->ld + f->first;
  (void)worker;
  for (; i < end; i += ROWS) {
    ask_for(f, i + AHEAD);
    f->kernels->transpose(tsr_min(ROWS, end - i), f->width, corner + i * f->ld, f->ld, f->lines + i, f->stride);
  }
}

/* Column t becomes part of L: divided by its pivot below it. */
static void divide(const factor *f, size_t t, size_t from, size_t to) {
  float *x = f->lines + t * f->stride;
  float pivot = f->pivot;
  if (pivot == 0) return;
  for (size_t i = tsr_max(from, t + 1); i < to; i++) x[i] /= pivot;
}

static void store(void *context, size_t chunk, uint32_t worker) {
  const factor *f = context;
  size_t i = chunk * CHUNK, end = tsr_min(f->length, i + CHUNK);
  float *corner = f->a + f->first * f->ld + f->first;
  (void)worker;
  divide(f, f->width - 1, i, end);
  for (; i < end; i += ROWS) {
    ask_for(f, i + AHEAD);
    f->kernels->transpose(f->width, tsr_min(ROWS, end - i), f->lines + i, f->stride, corner + i * f->ld, f->ld);
  }
}

/* The first of the largest numbers; NaN counts as less than any. */
static candidate largest(const float *x, size_t from, size_t to) {
  float most[LANES];
  size_t i = from;
  for (size_t l = 0; l < LANES; l++) most[l] = -1;
  for (; i + LANES <= to; i += LANES) {
    for (size_t l = 0; l < LANES; l++) most[l] = fabsf(x[i + l]) > most[l] ? fabsf(x[i + l]) : most[l];
  }
  for (; i < to; i++) most[0] = fabsf(x[i]) > most[0] ? fabsf(x[i]) : most[0];
  for (size_t l = 1; l < LANES; l++) most[0] = most[l] > most[0] ? most[l] : most[0];
  if (most[0] < 0) return (candidate){-1, from};
  for (i = from; fabsf(x[i]) != most[0];) i++;
  return (candidate){most[0], i};
}

/* Subtracts the columns before from the rows [from, to) of the one in work, and finds their largest number. */
static void update(void *context, size_t chunk, uint32_t worker) {
  const factor *f = context;
  size_t t = f->at, from = tsr_max(t, chunk * CHUNK), to = tsr_min(f->length, (chunk + 1) * CHUNK);
  float *x = f->lines + t * f->stride, sum[CHUNK];
  (void)worker;
  if (t > 0 && from < to) {
    divide(f, t - 1, from, to);
    f->kernels->rows(t, to - from, f->lines + from, f->stride, x, sum);
    for (size_t i = from; i < to; i++) x[i] -= sum[i - from];
  }
  f->candidates[chunk] = largest(x, from, to);
}

/* The rows of U in column t: what lies above the diagonal. */
static void substitute(const factor *f, size_t t) {
  float *x = f->lines + t * f->stride;
  for (size_t i = 1; i < t; i++) {
    for (size_t r = 0; r < i; r++) x[i] -= f->lines[r * f->stride + i] * x[r];
  }
}

static void exchange(const factor *f, size_t i, size_t j) {
  for (size_t t = 0; t < f->width && i != j; t++) {
    float *x = f->lines + t * f->stride, swap = x[i];
    x[i] = x[j];
    x[j] = swap;
  }
}

static void leaf(factor *f, size_t first, size_t width) {
  f->first = first;
  f->width = width;
  f->length = f->rows - first;
  f->pivot = 0;
  size_t chunks = tsr_parts(f->length, CHUNK);
  tsr_pool_run(f->run->pool, chunks, load, f);
  for (size_t t = 0; t < width && !tsr_stopped(f->run); t++) {
    f->at = t;
    substitute(f, t);
    tsr_pool_run(f->run->pool, chunks, update, f);
    candidate best = {-1, t};
    for (size_t c = 0; c < chunks; c++) {
      if (f->candidates[c].size > best.size) best = f->candidates[c];
    }
    f->pivots[first + t] = (uint32_t)(first + best.row);
    exchange(f, t, best.row);
    f->pivot = f->lines[t * f->stride + t];
    if (f->pivot == 0 && f->zero == 0) f->zero = first + t + 1;
  }
  tsr_pool_run(f->run->pool, chunks, store, f);
}

/* ---- recursion ---- */

/* The exchanges of the pivots [first, end) in the columns [from, to). */
static void exchange_rows(const factor *f, size_t first, size_t end, size_t from, size_t to) {
  tsr_exchanges e = {.a = f->a + from, .row = f->ld, .col = 1, .rows = f->rows, .columns = to - from};
  e.pivots = f->pivots;
  e.first = first;
  e.end = end;
  tsr_exchange(f->run, &e);
}

/* What the columns [first, known) do to those of [known, end): their exchanges, U, and the rest. */
static int32_t apply(const factor *f, size_t first, size_t known, size_t end) {
  float *right = f->a + known, *top = right + first * f->ld;
  exchange_rows(f, first, known, known, end);
  tsr_system s = {.n = known - first,
                  .count = end - known,
                  .t = {f->a + first * f->ld + first, f->ld, false},
                  .lower = true,
                  .unit = true,
                  .alpha = 1,
                  .b = top,
                  .row = f->ld,
                  .col = 1,
                  .chain = f->chain};
  int32_t status = tsr_solve(f->run, &s);
  if (status != TSR_OK || f->rows == known) return status;
  float *below = right + known * f->ld;
  tsr_product g = {.m = f->rows - known,
                   .n = end - known,
                   .k = known - first,
                   .alpha = -1,
                   .beta = 1,
                   .a = {f->a + known * f->ld + first, f->ld, false},
                   .b = {top, f->ld, false},
                   .c = {below, f->ld, 1, false},
                   .d = {below, f->ld, 1, false},
                   .chain = f->chain};
  return tsr_multiply(f->run, &g, TSR_TILE_DEFAULT);
}

/* Columns [first, end), from row `first` down. */
static int32_t factorize(factor *f, size_t first, size_t end) {
  if (tsr_stopped(f->run)) return TSR_OK;
  if (end - first <= LEAF) {
    leaf(f, first, end - first);
    return TSR_OK;
  }
  size_t known = first + tsr_round_up((end - first) / 2, LEAF);
  int32_t status = factorize(f, first, known);
  if (status == TSR_OK) status = apply(f, first, known, end);
  if (status == TSR_OK) status = factorize(f, known, end);
  if (status == TSR_OK && !tsr_stopped(f->run)) exchange_rows(f, known, end, first, known);
  return status;
}

int32_t tsr_fast_getrf(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0];
  size_t n = tsr_min(A->rows, A->cols), chunks = tsr_parts(A->rows, CHUNK);
  factor f = {.run = run, .kernels = tsr_kernels_of(run->isa), .a = A->data, .ld = A->ld, .rows = A->rows};
  f.chain = op->chain;
  f.pivots = op->v[1].data;
  int32_t status = TSR_OK;
  if (n > 0) {
    f.stride = tsr_round_up(A->rows, SPREAD) + SPREAD;
    f.candidates = malloc(chunks * sizeof *f.candidates + LEAF * f.stride * sizeof *f.lines);
    if (f.candidates == NULL) return TSR_E_MEMORY;
    f.lines = (float *)(f.candidates + chunks);
    status = factorize(&f, 0, n);
    if (status == TSR_OK && A->cols > n && !tsr_stopped(run)) status = apply(&f, 0, n, A->cols);
    free(f.candidates);
  }
  *(uint32_t *)op->v[2].data = (uint32_t)f.zero;
  run->tile = TSR_TILE_PACKED;
  return status;
}
