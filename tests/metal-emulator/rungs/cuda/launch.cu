/* launch.cu: the interface of the emulator (emulator.h) over kernels that nvcc compiled: whoever runs kernels through
 * it, as the fake Metal does, runs them on the GPU. Each launch also runs in the emulator, libkernels.so beside this
 * library, on a copy of its operands; the words in which the two differ are counted, by kernel, in the file
 * TSR_CUDA_REPORT. */
#include "../../runtime/emulator.h"
#include "launch.hpp"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace {

struct Emulator {
  uint32_t (*module_count)(void);
  const emulator_module *(*module_at)(uint32_t);
  int32_t (*run)(const emulator_launch *, char *, size_t);
};

/* One kernel's line of the report, as cuda.ts reads it. */
struct Tally {
  char name[40];
  double launches, groups, words, differing;
  double worst; /* the largest difference of two finite floats, in units of the last place of the larger */
};
constexpr uint32_t TALLIES = 128;

/* Memory of the host that operands of a launch lie in, with its copies. */
struct Piece {
  char *host;
  size_t bytes;
  char *allocated, *device;
  std::vector<char> emulated;
};

/* Opens the library that lies beside this one; without it nothing can be run, and emulator_module_count is 0. */
const Emulator &emulator() {
  static const Emulator found = [] {
    Emulator e = {};
    Dl_info here;
    if (!dladdr(reinterpret_cast<const void *>(&emulator_abi), &here)) return e;
    std::string path = here.dli_fname;
    path = path.substr(0, path.rfind('/') + 1) + "libkernels.so";
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      fprintf(stderr, "%s\n", dlerror());
      return e;
    }
    e.module_count = reinterpret_cast<uint32_t (*)(void)>(dlsym(library, "emulator_module_count"));
    e.module_at = reinterpret_cast<const emulator_module *(*)(uint32_t)>(dlsym(library, "emulator_module_at"));
    e.run = reinterpret_cast<int32_t (*)(const emulator_launch *, char *, size_t)>(dlsym(library, "emulator_run"));
    return e;
  }();
  return found;
}

