/* Packed products for processors with AVX2, FMA and AVX-VNNI. Compiled with those flags (cmake/TwinlensKernels.cmake); empty on
 * other architectures. */
#define TL_VECTOR_FLOATS 8
#define TL_BLOCK_ROWS 3
#define TL_PACKED_TABLE tl_packed_avx_vnni
#define TL_PACKED_NAME "avx_vnni"
#if defined(__x86_64__)
#include <immintrin.h>
#define TL_DOT_INT8(sums, a, b) ((group_vector)_mm256_dpbusd_avx_epi32((__m256i)(sums), (__m256i)(a), (__m256i)(b)))
#include "base/compute/packed_body_internal.h"
#else
typedef int tl_no_avx_vnni_here;
#endif
