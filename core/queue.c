/* queue.c: runs what was encoded, in order, on its own thread or in the calling one, and tells how it ended. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include "internal.h"

/* Longer waits count as endless; a timespec holds it on every machine. */
static const double FOREVER_SECONDS = 1e9;

void *tsr_scratch(tsr_run *run, size_t bytes) {
  if (bytes <= run->scratch_bytes) return run->scratch;
  free(run->scratch);
  run->scratch_bytes = 0;
  if (posix_memalign(&run->scratch, 64, bytes) != 0) run->scratch = NULL;
  else tsr_advise(run->scratch, run->scratch_bytes = bytes);
  return run->scratch;
}

/* ---- time ---- */

static struct timespec now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t;
}

static double seconds_between(struct timespec a, struct timespec b) {
  return (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
}

#ifdef __APPLE__
static void make_condition(pthread_cond_t *condition) { pthread_cond_init(condition, NULL); }

static int wait_for(pthread_cond_t *condition, pthread_mutex_t *lock, double seconds) {
  struct timespec t = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
  return pthread_cond_timedwait_relative_np(condition, lock, &t);
}
#else
static void make_condition(pthread_cond_t *condition) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(condition, &attributes);
  pthread_condattr_destroy(&attributes);
}

static int wait_for(pthread_cond_t *condition, pthread_mutex_t *lock, double seconds) {
  struct timespec t = now();
  t.tv_sec += (time_t)seconds;
  t.tv_nsec += (long)((seconds - floor(seconds)) * 1e9);
  if (t.tv_nsec >= 1000000000L) {
    t.tv_sec++;
    t.tv_nsec -= 1000000000L;
  }
  return pthread_cond_timedwait(condition, lock, &t);
}
#endif

/* ---- memory that waits for encoded work ---- */

/* With the lock held: takes off the list what may go now. */
static tsr_memory *take_released(tsr_queue *queue) {
  uint64_t executed = atomic_load(&queue->executed);
  tsr_memory *go = NULL, **link = &queue->released;
  while (*link) {
    tsr_memory *memory = *link;
    if (memory->after > executed) {
      link = &memory->next;
      continue;
    }
    *link = memory->next;
    memory->next = go;
    go = memory;
  }
  return go;
}

static void let_go(const tsr_device *device, tsr_memory *list) {
  while (list) {
    tsr_memory *next = list->next;
    tsr_memory_free(device, list);
    list = next;
  }
}

void tsr_queue_release(const tsr_device *device, tsr_queue *queue, tsr_memory *memory) {
  pthread_mutex_lock(&queue->lock);
  memory->after = queue->encoded;
  memory->next = queue->released;
  queue->released = memory;
  tsr_memory *go = take_released(queue);
  pthread_mutex_unlock(&queue->lock);
  let_go(device, go);
}

/* ---- running ---- */

/* Runs an operation on the device's own engine, or on a vendor's once the device has done what came before. */
static int32_t perform(tsr_context *context, const tsr_op *op) {
  const tsr_device *device = context->device;
  if (op->engine == TSR_TILED) return device->engine->op[op->id](&context->run, op);
  int32_t status = device->settle ? device->settle(&context->run) : TSR_OK;
  if (status != TSR_OK || (op->predicate && *op->predicate == 0)) return status;
  return tsr_vendors[op->engine]->engine->op[op->id](&context->run, op);
}

/* Runs one operation, or passes it by: when its ticket was cancelled or failed, or its predicate is 0 (a device that
 * settles later tests that itself). clock is when the one before ended, and then when this one did; NULL: nobody wants
 * to know. The trace is the owner's, who waits while a batch runs inline: only the queue's thread needs the lock. */
static int32_t run_one(tsr_context *context, tsr_batch *batch, uint64_t number, int32_t status,
                       struct timespec *clock) {
  tsr_queue *queue = &context->queue;
  const tsr_device *device = context->device;
  const tsr_op *op = &queue->ops[number % TSR_QUEUE_OPS];
  uint32_t tile = 0;
  double seconds = 0;
  bool apart = batch->mode == TSR_QUEUED;
  bool closed = !device->settle && op->predicate && *op->predicate == 0;
  if (status == TSR_OK && !closed && !atomic_load(&batch->canceled)) {
    context->run.tile = 0;
    status = perform(context, op);
    if (clock) {
      struct timespec start = *clock;
      *clock = now();
      if (!device->settle) seconds = seconds_between(start, *clock);
    }
    if (status == TSR_OK && !atomic_load(&batch->canceled)) tile = context->run.tile;
  }
  if (device->settle && number == batch->last) {
    int32_t ended = device->settle(&context->run);
    if (status == TSR_OK) status = ended;
    seconds = context->run.device_seconds;
  }
  if (apart) pthread_mutex_lock(&queue->lock);
  tsr_record(queue, number, tile, seconds, op->engine);
  if (!device->settle || number == batch->last)
    atomic_store_explicit(&queue->executed, number, memory_order_release);
  if (apart) pthread_mutex_unlock(&queue->lock);
  return status;
}

