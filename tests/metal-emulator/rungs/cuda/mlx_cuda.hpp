/* mlx_cuda.hpp: what MLX's sources use of Metal's library beyond our own kernels, for nvcc. Included before them. */
#pragma once
#include <cstdint>
#include <cuda/std/limits>
#include <cuda/std/type_traits>
#include <msl_cuda.hpp>

typedef msl::Vector<msl_ulong, 3> msl_ulong3;
typedef msl::Vector<short, 2> msl_short2;
#define ulong3 msl_ulong3
#define short2 msl_short2
template <class T, int N> MSL_D msl::Vector<T, N> operator-(msl::Vector<T, N> a) { return msl::Vector<T, N>(T(0)) - a; }

/* The text stands in namespace kernels, and its own namespace metal with it. */
namespace kernels {
namespace metal {
using namespace ::metal;
using cuda::std::bool_constant;
using cuda::std::conditional_t;
using cuda::std::disjunction;
using cuda::std::enable_if_t;
using cuda::std::false_type;
using cuda::std::integral_constant;
using cuda::std::is_arithmetic;
using cuda::std::is_convertible_v;
using cuda::std::is_floating_point_v;
using cuda::std::is_integral;
using cuda::std::is_integral_v;
using cuda::std::is_same;
using cuda::std::is_same_v;
using cuda::std::numeric_limits;
using cuda::std::remove_cv_t;
using cuda::std::remove_reference_t;
using cuda::std::true_type;
template <class T> using remove_addrspace_t = T;
template <class T, int N> using vec = msl::Vector<T, N>;
} /* namespace metal */
using namespace metal;
} /* namespace kernels */
