/* divide_merge.c: merges two solved halves of a tridiagonal matrix. What is left to solve is diag(d) + rho z z':
 * columns that need no work are set aside (deflation), the eigenvalues of the rest are the roots of the secular
 * equation, and its eigenvectors are multiplied into Q. */
#include <math.h>
#include <string.h>
#include "divide.h"
#include "gemm.h"
#include "pool.h"
#include "secular.h"

enum {
  ROOTS = 8,    /* in a chunk */
  WEIGHTS = 32, /* in a chunk */
  LANES = TSR_SECULAR_COLUMNS,
  ROWS = 16     /* of Q, or of the secular eigenvectors, in a chunk */
};

typedef struct {
  tsr_divide t; /* its arrays from the node's first row on */
  tsr_run *run;
  size_t top, n; /* rows of the upper half, of both */
  size_t kept, settled, turns, moved;
  size_t group_end[4]; /* of the grouped columns: first those in the TOP only, then in both, then in the BOTTOM only */
  double rho;
  tsr_secular equation;
  size_t block, width; /* columns of the secular eigenvectors in hand */
} merge;

/* ---- deflation ---- */

/* What is to be merged is diag(d) + |beta| v v' with v = (last row of the upper V; sign(beta) first row of the lower);
 * z is v / sqrt(2), of length 1. The two rows of the merged V begin as those of the halves. */
static void couple(merge *m, double beta) {
  tsr_divide *t = &m->t;
  m->rho = 2 * fabs(beta);
  for (size_t j = 0; j < m->n; j++) {
    bool top = j < m->top;
    t->z[j] = (top ? t->last[j] : copysign(1, beta) * t->first[j]) * M_SQRT1_2;
    if (top) t->last[j] = 0;
    else t->first[j] = 0;
    t->half[j] = top ? TSR_TOP : TSR_BOTTOM;
  }
  size_t i = 0, j = m->top;
  for (size_t k = 0; k < m->n; k++) {
    bool upper = j == m->n || (i < m->top && t->d[t->order[i]] <= t->d[m->top + t->order[j]]);
    t->from[k] = upper ? t->order[i++] : (uint32_t)m->top + t->order[j++];
  }
}

/* Adds a column to those that take no part, which are kept by eigenvalue. */
static void settle(merge *m, uint32_t column) {
  const double *d = m->t.d;
  size_t to = m->settled++;
  for (; to > 0 && d[m->t.settled[to - 1]] > d[column]; to--) m->t.settled[to] = m->t.settled[to - 1];
  m->t.settled[to] = column;
}

/* Turns two columns so that z of the first becomes 0, if what this leaves outside the diagonal is negligible. */
static bool turn_away(merge *m, uint32_t x, uint32_t y, double negligible) {
  tsr_divide *t = &m->t;
  double r = hypot(t->z[x], t->z[y]), c = t->z[y] / r, s = -t->z[x] / r, dx = t->d[x], dy = t->d[y];
  if (fabs((dy - dx) * c * s) > negligible) return false;
  t->z[y] = r;
  t->z[x] = 0;
  t->d[x] = dx * c * c + dy * s * s;
  t->d[y] = dx * s * s + dy * c * c;
  for (int i = 0; i < 2; i++) {
    double *row = i == 0 ? t->first : t->last, a = row[x];
    row[x] = c * a + s * row[y];
    row[y] = c * row[y] - s * a;
  }
  t->half[x] = t->half[y] = t->half[x] | t->half[y];
  t->turns[m->turns++] = (tsr_turn){x, y, (float)c, (float)s};
  return true;
}

/* Splits the columns into those that take part, eigenvalues well apart and z not small, and those that are settled as
 * they are. */
