/* kernel_x86.h: one step of a tile, in vectors of any size of x86: two vectors of B, and elements of A broadcast one
 * after the other. Included behind kernel_tile.h by the kernels for AVX2 and AVX-512. */
#ifndef TSR_KERNEL_X86_H
#define TSR_KERNEL_X86_H

typedef vector unaligned __attribute__((aligned(4)));
typedef struct __attribute__((may_alias)) {
  float first, second;
} pair;
typedef vector64 unaligned64 __attribute__((aligned(8)));

/* Volatile one-line assembly keeps loads, broadcasts and multiply-adds in the order written. As intrinsics, clang
 * moves the broadcasts of several steps together and spills accumulators, at a third of the speed. */
#define LOAD(to, from) __asm__ volatile("vmovups %1, %0" : "=v"(to) : "m"(*(const unaligned *)(from)))
#define BROADCAST(to, from) __asm__ volatile("vbroadcastss %1, %0" : "=v"(to) : "m"(*(from)))
#define BROADCAST_PAIR(to, from) __asm__ volatile("vbroadcastsd %1, %0" : "=v"(to) : "m"(*(const pair *)(from)))
#define MADD(sum, x, y) __asm__ volatile("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y))
#define LOAD64(to, from) __asm__ volatile("vmovupd %1, %0" : "=v"(to) : "m"(*(const unaligned64 *)(from)))
#define BROADCAST64(to, from) __asm__ volatile("vbroadcastsd %1, %0" : "=v"(to) : "m"(*(from)))
#define MADD64(sum, x, y) __asm__ volatile("vfmadd231pd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y))

INLINE void step(const int rows, const int vectors, const int lie, const cursor *at, const int t, sums sum) {
  vector b[2], x;
  const float *row = line(at->b, at->ldb, at->three_ldb, t), *column = line(at->a[0], at->lda, at->three_lda, t);
  UNROLL for (int j = 0; j < vectors; j++) LOAD(b[j], row + LANES * j);
  UNROLL for (int i = 0; i < rows; i++) {
    const float *in_row = at->a[i / REACH] + (size_t)(i % REACH) * at->lda;
    if (lie == IN_PAIRS) BROADCAST_PAIR(x, in_row + 2 * t);
    else BROADCAST(x, lie == IN_ROWS ? in_row + t : column + i);
    UNROLL for (int j = 0; j < vectors; j++) MADD(sum[i][j], x, b[j]);
  }
}

INLINE void step64(const int rows, const double *a, const double *b, sums64 sum) {
  vector64 x, y[2];
  UNROLL for (int j = 0; j < 2; j++) LOAD64(y[j], b + LANES64 * j);
  UNROLL for (int i = 0; i < rows; i++) {
    BROADCAST64(x, a + i);
    UNROLL for (int j = 0; j < 2; j++) MADD64(sum[i][j], x, y[j]);
  }
}

EACH_ROW(TILE, in_pairs, 2, IN_PAIRS)
EACH_ROW(TILE, in_pairs_narrow, 1, IN_PAIRS)
static const tsr_tile_kernel in_pairs[MR + 1] = {EACH_ROW(ENTRY, in_pairs)};
static const tsr_tile_kernel in_pairs_narrow[MR + 1] = {EACH_ROW(ENTRY, in_pairs_narrow)};

#endif
