// The compute encoder of the fake: checks every call as Metal's own validation layer would, and copies each dispatch
// into its command buffer.
#import "fake.h"
#include <stdlib.h>
#include <string.h>

fake_binding fake_bind_again(fake_binding binding) {
  if (binding.memory) {
    binding.memory->owners++;
    if (!binding.buffer) binding.memory->bound++;
    [binding.buffer retain];
  } else if (binding.bytes) {
    binding.bytes = memcpy(fake_allocate(binding.length), binding.bytes, binding.length);
  }
  return binding;
}

void fake_unbind(fake_binding *binding) {
  if (binding->memory) {
    if (!binding->buffer) binding->memory->bound--;
    [binding->buffer release];
    fake_memory_release(binding->memory);
  } else {
    free(binding->bytes);
  }
  *binding = (fake_binding){0};
}

@implementation EmulatedEncoder
- (id)initIn:(EmulatedCommands *)owner concurrent:(bool)unordered {
  commands = [owner retain];
  concurrent = unordered;
  place = owner->encoders - 1;
  barrier = owner->count;
  return self;
}

/* Whether a call comes in time; otherwise it is a misuse, and must have no effect. */
- (bool)ready:(const char *)call {
  if (over) fake_misuse("%s after endEncoding", call);
  else if (commands->state) fake_misuse("%s after commit", call);
  return !over && !commands->state;
}

- (bool)ready:(const char *)call at:(NSUInteger)index {
  if (index >= FAKE_BINDINGS) fake_misuse("%s at index %lu: 30 is the last", call, index);
  return [self ready:call] && index < FAKE_BINDINGS;
}

- (void)dealloc {
  if (!over) fake_misuse("an encoder was freed without endEncoding");
  if (commands->open == self) commands->open = nil;
  for (int i = 0; i < FAKE_BINDINGS; i++) fake_unbind(&next.binding[i]);
  [next.pipeline release];
  [commands release];
  [super dealloc];
}

- (void)endEncoding {
  if (![self ready:"endEncoding"]) return;
  over = true;
  commands->open = nil;
}

- (void)setComputePipelineState:(id<MTLComputePipelineState>)state {
  if (!state) fake_misuse("setComputePipelineState: nil");
  if (![self ready:"setComputePipelineState"] || !state) return;
  [state retain];
  [next.pipeline release];
  next.pipeline = (EmulatedPipeline *)state;
}

- (void)setBytes:(const void *)bytes length:(NSUInteger)length atIndex:(NSUInteger)index {
  if (![self ready:"setBytes" at:index]) return;
  if (length == 0 || length > FAKE_BYTES) {
    fake_misuse("setBytes of %lu bytes at index %lu: 1 to 4096 are allowed", length, index);
    return;
  }
  fake_unbind(&next.binding[index]);
  next.binding[index] = fake_bind_again((fake_binding){(void *)bytes, length, NULL, nil});
}

- (void)setBuffer:(id<MTLBuffer>)given offset:(NSUInteger)offset atIndex:(NSUInteger)index {
  if (![self ready:"setBuffer" at:index]) return;
  EmulatedBuffer *buffer = (EmulatedBuffer *)given;
  if (buffer && offset >= buffer->memory->length) {
    fake_misuse("setBuffer at index %lu: offset %lu in a buffer of %zu bytes", index, offset, buffer->memory->length);
    return;
  }
  if (offset % 4) {
    fake_misuse("setBuffer at index %lu: offset %lu is not a multiple of 4", index, offset);
    return;
  }
  fake_binding old = next.binding[index], now = {0};
  if (buffer) {
    now = (fake_binding){buffer->memory->bytes + offset, buffer->memory->length - offset, buffer->memory,
                         commands->retains ? buffer : nil};
  }
  next.binding[index] = fake_bind_again(now);
  fake_unbind(&old);
}

