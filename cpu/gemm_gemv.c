/* gemm_gemv.c: products with one row or one column, which are a matrix M times a vector x: by inner products where
 * the rows of M lie along memory, else by sums of its columns. Short chains in float32, the rest in float64. */
#include "gemm.h"
#include "pool.h"

enum {
  CHAIN = 128, /* of an inner product, in each lane: 128 + 4 <= 256 */
  BATCH = 64,  /* of them written at a time: what is done between rows keeps a processor from reading ahead */
  BLOCK = 192, /* columns of M summed in float32 */
  STRIP = 1024,         /* of y in a chunk: it stays in the first-level cache */
  CHUNK_WORK = 1 << 16, /* elements of M worth a chunk */
  CHUNKS = 16,          /* wanted, by cutting K into parts where y is short */
  PARTS_MAX = 16, PART_MIN = 512
};

typedef struct {
  tsr_run *run;
  tsr_product g; /* with y as a row of C */
  const tsr_kernels *kernels;
  const float *m; /* element (i,t) at m[i*ld + t], or m[t*ld + i] where y is a sum of columns */
  size_t ld, rows, k;
  const float *x;
  size_t chunk_rows, chain;
  size_t strips, parts, part;
  double *sums; /* y of each part of K */
} gemv;

/* y(first..) = alpha sums + beta y. */
static void write(const gemv *p, size_t first, size_t n, const double *sums) {
  tsr_merge(&p->g, 0, first, 1, n, sums, n);
}

void tsr_sum_dots(const tsr_kernels *kernels, const tsr_dots *d, size_t count, double *sums) {
  for (size_t i = 0; i < count; i += TSR_DOT_ROWS) {
    size_t rows = tsr_min(TSR_DOT_ROWS, count - i);
    const float *a = d->a + i * d->lda;
    float part[TSR_DOT_ROWS] = {0};
    for (size_t r = 0; r < TSR_DOT_ROWS; r++) sums[i + r] = 0;
    for (size_t t = 0; t < d->k; t += d->step) {
      kernels->dots(rows, tsr_min(d->step, d->k - t), a + t, d->lda, d->x + t, part, d->ahead);
      for (size_t r = 0; r < TSR_DOT_ROWS; r++) sums[i + r] += (double)part[r];
    }
  }
}

static void inner_products(void *context, size_t chunk, uint32_t worker) {
  gemv *p = context;
  size_t end = tsr_min(p->rows, (chunk + 1) * p->chunk_rows);
  (void)worker;
  if (tsr_stopped(p->run)) return;
  for (size_t i = chunk * p->chunk_rows; i < end; i += BATCH) {
    double sums[BATCH];
    size_t rows = tsr_min(BATCH, end - i);
    tsr_dots d = {p->m + i * p->ld, p->ld, p->k, p->x, p->chain * TSR_DOT_STEPS, tsr_dots_ahead(p->rows, p->k, p->ld)};
    tsr_sum_dots(p->kernels, &d, rows, sums);
    write(p, i, rows, sums);
  }
}

static void sum_columns(void *context, size_t chunk, uint32_t worker) {
  gemv *p = context;
  size_t strip = chunk % p->strips, part = chunk / p->strips, first = strip * STRIP,
         n = tsr_min(STRIP, p->rows - first);
  size_t begin = part * p->part, end = tsr_min(p->k, begin + p->part);
  float z[STRIP];
  (void)worker;
  for (size_t t = begin; t < end && !tsr_stopped(p->run); t += p->chain) {
    p->kernels->rows(tsr_min(p->chain, end - t), n, p->m + t * p->ld + first, p->ld, p->x + t, z);
    p->kernels->fold(n, z, p->sums + (part * p->strips + strip) * STRIP, t > begin);
  }
}

static void add_parts(void *context, size_t strip, uint32_t worker) {
  gemv *p = context;
  size_t n = tsr_min(STRIP, p->rows - strip * STRIP);
  double *sums = p->sums + strip * STRIP;
  (void)worker;
  for (size_t part = 1; part < p->parts; part++) {
    for (size_t i = 0; i < n; i++) sums[i] += sums[part * p->strips * STRIP + i];
  }
  write(p, strip * STRIP, n, sums);
}

int32_t tsr_gemm_gemv(tsr_run *run, const tsr_product *g) {
  bool column = g->n == 1;
  const tsr_operand *M = column ? &g->a : &g->b, *x = column ? &g->b : &g->a;
  gemv p = {.run = run, .g = *g, .kernels = tsr_kernels_of(run->isa), .m = M->p, .ld = M->ld, .k = g->k};
  p.rows = column ? g->m : g->n;
  if (column) {
    p.g.c.col = g->c.row;
    p.g.d.col = g->d.row;
  }
  bool rows_lie = M->trans != column;
  size_t stride = x->trans == column ? 1 : x->ld;
  p.strips = tsr_parts(p.rows, STRIP);
  size_t parts = tsr_max(1, tsr_min(tsr_min(PARTS_MAX, p.k / PART_MIN), tsr_parts(CHUNKS, p.strips)));
  p.part = tsr_parts(p.k, parts);
  p.parts = tsr_parts(p.k, p.part);
  size_t sums = rows_lie ? 0 : p.strips * p.parts * STRIP;
  if (sums > 0 || stride != 1) {
    double *memory = tsr_scratch(run, sums * sizeof(double) + p.k * sizeof(float));
    if (memory == NULL) return TSR_E_MEMORY;
    float *copy = (float *)(memory + sums);
    for (size_t t = 0; t < p.k && stride != 1; t++) copy[t] = x->p[t * stride];
    p.sums = memory;
    p.x = stride == 1 ? x->p : copy;
  } else {
    p.x = x->p;
  }
  if (rows_lie) {
    p.chain = g->chain == 32 ? 32 : CHAIN;
    p.chunk_rows = tsr_round_up(tsr_max(1, tsr_min(p.rows, CHUNK_WORK / p.k)), TSR_DOT_ROWS);
    tsr_pool_run(run->pool, tsr_parts(p.rows, p.chunk_rows), inner_products, &p);
    return TSR_OK;
  }
  p.chain = g->chain == 32 ? 32 : BLOCK;
  tsr_pool_run(run->pool, p.strips * p.parts, sum_columns, &p);
  tsr_pool_run(run->pool, p.strips, add_parts, &p);
  return TSR_OK;
}
