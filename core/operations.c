/* operations.c: the operations of tsr.h. Each is checked by a table and by its shape rules, then encoded. */
#include <math.h>
#include "internal.h"

enum { F32 = 1 << TSR_F32, F64 = 1 << TSR_F64, U32 = 1 << TSR_U32 };
enum { IN = 0, OUT = 1, FIXED = 2 /* may not be transposed */ };

/* What an operation takes: name, types and use of each operand, and whether it has ways through a product. */
typedef struct {
  const char *name;
  bool product;
  struct {
    const char *name;
    uint32_t types, use;
  } v[4];
} rule;

static const rule rules[TSR_OP_COUNT] = {
  [TSR_OP_LASET] = {"laset", false, {{"A", F32 | F64 | U32, OUT}}},
  [TSR_OP_GEADD] = {"geadd", false, {{"A", F32 | F64, IN}, {"B", F32 | F64, OUT}}},
  [TSR_OP_GEMM] = {"gemm", true, {{"A", F32, IN}, {"B", F32, IN}, {"C", F32 | F64, OUT}}},
  [TSR_OP_SYRK] = {"syrk", true, {{"A", F32, IN}, {"C", F32 | F64, OUT}}},
  [TSR_OP_TRSM] = {"trsm", false, {{"A", F32, IN}, {"B", F32, OUT}}},
  [TSR_OP_POTRF] = {"potrf", false, {{"A", F32, OUT | FIXED}, {"info", U32, OUT | FIXED}}},
  [TSR_OP_COLSTAT] = {"colstat", false, {{"A", F32, IN}, {"S", F32, OUT}, {"info", U32, OUT | FIXED}}},
  [TSR_OP_SCALE] = {"scale", false, {{"A", F32, OUT}, {"S", F32, IN}}},
  [TSR_OP_ORTH] = {"orth", false, {{"W", F32, OUT | FIXED}, {"T", F32, OUT | FIXED}, {"info", U32, OUT | FIXED}}},
  [TSR_OP_RESID] = {"resid", false, {{"A", F32, IN}, {"X", F32, IN}, {"B", F32, IN}, {"R", F32 | F64, OUT}}},
  [TSR_OP_RAND] = {"rand", false, {{"A", F32, OUT}}},
};

/* An operation on its way into the queue. */
typedef struct {
  tsr_context *context;
  const rule *rule;
  tsr_op *op;
} encoding;

/* ---- what all operations share ---- */

static int32_t check_options(encoding *e, const uint32_t *o) {
  const char *name = e->rule->name;
  tsr_context *context = e->context;
  if (!o) return tsr_fail(context, TSR_E_ARGUMENT, "%s: no options given", name);
  uint32_t engine = o[TSR_OPTION_ENGINE], tile = o[TSR_OPTION_TILE], chain = o[TSR_OPTION_CHAIN];
  if (engine > TSR_MLX)
    return tsr_fail(context, TSR_E_ARGUMENT, "%s: engine is %u; engines are 0 to %d", name, engine, TSR_MLX);
  if (engine != TSR_TILED) {
    return tsr_fail(context, TSR_E_UNSUPPORTED, "%s: this library has no engine %s; it has tiled", name,
                    engine == TSR_BLAS ? "blas" : "mlx");
  }
  if (tile > TSR_TILE_GEMV)
    return tsr_fail(context, TSR_E_ARGUMENT, "%s: tile is %u; tiles are 0 to %d", name, tile, TSR_TILE_GEMV);
  if (tile > TSR_TILE_REFERENCE && !e->rule->product) {
    return tsr_fail(context, TSR_E_UNSUPPORTED,
                    "%s: tile %u is a way through a product; here are 0 (default) and 1 (reference)", name, tile);
  }
  if (chain != 0 && chain != 32) {
    return tsr_fail(context, TSR_E_ARGUMENT, "%s: chain is %u; it must be 0 (the library's own) or 32", name, chain);
  }
  for (int i = TSR_OPTION_PREDICATE_INDEX + 1; i < TSR_OPTION_WORDS; i++) {
    if (o[i] != 0)
      return tsr_fail(context, TSR_E_ARGUMENT, "%s: reserved word %d of the options is %u, not 0", name, i, o[i]);
  }
  e->op->engine = engine;
  e->op->tile = tile;
  e->op->chain = chain;
  return TSR_OK;
}

