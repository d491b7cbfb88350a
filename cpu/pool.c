/* pool.c: the threads of a context. One 64-bit word holds the number of the run and how many of its chunks are left,
 * so that a chunk can only be taken together with the run it belongs to: a late thread never touches another run's
 * state. */
#include "pool.h"
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

/* How long a thread looks for news in place; how long a worker then goes on, giving way to any other thread, before it
 * sleeps, since to be woken takes it about 40000; and how long giving way takes at most where no other wants the
 * processor: where one does, a worker that sleeps is given it back sooner. */
enum { SPIN_NANOSECONDS = 50000, LINGER_NANOSECONDS = 500000, ALONE_NANOSECONDS = 20000 };

typedef struct {
  tsr_pool *pool;
  pthread_t thread;
  uint32_t number;
} tsr_worker;

struct tsr_pool {
  _Alignas(64) _Atomic uint64_t left;  /* run << 32 | chunks nobody has taken */
  _Alignas(64) atomic_size_t done;     /* chunks done in this run */
  _Alignas(64) _Atomic(tsr_task) task; /* of this run; read by threads that may turn out to be late, hence atomic */
  _Atomic(void *) context;
  atomic_size_t count;
  _Alignas(64) atomic_uint sleeping; /* workers on `news` */
  atomic_bool closing, waiting;      /* waiting: the caller sleeps on `finished` */
  pthread_mutex_t lock;
  pthread_cond_t news, finished;
  uint32_t threads, made; /* threads asked for, workers made; the caller is not a worker */
  bool started;
  tsr_worker worker[];
};

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Whether a worker that has looked for news since then may go on. */
static bool linger(int64_t since) {
  int64_t now = nanoseconds();
  if (now - since < SPIN_NANOSECONDS) return true;
  sched_yield();
  return now - since < LINGER_NANOSECONDS && nanoseconds() - now < ALONE_NANOSECONDS;
}

static inline uint32_t run_of(uint64_t word) { return (uint32_t)(word >> 32); }

/* Takes and does chunks of this run until none is left. Task, context and count are read before a chunk is taken: as
 * long as one is left the run cannot end, so a successful exchange proves that what was read belongs to the run. */
static void work(tsr_pool *pool, uint32_t run, uint32_t number) {
  uint64_t word = atomic_load(&pool->left);
  for (;;) {
    tsr_task task = atomic_load_explicit(&pool->task, memory_order_relaxed);
    void *context = atomic_load_explicit(&pool->context, memory_order_relaxed);
    size_t count = atomic_load_explicit(&pool->count, memory_order_relaxed);
    do {
      if (run_of(word) != run || (uint32_t)word == 0) return;
    } while (!atomic_compare_exchange_weak(&pool->left, &word, word - 1));
    task(context, count - (uint32_t)word, number);
    if (atomic_fetch_add(&pool->done, 1) + 1 == count && atomic_load(&pool->waiting)) {
      pthread_mutex_lock(&pool->lock);
      pthread_cond_signal(&pool->finished);
      pthread_mutex_unlock(&pool->lock);
    }
    word = atomic_load(&pool->left);
  }
}

/* Returns the number of a run other than `seen`: lingers, then sleeps. */
static uint32_t await_run(tsr_pool *pool, uint32_t seen) {
  int64_t since = nanoseconds();
  do {
    for (int i = 0; i < 32; i++) {
      uint32_t run = run_of(atomic_load(&pool->left));
      if (run != seen || atomic_load_explicit(&pool->closing, memory_order_relaxed)) return run;
      relax();
    }
  } while (linger(since));
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add(&pool->sleeping, 1);
  while (run_of(atomic_load(&pool->left)) == seen && !atomic_load(&pool->closing))
    pthread_cond_wait(&pool->news, &pool->lock);
  atomic_fetch_sub(&pool->sleeping, 1);
  pthread_mutex_unlock(&pool->lock);
  return run_of(atomic_load(&pool->left));
}

