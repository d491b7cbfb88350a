/* reference_jacobi.c: a round of block Jacobi as plain loops: small blocks of a matrix, the rotations that make them
 * diagonal (cyclic Jacobi, Golub & Van Loan 8.5), and what they do to the matrix. */
#include <math.h>
#include "reference.h"

enum { ORDER = 64, SWEEPS = 30 };

typedef struct {
  size_t k;
  bool gram;
  double floor, g[ORDER][ORDER], j[ORDER][ORDER];
} block;

static bool is_small(const block *b, size_t p, size_t q, double tolerance) {
  if (!b->gram) return fabs(b->g[p][q]) <= tolerance;
  double sp = fmax(sqrt(fmax(b->g[p][p], 0)), b->floor), sq = fmax(sqrt(fmax(b->g[q][q], 0)), b->floor);
  return fabs(b->g[p][q]) <= tolerance * sp * sq;
}

static void turn_columns(size_t k, double a[ORDER][ORDER], size_t p, size_t q, double c, double s) {
  for (size_t i = 0; i < k; i++) {
    double x = a[i][p], y = a[i][q];
    a[i][p] = c * x - s * y;
    a[i][q] = s * x + c * y;
  }
}

static void turn_rows(size_t k, double a[ORDER][ORDER], size_t p, size_t q, double c, double s) {
  for (size_t i = 0; i < k; i++) {
    double x = a[p][i], y = a[q][i];
    a[p][i] = c * x - s * y;
    a[q][i] = s * x + c * y;
  }
}

static void rotate(block *b, size_t p, size_t q) {
  double cot = (b->g[q][q] - b->g[p][p]) / (2 * b->g[p][q]);
  double t = copysign(1, cot) / (fabs(cot) + sqrt(1 + cot * cot)), c = 1 / sqrt(1 + t * t), s = t * c;
  turn_columns(b->k, b->g, p, q, c, s);
  turn_rows(b->k, b->g, p, q, c, s);
  b->g[p][q] = b->g[q][p] = 0;
  turn_columns(b->k, b->j, p, q, c, s);
}

/* Whether anything was rotated. */
static bool sweep(block *b, double tolerance) {
  bool any = false;
  for (size_t p = 0; p < b->k; p++) {
    for (size_t q = p + 1; q < b->k; q++) {
      if (is_small(b, p, q, tolerance)) continue;
      rotate(b, p, q);
      any = true;
    }
  }
  return any;
}

static void order(block *b) {
  for (size_t p = 0; p < b->k; p++) {
    size_t first = p;
    for (size_t q = p + 1; q < b->k; q++) {
      if (b->g[q][q] > b->g[first][first]) first = q;
    }
    double d = b->g[p][p];
    b->g[p][p] = b->g[first][first];
    b->g[first][first] = d;
    for (size_t i = 0; i < b->k && first != p; i++) {
      double x = b->j[i][p];
      b->j[i][p] = b->j[i][first];
      b->j[i][first] = x;
    }
  }
}

/* J and the word of a block. */
static uint32_t diagonalize(block *b, double tolerance) {
  double largest = 0, sum = 0;
  bool done = true;
  for (size_t p = 0; p < b->k; p++) {
    for (size_t q = 0; q < b->k; q++) {
      largest = fmax(largest, fabs(b->g[p][q]));
      sum += fabs(b->g[p][q]);
      done = done && (p == q || is_small(b, p, q, tolerance));
      b->j[p][q] = p == q;
    }
  }
  if (!isfinite(sum)) {
    for (size_t p = 0; p < b->k; p++) {
      for (size_t q = 0; q < b->k; q++) b->j[p][q] = NAN;
    }
    return 1;
  }
  if (done) return 0;
  double fine = fmax(tolerance * 0x1p-4, 0x1p-46 * (b->gram ? 1 : largest));
  for (int i = 0; i < SWEEPS && sweep(b, fine);) i++;
  if (b->gram) order(b);
  return 1;
}

