/* launch.cpp: the C interface: modules and kernels by name, and the launch of a grid. */
#include "checker.hpp"
#include "schedule.hpp"
#include <cstdio>
#include <mutex>
#include <string>
#include <unordered_map>

/* Written by the generator beside the modules; ends with NULL. */
extern "C" const emulator_module *const emulator_modules[];
extern "C" const uint32_t emulator_is_checked;

namespace emulator {

namespace {

std::mutex lock;

std::unordered_map<std::string, emulator_cost> &cost_table() {
  static std::unordered_map<std::string, emulator_cost> table;
  return table;
}

const bool ready_made = [] {
  memset(machine.disabled, 0xFF, sizeof machine.disabled);
  for (uint32_t l = 0; l < WIDTH; l++) {
    for (uint32_t i = 0; i < 2; i++) {
      /* The layout of Apple's GPUs, as public kernels that use thread_elements() assume it. */
      machine.row_column[2 * l + i][0] = static_cast<uint8_t>((l >> 2 & 4) + (l >> 1 & 3));
      machine.row_column[2 * l + i][1] = static_cast<uint8_t>((l >> 2 & 2) * 2 + (l & 1) * 2 + i);
    }
  }
  return true;
}();

bool acceptable_grid(const emulator_launch &l) {
  uint64_t threads = uint64_t(l.group_size[0]) * l.group_size[1] * l.group_size[2];
  uint64_t groups = uint64_t(l.groups[0]) * l.groups[1] * l.groups[2];
  uint32_t most = l.kernel->max_threads ? l.kernel->max_threads : EMULATOR_MAX_THREADS;
  if (threads == 0 || threads > most || l.group_size[0] > most || l.group_size[1] > most) {
    add_error("%llu threads per threadgroup, at least 1 and at most %u", (unsigned long long)threads, most);
  } else if (groups > UINT32_MAX || l.first_group + uint64_t(l.group_count) > groups) {
    add_error("%llu threadgroups, of which %u from %u on", (unsigned long long)groups, l.group_count, l.first_group);
  } else if (l.order >= EMULATOR_ORDERS) {
    add_error("thread order %u, at most %d", l.order, EMULATOR_ORDERS - 1);
  } else if (l.checks != 0 && !emulator_is_checked) {
    add_error("checks need the checked library");
  } else if (l.constant_count > EMULATOR_CONSTANTS) {
    add_error("%u function constants, at most %d", l.constant_count, EMULATOR_CONSTANTS);
  }
  return errors.length == 0;
}

bool acceptable_memory(const emulator_launch &l) {
  uint64_t bytes = 0;
  for (uint32_t length : l.threadgroup_bytes) {
    if (length % 16 != 0) add_error("threadgroup memory length %u is not a multiple of 16", length);
    bytes += length;
  }
  if (bytes > EMULATOR_THREADGROUP_BYTES) {
    add_error("threadgroup memory: %llu bytes, the limit is %d", (unsigned long long)bytes,
              EMULATOR_THREADGROUP_BYTES);
  }
  return errors.length == 0;
}

bool set_constants(const emulator_launch &l) {
  memset(machine.constant, 0, sizeof machine.constant);
  for (uint32_t i = 0; i < l.constant_count; i++) {
    auto &slot = machine.constant[l.constants[i].index % CONSTANT_SLOTS];
    if (slot.set) {
      add_error("function constants %u and %u share a slot of the emulator", slot.index, l.constants[i].index);
      return false;
    }
    slot = {l.constants[i].index, l.constants[i].bits, true};
  }
  return true;
}

void add_costs(const emulator_launch &l, uint64_t groups) {
  emulator_cost &sum = cost_table()[l.kernel->name], &one = machine.cost;
  uint64_t most = sum.most_barriers > one.most_barriers ? sum.most_barriers : one.most_barriers;
  one.launches = 1;
  one.groups = groups;
  auto *to = reinterpret_cast<uint64_t *>(&sum);
  auto *from = reinterpret_cast<const uint64_t *>(&one);
  for (size_t i = 0; i < sizeof one / sizeof *to; i++) to[i] += from[i];
  sum.most_barriers = most;
}

int32_t run_grid(const emulator_launch &l) {
  uint32_t all = l.groups[0] * l.groups[1] * l.groups[2];
  uint32_t count = l.group_count ? l.group_count : all;
  machine.cost = {};
  if (l.checks) start_checker();
  bool completed = true;
  for (uint32_t i = 0; i < count && completed; i++) {
    prepare_group(l.first_group + (l.order == EMULATOR_REVERSE ? count - 1 - i : i));
    machine.cost.threads += machine.group.threads;
    completed = run_group();
  }
  add_costs(l, count);
  if (!completed) return EMULATOR_FAILED;
  return (l.checks & EMULATOR_CHECK) && faults_found() > 0 ? EMULATOR_FOUND : EMULATOR_OK;
}

} /* namespace */

} /* namespace emulator */

using namespace emulator;

uint32_t emulator_abi(void) { return EMULATOR_ABI; }

uint32_t emulator_checked(void) { return emulator_is_checked; }

uint32_t emulator_module_count(void) {
  uint32_t count = 0;
  while (emulator_modules[count]) count++;
  return count;
}

const emulator_module *emulator_module_at(uint32_t i) {
  return i < emulator_module_count() ? emulator_modules[i] : nullptr;
}

const emulator_kernel *emulator_find(const char *name) {
  for (const emulator_module *const *m = emulator_modules; *m; m++) {
    for (uint32_t i = 0; i < (*m)->kernel_count; i++) {
      if (strcmp((*m)->kernels[i].name, name) == 0) return &(*m)->kernels[i];
    }
  }
  return nullptr;
}

int32_t emulator_run(const emulator_launch *launch, char *error, size_t capacity) {
  std::lock_guard<std::mutex> guard(lock);
  if (capacity > 0) error[0] = 0;
  errors = {error, capacity, 0};
  if (!launch->kernel || !ready_made) {
    if (capacity > 0) snprintf(error, capacity, "a launch without a kernel");
    return EMULATOR_FAILED;
  }
  machine.launch = launch;
  int32_t result = EMULATOR_FAILED;
  if (acceptable_grid(*launch) && acceptable_memory(*launch) && set_constants(*launch)) result = run_grid(*launch);
  machine.launch = nullptr;
  errors = {};
  return result;
}

void emulator_costs(const emulator_kernel *kernel, emulator_cost *cost) {
  std::lock_guard<std::mutex> guard(lock);
  auto found = cost_table().find(kernel->name);
  *cost = found == cost_table().end() ? emulator_cost{} : found->second;
}

void emulator_reset_costs(void) {
  std::lock_guard<std::mutex> guard(lock);
  cost_table().clear();
}

void emulator_layout(uint8_t *row_column) { memcpy(row_column, machine.row_column, sizeof machine.row_column); }

void emulator_set_layout(const uint8_t *row_column) {
  memcpy(machine.row_column, row_column, sizeof machine.row_column);
}
