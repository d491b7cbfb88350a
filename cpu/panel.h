/* panel.h: what the panels of the tridiagonal and the bidiagonal reduction share: reflectors, the vectors of a
 * panel, and products of the matrix with a vector. All sums are carried in float64, in an order that depends on the
 * shapes only. */
#ifndef TSR_PANEL_H
#define TSR_PANEL_H
#include "gemm.h"

enum { TSR_PANEL_CHUNK = 512, TSR_PANEL_COLUMNS = 128 };

/* H = I - v v'/t takes x to beta e1. */
typedef struct {
  double beta, t;
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

/* y -= c_0 p_0 + c_1 p_1 + ..., over the elements [from, to). */
void tsr_vectors_subtract(const tsr_kernels *kernels, const tsr_vectors *p, size_t count, const double *c, size_t from,
                          size_t to, double *y);
/* Copies the numbers [from, to) of nb vectors, 0, 2, 4 ... or with odd 1, 3, 5 ..., into columns of M. */
void tsr_vectors_write(const tsr_vectors *p, size_t nb, size_t odd, const tsr_view *M, size_t column, size_t from,
                       size_t to);

/* A x, A' x, or A x for a symmetric A, of which the lower triangle is read. */
typedef enum { TSR_ACROSS, TSR_DOWN, TSR_SYMMETRIC } tsr_direction;
typedef struct {
  tsr_direction direction;
  const float *a;
  size_t ld, rows, cols;
  const double *x;
  double *sums; /* tsr_stream_sums(direction, rows, cols) numbers: what each part of the rows adds to the result */
} tsr_stream;

size_t tsr_stream_sums(tsr_direction direction, size_t rows, size_t cols);
/* y[t] = element t of the product, from <= t < to. */
void tsr_stream_take(const tsr_stream *s, size_t from, size_t to, double *y);

/* c_s = p_s' x over the elements [from, to). */
typedef struct {
  const tsr_vectors *p;
  size_t count, from, to;
  const double *x;
  double *parts; /* count numbers for each chunk of elements */
  double *c;
} tsr_projection;

/* One pass over the matrix, and beside it one over the vectors. */
void tsr_multiply_vector(tsr_run *run, const tsr_stream *s, const tsr_projection *p);

#endif
