/* core.h: what core offers to the operations and what they register with it. Included by core/, cpu/, later metal/
 * and vendor/. */
#ifndef TSR_CORE_H
#define TSR_CORE_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include "../ffi/tsr.h"

/* A view with its buffer resolved. rows, cols, ld as stored; data points at element (0,0). */
typedef struct {
  void *data;
  size_t rows, cols, ld;
  bool trans;
  uint32_t type;
} tsr_view;

/* The operations, in the order of tsr.h. */
typedef enum {
  TSR_OP_LASET, TSR_OP_GEADD, TSR_OP_GEMM, TSR_OP_SYRK, TSR_OP_TRSM, TSR_OP_POTRF,
  TSR_OP_GETRF, TSR_OP_LASWP, TSR_OP_LATRD, TSR_OP_LABRD, TSR_OP_STEDC, TSR_OP_BDSDC,
  TSR_OP_COLSTAT, TSR_OP_SCALE, TSR_OP_ORTH, TSR_OP_RESID, TSR_OP_RAND, TSR_OP_COUNT
} tsr_op_id;

/* One encoded operation: validated, its operands resolved. Meaning of the fields by operation:
 *   laset   flags uplo, alpha off, beta diag, v A            syrk    flags uplo, alpha, beta, v A C
 *   geadd   alpha, beta, v A B                               trsm    flags, alpha, v A B
 *   gemm    alpha, beta, v A B C                             potrf   flags base, v A info
 *   getrf   v A pivots info                              laswp   flags direction, v A pivots
 *   latrd   v A L R T DE                                 labrd   v A L R T DE
 *   stedc   v DE Z                                       bdsdc   v DE Z
 *   colstat v A S info        scale  flags mode, v A S       orth    alpha floor, seed, v W T info
 *   resid   v A X B R                                        rand    flags distribution, seed, v A */
typedef struct {
  tsr_op_id id;
  uint32_t flags, seed[2];
  double alpha, beta;
  tsr_view v[5];
  uint32_t engine, tile, chain;
  const uint32_t *predicate; /* NULL: unconditional */
} tsr_op;

typedef struct tsr_pool tsr_pool; /* threads of a context: cpu/pool.h */

/* What a running operation is given. */
typedef struct {
  tsr_pool *pool;
  uint32_t isa;                /* TSR_ISA_*, never BEST */
  const atomic_uint *canceled; /* loops longer than about a millisecond test it */
  uint32_t tile;               /* out: the tile that ran */
  void *scratch;               /* workspace of tsr_scratch, kept between operations */
  size_t scratch_bytes;
} tsr_run;

/* Workspace of at least so many bytes, aligned to 64, valid until the next call in the same run; NULL when memory is
 * out. */
void *tsr_scratch(tsr_run *run, size_t bytes);

/* An engine: what it is called and its operations. Each returns TSR_OK or TSR_E_MEMORY / TSR_E_DEVICE; operands are
 * validated. */
typedef int32_t (*tsr_kernel)(tsr_run *run, const tsr_op *op);
typedef struct {
  const char *name;
  tsr_kernel op[TSR_OP_COUNT];
} tsr_engine;

/* The CPU library's own kernels (cpu/ops.c) and its instruction set: the best there is, or 0 when `wanted` cannot run
 * here. */
extern const tsr_engine tsr_cpu_engine;
uint32_t tsr_cpu_isa(uint32_t wanted);
/* Processors that this process may use. */
uint32_t tsr_cpu_processors(void);

#endif
