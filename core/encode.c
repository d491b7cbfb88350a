/* encode.c: what all operations of tsr.h share: the table of their operands, the checks, the place in the queue. */
#include "encode.h"

enum { F32 = 1 << TSR_F32, F64 = 1 << TSR_F64, U32 = 1 << TSR_U32 };
enum { IN = 0, OUT = 1, FIXED = 2 /* may not be transposed */ };

#define PANEL                                                                                            \
  {{"A", F32, IN | FIXED}, {"L", F32, OUT | FIXED}, {"R", F32, OUT | FIXED}, {"T", F32, OUT | FIXED},    \
   {"DE", F32 | F64, OUT | FIXED}}

static const tsr_rule rules[TSR_OP_COUNT] = {
  [TSR_OP_LASET] = {"laset", false, {{"A", F32 | F64 | U32, OUT}}},
  [TSR_OP_GEADD] = {"geadd", false, {{"A", F32 | F64, IN}, {"B", F32 | F64, OUT}}},
  [TSR_OP_GEMM] = {"gemm", true, {{"A", F32, IN}, {"B", F32, IN}, {"C", F32 | F64, OUT}}},
  [TSR_OP_ATAV] = {"atav", false, {{"A", F32, IN}, {"V", F32, IN}, {"Y", F32, OUT}, {"Z", F32, OUT}}},
  [TSR_OP_SYRK] = {"syrk", true, {{"A", F32, IN}, {"C", F32 | F64, OUT}}},
  [TSR_OP_TRSM] = {"trsm", false, {{"A", F32, IN}, {"B", F32, OUT}}},
  [TSR_OP_POTRF] = {"potrf", false, {{"A", F32, OUT | FIXED}, {"info", U32, OUT | FIXED}}},
  [TSR_OP_GETRF] =
    {"getrf", false, {{"A", F32, OUT | FIXED}, {"pivots", U32, OUT | FIXED}, {"info", U32, OUT | FIXED}}},
  [TSR_OP_LASWP] = {"laswp", false, {{"A", F32, OUT}, {"pivots", U32, IN | FIXED}}},
  [TSR_OP_LATRD] = {"latrd", false, PANEL},
  [TSR_OP_LABRD] = {"labrd", false, PANEL},
  [TSR_OP_LARFT] = {"larft", false, {{"V", F32, IN | FIXED}, {"N", F32, OUT | FIXED}}},
  [TSR_OP_GEMQRT] = {"gemqrt", false, {{"V", F32, IN | FIXED}, {"N", F32, IN | FIXED}, {"C", F32, OUT | FIXED}}},
  [TSR_OP_STEDC] = {"stedc", false, {{"DE", F64, OUT | FIXED}, {"Z", F32, OUT | FIXED}}},
  [TSR_OP_BDSDC] = {"bdsdc", false, {{"DE", F64, OUT | FIXED}, {"Z", F32, OUT | FIXED}}},
  [TSR_OP_SYEV] = {"syev", false, {{"G", F64, IN | FIXED}, {"W", F64, OUT | FIXED}, {"Z", F64, OUT | FIXED}}},
  [TSR_OP_JACOBI] = {"jacobi", false, {{"G", F32 | F64, IN | FIXED}, {"J", F32, OUT | FIXED},
                                       {"words", U32, OUT | FIXED}}},
  [TSR_OP_APPLY] = {"apply", false, {{"A", F32, OUT | FIXED}, {"pairs", U32, IN | FIXED},
                                     {"B", F32 | F64, OUT | FIXED}}},
  [TSR_OP_COLSTAT] = {"colstat", false, {{"A", F32, IN}, {"S", F32, OUT}, {"info", U32, OUT | FIXED}}},
  [TSR_OP_SCALE] = {"scale", false, {{"A", F32, IN}, {"S", F32, IN}, {"B", F32, OUT}}},
  [TSR_OP_ORTH] = {"orth", false, {{"W", F32, OUT | FIXED}, {"T", F32, OUT | FIXED}, {"info", U32, OUT | FIXED}}},
  [TSR_OP_RESID] = {"resid", false, {{"A", F32, IN}, {"X", F32, IN}, {"B", F32, IN}, {"R", F32 | F64, OUT}}},
  [TSR_OP_RAND] = {"rand", false, {{"A", F32, OUT}}},
  [TSR_OP_GEQRF] = {"geqrf", false, {{"A", F32, IN | FIXED}, {"Q", F32, OUT | FIXED}, {"R", F32, OUT | FIXED}}},
  [TSR_OP_GESDD] = {"gesdd", false, {{"A", F32, IN | FIXED}, {"U", F32, OUT | FIXED}, {"S", F32, OUT | FIXED},
                                     {"V", F32, OUT | FIXED}, {"info", U32, OUT | FIXED}}},
  [TSR_OP_SYEVD] = {"syevd", false, {{"A", F32, IN | FIXED}, {"W", F32, OUT | FIXED}, {"V", F32, OUT | FIXED},
                                     {"info", U32, OUT | FIXED}}},
};

/* ---- what all operations share ---- */

