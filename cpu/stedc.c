/* stedc.c: divide and conquer for the symmetric tridiagonal eigenproblem (Cuppen, Gu and Eisenstat): T is cut into
 * small blocks, these are solved by QL, and the halves are merged level by level. */
#include "stedc.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "divide.h"
#include "gemm.h"
#include "pool.h"
#include "stedc_scale.h"

enum {
  LEAF = 32,    /* largest block solved by QL */
  ALONE = 256,  /* largest merge done by one thread, many at a time */
  ROWS = 64,    /* of Q in a chunk */
  DOUBLES = 14, /* arrays in the workspace */
  INDICES = 6
};

typedef struct {
  tsr_divide t;
  tsr_run *run;
  uint32_t level; /* node i of a level is [n i / 2^level, n (i+1) / 2^level) */
  atomic_int status;
  atomic_bool failed;
} tree;

static size_t boundary(const tree *p, uint32_t level, size_t node) { return p->t.n * node >> level; }

/* ---- workspace ---- */

static size_t gathered_floats(size_t n) { return tsr_round_up(n * n, 16); }
static size_t vector_floats(size_t n) { return tsr_round_up(n * tsr_min(n, TSR_DIVIDE_COLUMNS), 16); }

size_t tsr_stedc_workspace(size_t n, bool vectors) {
  return (vectors ? (gathered_floats(n) + vector_floats(n)) * sizeof(float) : 0) +
         n * (DOUBLES * sizeof(double) + INDICES * sizeof(uint32_t) + sizeof(tsr_turn) + sizeof(uint8_t));
}

static tsr_divide divide_workspace(size_t n, bool vectors, void *workspace) {
  tsr_divide t = {.n = n};
  char *at = workspace;
  if (vectors) {
    t.gathered = workspace;
    t.vectors = t.gathered + gathered_floats(n);
    at = (char *)(t.vectors + vector_floats(n));
  }
  double **const numbers[DOUBLES] = {&t.e,      &t.first,  &t.last, &t.z,     &t.pole,      &t.weight,
                                     &t.origin, &t.offset, &t.part, &t.scale, &t.first_new, &t.last_new,
                                     &t.first_kept, &t.last_kept};
  uint32_t **const lists[INDICES] = {&t.order, &t.from, &t.to, &t.kept, &t.settled, &t.group};
  for (size_t i = 0; i < DOUBLES; i++, at += n * sizeof(double)) *numbers[i] = (double *)at;
  for (size_t i = 0; i < INDICES; i++, at += n * sizeof(uint32_t)) *lists[i] = (uint32_t *)at;
  t.turns = (tsr_turn *)at;
  t.half = (uint8_t *)(t.turns + n);
  return t;
}

/* ---- tree ---- */

typedef struct {
  const tsr_kernels *kernels;
  size_t n;
  double *Z;
} leaf;

static void turn_rows(void *context, size_t i, double c, double s) {
  const leaf *l = context;
  l->kernels->turn(l->n, l->Z + i * l->n, l->Z + (i + 1) * l->n, c, s);
}

static void solve_leaf(void *context, size_t node, uint32_t worker) {
  tree *p = context;
  size_t start = boundary(p, p->level, node), n = boundary(p, p->level, node + 1) - start;
  double Z[LEAF * LEAF] = {0}, e[LEAF];
  (void)worker;
  if (tsr_stopped(p->run)) return;
  for (size_t i = 0; i < n; i++) Z[i * (n + 1)] = 1;
  memcpy(e, p->t.e + start, n * sizeof *e);
  leaf l = {tsr_kernels_of(p->run->isa), n, Z};
  if (!tsr_ql(p->run, n, p->t.d + start, e, turn_rows, &l)) atomic_store(&p->failed, true);
  const double *d = p->t.d + start;
  uint32_t *order = p->t.order + start;
  for (size_t j = 0; j < n; j++) {
    p->t.first[start + j] = Z[j * n];
    p->t.last[start + j] = Z[j * n + n - 1];
    size_t to = j;
    for (; to > 0 && d[order[to - 1]] > d[j]; to--) order[to] = order[to - 1];
    order[to] = (uint32_t)j;
    for (size_t i = 0; p->t.Q != NULL && i < n; i++) p->t.Q[(start + i) * p->t.ldq + start + j] = (float)Z[j * n + i];
  }
}

