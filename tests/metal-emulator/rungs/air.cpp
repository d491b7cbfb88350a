/* air.cpp: the functions of Metal's library that Apple's compiler left in its code as calls of air.*, on the
 * emulator's runtime. air.ll has those on matrices. */
#include <metal_stdlib>
#undef constant
#undef device
#undef kernel
#undef thread
#undef threadgroup

#define NAMED(SYMBOL) __asm__("air." SYMBOL)
static const char *const file = "air";

extern "C" {
void wg_barrier(int flags, int scope) NAMED("wg.barrier");
void wg_barrier(int flags, int) { ::emulator::barrier(uint32_t(flags), file, 0); }
void simdgroup_barrier(int flags, int scope) NAMED("simdgroup.barrier");
void simdgroup_barrier(int flags, int) { ::emulator::simd_barrier(uint32_t(flags), file, 0); }

int min_s(int a, int b) NAMED("min.s.i32");
int min_s(int a, int b) { return a < b ? a : b; }
float fmax_f32(float a, float b) NAMED("fmax.f32");
float fmax_f32(float a, float b) { return metal::fmax(a, b); }
float fast_exp(float x) NAMED("fast_exp.f32");
float fast_exp(float x) { return metal::exp(x); }
float fast_log(float x) NAMED("fast_log.f32");
float fast_log(float x) { return metal::log(x); }

uint8_t normalize(uint8_t value) NAMED("normalize_function_constant_predicate.i8");
uint8_t normalize(uint8_t value) { return value != 0; }
bool is_uniform_i1(bool value) NAMED("is_uniform.i1");
bool is_uniform_i1(bool) { return true; }
bool is_uniform_i32(int value) NAMED("is_uniform.i32");
bool is_uniform_i32(int) { return true; }

float inclusive_sum(float value) NAMED("simd_prefix_inclusive_sum.f32");
float inclusive_sum(float value) { return metal::simd_prefix_inclusive_sum(value, file, 0); }

/* A matrix of AIR has 64 elements, of which the first two are the lane's own. */
typedef metal::simdgroup_float8x8 Matrix;
void air_multiply_accumulate(float *d, const float *a, const float *b, const float *c) {
  ::emulator::multiply_accumulate<float, float, float, float>(d, a, b, c, file, 0);
}
void air_load(float *m, const float *p, uint64_t stride, uint64_t x, uint64_t y, bool transposed) {
  Matrix matrix;
  metal::simdgroup_load(matrix, p, stride, ulong2{x, y}, transposed, file, 0);
  memcpy(m, matrix.element, sizeof matrix.element);
}
void air_store(const float *m, float *p, uint64_t stride, uint64_t x, uint64_t y, bool transposed) {
  Matrix matrix;
  memcpy(matrix.element, m, sizeof matrix.element);
  metal::simdgroup_store(matrix, p, stride, ulong2{x, y}, transposed, file, 0);
}
}
