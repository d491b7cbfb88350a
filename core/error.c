/* error.c: the text of the last error, kept per context and, for calls without a context of their own, per thread. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "internal.h"

static _Thread_local char thread_text[TSR_TEXT_BYTES];

int32_t tsr_fail(tsr_context *context, int32_t status, const char *format, ...) {
  char *text = context && context->owner == tsr_self() ? context->text : thread_text;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, TSR_TEXT_BYTES, format, arguments);
  va_end(arguments);
  return status;
}

int32_t tsr_error(uint32_t ctx, char *text, uint32_t capacity) {
  tsr_context *context = NULL;
  if (ctx != 0) {
    int32_t status = tsr_enter(ctx, &context);
    if (status != TSR_OK) return status;
  }
  if (!text) return tsr_fail(context, TSR_E_ARGUMENT, "error: no memory given for the text");
  if (capacity == 0) return tsr_fail(context, TSR_E_ARGUMENT, "error: a capacity of 0 has no room for a text");
  const char *source = context ? context->text : thread_text;
  size_t length = strlen(source);
  if (length > capacity - 1) length = capacity - 1;
  memcpy(text, source, length);
  text[length] = '\0';
  return TSR_OK;
}
