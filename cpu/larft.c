/* larft.c: the triangles of blocks of reflectors: V'V in float64, and its upper triangle with half the diagonal
 * inverted. A block for each thread at a time: products as those of gemm, which share out one block after the other,
 * take twice as long with two threads. */
#include <string.h>
#include "fast.h"
#include "gemm.h"
#include "pool.h"

enum { STEPS = 128 /* rows of V packed at a time */ };

typedef struct {
  tsr_run *run;
  const tsr_kernels *kernels;
  const tsr_view *V, *N;
  size_t nb;                      /* reflectors of a block */
  size_t panel_a, panel_b, width; /* doubles of a panel of each operand; columns of the products */
  size_t doubles;                 /* of a thread: */
  double *memory;                 /* products, then both operands */
} triangles;

/* g = W'W, the tiles that touch the upper triangle. */
static void square(const triangles *p, size_t first, size_t count, double *g) {
  const tsr_kernels *kernels = p->kernels;
  size_t mr = kernels->mr64, nr = kernels->nr64;
  double *a = g + p->nb * p->width, *b = a + tsr_parts(p->nb, mr) * p->panel_a;
  memset(g, 0, p->nb * p->width * sizeof *g);
  for (size_t t = first; t < p->V->rows && !tsr_stopped(p->run); t += STEPS) {
    tsr_pack pack = {mr, p->panel_a, count, tsr_min(STEPS, p->V->rows - t),
                     (const float *)p->V->data + t * p->V->ld + first, p->V->ld, false};
    kernels->pack64(&pack, a);
    pack.w = nr;
    pack.panel = p->panel_b;
    kernels->pack64(&pack, b);
    for (size_t i = 0; i < count; i += mr) {
      for (size_t j = i / nr * nr; j < count; j += nr) {
        kernels->tile64[tsr_min(mr, count - i)](pack.k, a + i / mr * p->panel_a, b + j / nr * p->panel_b,
                                                g + i * p->width + j, p->width);
      }
    }
  }
}

/* Row by row from below: row i of inv(T) is that of I less T(i,j) times the rows j behind it, through the diagonal. */
static void invert(const triangles *p, size_t first, size_t count, double *g) {
  for (size_t i = count; i-- > 0;) {
    double *row = g + i * p->width, t = row[i] != 0 ? row[i] / 2 : 1, f[TSR_BLOCK_COLUMNS];
    for (size_t j = i + 1; j < count; j++) {
      f[j] = row[j];
      row[j] = 0;
    }
    for (size_t j = i + 1; j < count; j++) {
      const double *later = g + j * p->width;
      for (size_t k = j; k < count; k++) row[k] -= f[j] * later[k];
    }
    float *to = (float *)p->N->data + (first + i) * p->N->ld;
    for (size_t k = 0; k < p->N->cols; k++) to[k] = 0;
    to[i] = (float)((1 - t) / t);
    row[i] = 1 / t;
    for (size_t k = i + 1; k < count; k++) {
      row[k] /= t;
      to[k] = (float)row[k];
    }
  }
}

static void form_block(void *context, size_t index, uint32_t worker) {
  const triangles *p = context;
  size_t first = index * p->nb, count = tsr_min(p->nb, p->V->cols - first);
  double *g = p->memory + worker * p->doubles;
  square(p, first, count, g);
  invert(p, first, count, g);
}

int32_t tsr_fast_larft(tsr_run *run, const tsr_op *op) {
  triangles p = {.run = run, .kernels = tsr_kernels_of(run->isa), .V = &op->v[0], .N = &op->v[1]};
  size_t mr = p.kernels->mr64, nr = p.kernels->nr64, n = p.V->cols;
  run->tile = TSR_TILE_INNER;
  if (n == 0) return TSR_OK;
  p.nb = tsr_min(p.N->cols, n);
  p.width = tsr_round_up(p.nb, nr);
  p.panel_a = STEPS * mr + TSR_PACK_SLACK;
  p.panel_b = STEPS * nr + TSR_PACK_SLACK;
  p.doubles = p.nb * p.width + tsr_parts(p.nb, mr) * p.panel_a + tsr_parts(p.nb, nr) * p.panel_b;
  p.memory = tsr_scratch(run, tsr_pool_threads(run->pool) * p.doubles * sizeof *p.memory);
  if (p.memory == NULL) return TSR_E_MEMORY;
  tsr_pool_run(run->pool, tsr_parts(n, p.nb), form_block, &p);
  return TSR_OK;
}
