/* Packed products for any processor of the architecture. */
#define TL_VECTOR_FLOATS 4
#define TL_BLOCK_ROWS 1
#define TL_PACKED_TABLE tl_packed_baseline
#define TL_PACKED_NAME "baseline"
#include "base/compute/packed_body_internal.h"
