/* encode.h: how an operation of tsr.h is checked and put into the queue: begin, its own shape rules, commit. */
#ifndef TSR_ENCODE_H
#define TSR_ENCODE_H
#include "internal.h"

/* What an operation takes: name, types and use of each operand, and whether it has ways through a product. */
typedef struct {
  const char *name;
  bool product;
  struct {
    const char *name;
    uint32_t types, use;
  } v[5];
} tsr_rule;

/* An operation on its way into the queue. */
typedef struct {
  tsr_context *context;
  const tsr_rule *rule;
  tsr_op *op;
} tsr_encoding;

/* Finds the context and room in its queue, and checks options and operands one by one. */
int32_t tsr_begin(tsr_encoding *e, uint32_t ctx, tsr_op_id id, int count, const uint32_t *const *views,
                  const uint32_t *options);
/* The last check, of overlap, and the operation counts as encoded. */
int32_t tsr_commit(tsr_encoding *e, int count);

typedef enum { ROWS, COLS } tsr_side;

static inline size_t tsr_size_of(const tsr_view *v, tsr_side s) { return s == ROWS ? tsr_rows(v) : tsr_cols(v); }

/* TSR_E_ARGUMENT for a flag with no meaning. */
int32_t tsr_argument(tsr_encoding *e, const char *what, uint32_t value, const char *valid);
/* TSR_E_SHAPE for sizes that differ. */
int32_t tsr_mismatch(tsr_encoding *e, int i, tsr_side si, int j, tsr_side sj);
/* Operand i's rows or columns must be as many as operand j's. */
static inline int32_t tsr_match(tsr_encoding *e, int i, tsr_side si, int j, tsr_side sj) {
  return tsr_size_of(&e->op->v[i], si) == tsr_size_of(&e->op->v[j], sj) ? TSR_OK : tsr_mismatch(e, i, si, j, sj);
}
/* Operand i must be m x n. */
int32_t tsr_exactly(tsr_encoding *e, int i, size_t m, size_t n);

#endif
