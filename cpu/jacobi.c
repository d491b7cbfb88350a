/* jacobi.c: the rotations of small symmetric blocks by cyclic Jacobi in float64. Only rows are turned: a row is then
 * copied into its column, and J is kept transposed. */
#include <math.h>
#include <string.h>
#include "fast.h"
#include "gemm.h"
#include "pool.h"
#include "reference.h"

enum { ORDER = 64, SWEEPS = 30 };

/* size[i] is what elements of row i are measured by. */
typedef struct {
  size_t k;
  bool gram;
  double floor, size[ORDER], g[ORDER][ORDER], j[ORDER][ORDER];
} block;

static void measure(block *b, size_t i) {
  b->size[i] = b->gram ? fmax(sqrt(fmax(b->g[i][i], 0)), b->floor) : 1;
}

static bool is_small(const block *b, size_t p, size_t q, double tolerance) {
  return fabs(b->g[p][q]) <= tolerance * b->size[p] * b->size[q];
}

static void rotate(const tsr_kernels *kernels, block *b, size_t p, size_t q) {
  double gpp = b->g[p][p], gqq = b->g[q][q], gpq = b->g[p][q], cot = (gqq - gpp) / (2 * gpq);
  double t = copysign(1, cot) / (fabs(cot) + sqrt(1 + cot * cot)), c = 1 / sqrt(1 + t * t), s = t * c;
  kernels->turn(b->k, b->g[p], b->g[q], c, s);
  kernels->turn(b->k, b->j[p], b->j[q], c, s);
  for (size_t i = 0; i < b->k; i++) {
    b->g[i][p] = b->g[p][i];
    b->g[i][q] = b->g[q][i];
  }
  b->g[p][p] = gpp - t * gpq;
  b->g[q][q] = gqq + t * gpq;
  b->g[p][q] = b->g[q][p] = 0;
  measure(b, p);
  measure(b, q);
}

/* Whether anything was rotated. */
static bool sweep(const tsr_kernels *kernels, block *b, double tolerance) {
  bool any = false;
  for (size_t p = 0; p < b->k; p++) {
    for (size_t q = p + 1; q < b->k; q++) {
      if (is_small(b, p, q, tolerance)) continue;
      rotate(kernels, b, p, q);
      any = true;
    }
  }
  return any;
}

/* Whether the block has no NaN and no Inf, its largest element, and whether all beside the diagonal are small. */
typedef struct {
  bool finite, done;
  double largest;
} state;

static state look(block *b, double tolerance) {
  state s = {true, true, 0};
  double sum = 0;
  for (size_t p = 0; p < b->k; p++) measure(b, p);
  for (size_t p = 0; p < b->k; p++) {
    for (size_t q = 0; q <= p; q++) {
      sum += fabs(b->g[p][q]);
      s.largest = fmax(s.largest, fabs(b->g[p][q]));
      if (p != q && !is_small(b, p, q, tolerance)) s.done = false;
    }
  }
  s.finite = isfinite(sum);
  return s;
}

typedef struct {
  tsr_run *run;
  const tsr_op *op;
  block *blocks; /* for each thread */
} task;

static void write(const tsr_view *J, size_t first, const block *b) {
  size_t from[ORDER];
  for (size_t i = 0; i < b->k; i++) {
    size_t at = i;
    for (; b->gram && at > 0 && b->g[i][i] > b->g[from[at - 1]][from[at - 1]]; at--) from[at] = from[at - 1];
    from[at] = i;
  }
  for (size_t i = 0; i < b->k; i++) {
    float *row = (float *)J->data + (first + i) * J->ld;
    for (size_t c = 0; c < b->k; c++) row[c] = (float)b->j[from[c]][i];
  }
}

static void solve(void *context, size_t t, uint32_t worker) {
  const task *x = context;
  const tsr_view *G = &x->op->v[0], *J = &x->op->v[1];
  const tsr_kernels *kernels = tsr_kernels_of(x->run->isa);
  block *b = x->blocks + worker;
  if (tsr_stopped(x->run)) return;
  for (size_t p = 0; p < b->k; p++) {
    for (size_t q = 0; q <= p; q++) b->g[p][q] = b->g[q][p] = tsr_get(G, t * b->k + p, q);
  }
  state s = look(b, x->op->alpha);
  for (size_t p = 0; p < b->k; p++) {
    for (size_t q = 0; q < b->k; q++) b->j[p][q] = !s.finite ? (double)NAN : p == q;
  }
  double fine = fmax(x->op->alpha * 0x1p-4, 0x1p-46 * (b->gram ? 1 : s.largest));
  bool rotating = s.finite && !s.done;
  for (int i = 0; i < SWEEPS && rotating && !tsr_stopped(x->run); i++) rotating = sweep(kernels, b, fine);
  b->gram = b->gram && s.finite && !s.done; /* else the columns stay where they are */
  write(J, t * b->k, b);
  b->gram = x->op->flags == TSR_GRAM;
  ((uint32_t *)x->op->v[2].data)[t] = !s.finite || !s.done;
}

int32_t tsr_fast_jacobi(tsr_run *run, const tsr_op *op) {
  size_t threads = tsr_pool_threads(run->pool);
  task x = {run, op, tsr_scratch(run, threads * sizeof(block))};
  run->tile = TSR_TILE_SMALL;
  if (x.blocks == NULL) return TSR_E_MEMORY;
  for (size_t i = 0; i < threads; i++) {
    x.blocks[i].k = op->v[0].cols;
    x.blocks[i].gram = op->flags == TSR_GRAM;
    x.blocks[i].floor = op->beta;
  }
  tsr_pool_run(run->pool, op->v[2].cols, solve, &x);
  return TSR_OK;
}
