/* Packed products for processors with AVX-512 (F, BW, VL, DQ). Compiled with those flags (cmake/TwinlensKernels.cmake); empty on
 * other architectures. */
#define TL_VECTOR_FLOATS 16
#define TL_BLOCK_ROWS 14
#define TL_PACKED_TABLE tl_packed_avx512
#define TL_PACKED_NAME "avx512"
#if defined(__x86_64__)
#include <immintrin.h>
#define TL_MULTIPLY_PAIRS(a, b) ((vector_mask)_mm512_madd_epi16((__m512i)(a), (__m512i)(b)))
#include "base/compute/packed_body_internal.h"
#else
typedef int tl_no_avx512_here;
#endif
