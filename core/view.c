/* view.c: from a descriptor to memory: bounds, reserved words, overlap; and the two copies: write and read. */
#include <string.h>
#include "internal.h"

static int32_t check_words(tsr_context *context, const char *op, const char *name, const uint32_t *w) {
  if (w[TSR_VIEW_TYPE] > TSR_U32) {
    return tsr_fail(context, TSR_E_TYPE, "%s: %s has type %u; types are 0 to %d", op, name, w[TSR_VIEW_TYPE],
                    TSR_U32);
  }
  if (w[TSR_VIEW_TRANS] > 1) {
    return tsr_fail(context, TSR_E_ARGUMENT, "%s: %s has trans %u; it must be 0 or 1", op, name, w[TSR_VIEW_TRANS]);
  }
  if (w[TSR_VIEW_BATCH] != 1) {
    return tsr_fail(context, TSR_E_ARGUMENT, "%s: %s has batch %u; it must be 1", op, name, w[TSR_VIEW_BATCH]);
  }
  if (w[TSR_VIEW_STRIDE_LOW] || w[TSR_VIEW_STRIDE_HIGH] || w[TSR_VIEW_FLAGS]) {
    return tsr_fail(context, TSR_E_ARGUMENT, "%s: %s has a batch stride or flags; they must be 0", op, name);
  }
  if (w[TSR_VIEW_LD] < w[TSR_VIEW_COLS]) {
    return tsr_fail(context, TSR_E_BOUNDS,
                    "%s: %s is %ux%u as stored, its leading dimension %u is less than its %u columns", op, name,
                    w[TSR_VIEW_ROWS], w[TSR_VIEW_COLS], w[TSR_VIEW_LD], w[TSR_VIEW_COLS]);
  }
  return TSR_OK;
}

int32_t tsr_resolve(tsr_context *context, const char *op, const char *name, const uint32_t *w, tsr_view *view) {
  if (!w) return tsr_fail(context, TSR_E_ARGUMENT, "%s: %s has no view (a detached array?)", op, name);
  int32_t status = check_words(context, op, name, w);
  if (status != TSR_OK) return status;
  uint64_t rows = w[TSR_VIEW_ROWS], cols = w[TSR_VIEW_COLS], ld = w[TSR_VIEW_LD];
  *view = (tsr_view){NULL, rows, cols, ld, w[TSR_VIEW_TRANS] == 1, w[TSR_VIEW_TYPE], {NULL, 0}};
  bool empty = rows == 0 || cols == 0;
  if (empty && w[TSR_VIEW_BUFFER] == 0) return TSR_OK;
  const tsr_slot *slot = tsr_buffer(context, w[TSR_VIEW_BUFFER]);
  if (!slot) {
    return tsr_fail(context, TSR_E_HANDLE, "%s: %s lies in 0x%08x, which is no live buffer of this context", op, name,
                    w[TSR_VIEW_BUFFER]);
  }
  if (empty) return TSR_OK;
  uint32_t shift = tsr_element_shift(view->type);
  uint64_t offset = (uint64_t)w[TSR_VIEW_OFFSET_HIGH] << 32 | w[TSR_VIEW_OFFSET_LOW];
  uint64_t extent = (rows - 1) * ld + cols; /* below 2^64 for any u32 */
  uint64_t capacity = slot->bytes >> shift;
  if (offset > capacity || extent > capacity - offset) {
    return tsr_fail(context, TSR_E_BOUNDS, "%s: %s needs elements %llu to %llu + %llu of a buffer of %llu", op, name,
                    (unsigned long long)offset, (unsigned long long)offset, (unsigned long long)extent,
                    (unsigned long long)capacity);
  }
  view->data = slot->base + (offset << shift);
  if (slot->memory) view->place = (tsr_place){slot->memory->object, offset << shift};
  if ((uintptr_t)view->data & (view->type == TSR_F64 ? sizeof(double) - 1 : sizeof(float) - 1)) {
    return tsr_fail(context, TSR_E_ARGUMENT, "%s: %s holds float64 numbers at an address that is no multiple of 8",
                    op, name);
  }
  return TSR_OK;
}

