/* launch.hpp: what the generated CUDA files tell launch.cu: entry points and function constants of a .metal file. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct cuda_kernel {
  const char *name;
  const void *entry;
};

struct cuda_constant {
  uint32_t index;
  const void *symbol;
  size_t bytes;
};

/* Lists end with an empty element; the constants are those of the kernels' own file. */
struct cuda_module {
  const cuda_kernel *kernels;
  const cuda_constant *constants;
};

/* The same list for all files; ends with NULL. */
extern "C" const cuda_module *const cuda_modules[];