static void deflate(merge *m) {
  tsr_divide *t = &m->t;
  double largest = 0;
  for (size_t j = 0; j < m->n; j++) largest = fmax(largest, fmax(fabs(t->d[j]), fabs(t->z[j])));
  double negligible = t->tolerance * largest;
  for (size_t k = 0; k < m->n; k++) {
    uint32_t j = t->from[k];
    if (m->rho * fabs(t->z[j]) <= negligible) {
      settle(m, j);
      continue;
    }
    if (m->kept > 0 && turn_away(m, t->kept[m->kept - 1], j, negligible)) settle(m, t->kept[--m->kept]);
    t->kept[m->kept++] = j;
  }
}

/* Lists the kept columns by half, so that the zeros of the other half are not multiplied. */
static void group_by_half(merge *m) {
  static const uint8_t sequence[3] = {TSR_TOP, TSR_TOP | TSR_BOTTOM, TSR_BOTTOM};
  size_t g = 0;
  for (size_t s = 0; s < 3; s++) {
    for (size_t i = 0; i < m->kept; i++) {
      if (m->t.half[m->t.kept[i]] == sequence[s]) m->t.group[g++] = (uint32_t)i;
    }
    m->group_end[sequence[s]] = g;
  }
}

/* The new columns will be the first ones: settled columns there go to where kept ones lie behind, the others stay. */
static void make_room(merge *m) {
  tsr_divide *t = &m->t;
  size_t places = 0;
  for (size_t i = 0; i < m->kept; i++) {
    if (t->kept[i] >= m->kept) t->to[places++] = t->kept[i];
  }
  for (size_t i = 0; i < m->settled; i++) {
    if (t->settled[i] >= m->kept) continue;
    t->from[m->moved] = t->settled[i];
    t->settled[i] = t->to[m->moved++];
  }
}

/* ---- secular equation ---- */

static void find_roots(void *context, size_t chunk, uint32_t worker) {
  merge *m = context;
  size_t end = tsr_min(m->kept, (chunk + 1) * ROOTS);
  (void)worker;
  for (size_t j = chunk * ROOTS; j < end && !tsr_stopped(m->run); j++) {
    tsr_root root = tsr_secular_root(&m->equation, j);
    m->t.origin[j] = root.origin;
    m->t.offset[j] = root.offset;
  }
}

static void find_parts(void *context, size_t chunk, uint32_t worker) {
  merge *m = context;
  size_t end = tsr_min(m->kept, (chunk + 1) * WEIGHTS);
  (void)worker;
  for (size_t i = chunk * WEIGHTS; i < end && !tsr_stopped(m->run); i++) {
    double weight = tsr_secular_weight(&m->equation, m->t.origin, m->t.offset, i);
    m->t.part[i] = copysign(sqrt(weight), m->t.z[m->t.kept[i]]);
  }
}

static tsr_secular_vectors vectors_from(const merge *m, size_t column) {
  const tsr_divide *t = &m->t;
  return (tsr_secular_vectors){t->pole, t->part, t->origin + column, t->offset + column};
}

/* Lengths of some secular eigenvectors, and their products with the two rows of V. */
static void sum_columns(void *context, size_t chunk, uint32_t worker) {
  merge *m = context;
  const tsr_divide *t = &m->t;
  size_t begin = chunk * LANES, lanes = tsr_min(LANES, m->kept - begin);
  double origin[LANES], offset[LANES], sums[3][LANES];
  tsr_secular_vectors s = vectors_from(m, begin);
  (void)worker;
  if (tsr_stopped(m->run)) return;
  if (lanes < LANES) {
    for (size_t l = 0; l < LANES; l++) {
      origin[l] = s.origin[tsr_min(l, lanes - 1)];
      offset[l] = s.offset[tsr_min(l, lanes - 1)];
    }
    s.origin = origin;
    s.offset = offset;
  }
  m->equation.kernels->columns(&s, m->kept, t->first_kept, t->last_kept, sums[0]);
  for (size_t l = 0; l < lanes; l++) {
    double scale = 1 / sqrt(sums[0][l]);
    t->scale[begin + l] = scale;
    t->first_new[begin + l] = sums[1][l] * scale;
    t->last_new[begin + l] = sums[2][l] * scale;
  }
}

