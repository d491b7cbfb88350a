/* mlx.c: opens mlx-c at run time and multiplies matrices by MLX. MLX adds a product in one chain over the whole of K;
 * here K is cut so that the contract of gemm holds, and the parts are added on the host. */
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../core/core.h"
#include "parts.h"

enum { MLX_FLOAT32 = 10, MLX_GPU = 1 };
static const size_t CACHE_BYTES = (size_t)128 << 20; /* freed memory that MLX keeps */

/* Handles of mlx-c: a pointer in a struct, passed by value. */
typedef struct {
  void *ctx;
} handle;

typedef struct {
  void (*set_error_handler)(void (*handler)(const char *, void *), void *data, void (*end)(void *));
  int (*version)(handle *text);
  handle (*string_new)(void);
  const char *(*string_data)(handle);
  int (*string_free)(handle);
  int (*device_count)(int *count, int type);
  handle (*cpu_stream)(void);
  handle (*gpu_stream)(void);
  int (*stream_free)(handle);
  handle (*array_new)(void);
  handle (*array_of)(void *data, const int *shape, int dims, int type, void (*end)(void *));
  int (*array_eval)(handle);
  const float *(*array_data)(handle);
  int (*array_free)(handle);
  int (*as_strided)(handle *result, handle a, const int *shape, size_t dims, const int64_t *strides, size_t count,
                    size_t offset, handle stream);
  int (*matmul)(handle *result, handle a, handle b, handle stream);
  int (*set_cache_limit)(size_t *before, size_t limit);
} functions;

typedef struct {
  functions f;
  bool gpu;
  char version[32], path[512];
} mlx;

/* The text of MLX's last error; its own handler would end the process. One for all contexts, as MLX's is. */
static char trouble[200];
static pthread_mutex_t trouble_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_trouble(const char *text, void *unused) {
  (void)unused;
  pthread_mutex_lock(&trouble_lock);
  snprintf(trouble, sizeof trouble, "%s", text);
  pthread_mutex_unlock(&trouble_lock);
}

static void tell_trouble(tsr_run *run, const char *what) {
  pthread_mutex_lock(&trouble_lock);
  snprintf(run->trouble, sizeof run->trouble, "MLX: %s: %s", what, trouble);
  pthread_mutex_unlock(&trouble_lock);
}

/* ---- opening ---- */

static const struct {
  const char *name;
  size_t at;
} names[] = {
    {"mlx_set_error_handler", offsetof(functions, set_error_handler)},
    {"mlx_version", offsetof(functions, version)},
    {"mlx_string_new", offsetof(functions, string_new)},
    {"mlx_string_data", offsetof(functions, string_data)},
    {"mlx_string_free", offsetof(functions, string_free)},
    {"mlx_device_count", offsetof(functions, device_count)},
    {"mlx_default_cpu_stream_new", offsetof(functions, cpu_stream)},
    {"mlx_default_gpu_stream_new", offsetof(functions, gpu_stream)},
    {"mlx_stream_free", offsetof(functions, stream_free)},
    {"mlx_array_new", offsetof(functions, array_new)},
    {"mlx_array_new_data_managed", offsetof(functions, array_of)},
    {"mlx_array_eval", offsetof(functions, array_eval)},
    {"mlx_array_data_float32", offsetof(functions, array_data)},
    {"mlx_array_free", offsetof(functions, array_free)},
    {"mlx_as_strided", offsetof(functions, as_strided)},
    {"mlx_matmul", offsetof(functions, matmul)},
    {"mlx_set_cache_limit", offsetof(functions, set_cache_limit)}};

/* The name of the first function that the library has not; NULL when it has all. */
static const char *find_functions(void *library, functions *f) {
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    void *address = dlsym(library, names[i].name);
    if (!address) return names[i].name;
    memcpy((char *)f + names[i].at, &address, sizeof address);
  }
  return NULL;
}

static void read_version(mlx *m) {
  handle text = m->f.string_new();
  if (m->f.version(&text) == 0) snprintf(m->version, sizeof m->version, "%s", m->f.string_data(text));
  m->f.string_free(text);
}

static void *open_mlx(tsr_run *run, const char *path) {
  mlx *m = calloc(1, sizeof *m);
  /* On an M5, MLX multiplies float32 with 11 bits unless this is said before it is loaded. */
  setenv("MLX_ENABLE_TF32", "0", 1);
  void *library = m ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  const char *missing = library ? find_functions(library, &m->f) : NULL;
  if (!library || missing) {
    size_t room = sizeof run->trouble;
    if (missing) snprintf(run->trouble, room, "%s has no %s; mlx-c 0.6 or later is needed", path, missing);
    else snprintf(run->trouble, room, "%s", m ? dlerror() : "no memory");
    free(m);
    return NULL;
  }
  snprintf(m->path, sizeof m->path, "%s", path);
  m->f.set_error_handler(keep_trouble, NULL, NULL);
  int count = 0;
  m->gpu = m->f.device_count(&count, MLX_GPU) == 0 && count > 0;
  size_t before;
  m->f.set_cache_limit(&before, CACHE_BYTES);
  read_version(m);
  return m;
}