static int32_t check_options(tsr_encoding *e, const uint32_t *o) {
  const char *name = e->rule->name;
  tsr_context *context = e->context;
  if (!o) return tsr_fail(context, TSR_E_ARGUMENT, "%s: no options given", name);
  uint32_t engine = o[TSR_OPTION_ENGINE], tile = o[TSR_OPTION_TILE], chain = o[TSR_OPTION_CHAIN];
  if (engine > TSR_MLX)
    return tsr_fail(context, TSR_E_ARGUMENT, "%s: engine is %u; engines are 0 to %d", name, engine, TSR_MLX);
  if (engine != TSR_TILED && !context->run.vendor[engine]) {
    return tsr_fail(context, TSR_E_UNSUPPORTED, "%s: engine %s is not attached to this context; tsr_attach does that",
                    name, engine == TSR_BLAS ? "blas" : "mlx");
  }
  if (tile > TSR_TILE_SIMD32)
    return tsr_fail(context, TSR_E_ARGUMENT, "%s: tile is %u; tiles are 0 to %d", name, tile, TSR_TILE_SIMD32);
  if (tile > TSR_TILE_REFERENCE && !e->rule->product) {
    return tsr_fail(context, TSR_E_UNSUPPORTED,
                    "%s: tile %u is a way through a product; here are 0 (default) and 1 (reference)", name, tile);
  }
  if ((context->device->tiles >> tile & 1) == 0)
    return tsr_fail(context, TSR_E_UNSUPPORTED, "%s: this device has no tile %u; tsr_info lists its tiles", name, tile);
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

static int32_t check_predicate(tsr_encoding *e, uint32_t buffer, uint32_t index) {
  const char *name = e->rule->name;
  e->op->predicate = NULL;
  e->op->gate = (tsr_place){NULL, 0};
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
  if (slot->memory) e->op->gate = (tsr_place){slot->memory->object, index * sizeof(uint32_t)};
  return TSR_OK;
}

static int32_t check_operand(tsr_encoding *e, int i, const uint32_t *words) {
  const tsr_rule *rule = e->rule;
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
int32_t tsr_begin(tsr_encoding *e, uint32_t ctx, tsr_op_id id, int count, const uint32_t *const *views,
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

/* resid and scale may work in place: the result exactly upon the right-hand side, or upon the matrix. */
static bool in_place(const tsr_op *op, int i, int j) {
  const tsr_view *a = &op->v[j], *b = &op->v[i];
  bool may = (op->id == TSR_OP_RESID && i == 3 && j == 2) || (op->id == TSR_OP_SCALE && i == 2 && j == 0);
  return may && a->data == b->data && a->ld == b->ld && a->trans == b->trans && a->type == b->type;
}

/* What the vendor's library cannot do, the device's own engine does, if it has it. */
static int32_t settle_engine(tsr_encoding *e) {
  tsr_op *op = e->op;
  const tsr_run *run = &e->context->run;
  if (op->engine != TSR_TILED) {
    const tsr_vendor *vendor = tsr_vendors[op->engine];
    if (!vendor->engine->op[op->id] || !vendor->can(run->vendor[op->engine], op)) op->engine = TSR_TILED;
  }
  if (op->engine != TSR_TILED || e->context->device->engine->op[op->id]) return TSR_OK;
  return tsr_fail(e->context, TSR_E_UNSUPPORTED,
                  "%s: only a vendor's LAPACK has this factorisation (engine blas), where its integers hold the sizes",
                  e->rule->name);
}

/* The last checks, and the operation counts as encoded. */
int32_t tsr_commit(tsr_encoding *e, int count) {
  const tsr_rule *rule = e->rule;
  e->op->operands = (uint32_t)count;
  e->op->outputs = 0;
  for (int i = 0; i < count; i++) {
    if (!(rule->v[i].use & OUT)) continue;
    e->op->outputs |= 1u << i;
    for (int j = 0; j < count; j++) {
      if (i == j || in_place(e->op, i, j) || !tsr_overlap(&e->op->v[i], &e->op->v[j])) continue;
      return tsr_fail(e->context, TSR_E_ALIAS, "%s: %s and %s overlap in memory", rule->name, rule->v[i].name,
                      rule->v[j].name);
    }
  }
  int32_t status = settle_engine(e);
  if (status == TSR_OK) e->context->queue.encoded++;
  return status;
}

/* ---- shape rules ---- */

int32_t tsr_argument(tsr_encoding *e, const char *what, uint32_t value, const char *valid) {
  return tsr_fail(e->context, TSR_E_ARGUMENT, "%s: %s is %u; it must be %s", e->rule->name, what, value, valid);
}

int32_t tsr_mismatch(tsr_encoding *e, int i, tsr_side si, int j, tsr_side sj) {
  static const char *const sides[] = {"rows", "columns"};
  const tsr_view *a = &e->op->v[i], *b = &e->op->v[j];
  size_t p = tsr_size_of(a, si), q = tsr_size_of(b, sj);
  const char *x = e->rule->v[i].name, *y = e->rule->v[j].name;
  if (i == j)
    return tsr_fail(e->context, TSR_E_SHAPE, "%s: %s is %zux%zu; it must be square", e->rule->name, x, p, q);
  return tsr_fail(e->context, TSR_E_SHAPE, "%s: %s is %zux%zu, %s is %zux%zu: %s's %zu %s must equal %s's %zu %s",
                  e->rule->name, x, tsr_rows(a), tsr_cols(a), y, tsr_rows(b), tsr_cols(b), x, p, sides[si], y, q,
                  sides[sj]);
}

/* Operand i must be m x n. */
int32_t tsr_exactly(tsr_encoding *e, int i, size_t m, size_t n) {
  const tsr_view *v = &e->op->v[i];
  if (tsr_rows(v) == m && tsr_cols(v) == n) return TSR_OK;
  return tsr_fail(e->context, TSR_E_SHAPE, "%s: %s is %zux%zu; it must be %zux%zu", e->rule->name, e->rule->v[i].name,
                  tsr_rows(v), tsr_cols(v), m, n);
}
