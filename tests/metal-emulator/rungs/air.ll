; air.ll: operations of AIR on 8x8 matrices, handed to air.cpp through memory, and a*b+c that is not fused.
define float @air_multiply_add(float %a, float %b, float %c) {
  %product = fmul float %a, %b
  %sum = fadd float %product, %c
  ret float %sum
}

declare void @air_multiply_accumulate(ptr, ptr, ptr, ptr)
declare void @air_load(ptr, ptr, i64, i64, i64, i1 zeroext)
declare void @air_store(ptr, ptr, i64, i64, i64, i1 zeroext)

define <64 x float> @air.simdgroup_matrix_8x8_multiply_accumulate.v64f32.v64f32.v64f32.v64f32(
    <64 x float> %a, <64 x float> %b, <64 x float> %c) {
  %pa = alloca <64 x float>
  %pb = alloca <64 x float>
  %pc = alloca <64 x float>
  store <64 x float> %a, ptr %pa
  store <64 x float> %b, ptr %pb
  store <64 x float> %c, ptr %pc
  call void @air_multiply_accumulate(ptr %pc, ptr %pa, ptr %pb, ptr %pc)
  %d = load <64 x float>, ptr %pc
  ret <64 x float> %d
}

define <64 x float> @air.simdgroup_matrix_8x8_init_filled.v64f32.f32(float %value) {
  %one = insertelement <64 x float> poison, float %value, i32 0
  %all = shufflevector <64 x float> %one, <64 x float> poison, <64 x i32> zeroinitializer
  ret <64 x float> %all
}

define <64 x float> @air.simdgroup_matrix_8x8_load.v64f32.p1f32(
    ptr addrspace(1) %p, i64 %stride, <2 x i64> %origin, i1 %transposed) {
  %m = alloca <64 x float>
  store <64 x float> zeroinitializer, ptr %m
  %q = addrspacecast ptr addrspace(1) %p to ptr
  %x = extractelement <2 x i64> %origin, i32 0
  %y = extractelement <2 x i64> %origin, i32 1
  call void @air_load(ptr %m, ptr %q, i64 %stride, i64 %x, i64 %y, i1 zeroext %transposed)
  %value = load <64 x float>, ptr %m
  ret <64 x float> %value
}

define void @air.simdgroup_matrix_8x8_store.v64f32.p1f32(
    <64 x float> %value, ptr addrspace(1) %p, i64 %stride, <2 x i64> %origin, i1 %transposed) {
  %m = alloca <64 x float>
  store <64 x float> %value, ptr %m
  %q = addrspacecast ptr addrspace(1) %p to ptr
  %x = extractelement <2 x i64> %origin, i32 0
  %y = extractelement <2 x i64> %origin, i32 1
  call void @air_store(ptr %m, ptr %q, i64 %stride, i64 %x, i64 %y, i1 zeroext %transposed)
  ret void
}
