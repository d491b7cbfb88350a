/* secular.c: roots of the secular equation by rational interpolation that matches value, slope and curvature (Gragg),
 * and the weights that belong to the roots. */
#include "secular.h"
#include <math.h>
#include <stdbool.h>

enum { STEPS_MAX = 80 }; /* the interpolation needs 3 as a rule; 15 were never seen */

/* The interpolated equation is c + w0/(d0 - y) + w1/(d1 - y) = 0 for the step y from a point. Between two poles, d0 and
 * d1 are these; beyond the last pole it is d1, and d0 the pole that stands for all others. */
typedef struct {
  double c, d[2], w[2];
  double value, slope; /* of the equation at the point */
  double bound;        /* acceptable distance of the value from 0, in units of the tolerance */
} point;

static tsr_secular_sums add_terms(const tsr_secular *s, size_t first, size_t end, tsr_root x) {
  return s->kernels->terms(end - first, s->pole + first, s->weight + first, x.origin, x.offset);
}

/* Adds the terms of the poles around the root. They are kept out of c, where they would cancel. */
static void add_near(const tsr_secular *s, size_t first, size_t count, tsr_root x, double size, point *p) {
  for (size_t i = 2 - count; i < 2; i++) {
    p->w[i] = s->weight[first + i + count - 2];
    p->d[i] = (s->pole[first + i + count - 2] - x.origin) - x.offset;
    double term = p->w[i] / p->d[i];
    p->value += term;
    p->slope += term / p->d[i];
    size += fabs(term);
  }
  p->bound = 8 * size + 1 / s->rho + fabs(x.offset) * p->slope;
}

/* Between poles i and i+1: their weights and c match value, slope and curvature of the other terms (Gragg). */
static point evaluate_between(const tsr_secular *s, size_t i, tsr_root x) {
  tsr_secular_sums left = add_terms(s, 0, i, x), right = add_terms(s, i + 2, s->k, x);
  double f = 1 / s->rho + left.f + right.f, slope = left.slope + right.slope, curve = left.curve + right.curve;
  point p = {.value = f, .slope = slope};
  add_near(s, i, 2, x, right.f - left.f, &p);
  double d0 = p.d[0], d1 = p.d[1];
  p.c = f - (d0 + d1) * slope + d0 * d1 * curve;
  p.w[0] += d0 * d0 * d0 * (curve * d1 - slope) / (d1 - d0);
  p.w[1] += d1 * d1 * d1 * (slope - curve * d0) / (d1 - d0);
  return p;
}

/* Beyond the last pole: one pole that matches value, slope and curvature of all other terms, and lies among theirs. */
static point evaluate_beyond(const tsr_secular *s, tsr_root x) {
  tsr_secular_sums left = add_terms(s, 0, s->k - 1, x);
  double f = 1 / s->rho + left.f, d0 = left.slope / left.curve;
  point p = {.c = f - d0 * left.slope, .d = {d0}, .w = {d0 * d0 * left.slope}, .value = f, .slope = left.slope};
  add_near(s, s->k - 1, 1, x, -left.f, &p);
  return p;
}

static point evaluate(const tsr_secular *s, size_t i, tsr_root x) {
  return i + 1 == s->k ? evaluate_beyond(s, x) : evaluate_between(s, i, x);
}

/* The root of the interpolation as distance t from pole 0 or 1, with a small relative error however near it is:
 * c - w0/t + w1/(gap-t) = 0, the mirror image of that, and c - w1/t - w0/(gap+t) = 0. */
static double distance_between(const point *p, bool right) {
  double gap = p->d[1] - p->d[0], c = right ? -p->c : p->c, a = c * gap + p->w[0] + p->w[1], b = p->w[right] * gap;
  double root = sqrt(fmax(0, a * a - 4 * b * c));
  return a > 0 ? 2 * b / (a + root) : (a - root) / (2 * c);
}

static double distance_beyond(const point *p) {
  double gap = p->d[1] - p->d[0], a = p->c * gap - p->w[0] - p->w[1], b = p->w[1] * gap;
  double root = sqrt(fmax(0, a * a + 4 * b * p->c));
  return a > 0 ? 2 * b / (a + root) : (root - a) / (2 * p->c);
}

/* The same root as a step from the point, which is exact where the value is 0 whatever the rounding errors of c. */
static double step(const point *p, bool beyond) {
  double product = p->d[0] * p->d[1], a = (p->d[0] + p->d[1]) * p->value - product * p->slope, b = product * p->value;
  double root = sqrt(fmax(0, a * a - 4 * b * p->c));
  if (beyond) return a < 0 ? 2 * b / (a - root) : (a + root) / (2 * p->c);
  return a > 0 ? 2 * b / (a + root) : (a - root) / (2 * p->c);
}

tsr_root tsr_secular_root(const tsr_secular *s, size_t i) {
  if (s->k == 1) return (tsr_root){s->pole[0], s->rho * s->weight[0]};
  bool beyond = i + 1 == s->k, right = false;
  double half = beyond ? s->rho / 2 : (s->pole[i + 1] - s->pole[i]) / 2, low = 0, high = half;
  tsr_root x = {s->pole[i], half};
  point p = evaluate(s, i, x);
  if (p.value < 0 && beyond) {
    low = half;
    high = s->rho;
  } else if (p.value < 0) {
    right = true;
    x.origin = s->pole[i + 1];
  }
  /* From here on a root is its distance t from the nearer pole, and `sign` times the value grows with t. */
  double sign = right ? -1 : 1, t = half, next = beyond ? distance_beyond(&p) : distance_between(&p, right);
  for (int steps = 0; steps < STEPS_MAX && !(fabs(p.value) <= s->tolerance * p.bound); steps++) {
    if (!(next > low && next < high)) next = low > 0 ? sqrt(low * high) : high / 256;
    bool settled = fabs(next - t) <= 0x1p-51 * t || high - low <= 0x1p-51 * high;
    t = next;
    if (settled) break;
    x.offset = sign * t;
    p = evaluate(s, i, x);
    if (sign * p.value < 0) low = t;
    else high = t;
    next = t + sign * step(&p, beyond);
  }
  return (tsr_root){x.origin, sign * t};
}

/* Product of (p_i - x_j) / (p_i - p_j) over a range of j. */
static double product(const tsr_secular *s, const double *origin, const double *offset, size_t i, size_t first,
                      size_t end) {
  return s->kernels->quotients(end - first, s->pole + first, origin + first, offset + first, s->pole[i]);
}

double tsr_secular_weight(const tsr_secular *s, const double *origin, const double *offset, size_t i) {
  double own = (s->pole[i] - origin[i]) - offset[i];
  return fabs(product(s, origin, offset, i, 0, i) * own * product(s, origin, offset, i, i + 1, s->k));
}
