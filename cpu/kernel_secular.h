/* kernel_secular.h: the loops over the poles of a secular equation for one instruction set. A secular_*.c includes this
 * text once, and gives before: SECULAR(name), the name of a kernel in this set, and BYTES, the size of a register.
 *
 * A division costs as much as ten other steps, so four quotients share one: 1/a and 1/b are b/(ab) and a/(ab). Poles
 * are further apart than 2^-60 and the roots from them than 2^-200, so that no product underflows. */
#ifndef TSR_KERNEL_SECULAR_H
#define TSR_KERNEL_SECULAR_H
#include "gemm.h"

#define UNROLL _Pragma("GCC unroll 8")

typedef double vector __attribute__((vector_size(BYTES)));
typedef int64_t mask __attribute__((vector_size(BYTES)));
typedef float narrow __attribute__((vector_size(BYTES / 2)));

#define NUMBER double
#include "kernel_register.h"

enum { SHARED = 4, COLUMNS = TSR_SECULAR_COLUMNS, WIDE = COLUMNS / LANES };

INLINE double total(vector x) {
  double sum = 0;
  UNROLL for (int l = 0; l < LANES / 2; l++) sum += x[l] + x[l + LANES / 2];
  return sum;
}

/* Four vectors become their inverses. */
INLINE void invert(vector *x) {
  vector left = x[0] * x[1], right = x[2] * x[3], all = 1 / (left * right);
  vector l = all * right, r = all * left;
  vector y[SHARED] = {l * x[1], l * x[0], r * x[3], r * x[2]};
  UNROLL for (int q = 0; q < SHARED; q++) x[q] = y[q];
}

typedef struct {
  vector f, slope, curve;
} partial;

INLINE void add_terms(partial *p, vector weight, vector inverse) {
  vector term = weight * inverse;
  p->f += term;
  term *= inverse;
  p->slope += term;
  p->curve += term * inverse;
}

tsr_secular_sums SECULAR(terms)(size_t n, const double *pole, const double *weight, double origin, double offset) {
  partial even = {0}, odd = {0};
  size_t j = 0;
  for (; j + SHARED * LANES <= n; j += SHARED * LANES) {
    vector x[SHARED];
    UNROLL for (int q = 0; q < SHARED; q++) x[q] = (load(pole + j + q * LANES) - origin) - offset;
    invert(x);
    UNROLL for (int q = 0; q < SHARED; q++) add_terms(q % 2 ? &odd : &even, load(weight + j + q * LANES), x[q]);
  }
  for (; j + LANES <= n; j += LANES) add_terms(&even, load(weight + j), 1 / ((load(pole + j) - origin) - offset));
  tsr_secular_sums sum = {total(even.f + odd.f), total(even.slope + odd.slope), total(even.curve + odd.curve)};
  for (; j < n; j++) {
    double inverse = 1 / ((pole[j] - origin) - offset), term = weight[j] * inverse;
    sum.f += term;
    term *= inverse;
    sum.slope += term;
    sum.curve += term * inverse;
  }
  return sum;
}

double SECULAR(quotients)(size_t n, const double *pole, const double *origin, const double *offset, double at) {
  vector lanes = (vector){0} + 1;
  size_t j = 0;
  for (; j + SHARED * LANES <= n; j += SHARED * LANES) {
    vector over = (vector){0} + 1, under = over;
    UNROLL for (size_t q = j; q < j + SHARED * LANES; q += LANES) {
      over *= (at - load(origin + q)) - load(offset + q);
      under *= at - load(pole + q);
    }
    lanes *= over / under;
  }
  double product = 1;
  UNROLL for (int l = 0; l < LANES; l++) product *= lanes[l];
  for (; j < n; j++) product *= ((at - origin[j]) - offset[j]) / (at - pole[j]);
  return product;
}

void SECULAR(columns)(const tsr_secular_vectors *s, size_t rows, const double *first, const double *last,
                      double *sums) {
  vector squares[WIDE] = {{0}}, top[WIDE] = {{0}}, bottom[WIDE] = {{0}};
  for (size_t i = 0; i < rows; i += 2) {
    size_t next = tsr_min(i + 1, rows - 1);
    double part = next > i ? s->part[next] : 0;
    UNROLL for (int q = 0; q < WIDE; q++) {
      vector origin = load(s->origin + q * LANES), offset = load(s->offset + q * LANES);
      vector a = (s->pole[i] - origin) - offset, b = (s->pole[next] - origin) - offset, inverse = 1 / (a * b);
      vector x = s->part[i] * (inverse * b), y = part * (inverse * a);
      squares[q] += x * x + y * y;
      top[q] += first[i] * x + first[next] * y;
      bottom[q] += last[i] * x + last[next] * y;
    }
  }
  UNROLL for (int q = 0; q < WIDE; q++) {
    store(sums + q * LANES, squares[q]);
    store(sums + COLUMNS + q * LANES, top[q]);
    store(sums + 2 * COLUMNS + q * LANES, bottom[q]);
  }
}

/* What is far below the rounding errors of a unit vector becomes 0: products of such numbers would be subnormal, and
 * slow. */
static const double DUST = 0x1p-60;

void SECULAR(row)(const tsr_secular_vectors *s, size_t i, size_t n, const double *scale, float *row) {
  double pole = s->pole[i], part = s->part[i];
  size_t j = 0;
  for (; j + SHARED * LANES <= n; j += SHARED * LANES) {
    vector x[SHARED];
    UNROLL for (int q = 0; q < SHARED; q++) {
      x[q] = (pole - load(s->origin + j + q * LANES)) - load(s->offset + j + q * LANES);
    }
    invert(x);
    UNROLL for (int q = 0; q < SHARED; q++) {
      vector y = part * load(scale + j + q * LANES) * x[q];
      y = (vector)((mask)y & ((y >= DUST) | (y <= -DUST)));
      narrow z = __builtin_convertvector(y, narrow);
      memcpy(row + j + q * LANES, &z, sizeof z);
    }
  }
  for (; j < n; j++) {
    double y = part * scale[j] / ((pole - s->origin[j]) - s->offset[j]);
    row[j] = y >= DUST || y <= -DUST ? (float)y : 0;
  }
}

#endif
