/* gemm_pairs.c: few columns of B in pairs of rows. Where C is at most half a tile wide, a vector of B would be one row
 * of it, and each element of A one broadcast; two rows in turn fill the tile, and one broadcast takes two elements. */
#include "gemm.h"
#include <string.h>

tsr_columns tsr_columns_of(const tsr_kernels *kernels, size_t cols) {
  size_t nr = kernels->nr;
  bool narrow = cols <= nr / 2, half = cols <= nr / 4;
  if (narrow && kernels->pairs[0] != NULL)
    return (tsr_columns){kernels->pairs[half], nr / 2, half ? nr / 2 : nr, true};
  return (tsr_columns){kernels->tile[1][narrow], narrow ? nr / 2 : nr, nr, false};
}

/* Rows one and two of w numbers side by side. Always with the same w: a compiler then knows the shuffles. */
static inline __attribute__((always_inline)) void pair(const size_t w, const float *one, const float *two, float *to) {
  float first[TSR_PAIRED_MAX], second[TSR_PAIRED_MAX];
  memcpy(first, one, w * sizeof *one);
  if (two != NULL) memcpy(second, two, w * sizeof *two);
  else memset(second, 0, w * sizeof *second);
  for (size_t j = 0; j < w; j++) {
    to[2 * j] = first[j];
    to[2 * j + 1] = second[j];
  }
}

void tsr_pair_rows(const tsr_kernels *kernels, const tsr_columns *columns, size_t k, float *panel) {
  if (!columns->pairs) return;
  const float *from = panel;
  for (size_t t = 0; t < k; t += 2, from += 2 * kernels->nr, panel += columns->ldb) {
    const float *two = t + 1 < k ? from + kernels->nr : NULL;
    switch (columns->ldb / 2) {
      case 4: pair(4, from, two, panel); break;
      case 8: pair(8, from, two, panel); break;
      default: pair(16, from, two, panel); break;
    }
  }
}
