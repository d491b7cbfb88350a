// Instances of MLX's gated delta rule, which mixes 8x8 matrices loaded by address with elements at MLX's own lane
// coordinates: the only kernel of MLX that sees a lane layout in which rows and columns are renumbered alike.
#include <metal_stdlib>
#include "mlx/backend/metal/kernels/utils.h"
#include "mlx/backend/metal/kernels/gated_delta_update.h"

#define DELTA(DK, DV, HK, HV) \
  instantiate_kernel("gated_delta_fused_chunk_float_" #DK "_" #DV "_" #HK "_" #HV "_8", \
                     gated_delta_fused_chunk, float, DK, DV, HK, HV, 8)
DELTA(8, 32, 1, 1)
DELTA(128, 128, 16, 16)
#ifndef ONE_TILE
DELTA(32, 32, 2, 4)
#endif
