/* products.h: how sums of products are carried over parts of K and written to C.
 *
 * u = 2^-24, |A||B| is the sum of the absolute products. The contract is an error of at most
 *     (chain + ceil(log2(ceil(K/chain))) + 2) u |A||B|,  chain = 256 or 32: the budget.
 * A chain of L steps of K in a matrix accumulator, from 0 on, rounds each product at most L times, fused or not. What
 * follows depends on GEMM_FOLD; the host (product_plan) takes the first that keeps the budget.
 *
 * FOLD_NONE     L = K. The last step (below) rounds once more: L + 1.
 * FOLD_PLAIN    n = ceil(K/L) chains are added up one after the other; the first addition is exact: L + (n-1) + 1. The
 *               best L is near sqrt(K), so this keeps the budget up to K = 17536 with chain 256, 352 with chain 32 (160
 *               where 32 steps are staged at a time).
 * FOLD_EXACT    g chains are added up plainly, and that group is added to a pair hi + lo: hi by two-sum, whose error is
 *               exact, lo plainly. |each error| <= u |A||B|, so after F = ceil(K/(L g)) groups lo is off by at most
 *               F^2 u^2 |A||B|, which is u |A||B| at F = 4096. L + (g-1) + 1 + 1.
 * Parts of K    (split K, gemv) are stored as floats, one more rounding where they were pairs, and added as pairs in
 *               their order: one u more for P^2 u^2 |A||B|, P <= 4096.
 * Last step     alpha (hi + lo) + beta C with both factors as pairs: products by fma, their errors carried, so that
 *               all of it is rounded once; the rest is of order u^2. */
#ifndef TSR_PRODUCTS_H
#define TSR_PRODUCTS_H
#include "df32.h"
#include "gemm_args.h"
#pragma METAL fp contract(off)

constant uint GEMM_FOLD [[function_constant(10)]];
constant uint GEMM_TRIANGLE [[function_constant(11)]];

constant constexpr uint FOLD_NONE = 0u;
constant constexpr uint FOLD_EXACT = 2u;

constant constexpr uint TRIANGLE_LOWER = 1u;
constant constexpr uint TRIANGLE_UPPER = 2u;

/* hi + lo += x. Where hi is no longer finite, lo means nothing. */
inline void product_add(thread float &hi, thread float &lo, float x) {
  const float2 sum = df_two_sum(hi, x);
  hi = sum.x;
  lo = lo + sum.y;
}

/* hi + lo as one float. */
inline float product_sum(float hi, float lo) {
  const float sum = hi + lo;
  return isfinite(hi) ? sum : hi;
}

/* *c = alpha (hi + lo) + beta *c. */
inline void product_store(constant product_scale &scale, float hi, float lo, device float *c) {
  if (scale.alpha == 1.0f && scale.alpha_low == 0.0f && scale.beta == 0.0f) {
    *c = product_sum(hi, lo);
    return;
  }
  float value = scale.alpha * hi;
  float rest = fma(scale.alpha, hi, -value);
  rest = fma(scale.alpha_low, hi, rest);
  rest = fma(scale.alpha, isfinite(hi) ? lo : 0.0f, rest);
  if (scale.beta != 0.0f) {
    const float old = *c;
    const float scaled = scale.beta * old;
    const float low = fma(scale.beta_low, old, fma(scale.beta, old, -scaled));
    rest = rest + low;
    product_add(value, rest, scaled);
  }
  *c = product_sum(value, rest);
}

/* Whether element (i,j) belongs to what is computed. */
inline bool product_wanted(uint i, uint j) {
  if (GEMM_TRIANGLE == TRIANGLE_LOWER) return j <= i;
  if (GEMM_TRIANGLE == TRIANGLE_UPPER) return j >= i;
  return true;
}

#endif
