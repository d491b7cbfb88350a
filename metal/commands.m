/* commands.m: dispatches become command buffers, committed when they hold about a quarter second of work, at most
 * two at a time on the device; then the host waits, never longer than the system's own watchdog would.
 *
 * Buffers are untracked: dispatches are ordered by a barrier inside an encoder, encoders by the fence. */
#import <Metal/Metal.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "metal.h"

enum { MOST_FLYING = 2, MOST_DISPATCHES = 512 };
static const double BUDGET_FLOPS = 2.5e11, WAIT_SECONDS = 30, LEAST_CORES = 8;

/* A committed command buffer, shared with its completion handler, which may come after the host has given up. */
typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t ended;
  bool over;
  int holders;
  id<MTLCommandBuffer> buffer;
} flight;

struct tsr_commands {
  id<MTLCommandQueue> queue;
  id<MTLFence> fence;
  id<MTLBuffer> open_gate;      /* a word that is 1 */
  id<MTLCommandBuffer> buffer;  /* what is being encoded; nil: nothing */
  id<MTLComputeCommandEncoder> encoder;
  uint32_t dispatches;
  double cost;
  flight *flying[MOST_FLYING];
  uint32_t flights;
  const tsr_op *op;             /* whose dispatches are being encoded */
  bool ready;                   /* its operands are up to date on the device */
  const void **touched;         /* mirrored buffers that hold what the host has */
  tsr_view *written;            /* views of mirrored buffers to be copied back */
  uint32_t touched_count, touched_room, written_count, written_room;
  double seconds;
  bool hung;                    /* a wait ran out: none of what is in flight will end */
};

/* ---- opening and closing ---- */

tsr_commands *tsr_metal_commands_open(tsr_run *run, id<MTLDevice> device) {
  tsr_commands *c = calloc(1, sizeof *c);
  if (!c) {
    tsr_metal_fail(run, "no memory for a queue", nil);
    return NULL;
  }
  c->queue = [device newCommandQueue];
  c->fence = [device newFence];
  c->open_gate = [device newBufferWithLength:16 options:MTLResourceStorageModeShared];
  if (!c->queue || !c->fence || !c->open_gate) {
    tsr_metal_fail(run, "no command queue", nil);
    tsr_metal_commands_close(c);
    return NULL;
  }
  *(uint32_t *)[c->open_gate contents] = 1;
  return c;
}

void tsr_metal_commands_close(tsr_commands *c) {
  if (c->encoder) [c->encoder endEncoding];
  [c->encoder release];
  [c->buffer release];
  [c->open_gate release];
  [c->fence release];
  [c->queue release];
  free(c->touched);
  free(c->written);
  free(c);
}

/* ---- committed command buffers ---- */

static void drop(flight *f) {
  pthread_mutex_lock(&f->lock);
  int left = --f->holders;
  pthread_mutex_unlock(&f->lock);
  if (left > 0) return;
  [f->buffer release];
  pthread_mutex_destroy(&f->lock);
  pthread_cond_destroy(&f->ended);
  free(f);
}

static void land(flight *f) {
  pthread_mutex_lock(&f->lock);
  f->over = true;
  pthread_cond_broadcast(&f->ended);
  pthread_mutex_unlock(&f->lock);
  drop(f);
}

static flight *take_off(id<MTLCommandBuffer> buffer) {
  flight *f = calloc(1, sizeof *f);
  if (!f) return NULL;
  pthread_mutex_init(&f->lock, NULL);
  pthread_cond_init(&f->ended, NULL);
  f->holders = 2;
  f->buffer = buffer;
  [buffer addCompletedHandler:^(id<MTLCommandBuffer> unused) {
    (void)unused;
    @autoreleasepool { land(f); }
  }];
  [buffer commit];
  return f;
}

/* Whether the command buffer ended in time. */
static bool await(flight *f, double seconds) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += (time_t)seconds;
  int error = 0;
  pthread_mutex_lock(&f->lock);
  while (!f->over && error != ETIMEDOUT) error = pthread_cond_timedwait(&f->ended, &f->lock, &until);
  bool over = f->over;
  pthread_mutex_unlock(&f->lock);
  return over;
}

/* Waits for the oldest flight. */
static int32_t await_oldest(tsr_run *run, tsr_commands *c) {
  flight *f = c->flying[0];
  bool over = await(f, c->hung ? 0 : WAIT_SECONDS);
  int32_t status = TSR_OK;
  c->hung = c->hung || !over;
  if (!over) status = tsr_metal_fail(run, "the GPU did not finish in 30 seconds", nil);
  else if ([f->buffer status] != MTLCommandBufferStatusCompleted)
    status = tsr_metal_fail(run, "the GPU ended a command buffer", [f->buffer error]);
  else c->seconds += [f->buffer GPUEndTime] - [f->buffer GPUStartTime];
  drop(f);
  c->flights--;
  for (uint32_t i = 0; i < c->flights; i++) c->flying[i] = c->flying[i + 1];
  return status;
}

/* ---- encoding ---- */

static int32_t begin(tsr_run *run, tsr_commands *c) {
  if (c->encoder) {
    [c->encoder memoryBarrierWithScope:MTLBarrierScopeBuffers];
    return TSR_OK;
  }
  c->buffer = [[c->queue commandBuffer] retain];
  c->encoder = [[c->buffer computeCommandEncoderWithDispatchType:MTLDispatchTypeConcurrent] retain];
  if (!c->encoder) return tsr_metal_fail(run, "no command buffer", nil);
  [c->encoder waitForFence:c->fence];
  return TSR_OK;
}

