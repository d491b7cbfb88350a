// The kernel of misuse.m: fills x, by way of threadgroup memory. 32 threads in a group; one group for each 32 numbers.
#include <metal_stdlib>
using namespace metal;

constant uint OFFSET [[function_constant(0)]];

kernel void fill(constant float &value [[buffer(0)]], device float *x [[buffer(1)]],
                 threadgroup float *t [[threadgroup(0)]], uint i [[thread_position_in_grid]],
                 uint lane [[thread_position_in_threadgroup]]) {
  t[lane] = value + float(OFFSET);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  x[i] = t[lane];
}
