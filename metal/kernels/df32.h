/* df32.h: double-float arithmetic: a number is the unevaluated sum x + y of a float2, |y| at most half an ulp of x,
 * about 48 bits. Exact two-sums and products by fma, so nothing here may be contracted or reassociated. */
#ifndef TSR_DF32_H
#define TSR_DF32_H
#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)

/* a + b, exactly. */
inline float2 df_two_sum(float a, float b) {
  float s = a + b;
  float v = s - a;
  float from_a = a - (s - v);
  float from_b = b - v;
  return float2(s, from_a + from_b);
}

/* a + b, exactly, for |a| >= |b| or a = 0. */
inline float2 df_fast_two_sum(float a, float b) {
  float s = a + b;
  float v = s - a;
  return float2(s, b - v);
}

/* a b, exactly where the second part does not underflow. */
inline float2 df_two_prod(float a, float b) {
  float p = a * b;
  return float2(p, fma(a, b, -p));
}

/* Relative error 3 * 2^-48, also where the operands cancel. */
inline float2 df_add(float2 a, float2 b) {
  float2 s = df_two_sum(a.x, b.x);
  float2 t = df_two_sum(a.y, b.y);
  s = df_fast_two_sum(s.x, s.y + t.x);
  return df_fast_two_sum(s.x, s.y + t.y);
}

inline float2 df_negate(float2 a) { return float2(-a.x, -a.y); }

inline float2 df_sub(float2 a, float2 b) { return df_add(a, df_negate(b)); }

inline float2 df_mul(float2 a, float2 b) {
  float2 p = df_two_prod(a.x, b.x);
  float cross = fma(a.x, b.y, a.y * b.x);
  return df_fast_two_sum(p.x, p.y + cross);
}

inline float2 df_mul_float(float2 a, float b) {
  float2 p = df_two_prod(a.x, b);
  return df_fast_two_sum(p.x, fma(a.y, b, p.y));
}

inline float2 df_div(float2 a, float2 b) {
  float q = a.x / b.x;
  float2 p = df_two_prod(q, b.x);
  float rest = (a.x - p.x) - p.y;
  rest = fma(-q, b.y, rest + a.y);
  return df_fast_two_sum(q, rest / b.x);
}

inline float2 df_sqrt(float2 a) {
  float s = sqrt(a.x);
  if (s == 0.0f) return float2(s, 0.0f);
  float rest = fma(-s, s, a.x) + a.y;
  return df_fast_two_sum(s, rest / (2.0f * s));
}

/* False where one is NaN. */
inline bool df_less_equal(float2 a, float2 b) { return a.x < b.x || (a.x == b.x && a.y <= b.y); }

/* sum + a b: the product exactly, the sum to 3 * 2^-48 of |sum| + |a b|. */
inline float2 df_accumulate(float2 sum, float a, float b) {
  float2 p = df_two_prod(a, b);
  float2 s = df_two_sum(sum.x, p.x);
  float low = sum.y + p.y;
  return df_fast_two_sum(s.x, s.y + low);
}

#endif