/* The library stays in memory: MLX has threads of its own. */
static void close_mlx(void *state) { free(state); }

static int describe(const void *state, char *json, size_t capacity) {
  const mlx *m = state;
  char path[sizeof m->path];
  tsr_plain_text(m->path, path, sizeof path);
  return snprintf(json, capacity, "{\"library\":\"%s\",\"kind\":\"mlx %s on the %s\"}", path, m->version,
                  m->gpu ? "GPU" : "CPU");
}

/* ---- products ---- */

static bool is_float(double x) { return (double)(float)x == x; }

static bool can(const void *state, const tsr_op *op) {
  (void)state;
  const tsr_view *A = &op->v[0];
  for (uint32_t i = 0; i < op->operands; i++) {
    const tsr_view *v = &op->v[i];
    if (v->rows == 0 || v->cols == 0 || v->rows > INT32_MAX || v->cols > INT32_MAX || v->rows * v->ld > INT32_MAX)
      return false;
  }
  return op->operands < 3 || (op->chain == 0 && op->v[2].type == TSR_F32 && is_float(op->alpha) &&
                              is_float(op->beta) && tsr_parts_of(A->trans ? A->rows : A->cols).count > 0);
}

static void keep(void *data) { (void)data; }

/* Rows and columns of an operand as MLX sees them, upon the same memory where MLX allows. */
static handle strided(const mlx *m, const tsr_view *v, size_t i, size_t j, size_t rows, size_t cols, handle stream) {
  int64_t row = v->trans ? 1 : (int64_t)v->ld, col = v->trans ? (int64_t)v->ld : 1;
  int length = (int)((v->rows - 1) * v->ld + v->cols);
  handle whole = m->f.array_of(v->data, &length, 1, MLX_FLOAT32, keep), view = m->f.array_new();
  m->f.as_strided(&view, whole, (int[]){(int)rows, (int)cols}, 2, (int64_t[]){row, col}, 2,
                  i * (size_t)row + j * (size_t)col, stream);
  m->f.array_free(whole);
  return view;
}

/* C = alpha P + beta C for the product of a part; each element is rounded as often as tsr_parts_of counts. */
static void merge(const tsr_op *op, const float *p, size_t rows, size_t cols, float beta) {
  const tsr_view *C = &op->v[2];
  float alpha = (float)op->alpha;
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < cols; j++) {
      float *c = (float *)C->data + (C->trans ? j * C->ld + i : i * C->ld + j);
      float x = alpha * p[i * cols + j];
      *c = beta == 0 ? x : fmaf(beta, *c, x);
    }
  }
}

static int32_t gemm(tsr_run *run, const tsr_op *op) {
  const mlx *m = run->vendor[TSR_MLX];
  const tsr_view *A = &op->v[0], *B = &op->v[1], *C = &op->v[2];
  size_t rows = C->trans ? C->cols : C->rows, cols = C->trans ? C->rows : C->cols, k = A->trans ? A->rows : A->cols;
  tsr_parts cut = tsr_parts_of(k);
  handle stream = m->gpu ? m->f.gpu_stream() : m->f.cpu_stream();
  int32_t status = TSR_OK;
  for (size_t t = 0; t < k && status == TSR_OK && !atomic_load(run->canceled); t += cut.size) {
    size_t depth = k - t < cut.size ? k - t : cut.size;
    handle a = strided(m, A, 0, t, rows, depth, stream), b = strided(m, B, t, 0, depth, cols, stream);
    handle product = m->f.array_new();
    bool failed = m->f.matmul(&product, a, b, stream) != 0 || m->f.array_eval(product) != 0;
    const float *numbers = failed ? NULL : m->f.array_data(product);
    if (numbers) merge(op, numbers, rows, cols, t == 0 ? (float)op->beta : 1);
    else status = TSR_E_DEVICE;
    m->f.array_free(product);
    m->f.array_free(b);
    m->f.array_free(a);
  }
  if (status != TSR_OK) tell_trouble(run, "a product failed");
  m->f.stream_free(stream);
  run->tile = TSR_TILE_PACKED;
  return status;
}

static const tsr_engine engine = {"mlx", {[TSR_OP_GEMM] = gemm}};

const tsr_vendor tsr_mlx_vendor = {&engine, open_mlx, close_mlx, can, describe};