/* Commits what is encoded, once fewer than MOST_FLYING are on the device. */
static int32_t commit(tsr_run *run, tsr_commands *c) {
  if (!c->encoder) return TSR_OK;
  int32_t status = c->flights == MOST_FLYING ? await_oldest(run, c) : TSR_OK;
  [c->encoder updateFence:c->fence];
  [c->encoder endEncoding];
  [c->encoder release];
  c->encoder = nil;
  flight *f = status == TSR_OK ? take_off(c->buffer) : NULL;
  if (f) c->flying[c->flights++] = f;
  else [c->buffer release];
  c->buffer = nil;
  c->cost = 0;
  c->dispatches = 0;
  if (!f && status == TSR_OK) status = TSR_E_MEMORY;
  return status;
}

/* Room for one more in a list that grows. */
static bool reserve(void **list, uint32_t count, uint32_t *room, size_t size) {
  if (count < *room) return true;
  uint32_t more = *room ? 2 * *room : 16;
  void *grown = realloc(*list, more * size);
  if (!grown) return false;
  *list = grown;
  *room = more;
  return true;
}

/* Brings a mirrored buffer up to date at its first use since the device was idle. */
static bool touch(tsr_commands *c, const void *object) {
  if (!object || !tsr_metal_mirrored(object)) return true;
  for (uint32_t i = 0; i < c->touched_count; i++) {
    if (c->touched[i] == object) return true;
  }
  if (!reserve((void **)&c->touched, c->touched_count, &c->touched_room, sizeof *c->touched)) return false;
  tsr_metal_upload(object);
  c->touched[c->touched_count++] = object;
  return true;
}

/* Makes the operands of the operation ready on the device and notes which are to come back. */
static bool touch_all(tsr_commands *c) {
  const tsr_op *op = c->op;
  if (!touch(c, op->gate.object)) return false;
  for (uint32_t i = 0; i < op->operands; i++) {
    const tsr_view *v = &op->v[i];
    if (!touch(c, v->place.object)) return false;
    if (!(op->outputs >> i & 1) || !v->place.object || !tsr_metal_mirrored(v->place.object)) continue;
    if (!reserve((void **)&c->written, c->written_count, &c->written_room, sizeof *c->written)) return false;
    c->written[c->written_count++] = *v;
  }
  c->ready = true;
  return true;
}

/* Flops that take as long: a threadgroup has one core, so fewer than there are cores leave the others idle. */
static double cost_of(const tsr_dispatch *d) {
  return d->cost * fmax(1, LEAST_CORES / ((double)d->groups[0] * d->groups[1] * d->groups[2]));
}

static void encode(const tsr_commands *c, id<MTLComputePipelineState> state, const tsr_op *op,
                   const tsr_dispatch *d) {
  id<MTLComputeCommandEncoder> encoder = c->encoder;
  [encoder setComputePipelineState:state];
  [encoder setBytes:d->args length:d->args_bytes atIndex:TSR_METAL_ARGS];
  id<MTLBuffer> gate = op->gate.object ? tsr_metal_buffer(op->gate.object) : c->open_gate;
  [encoder setBuffer:gate offset:op->gate.at atIndex:TSR_METAL_GATE];
  for (uint32_t i = 0; i < d->operands; i++) {
    tsr_place place = d->operand[i];
    [encoder setBuffer:tsr_metal_buffer(place.object) offset:place.at atIndex:TSR_METAL_FIRST + i];
  }
  [encoder dispatchThreadgroups:MTLSizeMake(d->groups[0], d->groups[1], d->groups[2])
          threadsPerThreadgroup:MTLSizeMake(d->threads, 1, 1)];
}

void tsr_metal_begin(tsr_run *run, const tsr_op *op) {
  tsr_metal *metal = tsr_metal_of(run);
  metal->commands->op = op;
  metal->commands->ready = false;
  tsr_metal_scratch_reset(metal->scratch, metal->commands->encoder == nil && metal->commands->flights == 0);
}

int32_t tsr_metal_run(tsr_run *run, const tsr_op *op, const tsr_dispatch *d) {
  tsr_commands *c = tsr_metal_of(run)->commands;
  if (atomic_load(run->canceled)) return TSR_OK;
  id<MTLComputePipelineState> state = tsr_metal_pipeline(run, d);
  if (!state) return TSR_E_DEVICE;
  if (!c->ready && !touch_all(c)) return TSR_E_MEMORY;
  int32_t status = begin(run, c);
  if (status != TSR_OK) return status;
  encode(c, state, op, d);
  c->cost += cost_of(d);
  c->dispatches++;
  return c->cost >= BUDGET_FLOPS || c->dispatches >= MOST_DISPATCHES ? commit(run, c) : TSR_OK;
}

int32_t tsr_metal_settle(tsr_run *run) {
  @autoreleasepool {
    tsr_metal *metal = tsr_metal_of(run);
    tsr_commands *c = metal->commands;
    c->seconds = 0;
    int32_t status = commit(run, c);
    while (c->flights > 0) {
      int32_t ended = await_oldest(run, c);
      if (status == TSR_OK) status = ended;
    }
    for (uint32_t i = 0; i < c->written_count && status == TSR_OK; i++) tsr_metal_download(&c->written[i]);
    c->touched_count = c->written_count = 0;
    c->ready = false;
    run->device_seconds += c->seconds;
    return status;
  }
}
