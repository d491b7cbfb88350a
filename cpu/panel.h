/* panel.h: what the panels of the tridiagonal and the bidiagonal reduction share: reflectors, and the vectors of a
 * panel. All sums are carried in float64, in an order that depends on the shapes only. */
#ifndef TSR_PANEL_H
#define TSR_PANEL_H
#include "gemm.h"

enum { TSR_PANEL_CHUNK = 512 };

/* H = I - v v'/t takes x to beta e1; v = scale (x - beta e1), rounded. */
typedef struct {
  double beta, t, scale;
} tsr_reflector;

/* Both x (n numbers) and v become v; rest is the sum of squares of x behind its first number. beta is x[0] and v = 0
 * where the rest is too small to matter. */
tsr_reflector tsr_reflect(size_t n, double rest, double *x, float *v);
double tsr_squares(size_t n, const double *x);

/* Vectors of a panel: number s at p + s*length. */
typedef struct {
  float *p;
  size_t length;
} tsr_vectors;

/* For vectors of n numbers: the cache sets of their first numbers differ whatever n is. */
static inline size_t tsr_vectors_length(size_t n) { return tsr_round_up(n, 16) + 16; }

/* y -= c_0 p_0 + c_1 p_1 + ..., over the elements [from, to). */
void tsr_vectors_subtract(const tsr_kernels *kernels, const tsr_vectors *p, size_t count, const double *c, size_t from,
                          size_t to, double *y);
/* Copies the numbers [from, to) of nb vectors, 0, 2, 4 ... or with odd 1, 3, 5 ..., into columns of M. */
void tsr_vectors_write(const tsr_vectors *p, size_t nb, size_t odd, const tsr_view *M, size_t column, size_t from,
                       size_t to);

/* c_s = p_s' x over the elements [from, to), in chunks that any thread may take. */
typedef struct {
  const tsr_kernels *kernels;
  const tsr_vectors *p;
  size_t count, from, to;
  const double *x;
  double *parts; /* count numbers for each chunk */
} tsr_projection;

size_t tsr_projection_chunks(const tsr_projection *p);
void tsr_projection_chunk(const tsr_projection *p, size_t chunk);
void tsr_projection_take(const tsr_projection *p, double *c);

#endif
