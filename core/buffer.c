/* buffer.c: handles and the memory behind them. A handle dies at tsr_free; memory of ours stays until encoded work
 * has passed. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "internal.h"

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

static uintptr_t page_bytes(void) { return (uintptr_t)sysconf(_SC_PAGESIZE); }

int32_t tsr_align(const void *memory, uint32_t *skip) {
  if (!skip) return tsr_fail(NULL, TSR_E_ARGUMENT, "align: no memory given for the result");
  if (!memory) return tsr_fail(NULL, TSR_E_ARGUMENT, "align: no memory given (an empty or detached array?)");
  *skip = (uint32_t)(-(uintptr_t)memory & (page_bytes() - 1));
  return TSR_OK;
}

void tsr_advise(void *memory, size_t bytes) {
#ifdef MADV_HUGEPAGE
  enum { LARGE = 4 << 20 };
  const uintptr_t page = page_bytes(), first = ((uintptr_t)memory + page - 1) / page * page;
  if (bytes >= LARGE) madvise((void *)first, ((uintptr_t)memory + bytes - first) / page * page, MADV_HUGEPAGE);
#else
  (void)memory;
  (void)bytes;
#endif
}

/* ---- slots ---- */

static uint32_t handle_of(const tsr_buffers *buffers, uint32_t index) {
  return index | buffers->slot[index].generation << TSR_SLOT_BITS;
}

/* A slot for a new buffer: the one that has been free longest, else a fresh one; TSR_SLOTS when there is none or no
 * memory for it. */
static uint32_t take_slot(tsr_buffers *buffers) {
  uint32_t index = buffers->free_first;
  if (index != TSR_SLOTS) {
    buffers->free_first = buffers->slot[index].next;
    return index;
  }
  if (buffers->count == buffers->capacity) {
    if (buffers->capacity == TSR_SLOTS) return TSR_SLOTS;
    uint32_t capacity = buffers->capacity ? 2 * buffers->capacity : 64;
    tsr_slot *slot = realloc(buffers->slot, capacity * sizeof *slot);
    if (!slot) return TSR_SLOTS;
    buffers->slot = slot;
    buffers->capacity = capacity;
  }
  buffers->slot[buffers->count].generation = 1;
  return buffers->count++;
}

/* Behind the last in the free list, so that a stale handle stays stale as long as possible; a slot whose generations
 * are used up never returns. */
static void return_slot(tsr_buffers *buffers, uint32_t index) {
  tsr_slot *slot = &buffers->slot[index];
  slot->live = false;
  if (++slot->generation == TSR_GENERATIONS) return;
  slot->next = TSR_SLOTS;
  if (buffers->free_first == TSR_SLOTS) buffers->free_first = index;
  else buffers->slot[buffers->free_last].next = index;
  buffers->free_last = index;
}

const tsr_slot *tsr_buffer(const tsr_context *context, uint32_t handle) {
  const tsr_buffers *buffers = &context->buffers;
  uint32_t index = handle & (TSR_SLOTS - 1);
  if (index >= buffers->count) return NULL;
  const tsr_slot *slot = &buffers->slot[index];
  return slot->live && slot->generation == handle >> TSR_SLOT_BITS ? slot : NULL;
}

/* Gives the buffer a handle. memory is owned by it from here on, also where this fails. */
static int32_t add(tsr_context *context, const char *op, void *base, uint64_t bytes, tsr_memory *memory,
                   uint32_t *buffer) {
  tsr_buffers *buffers = &context->buffers;
  uint32_t index = take_slot(buffers);
  if (index == TSR_SLOTS && memory) tsr_memory_free(context->device, memory);
  if (index == TSR_SLOTS) {
    if (buffers->capacity < TSR_SLOTS)
      return tsr_fail(context, TSR_E_MEMORY, "%s: no memory for the table of buffers", op);
    return tsr_fail(context, TSR_E_FULL, "%s: all %u buffer slots are taken: free buffers no longer used", op,
                    TSR_SLOTS);
  }
  tsr_slot *slot = &buffers->slot[index];
  slot->base = base;
  slot->bytes = bytes;
  slot->memory = memory;
  slot->live = true;
  *buffer = handle_of(buffers, index);
  return TSR_OK;
}

/* ---- memory ---- */