static int32_t check_predicate(encoding *e, uint32_t buffer, uint32_t index) {
  const char *name = e->rule->name;
  e->op->predicate = NULL;
  if (buffer == 0) {
    if (index == 0) return TSR_OK;
    return tsr_fail(e->context, TSR_E_ARGUMENT, "%s: a predicate index of %u without a predicate", name, index);
  }
  const tsr_slot *slot = tsr_buffer(e->context, buffer);
  if (!slot) {
    return tsr_fail(e->context, TSR_E_HANDLE,
                    "%s: the predicate lies in 0x%08x, which is no live buffer of this context", name, buffer);
  }
  if (index >= slot->bytes / sizeof(uint32_t)) {
    return tsr_fail(e->context, TSR_E_BOUNDS, "%s: the predicate is word %u of a buffer of %llu bytes", name, index,
                    (unsigned long long)slot->bytes);
  }
  e->op->predicate = (const uint32_t *)(const void *)slot->base + index;
  return TSR_OK;
}

static int32_t check_operand(encoding *e, int i, const uint32_t *words) {
  const rule *rule = e->rule;
  tsr_view *v = &e->op->v[i];
  int32_t status = tsr_resolve(e->context, rule->name, rule->v[i].name, words, v);
  if (status != TSR_OK) return status;
  if (v->trans && rule->v[i].use & FIXED) {
    return tsr_fail(e->context, TSR_E_ARGUMENT, "%s: %s must not be transposed", rule->name, rule->v[i].name);
  }
  if (rule->v[i].types & 1u << v->type) return TSR_OK;
  if (v->type == TSR_DF32 && rule->v[i].types & F64) {
    return tsr_fail(e->context, TSR_E_UNSUPPORTED, "%s: %s is df32; this library has float64 instead", rule->name,
                    rule->v[i].name);
  }
  static const char *const types[] = {[TSR_F32] = "f32", [TSR_F64] = "f64", [TSR_DF32] = "df32", [TSR_U32] = "u32"};
  return tsr_fail(e->context, TSR_E_TYPE, "%s: %s is %s, which is not taken there", rule->name, rule->v[i].name,
                  types[v->type]);
}

/* Finds the context and room in its queue, and checks options and operands one by one. */
static int32_t begin(encoding *e, uint32_t ctx, tsr_op_id id, int count, const uint32_t *const *views,
                     const uint32_t *options) {
  int32_t status = tsr_enter(ctx, &e->context);
  if (status != TSR_OK) return status;
  tsr_queue *queue = &e->context->queue;
  e->rule = &rules[id];
  if (atomic_load(&e->context->dead)) {
    return tsr_fail(e->context, TSR_E_DEVICE, "%s: the device has failed; close this context and open another",
                    e->rule->name);
  }
  if (queue->encoded - atomic_load(&queue->executed) >= TSR_QUEUE_OPS) {
    return tsr_fail(e->context, TSR_E_FULL,
                    "%s: %d operations are encoded or queued: submit them and wait for a ticket", e->rule->name,
                    TSR_QUEUE_OPS);
  }
  e->op = &queue->ops[(queue->encoded + 1) % TSR_QUEUE_OPS];
  e->op->id = id;
  status = check_options(e, options);
  if (status == TSR_OK)
    status = check_predicate(e, options[TSR_OPTION_PREDICATE], options[TSR_OPTION_PREDICATE_INDEX]);
  for (int i = 0; i < count && status == TSR_OK; i++) status = check_operand(e, i, views[i]);
  return status;
}

