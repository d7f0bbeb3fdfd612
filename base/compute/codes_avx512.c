/* Code kernels for processors with AVX-512 (F, BW, VL, DQ). Compiled with those flags; empty on other architectures. */
#if defined(__x86_64__)
#include <immintrin.h>
#define TL_CODES_TABLE tl_codes_avx512
#define ADD_PRODUCTS(sum, codes, query) \
    _mm512_add_epi32((sum), _mm512_madd_epi16(_mm512_maddubs_epi16((codes), (query)), _mm512_set1_epi16(1)))
#include "base/compute/codes_avx512_body_internal.h"
#else
typedef int tl_no_avx512_here;
#endif