static void solve_secular(merge *m) {
  tsr_divide *t = &m->t;
  double squares = 0;
  for (size_t i = 0; i < m->kept; i++) squares += t->z[t->kept[i]] * t->z[t->kept[i]];
  for (size_t i = 0; i < m->kept; i++) {
    double z = t->z[t->kept[i]];
    t->pole[i] = t->d[t->kept[i]];
    t->weight[i] = z * z / squares;
    t->first_kept[i] = t->first[t->kept[i]];
    t->last_kept[i] = t->last[t->kept[i]];
  }
  m->equation = (tsr_secular){.kernels = tsr_kernels_of(m->run->isa),
                              .k = m->kept,
                              .pole = t->pole,
                              .weight = t->weight,
                              .rho = m->rho * squares,
                              .tolerance = t->tolerance / 16};
  tsr_pool_run(m->run->pool, tsr_parts(m->kept, ROOTS), find_roots, m);
  tsr_pool_run(m->run->pool, tsr_parts(m->kept, WEIGHTS), find_parts, m);
  tsr_pool_run(m->run->pool, tsr_parts(m->kept, LANES), sum_columns, m);
}

/* ---- vectors ---- */

/* Range of the grouped kept columns that are not 0 in these rows. */
static size_t group_begin(const merge *m, bool top) { return top ? 0 : m->group_end[TSR_TOP]; }
static size_t group_end(const merge *m, bool top) { return top ? m->group_end[TSR_TOP | TSR_BOTTOM] : m->kept; }

/* What is far below the rounding errors of a unit vector becomes 0: products of such numbers would be subnormal, and
 * slow. */
static inline float without_dust(float x) { return fabsf(x) < 0x1p-60f ? 0 : x; }

/* Turns rows of Q and copies kept columns that are not 0 here, grouped, then those that move. */
static void gather(void *context, size_t chunk, uint32_t worker) {
  merge *m = context;
  const tsr_divide *t = &m->t;
  size_t end = tsr_min(m->n, (chunk + 1) * ROWS);
  (void)worker;
  for (size_t r = chunk * ROWS; r < end && !tsr_stopped(m->run); r++) {
    size_t begin = group_begin(m, r < m->top), count = group_end(m, r < m->top) - begin;
    float *row = t->Q + r * t->ldq, *to = t->gathered + r * t->n;
    for (size_t i = 0; i < m->turns; i++) {
      tsr_turn turn = t->turns[i];
      float x = row[turn.x], y = row[turn.y];
      row[turn.x] = turn.c * x + turn.s * y;
      row[turn.y] = turn.c * y - turn.s * x;
    }
    for (size_t g = 0; g < count; g++) to[g] = row[t->kept[t->group[begin + g]]];
    for (size_t g = 0; g < count; g++) to[g] = without_dust(to[g]);
    for (size_t i = 0; i < m->moved; i++) to[count + i] = row[t->from[i]];
  }
}

/* Puts the columns that move into their places. */
static void scatter(void *context, size_t chunk, uint32_t worker) {
  merge *m = context;
  size_t end = tsr_min(m->n, (chunk + 1) * ROWS);
  (void)worker;
  for (size_t r = chunk * ROWS; r < end; r++) {
    const float *copy = m->t.gathered + r * m->t.n + group_end(m, r < m->top) - group_begin(m, r < m->top);
    for (size_t i = 0; i < m->moved; i++) m->t.Q[r * m->t.ldq + m->t.to[i]] = copy[i];
  }
}

/* The secular eigenvectors in hand, rows grouped. */
static void form_rows(void *context, size_t chunk, uint32_t worker) {
  merge *m = context;
  const tsr_divide *t = &m->t;
  tsr_secular_vectors s = vectors_from(m, m->block);
  size_t end = tsr_min(m->kept, (chunk + 1) * ROWS);
  (void)worker;
  for (size_t g = chunk * ROWS; g < end && !tsr_stopped(m->run); g++) {
    m->equation.kernels->row(&s, t->group[g], m->width, t->scale + m->block, t->vectors + g * m->width);
  }
}

