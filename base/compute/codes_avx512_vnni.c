/* Code kernels for processors with AVX-512 and its VNNI. Compiled with those flags; empty on other architectures. */
#if defined(__x86_64__)
#include <immintrin.h>
#define TL_CODES_TABLE tl_codes_avx512_vnni
#define ADD_PRODUCTS(sum, codes, query) _mm512_dpbusd_epi32((sum), (codes), (query))
#include "base/compute/codes_avx512_body_internal.h"
#else
typedef int tl_no_avx512_here;
#endif
