// A host that misuses Metal, once in each way that the fake must notice; and one that does everything right.
#import <Metal/Metal.h>
#include <stdbool.h>
#include <string.h>

#define MISUSE_API __attribute__((visibility("default")))

static id<MTLDevice> device;
static id<MTLCommandQueue> queue;
static id<MTLComputePipelineState> pipeline;
static id<MTLBuffer> x;
static id<MTLFence> fence;
static const MTLResourceOptions UNTRACKED = MTLResourceHazardTrackingModeUntracked;

static void bind_to(id<MTLComputeCommandEncoder> encoder) {
  const float value = 2;
  [encoder setComputePipelineState:pipeline];
  [encoder setBytes:&value length:sizeof value atIndex:0];
  [encoder setBuffer:x offset:0 atIndex:1];
  [encoder setThreadgroupMemoryLength:128 atIndex:0];
}

static void dispatch(id<MTLComputeCommandEncoder> encoder, NSUInteger groups, NSUInteger threads) {
  [encoder dispatchThreadgroups:MTLSizeMake(groups, 1, 1) threadsPerThreadgroup:MTLSizeMake(threads, 1, 1)];
}

static id<MTLCommandBuffer> commands;
static id<MTLComputeCommandEncoder> encoder;

static void begin(MTLDispatchType type) {
  commands = [queue commandBuffer];
  encoder = [commands computeCommandEncoderWithDispatchType:type];
  bind_to(encoder);
}

static void finish(void) {
  [encoder endEncoding];
  [commands commit];
  [commands waitUntilCompleted];
}

static bool worked;

static void all_right(void) {
  __block bool told = false;
  begin(MTLDispatchTypeConcurrent);
  [encoder waitForFence:fence];
  dispatch(encoder, 2, 32);
  [encoder memoryBarrierWithScope:MTLBarrierScopeBuffers];
  dispatch(encoder, 2, 32);
  [encoder updateFence:fence];
  [commands addCompletedHandler:^(id<MTLCommandBuffer> done) {
    told = [done status] == MTLCommandBufferStatusCompleted;
  }];
  finish();
  const float *numbers = [x contents];
  worked = told && numbers[0] == 9 && numbers[63] == 9;
}

static void after_end(void) {
  begin(MTLDispatchTypeSerial);
  [encoder endEncoding];
  dispatch(encoder, 1, 32);
}

static void after_commit(void) {
  begin(MTLDispatchTypeSerial);
  finish();
  [commands computeCommandEncoder];
}

static void open_at_commit(void) {
  begin(MTLDispatchTypeSerial);
  [commands commit];
  [commands waitUntilCompleted];
}

static void never_ended(void) { begin(MTLDispatchTypeSerial); }

static void two_encoders(void) {
  begin(MTLDispatchTypeSerial);
  [commands computeCommandEncoder];
  [encoder endEncoding];
}

static void two_commits(void) {
  begin(MTLDispatchTypeSerial);
  finish();
  [commands commit];
}

static void wait_first(void) { [[queue commandBuffer] waitUntilCompleted]; }

static void late_handler(void) {
  begin(MTLDispatchTypeSerial);
  finish();
  [commands addCompletedHandler:^(id<MTLCommandBuffer> done) { (void)done; }];
}

static void no_barrier(void) {
  begin(MTLDispatchTypeConcurrent);
  dispatch(encoder, 1, 32);
  dispatch(encoder, 1, 32);
  [encoder endEncoding];
}

static void no_fence(void) {
  begin(MTLDispatchTypeSerial);
  dispatch(encoder, 1, 32);
  [encoder endEncoding];
  encoder = [commands computeCommandEncoder];
  bind_to(encoder);
  dispatch(encoder, 1, 32);
  finish();
}

/* One encoder with one wrong call between its bindings and its end. */
#define WRONG_CALL(name, call)      \
  static void name(void) {          \
    begin(MTLDispatchTypeSerial);   \
    call;                           \
    [encoder endEncoding];          \
  }
static char page[8192];
WRONG_CALL(large_bytes, [encoder setBytes:page length:4097 atIndex:0])
WRONG_CALL(no_bytes, [encoder setBytes:page length:0 atIndex:0])
WRONG_CALL(odd_offset, [encoder setBuffer:x offset:2 atIndex:1])
WRONG_CALL(far_offset, [encoder setBuffer:x offset:256 atIndex:1])
WRONG_CALL(high_index, [encoder setBuffer:x offset:0 atIndex:31])
WRONG_CALL(odd_memory, [encoder setThreadgroupMemoryLength:24 atIndex:0])
WRONG_CALL(large_memory, [encoder setThreadgroupMemoryLength:32784 atIndex:0])
WRONG_CALL(many_threads, dispatch(encoder, 1, 1056))
WRONG_CALL(no_groups, dispatch(encoder, 0, 32))
WRONG_CALL(no_buffer, ([encoder setBuffer:nil offset:0 atIndex:1], dispatch(encoder, 1, 32)))
WRONG_CALL(nil_pipeline, [encoder setComputePipelineState:nil])

