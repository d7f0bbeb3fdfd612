/*
 * The table of packed products: like the table of kernels (kernels_internal.h), one source compiled for several instruction sets.
 * Within base/compute only.
 */
#ifndef TL_BASE_COMPUTE_PACKED_INTERNAL_H
#define TL_BASE_COMPUTE_PACKED_INTERNAL_H

#include "base/compute/packed.h"

#include <string.h>

enum {
    TL_PACKED_COLUMNS = 32,
    TL_PACKED_KINDS = 3,
    TL_MOST_BLOCK_ROWS = 14,
    TL_INT8_HEADER = TL_PACKED_COLUMNS * 4 /* bytes before an int8 panel: for each column -128 times the sum of its weights */
};

/* A row whose largest number is smaller is taken for zeros: 127 divided by it might pass what a float holds. */
#define TL_INT8_LEAST 1e-36f

/* Rows of y that one panel of columns gives for one block of rows of x. */
typedef struct tl_packed_tile {
    const uint32_t *a; /* [groups, rows]: the block of x, packed */
    size_t rows, groups;
    const void *panel;
    size_t columns;          /* of this panel that there are */
    const float *row_scales; /* int8: [rows] */
    const float *scales;     /* int8: [columns] */
    const float *bias;       /* [columns] or NULL */
    const float *residual;   /* or NULL; rows as far apart as y's */
    float *y;
    size_t y_row;
} tl_packed_tile;

typedef struct tl_packed_kernels {
    const char *name;
    size_t block_rows; /* rows of x that a tile takes at most */
    /* a [groups, rows] of rows of x [rows, in]; row_scales [rows] of int8. */
    void (*pack_rows[TL_PACKED_KINDS])(const float *x, size_t rows, size_t in, uint32_t *a, float *row_scales);
    void (*multiply[TL_PACKED_KINDS])(const tl_packed_tile *tile);
} tl_packed_kernels;

extern const tl_packed_kernels tl_packed_baseline;
#if defined(__x86_64__)
extern const tl_packed_kernels tl_packed_avx2, tl_packed_avx_vnni, tl_packed_avx512, tl_packed_avx512_vnni, tl_packed_avx512_bf16;
#endif

const tl_packed_kernels *tl_packed_active(void);

/* To nearest, ties to even; a NaN stays one. */
static inline uint32_t tl_bf16_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return (bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded;
}

#endif
