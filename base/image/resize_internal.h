/* The two passes of resampling, of which each instruction set has its own. All give the same bytes. */
#ifndef TL_BASE_IMAGE_RESIZE_INTERNAL_H
#define TL_BASE_IMAGE_RESIZE_INTERNAL_H

#include "base/image/image.h"

enum { TL_RESIZE_WEIGHT_BITS = 32 - 8 - 2 /* of a weight's fraction: Pillow's PRECISION_BITS */ };

typedef struct tl_resize_span {
    uint32_t first; /* source pixel of the first weight */
    uint32_t count;
} tl_resize_span;

/* The weights of one pass: of target pixel i, spans[i].count of them from i * row_size on. */
typedef struct tl_resize_table {
    tl_resize_span *spans;
    int32_t *weights;
    size_t row_size;
} tl_resize_table;

/* A weighted sum of bytes, of any sign, to a byte. */
static inline uint8_t tl_resize__round(int32_t sum)
{
    int32_t value = (sum + (1 << (TL_RESIZE_WEIGHT_BITS - 1))) >> TL_RESIZE_WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

typedef struct tl_resize_kernels {
    const char *name;
    /* Row pass: rows [top, top + target->height) of the source, whose column 0 is column `left` of the picture that the table
     * speaks of. */
    bool (*resample_rows)(const tl_image *source, uint32_t top, uint32_t left, const tl_resize_table *table, tl_image *target,
                          tl_error *err);
    /* Column pass; row 0 of the source is row `top` of the picture that the table speaks of, columns from left on. */
    bool (*resample_columns)(const tl_image *source, uint32_t top, uint32_t left, const tl_resize_table *table, tl_image *target,
                             tl_error *err);
} tl_resize_kernels;

extern const tl_resize_kernels tl_resize_kernels_baseline, tl_resize_kernels_avx2, tl_resize_kernels_avx512;

const tl_resize_kernels *tl_resize__kernels(void);

#endif