/* ---- overlap ---- */

/* The rows of a view as byte ranges [start + i*pitch, + width), i < rows; contiguous rows count as one. */
typedef struct {
  uintptr_t start;
  size_t rows, pitch, width;
} span;

static span span_of(const tsr_view *v) {
  uint32_t shift = tsr_element_shift(v->type);
  span s = {(uintptr_t)v->data, v->rows, v->ld << shift, v->cols << shift};
  if (s.rows > 1 && s.pitch == s.width) s = (span){s.start, 1, s.width * s.rows, s.width * s.rows};
  return s;
}

/* Two blocks of one matrix, a not behind b: their distance is q rows and r bytes, and b may run over the end of a row
 * of a. */
static bool rectangles_overlap(const span *a, const span *b) {
  size_t q = (b->start - a->start) / a->pitch, r = (b->start - a->start) % a->pitch;
  return (q < a->rows && r < a->width) || (q + 1 < a->rows && r + b->width > a->pitch);
}

/* For each row of a, the last row of b that begins before its end must not reach into it. */
static bool rows_overlap(const span *a, const span *b) {
  for (size_t i = 0; i < a->rows; i++) {
    uintptr_t start = a->start + i * a->pitch, end = start + a->width;
    if (end <= b->start) continue;
    size_t k = (end - 1 - b->start) / b->pitch;
    if (k >= b->rows) k = b->rows - 1;
    if (b->start + k * b->pitch + b->width > start) return true;
  }
  return false;
}

bool tsr_spans_overlap(const tsr_view *x, const tsr_view *y) {
  bool ordered = (uintptr_t)x->data <= (uintptr_t)y->data;
  span a = span_of(ordered ? x : y), b = span_of(ordered ? y : x);
  if (a.rows == 1 || b.rows == 1 || a.pitch != b.pitch)
    return a.rows <= b.rows ? rows_overlap(&a, &b) : rows_overlap(&b, &a);
  return rectangles_overlap(&a, &b);
}

/* ---- copies ---- */

static int32_t begin_copy(uint32_t ctx, const char *op, const uint32_t *A, const void *memory, uint32_t ld,
                          tsr_view *view) {
  tsr_context *context;
  int32_t status = tsr_enter(ctx, &context);
  if (status != TSR_OK) return status;
  status = tsr_resolve(context, op, "A", A, view);
  if (status != TSR_OK) return status;
  if (view->trans) return tsr_fail(context, TSR_E_ARGUMENT, "%s: A must not be transposed", op);
  if (ld < view->cols) {
    return tsr_fail(context, TSR_E_BOUNDS, "%s: the leading dimension %u is less than the %zu columns of A", op, ld,
                    view->cols);
  }
  if (!memory && view->data)
    return tsr_fail(context, TSR_E_ARGUMENT, "%s: no memory given for A (a detached array?)", op);
  tsr_queue_idle(&context->queue);
  return TSR_OK;
}

static void copy_rows(void *target, size_t target_ld, const void *source, size_t source_ld, const tsr_view *v) {
  if (!v->data) return;
  size_t size = (size_t)1 << tsr_element_shift(v->type);
  for (size_t i = 0; i < v->rows; i++) {
    memmove((char *)target + i * target_ld * size, (const char *)source + i * source_ld * size, v->cols * size);
  }
}

int32_t tsr_write(uint32_t ctx, const uint32_t *A, const void *source, uint32_t ld) {
  tsr_view view;
  int32_t status = begin_copy(ctx, "write", A, source, ld, &view);
  if (status == TSR_OK) copy_rows(view.data, view.ld, source, ld, &view);
  return status;
}

int32_t tsr_read(uint32_t ctx, const uint32_t *A, void *target, uint32_t ld) {
  tsr_view view;
  int32_t status = begin_copy(ctx, "read", A, target, ld, &view);
  if (status == TSR_OK) copy_rows(target, ld, view.data, view.ld, &view);
  return status;
}
