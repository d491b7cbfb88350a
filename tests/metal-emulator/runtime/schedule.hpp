/* schedule.hpp: runs one threadgroup to its end. */
#pragma once
#include "machine.hpp"

namespace emulator {

/* Text of a launch's errors: the first that stops it, or one line for each fault that the checker finds. */
struct Errors {
  char *text;
  size_t capacity, length;
};
extern Errors errors;
__attribute__((format(printf, 1, 2))) void add_error(const char *format, ...);

/* Makes machine.group ready for a group of the launch. */
void prepare_group(uint32_t linear);
/* False when it was stopped by an error. */
bool run_group();
/* Memory of fibers, which checked code may use as it likes. */
bool on_stack(const void *p);

} /* namespace emulator */