static void *worker_main(void *argument) {
  tsr_worker *self = argument;
  uint32_t seen = 0;
  for (;;) {
    seen = await_run(self->pool, seen);
    if (atomic_load(&self->pool->closing)) return NULL;
    work(self->pool, seen, self->number);
  }
}

/* The caller's end of a run: waits for chunks that workers hold. */
static void await_done(tsr_pool *pool, size_t count) {
  int64_t until = nanoseconds() + SPIN_NANOSECONDS;
  do {
    for (int i = 0; i < 32; i++) {
      if (atomic_load(&pool->done) == count) return;
      relax();
    }
  } while (nanoseconds() < until);
  pthread_mutex_lock(&pool->lock);
  atomic_store(&pool->waiting, true);
  while (atomic_load(&pool->done) != count) pthread_cond_wait(&pool->finished, &pool->lock);
  atomic_store(&pool->waiting, false);
  pthread_mutex_unlock(&pool->lock);
}

/* A thread that cannot be made is done without: the caller works anyway. */
static void make_workers(tsr_pool *pool) {
  pool->started = true;
  while (pool->made + 1 < pool->threads) {
    tsr_worker *worker = &pool->worker[pool->made];
    *worker = (tsr_worker){.pool = pool, .number = pool->made + 1};
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) break;
    pool->made++;
  }
}

static void wake(tsr_pool *pool, size_t helpers) {
  uint32_t sleeping = atomic_load(&pool->sleeping);
  if (sleeping == 0) return;
  pthread_mutex_lock(&pool->lock);
  if (helpers >= sleeping) pthread_cond_broadcast(&pool->news);
  else
    for (size_t i = 0; i < helpers; i++) pthread_cond_signal(&pool->news);
  pthread_mutex_unlock(&pool->lock);
}

tsr_pool *tsr_pool_open(uint32_t threads) {
  if (threads == 0) threads = 1;
  size_t bytes = sizeof(tsr_pool) + threads * sizeof(tsr_worker);
  tsr_pool *pool = NULL;
  if (posix_memalign((void **)&pool, 64, bytes) != 0) return NULL;
  atomic_init(&pool->left, 0);
  atomic_init(&pool->done, 0);
  atomic_init(&pool->task, NULL);
  atomic_init(&pool->context, NULL);
  atomic_init(&pool->count, 0);
  atomic_init(&pool->sleeping, 0);
  atomic_init(&pool->closing, false);
  atomic_init(&pool->waiting, false);
  pool->threads = threads;
  pool->made = 0;
  pool->started = false;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->news, NULL);
  pthread_cond_init(&pool->finished, NULL);
  return pool;
}

void tsr_pool_close(tsr_pool *pool) {
  if (pool == NULL) return;
  pthread_mutex_lock(&pool->lock);
  atomic_store(&pool->closing, true);
  pthread_cond_broadcast(&pool->news);
  pthread_mutex_unlock(&pool->lock);
  for (uint32_t i = 0; i < pool->made; i++) pthread_join(pool->worker[i].thread, NULL);
  pthread_cond_destroy(&pool->finished);
  pthread_cond_destroy(&pool->news);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

uint32_t tsr_pool_threads(const tsr_pool *pool) { return pool->threads; }

void tsr_pool_run(tsr_pool *pool, size_t count, tsr_task task, void *context) {
  if (pool->threads == 1 || count <= 1) {
    for (size_t i = 0; i < count; i++) task(context, i, 0);
    return;
  }
  if (!pool->started) make_workers(pool);
  atomic_store_explicit(&pool->task, task, memory_order_relaxed);
  atomic_store_explicit(&pool->context, context, memory_order_relaxed);
  atomic_store_explicit(&pool->count, count, memory_order_relaxed);
  atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
  uint32_t run = run_of(atomic_load_explicit(&pool->left, memory_order_relaxed)) + 1;
  atomic_store(&pool->left, (uint64_t)run << 32 | (uint32_t)count);
  wake(pool, count - 1);
  work(pool, run, 0);
  await_done(pool, count);
}
