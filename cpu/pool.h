/* pool.h: the threads of a context. Work is a count of independent chunks; whoever is free takes the next one. */
#ifndef TSR_POOL_H
#define TSR_POOL_H
#include "../core/core.h"

/* Called once for each index below count, by any thread; worker < threads, and no two at once have the same. */
typedef void (*tsr_task)(void *context, size_t index, uint32_t worker);

/* threads counts the caller of tsr_pool_run, who works too; the other threads are made at the first run. NULL: no
 * memory. */
tsr_pool *tsr_pool_open(uint32_t threads);
void tsr_pool_close(tsr_pool *pool);
uint32_t tsr_pool_threads(const tsr_pool *pool);
/* Returns when every chunk is done; it never waits for a thread that holds no chunk. One run at a time in a pool. */
void tsr_pool_run(tsr_pool *pool, size_t count, tsr_task task, void *context);

#endif
