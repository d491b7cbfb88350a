/* schedule.cpp: one fiber a GPU thread, taken in turn from a queue of those that can run. A thread leaves its fiber at
 * barriers and SIMD-group operations only, so between them it runs alone. */
#include "schedule.hpp"
#include "fiber.hpp"
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <utility>

namespace emulator {

Machine machine;
Errors errors;

namespace {

char *stacks;
void *main_stack;
bool stopped;
uint32_t shuffle_state, next_serial = 1;

struct {
  Thread *thread[EMULATOR_MAX_THREADS];
  uint32_t first, count;
} ready;

bool shuffled() { return machine.launch->order >= EMULATOR_SHUFFLED; }

/* Puts threads into the queue in the order that the launch asks for. */
void make_ready(Thread **list, uint32_t count) {
  if (shuffled()) {
    for (uint32_t i = count; i > 1; i--) {
      shuffle_state = shuffle_state * 1664525u + 1013904223u;
      std::swap(list[i - 1], list[(shuffle_state >> 8) % i]);
    }
  }
  for (uint32_t i = 0; i < count; i++) {
    Thread *t = list[machine.launch->order == EMULATOR_REVERSE ? count - 1 - i : i];
    t->state = State::ready;
    ready.thread[(ready.first + ready.count++) % EMULATOR_MAX_THREADS] = t;
  }
}

[[noreturn]] void back_to_main() {
  void *ignored;
  emulator_switch(&ignored, main_stack);
  abort();
}

/* Every thread waits for one that will not come. */
[[noreturn]] void fail_stuck() {
  const Group &g = machine.group;
  uint32_t at_barrier = 0, in_simd = 0;
  int barrier_line = 0, simd_line = 0;
  for (uint32_t i = 0; i < g.threads; i++) {
    const Thread &t = machine.threads[i];
    if (t.state == State::at_barrier && at_barrier++ == 0) barrier_line = t.site.line;
    if (t.state == State::in_simd && in_simd++ == 0) simd_line = t.site.line;
  }
  fail("divergent control flow: %u threads wait at the barrier of line %d, %u in the SIMD-group operation of line %d, "
       "%u have returned", at_barrier, barrier_line, in_simd, simd_line, g.threads - g.live);
}

Thread *take_ready() {
  if (ready.count == 0) return nullptr;
  Thread *t = ready.thread[ready.first];
  ready.first = (ready.first + 1) % EMULATOR_MAX_THREADS;
  ready.count--;
  return t;
}

/* Continues with another thread; comes back when this one is ready and its turn has come. */
void wait() {
  Thread *self = machine.thread, *next = take_ready();
  if (!next) fail_stuck();
  if (next == self) return;
  machine.thread = next;
  emulator_switch(&self->stack_pointer, next->stack_pointer);
}

bool same(const Site &a, const char *file, int line) {
  return a.line == line && (a.file == file || strcmp(a.file, file) == 0);
}

void finish_thread() {
  Group &g = machine.group;
  Thread *t = machine.thread;
  Simdgroup &s = own_simdgroup();
  t->state = State::done;
  g.live--;
  s.live--;
  s.lane[t->lane] = nullptr;
  if (g.live > 0 && g.arrived == g.live) {
    fail("the barrier of line %d is reached by %u of %u threads, the others have returned", g.site.line, g.live,
         g.threads);
  }
  if (g.live == 0) back_to_main();
  Thread *next = take_ready();
  if (!next) fail_stuck();
  machine.thread = next;
  void *ignored;
  emulator_switch(&ignored, next->stack_pointer);
}

void thread_main() {
  machine.launch->kernel->run();
  finish_thread();
  abort();
}

} /* namespace */

bool on_stack(const void *p) {
  return p >= stacks && p < stacks + STACK * EMULATOR_MAX_THREADS;
}

void add_error(const char *format, ...) {
  if (errors.capacity == 0) return;
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  int n = snprintf(errors.text + errors.length, errors.capacity - errors.length, "%s%s: %s",
                   errors.length == 0 ? "" : "\n", machine.launch->kernel->name, line);
  errors.length += static_cast<size_t>(n);
  if (errors.length >= errors.capacity) errors.length = errors.capacity - 1;
}

void fail(const char *format, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const uint32_t *id = machine.group.id;
  add_error("%s (threadgroup %u,%u,%u)", text, id[0], id[1], id[2]);
  stopped = true;
  back_to_main();
}

void barrier(uint32_t flags, const char *file, int line) {
  Group &g = machine.group;
  Thread *self = machine.thread;
  if (g.arrived == 0) {
    g.site = {file, line};
    g.flags = flags;
  } else if (!same(g.site, file, line) || g.flags != flags) {
    fail("divergent barriers: a thread waits at line %d, thread %u comes to line %d", g.site.line, self->index, line);
  }
  self->state = State::at_barrier;
  self->site = {file, line};
  if (++g.arrived == g.live) {
    if (g.live != g.threads) {
      fail("the barrier of line %d is reached by %u of %u threads, the others have returned", line, g.live, g.threads);
    }
    g.arrived = 0;
    g.barriers++;
    for (int k = 0; k < 2; k++) g.epoch[k] += flags >> k & 1;
    Thread *all[EMULATOR_MAX_THREADS];
    for (uint32_t i = 0; i < g.threads; i++) all[i] = &machine.threads[i];
    make_ready(all, g.threads);
  }
  wait();
}

bool simd_arrive(const char *file, int line) {
  Thread *self = machine.thread;
  Simdgroup &s = own_simdgroup();
  if (s.live != s.size) {
    fail("the SIMD-group operation of line %d is reached by lane %u after %u of %u lanes have returned", line,
         self->lane, s.size - s.live, s.size);
  }
  self->site = {file, line};
  if (++s.arrived < s.size) {
    self->state = State::in_simd;
    wait();
    return false;
  }
  for (Thread *t : s.lane) {
    if (t && t != self && !same(t->site, file, line)) {
      fail("lanes %u and %u of SIMD-group %u are in different SIMD-group operations, lines %d and %d", t->lane,
           self->lane, self->simdgroup, t->site.line, line);
    }
  }
  machine.cost.simd_operations++;
  return true;
}

void simd_release() {
  Simdgroup &s = own_simdgroup();
  s.arrived = 0;
  Thread *waiting[WIDTH];
  uint32_t count = 0;
  for (Thread *t : s.lane) {
    if (t && t != machine.thread) waiting[count++] = t;
  }
  make_ready(waiting, count);
}

void simd_barrier(uint32_t flags, const char *file, int line) {
  if (!simd_arrive(file, line)) return;
  for (int k = 0; k < 2; k++) own_simdgroup().epoch[k] += flags >> k & 1;
  simd_release();
}

char *threadgroup_memory(uint32_t slot, const char *name, size_t size) {
  Group &g = machine.group;
  Variable &v = g.variable[slot];
  if (v.size == 0) {
    if (g.bytes_used + size > EMULATOR_THREADGROUP_BYTES) {
      fail("threadgroup memory: %zu bytes with '%s', the limit is %d", g.bytes_used + size, name,
           EMULATOR_THREADGROUP_BYTES);
    }
    v = {name, g.arena_used, static_cast<uint32_t>(size)};
    g.bytes_used += static_cast<uint32_t>((size + 15) & ~size_t(15));
    g.arena_used += static_cast<uint32_t>((size + GAP + 15) & ~size_t(15));
    memset(machine.arena + v.offset, 0xFF, size);
    if (machine.launch->checks) memset(machine.owner + v.offset, static_cast<int>(slot + 1), size);
  }
  return machine.arena + v.offset;
}

void prepare_group(uint32_t linear) {
  const emulator_launch &l = *machine.launch;
  Group &g = machine.group;
  memset(&g, 0, sizeof g);
  if (l.checks) memset(machine.owner, 0, sizeof machine.owner);
  g.serial = next_serial++;
  g.linear = linear;
  g.id[0] = linear % l.groups[0];
  g.id[1] = linear / l.groups[0] % l.groups[1];
  g.id[2] = linear / l.groups[0] / l.groups[1];
  g.threads = 1;
  for (int k = 0; k < 3; k++) {
    uint32_t left = l.threads[k] - g.id[k] * l.group_size[k];
    g.size[k] = l.threads[k] && left < l.group_size[k] ? left : l.group_size[k];
    g.threads *= g.size[k];
  }
  g.live = g.threads;
  for (uint32_t i = 0; i < g.threads; i++) {
    Thread &t = machine.threads[i];
    t.index = i;
    t.lane = i % WIDTH;
    t.simdgroup = i / WIDTH;
    t.position[0] = i % g.size[0];
    t.position[1] = i / g.size[0] % g.size[1];
    t.position[2] = i / g.size[0] / g.size[1];
    Simdgroup &s = g.simdgroup[t.simdgroup];
    s.lane[t.lane] = &t;
    s.size++;
    s.live++;
  }
}

bool run_group() {
  if (!stacks) {
    void *p = mmap(nullptr, STACK * EMULATOR_MAX_THREADS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
      add_error("no memory for the stacks of %d threads", EMULATOR_MAX_THREADS);
      return false;
    }
    stacks = static_cast<char *>(p);
  }
  const Group &g = machine.group;
  Thread *all[EMULATOR_MAX_THREADS];
  ready.first = ready.count = 0;
  stopped = false;
  if (shuffled()) shuffle_state = machine.launch->order * 2654435761u + g.linear;
  for (uint32_t i = 0; i < g.threads; i++) {
    all[i] = &machine.threads[i];
    all[i]->stack_pointer = new_stack(stacks + STACK * i, thread_main, i);
  }
  make_ready(all, g.threads);
  machine.thread = take_ready();
  emulator_switch(&main_stack, machine.thread->stack_pointer);
  machine.thread = nullptr;
  machine.cost.barriers += g.barriers;
  if (g.barriers > machine.cost.most_barriers) machine.cost.most_barriers = g.barriers;
  return !stopped;
}

} /* namespace emulator */
