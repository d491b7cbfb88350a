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

/* AVX-512 with its parts for vectors of any length and of any number, and all of the ZMM and mask registers saved. */
static bool has_avx512(void) {
  const uint64_t zmm = 0xe6;
  const uint32_t parts = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
  uint32_t a, b, c, d;
  if (!has_avx2() || (saved_state() & zmm) != zmm) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & parts) == parts;
}
#endif

static bool runs_here(uint32_t isa) {
  switch (isa) {
#if defined(__x86_64__)
    case TSR_ISA_AVX512: return has_avx512();
    case TSR_ISA_AVX2: return has_avx2();
#elif defined(__aarch64__)
    case TSR_ISA_NEON: return true;
#endif
    default: return isa == TSR_ISA_PORTABLE;
  }
}

uint32_t tsr_cpu_isa(uint32_t wanted) {
  static const uint32_t best_first[] = {TSR_ISA_AVX512, TSR_ISA_AVX2, TSR_ISA_NEON, TSR_ISA_PORTABLE};
  if (wanted != TSR_ISA_BEST) return runs_here(wanted) ? wanted : 0;
  size_t i = 0;
  while (!runs_here(best_first[i])) i++;
  return best_first[i];
}

uint32_t tsr_cpu_processors(void) {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return (uint32_t)CPU_COUNT(&set);
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (uint32_t)online : 1;
}