int32_t tsr_reference_jacobi(tsr_run *run, const tsr_op *op) {
  const tsr_view *G = &op->v[0], *J = &op->v[1], *words = &op->v[2];
  block b = {.k = G->cols, .gram = op->flags == TSR_GRAM, .floor = op->beta};
  run->tile = TSR_TILE_REFERENCE;
  for (size_t t = 0; t < words->cols && !tsr_canceled(run); t++) {
    size_t first = t * b.k;
    for (size_t p = 0; p < b.k; p++) {
      for (size_t q = 0; q <= p; q++) b.g[p][q] = b.g[q][p] = tsr_get(G, first + p, q);
    }
    ((uint32_t *)words->data)[t] = diagonalize(&b, op->alpha);
    for (size_t p = 0; p < b.k; p++) {
      for (size_t q = 0; q < b.k; q++) tsr_set(J, first + p, q, b.j[p][q]);
    }
  }
  return TSR_OK;
}

/* ---- apply ---- */

/* A small block and its pair. */
typedef struct {
  const tsr_view *A, *B;
  size_t w, first, p, q, blocks;
} pair;

/* Row or column i of X in A, which is none (SIZE_MAX) where its block is none of A. */
static size_t place(const pair *x, size_t i) {
  size_t number = i < x->w ? x->p : x->q;
  return number < x->blocks ? number * x->w + i % x->w : SIZE_MAX;
}

static double product(const pair *x, size_t i, size_t j) {
  double sum = 0;
  size_t a = place(x, i), b = place(x, j);
  if (a == SIZE_MAX || b == SIZE_MAX) return 0;
  for (size_t r = 0; r < x->A->rows; r++) sum += tsr_get(x->A, r, a) * tsr_get(x->A, r, b);
  return sum;
}

static double mean(const pair *x, size_t i, size_t j) {
  size_t a = place(x, i), b = place(x, j);
  return a == SIZE_MAX || b == SIZE_MAX ? 0 : (tsr_get(x->A, a, b) + tsr_get(x->A, b, a)) / 2;
}

static void gather(const pair *x, double (*element)(const pair *x, size_t i, size_t j)) {
  for (size_t i = 0; i < 2 * x->w; i++) {
    for (size_t j = 0; j < 2 * x->w; j++) tsr_set(x->B, x->first + i, j, element(x, i, j));
  }
}

/* X = X B, or B' X: line is a row or a column of A. */
static void update(const pair *x, bool rows, size_t line) {
  double before[ORDER];
  tsr_view A = *x->A;
  A.trans = rows;
  if (x->p >= x->blocks || x->q >= x->blocks) return;
  for (size_t i = 0; i < 2 * x->w; i++) before[i] = tsr_get(&A, line, place(x, i));
  for (size_t j = 0; j < 2 * x->w; j++) {
    double sum = 0;
    for (size_t i = 0; i < 2 * x->w; i++) sum += before[i] * tsr_get(x->B, x->first + i, j);
    tsr_set(&A, line, place(x, j), sum);
  }
}

int32_t tsr_reference_apply(tsr_run *run, const tsr_op *op) {
  const tsr_view *A = &op->v[0], *B = &op->v[2];
  const uint32_t *p = op->v[1].data, *q = p + op->v[1].ld, *words = q + op->v[1].ld;
  bool rows = op->flags == TSR_ROWS;
  run->tile = TSR_TILE_REFERENCE;
  for (size_t t = 0; t < op->v[1].cols && !tsr_canceled(run); t++) {
    pair x = {A, B, B->cols / 2, t * B->cols, p[t], q[t], (rows ? A->rows : A->cols) / (B->cols / 2)};
    if (op->flags == TSR_PRINCIPAL) gather(&x, mean);
    else if (op->flags == TSR_GRAM) gather(&x, product);
    else
      for (size_t line = 0; words[t] != 0 && line < (rows ? A->cols : A->rows); line++) update(&x, rows, line);
  }
  return TSR_OK;
}
