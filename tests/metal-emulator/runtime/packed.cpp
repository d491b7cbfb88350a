/* packed.cpp: launches for callers without structs, such as JavaScript: one array of words, one block of memory.
 *
 *   words  0 groups[3]   3 group_size[3]   6 threads[3]   9 first_group  10 group_count  11 order  12 checks
 *         13 buffers    14 threadgroup memories    15 function constants
 *         16 for each buffer: index, offset in memory, length, then for a sparse one its whole length (low, high) and
 *            where in it the bytes of memory lie (low, high); else four zeros
 *            for each threadgroup memory: index, bytes;  for each function constant: index, bits */
#include "schedule.hpp"
#include <cstdio>
#include <memory>
#include <sys/mman.h>

using namespace emulator;

namespace {

constexpr uint32_t SPARSE = EMULATOR_BUFFERS;

/* A buffer larger than what is touched of it: address space without memory, and a window with the caller's bytes. */
struct Sparse {
  char *base;
  size_t length, at, size;
  uint8_t *window;
};

uint64_t wide(const uint32_t *words) { return words[0] | uint64_t(words[1]) << 32; }

bool map_sparse(const uint32_t *w, uint8_t *memory, Sparse *s) {
  *s = {nullptr, wide(w + 3), wide(w + 5), w[2], memory + w[1]};
  void *p = mmap(nullptr, s->length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  s->base = static_cast<char *>(p);
  memcpy(s->base + s->at, s->window, s->size);
  return true;
}

int32_t refuse(char *error, uint32_t capacity, const char *name, const char *why) {
  if (capacity > 0) snprintf(error, capacity, "%s: %s", name, why);
  return EMULATOR_FAILED;
}

} /* namespace */

int32_t emulator_run_packed(const char *kernel, const uint32_t *words, uint8_t *memory, char *error,
                            uint32_t capacity) {
  auto launch = std::make_unique<emulator_launch>();
  launch->kernel = emulator_find(kernel);
  if (!launch->kernel) return refuse(error, capacity, kernel, "no kernel of that name");
  memcpy(launch->groups, words, sizeof launch->groups);
  memcpy(launch->group_size, words + 3, sizeof launch->group_size);
  memcpy(launch->threads, words + 6, sizeof launch->threads);
  launch->first_group = words[9];
  launch->group_count = words[10];
  launch->order = words[11];
  launch->checks = words[12];
  launch->constant_count = words[15];
  if (words[13] > EMULATOR_BUFFERS || words[14] > EMULATOR_BUFFERS || words[15] > EMULATOR_CONSTANTS) {
    return refuse(error, capacity, kernel, "too many operands");
  }
  Sparse sparse[SPARSE];
  uint32_t mapped = 0;
  int32_t result = EMULATOR_OK;
  const uint32_t *w = words + 16;
  for (uint32_t i = 0; i < words[13] && result == EMULATOR_OK; i++, w += 7) {
    emulator_buffer &b = launch->buffers[w[0] % EMULATOR_BUFFERS];
    b = {memory + w[1], w[2]};
    if (wide(w + 3) == 0) continue;
    if (map_sparse(w, memory, &sparse[mapped])) {
      b = {sparse[mapped].base, sparse[mapped].length};
      mapped++;
    } else {
      result = refuse(error, capacity, kernel, "no address space for a sparse buffer");
    }
  }
  for (uint32_t i = 0; i < words[14]; i++, w += 2) launch->threadgroup_bytes[w[0] % EMULATOR_BUFFERS] = w[1];
  for (uint32_t i = 0; i < words[15]; i++, w += 2) launch->constants[i] = {w[0], w[1]};
  if (result == EMULATOR_OK) result = emulator_run(launch.get(), error, capacity);
  for (uint32_t i = 0; i < mapped; i++) {
    memcpy(sparse[i].window, sparse[i].base + sparse[i].at, sparse[i].size);
    munmap(sparse[i].base, sparse[i].length);
  }
  return result;
}

int32_t emulator_costs_packed(const char *kernel, double *costs) {
  const emulator_kernel *found = emulator_find(kernel);
  if (!found) return EMULATOR_FAILED;
  emulator_cost cost;
  emulator_costs(found, &cost);
  uint64_t counts[sizeof cost / sizeof(uint64_t)];
  memcpy(counts, &cost, sizeof cost);
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) costs[i] = static_cast<double>(counts[i]);
  return EMULATOR_OK;
}

uint32_t emulator_names(char *names, uint32_t capacity) {
  uint32_t length = 0;
  for (uint32_t m = 0; m < emulator_module_count(); m++) {
    const emulator_module *module = emulator_module_at(m);
    for (uint32_t i = 0; i < module->kernel_count; i++) {
      uint32_t size = static_cast<uint32_t>(strlen(module->kernels[i].name)) + 1;
      if (length + size <= capacity) {
        memcpy(names + length, module->kernels[i].name, size - 1);
        names[length + size - 1] = '\n';
      }
      length += size;
    }
  }
  return length;
}
