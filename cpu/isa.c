/* isa.c: which instruction sets run here, and on how many processors. */
#include <sched.h>
#include <unistd.h>
#include "../core/core.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Register state that the operating system saves (XCR0), 0 where it does not say. */
static uint64_t saved_state(void) {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
  __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  return (uint64_t)d << 32 | a;
}

/* AVX2 and FMA in the processor, and both halves of the YMM registers saved. */
static bool has_avx2(void) {
  const uint64_t ymm = 6;
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_FMA) || (saved_state() & ymm) != ymm) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}
#else
static bool has_avx2(void) { return false; }
#endif

uint32_t tsr_cpu_isa(uint32_t wanted) {
  switch (wanted) {
    case TSR_ISA_BEST: return has_avx2() ? TSR_ISA_AVX2 : TSR_ISA_PORTABLE;
    case TSR_ISA_PORTABLE: return TSR_ISA_PORTABLE;
    case TSR_ISA_AVX2: return has_avx2() ? TSR_ISA_AVX2 : 0;
    default: return 0;
  }
}

uint32_t tsr_cpu_processors(void) {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return (uint32_t)CPU_COUNT(&set);
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (uint32_t)online : 1;
}
