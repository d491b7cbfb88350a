/* context.c: opens, finds, describes and closes contexts. The table is shared by all threads; a context belongs to
 * one of them. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../cpu/pool.h"
#include "internal.h"

enum { ID_BITS = 8, ID_GENERATIONS = 1 << (32 - ID_BITS) };

/* id and owner are read without the lock: only the owner can close, so what it reads about its own context holds. */
typedef struct {
  atomic_uint id;               /* slot | generation << ID_BITS; 0: free */
  _Atomic uint64_t owner;
  tsr_context *context;
  uint32_t visitors;            /* other threads inside tsr_wait or tsr_cancel */
  uint32_t generation;
} entry;

static entry table[TSR_CONTEXTS];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t table_left = PTHREAD_COND_INITIALIZER;
static pthread_key_t thread_end;
static pthread_once_t prepare_once = PTHREAD_ONCE_INIT;

static const tsr_device *const devices[] = {
  [TSR_DEVICE_CPU] = &tsr_cpu_device,
#ifdef TSR_METAL
  [TSR_DEVICE_METAL] = &tsr_metal_device,
#else
  [TSR_DEVICE_METAL] = NULL,
#endif
};

uint32_t tsr_abi(void) { return TSR_ABI; }

uint64_t tsr_self(void) {
  static _Atomic uint64_t count;
  static _Thread_local uint64_t self;
  if (self == 0) self = atomic_fetch_add(&count, 1) + 1;
  return self;
}

const tsr_vendor *const tsr_vendors[TSR_ENGINES] = {[TSR_BLAS] = &tsr_blas_vendor,
                                                           [TSR_MLX] = &tsr_mlx_vendor};

/* ---- finding ---- */

static int32_t unknown(uint32_t id) {
  return tsr_fail(NULL, TSR_E_CONTEXT, "0x%08x is no open context (closed already?)", id);
}

int32_t tsr_enter(uint32_t id, tsr_context **context) {
  entry *e = &table[id % TSR_CONTEXTS];
  if (id == 0 || atomic_load(&e->id) != id) return unknown(id);
  if (atomic_load(&e->owner) != tsr_self()) {
    return tsr_fail(NULL, TSR_E_THREAD, "context 0x%08x belongs to the thread that opened it; open one of your own",
                    id);
  }
  *context = e->context;
  return TSR_OK;
}

int32_t tsr_visit(uint32_t id, tsr_context **context) {
  entry *e = &table[id % TSR_CONTEXTS];
  if (id != 0 && atomic_load(&e->id) == id && atomic_load(&e->owner) == tsr_self()) {
    *context = e->context;
    return TSR_OK;
  }
  int32_t status = TSR_OK;
  pthread_mutex_lock(&table_lock);
  if (id == 0 || atomic_load(&e->id) != id) {
    status = unknown(id);
  } else {
    *context = e->context;
    e->visitors++;
  }
  pthread_mutex_unlock(&table_lock);
  return status;
}

void tsr_leave(tsr_context *context) {
  if (context->owner == tsr_self()) return;
  pthread_mutex_lock(&table_lock);
  table[context->id % TSR_CONTEXTS].visitors--;
  pthread_cond_broadcast(&table_left);
  pthread_mutex_unlock(&table_lock);
}

/* ---- closing ---- */

static void destroy(tsr_context *context) {
  tsr_queue_close(context->device, &context->queue);
  tsr_buffers_close(context->device, &context->buffers);
  if (context->run.device) context->device->close(&context->run);
  for (int i = 0; i < TSR_ENGINES; i++) {
    if (context->run.vendor[i]) tsr_vendors[i]->close(context->run.vendor[i]);
  }
  if (context->run.pool) tsr_pool_close(context->run.pool);
  free(context->run.scratch);
  free(context);
}

/* New visitors are turned away first; those inside see their tickets end, and leave. */
static void close_entry(entry *e) {
  tsr_context *context = e->context;
  pthread_mutex_lock(&table_lock);
  atomic_store(&e->id, 0);
  pthread_mutex_unlock(&table_lock);
  tsr_queue_stop(&context->queue);
  pthread_mutex_lock(&table_lock);
  while (e->visitors > 0) pthread_cond_wait(&table_left, &table_lock);
  e->context = NULL;
  pthread_mutex_unlock(&table_lock);
  destroy(context);
}

int32_t tsr_close(uint32_t ctx) {
  tsr_context *context;
  int32_t status = tsr_enter(ctx, &context);
  if (status == TSR_OK) close_entry(&table[ctx % TSR_CONTEXTS]);
  return status;
}

