/* emulator.h: the C interface of the Metal emulator. A library made by build.ts holds the kernels of some .metal files,
 * compiled for the CPU, and these functions, which list them and run grids of them. Calls may come from any thread;
 * launches run one at a time, on the thread of the caller. */
#ifndef EMULATOR_H
#define EMULATOR_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#define EMULATOR_EXPORT __attribute__((visibility("default")))

enum {
  EMULATOR_ABI = 1,
  EMULATOR_BUFFERS = 31,             /* buffer and threadgroup indices end before this */
  EMULATOR_MAX_THREADS = 1024,       /* of one threadgroup */
  EMULATOR_THREADGROUP_BYTES = 32768, /* of one threadgroup, all variables together */
  EMULATOR_SIMD_WIDTH = 32,
  EMULATOR_CONSTANTS = 16 /* function constants of one launch */
};

/* What a kernel's parameter is bound to. */
enum { EMULATOR_BUFFER, EMULATOR_THREADGROUP, EMULATOR_POSITION };

typedef struct {
  uint32_t kind, index; /* index of buffer or threadgroup memory */
  const char *name;
  int32_t condition; /* number of the function constant that switches the parameter on, -1 where there is none */
  uint32_t constant; /* 1 for a buffer of address space constant: its reads are not counted as device traffic */
} emulator_parameter;

typedef struct {
  const char *name;
  void (*run)(void); /* one thread of the kernel; for the runtime only */
  const emulator_parameter *parameters;
  uint32_t parameter_count;
  uint32_t max_threads; /* max_total_threads_per_threadgroup, 0 where the text has none */
  const char *file;     /* where the text defines it */
  uint32_t line;
} emulator_kernel;

typedef struct {
  const char *name, *type;
  uint32_t index;
} emulator_constant;

/* One .metal file. `source` is its whole text with its own headers resolved: what newLibraryWithSource gets. */
typedef struct {
  const char *name, *source;
  size_t source_length;
  const emulator_kernel *kernels;
  uint32_t kernel_count;
  const emulator_constant *constants;
  uint32_t constant_count;
} emulator_module;

typedef struct {
  void *bytes;
  size_t length; /* exact: the checker reports any access beyond it */
} emulator_buffer;

typedef struct {
  uint32_t index;
  uint32_t bits; /* the value's bytes, the first at the lowest address; a bool is one byte */
} emulator_value;

/* Bits of emulator_launch.checks. They need the checked library; the plain one refuses them. */
enum {
  EMULATOR_CHECK = 1, /* races, bounds, uninitialised threadgroup memory */
  EMULATOR_COUNT = 2  /* bytes and flops */
};

/* Orders in which runnable threads are taken: all are legal, so results must not differ. */
enum { EMULATOR_FORWARD, EMULATOR_REVERSE, EMULATOR_SHUFFLED, EMULATOR_SHUFFLED_AGAIN, EMULATOR_ORDERS };

typedef struct {
  const emulator_kernel *kernel;
  uint32_t groups[3], group_size[3];
  uint32_t threads[3];               /* 0, or the exact grid (dispatchThreads): edge groups are smaller then */
  uint32_t first_group, group_count; /* run only these groups, in row-major order; a count of 0 runs all */
  emulator_buffer buffers[EMULATOR_BUFFERS];
  uint32_t threadgroup_bytes[EMULATOR_BUFFERS];
  emulator_value constants[EMULATOR_CONSTANTS];
  uint32_t constant_count;
  uint32_t order, checks;
} emulator_launch;

/* Costs of all launches of one kernel since the last reset. Bytes and flops are counted in the checked library with
 * EMULATOR_COUNT, as loads and stores of the compiled text; the rest is counted always. */
typedef struct {
  uint64_t launches, groups, threads;
  uint64_t barriers, most_barriers; /* of all groups together; of the group with most */
  uint64_t matrix_steps;            /* 8x8x8 multiply-accumulates of a SIMD-group, 512 FMAs each */
  uint64_t simd_operations;         /* shuffles, reductions and barriers of a SIMD-group */
  uint64_t device_read, device_written, threadgroup_read, threadgroup_written;
  uint64_t fma, mul, add, other; /* float operations of the threads; other: division, square root, functions */
} emulator_cost;

enum {
  EMULATOR_OK = 0,
  EMULATOR_FAILED = 1, /* refused or stopped: the error text says why */
  EMULATOR_FOUND = 2   /* ran to its end, and the checker found faults: the error text has one a line */
};

EMULATOR_EXPORT uint32_t emulator_abi(void);
/* Whether this is the checked library. */
EMULATOR_EXPORT uint32_t emulator_checked(void);
EMULATOR_EXPORT uint32_t emulator_module_count(void);
EMULATOR_EXPORT const emulator_module *emulator_module_at(uint32_t i);
/* The kernel of that name in any module; NULL where there is none. */
EMULATOR_EXPORT const emulator_kernel *emulator_find(const char *name);
/* Runs a grid. Writes at most `capacity` bytes of error text, with its NUL. */
EMULATOR_EXPORT int32_t emulator_run(const emulator_launch *launch, char *error, size_t capacity);
EMULATOR_EXPORT void emulator_costs(const emulator_kernel *kernel, emulator_cost *cost);
EMULATOR_EXPORT void emulator_reset_costs(void);
/* Row and column of element i (0 or 1) of lane l of an 8x8 matrix, at [2 * (2 * l + i)]. Tests change the layout to
 * show that a wrong one is noticed. */
EMULATOR_EXPORT void emulator_layout(uint8_t *row_column);
EMULATOR_EXPORT void emulator_set_layout(const uint8_t *row_column);

/* The same for callers without structs: `words` describes a launch whose operands lie in `memory`; see packed.cpp. */
EMULATOR_EXPORT int32_t emulator_run_packed(const char *kernel, const uint32_t *words, uint8_t *memory, char *error,
                                            uint32_t capacity);
/* The costs of a kernel as 15 numbers, in the order of emulator_cost; EMULATOR_FAILED for an unknown name. */
EMULATOR_EXPORT int32_t emulator_costs_packed(const char *kernel, double *costs);
/* The kernels' names, one a line; the bytes that the whole list needs. */
EMULATOR_EXPORT uint32_t emulator_names(char *names, uint32_t capacity);

#ifdef __cplusplus
}
#endif
#endif