static void no_pipeline(void) {
  commands = [queue commandBuffer];
  encoder = [commands computeCommandEncoder];
  dispatch(encoder, 1, 32);
  [encoder endEncoding];
}

static void over_release(void) {
  id<MTLBuffer> buffer = [device newBufferWithLength:64 options:UNTRACKED];
  [buffer release];
  [buffer release];
}

static void dead_object(void) {
  id<MTLBuffer> buffer = [device newBufferWithLength:64 options:UNTRACKED];
  [buffer release];
  [buffer contents];
}

static void freed_early(void) {
  id<MTLBuffer> keep = x;
  x = [device newBufferWithLength:256 options:UNTRACKED];
  commands = [queue commandBufferWithUnretainedReferences];
  encoder = [commands computeCommandEncoder];
  bind_to(encoder);
  dispatch(encoder, 1, 32);
  [x release];
  x = keep;
  finish();
}

static void empty_buffer(void) { [device newBufferWithLength:0 options:UNTRACKED]; }

static void fast_math(void) {
  MTLCompileOptions *options = [[[MTLCompileOptions alloc] init] autorelease];
  [device newLibraryWithSource:[NSString stringWithUTF8String:"other"] options:options error:NULL];
}

static void all_buffers(void) {
  id<MTLCommandQueue> small = [device newCommandQueueWithMaxCommandBufferCount:2];
  for (int i = 0; i < 3; i++) [small commandBuffer];
  [small release];
}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
#define CASE(name) {#name, name}
    CASE(all_right), CASE(after_end), CASE(after_commit), CASE(open_at_commit), CASE(never_ended), CASE(two_encoders),
    CASE(two_commits), CASE(wait_first), CASE(late_handler), CASE(no_barrier), CASE(no_fence), CASE(large_bytes),
    CASE(no_bytes), CASE(odd_offset), CASE(far_offset), CASE(high_index), CASE(odd_memory), CASE(large_memory),
    CASE(many_threads), CASE(no_groups), CASE(no_buffer), CASE(nil_pipeline), CASE(no_pipeline), CASE(over_release),
    CASE(dead_object), CASE(freed_early), CASE(empty_buffer), CASE(fast_math), CASE(all_buffers),
};

/* Opens the device with the text of fill.metal; 0, or the number of the step that failed. */
MISUSE_API int32_t misuse_open(const char *text) {
  @autoreleasepool {
    const uint32_t offset = 7;
    device = MTLCreateSystemDefaultDevice();
    queue = [device newCommandQueue];
    fence = [device newFence];
    x = [device newBufferWithLength:256 options:UNTRACKED];
    MTLCompileOptions *options = [[[MTLCompileOptions alloc] init] autorelease];
    [options setMathMode:MTLMathModeSafe];
    NSError *error = nil;
    id<MTLLibrary> library = [device newLibraryWithSource:[NSString stringWithUTF8String:text] options:options
                                                    error:&error];
    if (!library) return 1;
    MTLFunctionConstantValues *values = [[[MTLFunctionConstantValues alloc] init] autorelease];
    [values setConstantValue:&offset type:MTLDataTypeUInt atIndex:0];
    id<MTLFunction> fill = [library newFunctionWithName:[NSString stringWithUTF8String:"fill"] constantValues:values
                                                  error:&error];
    [library release];
    if (!fill) return 2;
    pipeline = [device newComputePipelineStateWithFunction:fill error:&error];
    [fill release];
    return pipeline ? 0 : 3;
  }
}

MISUSE_API int32_t misuse_close(void) {
  [x release];
  [fence release];
  [pipeline release];
  [queue release];
  [device release];
  return 0;
}

/* Runs the case of that name; -1 where there is none, 1 where all_right got its numbers. "no_pool" has its own way,
 * without a pool. */
MISUSE_API int32_t misuse_run(const char *name) {
  if (strcmp(name, "no_pool") == 0) {
    [NSString stringWithUTF8String:"kept for ever"];
    return 0;
  }
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (strcmp(name, cases[i].name)) continue;
    worked = false;
    @autoreleasepool { cases[i].run(); }
    return worked;
  }
  return -1;
}
