/* msl_words.hpp: words of the language that are macros here: address spaces and vector constructors. Included last. */
#pragma once

/* One address space when run; distinct ones for the strict pass, which only checks types. */
#ifdef EMULATOR_STRICT
#define device __attribute__((address_space(1)))
#define constant const __attribute__((address_space(2)))
#define threadgroup __attribute__((address_space(3)))
#else
#define device
#define constant const
#define threadgroup
#endif
#define thread
#define kernel
#define METAL_FUNC inline __attribute__((always_inline))
#define is_function_constant_defined(x) ::emulator::is_defined(x)

namespace emulator {

/* A threadgroup variable, declared at kernel scope: the same memory for all threads of the group. */
template <class T> threadgroup T &threadgroup_variable(uint32_t slot, const char *name) {
#ifdef EMULATOR_STRICT
  return (void)slot, (void)name, *(threadgroup T *)nullptr;
#else
  return *reinterpret_cast<T *>(threadgroup_memory(slot, name, sizeof(T)));
#endif
}

} /* namespace emulator */

/* float4(a, b, c, d) and the like: clang's vectors have no constructors of that form. */
#define MSL_MAKE(T, N) ::emulator::make_vector<T##N, T, N>
#define bool2(...) MSL_MAKE(bool, 2)(__VA_ARGS__)
#define bool3(...) MSL_MAKE(bool, 3)(__VA_ARGS__)
#define bool4(...) MSL_MAKE(bool, 4)(__VA_ARGS__)
#define char2(...) MSL_MAKE(char, 2)(__VA_ARGS__)
#define char3(...) MSL_MAKE(char, 3)(__VA_ARGS__)
#define char4(...) MSL_MAKE(char, 4)(__VA_ARGS__)
#define uchar2(...) MSL_MAKE(uchar, 2)(__VA_ARGS__)
#define uchar3(...) MSL_MAKE(uchar, 3)(__VA_ARGS__)
#define uchar4(...) MSL_MAKE(uchar, 4)(__VA_ARGS__)
#define short2(...) MSL_MAKE(short, 2)(__VA_ARGS__)
#define short3(...) MSL_MAKE(short, 3)(__VA_ARGS__)
#define short4(...) MSL_MAKE(short, 4)(__VA_ARGS__)
#define ushort2(...) MSL_MAKE(ushort, 2)(__VA_ARGS__)
#define ushort3(...) MSL_MAKE(ushort, 3)(__VA_ARGS__)
#define ushort4(...) MSL_MAKE(ushort, 4)(__VA_ARGS__)
#define int2(...) MSL_MAKE(int, 2)(__VA_ARGS__)
#define int3(...) MSL_MAKE(int, 3)(__VA_ARGS__)
#define int4(...) MSL_MAKE(int, 4)(__VA_ARGS__)
#define uint2(...) MSL_MAKE(uint, 2)(__VA_ARGS__)
#define uint3(...) MSL_MAKE(uint, 3)(__VA_ARGS__)
#define uint4(...) MSL_MAKE(uint, 4)(__VA_ARGS__)
#define long2(...) MSL_MAKE(long, 2)(__VA_ARGS__)
#define long3(...) MSL_MAKE(long, 3)(__VA_ARGS__)
#define long4(...) MSL_MAKE(long, 4)(__VA_ARGS__)
#define ulong2(...) MSL_MAKE(ulong, 2)(__VA_ARGS__)
#define ulong3(...) MSL_MAKE(ulong, 3)(__VA_ARGS__)
#define ulong4(...) MSL_MAKE(ulong, 4)(__VA_ARGS__)
#define half2(...) MSL_MAKE(half, 2)(__VA_ARGS__)
#define half3(...) MSL_MAKE(half, 3)(__VA_ARGS__)
#define half4(...) MSL_MAKE(half, 4)(__VA_ARGS__)
#define bfloat2(...) MSL_MAKE(bfloat, 2)(__VA_ARGS__)
#define bfloat3(...) MSL_MAKE(bfloat, 3)(__VA_ARGS__)
#define bfloat4(...) MSL_MAKE(bfloat, 4)(__VA_ARGS__)
#define float2(...) MSL_MAKE(float, 2)(__VA_ARGS__)
#define float3(...) MSL_MAKE(float, 3)(__VA_ARGS__)
#define float4(...) MSL_MAKE(float, 4)(__VA_ARGS__)
