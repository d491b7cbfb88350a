/* bdsdc.c: singular values and right singular vectors of a bidiagonal matrix B, by the tridiagonal eigenproblem of
 * B'B. */
#include <math.h>
#include "gemm.h"
#include "stedc.h"
#include "stedc_scale.h"

static size_t squares_bytes(size_t n) { return tsr_round_up(2 * n * sizeof(double), 64); }

size_t tsr_bdsdc_workspace(size_t n, bool vectors) { return squares_bytes(n) + tsr_stedc_workspace(n, vectors); }

size_t tsr_bdsdc_reference_workspace(size_t n, bool vectors) {
  return squares_bytes(n) + tsr_stedc_reference_workspace(n, vectors);
}

/* -B'B instead of B'B: its eigenvalues ascend as the singular values descend. B is scaled by the exponent, lest squares
 * overflow. */
static void square(size_t n, const double *d, const double *e, int exponent, double *diagonal, double *off) {
  double above = 0;
  for (size_t i = 0; i < n; i++) {
    double x = ldexp(d[i], -exponent), beside = i + 1 < n ? ldexp(e[i], -exponent) : 0;
    diagonal[i] = -(x * x + above * above);
    off[i] = -x * beside;
    above = beside;
  }
}

static int32_t solve(tsr_run *run, size_t n, const double *d, const double *e, double *s, float *Z, size_t ldz,
                     bool reference, void *workspace) {
  double *squares = workspace, *off = squares + n;
  void *rest = (char *)workspace + squares_bytes(n);
  int exponent = tsr_tridiagonal_exponent(n, d, e);
  if (exponent == TSR_NOT_FINITE) {
    tsr_fill_nan(n, s, Z, ldz);
    return TSR_OK;
  }
  square(n, d, e, exponent, squares, off);
  int32_t status = reference ? tsr_stedc_reference(run, n, squares, off, Z, ldz, rest)
                             : tsr_stedc_solve(run, n, squares, off, Z, ldz, TSR_STEDC_TOLERANCE_SQUARES, rest);
  for (size_t i = 0; i < n; i++) s[i] = squares[i] >= 0 ? 0 : ldexp(sqrt(-squares[i]), exponent);
  return status;
}

int32_t tsr_bdsdc_solve(tsr_run *run, size_t n, const double *d, const double *e, double *s, float *Z, size_t ldz,
                        void *workspace) {
  return solve(run, n, d, e, s, Z, ldz, false, workspace);
}

int32_t tsr_bdsdc_reference(tsr_run *run, size_t n, const double *d, const double *e, double *s, float *Z, size_t ldz,
                            void *workspace) {
  return solve(run, n, d, e, s, Z, ldz, true, workspace);
}
