# Flags of the kernel files, and of no other file: base/compute/kernels_<isa>.c holds the same source for each instruction set. They are
# always optimised (the vector types are hopeless otherwise), may contract a * b + c, and do without errno and trap semantics.
set(kernel_flags -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math)
set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/kernels_baseline.c" PROPERTIES COMPILE_OPTIONS "${kernel_flags}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/kernels_avx2.c" PROPERTIES COMPILE_OPTIONS "${kernel_flags};-mavx2;-mfma")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/compute/kernels_avx512.c" PROPERTIES COMPILE_OPTIONS
    "${kernel_flags};-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mfma;-mprefer-vector-width=512")
endif()
# Resampling's passes, in integers.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/image/resize_avx2.c" PROPERTIES COMPILE_OPTIONS "-O3;-mavx2")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/base/image/resize_avx512.c" PROPERTIES COMPILE_OPTIONS
    "-O3;-mavx512f;-mavx512bw;-mavx512vl;-mavx512vnni")
endif()
