/* msl_simdgroup.hpp: barriers, and operations on the lanes of a SIMD-group. Each lane leaves its operand and waits; the
 * last to arrive computes for all. */
#pragma once
#include "msl_math.hpp"

#define MSL_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

namespace emulator {

inline void need_whole_simdgroup(const char *, int line) {
  uint32_t size = own_simdgroup().size;
  if (size != WIDTH) fail("8x8 matrix operation in a SIMD-group of %u lanes (line %d)", size, line);
}

/* The lanes that take part in an operation, seen by the one that combines. */
template <class T> struct Lanes {
  const Simdgroup &s;
  bool has(uint32_t i) const { return s.lane[i & 31] != nullptr; }
  T value(uint32_t i, int line) const {
    if (!has(i)) fail("a lane reads lane %u of a SIMD-group of %u lanes (line %d)", i & 31, s.size, line);
    return *static_cast<const T *>(s.lane[i & 31]->operand[0]);
  }
  template <class U> U other(uint32_t i) const { return *static_cast<const U *>(s.lane[i & 31]->operand[2]); }
};

/* result of lane i = combine(lanes, i) */
template <class T, class Combine>
__attribute__((noinline)) T across(T value, const void *other, Combine combine, const char *file, int line) {
  T result = value;
  Thread &t = *machine.thread;
  t.operand[0] = &value;
  t.operand[1] = &result;
  t.operand[2] = other;
  if (!simd_arrive(file, line)) return result;
  Simdgroup &s = own_simdgroup();
  const Lanes<T> lanes{s};
  for (uint32_t i = 0; i < WIDTH; i++) {
    if (s.lane[i]) *static_cast<T *>(const_cast<void *>(s.lane[i]->operand[1])) = combine(lanes, i);
  }
  simd_release();
  return result;
}

/* Folds neighbours first, then pairs of pairs, as a butterfly does; absent lanes do not count. */
template <class T, class Fold>
__attribute__((noinline)) T reduce(T value, Fold fold, const char *file, int line) {
  Thread &t = *machine.thread;
  T result = value;
  t.operand[0] = &value;
  t.operand[1] = &result;
  if (!simd_arrive(file, line)) return result;
  Simdgroup &s = own_simdgroup();
  T v[WIDTH];
  for (uint32_t i = 0; i < s.size; i++) v[i] = *static_cast<const T *>(s.lane[i]->operand[0]);
  for (uint32_t half_width = 1; half_width < s.size; half_width *= 2) {
    for (uint32_t i = 0; i + half_width < s.size; i += 2 * half_width) v[i] = fold(v[i], v[i + half_width]);
  }
  for (uint32_t i = 0; i < s.size; i++) *static_cast<T *>(const_cast<void *>(s.lane[i]->operand[1])) = v[0];
  simd_release();
  return result;
}

/* The fold of lanes 0 to i, or to i - 1. */
template <class T, class Fold>
T scan(T value, T identity, uint32_t inclusive, Fold fold, const char *file, int line) {
  auto combine = [=](const Lanes<T> &lanes, uint32_t i) {
    T r = identity;
    for (uint32_t k = 0; k < i + inclusive; k++) r = fold(r, lanes.value(k, line));
    return r;
  };
  return across(value, nullptr, combine, file, line);
}

} /* namespace emulator */

namespace metal {

enum class mem_flags : uint32_t { mem_none = 0, mem_device = 1, mem_threadgroup = 2, mem_texture = 4 };
constexpr mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(uint32_t(a) | uint32_t(b)); }

inline void threadgroup_barrier(mem_flags flags, MSL_SITE) { ::emulator::barrier(uint32_t(flags), file, line); }
inline void simdgroup_barrier(mem_flags flags, MSL_SITE) { ::emulator::simd_barrier(uint32_t(flags), file, line); }

#define MSL_REDUCE(name, value) \
  template <class T> inline T simd_##name(T v, MSL_SITE) { \
    return ::emulator::reduce(v, [](T a, T b) { return T(value); }, file, line); \
  }
MSL_REDUCE(sum, a + b)
MSL_REDUCE(product, a *b)
MSL_REDUCE(max, metal::max(a, b))
MSL_REDUCE(min, metal::min(a, b))
MSL_REDUCE(and, a &b)
MSL_REDUCE(or, a | b)
MSL_REDUCE(xor, a ^ b)
#undef MSL_REDUCE
inline bool simd_all(bool v, MSL_SITE) { return simd_and(v, file, line); }
inline bool simd_any(bool v, MSL_SITE) { return simd_or(v, file, line); }
inline bool simd_is_first() { return ::emulator::machine.thread->lane == 0; }

#define MSL_SCAN(name, identity, inclusive, value) \
  template <class T> inline T simd_prefix_##name(T v, MSL_SITE) { \
    return ::emulator::scan(v, T(identity), inclusive, [](T a, T b) { return T(value); }, file, line); \
  }
MSL_SCAN(inclusive_sum, 0, 1, a + b)
MSL_SCAN(exclusive_sum, 0, 0, a + b)
MSL_SCAN(inclusive_product, 1, 1, a *b)
MSL_SCAN(exclusive_product, 1, 0, a *b)
#undef MSL_SCAN

/* The lane that a shuffle reads; its own past the edge, where the language leaves the value undefined. */
#define MSL_SHUFFLE(name, from) \
  template <class T> inline T simd_##name(T v, ushort by, MSL_SITE) { \
    auto combine = [line](const ::emulator::Lanes<T> &lanes, uint32_t i) { \
      uint32_t by = lanes.template other<ushort>(i); \
      return lanes.value(from, line); \
    }; \
    return ::emulator::across(v, &by, combine, file, line); \
  }
MSL_SHUFFLE(shuffle, by)
MSL_SHUFFLE(broadcast, by)
MSL_SHUFFLE(shuffle_xor, i ^ by)
MSL_SHUFFLE(shuffle_down, i + by < 32 ? i + by : i)
MSL_SHUFFLE(shuffle_up, i >= by ? i - by : i)
MSL_SHUFFLE(shuffle_rotate_down, i + by)
MSL_SHUFFLE(shuffle_rotate_up, i - by)
#undef MSL_SHUFFLE
template <class T> inline T simd_broadcast_first(T v, MSL_SITE) { return simd_shuffle(v, ushort(0), file, line); }

/* Lanes past the edge of a block of `modulo` lanes take the fill value of the lane they would have wrapped to. */
#define MSL_FILL(name, inside, from, fill_from) \
  template <class T> inline T simd_shuffle_and_fill_##name(T v, T fill, ushort by, ushort modulo, MSL_SITE) { \
    auto combine = [by, modulo, line](const ::emulator::Lanes<T> &lanes, uint32_t i) { \
      uint32_t k = i % modulo, base = i - k; \
      return inside ? lanes.value(from, line) : lanes.template other<T>(base + fill_from); \
    }; \
    return ::emulator::across(v, &fill, combine, file, line); \
  } \
  template <class T> inline T simd_shuffle_and_fill_##name(T v, T fill, ushort by, MSL_SITE) { \
    return simd_shuffle_and_fill_##name(v, fill, by, ushort(32), file, line); \
  }
MSL_FILL(up, k >= by, i - by, modulo - by + k)
MSL_FILL(down, k + by < modulo, i + by, k + by - modulo)
#undef MSL_FILL

} /* namespace metal */