/* Fresh pages of ours, zeroed; NULL when there is no memory. */
static tsr_memory *map(uint64_t bytes) {
  if (bytes > SIZE_MAX - page_bytes()) return NULL;
  tsr_memory *memory = calloc(1, sizeof *memory);
  if (!memory || bytes == 0) return memory;
  memory->bytes = (size_t)bytes;
  memory->base = mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory->base != MAP_FAILED) {
    tsr_advise(memory->base, memory->bytes);
    return memory;
  }
  free(memory);
  return NULL;
}

void tsr_memory_free(const tsr_device *device, tsr_memory *memory) {
  if (memory->object) device->detach(memory->object);
  if (memory->base) munmap(memory->base, memory->bytes);
  free(memory);
}

/* Makes the device see the memory; where that fails, the memory is let go. */
static bool attach(tsr_context *context, void *base, size_t bytes, tsr_memory *memory) {
  if (!context->device->attach || bytes == 0) return true;
  memory->object = context->device->attach(&context->run, base, bytes);
  if (!memory->object) tsr_memory_free(context->device, memory);
  return memory->object != NULL;
}

static int32_t no_memory(tsr_context *context, const char *op, uint64_t bytes) {
  return tsr_fail(context, TSR_E_MEMORY, "%s: no memory for %llu bytes: free buffers no longer used", op,
                  (unsigned long long)bytes);
}

int32_t tsr_alloc(uint32_t ctx, uint32_t bytes_low, uint32_t bytes_high, uint32_t *buffer) {
  tsr_context *context;
  int32_t status = tsr_enter(ctx, &context);
  if (status != TSR_OK) return status;
  if (!buffer) return tsr_fail(context, TSR_E_ARGUMENT, "alloc: no memory given for the handle");
  uint64_t bytes = (uint64_t)bytes_high << 32 | bytes_low;
  tsr_memory *memory = map(bytes);
  if (!memory || !attach(context, memory->base, (size_t)bytes, memory)) return no_memory(context, "alloc", bytes);
  return add(context, "alloc", memory->base, bytes, memory, buffer);
}

int32_t tsr_wrap(uint32_t ctx, void *memory, uint32_t bytes_low, uint32_t bytes_high, uint32_t *buffer) {
  tsr_context *context;
  int32_t status = tsr_enter(ctx, &context);
  if (status != TSR_OK) return status;
  if (!buffer) return tsr_fail(context, TSR_E_ARGUMENT, "wrap: no memory given for the handle");
  uint64_t bytes = (uint64_t)bytes_high << 32 | bytes_low;
  if (!memory && bytes > 0) {
    return tsr_fail(context, TSR_E_ARGUMENT, "wrap: no memory given for %llu bytes (a detached array?)",
                    (unsigned long long)bytes);
  }
  if ((uintptr_t)memory % sizeof(float) != 0) {
    return tsr_fail(context, TSR_E_ARGUMENT, "wrap: the memory must begin at a multiple of 4 bytes");
  }
  if (bytes > UINTPTR_MAX - (uintptr_t)memory) {
    return tsr_fail(context, TSR_E_ARGUMENT, "wrap: %llu bytes reach beyond the address space",
                    (unsigned long long)bytes);
  }
  tsr_advise(memory, (size_t)bytes);
  if (!context->device->attach) return add(context, "wrap", memory, bytes, NULL, buffer);
  tsr_memory *seen = calloc(1, sizeof *seen);
  if (!seen || !attach(context, memory, (size_t)bytes, seen)) return no_memory(context, "wrap", bytes);
  return add(context, "wrap", memory, bytes, seen, buffer);
}

int32_t tsr_free(uint32_t ctx, uint32_t buffer) {
  tsr_context *context;
  int32_t status = tsr_enter(ctx, &context);
  if (status != TSR_OK) return status;
  const tsr_slot *slot = tsr_buffer(context, buffer);
  if (!slot) {
    return tsr_fail(context, TSR_E_HANDLE, "free: 0x%08x is no live buffer of this context (freed already?)", buffer);
  }
  tsr_memory *memory = slot->memory;
  return_slot(&context->buffers, buffer & (TSR_SLOTS - 1));
  if (memory) tsr_queue_release(context->device, &context->queue, memory);
  return TSR_OK;
}

void tsr_buffers_close(const tsr_device *device, tsr_buffers *buffers) {
  for (uint32_t i = 0; i < buffers->count; i++) {
    if (buffers->slot[i].live && buffers->slot[i].memory) tsr_memory_free(device, buffers->slot[i].memory);
  }
  free(buffers->slot);
}
