/* f64.h: float64 as bit patterns (x the low word, y the high one) on a device without float64. Between load and store a
 * number is a pair of df32.h and a power of two, so that the range of float64 is kept; its precision is that of the
 * pair. Subnormal floats and float64 count as 0; Inf and NaN act as IEEE says. */
#ifndef TSR_F64_H
#define TSR_F64_H
#include "df32.h"

/* v * 2^e; the first part of v lies in [1, 2), or is 0, Inf or NaN. */
struct scaled {
  float2 v;
  int e;
};

/* Exponent of a 0: smaller than any other, so that a sum takes that of the other operand. */
#define SCALED_ZERO (-8192)

/* 2^e for -126 <= e <= 127. */
inline float power_of_two(int e) { return as_type<float>(uint(e + 127) << 23); }

/* x * 2^e, with one rounding unless the result is subnormal. */
inline float scale_by(float x, int e) {
  int f = clamp(e, -252, 252);
  int half_f = f / 2;
  return x * power_of_two(half_f) * power_of_two(f - half_f);
}

inline bool is_special(float x) { return (as_type<uint>(x) & 0x7f800000u) == 0x7f800000u; }

inline scaled scaled_of(float2 v, int e) {
  scaled r;
  uint field = (as_type<uint>(v.x) >> 23) & 0xffu;
  r.v = v;
  r.e = e;
  if (field == 255u) {
    r.v.y = 0.0f;
    r.e = 0;
  } else if (field == 0u) {
    r.v = float2(as_type<float>(as_type<uint>(v.x) & 0x80000000u), 0.0f);
    r.e = SCALED_ZERO;
  } else {
    int k = int(field) - 127;
    r.v = float2(scale_by(v.x, -k), scale_by(v.y, -k));
    r.e = e + k;
  }
  return r;
}

inline scaled scaled_mul(scaled a, scaled b) {
  float p = a.v.x * b.v.x;
  if (p == 0.0f || is_special(p)) return scaled_of(float2(p, 0.0f), 0);
  return scaled_of(df_mul(a.v, b.v), a.e + b.e);
}

inline scaled scaled_add(scaled a, scaled b) {
  int e = max(a.e, b.e);
  float2 x = float2(scale_by(a.v.x, a.e - e), scale_by(a.v.y, a.e - e));
  float2 y = float2(scale_by(b.v.x, b.e - e), scale_by(b.v.y, b.e - e));
  float s = x.x + y.x;
  if (is_special(s)) return scaled_of(float2(s, 0.0f), 0);
  return scaled_of(df_add(x, y), e);
}

/* The nearest float. */
inline float scaled_float(scaled a) { return scale_by(a.v.x, a.e); }

/* The nearest pair: float64 has up to five bits more. */
inline scaled f64_load(uint2 w) {
  uint sign = w.y & 0x80000000u;
  uint field = (w.y >> 20) & 0x7ffu;
  uint fraction = ((w.y & 0xfffffu) << 3) | (w.x >> 29);
  uint rest = w.x & 0x1fffffffu;
  if (field == 0x7ffu) {
    uint quiet = (fraction | rest) != 0u ? 0x400000u : 0u;
    return scaled_of(float2(as_type<float>(sign | 0x7f800000u | quiet), 0.0f), 0);
  }
  if (field == 0u) return scaled_of(float2(as_type<float>(sign), 0.0f), 0);
  float low = float(rest >> 5) * power_of_two(-47) + float(rest & 31u) * power_of_two(-52);
  float2 v = df_fast_two_sum(as_type<float>(0x3f800000u | fraction), low);
  return scaled_of(sign != 0u ? df_negate(v) : v, int(field) - 1023);
}

/* |a| as an integer times 2^(a.e - 61): 62 bits, what is cut off kept in the last of them as "not exactly". */
inline ulong scaled_integer(scaled a) {
  uint high = as_type<uint>(a.v.x);
  uint low = as_type<uint>(a.v.y);
  ulong sum = ulong((high & 0x7fffffu) | 0x800000u) << 38;
  uint field = (low >> 23) & 0xffu;
  if (field == 0u) return sum;
  uint shift = 127u - field;
  ulong part = ulong((low & 0x7fffffu) | 0x800000u) << 38;
  ulong kept = shift < 62u ? part >> shift : 0ul;
  bool exact = shift < 62u && (kept << shift) == part;
  if (!exact) kept |= 1ul;
  return ((high ^ low) & 0x80000000u) == 0u ? sum + kept : sum - kept;
}

/* The nearest float64; below 2^-1022 it is 0. */
inline uint2 f64_store(scaled a) {
  uint sign = as_type<uint>(a.v.x) & 0x80000000u;
  uint quiet = (as_type<uint>(a.v.x) & 0x7fffffu) != 0u ? 0x80000u : 0u;
  if (is_special(a.v.x)) return uint2(0u, sign | 0x7ff00000u | quiet);
  if (a.v.x == 0.0f) return uint2(0u, sign);
  ulong whole = scaled_integer(a);
  uint top = (whole >> 62) != 0ul ? 62u : (whole >> 61) != 0ul ? 61u : 60u;
  uint shift = top - 52u;
  ulong kept = whole >> shift;
  ulong cut = whole - (kept << shift);
  ulong half_bit = 1ul << (shift - 1u);
  if (cut > half_bit || (cut == half_bit && (kept & 1ul) != 0ul)) kept += 1ul;
  int e = a.e + int(top) - 61;
  if ((kept >> 53) != 0ul) {
    kept >>= 1;
    e += 1;
  }
  if (e > 1023) return uint2(0u, sign | 0x7ff00000u);
  if (e < -1022) return uint2(0u, sign);
  return uint2(uint(kept), sign | (uint(e + 1023) << 20) | (uint(kept >> 32) & 0xfffffu));
}

#endif
