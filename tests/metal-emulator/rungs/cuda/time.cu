/* time.cu: our 64x64 product and MLX's, both translated from Metal in the same way, timed on the GPU at n x n x n;
 * their results are compared with float64 in some rows. What is timed is how the two kernels divide the work: 8x8
 * matrices are shuffles here, so neither time says anything of Apple's GPUs. */
#include "../../../../metal/kernels/gemm_args.h"
#include "launch.hpp"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>
#include <vector>

namespace {

/* As MLX's steel/gemm/params.h lays it out. */
struct MlxParameters {
  int m, n, k, lda, ldb, ldd, tiles_n, tiles_m;
  int64_t batch_a, batch_b, batch_d;
  int swizzle, whole_steps, batch_dimensions;
};

struct Value {
  uint32_t index, bits;
};

void check(cudaError_t result, const char *what) {
  if (result == cudaSuccess) return;
  fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(result));
  exit(1);
}

const void *entry_of(const char *name, const std::vector<Value> &values) {
  for (const cuda_module *const *m = cuda_modules; *m; m++) {
    for (const cuda_kernel *k = (*m)->kernels; k->name; k++) {
      if (strcmp(k->name, name)) continue;
      for (const cuda_constant *c = (*m)->constants; c->symbol; c++) {
        for (const Value &v : values) {
          if (v.index == c->index) check(cudaMemcpyToSymbol(c->symbol, &v.bits, c->bytes), "function constant");
        }
      }
      return k->entry;
    }
  }
  fprintf(stderr, "there is no kernel %s\n", name);
  exit(1);
}

struct Product {
  uint32_t n;
  std::vector<float> a, b;
  float *device_a, *device_b, *device_c;
  void *arguments; /* on the device, as the kernel's buffer */
  uint32_t *gate;
};

template <class T> T *on_device(const T *from, size_t count) {
  T *p;
  check(cudaMalloc(&p, count * sizeof *p), "cudaMalloc");
  check(cudaMemcpy(p, from, count * sizeof *p, cudaMemcpyHostToDevice), "upload");
  return p;
}

/* The worst error in some rows, in units of 2^-24 |A||B|. */
double error_of(const Product &p) {
  const uint32_t n = p.n;
  std::vector<float> c(size_t(n) * n);
  check(cudaMemcpy(c.data(), p.device_c, c.size() * sizeof c[0], cudaMemcpyDeviceToHost), "download");
  double worst = 0;
  for (uint32_t i = 0; i < n; i += n / 16 + 1) {
    for (uint32_t j = 0; j < n; j++) {
      double sum = 0, size = 0;
      for (uint32_t k = 0; k < n; k++) {
        const double product = double(p.a[size_t(i) * n + k]) * p.b[size_t(k) * n + j];
        sum += product;
        size += std::fabs(product);
      }
      const double error = std::fabs(sum - c[size_t(i) * n + j]) / (0x1p-24 * size);
      if (!(error <= worst)) worst = error;
    }
  }
  return worst;
}

/* The median of some launches, in milliseconds. */
double time_of(const void *entry, dim3 grid, dim3 block, void **arguments) {
  constexpr int LAUNCHES = 15;
  std::vector<float> times;
  cudaEvent_t start, end;
  check(cudaEventCreate(&start), "event");
  check(cudaEventCreate(&end), "event");
  for (int i = 0; i < LAUNCHES; i++) {
    float ms;
    check(cudaEventRecord(start), "event");
    check(cudaLaunchKernel(entry, grid, block, arguments, 0, nullptr), "launch");
    check(cudaEventRecord(end), "event");
    check(cudaEventSynchronize(end), "kernel");
    check(cudaEventElapsedTime(&ms, start, end), "event");
    times.push_back(ms);
  }
  std::sort(times.begin(), times.end());
  return times[LAUNCHES / 2];
}

/* Prints a line of the table. */
double measure(const char *what, const Product &p, const void *entry, dim3 grid, dim3 block, void **arguments) {
  check(cudaMemset(p.device_c, 0xFF, sizeof(float) * p.n * p.n), "cudaMemset");
  const double ms = time_of(entry, grid, block, arguments);
  const double rate = 2e-6 * p.n * p.n * p.n / ms;
  printf("%-28s n %4u  %8.4f ms  %7.1f GFLOP/s  error %6.2f\n", what, p.n, ms, rate, error_of(p));
  return ms;
}

/* fold and its chain and group as product_plan.m gives them for these sizes; 0: one chain, as in MLX's kernel. */
double ours(const char *what, Product &p, uint32_t fold, uint32_t chain, uint32_t group) {
  const uint32_t n = p.n, tiles = (n / 64) * (n / 64);
  const gemm_args args = {n, n, n, n, n, n, 1, 0, tiles, n, chain, group, {1, 0, 0, 0}};
  void *device_args = on_device(&args, 1);
  void *arguments[] = {&device_args, &p.gate, &p.device_a, &p.device_b, &p.device_c};
  return measure(what, p, entry_of("gemm_nn_64", {{10, fold}, {11, 0}}), dim3(tiles), dim3(128), arguments);
}

double theirs(Product &p) {
  const int n = int(p.n), tiles = n / 64;
  const MlxParameters args = {n, n, n, n, n, n, tiles, tiles, 0, 0, 0, 0, n / 16, 1};
  const float epilogue[8] = {}; /* read although there is none */
  void *device_args = on_device(&args, 1), *device_epilogue = on_device(epilogue, 8), *none = nullptr;
  void *arguments[] = {&p.device_a, &p.device_b, &none, &p.device_c, &device_args, &device_epilogue, &none, &none};
  const void *entry = entry_of("mlx_product", {{10, 0}, {100, 0}, {110, 0}, {200, 1}, {201, 1}, {202, 1}});
  return measure("MLX's steel_gemm_fused", p, entry, dim3(tiles, tiles, 1), dim3(32, 2, 2), arguments);
}

} /* namespace */

int main() {
  uint32_t state = 1;
  for (uint32_t n : {1024u, 2048u}) {
    Product p = {n, std::vector<float>(size_t(n) * n), std::vector<float>(size_t(n) * n), 0, 0, 0, 0, 0};
    for (std::vector<float> *x : {&p.a, &p.b}) {
      for (float &value : *x) value = float(int32_t(state = state * 1664525u + 1013904223u)) * 0x1p-31f;
    }
    const uint32_t open = 1;
    p.device_a = on_device(p.a.data(), p.a.size());
    p.device_b = on_device(p.b.data(), p.b.size());
    p.device_c = on_device(p.a.data(), p.a.size());
    p.gate = on_device(&open, 1);
    const double other = theirs(p), chained = ours("ours, one chain", p, 0, n, 1);
    const double folded = ours("ours, chains", p, 1, n == 1024 ? 256 : 240, n == 1024 ? 130 : 131);
    printf("ours in parts of MLX's time: %.2f with one chain, %.2f with chains\n", chained / other, folded / other);
  }
  return 0;
}
