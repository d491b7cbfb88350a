/* msl_cuda.hpp: the used part of Metal's library for CUDA: nvcc, or clang -x cuda without CUDA's headers. SIMD-groups are
 * warps; operations of theirs need all 32 lanes. */
#pragma once

#ifdef __clang__
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define MSL_REGISTER(name, d) __nvvm_read_ptx_sreg_##name##_##d()
#define MSL_TID(d) MSL_REGISTER(tid, d)
#define MSL_CTA(d) MSL_REGISTER(ctaid, d)
#define MSL_NTID(d) MSL_REGISTER(ntid, d)
#define MSL_NCTA(d) MSL_REGISTER(nctaid, d)
#define MSL_SYNCWARP() __nvvm_bar_warp_sync(0xffffffffu)
#define MSL_SHUFFLE(word, lane) __nvvm_shfl_sync_idx_i32(0xffffffffu, word, lane, 31)
#define MSL_LIBRARY(name) extern "C" __device__ float __nv_##name##f(float);
#define MSL_CALL(name) __nv_##name##f
typedef _Float16 half;
#else
#include <cuda_fp16.h>
#define MSL_TID(d) threadIdx.d
#define MSL_CTA(d) blockIdx.d
#define MSL_NTID(d) blockDim.d
#define MSL_NCTA(d) gridDim.d
#define MSL_SYNCWARP() __syncwarp()
#define MSL_SHUFFLE(word, lane) __shfl_sync(0xffffffffu, word, lane)
#define MSL_LIBRARY(name)
#define MSL_CALL(name) ::name##f
#endif
#define MSL_D __device__ inline __attribute__((always_inline))
#define METAL_FUNC MSL_D

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long msl_ulong;
#define ulong msl_ulong

MSL_LIBRARY(exp)
MSL_LIBRARY(exp2)
MSL_LIBRARY(log)
MSL_LIBRARY(log2)
MSL_LIBRARY(sin)
MSL_LIBRARY(cos)

namespace msl {

template <class T, int N> struct Vector;
template <class T> struct alignas(2 * sizeof(T)) Vector<T, 2> {
  T x, y;
  Vector() = default;
  MSL_D explicit Vector(T s) : x(s), y(s) {}
  MSL_D Vector(T a, T b) : x(a), y(b) {}
  MSL_D T &operator[](int i) { return (&x)[i]; }
  MSL_D T operator[](int i) const { return (&x)[i]; }
};
template <class T> struct alignas(4 * sizeof(T)) Vector<T, 3> {
  T x, y, z;
  Vector() = default;
  MSL_D explicit Vector(T s) : x(s), y(s), z(s) {}
  MSL_D Vector(T a, T b, T c) : x(a), y(b), z(c) {}
  MSL_D T &operator[](int i) { return (&x)[i]; }
  MSL_D T operator[](int i) const { return (&x)[i]; }
};
template <class T> struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) Vector<T, 4> {
  T x, y, z, w;
  Vector() = default;
  MSL_D explicit Vector(T s) : x(s), y(s), z(s), w(s) {}
  MSL_D Vector(T a, T b, T c, T d) : x(a), y(b), z(c), w(d) {}
  MSL_D T &operator[](int i) { return (&x)[i]; }
  MSL_D T operator[](int i) const { return (&x)[i]; }
};
#define MSL_OPERATOR(op) \
  template <class T, int N> MSL_D Vector<T, N> operator op(Vector<T, N> a, Vector<T, N> b) { \
    Vector<T, N> r; \
    for (int i = 0; i < N; i++) r[i] = a[i] op b[i]; \
    return r; \
  } \
  template <class T, int N> MSL_D Vector<T, N> operator op(T a, Vector<T, N> b) { return Vector<T, N>(a) op b; } \
  template <class T, int N> MSL_D Vector<T, N> operator op(Vector<T, N> a, T b) { return a op Vector<T, N>(b); } \
  template <class T, int N> MSL_D Vector<T, N> &operator op##=(Vector<T, N> &a, Vector<T, N> b) { return a = a op b; }
MSL_OPERATOR(+)
MSL_OPERATOR(-)
MSL_OPERATOR(*)
MSL_OPERATOR(/)
#undef MSL_OPERATOR

