/* syev.c: the dense symmetric eigenproblem in float64, for orders up to about a thousand. Householder's reduction from
 * the last row up, each step one pass over what is left; QL for the eigenvalues, its rotations noted; then the wanted
 * columns of the identity, in strips that fit the nearest cache, go back through the rotations and the reflectors. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "fast.h"
#include "gemm.h"
#include "pool.h"
#include "stedc.h"
#include "syev.h"

/* Rotations of neighbouring rows, one row up each: the first turns rows end-1 and end. */
typedef struct {
  size_t end, count;
} chase;

typedef struct {
  tsr_rotation *rotations;
  chase *chases;
  size_t count, room, chased, chase_room;
  size_t follows; /* the row that a rotation of the same chase begins with */
  bool full; /* memory is out */
} notes;

typedef struct {
  tsr_run *run;
  const tsr_kernels *kernels;
  const tsr_op *op;
  size_t n, wanted;
  int exponent;
  double *a;               /* n x n: what is left of the matrix; row i of the rest is the reflector that made it */
  double *beta, *d, *e;
  double *v, *w, *x, *y;   /* a reflector, with w, as it changes the matrix; the next one, and its product */
  size_t *order;           /* place of the eigenvalues, descending */
  double *strips;          /* one for each thread */
  notes notes;
} problem;

/* ---- reduction ---- */

/* Makes x (n numbers) the vector of I - beta x x' that takes it to alpha times the last unit vector; returns alpha. */
static double reflector(size_t n, double *x, double *beta) {
  double head = x[n - 1], rest = 0;
  for (size_t i = 0; i + 1 < n; i++) rest += x[i] * x[i];
  *beta = 0;
  if (rest < 0x1p-200) { /* nothing beside a matrix of norm 1 */
    memset(x, 0, n * sizeof *x);
    return head;
  }
  double alpha = -copysign(sqrt(rest + head * head), head), scale = 1 / (head - alpha);
  for (size_t i = 0; i + 1 < n; i++) x[i] *= scale;
  x[n - 1] = 1;
  *beta = (alpha - head) / alpha;
  return alpha;
}

/* The diagonal block of rows first .. first + rows, as tsr_rank2 does left of it. */
static void corner(const problem *p, size_t first, size_t rows) {
  for (size_t i = first; i < first + rows; i++) {
    double *a = p->a + i * p->n;
    for (size_t j = first; j <= i; j++) {
      a[j] -= p->v[i] * p->w[j] + p->w[i] * p->v[j];
      p->y[i] += a[j] * p->x[j];
      if (j < i) p->y[j] += a[j] * p->x[i];
    }
  }
}

/* A -= v w' + w v' on the first m rows and columns, and y = A x. */
static void update(const problem *p, size_t m) {
  size_t first = m % TSR_RANK2_ROWS;
  memset(p->y, 0, m * sizeof *p->y);
  corner(p, 0, first);
  for (; first < m; first += TSR_RANK2_ROWS) {
    tsr_rank2 step = {first, p->a + first * p->n, p->n, p->v, p->w, p->x, p->y};
    p->kernels->rank2(&step);
    corner(p, first, TSR_RANK2_ROWS);
  }
}

static void reduce(problem *p) {
  size_t n = p->n;
  memset(p->v, 0, n * sizeof *p->v);
  memset(p->w, 0, n * sizeof *p->w);
  for (size_t i = n; i-- > 0 && !tsr_stopped(p->run);) {
    double *row = p->a + i * n, beta = 0, dot = 0;
    for (size_t j = 0; j <= i; j++) row[j] -= p->v[i] * p->w[j] + p->w[i] * p->v[j];
    p->d[i] = row[i];
    if (i == 0) return;
    p->e[i - 1] = reflector(i, row, &beta);
    p->beta[i] = beta;
    memcpy(p->x, row, i * sizeof *row);
    update(p, i);
    for (size_t j = 0; j < i; j++) dot += p->y[j] * p->x[j];
    for (size_t j = 0; j < i; j++) p->w[j] = beta * (p->y[j] - beta / 2 * dot * p->x[j]);
    memcpy(p->v, p->x, i * sizeof *p->v);
  }
}

/* ---- rotations ---- */

/* Room for one more of something, and where it lies; NULL when memory is out. */
static void *grown(void *list, size_t *room, size_t size) {
  size_t more = tsr_max(4096, 2 * *room);
  void *moved = realloc(list, more * size);
  if (moved != NULL) *room = more;
  return moved;
}

