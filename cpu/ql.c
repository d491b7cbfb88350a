/* ql.c: implicit QL iteration for a symmetric tridiagonal matrix in float64, and the eigensolver that consists of it
 * alone. */
#include <float.h>
#include <math.h>
#include <string.h>
#include "stedc.h"
#include "stedc_scale.h"

enum { STEPS = 30 }; /* a vector usually takes less than 2 */

/* Elements below are nothing beside a matrix of norm 1, whatever their neighbours. */
static const double NOTHING = 0x1p-100;

static size_t block_end(size_t n, const double *d, const double *e, size_t first) {
  size_t end = first;
  while (end + 1 < n && fabs(e[end]) > DBL_EPSILON / 2 * (fabs(d[end]) + fabs(d[end + 1])) + NOTHING) end++;
  return end;
}

/* sqrt(f^2 + g^2), where nothing overflows. */
static inline double length(double f, double g) {
  double squares = f * f + g * g;
  return squares > 0x1p-900 ? sqrt(squares) : hypot(f, g);
}

/* One step on rows first..end with Wilkinson's shift: the bulge is chased up from the end. */
static void step(double *d, double *e, size_t first, size_t end, tsr_ql_turn turn, void *context) {
  double g = (d[first + 1] - d[first]) / (2 * e[first]), r = hypot(g, 1), s = 1, c = 1, p = 0;
  g = d[end] - d[first] + e[first] / (g + copysign(r, g));
  for (size_t i = end; i-- > first;) {
    double f = s * e[i], b = c * e[i];
    r = length(f, g);
    e[i + 1] = r;
    if (r == 0) { /* the matrix falls apart here */
      d[i + 1] -= p;
      e[end] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1] - p;
    r = (d[i] - g) * s + 2 * c * b;
    p = s * r;
    d[i + 1] = g + p;
    g = c * r - b;
    if (turn != NULL) turn(context, i, c, s);
  }
  d[first] -= p;
  e[first] = g;
  e[end] = 0;
}

bool tsr_ql(const tsr_run *run, size_t n, double *d, double *e, tsr_ql_turn turn, void *context) {
  size_t steps = STEPS * n;
  for (size_t first = 0; first < n; first++) {
    for (size_t end; (end = block_end(n, d, e, first)) > first; steps--) {
      if (steps == 0) return false;
      if (atomic_load_explicit(run->canceled, memory_order_relaxed) != 0) return true;
      step(d, e, first, end, turn, context);
    }
  }
  return true;
}

typedef struct {
  size_t n;
  double *Z;
} rows;

/* Turns rows i and i+1 of Z. */
static void rotate(void *context, size_t i, double c, double s) {
  const rows *r = context;
  double *x = r->Z + i * r->n, *y = x + r->n;
  for (size_t t = 0; t < r->n; t++) {
    double below = y[t];
    y[t] = s * x[t] + c * below;
    x[t] = c * x[t] - s * below;
  }
}

size_t tsr_stedc_reference_workspace(size_t n, bool vectors) {
  return (2 * n + (vectors ? n * n : 0)) * sizeof(double);
}

/* By insertion, the rows of Z with their eigenvalues. */
static void sort(size_t n, double *d, double *Z, double *row) {
  for (size_t i = 1; i < n; i++) {
    size_t to = i;
    double value = d[i];
    while (to > 0 && d[to - 1] > value) to--;
    memmove(d + to + 1, d + to, (i - to) * sizeof *d);
    d[to] = value;
    if (Z == NULL || to == i) continue;
    memcpy(row, Z + i * n, n * sizeof *row);
    memmove(Z + (to + 1) * n, Z + to * n, (i - to) * n * sizeof *row);
    memcpy(Z + to * n, row, n * sizeof *row);
  }
}

int32_t tsr_stedc_reference(tsr_run *run, size_t n, double *d, const double *e, float *Q, size_t ldq, void *workspace) {
  double *off = workspace, *row = off + n, *Z = Q == NULL ? NULL : row + n;
  int exponent = tsr_tridiagonal_exponent(n, d, e);
  if (exponent == TSR_NOT_FINITE) {
    tsr_fill_nan(n, d, Q, ldq);
    return TSR_OK;
  }
  tsr_tridiagonal_scale(n, d, e, off, -exponent);
  for (size_t i = 0; Z != NULL && i < n * n; i++) Z[i] = i % (n + 1) == 0;
  rows r = {n, Z};
  if (!tsr_ql(run, n, d, off, Z == NULL ? NULL : rotate, &r)) {
    tsr_fill_nan(n, d, Q, ldq);
    return TSR_OK;
  }
  sort(n, d, Z, row);
  for (size_t j = 0; j < n; j++) {
    d[j] = ldexp(d[j], exponent);
    for (size_t i = 0; Q != NULL && i < n; i++) Q[i * ldq + j] = (float)Z[j * n + i];
  }
  return TSR_OK;
}
