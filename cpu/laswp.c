/* laswp.c: exchanges of rows, all of them on one strip of columns at a time. */
#include "fast.h"
#include "pool.h"
#include "solve.h"

enum { STRIP = 64 };

typedef struct {
  const tsr_run *run;
  const tsr_exchanges *e;
} task;

static void swap_rows(float *restrict x, float *restrict y, size_t columns) {
  for (size_t c = 0; c < columns; c++) {
    float t = x[c];
    x[c] = y[c];
    y[c] = t;
  }
}

/* All exchanges in the columns [from, to), where rows lie along memory; */
static void exchange_columns(const tsr_exchanges *e, size_t from, size_t to) {
  for (size_t step = e->first; step < e->end; step++) {
    size_t j = e->backward ? e->first + e->end - 1 - step : step, p = e->pivots[j];
    if (p != j && p < e->rows) swap_rows(e->a + j * e->row + from, e->a + p * e->row + from, to - from);
  }
}

/* and in one column, where it lies along memory. */
static void exchange_numbers(const tsr_exchanges *e, float *x) {
  for (size_t step = e->first; step < e->end; step++) {
    size_t j = e->backward ? e->first + e->end - 1 - step : step, p = e->pivots[j];
    if (p >= e->rows) continue;
    float t = x[j];
    x[j] = x[p];
    x[p] = t;
  }
}

static void exchange_strip(void *context, size_t strip, uint32_t worker) {
  const task *t = context;
  const tsr_exchanges *e = t->e;
  size_t from = strip * STRIP, to = tsr_min(e->columns, from + STRIP);
  (void)worker;
  if (tsr_stopped(t->run)) return;
  if (e->col == 1) exchange_columns(e, from, to);
  else
    for (size_t c = from; c < to; c++) exchange_numbers(e, e->a + c * e->col);
}

void tsr_exchange(tsr_run *run, const tsr_exchanges *e) {
  task t = {run, e};
  if (e->first < e->end) tsr_pool_run(run->pool, tsr_parts(e->columns, STRIP), exchange_strip, &t);
}

int32_t tsr_fast_laswp(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *pivots = &op->v[1];
  tsr_exchanges e = {.a = A->data,
                     .row = A->trans ? 1 : A->ld,
                     .col = A->trans ? A->ld : 1,
                     .rows = tsr_rows_of(A),
                     .columns = tsr_cols_of(A),
                     .pivots = pivots->data,
                     .end = pivots->cols,
                     .backward = op->flags == TSR_BACKWARD};
  tsr_exchange(run, &e);
  run->tile = TSR_TILE_SMALL;
  return TSR_OK;
}
