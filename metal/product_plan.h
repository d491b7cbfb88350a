/* product_plan.h: how a product is cut into tiles, parts and chains: a function of its shape alone. */
#ifndef TSR_PRODUCT_PLAN_H
#define TSR_PRODUCT_PLAN_H
#include <stdbool.h>
#include <stdint.h>
#include "../ffi/tsr.h"

typedef struct {
  uint32_t m, n, k;
  bool a_trans, b_trans; /* as stored */
  uint32_t uplo, chain;  /* chain: longest chain of additions, 256 or 32 */
} tsr_product_shape;

typedef struct {
  uint32_t tile;    /* TSR_TILE_SIMD64, SIMD32, INNER or GEMV */
  const char *kernel;
  uint32_t threads;
  uint32_t bm, bn;  /* numbers of C in a threadgroup */
  uint32_t tiles;   /* threadgroups for one part */
  uint32_t parts, part;
  uint32_t fold, chain, group; /* see kernels/products.h */
  uint32_t width;              /* of gemv_t */
} tsr_product_plan;

/* The tile that was asked for where the shape allows it, else the one that suits the shape. m, n > 0. */
tsr_product_plan tsr_product_plan_of(const tsr_product_shape *shape, uint32_t tile);

#endif