/* resid alone may work in place: its result exactly upon its right-hand side. */
static bool in_place(const tsr_op *op, int i, int j) {
  const tsr_view *b = &op->v[2], *r = &op->v[3];
  return op->id == TSR_OP_RESID && i == 3 && j == 2 && b->data == r->data && b->ld == r->ld && b->trans == r->trans &&
         b->type == r->type;
}

/* The last check, and the operation counts as encoded. */
static int32_t commit(encoding *e, int count) {
  const rule *rule = e->rule;
  for (int i = 0; i < count; i++) {
    if (!(rule->v[i].use & OUT)) continue;
    for (int j = 0; j < count; j++) {
      if (i == j || in_place(e->op, i, j) || !tsr_overlap(&e->op->v[i], &e->op->v[j])) continue;
      return tsr_fail(e->context, TSR_E_ALIAS, "%s: %s and %s overlap in memory", rule->name, rule->v[i].name,
                      rule->v[j].name);
    }
  }
  e->context->queue.encoded++;
  return TSR_OK;
}

/* ---- shape rules ---- */

static int32_t argument(encoding *e, const char *what, uint32_t value, const char *valid) {
  return tsr_fail(e->context, TSR_E_ARGUMENT, "%s: %s is %u; it must be %s", e->rule->name, what, value, valid);
}

typedef enum { ROWS, COLS } side;

static size_t size_of(const tsr_view *v, side s) { return s == ROWS ? tsr_rows(v) : tsr_cols(v); }

/* Operand i's rows or columns must be as many as operand j's. */
static int32_t match(encoding *e, int i, side si, int j, side sj) {
  static const char *const sides[] = {"rows", "columns"};
  const tsr_view *a = &e->op->v[i], *b = &e->op->v[j];
  size_t p = size_of(a, si), q = size_of(b, sj);
  if (p == q) return TSR_OK;
  const char *x = e->rule->v[i].name, *y = e->rule->v[j].name;
  if (i == j)
    return tsr_fail(e->context, TSR_E_SHAPE, "%s: %s is %zux%zu; it must be square", e->rule->name, x, p, q);
  return tsr_fail(e->context, TSR_E_SHAPE, "%s: %s is %zux%zu, %s is %zux%zu: %s's %zu %s must equal %s's %zu %s",
                  e->rule->name, x, tsr_rows(a), tsr_cols(a), y, tsr_rows(b), tsr_cols(b), x, p, sides[si], y, q,
                  sides[sj]);
}

/* Operand i must be m x n. */
static int32_t exactly(encoding *e, int i, size_t m, size_t n) {
  const tsr_view *v = &e->op->v[i];
  if (tsr_rows(v) == m && tsr_cols(v) == n) return TSR_OK;
  return tsr_fail(e->context, TSR_E_SHAPE, "%s: %s is %zux%zu; it must be %zux%zu", e->rule->name, e->rule->v[i].name,
                  tsr_rows(v), tsr_cols(v), m, n);
}

/* ---- the operations ---- */

int32_t tsr_laset(uint32_t ctx, uint32_t uplo, double off, double diag, const uint32_t *A, const uint32_t *options) {
  encoding e;
  int32_t status = begin(&e, ctx, TSR_OP_LASET, 1, (const uint32_t *const[]){A}, options);
  if (status != TSR_OK) return status;
  if (uplo > TSR_UPPER) return argument(&e, "uplo", uplo, "0 (full), 1 (lower) or 2 (upper)");
  bool words = (off >= 0 && off <= UINT32_MAX && off == floor(off)) &&
               (isnan(diag) || (diag >= 0 && diag <= UINT32_MAX && diag == floor(diag)));
  if (e.op->v[0].type == TSR_U32 && !words) {
    return tsr_fail(e.context, TSR_E_ARGUMENT, "laset: A is u32, which cannot hold %g and %g", off, diag);
  }
  e.op->flags = uplo;
  e.op->alpha = off;
  e.op->beta = diag;
  return commit(&e, 1);
}

