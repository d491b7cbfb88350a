/* limits.c: what this machine can do at best: float32 multiply-adds a second out of registers, and bytes a second read
 * from memory, on so many threads at a time. Compiled for the machine itself; prints one line of JSON. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Accumulators in flight: the latency of a multiply-add times those begun in a cycle, with room. */
enum { CHAINS = 12 };

#if defined(__AVX512F__)
#include <immintrin.h>
typedef __m512 vec;
#define FMA _mm512_fmadd_ps
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
typedef __m256 vec;
#define FMA _mm256_fmadd_ps
#elif defined(__aarch64__)
#include <arm_neon.h>
typedef float32x4_t vec;
#define FMA(a, b, c) vfmaq_f32(c, a, b)
#else
typedef float vec __attribute__((vector_size(16)));
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

enum { LANES = sizeof(vec) / sizeof(float), TURNS = 7 };
static const long FMA_STEPS = 12000000;
/* Of all threads together; beyond every cache. */
static const size_t READ_BYTES = (size_t)768 << 20;

typedef struct {
  const char* data;
  size_t bytes;
  float sink;
  double begun, ended;
} worker;

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static vec all(float value) {
  float lanes[LANES];
  vec v;
  for (int i = 0; i < LANES; i++) lanes[i] = value;
  memcpy(&v, lanes, sizeof v);
  return v;
}

static float sum(vec v) {
  float lanes[LANES], total = 0;
  memcpy(lanes, &v, sizeof lanes);
  for (int i = 0; i < LANES; i++) total += lanes[i];
  return total;
}

static void* multiply_add(void* p) {
  worker* w = p;
  const volatile float half = 0.5f;
  vec acc[CHAINS];
  for (int c = 0; c < CHAINS; c++) acc[c] = all((float)c * half); /* unlike ones: like ones would be computed once */
  const vec x = all(half), y = x;
  w->begun = seconds();
  for (long i = 0; i < FMA_STEPS; i++) {
    for (int c = 0; c < CHAINS; c++) acc[c] = FMA(acc[c], x, y);
  }
  for (int c = 0; c < CHAINS; c++) w->sink += sum(acc[c]);
  w->ended = seconds();
  return p;
}

static void* read_all(void* p) {
  worker* w = p;
  typedef int words __attribute__((vector_size(sizeof(vec))));
  words acc[4];
  memset(acc, 0, sizeof acc);
  w->begun = seconds();
  const words* data = (const words*)w->data;
  for (size_t i = 0; i + 4 <= w->bytes / sizeof(words); i += 4) {
    for (int c = 0; c < 4; c++) acc[c] ^= data[i + (size_t)c];
  }
  for (int c = 1; c < 4; c++) acc[0] ^= acc[c];
  w->sink = (float)acc[0][0];
  w->ended = seconds();
  return p;
}

/* The shortest of some turns, each from the moment when the first thread began to that when the last one ended. */
static double best(void* (*work)(void*), int threads, const char* data) {
  double shortest = 1e30, used = 0;
  pthread_t* ids = malloc((size_t)threads * sizeof *ids);
  worker* workers = malloc((size_t)threads * sizeof *workers);
  const size_t each = READ_BYTES / (size_t)threads / 4096 * 4096;
  for (int turn = 0; turn < TURNS; turn++) {
    for (int i = 0; i < threads; i++) {
      workers[i] = (worker){.data = data + (size_t)i * each, .bytes = each};
      pthread_create(&ids[i], NULL, work, &workers[i]);
    }
    double begun = 1e30, ended = 0;
    for (int i = 0; i < threads; i++) {
      pthread_join(ids[i], NULL);
      begun = workers[i].begun < begun ? workers[i].begun : begun;
      ended = workers[i].ended > ended ? workers[i].ended : ended;
      used += workers[i].sink;
    }
    shortest = ended - begun < shortest ? ended - begun : shortest;
  }
  if (used == 0.25) fputs(" ", stderr); /* so that no loop is left out */
  free(ids);
  free(workers);
  return shortest;
}

int main(int count, char** words) {
  const int threads = count > 1 ? atoi(words[1]) : 1;
  if (threads < 1) return 2;
  char* data = aligned_alloc(4096, READ_BYTES);
  if (!data) return 1;
  memset(data, 1, READ_BYTES);
  const double flops = 2.0 * LANES * CHAINS * (double)FMA_STEPS * threads;
  const double gflops = flops / best(multiply_add, threads, data) / 1e9;
  const double gbs = (double)READ_BYTES / best(read_all, threads, data) / 1e9;
  printf("{\"gflops\": %.2f, \"gbs\": %.2f, \"lanes\": %d}\n", gflops, gbs, (int)LANES);
  free(data);
  return 0;
}