/* A thread that ends without closing its contexts: nobody else may use them. */
static void close_own(void *unused) {
  (void)unused;
  for (uint32_t i = 0; i < TSR_CONTEXTS; i++) {
    if (atomic_load(&table[i].id) != 0 && atomic_load(&table[i].owner) == tsr_self()) close_entry(&table[i]);
  }
}

/* A runtime that ends may unload the library while threads of a context still stand in its code. */
static void stay_loaded(void) {
  Dl_info info;
  if (dladdr(table, &info) && info.dli_fname) dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static void prepare(void) {
  pthread_key_create(&thread_end, close_own);
  stay_loaded();
}

/* ---- opening ---- */

static int32_t check_config(const uint32_t *config) {
  if (config[TSR_CONFIG_ABI] != TSR_ABI) {
    return tsr_fail(NULL, TSR_E_ABI, "open: the caller speaks ABI %u, this library ABI %u", config[TSR_CONFIG_ABI],
                    TSR_ABI);
  }
  if (config[TSR_CONFIG_DEVICE] > TSR_DEVICE_METAL || config[TSR_CONFIG_ISA] > TSR_ISA_NEON) {
    return tsr_fail(NULL, TSR_E_ARGUMENT,
                    "open: device %u and instruction set %u; devices are 0 and 1, instruction sets 0 to 4",
                    config[TSR_CONFIG_DEVICE], config[TSR_CONFIG_ISA]);
  }
  if (config[TSR_CONFIG_THREADS] > TSR_MAX_THREADS) {
    return tsr_fail(NULL, TSR_E_ARGUMENT, "open: %u threads; give 0 (one for each processor) to %d",
                    config[TSR_CONFIG_THREADS], TSR_MAX_THREADS);
  }
  for (int i = TSR_CONFIG_THREADS + 1; i < TSR_CONFIG_WORDS; i++) {
    if (config[i] != 0)
      return tsr_fail(NULL, TSR_E_ARGUMENT, "open: reserved word %d of the configuration is %u, not 0", i, config[i]);
  }
  if (!devices[config[TSR_CONFIG_DEVICE]]) {
    return tsr_fail(NULL, TSR_E_UNSUPPORTED, "open: this library has no Metal; it offers device 0, the CPU");
  }
  return TSR_OK;
}

static int32_t unsupported_isa(uint32_t isa) {
  char possible[64] = "";
  for (uint32_t i = TSR_ISA_PORTABLE; i <= TSR_ISA_NEON; i++) {
    if (!tsr_cpu_isa(i)) continue;
    if (possible[0]) strcat(possible, ", ");
    strcat(possible, tsr_isa_names[i]);
  }
  return tsr_fail(NULL, TSR_E_UNSUPPORTED, "open: instruction set %s cannot run here; possible are %s",
                  tsr_isa_names[isa], possible);
}

/* A context with its device open; where that fails, why is the text of the failure. */
static int32_t make(const tsr_device *device, uint32_t isa, uint32_t threads, tsr_context **made) {
  tsr_context *context = calloc(1, sizeof *context);
  if (!context) return tsr_fail(NULL, TSR_E_MEMORY, "open: no memory for a context");
  context->owner = tsr_self();
  context->device = device;
  context->run.isa = isa;
  context->buffers.free_first = TSR_SLOTS;
  int32_t status = tsr_queue_open(&context->queue);
  if (status == TSR_OK) context->run.pool = tsr_pool_open(threads);
  if (!context->run.pool) {
    status = tsr_fail(NULL, TSR_E_MEMORY, "open: no memory for a context of %u threads", threads);
  } else if (device->open && (status = device->open(&context->run)) != TSR_OK) {
    tsr_fail(NULL, status, "open: %s", context->run.trouble);
  }
  *made = context;
  if (status != TSR_OK) destroy(context);
  return status;
}

/* Puts the context into a free entry; 0 when there is none. */
static uint32_t enter_table(tsr_context *context) {
  uint32_t id = 0;
  pthread_mutex_lock(&table_lock);
  for (uint32_t i = 0; i < TSR_CONTEXTS && id == 0; i++) {
    entry *e = &table[i];
    if (e->context || e->generation == ID_GENERATIONS - 1) continue;
    id = context->id = i | ++e->generation << ID_BITS;
    e->context = context;
    atomic_store(&e->owner, context->owner);
    atomic_store(&e->id, id);
  }
  pthread_mutex_unlock(&table_lock);
  return id;
}

int32_t tsr_open(const uint32_t *config, uint32_t *ctx) {
  if (!config || !ctx)
    return tsr_fail(NULL, TSR_E_ARGUMENT, "open: no memory given for the configuration or the context");
  int32_t status = check_config(config);
  if (status != TSR_OK) return status;
  uint32_t isa = tsr_cpu_isa(config[TSR_CONFIG_ISA]);
  if (!isa) return unsupported_isa(config[TSR_CONFIG_ISA]);
  uint32_t threads = config[TSR_CONFIG_THREADS];
  if (threads == 0) threads = tsr_cpu_processors();
  if (threads > TSR_MAX_THREADS) threads = TSR_MAX_THREADS;
  tsr_context *context;
  status = make(devices[config[TSR_CONFIG_DEVICE]], isa, threads, &context);
  if (status != TSR_OK) return status;
  uint32_t id = enter_table(context);
  if (id == 0) {
    destroy(context);
    return tsr_fail(NULL, TSR_E_FULL, "open: all %d contexts are open: close one", TSR_CONTEXTS);
  }
  pthread_once(&prepare_once, prepare);
  pthread_setspecific(thread_end, table);
  *ctx = id;
  return TSR_OK;
}

int32_t tsr_attach(uint32_t ctx, uint32_t engine, const char *path) {
  tsr_context *context;
  int32_t status = tsr_enter(ctx, &context);
  if (status != TSR_OK) return status;
  if (engine != TSR_BLAS && engine != TSR_MLX)
    return tsr_fail(context, TSR_E_ARGUMENT, "attach: engine is %u; it must be 1 (blas) or 2 (mlx)", engine);
  if (!path) return tsr_fail(context, TSR_E_ARGUMENT, "attach: no path given");
  if (context->run.vendor[engine])
    return tsr_fail(context, TSR_E_ARGUMENT, "attach: engine %u is attached already", engine);
  tsr_queue_idle(&context->queue);
  void *state = tsr_vendors[engine]->open(&context->run, path);
  if (!state) return tsr_fail(context, TSR_E_UNSUPPORTED, "attach: %s", context->run.trouble);
  context->run.vendor[engine] = state;
  const char *wrong = tsr_certify(&context->run, tsr_vendors[engine], state);
  if (!wrong) return TSR_OK;
  tsr_vendors[engine]->close(state);
  context->run.vendor[engine] = NULL;
  return tsr_fail(context, TSR_E_UNSUPPORTED, "attach: %s: its %s is wrong on this machine; it is not used", path,
                  wrong);
}

/* ---- describing ---- */

void tsr_plain_text(const char *text, char *plain, size_t capacity) {
  snprintf(plain, capacity, "%s", text);
  for (char *c = plain; *c; c++) {
    if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ') *c = ' ';
  }
}

enum { INFO_BYTES = 4 * TSR_TEXT_BYTES };

static const char *const engine_names[TSR_ENGINES] = {"tiled", "blas", "mlx"};

/* The engines, and what those of vendors tell of themselves. */
static size_t describe_engines(const tsr_run *run, char *json, size_t at) {
  at += (size_t)snprintf(json + at, INFO_BYTES - at, ",\"engines\":[\"tiled\"");
  for (int i = TSR_BLAS; i < TSR_ENGINES; i++) {
    if (run->vendor[i]) at += (size_t)snprintf(json + at, INFO_BYTES - at, ",\"%s\"", engine_names[i]);
  }
  at += (size_t)snprintf(json + at, INFO_BYTES - at, "]");
  for (int i = TSR_BLAS; i < TSR_ENGINES; i++) {
    if (!run->vendor[i]) continue;
    at += (size_t)snprintf(json + at, INFO_BYTES - at, ",\"%s\":", engine_names[i]);
    at += (size_t)tsr_vendors[i]->describe(run->vendor[i], json + at, INFO_BYTES - at);
  }
  return at;
}

int32_t tsr_info(uint32_t ctx, char *text, uint32_t capacity) {
  tsr_context *context;
  int32_t status = tsr_enter(ctx, &context);
  if (status != TSR_OK) return status;
  if (!text) return tsr_fail(context, TSR_E_ARGUMENT, "info: no memory given for the text");
  char json[INFO_BYTES] = "{";
  size_t length = 1 + (size_t)context->device->describe(&context->run, json + 1, INFO_BYTES - 1);
  length = describe_engines(&context->run, json, length);
  length += (size_t)snprintf(json + length, INFO_BYTES - length, "}");
  if (length >= capacity) {
    return tsr_fail(context, TSR_E_ARGUMENT, "info: the text has %zu characters, the capacity is %u", length,
                    capacity);
  }
  memcpy(text, json, length + 1);
  return TSR_OK;
}
