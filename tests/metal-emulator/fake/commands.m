// Queue and command buffers of the fake. A queue runs its command buffers one after the other on a thread of its own,
// and calls their handlers there, as Metal does.
#import "fake.h"
#include <Block.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct fake_line {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  EmulatedCommands **waiting;
  int head, count;            /* of waiting */
  NSUInteger existing, limit; /* command buffers that are not finished */
  NSUInteger committed;       /* those of them that will finish by themselves */
  bool started, closed, failed;
  atomic_int owners;          /* the queue's object and its thread */
  uint64_t encoders, seen;    /* given numbers; the last whose end the host was told */
};

static void line_release(fake_line *line) {
  if (atomic_fetch_sub(&line->owners, 1) > 1) return;
  free(line->waiting);
  free(line);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

@interface EmulatedCommands ()
- (void)tell;
@end

@implementation EmulatedQueue
- (id)initWithLimit:(NSUInteger)limit {
  line = fake_allocate(sizeof *line);
  pthread_mutex_init(&line->lock, NULL);
  pthread_cond_init(&line->changed, NULL);
  line->limit = limit;
  line->owners = 1;
  return self;
}

- (void)dealloc {
  pthread_mutex_lock(&line->lock);
  line->closed = true;
  pthread_cond_broadcast(&line->changed);
  pthread_mutex_unlock(&line->lock);
  line_release(line);
  [super dealloc];
}

- (id<MTLCommandBuffer>)commandBuffer {
  return [[[EmulatedCommands alloc] initInQueue:self retaining:true] autorelease];
}

- (id<MTLCommandBuffer>)commandBufferWithUnretainedReferences {
  return [[[EmulatedCommands alloc] initInQueue:self retaining:false] autorelease];
}
@end

/* Lets go what the dispatches hold; after completion, or when a command buffer dies uncommitted. */
static void drop_dispatches(EmulatedCommands *commands) {
  for (int d = 0; d < commands->count; d++) {
    for (int i = 0; i < FAKE_BINDINGS; i++) fake_unbind(&commands->dispatches[d].binding[i]);
    [commands->dispatches[d].pipeline release];
  }
  free(commands->dispatches);
  commands->dispatches = NULL;
  commands->count = 0;
}

/* Runs the dispatches; the error when one fails, or when a switch says that this command buffer fails. */
static NSError *execute(EmulatedCommands *commands, bool refused) {
  char why[4096] = "";
  if (refused) return fake_error(4, "ignored, because an earlier command buffer of the queue failed");
  if (fake_strikes(FAKE_FAIL)) {
    return fake_error(MTLCommandBufferErrorTimeout, "caused a timeout, as TSR_EMULATED_FAIL asked");
  }
  if (fake_strikes(FAKE_HANG)) {
    for (;;) pause();
  }
  for (int d = 0; d < commands->count; d++) {
    if (!fake_dispatch_run(&commands->dispatches[d], why, sizeof why)) {
      return fake_error(MTLCommandBufferErrorPageFault, why);
    }
  }
  fake_ran(1, (size_t)commands->count);
  return nil;
}

/* One command buffer from its start to the end of its handlers. The line's lock is not held. */
static void complete(fake_line *line, EmulatedCommands *commands) {
  NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
  commands->began = seconds();
  commands->failure = [execute(commands, line->failed) retain];
  commands->ended = seconds();
  drop_dispatches(commands);
  pthread_mutex_lock(&line->lock);
  line->failed = line->failed || commands->failure;
  commands->state = commands->failure ? MTLCommandBufferStatusError : MTLCommandBufferStatusCompleted;
  if (commands->handlerCount) [commands tell];
  pthread_mutex_unlock(&line->lock);
  for (int i = 0; i < commands->handlerCount; i++) commands->handlers[i](commands);
  pthread_mutex_lock(&line->lock);
  commands->finished = true;
  line->existing--;
  line->committed--;
  pthread_cond_broadcast(&line->changed);
  pthread_mutex_unlock(&line->lock);
  [commands release];
  [pool drain];
  fake_busy(-1);
}

static void *serve(void *argument) {
  fake_line *line = argument;
  pthread_mutex_lock(&line->lock);
  for (;;) {
    while (!line->count && !line->closed) pthread_cond_wait(&line->changed, &line->lock);
    if (!line->count) break;
    EmulatedCommands *commands = line->waiting[line->head++];
    if (!--line->count) line->head = 0;
    pthread_mutex_unlock(&line->lock);
    complete(line, commands);
    pthread_mutex_lock(&line->lock);
  }
  pthread_mutex_unlock(&line->lock);
  line_release(line);
  return NULL;
}

/* Encoders without a fence between them may overlap on a device, so a buffer without hazard tracking must not go from
 * one to the other, unless the host was told of the end of the first. */
static void check_fences(fake_line *line, EmulatedCommands *commands) {
  for (int d = 0; d < commands->count; d++) {
    const fake_dispatch *dispatch = &commands->dispatches[d];
    const fake_order *order = &commands->orders[dispatch->encoder];
    for (int i = 0; i < FAKE_BINDINGS; i++) {
      fake_memory *memory = dispatch->binding[i].memory;
      if (!memory || !memory->untracked) continue;
      if (memory->user != order->number && memory->user > order->sees && memory->user > line->seen) {
        fake_misuse("%s uses an untracked buffer of an earlier encoder, and no fence orders the two",
                    dispatch->pipeline->function->kernel->name);
      }
      memory->user = order->number;
    }
  }
}

@implementation EmulatedCommands
- (id)initInQueue:(EmulatedQueue *)owner retaining:(bool)keeps {
  fake_line *line = owner->line;
  pthread_mutex_lock(&line->lock);
  while (line->existing >= line->limit && line->committed) pthread_cond_wait(&line->changed, &line->lock);
  bool stuck = line->existing++ >= line->limit;
  pthread_mutex_unlock(&line->lock);
  if (stuck) fake_misuse("commandBuffer waits for ever: all %lu of the queue exist, none is committed", line->limit);
  queue = [owner retain];
  retains = keeps;
  return self;
}

- (void)dealloc {
  if (open) fake_misuse("a command buffer was freed with an open encoder");
  if (!state) {
    pthread_mutex_lock(&queue->line->lock);
    queue->line->existing--;
    pthread_cond_broadcast(&queue->line->changed);
    pthread_mutex_unlock(&queue->line->lock);
  }
  drop_dispatches(self);
  for (int i = 0; i < handlerCount; i++) Block_release(handlers[i]);
  free(handlers);
  free(orders);
  [failure release];
  [queue release];
  [super dealloc];
}

- (id<MTLComputeCommandEncoder>)computeCommandEncoder {
  return [self computeCommandEncoderWithDispatchType:MTLDispatchTypeSerial];
}

- (id<MTLComputeCommandEncoder>)computeCommandEncoderWithDispatchType:(MTLDispatchType)type {
  if (open) fake_misuse("a second encoder was asked for while one is open");
  if (state) fake_misuse("an encoder was asked for after commit");
  if (open || state) return nil;
  pthread_mutex_lock(&queue->line->lock);
  fake_order order = {++queue->line->encoders, queue->line->seen};
  pthread_mutex_unlock(&queue->line->lock);
  orders = fake_grow(orders, encoders, sizeof order);
  orders[encoders++] = order;
  open = [[[EmulatedEncoder alloc] initIn:self concurrent:type == MTLDispatchTypeConcurrent] autorelease];
  return open;
}

- (void)addCompletedHandler:(MTLCommandBufferHandler)block {
  if (state) {
    fake_misuse("addCompletedHandler after commit");
    return;
  }
  handlers = fake_grow(handlers, handlerCount, sizeof *handlers);
  handlers[handlerCount++] = Block_copy(block);
}

- (void)commit {
  if (state) {
    fake_misuse("commit twice");
    return;
  }
  if (open) {
    fake_misuse("commit with an open encoder");
    open->over = true;
    open = nil;
  }
  fake_line *line = queue->line;
  pthread_mutex_lock(&line->lock);
  check_fences(line, self);
  state = MTLCommandBufferStatusCommitted;
  line->waiting = fake_grow(line->waiting, line->head + line->count, sizeof *line->waiting);
  line->waiting[line->head + line->count++] = [self retain];
  line->committed++;
  fake_busy(1);
  pthread_t thread;
  if (!line->started) {
    line->started = true;
    line->owners++;
    pthread_create(&thread, NULL, serve, line);
    pthread_detach(thread);
  }
  pthread_cond_broadcast(&line->changed);
  pthread_mutex_unlock(&line->lock);
}

/* The host now knows that all up to this command buffer has ended. */
- (void)tell {
  if (encoders && orders[encoders - 1].number > queue->line->seen) queue->line->seen = orders[encoders - 1].number;
}

- (void)waitUntilCompleted {
  if (!state) {
    fake_misuse("waitUntilCompleted before commit");
    return;
  }
  pthread_mutex_lock(&queue->line->lock);
  while (!finished) pthread_cond_wait(&queue->line->changed, &queue->line->lock);
  [self tell];
  pthread_mutex_unlock(&queue->line->lock);
}

- (MTLCommandBufferStatus)status {
  pthread_mutex_lock(&queue->line->lock);
  MTLCommandBufferStatus now = state;
  if (now >= MTLCommandBufferStatusCompleted) [self tell];
  pthread_mutex_unlock(&queue->line->lock);
  return now;
}

- (NSError *)error {
  return failure;
}

- (NSTimeInterval)GPUStartTime {
  return began;
}

- (NSTimeInterval)GPUEndTime {
  return ended;
}
@end
