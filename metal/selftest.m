/* selftest.m: the self-test at opening: one small kernel that shows whether the lane layout of 8x8 matrices, exact
 * sums and products, and the comparison of NaN are what all kernels rely on. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include "kernels/selftest_args.h"
#include "metal.h"

static const char *const checks[] = {
    "the layout of 8x8 matrices in a SIMD-group", "the product of 8x8 matrices", "exact sums (is fast math on?)",
    "fused multiply-add", "the comparison of NaN"};
enum { CHECKS = sizeof checks / sizeof checks[0] };

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
  for (int i = 0; i < CHECKS; i++) {
    if (held[i] == 1) continue;
    char text[128];
    snprintf(text, sizeof text, "this GPU fails the self-test: %s", checks[i]);
    return tsr_metal_fail(run, text, nil);
  }
  return TSR_OK;
}
