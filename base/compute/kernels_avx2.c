/* Kernels for processors with AVX2 and FMA. Compiled with those flags (cmake/TwinlensKernels.cmake); empty on other
 * architectures. */
#define TL_VECTOR_FLOATS 8
#define TL_KERNELS_TABLE tl_kernels_avx2
#define TL_KERNELS_NAME "avx2"
#if defined(__x86_64__)
#include "base/compute/kernels_table_internal.h"
#else
typedef int tl_no_avx2_here;
#endif
