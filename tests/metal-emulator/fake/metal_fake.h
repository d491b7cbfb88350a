// metal_fake.h: what tests ask of the fake Metal, by FFI or from C.
#pragma once
#include <stdint.h>

#define METAL_FAKE_API __attribute__((visibility("default")))

/* Writes lines of text, NUL-terminated, and returns their length: "misuse TEXT" for each finding since the last report,
 * "live CLASS COUNT" for each class with living objects, "ran COMMAND_BUFFERS DISPATCHES" since the start. */
METAL_FAKE_API int32_t metal_fake_report(char *text, uint32_t capacity);
/* Sets a switch by its name in the environment; NULL or "" is the standard value. -1: there is no such switch. */
METAL_FAKE_API int32_t metal_fake_set(const char *name, const char *value);
