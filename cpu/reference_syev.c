/* reference_syev.c: the dense symmetric eigenproblem in float64 by cyclic Jacobi (Golub & Van Loan 8.5): what specifies
 * it. */
#include <math.h>
#include <stdlib.h>
#include "reference.h"
#include "syev.h"

enum { SWEEPS = 40 };

/* x, y = c x - s y, s x + c y for n numbers, with t = s / (1 + c): Rutishauser's form, whose errors do not add up to a
 * change of length. */
static void turn(size_t n, double *x, double *y, size_t step, double s, double t) {
  for (size_t i = 0; i < n; i++, x += step, y += step) {
    double a = *x, b = *y;
    *x = a - s * (b + t * a);
    *y = b + s * (a - t * b);
  }
}

/* Rows of Z gather the vectors. */
static void rotate(size_t n, double *A, double *Z, size_t p, size_t q) {
  double cot = (A[q * n + q] - A[p * n + p]) / (2 * A[p * n + q]);
  double tangent = copysign(1, cot) / (fabs(cot) + sqrt(1 + cot * cot));
  double c = 1 / sqrt(1 + tangent * tangent), s = tangent * c, t = s / (1 + c);
  turn(n, A + p * n, A + q * n, 1, s, t);
  turn(n, A + p, A + q, n, s, t);
  A[p * n + q] = A[q * n + p] = 0;
  turn(n, Z + p * n, Z + q * n, 1, s, t);
}

/* Whether anything was rotated. What is below the rounding errors of the largest element is left: within a cluster of
 * values such noise would be turned by large angles again and again, and grow. */
static bool sweep(const tsr_run *run, size_t n, double *A, double *Z) {
  bool any = false;
  for (size_t p = 0; p < n && !tsr_canceled(run); p++) {
    for (size_t q = p + 1; q < n; q++) {
      if (fabs(A[p * n + q]) <= 0x1p-54) continue;
      rotate(n, A, Z, p, q);
      any = true;
    }
  }
  return any;
}

/* The largest first: selection of the next value, and its vector. */
static void write(const tsr_op *op, double *A, const double *Z, int exponent) {
  const tsr_view *W = &op->v[1], *V = &op->v[2];
  size_t n = W->cols;
  for (size_t j = 0; j < n; j++) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
      if (A[i * n + i] > A[best * n + best]) best = i;
    }
    tsr_set(W, 0, j, ldexp(A[best * n + best], exponent));
    A[best * n + best] = -INFINITY;
    for (size_t i = 0; j < V->cols && i < n; i++) tsr_set(V, i, j, Z[best * n + i]);
  }
}

int32_t tsr_reference_syev(tsr_run *run, const tsr_op *op) {
  size_t n = op->v[0].rows;
  run->tile = TSR_TILE_REFERENCE;
  if (n == 0) return TSR_OK;
  double *A = malloc(2 * n * n * sizeof *A), *Z = A == NULL ? NULL : A + n * n;
  if (A == NULL) return TSR_E_MEMORY;
  int exponent = tsr_syev_scaled(&op->v[0], A);
  if (exponent == TSR_SYEV_NOT_FINITE) {
    tsr_syev_fill_nan(op);
  } else {
    for (size_t i = 0; i < n; i++) {
      for (size_t j = 0; j < n; j++) Z[i * n + j] = i == j;
      for (size_t j = i + 1; j < n; j++) A[i * n + j] = A[j * n + i];
    }
    for (size_t i = 0; i < SWEEPS && sweep(run, n, A, Z); i++) continue;
    write(op, A, Z, exponent);
  }
  free(A);
  return TSR_OK;
}