MSL_D uint lane() { return (MSL_TID(x) + MSL_NTID(x) * (MSL_TID(y) + MSL_NTID(y) * MSL_TID(z))) & 31; }

/* The value of another lane, word by word. */
template <class T> MSL_D T shuffle(T value, uint from) {
  uint words[(sizeof(T) + 3) / 4] = {};
  __builtin_memcpy(words, &value, sizeof value);
  for (uint i = 0; i < (sizeof(T) + 3) / 4; i++) words[i] = MSL_SHUFFLE(words[i], from & 31);
  __builtin_memcpy(&value, words, sizeof value);
  return value;
}

template <int N, class... A> struct Nth;
template <class F, class... R> struct Nth<0, F, R...> {
  typedef F type;
};
template <int N, class F, class... R> struct Nth<N, F, R...> : Nth<N - 1, R...> {};
template <class F> struct Signature;
template <class... A> struct Signature<void (*)(A...)> {
  template <int N> using argument = Nth<N, A...>;
};
template <class P> struct Binding {
  MSL_D static P of(void *p) { return (P)p; }
};
template <class T> struct Binding<T &> {
  MSL_D static T &of(void *p) { return *(T *)p; }
};
template <class T> struct Position {
  MSL_D static T of(uint x, uint, uint) { return T(x); }
};
template <class T> struct Position<Vector<T, 2>> {
  MSL_D static Vector<T, 2> of(uint x, uint y, uint) { return {T(x), T(y)}; }
};
template <class T> struct Position<Vector<T, 3>> {
  MSL_D static Vector<T, 3> of(uint x, uint y, uint z) { return {T(x), T(y), T(z)}; }
};

} /* namespace msl */

#define MSL_TYPES(T) \
  typedef msl::Vector<T, 2> msl_##T##2; \
  typedef msl::Vector<T, 3> msl_##T##3; \
  typedef msl::Vector<T, 4> msl_##T##4;
MSL_TYPES(float)
MSL_TYPES(int)
MSL_TYPES(uint)
MSL_TYPES(ushort)
typedef msl::Vector<msl_ulong, 2> msl_ulong2;
#undef MSL_TYPES
/* CUDA has types of these names, without operators. */
#define float2 msl_float2
#define float3 msl_float3
#define float4 msl_float4
#define int2 msl_int2
#define int3 msl_int3
#define int4 msl_int4
#define uint2 msl_uint2
#define uint3 msl_uint3
#define uint4 msl_uint4
#define ushort2 msl_ushort2
#define ushort3 msl_ushort3
#define ushort4 msl_ushort4
#define ulong2 msl_ulong2

