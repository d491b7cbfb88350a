/* metal.h: what the files of metal/ share: the device behind a context, and one dispatch of a kernel. */
#ifndef TSR_METAL_H
#define TSR_METAL_H
#import <Metal/Metal.h>
#include "../core/core.h"

enum {
  TSR_METAL_OPERANDS = 12,      /* of one dispatch; they are bound from TSR_METAL_FIRST on */
  TSR_METAL_CONSTANTS = 4,
  TSR_METAL_ARGS = 0,           /* buffer index of the arguments */
  TSR_METAL_GATE = 1,           /* buffer index of the predicate */
  TSR_METAL_FIRST = 2
};

/* A dispatch of more flops than this should be cut: a busy display ends it after about a quarter second, and the
 * smallest GPU computes 2e12 a second. */
#define TSR_METAL_DISPATCH_FLOPS 5e10

/* One dispatch. Function constants first_constant, first_constant + 1, ... get the given values. */
typedef struct {
  const char *kernel;
  uint32_t first_constant, constant_count, constants[TSR_METAL_CONSTANTS];
  const void *args;
  size_t args_bytes;
  tsr_place operand[TSR_METAL_OPERANDS];
  uint32_t operands;
  uint32_t groups[3], threads; /* threadgroups; threads in each, a multiple of 32 */
  double cost;                 /* flops, roughly */
} tsr_dispatch;

typedef struct tsr_pipelines tsr_pipelines;
typedef struct tsr_commands tsr_commands;
typedef struct tsr_scratch_buffers tsr_scratch_buffers;

/* The device behind a context: run->device. */
typedef struct {
  id<MTLDevice> device;
  tsr_pipelines *pipelines;
  tsr_commands *commands;
  tsr_scratch_buffers *scratch;
  bool emulated;
  char name[128];
} tsr_metal;

static inline tsr_metal *tsr_metal_of(const tsr_run *run) { return run->device; }

/* Keeps the text as the reason of the failure and returns TSR_E_DEVICE. error may be nil. */
int32_t tsr_metal_fail(tsr_run *run, const char *what, NSError *error);

/* ---- pipelines.m ---- */

/* Compiles the kernels; NULL with run->trouble where that fails. */
tsr_pipelines *tsr_metal_pipelines_open(tsr_run *run, id<MTLDevice> device);
void tsr_metal_pipelines_close(tsr_pipelines *pipelines);
/* The pipeline of a dispatch, made at its first use; nil with run->trouble where that fails. */
id<MTLComputePipelineState> tsr_metal_pipeline(tsr_run *run, const tsr_dispatch *dispatch);

/* ---- buffers.m ---- */

void *tsr_metal_attach(tsr_run *run, void *base, size_t bytes);
void tsr_metal_detach(void *object);
/* Whether memory of the host is a copy of the device's (where Metal refuses to share it). */
bool tsr_metal_mirrored(const void *object);
id<MTLBuffer> tsr_metal_buffer(const void *object);
/* Copies the memory of the host to a mirrored buffer, or one view of it back. */
void tsr_metal_upload(const void *object);
void tsr_metal_download(const tsr_view *view);
tsr_scratch_buffers *tsr_metal_scratch_open(void);
/* The next operation begins: its workspace may lie where that of the one before lay. Where the device is idle, the
 * older blocks are let go. */
void tsr_metal_scratch_reset(tsr_scratch_buffers *scratch, bool idle);
void tsr_metal_scratch_close(tsr_scratch_buffers *scratch);
/* Workspace on the device until the end of the operation; object NULL when memory is out. */
tsr_place tsr_metal_scratch(tsr_run *run, size_t bytes);

/* ---- commands.m ---- */

tsr_commands *tsr_metal_commands_open(tsr_run *run, id<MTLDevice> device);
void tsr_metal_commands_close(tsr_commands *commands);
/* The operation whose dispatches come next. */
void tsr_metal_begin(tsr_run *run, const tsr_op *op);
/* Encodes a dispatch behind all earlier ones, under the predicate of op: the operation itself or a part of it. */
int32_t tsr_metal_run(tsr_run *run, const tsr_op *op, const tsr_dispatch *dispatch);
/* Starts what is encoded, waits for it, and brings results to the memory of the host. */
int32_t tsr_metal_settle(tsr_run *run);

/* ---- ops.m ---- */

extern const tsr_engine tsr_metal_engine;
/* Waits for the device and runs the CPU library's operation in the place of a kernel. */
int32_t tsr_metal_host(tsr_run *run, const tsr_op *op);

/* ---- selftest.m ---- */

/* Whether this GPU and its compiler compute as the kernels rely on; TSR_E_DEVICE with run->trouble otherwise. */
int32_t tsr_metal_selftest(tsr_run *run);
/* The names of what it checks, NULL behind the last. */
extern const char *const tsr_metal_checks[];

#endif
