/* internal.h: what the files of core share: a context with its buffers, its queue and the text of its last error. */
#ifndef TSR_INTERNAL_H
#define TSR_INTERNAL_H
#include <pthread.h>
#include "core.h"

enum {
  TSR_CONTEXTS = 256,         /* open at once */
  TSR_MAX_THREADS = 256,      /* of one context */
  TSR_TEXT_BYTES = 512,       /* longest error text */
  TSR_QUEUE_OPS = 4096,       /* operations encoded or queued */
  TSR_QUEUE_BATCHES = 4096,   /* submitted and not passed; the endings of so many are remembered */
  TSR_TRACE_RECORDS = 16384
};

/* ---- buffers: handle = slot | generation << 20 ---- */

enum { TSR_SLOT_BITS = 20, TSR_SLOTS = 1 << TSR_SLOT_BITS, TSR_GENERATIONS = 1 << 12 };

/* What lies behind a handle and outlives it until operation number `after` has passed: memory of tsr_alloc, and the
 * device's object for a buffer. */
typedef struct tsr_memory {
  void *base;     /* NULL: the caller's memory */
  size_t bytes;
  void *object;   /* NULL on the CPU */
  uint64_t after;
  struct tsr_memory *next;
} tsr_memory;

typedef struct {
  unsigned char *base;
  uint64_t bytes;
  tsr_memory *memory;           /* NULL: the caller's memory on the CPU */
  uint32_t generation, next;    /* next in the free list */
  bool live;
} tsr_slot;

/* Changed by the owner of the context only, hence without a lock. */
typedef struct {
  tsr_slot *slot;
  uint32_t count, capacity;     /* slots used so far, slots allocated */
  uint32_t free_first, free_last;
} tsr_buffers;

/* ---- queue ---- */

typedef struct {
  uint64_t last;                /* number of its last operation */
  uint32_t mode;
  int32_t status;               /* how it ended */
  atomic_uint canceled;
} tsr_batch;

/* Operations and batches are numbered from 1 and lie in rings at number % size. */
typedef struct {
  pthread_mutex_t lock;         /* of everything below but `encoded` and `ops`, and of the trace of an inline batch */
  pthread_cond_t work, passing; /* told to the queue's thread; told to those who wait for a batch */
  pthread_t thread;
  bool started, closing;
  tsr_op *ops;
  uint64_t encoded;             /* the owner's */
  _Atomic uint64_t executed;    /* operations that have passed */
  tsr_batch *batches;
  uint64_t submitted, passed;   /* batches */
  double *trace;
  atomic_bool timed;            /* since the first tsr_trace: clocks cost as much as a small operation */
  uint64_t traced, fetched;     /* records written and moved out */
  tsr_memory *released;         /* freed by their handles, still to be let go */
} tsr_queue;

typedef struct {
  uint32_t id;
  uint64_t owner;               /* the thread, as tsr_self tells */
  atomic_bool dead;             /* after TSR_E_DEVICE */
  const tsr_device *device;
  tsr_run run;
  tsr_buffers buffers;
  tsr_queue queue;
  char text[TSR_TEXT_BYTES];
} tsr_context;

/* ---- error.c ---- */

/* Keeps the text where the calling thread finds it by tsr_error (context NULL: there is none) and returns status. */
int32_t tsr_fail(tsr_context *context, int32_t status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- context.c ---- */

/* A number of the calling thread that no other thread gets, ever. */
uint64_t tsr_self(void);
/* The context for its owner; others get TSR_E_THREAD. */
int32_t tsr_enter(uint32_t id, tsr_context **context);
/* The context for any thread; it stays until tsr_leave. */
int32_t tsr_visit(uint32_t id, tsr_context **context);
void tsr_leave(tsr_context *context);

/* The vendor of an engine; NULL: the own kernels. */
extern const tsr_vendor *const tsr_vendors[TSR_ENGINES];

/* ---- certify.c ---- */

/* What the vendor's library, attached to the run, computes wrong; NULL: nothing. */
const char *tsr_certify(tsr_run *run, const tsr_vendor *vendor, const void *state);

/* ---- buffer.c ---- */

void tsr_memory_free(const tsr_device *device, tsr_memory *memory);
void tsr_buffers_close(const tsr_device *device, tsr_buffers *buffers);
/* The live slot of a handle, or NULL. */
const tsr_slot *tsr_buffer(const tsr_context *context, uint32_t handle);

/* Asks the system for large pages behind memory that is large enough, where nothing was written yet: every page costs
 * a fault at its first touch, and then a place in a small table. Where it has none, nothing changes. */
void tsr_advise(void *memory, size_t bytes);

/* ---- view.c ---- */

/* A number of this type has 2^shift bytes. */
static inline uint32_t tsr_element_shift(uint32_t type) { return type == TSR_F64 || type == TSR_DF32 ? 3 : 2; }
/* Resolves the view `name` of operation `op`: handle, bounds, reserved words. */
int32_t tsr_resolve(tsr_context *context, const char *op, const char *name, const uint32_t *words, tsr_view *view);
/* Whether two views share a byte, where the ranges from their first byte to their last do. */
bool tsr_spans_overlap(const tsr_view *a, const tsr_view *b);

static inline uintptr_t tsr_end(const tsr_view *v) {
  return (uintptr_t)v->data + (((v->rows - 1) * v->ld + v->cols) << tsr_element_shift(v->type));
}

/* Whether two views share a byte. */
static inline bool tsr_overlap(const tsr_view *a, const tsr_view *b) {
  if (!a->data || !b->data || tsr_end(a) <= (uintptr_t)b->data || tsr_end(b) <= (uintptr_t)a->data) return false;
  return tsr_spans_overlap(a, b);
}

/* Rows and columns of the operand, its transpose taken. */
static inline size_t tsr_rows(const tsr_view *v) { return v->trans ? v->cols : v->rows; }
static inline size_t tsr_cols(const tsr_view *v) { return v->trans ? v->rows : v->cols; }

/* ---- queue.c ---- */

int32_t tsr_queue_open(tsr_queue *queue);
/* Cancels everything submitted; nothing can be submitted any more. */
void tsr_queue_stop(tsr_queue *queue);
/* After tsr_queue_stop, or when nothing was ever submitted: waits for the queue's thread and frees all. */
void tsr_queue_close(const tsr_device *device, tsr_queue *queue);
/* Waits until everything submitted has passed. */
void tsr_queue_idle(tsr_queue *queue);
/* Keeps the record of an operation (trace.c). */
void tsr_record(tsr_queue *queue, uint64_t number, uint32_t tile, double seconds, uint32_t engine);
/* Lets memory go once everything encoded so far has passed. */
void tsr_queue_release(const tsr_device *device, tsr_queue *queue, tsr_memory *memory);

#endif