/* The report, shared with later processes: nothing is lost where a process ends without its exit handlers. */
Tally *tallies() {
  static Tally *const shared = [] {
    static Tally own[TALLIES];
    const char *path = getenv("TSR_CUDA_REPORT");
    int file = path ? open(path, O_RDWR | O_CREAT, 0644) : -1;
    if (file < 0 || ftruncate(file, sizeof own) != 0) return own;
    void *mapped = mmap(nullptr, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return mapped == MAP_FAILED ? own : static_cast<Tally *>(mapped);
  }();
  return shared;
}

Tally &tally_of(const char *name) {
  Tally *all = tallies();
  uint32_t i = 0;
  while (i < TALLIES - 1 && all[i].name[0] && strcmp(all[i].name, name)) i++;
  if (!all[i].name[0]) snprintf(all[i].name, sizeof all[i].name, "%s", name);
  return all[i];
}

struct Failure {
  std::string why;
};

void check(cudaError_t result, const char *what) {
  if (result != cudaSuccess) throw Failure{std::string(what) + ": " + cudaGetErrorString(result)};
}

struct Found {
  const cuda_module *module;
  const void *entry;
};

Found find(const char *name) {
  for (const cuda_module *const *m = cuda_modules; *m; m++) {
    for (const cuda_kernel *k = (*m)->kernels; k->name; k++) {
      if (!strcmp(k->name, name)) return {*m, k->entry};
    }
  }
  throw Failure{"no CUDA kernel of that name"};
}

void set_constants(const cuda_module &module, const emulator_launch &launch) {
  for (const cuda_constant *c = module.constants; c->symbol; c++) {
    for (uint32_t i = 0; i < launch.constant_count; i++) {
      if (launch.constants[i].index != c->index) continue;
      check(cudaMemcpyToSymbol(c->symbol, &launch.constants[i].bits, c->bytes), "function constant");
    }
  }
}

/* The operands' memory, what overlaps as one piece. */
std::vector<Piece> pieces_of(const emulator_launch &launch) {
  std::vector<Piece> pieces;
  std::vector<emulator_buffer> bound;
  for (const emulator_buffer &b : launch.buffers) {
    if (b.bytes && b.length) bound.push_back(b);
  }
  std::sort(bound.begin(), bound.end(), [](auto &a, auto &b) { return a.bytes < b.bytes; });
  for (const emulator_buffer &b : bound) {
    char *from = static_cast<char *>(b.bytes), *to = from + b.length;
    if (pieces.empty() || from >= pieces.back().host + pieces.back().bytes) {
      pieces.push_back({from, b.length, nullptr, nullptr, {}});
    } else {
      Piece &last = pieces.back();
      last.bytes = std::max(last.bytes, static_cast<size_t>(to - last.host));
    }
  }
  return pieces;
}

/* Device memory that ends where the piece ends, so that memcheck sees a step too far, and lies as the piece lies within
 * 256 bytes, so that an operand is aligned for vectors only where it was. */
void upload(std::vector<Piece> &pieces) {
  for (Piece &p : pieces) {
    const size_t lead = reinterpret_cast<uintptr_t>(p.host) % 256;
    check(cudaMalloc(reinterpret_cast<void **>(&p.allocated), lead + p.bytes), "cudaMalloc");
    p.device = p.allocated + lead;
    check(cudaMemcpy(p.device, p.host, p.bytes, cudaMemcpyHostToDevice), "upload");
    p.emulated.assign(p.host, p.host + p.bytes);
  }
}

const Piece *piece_at(const std::vector<Piece> &pieces, const void *bytes) {
  const char *at = static_cast<const char *>(bytes);
  for (const Piece &p : pieces) {
    if (at >= p.host && at < p.host + p.bytes) return &p;
  }
  return nullptr;
}

void run_on_gpu(const emulator_launch &launch, const std::vector<Piece> &pieces) {
  const Found found = find(launch.kernel->name);
  void *address[EMULATOR_BUFFERS] = {}, *arguments[2 * EMULATOR_BUFFERS];
  unsigned offset[EMULATOR_BUFFERS] = {}, shared = 0, count = 0;
  for (uint32_t i = 0; i < launch.kernel->parameter_count; i++) {
    const emulator_parameter &p = launch.kernel->parameters[i];
    if (p.kind == EMULATOR_BUFFER) {
      const Piece *piece = piece_at(pieces, launch.buffers[p.index].bytes);
      if (piece) address[p.index] = piece->device + (static_cast<char *>(launch.buffers[p.index].bytes) - piece->host);
      arguments[count++] = &address[p.index];
    } else if (p.kind == EMULATOR_THREADGROUP) {
      offset[p.index] = shared;
      shared += launch.threadgroup_bytes[p.index];
      arguments[count++] = &offset[p.index];
    }
  }
  set_constants(*found.module, launch);
  const dim3 grid(launch.groups[0], launch.groups[1], launch.groups[2]);
  const dim3 block(launch.group_size[0], launch.group_size[1], launch.group_size[2]);
  check(cudaLaunchKernel(found.entry, grid, block, arguments, shared, nullptr), "launch");
  check(cudaDeviceSynchronize(), "kernel");
}

/* The emulator's run of the same launch, on the copies. */
void run_emulated(const emulator_launch &launch, std::vector<Piece> &pieces) {
  emulator_launch copy = launch;
  for (emulator_buffer &b : copy.buffers) {
    const Piece *piece = piece_at(pieces, b.bytes);
    if (piece) b.bytes = const_cast<char *>(piece->emulated.data()) + (static_cast<char *>(b.bytes) - piece->host);
  }
  char why[1024];
  copy.checks = 0;
  if (emulator().run(&copy, why, sizeof why) != EMULATOR_OK) throw Failure{std::string("the emulator: ") + why};
}

double apart(uint32_t a, uint32_t b) {
  float x, y;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  if (!std::isfinite(x) || !std::isfinite(y)) return INFINITY;
  const float larger = std::max(std::fabs(x), std::fabs(y));
  return std::fabs(double(x) - double(y)) / (double(nextafterf(larger, INFINITY)) - double(larger));
}

/* Takes the GPU's results, and counts what they have changed and where they differ from the emulator's. Two NaN are
 * alike: their payloads are nobody's promise. */
void download(std::vector<Piece> &pieces, Tally &tally) {
  std::vector<char> now;
  for (Piece &p : pieces) {
    now.resize(p.bytes);
    check(cudaMemcpy(now.data(), p.device, p.bytes, cudaMemcpyDeviceToHost), "download");
    for (size_t i = 0; i + 4 <= p.bytes; i += 4) {
      uint32_t before, gpu, emulated;
      memcpy(&before, p.host + i, 4);
      memcpy(&gpu, now.data() + i, 4);
      memcpy(&emulated, p.emulated.data() + i, 4);
      if (gpu != before || emulated != before) tally.words++;
      const bool numbers = (gpu & 0x7FFFFFFF) <= 0x7F800000 || (emulated & 0x7FFFFFFF) <= 0x7F800000;
      if (gpu == emulated || !numbers) continue;
      tally.differing++;
      tally.worst = std::max(tally.worst, apart(gpu, emulated));
    }
    memcpy(p.host, now.data(), p.bytes);
  }
}

void run(const emulator_launch &launch) {
  if (!launch.kernel || !emulator().run) throw Failure{"no kernel, or no libkernels.so beside this library"};
  if (launch.threads[0] || launch.group_count) throw Failure{"parts of a grid are for the emulator"};
  Tally &tally = tally_of(launch.kernel->name);
  std::vector<Piece> pieces = pieces_of(launch);
  try {
    upload(pieces);
    run_on_gpu(launch, pieces);
    run_emulated(launch, pieces);
    download(pieces, tally);
  } catch (const Failure &) {
    for (Piece &p : pieces) cudaFree(p.allocated);
    throw;
  }
  for (Piece &p : pieces) check(cudaFree(p.allocated), "cudaFree");
  tally.launches++;
  tally.groups += double(launch.groups[0]) * launch.groups[1] * launch.groups[2];
}

} /* namespace */

uint32_t emulator_abi(void) { return EMULATOR_ABI; }

uint32_t emulator_module_count(void) { return emulator().module_count ? emulator().module_count() : 0; }

const emulator_module *emulator_module_at(uint32_t i) { return emulator().module_at(i); }

int32_t emulator_run(const emulator_launch *launch, char *error, size_t capacity) {
  static std::mutex lock;
  std::lock_guard<std::mutex> guard(lock);
  if (capacity > 0) error[0] = 0;
  try {
    run(*launch);
    return EMULATOR_OK;
  } catch (const Failure &failure) {
    snprintf(error, capacity, "%s: %s", launch->kernel ? launch->kernel->name : "a launch", failure.why.c_str());
    return EMULATOR_FAILED;
  }
}