int32_t tsr_geadd(uint32_t ctx, double alpha, const uint32_t *A, double beta, const uint32_t *B,
                  const uint32_t *options) {
  encoding e;
  int32_t status = begin(&e, ctx, TSR_OP_GEADD, 2, (const uint32_t *const[]){A, B}, options);
  if (status == TSR_OK) status = match(&e, 0, ROWS, 1, ROWS);
  if (status == TSR_OK) status = match(&e, 0, COLS, 1, COLS);
  if (status != TSR_OK) return status;
  e.op->alpha = alpha;
  e.op->beta = beta;
  return commit(&e, 2);
}

int32_t tsr_gemm(uint32_t ctx, double alpha, const uint32_t *A, const uint32_t *B, double beta, const uint32_t *C,
                 const uint32_t *options) {
  encoding e;
  int32_t status = begin(&e, ctx, TSR_OP_GEMM, 3, (const uint32_t *const[]){A, B, C}, options);
  if (status == TSR_OK) status = match(&e, 0, COLS, 1, ROWS);
  if (status == TSR_OK) status = match(&e, 2, ROWS, 0, ROWS);
  if (status == TSR_OK) status = match(&e, 2, COLS, 1, COLS);
  if (status != TSR_OK) return status;
  e.op->alpha = alpha;
  e.op->beta = beta;
  return commit(&e, 3);
}

int32_t tsr_syrk(uint32_t ctx, uint32_t uplo, double alpha, const uint32_t *A, double beta, const uint32_t *C,
                 const uint32_t *options) {
  encoding e;
  int32_t status = begin(&e, ctx, TSR_OP_SYRK, 2, (const uint32_t *const[]){A, C}, options);
  if (status == TSR_OK) status = match(&e, 1, ROWS, 1, COLS);
  if (status == TSR_OK) status = match(&e, 1, ROWS, 0, ROWS);
  if (status != TSR_OK) return status;
  if (uplo != TSR_LOWER && uplo != TSR_UPPER) return argument(&e, "uplo", uplo, "1 (lower) or 2 (upper)");
  e.op->flags = uplo;
  e.op->alpha = alpha;
  e.op->beta = beta;
  return commit(&e, 2);
}

int32_t tsr_trsm(uint32_t ctx, uint32_t flags, double alpha, const uint32_t *A, const uint32_t *B,
                 const uint32_t *options) {
  encoding e;
  int32_t status = begin(&e, ctx, TSR_OP_TRSM, 2, (const uint32_t *const[]){A, B}, options);
  if (status != TSR_OK) return status;
  uint32_t uplo = flags & (TSR_LOWER | TSR_UPPER);
  if (flags >= 2 * TSR_UNIT || (uplo != TSR_LOWER && uplo != TSR_UPPER)) {
    return argument(&e, "flags", flags, "1 (lower) or 2 (upper), + 4 for right, + 8 for a unit diagonal");
  }
  status = match(&e, 0, ROWS, 0, COLS);
  if (status == TSR_OK) status = match(&e, 0, ROWS, 1, flags & TSR_RIGHT ? COLS : ROWS);
  if (status != TSR_OK) return status;
  e.op->flags = flags;
  e.op->alpha = alpha;
  return commit(&e, 2);
}

int32_t tsr_potrf(uint32_t ctx, const uint32_t *A, const uint32_t *info, uint32_t base, const uint32_t *options) {
  encoding e;
  int32_t status = begin(&e, ctx, TSR_OP_POTRF, 2, (const uint32_t *const[]){A, info}, options);
  if (status == TSR_OK) status = match(&e, 0, ROWS, 0, COLS);
  if (status == TSR_OK) status = exactly(&e, 1, 1, 1);
  if (status != TSR_OK) return status;
  if (e.op->v[0].rows > UINT32_MAX - base) return argument(&e, "base", base, "less than 2^32 less the order of A");
  e.op->flags = base;
  return commit(&e, 2);
}

