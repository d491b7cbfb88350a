// Instances of MLX's GEMM with K split into parts, and of the kernels that add the parts.
#include <metal_stdlib>
#include "mlx/backend/metal/kernels/utils.h"
#include "mlx/backend/metal/kernels/steel/gemm/gemm.h"
#include "mlx/backend/metal/kernels/steel/gemm/kernels/steel_gemm_splitk.h"

#define SPLIT(TRANSPOSED, TA, TB, BM, BN, MN, K) \
  instantiate_kernel("split_" TRANSPOSED "_" #BM "_" #BN "_" #MN "_" #K, \
                     gemm_splitk, float, float, BM, BN, 16, 2, 2, TA, TB, MN, K)
#define SPLIT2(TRANSPOSED, TA, TB, BM, BN) \
  SPLIT(TRANSPOSED, TA, TB, BM, BN, true, true) \
  SPLIT(TRANSPOSED, TA, TB, BM, BN, false, false) \
  SPLIT(TRANSPOSED, TA, TB, BM, BN, true, false) \
  SPLIT(TRANSPOSED, TA, TB, BM, BN, false, true)
#define SPLIT4(BM, BN) \
  SPLIT2("nn", false, false, BM, BN) \
  SPLIT2("nt", false, true, BM, BN) \
  SPLIT2("tn", true, false, BM, BN) \
  SPLIT2("tt", true, true, BM, BN)
SPLIT4(16, 16)
SPLIT4(16, 32)
SPLIT4(32, 16)
SPLIT4(32, 32)
instantiate_kernel("split_sum", gemm_splitk_accum, float, float)
