/* msl_matrix.hpp: 8x8 matrices spread over a SIMD-group, two elements a lane. */
#pragma once
#include "msl_simdgroup.hpp"

namespace metal {

template <class T, int Columns, int Rows = Columns> struct simdgroup_matrix {
  static_assert(Rows == 8 && Columns == 8, "8x8 only");
  typedef T thread_elements_t __attribute__((ext_vector_type(2)));
  T element[2];
  simdgroup_matrix() = default;
  explicit simdgroup_matrix(T diagonal) {
    for (int i = 0; i < 2; i++) {
      const uint8_t *at = ::emulator::machine.row_column[2 * ::emulator::machine.thread->lane + i];
      element[i] = at[0] == at[1] ? diagonal : T(0);
    }
  }
  thread_elements_t &thread_elements() { return *(thread_elements_t *)element; }
  const thread_elements_t &thread_elements() const { return *(const thread_elements_t *)element; }
};
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
typedef simdgroup_matrix<bfloat, 8, 8> simdgroup_bfloat8x8;

template <class T, int Columns, int Rows = Columns>
inline simdgroup_matrix<T, Columns, Rows> make_filled_simdgroup_matrix(T value) {
  simdgroup_matrix<T, Columns, Rows> m;
  m.element[0] = m.element[1] = value;
  return m;
}
template <class T, int Columns, int Rows = Columns>
inline simdgroup_matrix<T, Columns, Rows> make_diagonal_simdgroup_matrix(T value) {
  return simdgroup_matrix<T, Columns, Rows>(value);
}

/* Where element i of this lane lies; `origin` is (column, row) as in the language. */
inline ulong simdgroup_offset(int i, ulong stride, ulong2 origin, bool transposed) {
  const uint8_t *at = ::emulator::machine.row_column[2 * ::emulator::machine.thread->lane + i];
  ulong row = transposed ? at[1] : at[0], column = transposed ? at[0] : at[1];
  return (origin.y + row) * stride + origin.x + column;
}

#define MSL_MATRIX_MEMORY(SPACE) \
  template <class T> \
  inline void simdgroup_load(simdgroup_matrix<T, 8, 8> &m, const SPACE T *p, ulong stride = 8, \
                             ulong2 origin = ulong2{0, 0}, bool transposed = false, MSL_SITE) { \
    ::emulator::need_whole_simdgroup(file, line); \
    for (int i = 0; i < 2; i++) m.element[i] = p[simdgroup_offset(i, stride, origin, transposed)]; \
  } \
  template <class T> \
  inline void simdgroup_store(simdgroup_matrix<T, 8, 8> m, SPACE T *p, ulong stride = 8, \
                              ulong2 origin = ulong2{0, 0}, bool transposed = false, MSL_SITE) { \
    ::emulator::need_whole_simdgroup(file, line); \
    for (int i = 0; i < 2; i++) p[simdgroup_offset(i, stride, origin, transposed)] = m.element[i]; \
  }
#ifdef EMULATOR_STRICT
MSL_MATRIX_MEMORY(__attribute__((address_space(1))))
MSL_MATRIX_MEMORY(__attribute__((address_space(3))))
#else
MSL_MATRIX_MEMORY()
#endif
#undef MSL_MATRIX_MEMORY

} /* namespace metal */

namespace emulator {

template <class T> void gather(float (&m)[8][8], const Simdgroup &s, int operand) {
  for (uint32_t l = 0; l < WIDTH; l++) {
    auto *element = static_cast<const T *>(s.lane[l]->operand[operand]);
    for (int i = 0; i < 2; i++) {
      m[machine.row_column[2 * l + i][0]][machine.row_column[2 * l + i][1]] = float(element[i]);
    }
  }
}

/* D = A B + C. Each element is one chain of fused multiply-adds from C on, in the order of the inner index. */
template <class TD, class TA, class TB, class TC>
__attribute__((noinline)) void multiply_accumulate(void *d, const void *a, const void *b, const void *c,
                                                   const char *file, int line) {
  Thread &t = *machine.thread;
  const void *operands[4] = {a, b, c, d};
  memcpy(t.operand, operands, sizeof operands);
  need_whole_simdgroup(file, line);
  if (!simd_arrive(file, line)) return;
  Simdgroup &s = own_simdgroup();
  float A[8][8], B[8][8], C[8][8];
  gather<TA>(A, s, 0);
  gather<TB>(B, s, 1);
  gather<TC>(C, s, 2);
  for (int i = 0; i < 8; i++) {
    for (int k = 0; k < 8; k++) {
      for (int j = 0; j < 8; j++) C[i][j] = __builtin_fmaf(A[i][k], B[k][j], C[i][j]);
    }
  }
  for (uint32_t l = 0; l < WIDTH; l++) {
    auto *element = static_cast<TD *>(const_cast<void *>(s.lane[l]->operand[3]));
    for (int i = 0; i < 2; i++) {
      element[i] = TD(C[machine.row_column[2 * l + i][0]][machine.row_column[2 * l + i][1]]);
    }
  }
  machine.cost.matrix_steps++;
  simd_release();
}

} /* namespace emulator */

namespace metal {

template <class TD, class TA, class TB, class TC>
inline void simdgroup_multiply_accumulate(simdgroup_matrix<TD, 8, 8> &d, simdgroup_matrix<TA, 8, 8> a,
                                          simdgroup_matrix<TB, 8, 8> b, simdgroup_matrix<TC, 8, 8> c, MSL_SITE) {
  ::emulator::multiply_accumulate<TD, TA, TB, TC>(d.element, a.element, b.element, c.element, file, line);
}
template <class TD, class TA, class TB>
inline void simdgroup_multiply(simdgroup_matrix<TD, 8, 8> &d, simdgroup_matrix<TA, 8, 8> a,
                               simdgroup_matrix<TB, 8, 8> b, MSL_SITE) {
  simdgroup_multiply_accumulate(d, a, b, make_filled_simdgroup_matrix<TD, 8>(TD(0)), file, line);
}

} /* namespace metal */
