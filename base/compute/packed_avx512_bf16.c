/* Packed products for processors with AVX-512 and its VNNI and BF16. Compiled with those flags (cmake/TwinlensKernels.cmake);
 * empty on other architectures. */
#define TL_VECTOR_FLOATS 16
#define TL_BLOCK_ROWS 14
#define TL_PACKED_TABLE tl_packed_avx512_bf16
#define TL_PACKED_NAME "avx512_bf16"
#if defined(__x86_64__)
#include <immintrin.h>
#define TL_DOT_INT8(sums, a, b) ((group_vector)_mm512_dpbusd_epi32((__m512i)(sums), (__m512i)(a), (__m512i)(b)))
#define TL_DOT_BF16(sums, a, b) ((vector)_mm512_dpbf16_ps((__m512)(sums), (__m512bh)(a), (__m512bh)(b)))
#define TL_NARROW(value) ((half_lanes)_mm512_cvtneps_pbh((__m512)(value)))
#include "base/compute/packed_body_internal.h"
#else
typedef int tl_no_avx512_bf16_here;
#endif
