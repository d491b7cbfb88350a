/* random.c: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw 2011) and Wichura's AS 241 PPND7 in single float32 operations,
 * each correctly rounded, so that the bits are the same on every machine. */
#include "random.h"
#include <math.h>
#include "../ffi/tsr.h"

void tsr_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t p = (uint64_t)0xD2511F53u * c0, q = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(q >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)q;
    c2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/* -log(odd * 2^-33) for 1 <= odd < 2^30: by the exponent and log m = 2 artanh((m-1)/(m+1)) with 2/3 < m <= 4/3. */
static float minus_log(uint32_t odd) {
  union {
    float f;
    uint32_t u;
  } m = {.f = (float)odd};
  int32_t exponent = (int32_t)(m.u >> 23) - 127 - 33;
  m.u = (m.u & 0x007FFFFFu) | 0x3F800000u;
  if (m.f > 4.0f / 3.0f) {
    m.f *= 0.5f;
    exponent++;
  }
  /* ln 2 in two parts; the first has 15 bits, so that its product with an exponent is exact. */
  const float ln2_high = 0.693145751953125f, ln2_low = 1.42860682e-6f;
  float s = (m.f - 1.0f) / (m.f + 1.0f), z = s * s, e = (float)-exponent;
  float series = z * (1.0f / 3.0f + z * (0.2f + z * (1.0f / 7.0f + z * (1.0f / 9.0f))));
  float log_m = 2.0f * s + 2.0f * s * series;
  return e * ln2_high + (e * ln2_low - log_m);
}

/* The word stands for p = (word + 1/2) 2^-32. Both branches start from integers that are exact, so no rounding
 * reaches 0 or 1. The third branch of AS 241 begins below exp(-25), which is less than the smallest p. */
float tsr_normal_of(uint32_t word) {
  uint32_t t = word >> 31 ? word - 0x80000000u : 0x7FFFFFFFu - word; /* |p - 1/2| = (2t + 1) 2^-33 */
  float sign = word >> 31 ? 1.0f : -1.0f;
  float q = (float)(2 * t + 1) * 0x1p-33f;
  if (q <= 0.425f) {
    float r = 0.180625f - q * q;
    float top = ((59.10937472f * r + 159.2911320f) * r + 50.43427194f) * r + 3.387132718f;
    float bottom = ((67.18756360f * r + 78.75775766f) * r + 17.89516947f) * r + 1.0f;
    return sign * (q * top / bottom);
  }
  float r = sqrtf(minus_log(0xFFFFFFFFu - 2 * t)) - 1.6f;
  float top = ((0.1702382110f * r + 1.306728482f) * r + 2.756815390f) * r + 1.423437278f;
  float bottom = (0.1202113298f * r + 0.7370016425f) * r + 1.0f;
  return sign * (top / bottom);
}

float tsr_normal(const uint32_t seed[2], uint32_t row, uint32_t col) {
  uint32_t words[4];
  tsr_philox((const uint32_t[]){row, col / 4, TSR_NORMAL, 0}, seed, words);
  return tsr_normal_of(words[col % 4]);
}
