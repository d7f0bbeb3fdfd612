/*
 * The table of packed products: like the table of kernels (kernels_internal.h), one source compiled for several instruction sets.
 * Within base/compute only.
 */
#ifndef TL_BASE_COMPUTE_PACKED_INTERNAL_H
#define TL_BASE_COMPUTE_PACKED_INTERNAL_H

#include "base/compute/packed.h"

#include <string.h>

enum {
    TL_INT8_HEADER = TL_PACKED_COLUMNS * 4 /* bytes before an int8 panel: for each column -128 times the sum of its weights */
};

/* A row whose largest number is smaller is taken for zeros: 127 divided by it might pass what a float holds. */
#define TL_INT8_LEAST 1e-36f

/* Rows first..first + count - 1 of a block of block_rows rows of x, to be packed into a, the block's memory. */
typedef struct tl_packed_source {
    const void *x; /* [count, in] */
    tl_dtype dtype;
    size_t first, count, block_rows, in;
    void *a;
    float *row_scales; /* int8: [block_rows] */
} tl_packed_source;

/* Rows of y that one panel of columns gives for one block of rows of x. */
typedef struct tl_packed_tile {
    const void *a; /* the block of x, packed, from the first group of this pass */
    size_t a_row;  /* bytes of a packed row */
    size_t rows, groups;
    const void *panel;     /* from the first group of this pass */
    const int32_t *header; /* int8: what the sums of the columns start from; NULL: 0 */
    const char *ahead;     /* lines of the cache to ask for on the way */
    size_t lines_ahead;
    size_t columns;          /* of this panel that there are */
    const float *row_scales; /* int8: [rows] */
    const float *scales;     /* int8: [columns] */
    const float *bias;       /* [columns] or NULL */
    const float *residual;   /* or NULL; rows as far apart as y's */
    bool has_gelu;
    tl_gelu_kind gelu;
    tl_dtype y_dtype; /* f32 or bf16 */
    void *y;
    size_t y_row;     /* numbers */
    bool is_y_packed; /* y of the panels is as pack_rows makes it of f32; no residual */
} tl_packed_tile;

/* Panels that follow each other, by the same block of rows. */
enum { TL_MOST_PANELS_OF_A_RUN = 6 };
typedef struct tl_packed_run {
    tl_packed_tile first;
    size_t panel_count, panel_bytes;
    size_t columns; /* of all panels */
} tl_packed_run;

/* The first panel's tile becomes that of another panel, field by field: a copy of it would be read in vectors while its words are
 * still on their way to memory, and wait for all stores before them. */
static inline void tl_packed_tile_move(const tl_packed_run *run, size_t panel, tl_packed_tile *tile)
{
    const tl_packed_tile *first = &run->first;
    const size_t bytes = panel * run->panel_bytes, column = panel * TL_PACKED_COLUMNS;
    const size_t y_column = column * (first->y_dtype == TL_F32 ? sizeof(float) : sizeof(uint16_t));
    tile->panel = (const char *)first->panel + bytes;
    tile->ahead = first->ahead + bytes;
    tile->columns = run->columns - column < TL_PACKED_COLUMNS ? run->columns - column : TL_PACKED_COLUMNS;
    tile->header = first->header != NULL ? first->header + bytes / sizeof *first->header : NULL;
    tile->scales = first->scales != NULL ? first->scales + column : NULL;
    tile->bias = first->bias != NULL ? first->bias + column : NULL;
    tile->residual = first->residual != NULL ? first->residual + column : NULL;
    tile->y = (char *)first->y + y_column * (first->is_y_packed ? first->rows : 1);
}

typedef struct tl_packed_kernels {
    const char *name;
    size_t block_rows[TL_PACKED_KINDS]; /* rows of x that a tile takes at most */
    /* Bytes that a packed row takes, a multiple of 4. */
    size_t (*row_bytes)(tl_packed_kind kind, size_t in);
    /* True when rows of x that lie together need no packing. */
    bool (*takes_rows_as_they_are)(tl_packed_kind kind, tl_dtype dtype, size_t in);
    void (*pack_rows[TL_PACKED_KINDS])(const tl_packed_source *source);
    void (*multiply[TL_PACKED_KINDS])(const tl_packed_run *run);
    /* Before blocks of so many rows, and after the last block, on the thread that multiplies; NULL: nothing to do. */
    void (*begin_blocks)(tl_packed_kind kind, size_t rows);
    void (*end_blocks)(tl_packed_kind kind);
    /* Bytes from group `group` on to where a block of so many rows has its next: packed rows lie side by side, or groups do. */
    size_t (*group_offset)(tl_packed_kind kind, size_t group, size_t rows);
    /* to [count] = from in bf16. */
    void (*narrow_row)(const float *from, size_t count, uint16_t *to);
    /* groups [count] = bf16 pairs of a number of one row and that of another (NULL: 0) */
    void (*pair_rows)(const float *first, const float *second, size_t count, uint32_t *groups);
    /* The same of numbers that are bf16. */
    void (*pair_halves)(const uint16_t *first, const uint16_t *second, size_t count, uint32_t *groups);
    /* A block of so many rows as pack_rows would make it of bf16, from pairs [groups, group_row]. */
    void (*pack_pairs)(const uint32_t *pairs, size_t group_row, size_t groups, size_t rows, void *a);
    /* Blocks of block_rows rows, the last one of the rest, one after the other and each as pack_rows would make it of f32, of
     * which [groups, from_row] are the columns. */
    void (*pack_columns_f32)(const float *from, size_t from_row, size_t groups, size_t columns, float *to);
} tl_packed_kernels;

/* Groups of 32 bits of a row. */
static inline size_t tl_packed_group_count(tl_packed_kind kind, size_t in)
{
    static const size_t group_sizes[TL_PACKED_KINDS] = {1, 2, 4};
    return (in + group_sizes[kind] - 1) / group_sizes[kind];
}

static inline size_t tl_packed_panel_bytes(tl_packed_kind kind, size_t in)
{
    return tl_packed_group_count(kind, in) * TL_PACKED_COLUMNS * 4 + (kind == TL_PACKED_INT8 ? TL_INT8_HEADER : 0);
}

static inline size_t tl_packed_panel_step(const tl_packed_weight *weight)
{
    return weight->panel_bytes != 0 ? weight->panel_bytes : tl_packed_panel_bytes(weight->kind, weight->in);
}

extern const tl_packed_kernels tl_packed_baseline;
#if defined(__x86_64__)
extern const tl_packed_kernels tl_packed_avx2, tl_packed_avx_vnni, tl_packed_avx512, tl_packed_avx512_vnni, tl_packed_avx512_bf16,
    tl_packed_amx;
/* The processor has tiles, and the system lets this process use them. */
bool tl_amx_is_usable(void);
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