static int32_t multiply_half(merge *m, bool top) {
  const tsr_divide *t = &m->t;
  size_t first = top ? 0 : m->top, begin = group_begin(m, top);
  tsr_target c = {t->Q + first * t->ldq + m->block, t->ldq, 1, false};
  tsr_product g = {.m = top ? m->top : m->n - m->top,
                   .n = m->width,
                   .k = group_end(m, top) - begin,
                   .alpha = 1,
                   .beta = 0,
                   .a = {t->gathered + first * t->n, t->n, false},
                   .b = {t->vectors + begin * m->width, m->width, false},
                   .c = c,
                   .d = c,
                   .chain = 32};
  return tsr_multiply(m->run, &g, TSR_TILE_DEFAULT);
}

static int32_t update_vectors(merge *m) {
  tsr_pool_run(m->run->pool, tsr_parts(m->n, ROWS), gather, m);
  for (m->block = 0; m->block < m->kept && !tsr_stopped(m->run); m->block += m->width) {
    m->width = tsr_min(TSR_DIVIDE_COLUMNS, m->kept - m->block);
    tsr_pool_run(m->run->pool, tsr_parts(m->kept, ROWS), form_rows, m);
    int32_t status = multiply_half(m, true);
    if (status == TSR_OK) status = multiply_half(m, false);
    if (status != TSR_OK) return status;
  }
  if (m->moved > 0) tsr_pool_run(m->run->pool, tsr_parts(m->n, ROWS), scatter, m);
  return TSR_OK;
}

/* ---- the merge ---- */

/* Enters the new columns, and lists all by eigenvalue. */
static void renumber(merge *m) {
  tsr_divide *t = &m->t;
  for (size_t i = 0; i < m->moved; i++) {
    t->d[t->to[i]] = t->d[t->from[i]];
    t->first[t->to[i]] = t->first[t->from[i]];
    t->last[t->to[i]] = t->last[t->from[i]];
  }
  for (size_t j = 0; j < m->kept; j++) t->d[j] = t->origin[j] + t->offset[j];
  memcpy(t->first, t->first_new, m->kept * sizeof(double));
  memcpy(t->last, t->last_new, m->kept * sizeof(double));
  size_t i = 0, j = 0;
  for (size_t k = 0; k < m->n; k++) {
    bool new = j == m->settled || (i < m->kept && t->d[i] <= t->d[t->settled[j]]);
    t->order[k] = new ? (uint32_t)i++ : t->settled[j++];
  }
}

static tsr_divide from_row(const tsr_divide *t, size_t start) {
  tsr_divide node = *t;
  double **const numbers[] = {&node.d,     &node.e,         &node.first,   &node.last,   &node.z,
                              &node.pole,  &node.weight,    &node.origin,  &node.offset, &node.part,
                              &node.scale, &node.first_new, &node.last_new, &node.first_kept,
                              &node.last_kept};
  uint32_t **const lists[] = {&node.order, &node.from, &node.to, &node.kept, &node.settled, &node.group};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) *numbers[i] += start;
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) *lists[i] += start;
  node.half += start;
  node.turns += start;
  if (t->Q == NULL) return node;
  node.Q += start * t->ldq + start;
  node.gathered += start * t->n;
  node.vectors += start * tsr_min(t->n, TSR_DIVIDE_COLUMNS);
  return node;
}

int32_t tsr_divide_merge(const tsr_divide *t, tsr_run *run, size_t start, size_t middle, size_t end) {
  merge m = {.t = from_row(t, start), .run = run, .top = middle - start, .n = end - start};
  couple(&m, t->e[middle - 1]);
  deflate(&m);
  if (m.kept == 0) {
    memcpy(m.t.order, m.t.from, m.n * sizeof(uint32_t));
    return TSR_OK;
  }
  group_by_half(&m);
  make_room(&m);
  solve_secular(&m);
  int32_t status = t->Q == NULL ? TSR_OK : update_vectors(&m);
  if (!tsr_stopped(run)) renumber(&m);
  return status;
}
