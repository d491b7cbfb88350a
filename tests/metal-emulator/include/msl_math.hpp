/* msl_math.hpp: functions on numbers. float functions round as the C library's; half goes by way of float. */
#pragma once
#include "msl_types.hpp"

namespace metal {

using ::emulator::Vector;

#define MSL_EACH(call) \
  Vector<T, N> r; \
  for (int i = 0; i < N; i++) r[i] = call; \
  return r;

/* Declared in both namespaces, so that functions which others add there stand beside them and do not hide them. */
#define MSL_MODES(name) \
  namespace fast { \
  using metal::name; \
  } \
  namespace precise { \
  using metal::name; \
  }

/* float, half and vectors of one argument */
#define MSL_UNARY(name, value) \
  inline float name(float x) { return value; } \
  inline half name(half h) { return half(name(float(h))); } \
  template <class T, int N> inline Vector<T, N> name(Vector<T, N> x) { MSL_EACH(name(x[i])) } \
  MSL_MODES(name)
MSL_UNARY(acos, __builtin_acosf(x))
MSL_UNARY(acosh, __builtin_acoshf(x))
MSL_UNARY(asin, __builtin_asinf(x))
MSL_UNARY(asinh, __builtin_asinhf(x))
MSL_UNARY(atan, __builtin_atanf(x))
MSL_UNARY(atanh, __builtin_atanhf(x))
MSL_UNARY(ceil, __builtin_ceilf(x))
MSL_UNARY(cos, __builtin_cosf(x))
MSL_UNARY(cosh, __builtin_coshf(x))
MSL_UNARY(cospi, float(__builtin_cos(3.14159265358979323846 * double(x))))
MSL_UNARY(exp, __builtin_expf(x))
MSL_UNARY(exp10, __builtin_powf(10.0f, x))
MSL_UNARY(exp2, __builtin_exp2f(x))
MSL_UNARY(fabs, __builtin_fabsf(x))
MSL_UNARY(floor, __builtin_floorf(x))
MSL_UNARY(fract, __builtin_fminf(x - __builtin_floorf(x), 0x1.fffffep-1f))
MSL_UNARY(log, __builtin_logf(x))
MSL_UNARY(log10, __builtin_log10f(x))
MSL_UNARY(log2, __builtin_log2f(x))
MSL_UNARY(rint, __builtin_rintf(x))
MSL_UNARY(round, __builtin_roundf(x))
MSL_UNARY(rsqrt, 1.0f / __builtin_sqrtf(x))
MSL_UNARY(sign, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x == x ? x : 0.0f)
MSL_UNARY(sin, __builtin_sinf(x))
MSL_UNARY(sinh, __builtin_sinhf(x))
MSL_UNARY(sinpi, float(__builtin_sin(3.14159265358979323846 * double(x))))
MSL_UNARY(sqrt, __builtin_sqrtf(x))
MSL_UNARY(tan, __builtin_tanf(x))
MSL_UNARY(tanh, __builtin_tanhf(x))
MSL_UNARY(tanpi, float(__builtin_tan(3.14159265358979323846 * double(x))))
MSL_UNARY(trunc, __builtin_truncf(x))
#undef MSL_UNARY

#define MSL_BINARY(name, value) \
  inline float name(float x, float y) { return value; } \
  inline half name(half x, half y) { return half(name(float(x), float(y))); } \
  template <class T, int N> inline Vector<T, N> name(Vector<T, N> x, Vector<T, N> y) { MSL_EACH(name(x[i], y[i])) } \
  MSL_MODES(name)
MSL_BINARY(atan2, __builtin_atan2f(x, y))
MSL_BINARY(copysign, __builtin_copysignf(x, y))
MSL_BINARY(divide, x / y)
MSL_BINARY(fdim, __builtin_fdimf(x, y))
MSL_BINARY(fmax, __builtin_fmaxf(x, y))
MSL_BINARY(fmin, __builtin_fminf(x, y))
MSL_BINARY(fmod, __builtin_fmodf(x, y))
MSL_BINARY(nextafter, __builtin_nextafterf(x, y))
MSL_BINARY(pow, __builtin_powf(x, y))
MSL_BINARY(powr, __builtin_powf(x, y))
#undef MSL_BINARY

inline float ldexp(float x, int k) { return __builtin_ldexpf(x, k); }
inline float frexp(float x, int &exponent) { return __builtin_frexpf(x, &exponent); }
inline int ilogb(float x) { return __builtin_ilogbf(x); }
inline float modf(float x, float &whole) { return __builtin_modff(x, &whole); }
inline float sincos(float x, float &cosine) {
  cosine = __builtin_cosf(x);
  return __builtin_sinf(x);
}

inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline half fma(half a, half b, half c) { return half(__builtin_fmaf(float(a), float(b), float(c))); }
template <class T, int N> inline Vector<T, N> fma(Vector<T, N> a, Vector<T, N> b, Vector<T, N> c) {
  MSL_EACH(fma(a[i], b[i], c[i]))
}

/* ---- any number ---- */

template <class T> inline T max(T a, T b) {
  if constexpr (::emulator::Length<T>::value > 1) {
    T r;
    for (int i = 0; i < ::emulator::Length<T>::value; i++) r[i] = max(a[i], b[i]);
    return r;
  } else if constexpr (std::is_same<T, float>::value) {
    return __builtin_fmaxf(a, b);
  } else {
    return a > b ? a : b;
  }
}
template <class T> inline T min(T a, T b) {
  if constexpr (::emulator::Length<T>::value > 1) {
    T r;
    for (int i = 0; i < ::emulator::Length<T>::value; i++) r[i] = min(a[i], b[i]);
    return r;
  } else if constexpr (std::is_same<T, float>::value) {
    return __builtin_fminf(a, b);
  } else {
    return a < b ? a : b;
  }
}
template <class T> inline T max3(T a, T b, T c) { return max(a, max(b, c)); }
template <class T> inline T min3(T a, T b, T c) { return min(a, min(b, c)); }
template <class T> inline T clamp(T x, T low, T high) { return min(max(x, low), high); }
inline float saturate(float x) { return clamp(x, 0.0f, 1.0f); }
inline float mix(float x, float y, float a) { return x + (y - x) * a; }
inline float step(float edge, float x) { return x < edge ? 0.0f : 1.0f; }
template <class T> inline T select(T a, T b, bool c) { return c ? b : a; }
template <class T, int N> inline Vector<T, N> select(Vector<T, N> a, Vector<T, N> b, Vector<bool, N> c) {
  MSL_EACH(c[i] ? b[i] : a[i])
}
template <class T> inline T abs(T x) {
  if constexpr (std::is_same<T, float>::value || std::is_same<T, half>::value) {
    return T(__builtin_fabsf(float(x)));
  } else {
    return x < 0 ? T(-x) : x;
  }
}
template <class T, int N> inline T dot(Vector<T, N> a, Vector<T, N> b) {
  T s = a[0] * b[0];
  for (int i = 1; i < N; i++) s += a[i] * b[i];
  return s;
}
template <int N> inline float length(Vector<float, N> a) { return __builtin_sqrtf(dot(a, a)); }

inline bool isnan(float x) { return __builtin_isnan(x); }
inline bool isinf(float x) { return __builtin_isinf(x); }
inline bool isfinite(float x) { return __builtin_isfinite(x); }
inline bool isnormal(float x) { return __builtin_isnormal(x); }
inline bool signbit(float x) { return __builtin_signbit(x); }
template <int N> inline bool any(Vector<bool, N> v) {
  for (int i = 0; i < N; i++) if (v[i]) return true;
  return false;
}
template <int N> inline bool all(Vector<bool, N> v) {
  for (int i = 0; i < N; i++) if (!v[i]) return false;
  return true;
}

/* ---- integers ---- */

inline uint clz(uint x) { return x ? uint(__builtin_clz(x)) : 32; }
inline int clz(int x) { return int(clz(uint(x))); }
inline ulong clz(ulong x) { return x ? ulong(__builtin_clzl(x)) : 64; }
inline uint ctz(uint x) { return x ? uint(__builtin_ctz(x)) : 32; }
inline int ctz(int x) { return int(ctz(uint(x))); }
inline ulong ctz(ulong x) { return x ? ulong(__builtin_ctzl(x)) : 64; }
inline uint popcount(uint x) { return uint(__builtin_popcount(x)); }
inline ulong popcount(ulong x) { return ulong(__builtin_popcountl(x)); }
inline uint reverse_bits(uint x) { return __builtin_bitreverse32(x); }
inline uint mulhi(uint a, uint b) { return uint(ulong(a) * b >> 32); }
inline int mulhi(int a, int b) { return int(long(a) * b >> 32); }
inline uint mad24(uint a, uint b, uint c) { return (a & 0xffffff) * (b & 0xffffff) + c; }
inline uint mul24(uint a, uint b) { return (a & 0xffffff) * (b & 0xffffff); }
inline uint rotate(uint x, uint k) { return x << (k & 31) | x >> (-k & 31); }
inline ulong rotate(ulong x, ulong k) { return x << (k & 63) | x >> (-k & 63); }
inline uint absdiff(uint a, uint b) { return a > b ? a - b : b - a; }
inline uint extract_bits(uint x, uint first, uint bits) {
  return bits == 0 ? 0 : bits >= 32 ? x >> first : x >> first & ((1u << bits) - 1);
}
#undef MSL_EACH

MSL_MODES(abs)
MSL_MODES(fma)
MSL_MODES(frexp)
MSL_MODES(ldexp)
MSL_MODES(max)
MSL_MODES(max3)
MSL_MODES(min)
MSL_MODES(min3)
#undef MSL_MODES
namespace precise {
using namespace metal;
}
namespace fast {
using namespace metal;
}

} /* namespace metal */
