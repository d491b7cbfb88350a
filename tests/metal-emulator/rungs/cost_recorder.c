/* cost_recorder.c: stands between the fake Metal and an emulation library. While it records, launches are written down
 * and not run, so that the host's choice of kernels and grids is known for any size. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "../runtime/emulator.h"

enum { ARGUMENT_BYTES = 512, TEXT_BYTES = 1 << 20 };

static struct {
  uint32_t (*abi)(void), (*module_count)(void);
  const emulator_module *(*module_at)(uint32_t);
  int32_t (*run)(const emulator_launch *, char *, size_t);
  uint32_t recording;
  size_t length;
  char text[TEXT_BYTES];
} state;

/* Opens the emulation library that the calls go to; 0 where it has all functions. */
EMULATOR_EXPORT int32_t cost_open(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return EMULATOR_FAILED;
  state.abi = (uint32_t(*)(void))dlsym(library, "emulator_abi");
  state.module_count = (uint32_t(*)(void))dlsym(library, "emulator_module_count");
  state.module_at = (const emulator_module *(*)(uint32_t))dlsym(library, "emulator_module_at");
  state.run = (int32_t(*)(const emulator_launch *, char *, size_t))dlsym(library, "emulator_run");
  return state.abi && state.module_count && state.module_at && state.run ? EMULATOR_OK : EMULATOR_FAILED;
}

EMULATOR_EXPORT void cost_record(uint32_t on) { state.recording = on; }

/* The launches since the last call, one a line; the bytes of the text, or 0 where it does not fit. */
EMULATOR_EXPORT uint32_t cost_take(char *text, uint32_t capacity) {
  size_t length = state.length;
  state.length = 0;
  if (length > capacity || length >= TEXT_BYTES - 1) return 0;
  memcpy(text, state.text, length);
  return (uint32_t)length;
}

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...) {
  size_t room = TEXT_BYTES - state.length;
  va_list values;
  va_start(values, format);
  int written = vsnprintf(state.text + state.length, room, format, values);
  va_end(values);
  state.length += (size_t)written < room ? (size_t)written : room - 1;
}

uint32_t emulator_abi(void) { return state.abi(); }
uint32_t emulator_module_count(void) { return state.module_count(); }
const emulator_module *emulator_module_at(uint32_t i) { return state.module_at(i); }

/* A line: kernel; groups; threads; constants as index and bits; buffers as index and length; the arguments' bytes. */
int32_t emulator_run(const emulator_launch *launch, char *error, size_t capacity) {
  if (!state.recording) return state.run(launch, error, capacity);
  const uint32_t *groups = launch->groups, *threads = launch->group_size;
  put("%s;%u %u %u;%u %u %u;", launch->kernel->name, groups[0], groups[1], groups[2], threads[0], threads[1],
      threads[2]);
  for (uint32_t i = 0; i < launch->constant_count; i++) {
    put("%u %u ", launch->constants[i].index, launch->constants[i].bits);
  }
  put(";");
  for (uint32_t i = 1; i < EMULATOR_BUFFERS; i++) {
    if (launch->buffers[i].bytes) put("%u %zu ", i, launch->buffers[i].length);
  }
  put(";");
  const emulator_buffer *args = &launch->buffers[0];
  for (size_t i = 0; i < args->length && i < ARGUMENT_BYTES; i++) put("%02x", ((const uint8_t *)args->bytes)[i]);
  put("\n");
  return EMULATOR_OK;
}
