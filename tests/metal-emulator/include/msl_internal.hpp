/* msl_internal.hpp: names of Apple's own headers that sources of others call, MLX's bfloat functions above all. The
 * last argument of most chooses fast or precise mathematics; here all is precise. */
#pragma once
#include "metal_stdlib"

#define __METAL_MAYBE_FAST_MATH__ 0
#define __METAL_FAST_MATH__ 1
#define __METAL_PRECISE_MATH__ 0

namespace metal {

#define MSL_ONE(name) \
  inline float __metal_##name(float x, int) { return metal::name(x); }
MSL_ONE(acos)
MSL_ONE(acosh)
MSL_ONE(asin)
MSL_ONE(asinh)
MSL_ONE(atan)
MSL_ONE(atanh)
MSL_ONE(ceil)
MSL_ONE(cos)
MSL_ONE(cosh)
MSL_ONE(cospi)
MSL_ONE(exp)
MSL_ONE(exp10)
MSL_ONE(exp2)
MSL_ONE(fabs)
MSL_ONE(floor)
MSL_ONE(fract)
MSL_ONE(log)
MSL_ONE(log10)
MSL_ONE(log2)
MSL_ONE(rint)
MSL_ONE(round)
MSL_ONE(rsqrt)
MSL_ONE(sin)
MSL_ONE(sinh)
MSL_ONE(sinpi)
MSL_ONE(sqrt)
MSL_ONE(tan)
MSL_ONE(tanh)
MSL_ONE(tanpi)
MSL_ONE(trunc)
#undef MSL_ONE

#define MSL_TWO(name) \
  inline float __metal_##name(float x, float y, int) { return metal::name(x, y); }
MSL_TWO(atan2)
MSL_TWO(divide)
MSL_TWO(fmax)
MSL_TWO(fmin)
MSL_TWO(fmod)
MSL_TWO(pow)
MSL_TWO(powr)
#undef MSL_TWO

inline float __metal_fma(float a, float b, float c) { return fma(a, b, c); }
inline float __metal_nextafter(float a, float b) { return nextafter(a, b); }
inline float __metal_fmax3(float a, float b, float c, int) { return fmax(a, fmax(b, c)); }
inline float __metal_fmin3(float a, float b, float c, int) { return fmin(a, fmin(b, c)); }
inline float __metal_fmedian3(float a, float b, float c, int) { return fmax(fmin(a, b), fmin(fmax(a, b), c)); }
inline float __metal_frexp(float x, int *exponent) { return frexp(x, *exponent); }
inline float __metal_ldexp(float x, int k, int) { return ldexp(x, k); }
inline ushort __metal_get_simdgroup_size(ushort) { return 32; }

#define MSL_LANES(name) \
  template <class... A> inline auto __metal_simd_##name(A... a) { return metal::simd_##name(a...); }
MSL_LANES(broadcast)
MSL_LANES(max)
MSL_LANES(min)
MSL_LANES(prefix_exclusive_product)
MSL_LANES(prefix_exclusive_sum)
MSL_LANES(prefix_inclusive_product)
MSL_LANES(prefix_inclusive_sum)
MSL_LANES(product)
MSL_LANES(shuffle)
MSL_LANES(shuffle_and_fill_down)
MSL_LANES(shuffle_and_fill_up)
MSL_LANES(shuffle_down)
MSL_LANES(shuffle_rotate_down)
MSL_LANES(shuffle_rotate_up)
MSL_LANES(shuffle_up)
MSL_LANES(shuffle_xor)
MSL_LANES(sum)
#undef MSL_LANES
inline float __metal_simd_xor(float v) { return as_type<float>(simd_xor(as_type<uint>(v))); }

} /* namespace metal */