namespace metal {

enum class mem_flags : uint { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
MSL_D constexpr mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(uint(a) | uint(b)); }
MSL_D void threadgroup_barrier(mem_flags) { __syncthreads(); }
MSL_D void simdgroup_barrier(mem_flags) { MSL_SYNCWARP(); }

template <class T, class U> MSL_D T as_type(U u) {
  static_assert(sizeof(T) == sizeof(U), "as_type needs types of one size");
  T t;
  __builtin_memcpy(&t, &u, sizeof t);
  return t;
}

MSL_D float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
MSL_D float sqrt(float x) { return __builtin_sqrtf(x); }
MSL_D float rsqrt(float x) { return 1.0f / __builtin_sqrtf(x); }
MSL_D float fabs(float x) { return __builtin_fabsf(x); }
MSL_D float floor(float x) { return __builtin_floorf(x); }
MSL_D float ceil(float x) { return __builtin_ceilf(x); }
MSL_D float trunc(float x) { return __builtin_truncf(x); }
MSL_D float rint(float x) { return __builtin_rintf(x); }
MSL_D float copysign(float x, float y) { return __builtin_copysignf(x, y); }
MSL_D float exp(float x) { return MSL_CALL(exp)(x); }
MSL_D float exp2(float x) { return MSL_CALL(exp2)(x); }
MSL_D float log(float x) { return MSL_CALL(log)(x); }
MSL_D float log2(float x) { return MSL_CALL(log2)(x); }
MSL_D float sin(float x) { return MSL_CALL(sin)(x); }
MSL_D float cos(float x) { return MSL_CALL(cos)(x); }
MSL_D bool isnan(float x) { return x != x; }
MSL_D bool isinf(float x) { return __builtin_fabsf(x) == __builtin_inff(); }
MSL_D bool isfinite(float x) { return __builtin_fabsf(x) < __builtin_inff(); }
MSL_D bool signbit(float x) { return as_type<uint>(x) >> 31; }

MSL_D float max(float a, float b) { return __builtin_fmaxf(a, b); }
MSL_D float min(float a, float b) { return __builtin_fminf(a, b); }
template <class T> MSL_D T max(T a, T b) { return a > b ? a : b; }
template <class T> MSL_D T min(T a, T b) { return a < b ? a : b; }
template <class T> MSL_D T clamp(T x, T low, T high) { return min(max(x, low), high); }
template <class T> MSL_D T select(T a, T b, bool c) { return c ? b : a; }
MSL_D float abs(float x) { return __builtin_fabsf(x); }
MSL_D int abs(int x) { return x < 0 ? -x : x; }
MSL_D uint clz(uint x) { return x ? uint(__builtin_clz(x)) : 32; }
MSL_D uint ctz(uint x) { return x ? uint(__builtin_ctz(x)) : 32; }
MSL_D uint popcount(uint x) { return uint(__builtin_popcount(x)); }
MSL_D uint mulhi(uint a, uint b) { return uint(ulong(a) * b >> 32); }

template <class T> MSL_D T simd_shuffle(T v, ushort from) { return msl::shuffle(v, from); }
template <class T> MSL_D T simd_broadcast(T v, ushort from) { return msl::shuffle(v, from); }
template <class T> MSL_D T simd_shuffle_xor(T v, ushort mask) { return msl::shuffle(v, msl::lane() ^ mask); }
template <class T> MSL_D T simd_shuffle_down(T v, ushort by) {
  const uint l = msl::lane();
  return msl::shuffle(v, l + by < 32 ? l + by : l);
}
template <class T> MSL_D T simd_shuffle_up(T v, ushort by) {
  const uint l = msl::lane();
  return msl::shuffle(v, l >= by ? l - by : l);
}
/* The order of the additions is the emulator's: neighbours first. */
#define MSL_REDUCE(name, value) \
  template <class T> MSL_D T simd_##name(T a) { \
    for (uint m = 1; m < 32; m *= 2) { \
      const T b = msl::shuffle(a, msl::lane() ^ m); \
      a = value; \
    } \
    return a; \
  }
MSL_REDUCE(sum, a + b)
MSL_REDUCE(product, a *b)
MSL_REDUCE(max, metal::max(a, b))
MSL_REDUCE(min, metal::min(a, b))
MSL_REDUCE(and, a &b)
MSL_REDUCE(or, a | b)
MSL_REDUCE(xor, a ^ b)
#undef MSL_REDUCE
MSL_D bool simd_any(bool a) { return simd_or(uint(a)) != 0; }
MSL_D bool simd_all(bool a) { return simd_and(uint(a)) != 0; }

enum memory_order { memory_order_relaxed };
template <class T> struct _atomic {
  T value;
};
typedef _atomic<uint> atomic_uint;
typedef _atomic<int> atomic_int;
#ifdef __clang__
#define MSL_ATOMIC(name, builtin, cuda) \
  MSL_D uint atomic_fetch_##name##_explicit(volatile atomic_uint *p, uint x, memory_order) { \
    return builtin((uint *)&p->value, x, __ATOMIC_RELAXED); \
  }
#else
#define MSL_ATOMIC(name, builtin, cuda) \
  MSL_D uint atomic_fetch_##name##_explicit(volatile atomic_uint *p, uint x, memory_order) { \
    return cuda((uint *)&p->value, x); \
  }
#endif
MSL_ATOMIC(add, __atomic_fetch_add, atomicAdd)
MSL_ATOMIC(or, __atomic_fetch_or, atomicOr)
MSL_ATOMIC(max, __atomic_fetch_max, atomicMax)
MSL_ATOMIC(min, __atomic_fetch_min, atomicMin)
#undef MSL_ATOMIC
MSL_D uint atomic_load_explicit(const volatile atomic_uint *p, memory_order) { return p->value; }
MSL_D void atomic_store_explicit(volatile atomic_uint *p, uint x, memory_order) { p->value = x; }