int32_t tsr_colstat(uint32_t ctx, const uint32_t *A, const uint32_t *S, const uint32_t *info,
                    const uint32_t *options) {
  encoding e;
  int32_t status = begin(&e, ctx, TSR_OP_COLSTAT, 3, (const uint32_t *const[]){A, S, info}, options);
  if (status == TSR_OK) status = exactly(&e, 1, 1, tsr_cols(&e.op->v[0]));
  if (status == TSR_OK) status = exactly(&e, 2, 1, 2);
  return status == TSR_OK ? commit(&e, 3) : status;
}

int32_t tsr_scale(uint32_t ctx, uint32_t mode, const uint32_t *A, const uint32_t *S, const uint32_t *options) {
  encoding e;
  int32_t status = begin(&e, ctx, TSR_OP_SCALE, 2, (const uint32_t *const[]){A, S}, options);
  if (status != TSR_OK) return status;
  if (mode > TSR_RESTORE) return argument(&e, "mode", mode, "0 (multiply), 1 (normalize) or 2 (restore)");
  bool one = tsr_rows(&e.op->v[1]) == 1 && tsr_cols(&e.op->v[1]) == 1;
  if (!one) status = exactly(&e, 1, 1, tsr_cols(&e.op->v[0]));
  e.op->flags = mode;
  return status == TSR_OK ? commit(&e, 2) : status;
}

int32_t tsr_orth(uint32_t ctx, const uint32_t *W, const uint32_t *T, const uint32_t *info, double floor,
                 uint32_t seed, const uint32_t *options) {
  encoding e;
  int32_t status = begin(&e, ctx, TSR_OP_ORTH, 3, (const uint32_t *const[]){W, T, info}, options);
  if (status != TSR_OK) return status;
  size_t b = e.op->v[0].cols;
  if (b > 128) {
    return tsr_fail(e.context, TSR_E_SHAPE, "orth: W is %zux%zu; a panel has at most 128 columns", e.op->v[0].rows,
                    b);
  }
  status = exactly(&e, 1, b, b);
  if (status == TSR_OK) status = exactly(&e, 2, 1, 2);
  if (status != TSR_OK) return status;
  if (!(floor >= 0))
    return tsr_fail(e.context, TSR_E_ARGUMENT, "orth: floor is %g; it must be a length, 0 or more", floor);
  e.op->alpha = floor;
  e.op->seed[0] = seed;
  e.op->seed[1] = 0;
  return commit(&e, 3);
}

int32_t tsr_resid(uint32_t ctx, const uint32_t *A, const uint32_t *X, const uint32_t *B, const uint32_t *R,
                  const uint32_t *options) {
  encoding e;
  int32_t status = begin(&e, ctx, TSR_OP_RESID, 4, (const uint32_t *const[]){A, X, B, R}, options);
  if (status == TSR_OK) status = match(&e, 0, COLS, 1, ROWS);
  if (status == TSR_OK) status = match(&e, 2, ROWS, 0, ROWS);
  if (status == TSR_OK) status = match(&e, 2, COLS, 1, COLS);
  if (status == TSR_OK) status = match(&e, 3, ROWS, 2, ROWS);
  if (status == TSR_OK) status = match(&e, 3, COLS, 2, COLS);
  return status == TSR_OK ? commit(&e, 4) : status;
}

int32_t tsr_rand(uint32_t ctx, uint32_t distribution, uint32_t seed_low, uint32_t seed_high, const uint32_t *A,
                 const uint32_t *options) {
  encoding e;
  int32_t status = begin(&e, ctx, TSR_OP_RAND, 1, (const uint32_t *const[]){A}, options);
  if (status != TSR_OK) return status;
  if (distribution > TSR_NORMAL) return argument(&e, "distribution", distribution, "0 (uniform) or 1 (normal)");
  e.op->flags = distribution;
  e.op->seed[0] = seed_low;
  e.op->seed[1] = seed_high;
  return commit(&e, 1);
}
