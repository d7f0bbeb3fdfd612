/* Kernels for any processor of the architecture: SSE2 on x86-64, vectors of four elsewhere (NEON on AArch64). */
#define TL_VECTOR_FLOATS 4
#define TL_KERNELS_TABLE tl_kernels_baseline
#define TL_KERNELS_NAME "baseline"
#include "base/compute/kernels_table_internal.h"
