// Instances of MLX's fused GEMM for float32 under the names that they have in its metallib; nothing of MLX is in here:
// its headers come from the wheel as they are. With ONE_TILE only those of the smallest tile.
#include <metal_stdlib>
#include "mlx/backend/metal/kernels/utils.h"
#include "mlx/backend/metal/kernels/steel/gemm/gemm.h"
#include "mlx/backend/metal/kernels/steel/gemm/kernels/steel_gemm_fused.h"

#define NAME(TRANSPOSED, BM, BN, BK, WM, WN) \
  "steel_gemm_fused_" TRANSPOSED "_float32_float32_bm" #BM "_bn" #BN "_bk" #BK "_wm" #WM "_wn" #WN
#define FUSED(TRANSPOSED, TA, TB, BM, BN, BK, WM, WN) \
  instantiate_kernel(NAME(TRANSPOSED, BM, BN, BK, WM, WN), gemm, float, BM, BN, BK, WM, WN, TA, TB, float)
#define FUSED4(...) \
  FUSED("nn", false, false, __VA_ARGS__) \
  FUSED("nt", false, true, __VA_ARGS__) \
  FUSED("tn", true, false, __VA_ARGS__) \
  FUSED("tt", true, true, __VA_ARGS__)

FUSED4(32, 32, 16, 2, 2)
#ifndef ONE_TILE
FUSED4(64, 64, 16, 2, 2)
FUSED4(64, 64, 16, 1, 2)
FUSED4(64, 32, 32, 2, 2)
FUSED4(32, 64, 16, 1, 2)
#endif