static int32_t merge_node(tree *p, tsr_run *run, size_t node) {
  return tsr_divide_merge(&p->t, run, boundary(p, p->level, node), boundary(p, p->level + 1, 2 * node + 1),
                          boundary(p, p->level, node + 1));
}

/* A merge in one thread, which needs a pool and scratch memory of its own. */
static void merge_alone(void *context, size_t node, uint32_t worker) {
  tree *p = context;
  (void)worker;
  if (tsr_stopped(p->run)) return;
  tsr_run run = {.pool = tsr_pool_open(1), .isa = p->run->isa, .canceled = p->run->canceled};
  int32_t status = run.pool == NULL ? TSR_E_MEMORY : merge_node(p, &run, node);
  if (status != TSR_OK) atomic_store(&p->status, status);
  tsr_pool_close(run.pool);
  free(run.scratch);
}

static int32_t solve_tree(tree *p) {
  while (((p->t.n - 1) >> p->level) + 1 > LEAF) p->level++;
  size_t leaves = (size_t)1 << p->level;
  for (size_t i = 1; i < leaves; i++) {
    size_t cut = boundary(p, p->level, i);
    p->t.d[cut - 1] -= fabs(p->t.e[cut - 1]);
    p->t.d[cut] -= fabs(p->t.e[cut - 1]);
  }
  tsr_pool_run(p->run->pool, leaves, solve_leaf, p);
  while (p->level-- > 0 && !tsr_stopped(p->run)) {
    size_t nodes = (size_t)1 << p->level;
    if (nodes > 1 && p->t.n >> p->level <= ALONE) {
      tsr_pool_run(p->run->pool, nodes, merge_alone, p);
    } else {
      for (size_t i = 0; i < nodes && atomic_load(&p->status) == TSR_OK; i++) {
        atomic_store(&p->status, merge_node(p, p->run, i));
      }
    }
    if (atomic_load(&p->status) != TSR_OK) return atomic_load(&p->status);
  }
  return TSR_OK;
}

/* ---- the whole ---- */

/* Columns of Q by eigenvalue. */
static void sort_rows(void *context, size_t chunk, uint32_t worker) {
  tree *p = context;
  size_t end = tsr_min(p->t.n, (chunk + 1) * ROWS);
  (void)worker;
  for (size_t r = chunk * ROWS; r < end && !tsr_stopped(p->run); r++) {
    float *row = p->t.Q + r * p->t.ldq, *copy = p->t.gathered + r * p->t.n;
    memcpy(copy, row, p->t.n * sizeof *row);
    for (size_t j = 0; j < p->t.n; j++) row[j] = copy[p->t.order[j]];
  }
}

int32_t tsr_stedc_solve(tsr_run *run, size_t n, double *d, const double *e, float *Q, size_t ldq, double tolerance,
                        void *workspace) {
  if (n == 0) return TSR_OK;
  int exponent = tsr_tridiagonal_exponent(n, d, e);
  if (exponent == TSR_NOT_FINITE) {
    tsr_fill_nan(n, d, Q, ldq);
    return TSR_OK;
  }
  tree p = {.t = divide_workspace(n, Q != NULL, workspace), .run = run};
  p.t.tolerance = tolerance;
  p.t.d = d;
  p.t.Q = Q;
  p.t.ldq = ldq;
  tsr_tridiagonal_scale(n, d, e, p.t.e, -exponent);
  for (size_t i = 0; Q != NULL && i < n; i++) memset(Q + i * ldq, 0, n * sizeof *Q);
  int32_t status = solve_tree(&p);
  if (status != TSR_OK || tsr_stopped(run)) return status;
  if (atomic_load(&p.failed)) {
    tsr_fill_nan(n, d, Q, ldq);
    return TSR_OK;
  }
  if (Q != NULL) tsr_pool_run(run->pool, tsr_parts(n, ROWS), sort_rows, &p);
  for (size_t j = 0; j < n; j++) p.t.z[j] = ldexp(d[p.t.order[j]], exponent);
  memcpy(d, p.t.z, n * sizeof *d);
  return TSR_OK;
}
