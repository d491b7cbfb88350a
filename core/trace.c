/* trace.c: what ran, how long, and on which engine: a ring of records that the caller moves out. */
#include <string.h>
#include "internal.h"

void tsr_record(tsr_queue *queue, uint64_t number, uint32_t tile, double seconds, uint32_t engine) {
  double *r = queue->trace + queue->traced % TSR_TRACE_RECORDS * TSR_TRACE_WORDS;
  r[TSR_TRACE_NUMBER] = (double)number;
  r[TSR_TRACE_TILE] = tile;
  r[TSR_TRACE_SECONDS] = seconds;
  r[TSR_TRACE_ENGINE] = engine;
  queue->traced++;
  if (queue->traced - queue->fetched > TSR_TRACE_RECORDS) queue->fetched = queue->traced - TSR_TRACE_RECORDS;
}

int32_t tsr_trace(uint32_t ctx, double *records, uint32_t capacity, uint32_t *count) {
  tsr_context *context;
  int32_t status = tsr_enter(ctx, &context);
  if (status != TSR_OK) return status;
  if (!count || (!records && capacity))
    return tsr_fail(context, TSR_E_ARGUMENT, "trace: no memory given for records or count");
  tsr_queue *queue = &context->queue;
  atomic_store_explicit(&queue->timed, true, memory_order_relaxed);
  uint32_t n = 0;
  pthread_mutex_lock(&queue->lock);
  for (; n < capacity && queue->fetched < queue->traced; n++, queue->fetched++) {
    const double *r = queue->trace + queue->fetched % TSR_TRACE_RECORDS * TSR_TRACE_WORDS;
    memcpy(records + (size_t)n * TSR_TRACE_WORDS, r, TSR_TRACE_WORDS * sizeof *r);
  }
  pthread_mutex_unlock(&queue->lock);
  *count = n;
  return TSR_OK;
}
