/* stedc.h: eigenvalues and vectors of a symmetric tridiagonal matrix, and singular values of a bidiagonal one, in
 * float64 with vectors in float32. */
#ifndef TSR_STEDC_H
#define TSR_STEDC_H
#include "../core/core.h"

/* How small, against the largest element of T, what is neglected may be: enough for vectors in float32; and for the
 * square of a bidiagonal matrix, whose error is that of the singular values squared. */
#define TSR_STEDC_TOLERANCE 0x1p-36
#define TSR_STEDC_TOLERANCE_SQUARES 0x1p-50

/* T has the diagonal d (n) and the off-diagonal e (n-1), which is kept. d becomes the eigenvalues, ascending. Column j
 * of Q (n x n, leading dimension ldq, never read; NULL: eigenvalues only, with the same bits) becomes the vector of
 * d[j], orthonormal to about 6 sqrt(n) 2^-24 before polishing. NaN or Inf in T makes all results NaN. workspace:
 * tsr_stedc_workspace bytes, aligned to 64. TSR_OK or TSR_E_MEMORY; undefined results when cancelled. */
size_t tsr_stedc_workspace(size_t n, bool vectors);
int32_t tsr_stedc_solve(tsr_run *run, size_t n, double *d, const double *e, float *Q, size_t ldq, double tolerance,
                        void *workspace);

/* B is upper bidiagonal with diagonal d (n) and off-diagonal e (n-1), both kept. s (n): singular values, descending,
 * with an error of about 2^-25 s[0]; column j of Z: the right singular vector of s[j]. The left ones are the Q of a QR
 * factorisation of B Z, Z polished. The rest as in tsr_stedc_solve. */
size_t tsr_bdsdc_workspace(size_t n, bool vectors);
int32_t tsr_bdsdc_solve(tsr_run *run, size_t n, const double *d, const double *e, double *s, float *Z, size_t ldz,
                        void *workspace);

/* Implicit QL: the eigenvalues of T to d, in no order; e (n, the last element free) is destroyed. Each rotation of the
 * rows i and i+1 is told in turn: x, y = c x - s y, s x + c y; NULL: to nobody. So row i of a matrix that enters as I
 * becomes the vector of d[i]. False where it did not converge in 30 n steps, true when cancelled. Elements of T are at
 * most about 1. */
typedef void (*tsr_ql_turn)(void *context, size_t i, double c, double s);
bool tsr_ql(const tsr_run *run, size_t n, double *d, double *e, tsr_ql_turn turn, void *context);

/* The two solvers by implicit QL alone, vectors kept in float64 and rounded once: what specifies them. */
size_t tsr_stedc_reference_workspace(size_t n, bool vectors);
int32_t tsr_stedc_reference(tsr_run *run, size_t n, double *d, const double *e, float *Q, size_t ldq, void *workspace);
size_t tsr_bdsdc_reference_workspace(size_t n, bool vectors);
int32_t tsr_bdsdc_reference(tsr_run *run, size_t n, const double *d, const double *e, double *s, float *Z, size_t ldz,
                            void *workspace);

#endif
