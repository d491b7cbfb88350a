// fake.h: what the files of the fake share: the record of misuse, the switches, its classes, and the seam to the
// emulator.
#pragma once
#import <Metal/Metal.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "../runtime/emulator.h"

#define FAKE_EXPORT __attribute__((visibility("default")))
enum { FAKE_BINDINGS = EMULATOR_BUFFERS, FAKE_BYTES = 4096 };

/* ---- checks.m ---- */

/* Numbers from the environment; README.md tells their names and meaning. */
typedef enum {
  FAKE_PAGE, FAKE_NOCOPY, FAKE_MEMORY, FAKE_THREADS, FAKE_FAMILY, FAKE_DEVICES, FAKE_FAIL, FAKE_HANG, FAKE_ABORT,
  FAKE_CHECK, FAKE_ORDER, FAKE_SWITCHES
} fake_switch;
long fake_number(fake_switch which);
/* Counts a switch down; true when it reaches 0. */
bool fake_strikes(fake_switch which);
/* Path of the emulation library, or NULL. */
const char *fake_kernels(void);

/* Records what a device would not forgive; ends the process unless the switch says otherwise. */
void fake_misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* An object of the class came (1) or went (-1). */
void fake_count(Class class, int change);
/* Counts what ran, for the report. */
void fake_ran(size_t buffers, size_t dispatches);
/* A command buffer is committed (1), or the last of it is let go (-1): reports wait for that. */
void fake_busy(int change);

/* calloc and a growing array; without memory the fake cannot go on and ends the process. */
void *fake_allocate(size_t bytes);
void *fake_grow(void *items, int count, size_t size);

/* ---- foundation.m ---- */

NSError *fake_error(NSInteger code, const char *why);

/* ---- kernels.m ---- */

@interface EmulatedLibrary : NSObject <MTLLibrary> EMULATED(bool *modules;)
@end

@interface EmulatedFunction : NSObject <MTLFunction>
    EMULATED(const emulator_kernel *kernel; emulator_value constants[EMULATOR_CONSTANTS]; uint32_t constantCount;)
@end

@interface EmulatedPipeline : NSObject <MTLComputePipelineState> EMULATED(EmulatedFunction *function;)
@end

EmulatedLibrary *fake_library(NSString *source, MTLCompileOptions *options, NSError **error);
EmulatedPipeline *fake_pipeline(EmulatedFunction *function, NSError **error);

/* ---- device.m ---- */

/* Memory of a buffer; it outlives the buffer while commands that do not retain it are under way. */
typedef struct {
  char *bytes;
  size_t length, mapped;
  bool untracked;
  void (^deallocator)(void *, NSUInteger);
  atomic_int owners, bound;   /* buffer and bindings; bindings that do not retain the buffer */
  uint64_t user;              /* the last encoder with it */
} fake_memory;
void fake_memory_release(fake_memory *memory);

@interface EmulatedBuffer : NSObject <MTLBuffer> EMULATED(fake_memory *memory;)
@end

/* Encoders up to `covers` have their effects visible to whoever waits for the fence. */
@interface EmulatedFence : NSObject <MTLFence> EMULATED(uint64_t covers;)
@end

@interface EmulatedDevice : NSObject <MTLDevice>
@end

/* ---- commands.m, encoder.m ---- */

typedef struct {
  void *bytes;
  size_t length;
  fake_memory *memory;        /* NULL for setBytes, whose bytes are a copy */
  EmulatedBuffer *buffer;     /* NULL where the command buffer does not retain it */
} fake_binding;
/* Takes the references of one more holder, which may be freed apart from the first. */
fake_binding fake_bind_again(fake_binding binding);
void fake_unbind(fake_binding *binding);

typedef struct {
  EmulatedPipeline *pipeline;
  fake_binding binding[FAKE_BINDINGS];
  uint32_t local[FAKE_BINDINGS], groups[3], threads[3];
  int encoder;                /* its place among those of the command buffer */
} fake_dispatch;

/* In kernels.m. Compares what is bound with what the kernel takes; every difference is a misuse. */
bool fake_dispatch_complete(const fake_dispatch *dispatch);
/* Runs it on the emulator; false with the reason in why. */
bool fake_dispatch_run(const fake_dispatch *dispatch, char *why, size_t capacity);

/* The order among the encoders of a queue: its number there, and the last of the encoders 1, 2, ... whose effects, and
 * those of all before it, it sees. */
typedef struct {
  uint64_t number, sees;
} fake_order;

typedef struct fake_line fake_line; /* a queue without its object: its thread can outlive that */

@interface EmulatedQueue : NSObject <MTLCommandQueue> EMULATED(fake_line *line;)
- (id)initWithLimit:(NSUInteger)limit;
@end

@class EmulatedEncoder;

@interface EmulatedCommands : NSObject <MTLCommandBuffer>
    EMULATED(
      EmulatedQueue *queue; EmulatedEncoder *open; bool retains, finished; MTLCommandBufferStatus state;
      fake_dispatch *dispatches; int count; MTLCommandBufferHandler *handlers; int handlerCount;
      fake_order *orders; int encoders; NSError *failure; double began, ended;)
- (id)initInQueue:(EmulatedQueue *)owner retaining:(bool)keeps;
@end

@interface EmulatedEncoder : NSObject <MTLComputeCommandEncoder>
    EMULATED(
      EmulatedCommands *commands; int place; bool concurrent, over; int barrier;
      fake_dispatch next;)
- (id)initIn:(EmulatedCommands *)owner concurrent:(bool)unordered;
@end
