/* pipelines.m: the kernels' text, compiled when a device is opened, and a pipeline for each kernel and its function
 * constants, made at the first use. */
#import <Metal/Metal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "metal.h"

/* metal/kernels, all of it, as one text. */
static const char source[] = {
#include "kernels.inc"
    , 0};

enum { MOST_PIPELINES = 512 };

typedef struct {
  const char *kernel;
  uint32_t constants[TSR_METAL_CONSTANTS];
  id<MTLComputePipelineState> state;
} pipeline;

struct tsr_pipelines {
  id<MTLDevice> device;
  id<MTLLibrary> library;
  uint32_t count;
  pipeline made[MOST_PIPELINES];
};

/* No fast math: the kernels rely on IEEE comparison of NaN, on exact two-sums and on fma. */
static MTLCompileOptions *compile_options(void) {
  MTLCompileOptions *options = [[[MTLCompileOptions alloc] init] autorelease];
  if ([options respondsToSelector:@selector(setMathMode:)]) [options setMathMode:MTLMathModeSafe];
  else [options setFastMathEnabled:NO];
  [options setLanguageVersion:MTLLanguageVersion3_1];
  return options;
}

tsr_pipelines *tsr_metal_pipelines_open(tsr_run *run, id<MTLDevice> device) {
  tsr_pipelines *pipelines = calloc(1, sizeof *pipelines);
  if (!pipelines) {
    tsr_metal_fail(run, "no memory for the table of kernels", nil);
    return NULL;
  }
  NSError *error = nil;
  NSString *text = [NSString stringWithUTF8String:source];
  pipelines->device = device;
  pipelines->library = [device newLibraryWithSource:text options:compile_options() error:&error];
  if (pipelines->library) return pipelines;
  tsr_metal_fail(run, "the kernels do not compile", error);
  free(pipelines);
  return NULL;
}

void tsr_metal_pipelines_close(tsr_pipelines *pipelines) {
  for (uint32_t i = 0; i < pipelines->count; i++) [pipelines->made[i].state release];
  [pipelines->library release];
  free(pipelines);
}

static id<MTLComputePipelineState> find(const tsr_pipelines *pipelines, const tsr_dispatch *d) {
  for (uint32_t i = 0; i < pipelines->count; i++) {
    const pipeline *p = &pipelines->made[i];
    if (strcmp(p->kernel, d->kernel) == 0 && memcmp(p->constants, d->constants, sizeof p->constants) == 0)
      return p->state;
  }
  return nil;
}

/* What went wrong with a kernel, by name and constants. */
static void fail_for(tsr_run *run, const tsr_dispatch *d, const char *what, NSError *error) {
  char text[160];
  snprintf(text, sizeof text, "kernel %s (%u %u %u %u): %s", d->kernel, d->constants[0], d->constants[1],
           d->constants[2], d->constants[3], what);
  tsr_metal_fail(run, text, error);
}

static id<MTLComputePipelineState> make(tsr_run *run, const tsr_pipelines *pipelines, const tsr_dispatch *d) {
  NSError *error = nil;
  MTLFunctionConstantValues *values = [[[MTLFunctionConstantValues alloc] init] autorelease];
  for (uint32_t i = 0; i < d->constant_count; i++)
    [values setConstantValue:&d->constants[i] type:MTLDataTypeUInt atIndex:d->first_constant + i];
  NSString *name = [NSString stringWithUTF8String:d->kernel];
  id<MTLFunction> function = [pipelines->library newFunctionWithName:name constantValues:values error:&error];
  if (!function) {
    fail_for(run, d, "not in the library", error);
    return nil;
  }
  id<MTLComputePipelineState> state = [pipelines->device newComputePipelineStateWithFunction:function error:&error];
  [function release];
  if (!state) fail_for(run, d, "no pipeline", error);
  return state;
}

id<MTLComputePipelineState> tsr_metal_pipeline(tsr_run *run, const tsr_dispatch *d) {
  tsr_pipelines *pipelines = tsr_metal_of(run)->pipelines;
  id<MTLComputePipelineState> state = find(pipelines, d);
  if (state) return state;
  if (pipelines->count == MOST_PIPELINES) {
    fail_for(run, d, "the table of pipelines is full", nil);
    return nil;
  }
  state = make(run, pipelines, d);
  if (!state) return nil;
  if ([state maxTotalThreadsPerThreadgroup] < d->threads || [state threadExecutionWidth] != 32) {
    fail_for(run, d, "this GPU gives it too few threads", nil);
    [state release];
    return nil;
  }
  pipeline *p = &pipelines->made[pipelines->count++];
  p->kernel = d->kernel;
  memcpy(p->constants, d->constants, sizeof p->constants);
  p->state = state;
  return state;
}
