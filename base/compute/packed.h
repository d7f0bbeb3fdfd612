/*
 * A weight rearranged once for the fastest product this library has for it: f32, bf16 with f32 sums, or int8 with int32 sums.
 * The arrangement is the same on every processor, so it can be kept in a file and mapped.
 *
 * Columns of the product (rows of the weight) lie in panels of TL_PACKED_COLUMNS, in each panel one group of 32 bits a column
 * after the other: one f32, two bf16 or four int8 that follow each other in the row. Missing columns and the tail of the last
 * group are 0.
 */
#ifndef TL_BASE_COMPUTE_PACKED_H
#define TL_BASE_COMPUTE_PACKED_H

#include "base/compute/linear.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { TL_PACKED_COLUMNS = 32 };

static inline size_t tl_packed_panel_count(size_t out)
{
    return (out + TL_PACKED_COLUMNS - 1) / TL_PACKED_COLUMNS;
}

/* The longest row of a weight whose sums surely fit. */
size_t tl_packed_most_in(tl_packed_kind kind);
/* Bytes of the panels, and of the scales (0 unless int8). */
size_t tl_packed_panel_size(tl_packed_kind kind, size_t out, size_t in);
size_t tl_packed_scale_count(tl_packed_kind kind, size_t out);
/* Fills panels and scales from a weight [out, in]; both must be as large as said above, panels aligned to 64 bytes. in <=
 * tl_packed_most_in. factors [in]: what the columns are multiplied by, NULL: 1. Of int8 rows that are not finite every product is
 * NaN. */
void tl_pack_weight(tl_packed_kind kind, const tl_weight *weight, const float *factors, size_t out, size_t in, void *panels,
                    float *scales);

/* Rows first..first + count - 1 of a packed weight; none (panels NULL) when first is not where a panel starts. */
tl_packed_weight tl_packed_rows(const tl_packed_weight *weight, size_t first, size_t count);
/* Columns first..first + count - 1; none of int8, and none where a group would be cut. */
tl_packed_weight tl_packed_columns(const tl_packed_weight *weight, size_t first, size_t count);

/* Whether products in f32 are faster packed even where both factors are packed anew each time: with AVX-512, whose registers hold
 * a tile as large as a BLAS's. */
bool tl_packing_pays(void);

/* Panels first..first + count - 1 of what tl_pack_weight makes in f32 or bf16 of one part of f32, fast: for weights that change
 * with every step. panels: of the whole weight. */
void tl_pack_panels(tl_packed_kind kind, const tl_weight *weight, size_t out, size_t in, size_t first, size_t count,
                    void *panels);

/* c [m, n] += a^T b in f32, or in bf16 with f32 sums, a [k, m] and b [k, n] of f32 (for bf16 also of bf16), rows *_row numbers
 * apart: a gradient by a weight. On the caller's thread; sums run in an order that m, n and k alone give. */
typedef struct tl_outer_call {
    tl_packed_kind kind;
    size_t m, n, k;
    const void *a, *b;
    size_t a_row, b_row;
    float *c;
    size_t c_row;
    tl_dtype a_dtype, b_dtype;
} tl_outer_call;
/* Bytes of scratch of products of at most so many rows and columns. */
size_t tl_outer_scratch_size(tl_packed_kind kind, size_t m, size_t n);
/* scratch is aligned to 64 bytes. */
void tl_outer(const tl_outer_call *call, void *scratch);

/* Bytes of scratch for x of so many rows. */
size_t tl_packed_scratch_size(tl_packed_kind kind, size_t rows, size_t in);
/* tl_linear_run of a weight that has a packed form. scratch is aligned to 64 bytes. The same bits for any pool. */
void tl_packed_linear(tl_thread_pool *pool, const tl_linear_call *call, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
