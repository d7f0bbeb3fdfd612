/*
 * A parameter as it lies in memory: in a mapped file of someone else's layout, or in a block of our own. The products take it as
 * it is, so that opening a model copies nothing. Its logical shape is [rows, columns], row-major.
 */
#ifndef TL_BASE_COMPUTE_WEIGHT_H
#define TL_BASE_COMPUTE_WEIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_dtype {
    TL_F32,
    TL_F16, /* IEEE 754 binary16 */
    TL_BF16 /* the upper half of an f32 */
} tl_dtype;

typedef enum tl_packed_kind {
    TL_PACKED_F32,
    TL_PACKED_BF16, /* both factors rounded to bf16 */
    TL_PACKED_INT8  /* weights by row of the weight, activations by row of x, each to -127..127 of its largest */
} tl_packed_kind;

enum { TL_PACKED_KINDS = 3 };

typedef struct tl_packed_weight {
    tl_packed_kind kind;
    size_t out, in;      /* of the weight [out, in] */
    const void *panels;  /* aligned to 64 bytes */
    const float *scales; /* int8: [out], what one step of a row is worth */
    size_t panel_bytes;  /* from one panel to the next; 0: as `in` says */
    /* Where the columns are another multiple of the weight's and its input is to be moved: gain and bias [in] of the norm that
     * makes the input and the bias [out], in place of the layer's own; NULL: as they are. */
    const float *norm_gain, *norm_bias, *bias;
} tl_packed_weight;

enum { TL_WEIGHT_MAX_PARTS = 3 };

typedef struct tl_weight {
    /* Parts stacked by rows: one, or those of a file that keeps queries, keys and values apart. The last one's rows are all that
     * remain. */
    const void *parts[TL_WEIGHT_MAX_PARTS];
    size_t part_rows[TL_WEIGHT_MAX_PARTS];
    uint32_t part_count;
    tl_dtype dtype;
    bool is_transposed;      /* memory holds [columns, rows]; then there is one part */
    tl_packed_weight packed; /* the same once more, for tl_linear_run; panels NULL: not made */
    tl_packed_weight turned; /* and transposed, [in, out], for tl_linear_run_backward */
} tl_weight;

/* One part of f32 rows. */
tl_weight tl_weight_of_floats(const float *values);

/* The values of a weight that is one part of f32 as its shape says: every vector is, and all that is trained. */
const float *tl_weight_floats(const tl_weight *weight);
/* Rows first..first + count - 1, of a weight with so many columns; they start where a part starts, or lie inside one. Not of a
 * transposed one. */
tl_weight tl_weight_rows(const tl_weight *weight, size_t first, size_t count, size_t columns);
/* out [columns] = row of a weight that is not transposed. */
void tl_weight_widen_row(const tl_weight *weight, size_t row, size_t columns, float *out);
size_t tl_dtype_size(tl_dtype dtype); /* bytes */
/* out [count] = values of the type, exactly. */
void tl_widen(tl_dtype dtype, const void *values, size_t count, float *out);
/* values [count] of the type, to the nearest with ties to even; what is too large for f16 becomes infinite. */
void tl_narrow(tl_dtype dtype, const float *values, size_t count, void *out);
/* Number of the first value that is not finite, count when all are. values may be unaligned. */
size_t tl_find_not_finite(tl_dtype dtype, const void *values, size_t count);

#ifdef __cplusplus
}
#endif

#endif
