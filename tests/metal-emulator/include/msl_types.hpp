/* msl_types.hpp: scalar and vector types of the Metal Shading Language, their constructors, and type traits. */
#pragma once
#include "../runtime/machine.hpp"
#include <limits>

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef _Float16 half;
typedef __bf16 bfloat;

#define MSL_VECTORS(T) \
  typedef T T##2 __attribute__((ext_vector_type(2))); \
  typedef T T##3 __attribute__((ext_vector_type(3))); \
  typedef T T##4 __attribute__((ext_vector_type(4)));
MSL_VECTORS(bool)
MSL_VECTORS(char)
MSL_VECTORS(uchar)
MSL_VECTORS(short)
MSL_VECTORS(ushort)
MSL_VECTORS(int)
MSL_VECTORS(uint)
MSL_VECTORS(long)
MSL_VECTORS(ulong)
MSL_VECTORS(half)
MSL_VECTORS(bfloat)
MSL_VECTORS(float)
#undef MSL_VECTORS

struct packed_float3 {
  float x, y, z;
  packed_float3() = default;
  packed_float3(float3 v) : x(v.x), y(v.y), z(v.z) {}
  operator float3() const { return float3{x, y, z}; }
};

namespace emulator {

template <class E, int N> using Vector = E __attribute__((ext_vector_type(N)));

template <class A> struct Length {
  static constexpr int value = 1;
};
template <class E, int N> struct Length<E __attribute__((ext_vector_type(N)))> {
  static constexpr int value = N;
};

/* A vector from scalars and vectors that together have its length, or from one scalar for all. */
template <class R, class E, int N, class... A> inline R make_vector(A... a) {
  R r;
  if constexpr (sizeof...(A) == 1 && (Length<A>::value + ...) == 1) {
    for (int i = 0; i < N; i++) r[i] = E((a, ...));
  } else {
    static_assert((Length<A>::value + ...) == N, "vector constructor: wrong number of components");
    int i = 0;
    auto append = [&](auto v) {
      if constexpr (Length<decltype(v)>::value == 1) {
        r[i++] = E(v);
      } else {
        for (int k = 0; k < Length<decltype(v)>::value; k++) r[i++] = E(v[k]);
      }
    };
    (append(a), ...);
  }
  return r;
}

} /* namespace emulator */

namespace metal {

template <class T, int N> using vec = T __attribute__((ext_vector_type(N)));

/* The generator writes this for a constructor vec<T, N>(...), which clang's vectors do not have. */
template <class T, int N, class... A> inline vec<T, N> make_vec(A... a) {
  return ::emulator::make_vector<vec<T, N>, T, N>(a...);
}

using std::conditional;
using std::conditional_t;
using std::decay_t;
using std::enable_if;
using std::enable_if_t;
using std::false_type;
using std::integral_constant;
using std::is_const;
using std::is_convertible;
using std::is_floating_point;
using std::is_integral;
using std::is_pointer;
using std::is_same;
using std::is_signed;
using std::is_unsigned;
using std::remove_const_t;
using std::remove_cv;
using std::remove_cv_t;
using std::remove_reference_t;
using std::true_type;
template <bool B> using bool_constant = std::integral_constant<bool, B>;
template <class T, class U> constexpr bool is_same_v = std::is_same<T, U>::value;
template <class T, class U> constexpr bool is_convertible_v = std::is_convertible<T, U>::value;
template <class T> constexpr bool is_integral_v = std::is_integral<T>::value;
template <class T> constexpr bool is_floating_point_v = std::is_floating_point<T>::value;
template <class T> struct remove_addrspace {
  typedef T type;
};
template <class T> using remove_addrspace_t = T;

template <class T> struct numeric_limits : std::numeric_limits<T> {};
#define MSL_LIMITS(T, most, least, step) \
  template <> struct numeric_limits<T> { \
    static constexpr bool is_specialized = true; \
    static constexpr T max() { return T(most); } \
    static constexpr T lowest() { return T(-most); } \
    static constexpr T min() { return T(least); } \
    static constexpr T epsilon() { return T(step); } \
    static constexpr T infinity() { return T(__builtin_inff()); } \
    static constexpr T quiet_NaN() { return T(__builtin_nanf("")); } \
  };
MSL_LIMITS(half, 65504.0f, 0x1p-14f, 0x1p-10f)
MSL_LIMITS(bfloat, 0x1.fep+127f, 0x1p-126f, 0x1p-7f)
#undef MSL_LIMITS

/* A value with the same bits in all threads. Arithmetic of two is uniform again, anything else is a plain value. */
template <class T> struct uniform {
  T value;
  constexpr operator T() const { return value; }
};
template <class T> constexpr uniform<T> make_uniform(T value) { return {value}; }
#define MSL_UNIFORM(op) \
  template <class T> constexpr uniform<T> operator op(uniform<T> a, uniform<T> b) { return {T(a.value op b.value)}; }
MSL_UNIFORM(+)
MSL_UNIFORM(-)
MSL_UNIFORM(*)
MSL_UNIFORM(/)
MSL_UNIFORM(%)
#undef MSL_UNIFORM

template <class T, class U> inline T as_type(U u) {
  static_assert(sizeof(T) == sizeof(U), "as_type needs types of one size");
  T t;
  memcpy(&t, &u, sizeof t);
  return t;
}

} /* namespace metal */
