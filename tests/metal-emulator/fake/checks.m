// The fake's record of misuse and of living objects, and its switches: from the environment when it is loaded, by
// metal_fake_set afterwards.
#import "fake.h"
#include "metal_fake.h"
#include <errno.h>
#include <objc/runtime.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
  const char *name;
  long standard;
  atomic_long value;
} switches[FAKE_SWITCHES] = {
  [FAKE_PAGE] = {"TSR_EMULATED_PAGE", 0, 0},         [FAKE_NOCOPY] = {"TSR_EMULATED_NOCOPY", 1, 0},
  [FAKE_MEMORY] = {"TSR_EMULATED_MEMORY", 1L << 40, 0}, [FAKE_THREADS] = {"TSR_EMULATED_THREADS", 1024, 0},
  [FAKE_FAMILY] = {"TSR_EMULATED_FAMILY", 1009, 0},  [FAKE_DEVICES] = {"TSR_EMULATED_DEVICES", 1, 0},
  [FAKE_FAIL] = {"TSR_EMULATED_FAIL", 0, 0},         [FAKE_HANG] = {"TSR_EMULATED_HANG", 0, 0},
  [FAKE_ABORT] = {"TSR_EMULATED_ABORT", 1, 0},       [FAKE_CHECK] = {"TSR_EMULATED_CHECK", 0, 0},
  [FAKE_ORDER] = {"TSR_EMULATED_ORDER", 0, 0},
};
static const char kernels_name[] = "TSR_EMULATED_KERNELS";
static char kernels[4096];

enum { CLASSES = 32, FINDINGS = 64 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
  Class class;
  long live;
} classes[CLASSES];
static char findings[FINDINGS][512];
static size_t found;
static atomic_size_t ran_buffers, ran_dispatches;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static int busy;

int32_t metal_fake_set(const char *name, const char *value) {
  if (!strcmp(name, kernels_name)) {
    snprintf(kernels, sizeof kernels, "%s", value ? value : "");
    return 0;
  }
  for (int i = 0; i < FAKE_SWITCHES; i++) {
    if (strcmp(name, switches[i].name)) continue;
    switches[i].value = value && *value ? strtol(value, NULL, 10) : switches[i].standard;
    return 0;
  }
  return -1;
}

__attribute__((constructor)) static void read_environment(void) {
  switches[FAKE_PAGE].standard = sysconf(_SC_PAGESIZE);
  for (int i = 0; i < FAKE_SWITCHES; i++) metal_fake_set(switches[i].name, getenv(switches[i].name));
  metal_fake_set(kernels_name, getenv(kernels_name));
}

long fake_number(fake_switch which) {
  return switches[which].value;
}

bool fake_strikes(fake_switch which) {
  return atomic_load(&switches[which].value) > 0 && atomic_fetch_sub(&switches[which].value, 1) == 1;
}

const char *fake_kernels(void) {
  return *kernels ? kernels : NULL;
}

void fake_misuse(const char *format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  pthread_mutex_lock(&lock);
  if (found < FINDINGS) memcpy(findings[found++], text, sizeof text);
  pthread_mutex_unlock(&lock);
  if (!fake_number(FAKE_ABORT)) return;
  fprintf(stderr, "emulated Metal: misuse: %s\n", text);
  abort();
}

void fake_count(Class class, int change) {
  pthread_mutex_lock(&lock);
  int i = 0;
  while (i < CLASSES - 1 && classes[i].class && classes[i].class != class) i++;
  classes[i].class = class;
  classes[i].live += change;
  pthread_mutex_unlock(&lock);
}

void fake_ran(size_t buffers, size_t dispatches) {
  ran_buffers += buffers;
  ran_dispatches += dispatches;
}

void fake_busy(int change) {
  pthread_mutex_lock(&lock);
  busy += change;
  pthread_cond_broadcast(&idle);
  pthread_mutex_unlock(&lock);
}

/* Waits for the queues' threads, which let go what they hold a moment after the host was told of the end; not for ever,
 * since one may hang. The lock is held. */
static void await_idle(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 2;
  while (busy > 0 && pthread_cond_timedwait(&idle, &lock, &until) != ETIMEDOUT) continue;
}

void *fake_allocate(size_t bytes) {
  void *memory = calloc(1, bytes);
  if (memory) return memory;
  fprintf(stderr, "emulated Metal: no memory for %zu bytes of its own\n", bytes);
  abort();
}

/* Grows by doubling, whenever count is a power of two. */
void *fake_grow(void *items, int count, size_t size) {
  if (count & (count - 1)) return items;
  void *grown = realloc(items, (size_t)(count ? count * 2 : 1) * size);
  if (grown) return grown;
  fprintf(stderr, "emulated Metal: no memory for %d items of its own\n", count);
  abort();
}

int32_t metal_fake_report(char *text, uint32_t capacity) {
  size_t used = 0;
  char line[640];
  pthread_mutex_lock(&lock);
  await_idle();
  for (size_t i = 0; i < found + CLASSES + 1; i++) {
    size_t class = i - found;
    if (i < found) snprintf(line, sizeof line, "misuse %s\n", findings[i]);
    else if (class == CLASSES) snprintf(line, sizeof line, "ran %zu %zu\n", ran_buffers, ran_dispatches);
    else if (!classes[class].live) continue;
    else snprintf(line, sizeof line, "live %s %ld\n", class_getName(classes[class].class), classes[class].live);
    size_t length = strlen(line);
    if (used + length >= capacity) break;
    memcpy(text + used, line, length);
    used += length;
  }
  found = 0;
  pthread_mutex_unlock(&lock);
  if (capacity) text[used] = '\0';
  return (int32_t)used;
}
