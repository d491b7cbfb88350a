/* secular.h: the equation 1/rho + sum w_j/(p_j - x) = 0, whose roots are the eigenvalues of diag(p) + rho z z' with w =
 * z^2. */
#ifndef TSR_SECULAR_H
#define TSR_SECULAR_H
#include "gemm.h"

/* Poles ascending and apart, weights positive with sum 1, rho > 0. Root i lies between poles i and i+1, the last within
 * rho of the last pole. A root is accepted where the left side is at most `tolerance` times the size of its terms. */
typedef struct {
  const tsr_kernels *kernels;
  size_t k;
  const double *pole, *weight;
  double rho, tolerance;
} tsr_secular;

/* A root as origin + offset: origin is the nearer pole, so that (p_j - origin) - offset has a small relative error for
 * every pole. */
typedef struct {
  double origin, offset;
} tsr_root;

tsr_root tsr_secular_root(const tsr_secular *s, size_t i);

/* The weight, but for a factor common to all i, for which the roots found are exact ones (Gu and Eisenstat):
 * eigenvectors made with it are orthogonal however far the roots are from those of the original weights. */
double tsr_secular_weight(const tsr_secular *s, const double *origin, const double *offset, size_t i);

#endif
