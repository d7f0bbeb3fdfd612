/* Kernels for processors with AVX-512 F, BW, VL and DQ. Compiled with those flags (cmake/TwinlensKernels.cmake); empty elsewhere.
 */
#define TL_VECTOR_FLOATS 16
#define TL_KERNELS_TABLE tl_kernels_avx512
#define TL_KERNELS_NAME "avx512"
#if defined(__x86_64__)
#include "base/compute/kernels_table_internal.h"
#else
typedef int tl_no_avx512_here;
#endif
