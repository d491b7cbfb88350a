/* elementwise.h: the operations that touch each element once, on all threads where size pays. */
#ifndef TSR_ELEMENTWISE_H
#define TSR_ELEMENTWISE_H
#include "../core/core.h"

int32_t tsr_elementwise_laset(tsr_run *run, const tsr_op *op);
int32_t tsr_elementwise_geadd(tsr_run *run, const tsr_op *op);
int32_t tsr_elementwise_colstat(tsr_run *run, const tsr_op *op);
int32_t tsr_elementwise_scale(tsr_run *run, const tsr_op *op);
int32_t tsr_elementwise_rand(tsr_run *run, const tsr_op *op);

#endif
