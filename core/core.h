/* core.h: what core offers to the operations and what they register with it. Included by core/, cpu/, metal/ and
 * vendor/. */
#ifndef TSR_CORE_H
#define TSR_CORE_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include "../ffi/tsr.h"

/* Where a number lies on a device: the device's object for the buffer, and the byte offset in it. */
typedef struct {
  void *object; /* NULL on the CPU */
  size_t at;
} tsr_place;

/* A view with its buffer resolved. rows, cols, ld as stored; data points at element (0,0), and so does place. */
typedef struct {
  void *data;
  size_t rows, cols, ld;
  bool trans;
  uint32_t type;
  tsr_place place;
} tsr_view;

/* The operations, in the order of tsr.h. */
typedef enum {
  TSR_OP_LASET, TSR_OP_GEADD, TSR_OP_GEMM, TSR_OP_ATAV, TSR_OP_SYRK, TSR_OP_TRSM, TSR_OP_POTRF,
  TSR_OP_GETRF, TSR_OP_LASWP, TSR_OP_LATRD, TSR_OP_LABRD, TSR_OP_LARFT, TSR_OP_GEMQRT, TSR_OP_STEDC, TSR_OP_BDSDC,
  TSR_OP_SYEV, TSR_OP_JACOBI, TSR_OP_APPLY,
  TSR_OP_COLSTAT, TSR_OP_SCALE, TSR_OP_ORTH, TSR_OP_RESID, TSR_OP_RAND,
  TSR_OP_GEQRF, TSR_OP_GESDD, TSR_OP_SYEVD, TSR_OP_COUNT
} tsr_op_id;

/* One encoded operation: validated, its operands resolved. Meaning of the fields by operation:
 *   laset   flags uplo, alpha off, beta diag, v A            syrk    flags uplo, alpha, beta, v A C
 *   geadd   alpha, beta, v A B                               trsm    flags, alpha, v A B
 *   gemm    alpha, beta, v A B C                             potrf   flags base, v A info
 *   getrf   v A pivots info                              laswp   flags direction, v A pivots
 *   latrd   v A L R T DE                                 labrd   v A L R T DE
 *   larft   v V N                                        gemqrt  v V N C
 *   stedc   v DE Z                                       bdsdc   v DE Z
 *   syev    v G W Z                                      atav    v A V Y Z
 *   jacobi  flags form, alpha tolerance, beta floor, v G J words
 *   apply   flags form, v A pairs B
 *   colstat v A S info        scale  flags mode, v A S B     orth    alpha floor, seed, v W T info
 *   resid   v A X B R                                        rand    flags distribution, seed, v A
 *   geqrf   v A Q R                                      gesdd   v A U S V info
 *   syevd   v A W V info */
typedef struct {
  tsr_op_id id;
  uint32_t flags, seed[2];
  double alpha, beta;
  tsr_view v[5];
  uint32_t engine, tile, chain;
  uint32_t operands;         /* how many of v there are */
  uint32_t outputs;          /* bit i: v[i] is written */
  const uint32_t *predicate; /* NULL: unconditional */
  tsr_place gate;            /* where the predicate lies on the device */
} tsr_op;

/* Most columns of a panel of a reduction, and of a block of reflectors. */
enum { TSR_BLOCK_COLUMNS = 128 };

/* The two products that atav is: Y = A V, and then Z = A'Y. */
void tsr_atav_products(const tsr_op *atav, tsr_op *products);

enum { TSR_ENGINES = TSR_MLX + 1 };

typedef struct tsr_pool tsr_pool; /* threads of a context: cpu/pool.h */

/* What a running operation is given. */
typedef struct {
  tsr_pool *pool;
  uint32_t isa;                /* TSR_ISA_*, never BEST */
  const atomic_uint *canceled; /* loops longer than about a millisecond test it */
  uint32_t tile;               /* out: the tile that ran */
  void *scratch;               /* workspace of tsr_scratch, kept between operations */
  size_t scratch_bytes;
  void *device;                /* what the device's open made */
  void *vendor[TSR_ENGINES];   /* what the vendors' open made; NULL: not attached */
  double device_seconds;       /* how long the device worked in this batch: settle adds to it */
  char trouble[256];           /* out: why an open, or TSR_E_DEVICE */
} tsr_run;

/* Workspace of at least so many bytes, aligned to 64, valid until the next call in the same run; NULL when memory is
 * out. */
void *tsr_scratch(tsr_run *run, size_t bytes);

/* An engine: what it is called and its operations. Each returns TSR_OK or TSR_E_MEMORY / TSR_E_DEVICE; operands are
 * validated. What a vendor has not is NULL. */
typedef int32_t (*tsr_kernel)(tsr_run *run, const tsr_op *op);
typedef struct {
  const char *name;
  tsr_kernel op[TSR_OP_COUNT];
} tsr_engine;

/* A kind of device. The CPU works when an operation runs, so it has no `attach`, `detach` and `settle`. */
typedef struct {
  const tsr_engine *engine;
  uint32_t tiles; /* bit t: tile t may be asked of a product */
  int32_t (*open)(tsr_run *run);  /* TSR_E_UNSUPPORTED or TSR_E_DEVICE with run->trouble */
  void (*close)(tsr_run *run);
  int (*describe)(const tsr_run *run, char *json, size_t capacity); /* members of an object, as snprintf */
  /* The device's object for memory of the host, page-aligned or not; NULL when memory is out. Any thread. */
  void *(*attach)(tsr_run *run, void *base, size_t bytes);
  void (*detach)(void *object);
  /* Starts what is encoded and waits until the device has done it. */
  int32_t (*settle)(tsr_run *run);
} tsr_device;

extern const tsr_device tsr_cpu_device;
#ifdef TSR_METAL
extern const tsr_device tsr_metal_device;
#endif

/* A vendor's library behind an engine, on the memory of the host. */
typedef struct {
  const tsr_engine *engine;
  void *(*open)(tsr_run *run, const char *path); /* NULL with run->trouble */
  void (*close)(void *state);
  /* Whether it can do this operation to the contract; where not, the device's own engine does it. */
  bool (*can)(const void *state, const tsr_op *op);
  int (*describe)(const void *state, char *json, size_t capacity); /* as snprintf */
} tsr_vendor;

extern const tsr_vendor tsr_blas_vendor, tsr_mlx_vendor;

/* A text for the JSON of tsr_info: what would need an escape becomes a blank. */
void tsr_plain_text(const char *text, char *plain, size_t capacity);

/* The CPU library's own kernels (cpu/ops.c) and its instruction set: the best there is, or 0 when `wanted` cannot run
 * here. */
extern const tsr_engine tsr_cpu_engine;
extern const char *const tsr_isa_names[]; /* by TSR_ISA_* */
uint32_t tsr_cpu_isa(uint32_t wanted);
/* Processors that this process may use. */
uint32_t tsr_cpu_processors(void);

#endif