- (void)setThreadgroupMemoryLength:(NSUInteger)length atIndex:(NSUInteger)index {
  if (![self ready:"setThreadgroupMemoryLength" at:index]) return;
  if (length % 16 || length > EMULATOR_THREADGROUP_BYTES) {
    fake_misuse("threadgroup memory of %lu bytes: a multiple of 16, at most 32768, is allowed", length);
    return;
  }
  next.local[index] = (uint32_t)length;
}

- (bool)fits:(MTLSize)groups threads:(MTLSize)threads {
  if (!next.pipeline) {
    fake_misuse("a dispatch without a pipeline");
    return false;
  }
  const char *name = next.pipeline->function->kernel->name;
  NSUInteger count = threads.width * threads.height * threads.depth;
  NSUInteger most = [next.pipeline maxTotalThreadsPerThreadgroup];
  if (count == 0 || count > most) {
    fake_misuse("%s: %lu threads in a group, the pipeline's maximum is %lu", name, count, most);
    return false;
  }
  if (!groups.width || !groups.height || !groups.depth || (groups.width | groups.height | groups.depth) >> 32) {
    fake_misuse("%s: a grid of %lu x %lu x %lu groups", name, groups.width, groups.height, groups.depth);
    return false;
  }
  return fake_dispatch_complete(&next);
}

/* In a concurrent encoder two dispatches may share a buffer only across a barrier. The fake does not know what a kernel
 * writes, so a buffer that both only read is reported too. */
- (void)compare:(const fake_dispatch *)now {
  for (int d = concurrent ? barrier : commands->count; d < commands->count; d++) {
    for (int i = 0; i < FAKE_BINDINGS * FAKE_BINDINGS; i++) {
      const fake_memory *mine = now->binding[i % FAKE_BINDINGS].memory;
      if (!mine || mine != commands->dispatches[d].binding[i / FAKE_BINDINGS].memory) continue;
      fake_misuse("%s shares a buffer with %s, an earlier dispatch of a concurrent encoder, without a barrier",
                  now->pipeline->function->kernel->name, commands->dispatches[d].pipeline->function->kernel->name);
      return;
    }
  }
}

- (void)dispatchThreadgroups:(MTLSize)groups threadsPerThreadgroup:(MTLSize)threads {
  if (![self ready:"dispatchThreadgroups"] || ![self fits:groups threads:threads]) return;
  fake_dispatch now = next;
  now.encoder = place;
  for (int i = 0; i < FAKE_BINDINGS; i++) now.binding[i] = fake_bind_again(next.binding[i]);
  [now.pipeline retain];
  now.groups[0] = (uint32_t)groups.width, now.groups[1] = (uint32_t)groups.height;
  now.groups[2] = (uint32_t)groups.depth;
  now.threads[0] = (uint32_t)threads.width, now.threads[1] = (uint32_t)threads.height;
  now.threads[2] = (uint32_t)threads.depth;
  [self compare:&now];
  commands->dispatches = fake_grow(commands->dispatches, commands->count, sizeof now);
  commands->dispatches[commands->count++] = now;
}

- (void)memoryBarrierWithScope:(MTLBarrierScope)scope {
  if (scope != MTLBarrierScopeBuffers) fake_misuse("memoryBarrierWithScope: %lu", (unsigned long)scope);
  if ([self ready:"memoryBarrierWithScope"]) barrier = commands->count;
}

- (void)updateFence:(id<MTLFence>)fence {
  if (![self ready:"updateFence"]) return;
  const fake_order *own = &commands->orders[place];
  ((EmulatedFence *)fence)->covers = own->sees + 1 == own->number ? own->number : own->sees;
}

- (void)waitForFence:(id<MTLFence>)fence {
  if (![self ready:"waitForFence"]) return;
  fake_order *own = &commands->orders[place];
  uint64_t covers = ((EmulatedFence *)fence)->covers;
  if (covers > own->sees) own->sees = covers;
}
@end
