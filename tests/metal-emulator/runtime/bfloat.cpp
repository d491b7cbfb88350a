/* bfloat.cpp: the conversion to bfloat that compilers call on processors without an instruction for it, and that older
 * support libraries lack. Rounds to nearest, ties to even. */
#include <cstdint>
#include <cstring>

extern "C" __attribute__((weak, visibility("hidden"))) __bf16 __truncsfbf2(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const bool nan = (bits & 0x7fffffff) > 0x7f800000;
  bits = nan ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1);
  const uint16_t high = static_cast<uint16_t>(bits >> 16);
  __bf16 result;
  memcpy(&result, &high, sizeof result);
  return result;
}
