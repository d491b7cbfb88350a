/* selftest.m: the self-test at opening: one small kernel that shows whether the lane layout of 8x8 matrices, exact
 * sums and products, and the comparison of NaN are what all kernels rely on. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "kernels/selftest_args.h"
#include "metal.h"

const char *const tsr_metal_checks[] = {
    "the layout of 8x8 matrices in a SIMD-group", "the product of 8x8 matrices", "exact sums (is fast math on?)",
    "fused multiply-add", "the comparison of NaN", NULL};
enum { CHECKS = sizeof tsr_metal_checks / sizeof tsr_metal_checks[0] - 1 };

int32_t tsr_metal_selftest(tsr_run *run) {
  static const atomic_uint never;
  static const struct selftest_args args = {1, 0x1p-30f, 1 + 0x1p-23f, 1 + 0x1p-22f, 0x1p-46f, NAN};
  tsr_op op = {.id = TSR_OP_COUNT};
  run->canceled = &never;
  tsr_metal_begin(run, &op);
  tsr_place holds = tsr_metal_scratch(run, CHECKS * sizeof(uint32_t));
  if (!holds.object) return TSR_E_MEMORY;
  tsr_dispatch d = {.kernel = "selftest", .args = &args, .args_bytes = sizeof args, .operand = {holds},
                    .operands = 1, .groups = {1, 1, 1}, .threads = 32, .cost = 1};
  int32_t status = tsr_metal_run(run, &op, &d);
  if (status == TSR_OK) status = tsr_metal_settle(run);
  if (status != TSR_OK) return status;
  const uint32_t *held = (const uint32_t *)(const void *)((const char *)[tsr_metal_buffer(holds.object) contents] +
                                                          holds.at);
  char text[320] = "";
  for (int i = 0; i < CHECKS; i++) {
    size_t length = strlen(text);
    if (held[i] != 1)
      snprintf(text + length, sizeof text - length, "%s%s", length ? "; " : "this GPU fails the self-test: ",
               tsr_metal_checks[i]);
  }
  return text[0] ? tsr_metal_fail(run, text, nil) : TSR_OK;
}
