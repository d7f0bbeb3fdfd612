/* Packed products for processors with AVX2 and FMA. Compiled with those flags (cmake/TwinlensKernels.cmake); empty on other
 * architectures. */
#define TL_VECTOR_FLOATS 8
#define TL_BLOCK_ROWS 3
#define TL_PACKED_TABLE tl_packed_avx2
#define TL_PACKED_NAME "avx2"
#if defined(__x86_64__)
#include <immintrin.h>
#define TL_MULTIPLY_PAIRS(a, b) ((vector_mask)_mm256_madd_epi16((__m256i)(a), (__m256i)(b)))
#include "base/compute/packed_body_internal.h"
#else
typedef int tl_no_avx2_here;
#endif
