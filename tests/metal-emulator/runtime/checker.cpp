/* checker.cpp: what the checked build calls before each load and store. Every word of memory has a shadow cell with its
 * last write and last reads; two accesses to it, one of them a write, must be ordered by a barrier for that memory.
 * The same calls count the bytes. */
#include "checker.hpp"
#include "schedule.hpp"
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <dlfcn.h>
#include <memory>
#include <unordered_map>
#include <vector>

namespace emulator {

namespace {

constexpr unsigned MOST_REPORTS = 16;
constexpr uintptr_t PAGE = 16384;    /* bytes of memory that one page of shadow describes */
constexpr size_t MOST_PAGES = 20000; /* kept from launch to launch: 320 MB of memory */

enum Spread : uint16_t { one_thread, one_simdgroup, one_group, many_groups };

/* Who touched a word: the last, and how far those since the last write are spread. */
struct Mark {
  uint32_t serial, epoch, simd_epoch; /* serial of the group; below first_serial: not in this launch */
  uint16_t thread;
  Spread spread;
};

struct Cell {
  Mark write, read;
};

struct Page {
  bool bytes = false; /* a cell a byte instead of a word: after the first access that is not of whole words */
  std::vector<Cell> cells = std::vector<Cell>(PAGE / 4);
};

struct Report {
  const char *file, *what;
  int line;
};

struct Access {
  const char *address, *file;
  size_t size;
  int line;
  bool write;
};

std::unordered_map<uintptr_t, std::unique_ptr<Page>> pages;
struct {
  uintptr_t key;
  Page *page;
} recent[64]; /* by the last bits of the key */
uint32_t first_serial;
std::vector<Report> reports;
unsigned faults;
uint32_t last_buffer, constant_buffers; /* a bit for each buffer of address space constant */

__attribute__((format(printf, 3, 4))) void report(const Access &a, const char *what, const char *format, ...) {
  for (const Report &r : reports) {
    if (r.line == a.line && r.what == what && strcmp(r.file, a.file) == 0) return;
  }
  reports.push_back({a.file, what, a.line});
  if (faults++ >= MOST_REPORTS) return;
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const uint32_t *id = machine.group.id;
  add_error("%s:%d: %s: %s of %zu bytes, %s (thread %u of threadgroup %u,%u,%u)", a.file, a.line, what,
            a.write ? "write" : "read", a.size, text, machine.thread->index, id[0], id[1], id[2]);
}

Page &page_of(uintptr_t key) {
  auto &slot = recent[key % 64];
  if (slot.page && slot.key == key) return *slot.page;
  std::unique_ptr<Page> &page = pages[key];
  if (!page) page = std::make_unique<Page>();
  slot = {key, page.get()};
  return *page;
}

void split_into_bytes(Page &page) {
  std::vector<Cell> cells(PAGE);
  for (size_t i = 0; i < PAGE; i++) cells[i] = page.cells[i / 4];
  page.cells = std::move(cells);
  page.bytes = true;
}

struct Now {
  uint32_t serial, epoch, simd_epoch;
  uint16_t thread;
};

bool current(const Mark &m) { return m.serial >= first_serial; }

bool ordered(const Mark &m, const Now &now) {
  if (!current(m)) return true;
  if (m.serial != now.serial || m.spread == many_groups) return false;
  if (m.epoch != now.epoch) return true;
  if (m.spread == one_group) return false;
  if (m.spread == one_thread && m.thread == now.thread) return true;
  return m.thread / WIDTH == now.thread / WIDTH && m.simd_epoch != now.simd_epoch;
}

/* The reads of a word since its last write, with one more. Reads before the last barrier need not be kept. */
void add_read(Mark &m, const Now &now) {
  Spread spread = one_thread;
  if (current(m) && (m.serial != now.serial || m.spread == many_groups)) {
    spread = many_groups;
  } else if (current(m) && m.epoch == now.epoch && m.thread != now.thread) {
    bool near = m.thread / WIDTH == now.thread / WIDTH && m.spread <= one_simdgroup;
    spread = near ? one_simdgroup : one_group;
  } else if (current(m) && m.epoch == now.epoch) {
    spread = m.spread;
  }
  m = {now.serial, now.epoch, now.simd_epoch, now.thread, spread};
}

/* What is wrong with an access to one cell; NULL where nothing is. */
const char *touch(Cell &cell, const Now &now, bool write) {
  const char *wrong = nullptr;
  if (!ordered(cell.write, now)) wrong = write ? "race (two writes)" : "race (read after unordered write)";
  if (!write) {
    add_read(cell.read, now);
    return wrong;
  }
  if (!wrong && !ordered(cell.read, now)) wrong = "race (write after unordered read)";
  cell.write = {now.serial, now.epoch, now.simd_epoch, now.thread, one_thread};
  cell.read.serial = 0;
  return wrong;
}

const char *buffer_name(uint32_t index) {
  const emulator_kernel &k = *machine.launch->kernel;
  for (uint32_t i = 0; i < k.parameter_count; i++) {
    if (k.parameters[i].kind == EMULATOR_BUFFER && k.parameters[i].index == index) return k.parameters[i].name;
  }
  return "?";
}

/* What is wrong with an access to memory that exists, as the cells of all its words tell. */
struct Findings {
  const char *race;
  bool unwritten;
};

Findings mark(const Access &a, int space) {
  const Group &g = machine.group;
  const uint16_t thread = static_cast<uint16_t>(machine.thread->index);
  const Now now = {g.serial, g.epoch[space], own_simdgroup().epoch[space], thread};
  Findings findings = {nullptr, false};
  uintptr_t address = reinterpret_cast<uintptr_t>(a.address), end = address + a.size;
  while (address < end) {
    Page &page = page_of(address / PAGE);
    if (!page.bytes && (address % 4 != 0 || (end - address) % 4 != 0)) split_into_bytes(page);
    Cell &cell = page.cells[address % PAGE / (page.bytes ? 1 : 4)];
    if (space == 1) { /* the arena is new memory in every threadgroup */
      if (cell.write.serial != g.serial) cell.write.serial = 0;
      if (cell.read.serial != g.serial) cell.read.serial = 0;
      if (!a.write && cell.write.serial == 0) findings.unwritten = true;
    }
    const char *race = touch(cell, now, a.write);
    if (race) findings.race = race;
    address += page.bytes ? 1 : 4;
  }
  return findings;
}

bool inside(const Access &a, const emulator_buffer &b) {
  const char *start = static_cast<const char *>(b.bytes);
  return start && a.address >= start && a.address + a.size <= start + b.length;
}

void device_access(const Access &a, uint32_t index) {
  emulator_cost &cost = machine.cost;
  if (machine.launch->checks & EMULATOR_COUNT && !(constant_buffers >> index & 1)) {
    (a.write ? cost.device_written : cost.device_read) += a.size;
  }
  if (!(machine.launch->checks & EMULATOR_CHECK)) return;
  const char *race = mark(a, 0).race;
  if (!race) return;
  const char *start = static_cast<const char *>(machine.launch->buffers[index].bytes);
  report(a, race, "buffer(%u) '%s' at offset %zd", index, buffer_name(index), a.address - start);
}

/* An access to no buffer: names the nearest one. */
void out_of_bounds(const Access &a) {
  const emulator_launch &l = *machine.launch;
  uint32_t nearest = 0;
  intptr_t least = INTPTR_MAX, past = 0;
  for (uint32_t i = 0; i < EMULATOR_BUFFERS; i++) {
    const char *start = static_cast<const char *>(l.buffers[i].bytes);
    if (!start) continue;
    intptr_t beyond = a.address + a.size - (start + l.buffers[i].length), before = start - a.address;
    intptr_t distance = std::max(beyond, before);
    if (distance >= least) continue;
    least = distance;
    nearest = i;
    past = beyond > before ? beyond : -before;
  }
  report(a, "out of bounds", "by %zd bytes %s buffer(%u) '%s' of %zu bytes", past < 0 ? -past : past,
         past < 0 ? "before" : "past the end of", nearest, buffer_name(nearest), l.buffers[nearest].length);
}

void threadgroup_access(const Access &a) {
  const size_t at = static_cast<size_t>(a.address - machine.arena);
  const uint8_t owner = machine.owner[at];
  if (owner == 0 || at + a.size > ARENA || machine.owner[at + a.size - 1] != owner) {
    const Variable *nearest = nullptr;
    for (const Variable &v : machine.group.variable) {
      if (v.size && v.offset <= at && (!nearest || v.offset > nearest->offset)) nearest = &v;
    }
    if (!(machine.launch->checks & EMULATOR_CHECK)) return;
    report(a, "out of bounds", "at offset %zu of threadgroup '%s' of %u bytes", nearest ? at - nearest->offset : at,
           nearest ? nearest->name : "?", nearest ? nearest->size : 0);
    return;
  }
  const Variable &v = machine.group.variable[owner - 1];
  emulator_cost &cost = machine.cost;
  if (machine.launch->checks & EMULATOR_COUNT) {
    (a.write ? cost.threadgroup_written : cost.threadgroup_read) += a.size;
  }
  if (!(machine.launch->checks & EMULATOR_CHECK)) return;
  const Findings findings = mark(a, 1);
  if (findings.unwritten) {
    report(a, "uninitialised threadgroup memory", "'%s' at offset %zu", v.name, at - v.offset);
  } else if (findings.race) {
    report(a, findings.race, "threadgroup '%s' at offset %zu", v.name, at - v.offset);
  }
}

/* Constants of the library itself: tables in the kernels' text. */
bool in_library(const void *p) {
  static const void *const own = [] {
    Dl_info info{};
    dladdr(reinterpret_cast<void *>(&start_checker), &info);
    return info.dli_fbase;
  }();
  Dl_info info{};
  return dladdr(p, &info) && info.dli_fbase == own;
}

void access(const Access &a) {
  if (!machine.thread || !machine.launch->checks || on_stack(a.address)) return;
  const char *state = reinterpret_cast<const char *>(&machine);
  if (a.address >= machine.arena && a.address < machine.arena + ARENA) return threadgroup_access(a);
  if (a.address >= machine.disabled && a.address < machine.disabled + sizeof machine.disabled && a.write) {
    return report(a, "out of bounds", "to a parameter that its function constant switches off");
  }
  const char *launch = reinterpret_cast<const char *>(machine.launch);
  if (a.address >= state && a.address < state + sizeof machine) return;
  if (a.address >= launch && a.address < launch + sizeof *machine.launch) return;
  if (inside(a, machine.launch->buffers[last_buffer])) return device_access(a, last_buffer);
  for (uint32_t i = 0; i < EMULATOR_BUFFERS; i++) {
    if (!inside(a, machine.launch->buffers[i])) continue;
    last_buffer = i;
    return device_access(a, i);
  }
  if (!in_library(a.address) && machine.launch->checks & EMULATOR_CHECK) out_of_bounds(a);
}

} /* namespace */

void start_checker() {
  if (pages.size() > MOST_PAGES) {
    pages.clear();
    for (auto &slot : recent) slot.page = nullptr;
  }
  first_serial = machine.group.serial + 1;
  reports.clear();
  faults = 0;
  last_buffer = constant_buffers = 0;
  const emulator_kernel &k = *machine.launch->kernel;
  for (uint32_t i = 0; i < k.parameter_count; i++) {
    if (k.parameters[i].kind == EMULATOR_BUFFER) constant_buffers |= k.parameters[i].constant << k.parameters[i].index;
  }
}

unsigned faults_found() { return faults; }

} /* namespace emulator */