/* ---- 8x8 matrices, in the lane layout of Apple's GPUs ---- */

MSL_D uint lane_row(uint l) { return (l >> 2 & 4) + (l >> 1 & 3); }
MSL_D uint lane_column(uint l) { return (l >> 2 & 2) * 2 + (l & 1) * 2; }
MSL_D uint lane_of(uint row, uint column) {
  return (column >> 1 & 1) | (row & 3) << 1 | (column >> 2 & 1) << 3 | (row >> 2 & 1) << 4;
}

template <class T, int Columns, int Rows = Columns> struct simdgroup_matrix {
  msl::Vector<T, 2> element;
  simdgroup_matrix() = default;
  MSL_D explicit simdgroup_matrix(T diagonal) {
    const uint r = lane_row(msl::lane()), c = lane_column(msl::lane());
    element = msl::Vector<T, 2>(r == c ? diagonal : T(0), r == c + 1 ? diagonal : T(0));
  }
  MSL_D msl::Vector<T, 2> &thread_elements() { return element; }
};
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
template <class T, int Columns, int Rows = Columns>
MSL_D simdgroup_matrix<T, Columns, Rows> make_filled_simdgroup_matrix(T value) {
  simdgroup_matrix<T, Columns, Rows> m;
  m.element = msl::Vector<T, 2>(value);
  return m;
}
MSL_D ulong simdgroup_offset(uint e, ulong stride, ulong2 origin, bool transposed) {
  const uint r = lane_row(msl::lane()), c = lane_column(msl::lane()) + e;
  return (origin.y + (transposed ? c : r)) * stride + origin.x + (transposed ? r : c);
}
template <class T>
MSL_D void simdgroup_load(simdgroup_matrix<T, 8, 8> &m, const T *p, ulong stride = 8, ulong2 origin = ulong2{0, 0},
                          bool transposed = false) {
  for (uint e = 0; e < 2; e++) m.element[e] = p[simdgroup_offset(e, stride, origin, transposed)];
}
template <class T>
MSL_D void simdgroup_store(simdgroup_matrix<T, 8, 8> m, T *p, ulong stride = 8, ulong2 origin = ulong2{0, 0},
                           bool transposed = false) {
  for (uint e = 0; e < 2; e++) p[simdgroup_offset(e, stride, origin, transposed)] = m.element[e];
}
template <class T>
MSL_D void simdgroup_multiply_accumulate(simdgroup_matrix<T, 8, 8> &d, simdgroup_matrix<T, 8, 8> a,
                                         simdgroup_matrix<T, 8, 8> b, simdgroup_matrix<T, 8, 8> c) {
  const uint row = lane_row(msl::lane()), column = lane_column(msl::lane());
  for (uint k = 0; k < 8; k++) {
    const T even = msl::shuffle(a.element.x, lane_of(row, k)), odd = msl::shuffle(a.element.y, lane_of(row, k));
    const T x = k & 1 ? odd : even;
    c.element.x = fma(x, msl::shuffle(b.element.x, lane_of(k, column)), c.element.x);
    c.element.y = fma(x, msl::shuffle(b.element.y, lane_of(k, column)), c.element.y);
  }
  d = c;
}
template <class T>
MSL_D void simdgroup_multiply(simdgroup_matrix<T, 8, 8> &d, simdgroup_matrix<T, 8, 8> a, simdgroup_matrix<T, 8, 8> b) {
  simdgroup_multiply_accumulate(d, a, b, make_filled_simdgroup_matrix<T, 8>(T(0)));
}

} /* namespace metal */

/* The text of kernels stands in this namespace, where Metal's functions hide CUDA's of the same names. */
namespace kernels {
using metal::abs;
using metal::ceil;
using metal::clamp;
using metal::copysign;
using metal::cos;
using metal::exp;
using metal::exp2;
using metal::fabs;
using metal::floor;
using metal::fma;
using metal::isfinite;
using metal::isinf;
using metal::isnan;
using metal::log;
using metal::log2;
using metal::max;
using metal::min;
using metal::rint;
using metal::rsqrt;
using metal::signbit;
using metal::sin;
using metal::sqrt;
using metal::trunc;
} /* namespace kernels */
