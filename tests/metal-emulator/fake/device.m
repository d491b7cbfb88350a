// The device of the fake and its memory: every buffer ends at a guard page, and memory that is not copied must lie on
// page boundaries.
#import "fake.h"
#include <Block.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static atomic_size_t allocated;
static const size_t largest = (size_t)1 << 36;

void fake_memory_release(fake_memory *memory) {
  if (atomic_fetch_sub(&memory->owners, 1) > 1) return;
  allocated -= memory->length;
  if (memory->mapped) munmap(memory->bytes, memory->mapped);
  if (memory->deallocator) {
    memory->deallocator(memory->bytes, memory->length);
    Block_release(memory->deallocator);
  }
  free(memory);
}

static EmulatedBuffer *make_buffer(void *bytes, size_t length, size_t mapped, MTLResourceOptions options) {
  EmulatedBuffer *buffer = [[EmulatedBuffer alloc] init];
  allocated += length;
  fake_memory *memory = buffer->memory = fake_allocate(sizeof *memory);
  memory->bytes = bytes;
  memory->length = length;
  memory->mapped = mapped;
  memory->untracked = options & MTLResourceHazardTrackingModeUntracked;
  memory->owners = 1;
  return buffer;
}

@implementation EmulatedBuffer
- (void *)contents {
  return memory->bytes;
}

- (NSUInteger)length {
  return memory->length;
}

- (void)dealloc {
  if (memory->bound) {
    fake_misuse("a buffer of %zu bytes was freed while commands that do not retain it were under way",
                memory->length);
  }
  fake_memory_release(memory);
  [super dealloc];
}
@end

@implementation EmulatedFence
@end

static bool options_known(MTLResourceOptions options) {
  const MTLResourceOptions known = MTLResourceHazardTrackingModeUntracked | MTLResourceHazardTrackingModeTracked;
  if (!(options & ~known)) return true;
  fake_misuse("resource options %lu: the fake knows shared buffers only", (unsigned long)options);
  return false;
}

@implementation EmulatedDevice
- (NSString *)name {
  return [NSString stringWithUTF8String:"Emulated Metal"];
}

- (BOOL)supportsFamily:(MTLGPUFamily)family {
  long best = fake_number(FAKE_FAMILY);
  if (family == MTLGPUFamilyMetal3) return best >= MTLGPUFamilyApple7;
  return family > 1000 && family < 2000 && family <= best;
}

- (BOOL)hasUnifiedMemory {
  return YES;
}

- (NSUInteger)maxBufferLength {
  return largest;
}

- (NSUInteger)maxThreadgroupMemoryLength {
  return EMULATOR_THREADGROUP_BYTES;
}

- (uint64_t)recommendedMaxWorkingSetSize {
  uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  uint64_t most = (uint64_t)fake_number(FAKE_MEMORY);
  return memory < most ? memory : most;
}

- (NSUInteger)currentAllocatedSize {
  return allocated;
}

- (id<MTLCommandQueue>)newCommandQueue {
  return [self newCommandQueueWithMaxCommandBufferCount:64];
}

- (id<MTLCommandQueue>)newCommandQueueWithMaxCommandBufferCount:(NSUInteger)count {
  return [[EmulatedQueue alloc] initWithLimit:count];
}

- (id<MTLFence>)newFence {
  return [[EmulatedFence alloc] init];
}

- (id<MTLBuffer>)newBufferWithLength:(NSUInteger)length options:(MTLResourceOptions)options {
  if (!options_known(options)) return nil;
  if (length == 0 || length > largest) {
    fake_misuse("newBufferWithLength: %lu (1 to maxBufferLength is allowed)", length);
    return nil;
  }
  if (allocated + length > (size_t)fake_number(FAKE_MEMORY)) return nil;
  size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (length + page - 1) / page * page, mapped = inside + page;
  char *bytes = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (bytes == MAP_FAILED) return nil;
  mprotect(bytes + inside, page, PROT_NONE);
  return make_buffer(bytes, length, mapped, options);
}

- (id<MTLBuffer>)newBufferWithBytesNoCopy:(void *)bytes
                                   length:(NSUInteger)length
                                  options:(MTLResourceOptions)options
                              deallocator:(void (^)(void *, NSUInteger))deallocator {
  size_t page = (size_t)fake_number(FAKE_PAGE);
  if (!options_known(options) || !fake_number(FAKE_NOCOPY)) return nil;
  if (!bytes || !length || (uintptr_t)bytes % page || length % page || length > largest) return nil;
  EmulatedBuffer *buffer = make_buffer(bytes, length, 0, options);
  if (deallocator) buffer->memory->deallocator = Block_copy(deallocator);
  return buffer;
}

- (id<MTLLibrary>)newLibraryWithSource:(NSString *)source options:(MTLCompileOptions *)options error:(NSError **)error {
  return fake_library(source, options, error);
}

- (id<MTLComputePipelineState>)newComputePipelineStateWithFunction:(id<MTLFunction>)function error:(NSError **)error {
  return fake_pipeline((EmulatedFunction *)function, error);
}
@end

FAKE_EXPORT id<MTLDevice> MTLCreateSystemDefaultDevice(void) {
  return fake_number(FAKE_DEVICES) ? [[EmulatedDevice alloc] init] : nil;
}

FAKE_EXPORT NSArray *MTLCopyAllDevices(void) {
  NSArray *all = [[NSArray alloc] init];
  all->size = fake_number(FAKE_DEVICES) ? 1 : 0;
  all->items = fake_allocate(sizeof(id));
  if (all->size) all->items[0] = [[EmulatedDevice alloc] init];
  return all;
}
