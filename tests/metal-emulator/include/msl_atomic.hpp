/* msl_atomic.hpp: atomic operations, relaxed as the language has them. */
#pragma once
#include "msl_types.hpp"

#ifdef EMULATOR_STRICT
#define MSL_SPACES(F) F(__attribute__((address_space(1)))) F(__attribute__((address_space(3))))
#else
#define MSL_SPACES(F) F()
#endif

namespace metal {

enum memory_order { memory_order_relaxed };

template <class T> struct _atomic {
  T value;
};
typedef _atomic<uint> atomic_uint;
typedef _atomic<int> atomic_int;
typedef _atomic<float> atomic_float;
template <class T> using atomic = _atomic<T>;

#define MSL_ATOMIC_FETCH(SPACE, name, builtin) \
  template <class T> inline T atomic_fetch_##name##_explicit(volatile SPACE _atomic<T> *p, T x, memory_order) { \
    return builtin((T *)(void *)&((_atomic<T> *)p)->value, x, __ATOMIC_RELAXED); \
  }
#define MSL_ATOMICS(SPACE) \
  MSL_ATOMIC_FETCH(SPACE, add, __atomic_fetch_add) \
  MSL_ATOMIC_FETCH(SPACE, sub, __atomic_fetch_sub) \
  MSL_ATOMIC_FETCH(SPACE, or, __atomic_fetch_or) \
  MSL_ATOMIC_FETCH(SPACE, and, __atomic_fetch_and) \
  MSL_ATOMIC_FETCH(SPACE, xor, __atomic_fetch_xor) \
  MSL_ATOMIC_FETCH(SPACE, max, __atomic_fetch_max) \
  MSL_ATOMIC_FETCH(SPACE, min, __atomic_fetch_min) \
  template <class T> inline T atomic_exchange_explicit(volatile SPACE _atomic<T> *p, T x, memory_order) { \
    return __atomic_exchange_n((T *)(void *)&((_atomic<T> *)p)->value, x, __ATOMIC_RELAXED); \
  } \
  template <class T> inline T atomic_load_explicit(const volatile SPACE _atomic<T> *p, memory_order) { \
    T r; \
    __atomic_load((T *)(void *)&((_atomic<T> *)p)->value, &r, __ATOMIC_RELAXED); \
    return r; \
  } \
  template <class T> inline void atomic_store_explicit(volatile SPACE _atomic<T> *p, T x, memory_order) { \
    __atomic_store((T *)(void *)&((_atomic<T> *)p)->value, &x, __ATOMIC_RELAXED); \
  } \
  template <class T> \
  inline bool atomic_compare_exchange_weak_explicit(volatile SPACE _atomic<T> *p, T *expected, T desired, \
                                                    memory_order, memory_order) { \
    return __atomic_compare_exchange((T *)(void *)&((_atomic<T> *)p)->value, expected, &desired, false, \
                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED); \
  }
MSL_SPACES(MSL_ATOMICS)
#undef MSL_ATOMICS
#undef MSL_ATOMIC_FETCH

} /* namespace metal */
