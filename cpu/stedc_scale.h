/* stedc_scale.h: what the tridiagonal eigensolvers do first and last: bring the largest element near 1, or answer with
 * NaN. */
#ifndef TSR_STEDC_SCALE_H
#define TSR_STEDC_SCALE_H
#include <limits.h>
#include <math.h>
#include <stddef.h>

enum { TSR_NOT_FINITE = INT_MAX };

/* Power of two of the largest element; TSR_NOT_FINITE where there is a NaN or Inf. */
static inline int tsr_tridiagonal_exponent(size_t n, const double *d, const double *e) {
  double largest = 0;
  int exponent = 0;
  for (size_t i = 0; i < n; i++) {
    double off = i + 1 < n ? e[i] : 0;
    if (!isfinite(d[i]) || !isfinite(off)) return TSR_NOT_FINITE;
    largest = fmax(largest, fmax(fabs(d[i]), fabs(off)));
  }
  if (largest > 0) (void)frexp(largest, &exponent);
  return exponent;
}

/* d is scaled in place, e into off (n, the last 0). */
static inline void tsr_tridiagonal_scale(size_t n, double *d, const double *e, double *off, int exponent) {
  for (size_t i = 0; i < n; i++) {
    d[i] = ldexp(d[i], exponent);
    off[i] = i + 1 < n ? ldexp(e[i], exponent) : 0;
  }
}

static inline void tsr_fill_nan(size_t n, double *d, float *Q, size_t ldq) {
  for (size_t i = 0; i < n; i++) {
    d[i] = NAN;
    for (size_t j = 0; Q != NULL && j < n; j++) Q[i * ldq + j] = NAN;
  }
}

#endif