using namespace emulator;

/* Called by instrumented code; instrument.ts knows these names. */
extern "C" {

void emulator_load(const char *p, uint32_t size, const char *file, uint32_t line) {
  access({p, file, size, static_cast<int>(line), false});
}

void emulator_store(const char *p, uint32_t size, const char *file, uint32_t line) {
  access({p, file, size, static_cast<int>(line), true});
}

/* Copies of whole structures, whose bytes the compiler moves by these instead of by loads and stores. */
void emulator_copy(char *to, const char *from, uint64_t size, const char *file, uint32_t line) {
  if (size == 0) return;
  access({from, file, size, static_cast<int>(line), false});
  access({to, file, size, static_cast<int>(line), true});
}

void emulator_fill(char *to, uint64_t size, const char *file, uint32_t line) {
  if (size > 0) access({to, file, size, static_cast<int>(line), true});
}

/* Atomic operations may meet on one word: they are checked for bounds and counted, and never race. */
void emulator_atomic(char *p, uint32_t size, const char *file, uint32_t line) {
  const uint32_t checks = machine.launch->checks;
  if (!checks || !machine.thread || on_stack(p)) return;
  const Access a = {p, file, size, static_cast<int>(line), true};
  for (const emulator_buffer &b : machine.launch->buffers) {
    if (!inside(a, b)) continue;
    if (checks & EMULATOR_COUNT) machine.cost.device_read += size, machine.cost.device_written += size;
    return;
  }
  const bool shared = p >= machine.arena && p < machine.arena + ARENA && machine.owner[p - machine.arena];
  if (!shared && checks & EMULATOR_CHECK) out_of_bounds(a);
}

void emulator_flops(uint32_t fma, uint32_t mul, uint32_t add, uint32_t other) {
  emulator_cost &cost = machine.cost;
  cost.fma += fma;
  cost.mul += mul;
  cost.add += add;
  cost.other += other;
}

} /* extern "C" */