static void note(void *context, size_t i, double c, double s) {
  notes *k = context;
  if (k->count == k->room) {
    void *moved = grown(k->rotations, &k->room, sizeof *k->rotations);
    if (moved == NULL) k->full = true;
    else k->rotations = moved;
  }
  if (k->chased == k->chase_room) {
    void *moved = grown(k->chases, &k->chase_room, sizeof *k->chases);
    if (moved == NULL) k->full = true;
    else k->chases = moved;
  }
  if (k->full) return;
  if (k->chased == 0 || i + 1 != k->follows) k->chases[k->chased++] = (chase){i + 1, 0};
  k->follows = i;
  k->chases[k->chased - 1].count++;
  k->rotations[k->count++] = (tsr_rotation){c, s};
}

/* ---- vectors ---- */

static void back_transform(void *context, size_t chunk, uint32_t worker) {
  problem *p = context;
  const tsr_view *Z = &p->op->v[2];
  size_t first = chunk * TSR_STRIP, count = tsr_min(TSR_STRIP, p->wanted - first), n = p->n;
  double *strip = p->strips + worker * n * TSR_STRIP, *z = Z->data;
  memset(strip, 0, n * TSR_STRIP * sizeof *strip);
  for (size_t j = 0; j < count; j++) strip[p->order[first + j] * TSR_STRIP + j] = 1;
  const tsr_rotation *last = p->notes.rotations + p->notes.count;
  for (size_t i = p->notes.chased; i-- > 0 && !tsr_stopped(p->run);) {
    const chase *c = &p->notes.chases[i];
    p->kernels->turns(c->count, last - 1, strip + (c->end - c->count) * TSR_STRIP);
    last -= c->count;
  }
  for (size_t i = 1; i < n && !tsr_stopped(p->run); i++) {
    if (p->beta[i] != 0) p->kernels->reflect(i, p->a + i * n, p->beta[i], strip);
  }
  for (size_t i = 0; i < n; i++) memcpy(z + i * Z->ld + first, strip + i * TSR_STRIP, count * sizeof *z);
}

static void sort(const problem *p) {
  for (size_t j = 0; j < p->n; j++) {
    size_t to = j;
    for (; to > 0 && p->d[p->order[to - 1]] < p->d[j]; to--) p->order[to] = p->order[to - 1];
    p->order[to] = j;
  }
}

/* ---- the whole ---- */

static bool allocate(problem *p) {
  size_t n = p->n, strips = p->wanted > 0 ? tsr_pool_threads(p->run->pool) * n * TSR_STRIP : 0;
  size_t numbers = n * n + 7 * n + strips;
  p->strips = tsr_scratch(p->run, numbers * sizeof(double) + n * sizeof *p->order);
  if (p->strips == NULL) return false;
  p->order = (size_t *)(p->strips + numbers);
  p->a = p->strips + strips;
  double **const vectors[] = {&p->beta, &p->d, &p->e, &p->v, &p->w, &p->x, &p->y};
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) *vectors[i] = p->a + n * n + i * n;
  return true;
}

static int32_t solve(problem *p) {
  const tsr_view *W = &p->op->v[1];
  if (!allocate(p)) return TSR_E_MEMORY;
  p->exponent = tsr_syev_scaled(&p->op->v[0], p->a);
  if (p->exponent == TSR_SYEV_NOT_FINITE) return tsr_syev_fill_nan(p->op);
  reduce(p);
  bool done = tsr_ql(p->run, p->n, p->d, p->e, p->wanted > 0 ? note : NULL, &p->notes);
  if (p->notes.full) return TSR_E_MEMORY;
  if (!done) return tsr_syev_fill_nan(p->op);
  if (tsr_stopped(p->run)) return TSR_OK;
  sort(p);
  for (size_t j = 0; j < p->n; j++) ((double *)W->data)[j] = ldexp(p->d[p->order[j]], p->exponent);
  tsr_pool_run(p->run->pool, tsr_parts(p->wanted, TSR_STRIP), back_transform, p);
  return TSR_OK;
}

int32_t tsr_fast_syev(tsr_run *run, const tsr_op *op) {
  problem p = {.run = run, .kernels = tsr_kernels_of(run->isa), .op = op};
  p.n = op->v[0].rows;
  p.wanted = op->v[2].cols;
  run->tile = TSR_TILE_GEMV;
  if (p.n == 0) return TSR_OK;
  int32_t status = solve(&p);
  free(p.notes.rotations);
  free(p.notes.chases);
  return status;
}
