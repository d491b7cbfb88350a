/* gemm_merge.c: operands of a product, and the ways of its sums and of panels to where they belong. */
#include <string.h>
#include "gemm.h"

size_t tsr_rows_of(const tsr_view *v) { return v->trans ? v->cols : v->rows; }
size_t tsr_cols_of(const tsr_view *v) { return v->trans ? v->rows : v->cols; }

tsr_operand tsr_operand_of(const tsr_view *v) { return (tsr_operand){v->data, v->ld, v->trans}; }

tsr_target tsr_target_of(const tsr_view *v) {
  return (tsr_target){v->data, v->trans ? 1 : v->ld, v->trans ? v->ld : 1, v->type == TSR_F64};
}

bool tsr_touches(uint32_t uplo, size_t row, size_t col, size_t rows, size_t cols) {
  if (uplo == TSR_LOWER) return col < row + rows;
  if (uplo == TSR_UPPER) return row < col + cols;
  return true;
}

bool tsr_inside(uint32_t uplo, size_t row, size_t col, size_t rows, size_t cols) {
  if (uplo == TSR_LOWER) return col + cols <= row + 1;
  if (uplo == TSR_UPPER) return row + rows <= col + 1;
  return true;
}

static double load(const tsr_target *t, size_t i, size_t j) {
  size_t at = i * t->row + j * t->col;
  return t->wide ? ((const double *)t->p)[at] : (double)((const float *)t->p)[at];
}

static void store(const tsr_target *t, size_t i, size_t j, double x) {
  size_t at = i * t->row + j * t->col;
  if (t->wide) ((double *)t->p)[at] = x;
  else ((float *)t->p)[at] = (float)x;
}

/* The usual row: along memory, in float. */
static void merge_float(float *c, size_t n, double alpha, const double *tile, double beta) {
  if (beta == 0) {
    for (size_t j = 0; j < n; j++) c[j] = (float)(alpha * tile[j]);
  } else {
    for (size_t j = 0; j < n; j++) c[j] = (float)(alpha * tile[j] + beta * (double)c[j]);
  }
}

/* The same in double. */
static void merge_double(double *c, size_t n, double alpha, const double *tile, double beta) {
  if (beta == 0) {
    for (size_t j = 0; j < n; j++) c[j] = alpha * tile[j];
  } else {
    for (size_t j = 0; j < n; j++) c[j] = alpha * tile[j] + beta * c[j];
  }
}

void tsr_merge(const tsr_product *g, size_t row, size_t col, size_t rows, size_t cols, const double *tile,
               size_t ld) {
  bool usual = g->c.col == 1 && g->c.p == g->d.p;
  for (size_t i = 0; i < rows; i++, tile += ld) {
    size_t r = row + i, first = 0, end = cols;
    if (g->uplo == TSR_LOWER) end = r < col ? 0 : tsr_min(cols, r - col + 1);
    if (g->uplo == TSR_UPPER) first = r <= col ? 0 : tsr_min(cols, r - col);
    if (usual && first < end) {
      size_t at = r * g->c.row + col + first;
      if (g->c.wide) merge_double((double *)g->c.p + at, end - first, g->alpha, tile + first, g->beta);
      else merge_float((float *)g->c.p + at, end - first, g->alpha, tile + first, g->beta);
      continue;
    }
    for (size_t j = first; j < end; j++) {
      double x = g->alpha * tile[j];
      if (g->beta != 0) x += g->beta * load(&g->d, r, col + j);
      store(&g->c, r, col + j, x);
    }
  }
}

void tsr_unpack(const tsr_pack *pack, const float *panels, float *to, size_t ld) {
  for (size_t t = 0; t < pack->k; t++, to += ld) {
    const float *from = panels + t * pack->w;
    float *part = to;
    for (size_t left = pack->width, some; left > 0; left -= some, from += pack->panel, part += some) {
      some = tsr_min(left, pack->w);
      memcpy(part, from, some * sizeof *to);
    }
  }
}
