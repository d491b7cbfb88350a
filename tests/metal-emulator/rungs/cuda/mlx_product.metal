// MLX's fused GEMM for float32, A and B as they lie, in 64x64x16 tiles: what ours is timed against. Nothing of MLX is
// in here: its headers come from the wheel as they are.
#include <metal_stdlib>

/* The headers name these two; one product of float does not use them. */
struct complex64_t {
  float real, imag;
};
template <typename Strides>
inline ulong elem_to_loc(uint element, const constant int *shape, Strides strides, int count) {
  ulong at = 0;
  for (int i = count - 1; i >= 0; i--) {
    at += ulong(element % shape[i]) * strides[i];
    element /= shape[i];
  }
  return at;
}

#include "mlx/backend/metal/kernels/steel/gemm/gemm.h"
#include "mlx/backend/metal/kernels/steel/gemm/kernels/steel_gemm_fused.h"

template [[host_name("mlx_product")]] [[kernel]] decltype(gemm<float, 64, 64, 16, 2, 2, false, false, float>)
    gemm<float, 64, 64, 16, 2, 2, false, false, float>;