static void run_batch(tsr_context *context, uint64_t number) {
  tsr_queue *queue = &context->queue;
  tsr_batch *batch = &queue->batches[number % TSR_QUEUE_BATCHES];
  int32_t status = atomic_load(&context->dead) ? TSR_E_DEVICE : TSR_OK;
  context->run.canceled = &batch->canceled;
  context->run.device_seconds = 0;
  bool timed = atomic_load_explicit(&queue->timed, memory_order_relaxed);
  struct timespec clock = timed ? now() : (struct timespec){0, 0};
  for (uint64_t i = atomic_load(&queue->executed) + 1; i <= batch->last; i++)
    status = run_one(context, batch, i, status, timed ? &clock : NULL);
  if (status == TSR_E_DEVICE) atomic_store(&context->dead, true);
  pthread_mutex_lock(&queue->lock);
  batch->status = status == TSR_OK && atomic_load(&batch->canceled) ? TSR_E_CANCELED : status;
  queue->passed = number;
  tsr_memory *go = take_released(queue);
  pthread_cond_broadcast(&queue->passing);
  pthread_mutex_unlock(&queue->lock);
  let_go(context->device, go);
}

/* Whether the next batch is for the queue's thread. */
static bool has_work(const tsr_queue *queue) {
  return queue->passed < queue->submitted &&
         queue->batches[(queue->passed + 1) % TSR_QUEUE_BATCHES].mode == TSR_QUEUED;
}

static void *queue_thread(void *argument) {
  tsr_context *context = argument;
  tsr_queue *queue = &context->queue;
  pthread_mutex_lock(&queue->lock);
  for (;;) {
    while (!has_work(queue) && !queue->closing) pthread_cond_wait(&queue->work, &queue->lock);
    if (!has_work(queue)) break;
    uint64_t number = queue->passed + 1;
    pthread_mutex_unlock(&queue->lock);
    run_batch(context, number);
    pthread_mutex_lock(&queue->lock);
  }
  pthread_mutex_unlock(&queue->lock);
  return NULL;
}

/* The signals of the process are for its own threads. */
static int start_thread(tsr_context *context) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int error = pthread_create(&context->queue.thread, NULL, queue_thread, context);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return error;
}

/* ---- opening and closing ---- */

int32_t tsr_queue_open(tsr_queue *queue) {
  queue->ops = calloc(TSR_QUEUE_OPS, sizeof *queue->ops);
  queue->batches = calloc(TSR_QUEUE_BATCHES, sizeof *queue->batches);
  queue->trace = calloc(TSR_TRACE_RECORDS * TSR_TRACE_WORDS, sizeof *queue->trace);
  pthread_mutex_init(&queue->lock, NULL);
  make_condition(&queue->work);
  make_condition(&queue->passing);
  return queue->ops && queue->batches && queue->trace ? TSR_OK : TSR_E_MEMORY;
}

/* Every ticket ends now, those that run as soon as their loops look. */
void tsr_queue_stop(tsr_queue *queue) {
  pthread_mutex_lock(&queue->lock);
  queue->closing = true;
  for (uint64_t i = queue->passed + 1; i <= queue->submitted; i++)
    atomic_store(&queue->batches[i % TSR_QUEUE_BATCHES].canceled, 1);
  pthread_cond_broadcast(&queue->work);
  pthread_mutex_unlock(&queue->lock);
}

void tsr_queue_close(const tsr_device *device, tsr_queue *queue) {
  if (queue->started) pthread_join(queue->thread, NULL);
  let_go(device, queue->released);
  pthread_mutex_destroy(&queue->lock);
  pthread_cond_destroy(&queue->work);
  pthread_cond_destroy(&queue->passing);
  free(queue->ops);
  free(queue->batches);
  free(queue->trace);
}

void tsr_queue_idle(tsr_queue *queue) {
  pthread_mutex_lock(&queue->lock);
  while (queue->passed < queue->submitted) pthread_cond_wait(&queue->passing, &queue->lock);
  pthread_mutex_unlock(&queue->lock);
}

static int32_t tell_ending(tsr_context *context, const char *op, uint32_t ticket, int32_t status) {
  switch (status) {
    case TSR_E_CANCELED:
      return tsr_fail(context, status, "%s: ticket %u was cancelled; its outputs are undefined", op, ticket);
    case TSR_E_MEMORY:
      return tsr_fail(context, status, "%s: ticket %u ended early: no memory for workspace", op, ticket);
    case TSR_E_DEVICE:
      return tsr_fail(context, status, "%s: ticket %u ended early: the device failed: %s", op, ticket,
                      context->run.trouble);
    default: return status;
  }
}

/* ---- submitting ---- */

/* Ticket of a batch: 1 to 2^32 - 1 and round again. */
static uint32_t ticket_of(uint64_t batch) { return (uint32_t)((batch - 1) % UINT32_MAX) + 1; }

