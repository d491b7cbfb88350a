/* buffers.m: memory of the host as the device sees it, and workspace on the device.
 *
 * Memory is shared: the buffer lies in the caller's pages. Metal wants whole pages, which matrices of JavaScript and
 * tsr_alloc have; where it refuses, the buffer is a mirror, copied at the first use after the host may have written
 * and, what an operation wrote, back before the host may read. */
#import <Metal/Metal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "metal.h"

static const MTLResourceOptions OPTIONS = MTLResourceStorageModeShared | MTLResourceHazardTrackingModeUntracked;

typedef struct {
  id<MTLBuffer> buffer;
  void *base;
  size_t bytes;
  bool mirror;
} memory;

/* More than the GPU can keep resident would fail when it runs, not here. */
static bool fits(id<MTLDevice> device, size_t bytes) {
  return bytes <= [device maxBufferLength] &&
         [device currentAllocatedSize] + bytes <= [device recommendedMaxWorkingSetSize];
}

void *tsr_metal_attach(tsr_run *run, void *base, size_t bytes) {
  @autoreleasepool {
    id<MTLDevice> device = tsr_metal_of(run)->device;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
    memory *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (memory){nil, base, bytes, false};
    if (fits(device, whole) && (uintptr_t)base % page == 0)
      m->buffer = [device newBufferWithBytesNoCopy:base length:whole options:OPTIONS deallocator:nil];
    if (!m->buffer && fits(device, bytes)) {
      m->buffer = [device newBufferWithLength:bytes options:OPTIONS];
      m->mirror = true;
    }
    if (m->buffer) return m;
    free(m);
    return NULL;
  }
}

void tsr_metal_detach(void *object) {
  @autoreleasepool {
    memory *m = object;
    [m->buffer release];
    free(m);
  }
}

bool tsr_metal_mirrored(const void *object) { return ((const memory *)object)->mirror; }

id<MTLBuffer> tsr_metal_buffer(const void *object) { return ((const memory *)object)->buffer; }

void tsr_metal_upload(const void *object) {
  const memory *m = object;
  memcpy([m->buffer contents], m->base, m->bytes);
}

void tsr_metal_download(const tsr_view *view) {
  const memory *m = view->place.object;
  size_t size = view->type == TSR_F64 || view->type == TSR_DF32 ? 8 : 4;
  const char *from = (const char *)[m->buffer contents] + view->place.at;
  for (size_t i = 0; i < view->rows; i++)
    memcpy((char *)view->data + i * view->ld * size, from + i * view->ld * size, view->cols * size);
}

/* ---- workspace ---- */

enum { MOST_BLOCKS = 32, PLACE_BYTES = 256 };
static const size_t LEAST_BLOCK = (size_t)1 << 20;

/* Blocks, the newest last; each at least twice the one before, so that soon one is enough. Places are cut from the
 * newest; the others wait until the device has done what uses them. */
struct tsr_scratch_buffers {
  memory *block[MOST_BLOCKS];
  uint32_t count;
  size_t used; /* of the newest */
};

tsr_scratch_buffers *tsr_metal_scratch_open(void) { return calloc(1, sizeof(tsr_scratch_buffers)); }

void tsr_metal_scratch_reset(tsr_scratch_buffers *scratch, bool idle) {
  scratch->used = 0;
  if (!idle || scratch->count < 2) return;
  for (uint32_t i = 0; i + 1 < scratch->count; i++) tsr_metal_detach(scratch->block[i]);
  scratch->block[0] = scratch->block[scratch->count - 1];
  scratch->count = 1;
}

void tsr_metal_scratch_close(tsr_scratch_buffers *scratch) {
  for (uint32_t i = 0; i < scratch->count; i++) tsr_metal_detach(scratch->block[i]);
  free(scratch);
}

static bool add_block(tsr_metal *metal, size_t bytes) {
  tsr_scratch_buffers *scratch = metal->scratch;
  if (scratch->count == MOST_BLOCKS || !fits(metal->device, bytes)) return false;
  memory *m = calloc(1, sizeof *m);
  if (!m) return false;
  *m = (memory){[metal->device newBufferWithLength:bytes options:OPTIONS], NULL, bytes, false};
  if (!m->buffer) {
    free(m);
    return false;
  }
  scratch->block[scratch->count++] = m;
  scratch->used = 0;
  return true;
}

tsr_place tsr_metal_scratch(tsr_run *run, size_t bytes) {
  tsr_metal *metal = tsr_metal_of(run);
  tsr_scratch_buffers *scratch = metal->scratch;
  size_t have = scratch->count ? scratch->block[scratch->count - 1]->bytes : 0;
  size_t want = (bytes + PLACE_BYTES - 1) / PLACE_BYTES * PLACE_BYTES;
  if (scratch->count == 0 || want > have - scratch->used) {
    size_t next = want > 2 * have ? want : 2 * have;
    if (!add_block(metal, next > LEAST_BLOCK ? next : LEAST_BLOCK) && !add_block(metal, want))
      return (tsr_place){NULL, 0};
  }
  tsr_place place = {scratch->block[scratch->count - 1], scratch->used};
  scratch->used += want;
  return place;
}
