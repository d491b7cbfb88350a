// Kernels with one fault each that the tile kernel has no place for.
#include <metal_stdlib>
#include <metal_simdgroup_matrix>
using namespace metal;
#pragma METAL fp contract(off)

struct block {
  float v[5];
};

// Copies blocks of five floats, one a thread, without a look at the last.
kernel void structure_beyond(device const float *from [[buffer(0)]], device float *to [[buffer(1)]],
                             uint t [[thread_position_in_grid]]) {
  device const block *blocks = (device const block *)from;
  ((device block *)to)[t] = blocks[t];
}

// A sum over half of each SIMD-group.
kernel void half_a_simdgroup(device float *x [[buffer(0)]], uint t [[thread_position_in_grid]]) {
  float v = x[t];
  if (t % 32 < 16) {
    v = simd_sum(v);
  }
  x[t] = v;
}

// Sound where the last SIMD-group is whole.
kernel void whole_matrix(device float *x [[buffer(0)]], ushort s [[simdgroup_index_in_threadgroup]]) {
  simdgroup_float8x8 m;
  simdgroup_load(m, x + s * 64, 8);
  simdgroup_multiply(m, m, m);
  simdgroup_store(m, x + s * 64, 8);
}

// Every lane reads lane 31.
kernel void last_lane(device float *x [[buffer(0)]], uint t [[thread_position_in_grid]]) {
  x[t] = simd_shuffle(x[t], ushort(31));
}

// Threads exchange through device memory over a barrier that orders threadgroup memory only.
kernel void wrong_memory(device float *x [[buffer(0)]], uint t [[thread_position_in_grid]],
                         uint size [[threads_per_threadgroup]]) {
  x[t] = float(t);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const float next = x[(t + 1) % size];
  threadgroup_barrier(mem_flags::mem_device);
  x[t] = next;
}

// The same with the right barrier.
kernel void right_memory(device float *x [[buffer(0)]], uint t [[thread_position_in_grid]],
                         uint size [[threads_per_threadgroup]]) {
  x[t] = float(t);
  threadgroup_barrier(mem_flags::mem_device);
  const float next = x[(t + 1) % size];
  threadgroup_barrier(mem_flags::mem_device);
  x[t] = next;
}

// 40 KiB of threadgroup memory.
kernel void much_memory(device float *x [[buffer(0)]], ushort t [[thread_index_in_threadgroup]]) {
  threadgroup float much[10240];
  much[t] = x[t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  x[t] = much[t ^ 1];
}

// The two halves of a SIMD-group meet in different operations.
kernel void mixed_operations(device float *x [[buffer(0)]], uint t [[thread_position_in_grid]]) {
  if (t % 2 == 0) {
    x[t] = simd_sum(x[t]);
  } else {
    x[t] = simd_max(x[t]);
  }
}

// Lanes exchange through threadgroup memory with a barrier of the SIMD-group: sound.
kernel void simdgroup_exchange(device float *x [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float shared[128];
  shared[t] = x[t];
  simdgroup_barrier(mem_flags::mem_threadgroup);
  x[t] = shared[t ^ 1];
}

// Counts elements above a limit in one word for all threadgroups, by atomic additions: sound.
kernel void count_above(device const float *x [[buffer(0)]], device atomic_uint *count [[buffer(1)]],
                        constant float &limit [[buffer(2)]], uint t [[thread_position_in_grid]]) {
  if (x[t] > limit) {
    atomic_fetch_add_explicit(count, 1u, memory_order_relaxed);
  }
}

// Reads four floats where two are left.
kernel void vector_beyond(device float *x [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float shared[6];
  if (t < 6) {
    shared[t] = x[t];
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const float4 last = *(threadgroup const float4 *)(shared + 4);
  x[t] = last.x;
}

// Threads take numbers in the order in which they run.
kernel void arrival(device atomic_uint *next [[buffer(0)]], device uint *number [[buffer(1)]],
                    uint t [[thread_position_in_grid]]) {
  number[t] = atomic_fetch_add_explicit(next, 1u, memory_order_relaxed);
}

// Every threadgroup reads a word, and the last one writes it.
kernel void last_group_writes(device float *x [[buffer(0)]], uint group [[threadgroup_position_in_grid]],
                              uint groups [[threadgroups_per_grid]], ushort t [[thread_index_in_threadgroup]]) {
  if (t == 0) {
    const float v = x[0];
    x[1 + group] = v;
    if (group + 1 == groups) {
      x[0] = v;
    }
  }
}

// Reads a function constant that a launch may forget, and a buffer that the constant can switch off.
constant bool has_bias [[function_constant(3)]];
kernel void optional_bias(device float *x [[buffer(0)]],
                          device const float *bias [[buffer(1), function_constant(has_bias)]],
                          uint t [[thread_position_in_grid]]) {
  if (has_bias) {
    x[t] += bias[t];
  }
}

template <typename T>
[[max_total_threads_per_threadgroup(64)]] kernel void scale(device T *x [[buffer(0)]], constant float &by [[buffer(1)]],
                                                            uint t [[thread_position_in_grid]]) {
  x[t] = T(float(x[t]) * by);
}
typedef decltype(scale<float>) scale_float;
template [[host_name("scale_f32")]] kernel scale_float scale<float>;
typedef decltype(scale<half>) scale_half;
template [[host_name("scale_f16")]] kernel scale_half scale<half>;