static int32_t submit(tsr_context *context, uint32_t mode, uint32_t *ticket) {
  tsr_queue *queue = &context->queue;
  pthread_mutex_lock(&queue->lock);
  if (mode == TSR_INLINE) {
    while (queue->passed < queue->submitted) pthread_cond_wait(&queue->passing, &queue->lock);
  } else if (!queue->started) {
    queue->started = start_thread(context) == 0;
  }
  bool full = queue->submitted - queue->passed == TSR_QUEUE_BATCHES,
       threadless = mode == TSR_QUEUED && !queue->started;
  if (full || threadless) {
    pthread_mutex_unlock(&queue->lock);
    if (threadless)
      return tsr_fail(context, TSR_E_MEMORY, "submit: the queue's thread could not be made; use TSR_INLINE");
    return tsr_fail(context, TSR_E_FULL, "submit: %d tickets are queued: wait for one", TSR_QUEUE_BATCHES);
  }
  uint64_t number = ++queue->submitted;
  tsr_batch *batch = &queue->batches[number % TSR_QUEUE_BATCHES];
  batch->last = queue->encoded;
  batch->mode = mode;
  batch->status = TSR_OK;
  atomic_store_explicit(&batch->canceled, 0, memory_order_relaxed);
  if (mode == TSR_QUEUED) pthread_cond_signal(&queue->work);
  pthread_mutex_unlock(&queue->lock);
  *ticket = ticket_of(number);
  if (mode == TSR_QUEUED) return TSR_OK;
  run_batch(context, number);
  return tell_ending(context, "submit", *ticket, batch->status);
}

int32_t tsr_submit(uint32_t ctx, uint32_t mode, uint32_t *ticket) {
  tsr_context *context;
  int32_t status = tsr_enter(ctx, &context);
  if (status != TSR_OK) return status;
  if (mode > TSR_INLINE)
    return tsr_fail(context, TSR_E_ARGUMENT, "submit: mode is %u; it must be 0 (queued) or 1 (inline)", mode);
  if (!ticket) return tsr_fail(context, TSR_E_ARGUMENT, "submit: no memory given for the ticket");
  return submit(context, mode, ticket);
}

/* ---- tickets ---- */

/* With the lock held: the batch of a ticket, 0 when there is none. */
static uint64_t batch_of(const tsr_queue *queue, uint32_t ticket) {
  if (ticket == 0 || queue->submitted == 0) return 0;
  uint32_t last = ticket_of(queue->submitted);
  uint32_t behind = last >= ticket ? last - ticket : last + (UINT32_MAX - ticket);
  return behind < queue->submitted && behind < UINT32_MAX / 2 ? queue->submitted - behind : 0;
}

static int32_t no_ticket(tsr_context *context, const char *op, uint32_t ticket) {
  return tsr_fail(context, TSR_E_ARGUMENT, "%s: no ticket %u was given out", op, ticket);
}

/* How a batch that has passed ended. */
static int32_t ending(const tsr_queue *queue, uint64_t batch) {
  return queue->submitted - batch < TSR_QUEUE_BATCHES ? queue->batches[batch % TSR_QUEUE_BATCHES].status : TSR_OK;
}

static int32_t wait_ticket(tsr_context *context, uint32_t ticket, double seconds) {
  tsr_queue *queue = &context->queue;
  struct timespec start = now();
  pthread_mutex_lock(&queue->lock);
  uint64_t batch = batch_of(queue, ticket);
  while (batch > queue->passed) {
    double left = seconds - seconds_between(start, now());
    if (left <= 0) break;
    if (left > FOREVER_SECONDS) pthread_cond_wait(&queue->passing, &queue->lock);
    else wait_for(&queue->passing, &queue->lock, left);
  }
  bool over = batch <= queue->passed;
  int32_t status = batch && over ? ending(queue, batch) : TSR_OK;
  pthread_mutex_unlock(&queue->lock);
  if (!batch) return no_ticket(context, "wait", ticket);
  if (!over)
    return tsr_fail(context, TSR_E_TIMEOUT, "wait: ticket %u has not passed in %g seconds; the work goes on", ticket,
                    seconds);
  return tell_ending(context, "wait", ticket, status);
}

static int32_t cancel_ticket(tsr_context *context, uint32_t ticket) {
  tsr_queue *queue = &context->queue;
  pthread_mutex_lock(&queue->lock);
  uint64_t batch = batch_of(queue, ticket);
  if (batch > queue->passed) atomic_store(&queue->batches[batch % TSR_QUEUE_BATCHES].canceled, 1);
  pthread_mutex_unlock(&queue->lock);
  return batch ? TSR_OK : no_ticket(context, "cancel", ticket);
}

int32_t tsr_wait(uint32_t ctx, uint32_t ticket, double seconds) {
  tsr_context *context;
  int32_t status = tsr_visit(ctx, &context);
  if (status != TSR_OK) return status;
  status = seconds >= 0
               ? wait_ticket(context, ticket, seconds)
               : tsr_fail(context, TSR_E_ARGUMENT, "wait: %g seconds; give a number that is not negative", seconds);
  tsr_leave(context);
  return status;
}

int32_t tsr_cancel(uint32_t ctx, uint32_t ticket) {
  tsr_context *context;
  int32_t status = tsr_visit(ctx, &context);
  if (status != TSR_OK) return status;
  status = cancel_ticket(context, ticket);
  tsr_leave(context);
  return status;
}
