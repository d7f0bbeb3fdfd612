# Flags of the kernel files, and of no other file: base/compute/kernels_<isa>.c holds the same source for each instruction set. They are
# always optimised (the vector types are hopeless otherwise), may contract a * b + c, and do without errno and trap semantics.
set(kernel_flags -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math)
set(avx2_flags "-mavx2;-mfma")
set(avx512_flags "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mfma;-mprefer-vector-width=512")
foreach(body IN ITEMS kernels packed codes)
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/${body}_baseline.c" PROPERTIES COMPILE_OPTIONS "${kernel_flags}")
endforeach()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  foreach(body IN ITEMS kernels packed codes)
    set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/${body}_avx2.c" PROPERTIES COMPILE_OPTIONS "${kernel_flags};${avx2_flags}")
    set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/${body}_avx512.c" PROPERTIES COMPILE_OPTIONS "${kernel_flags};${avx512_flags}")
  endforeach()
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/codes_avx2.c" PROPERTIES COMPILE_OPTIONS
    "${kernel_flags};${avx2_flags};-mf16c")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/codes_avx512_vnni.c" PROPERTIES COMPILE_OPTIONS
    "${kernel_flags};${avx512_flags};-mavx512vnni")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/packed_avx_vnni.c" PROPERTIES COMPILE_OPTIONS
    "${kernel_flags};${avx2_flags};-mavxvnni")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/packed_avx512_vnni.c" PROPERTIES COMPILE_OPTIONS
    "${kernel_flags};${avx512_flags};-mavx512vnni")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/packed_avx512_bf16.c" PROPERTIES COMPILE_OPTIONS
    "${kernel_flags};${avx512_flags};-mavx512vnni;-mavx512bf16")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/packed_amx.c" PROPERTIES COMPILE_OPTIONS
    "${kernel_flags};${avx512_flags};-mavx512vnni;-mavx512bf16;-mamx-tile;-mamx-bf16;-mamx-int8")
endif()
# Resampling's passes, in integers.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/image/resize_avx2.c" PROPERTIES COMPILE_OPTIONS "-O3;-mavx2")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/image/resize_avx512.c" PROPERTIES COMPILE_OPTIONS
    "-O3;-mavx512f;-mavx512bw;-mavx512vl;-mavx512vnni")
endif()
