/* random.h: random numbers as pure functions of seed, row and column: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw
 * 2011), and Wichura's AS 241 PPND7 in single float32 operations, so that the bits are the CPU library's. */
#ifndef TSR_KERNEL_RANDOM_H
#define TSR_KERNEL_RANDOM_H
#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)

#define RANDOM_NORMAL 1u

/* The four words of column group `quad` of a row. */
inline uint4 random_words(uint row, uint quad, uint distribution, uint2 seed) {
  uint c0 = row, c1 = quad, c2 = distribution, c3 = 0u;
  uint k0 = seed.x, k1 = seed.y;
  for (uint round = 0u; round < 10u; round++) {
    ulong a = ulong(0xD2511F53u) * c0;
    ulong b = ulong(0xCD9E8D57u) * c2;
    c0 = uint(b >> 32) ^ c1 ^ k0;
    c1 = uint(b);
    c2 = uint(a >> 32) ^ c3 ^ k1;
    c3 = uint(a);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return uint4(c0, c1, c2, c3);
}

/* The nearest float: both halves are exact, so the one rounding is that of the sum. */
inline float random_float(uint x) {
  float high = float(x >> 16) * 65536.0f;
  float low = float(x & 0xffffu);
  return high + low;
}

/* -log(odd * 2^-33) for 1 <= odd < 2^30: by the exponent and log m = 2 artanh((m-1)/(m+1)) with 2/3 < m <= 4/3. */
inline float random_minus_log(uint odd) {
  uint bits = as_type<uint>(random_float(odd));
  int exponent = int(bits >> 23) - 127 - 33;
  float m = as_type<float>((bits & 0x007FFFFFu) | 0x3F800000u);
  if (m > 4.0f / 3.0f) {
    m *= 0.5f;
    exponent++;
  }
  /* ln 2 in two parts; the first has 15 bits, so that its product with an exponent is exact. */
  float ln2_high = 0.693145751953125f, ln2_low = 1.42860682e-6f;
  float s = (m - 1.0f) / (m + 1.0f), z = s * s, e = float(-exponent);
  float series = z * (1.0f / 3.0f + z * (0.2f + z * (1.0f / 7.0f + z * (1.0f / 9.0f))));
  float log_m = 2.0f * s + 2.0f * s * series;
  return e * ln2_high + (e * ln2_low - log_m);
}

/* The standard normal number of a word, which stands for p = (word + 1/2) 2^-32. */
inline float random_normal(uint word) {
  uint t = (word >> 31) != 0u ? word - 0x80000000u : 0x7FFFFFFFu - word; /* |p - 1/2| = (2t + 1) 2^-33 */
  float sign = (word >> 31) != 0u ? 1.0f : -1.0f;
  float q = random_float(2u * t + 1u) * 1.16415321826934814e-10f;
  if (q <= 0.425f) {
    float r = 0.180625f - q * q;
    float top = ((59.10937472f * r + 159.2911320f) * r + 50.43427194f) * r + 3.387132718f;
    float bottom = ((67.18756360f * r + 78.75775766f) * r + 17.89516947f) * r + 1.0f;
    return sign * (q * top / bottom);
  }
  float r = sqrt(random_minus_log(0xFFFFFFFFu - 2u * t)) - 1.6f;
  float top = ((0.1702382110f * r + 1.306728482f) * r + 2.756815390f) * r + 1.423437278f;
  float bottom = (0.1202113298f * r + 0.7370016425f) * r + 1.0f;
  return sign * (top / bottom);
}

#endif
