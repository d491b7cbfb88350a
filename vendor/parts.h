/* parts.h: how the depth of a product is cut for a library that may add in one chain, so that the contract of gemm
 * holds. Included by the products of the vendors. */
#ifndef TSR_PARTS_H
#define TSR_PARTS_H
#include <stddef.h>

enum { TSR_VENDOR_CHAIN = 256 };

/* Parts of K: each of at most `size` products, added one after the other, so that a term sees at most size + count
 * roundings beside that of alpha; count 0: no cut keeps the bound (K beyond 17000). */
typedef struct {
  size_t size, count;
} tsr_parts;

static inline tsr_parts tsr_parts_of(size_t k) {
  size_t least = (k + TSR_VENDOR_CHAIN - 1) / TSR_VENDOR_CHAIN, bound = TSR_VENDOR_CHAIN + 2;
  if (k <= TSR_VENDOR_CHAIN) return (tsr_parts){k, 1};
  for (size_t chains = 1; chains < least; chains *= 2) bound++;
  for (size_t count = least; count < bound; count++) {
    size_t size = (k + count - 1) / count;
    if (size + count + 1 <= bound) return (tsr_parts){size, count};
  }
  return (tsr_parts){0, 0};
}

#endif
