/* machine.hpp: the emulated GPU as compiled kernels see it: the running thread, its SIMD-group and threadgroup, and
 * how parameters of a kernel are bound. */
#pragma once
#include "emulator.h"
#include <cstring>
#include <type_traits>

namespace emulator {

constexpr uint32_t WIDTH = EMULATOR_SIMD_WIDTH;
constexpr uint32_t VARIABLES = 64;            /* threadgroup variables of one kernel */
constexpr uint32_t SLOTS = VARIABLES + EMULATOR_BUFFERS;
constexpr uint32_t GAP = 64;                  /* unused bytes behind each variable, so that a step too far is seen */
constexpr uint32_t ARENA = EMULATOR_THREADGROUP_BYTES + (SLOTS + 1) * (GAP + 16);
constexpr uint32_t CONSTANT_SLOTS = 256;

struct Site {
  const char *file;
  int line;
};

enum class State : uint8_t { ready, at_barrier, in_simd, done };

struct Thread {
  void *stack_pointer;
  State state;
  uint32_t index, lane, simdgroup;
  uint32_t position[3];
  Site site;              /* of the barrier or SIMD-group operation it waits in */
  const void *operand[4]; /* what this lane gives to a SIMD-group operation, and where the result goes */
};

struct Simdgroup {
  Thread *lane[WIDTH]; /* NULL where there is none */
  uint32_t size, live, arrived;
  uint32_t epoch[2]; /* of device and of threadgroup memory: how often a barrier of this SIMD-group ordered them */
};

struct Variable {
  const char *name;
  uint32_t offset, size; /* size 0: not allocated in this threadgroup */
};

struct Group {
  uint32_t id[3], size[3], linear, threads, live, arrived;
  uint32_t serial; /* unlike that of any other group of this process: tells old shadow cells from new */
  uint32_t flags;  /* of the barrier that threads wait at */
  Site site;
  uint32_t epoch[2];
  uint64_t barriers;
  uint32_t arena_used, bytes_used;
  Variable variable[SLOTS];
  Simdgroup simdgroup[EMULATOR_MAX_THREADS / WIDTH];
};

/* All state that kernels can reach lies in here, so that the checker can tell it from the kernels' memory. */
struct Machine {
  Thread *thread; /* the running one */
  const emulator_launch *launch;
  struct {
    uint32_t index, bits;
    bool set;
  } constant[CONSTANT_SLOTS];
  uint8_t row_column[2 * WIDTH][2]; /* of element i of lane l of an 8x8 matrix, at [2 * l + i] */
  Group group;
  emulator_cost cost;
  Thread threads[EMULATOR_MAX_THREADS];
  alignas(64) char arena[ARENA];
  uint8_t owner[ARENA]; /* in checked launches: slot + 1 of the variable that a byte of the arena belongs to */
  alignas(4096) char disabled[65536]; /* NaNs: what a parameter points to that its function constant switches off */
};
extern Machine machine;

/* Ends the launch with an error; does not come back. */
[[noreturn]] __attribute__((format(printf, 1, 2))) void fail(const char *format, ...);
void barrier(uint32_t flags, const char *file, int line);
/* Waits until all lanes of the SIMD-group are here. True in the last: it works for all and then calls simd_release. */
bool simd_arrive(const char *file, int line);
void simd_release();
void simd_barrier(uint32_t flags, const char *file, int line);
char *threadgroup_memory(uint32_t slot, const char *name, size_t size);

inline Simdgroup &own_simdgroup() { return machine.group.simdgroup[machine.thread->simdgroup]; }

/* ---- function constants ---- */

template <class T, uint32_t N> struct Constant {
  static bool defined() {
    const auto &c = machine.constant[N % CONSTANT_SLOTS];
    return c.set && c.index == N;
  }
  operator T() const {
    static_assert(sizeof(T) <= 4, "function constants have at most 4 bytes here");
    if (!defined()) fail("function constant %u is read but not set", N);
    T value;
    memcpy(&value, &machine.constant[N % CONSTANT_SLOTS].bits, sizeof value);
    return value;
  }
};
template <class T, uint32_t N> bool is_defined(const Constant<T, N> &) { return Constant<T, N>::defined(); }

/* ---- parameters ---- */

template <int N, class First, class... Rest> struct Nth : Nth<N - 1, Rest...> {};
template <class First, class... Rest> struct Nth<0, First, Rest...> {
  typedef First type;
};
template <class F> struct Signature;
template <class... A> struct Signature<void (*)(A...)> {
  template <int N> using argument = typename Nth<N, A...>::type;
};

template <class P> struct Binding {
  static constexpr size_t least = 0;
  static P of(void *p) { return static_cast<P>(p); }
};
template <class T> struct Binding<T &> {
  static constexpr size_t least = sizeof(T);
  static T &of(void *p) { return *static_cast<T *>(p); }
};
template <class T> struct Binding<const T *> {
  static constexpr size_t least = 0;
  static const T *of(void *p) { return static_cast<const T *>(p); }
};

template <class P> P buffer(uint32_t index, const char *name) {
  const emulator_buffer &b = machine.launch->buffers[index];
  if (!b.bytes) fail("buffer(%u) '%s' is not bound", index, name);
  if (b.length < Binding<P>::least) {
    fail("buffer(%u) '%s': %zu bytes are bound, %zu needed", index, name, b.length, Binding<P>::least);
  }
  return Binding<P>::of(b.bytes);
}

template <class P> P buffer_if(bool on, uint32_t index, const char *name) {
  return on ? buffer<P>(index, name) : Binding<P>::of(machine.disabled);
}

template <class P> P threadgroup_buffer(uint32_t index, const char *name) {
  uint32_t size = machine.launch->threadgroup_bytes[index];
  if (size == 0) fail("threadgroup(%u) '%s' has no length set", index, name);
  return Binding<P>::of(threadgroup_memory(VARIABLES + index, name, size));
}

template <class T> T position(uint32_t x, uint32_t y, uint32_t z) {
  if constexpr (std::is_integral<T>::value) {
    return T(x);
  } else {
    T v;
    v[0] = x;
    v[1] = y;
    if constexpr (sizeof(T) / sizeof(v[0]) > 2) v[2] = z;
    return v;
  }
}

/* The attributes of MSL that are positions and sizes, under their own names. */
template <class T> T thread_position_in_grid() {
  const Thread &t = *machine.thread;
  const uint32_t *id = machine.group.id, *size = machine.launch->group_size;
  return position<T>(id[0] * size[0] + t.position[0], id[1] * size[1] + t.position[1], id[2] * size[2] + t.position[2]);
}
template <class T> T threadgroup_position_in_grid() {
  return position<T>(machine.group.id[0], machine.group.id[1], machine.group.id[2]);
}
template <class T> T thread_position_in_threadgroup() {
  const uint32_t *p = machine.thread->position;
  return position<T>(p[0], p[1], p[2]);
}
template <class T> T threads_per_threadgroup() {
  return position<T>(machine.group.size[0], machine.group.size[1], machine.group.size[2]);
}
template <class T> T dispatch_threads_per_threadgroup() {
  const uint32_t *size = machine.launch->group_size;
  return position<T>(size[0], size[1], size[2]);
}
template <class T> T threadgroups_per_grid() {
  const uint32_t *groups = machine.launch->groups;
  return position<T>(groups[0], groups[1], groups[2]);
}
template <class T> T threads_per_grid() {
  const emulator_launch &l = *machine.launch;
  auto along = [&l](int k) { return l.threads[k] ? l.threads[k] : l.groups[k] * l.group_size[k]; };
  return position<T>(along(0), along(1), along(2));
}
template <class T> T thread_index_in_threadgroup() { return T(machine.thread->index); }
template <class T> T thread_index_in_simdgroup() { return T(machine.thread->lane); }
template <class T> T simdgroup_index_in_threadgroup() { return T(machine.thread->simdgroup); }
template <class T> T simdgroups_per_threadgroup() { return T((machine.group.threads + WIDTH - 1) / WIDTH); }
template <class T> T threads_per_simdgroup() { return T(WIDTH); }
template <class T> T thread_execution_width() { return T(WIDTH); }

} /* namespace emulator */
