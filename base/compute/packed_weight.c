/* Weights into panels of columns, a row at a time. */
#include "base/compute/packed.h"

#include "base/compute/packed_internal.h"

#include <math.h>
#include <string.h>

enum {
    MOST_IN = 1 << 20,
    MOST_IN_INT8 = 1 << 16, /* times 255 times 127 is below 2^31 */
    PIECE = 1024
};

size_t tl_packed_most_in(tl_packed_kind kind)
{
    return kind == TL_PACKED_INT8 ? MOST_IN_INT8 : MOST_IN;
}

size_t tl_packed_panel_size(tl_packed_kind kind, size_t out, size_t in)
{
    return tl_packed_panel_count(out) * tl_packed_panel_bytes(kind, in);
}

size_t tl_packed_scale_count(tl_packed_kind kind, size_t out)
{
    return kind == TL_PACKED_INT8 ? out : 0;
}

/* ---- the weight ---- */

typedef struct packing {
    tl_packed_kind kind;
    const tl_weight *weight;
    const float *factors; /* [in] or NULL */
    size_t out, in;
} packing;

static void read_values(const tl_weight *weight, size_t row, size_t first, size_t count, size_t out, size_t in, float *piece)
{
    const size_t size = tl_dtype_size(weight->dtype);
    if (weight->is_transposed) {
        for (size_t i = 0; i < count; i++)
            tl_widen(weight->dtype, (const char *)weight->parts[0] + ((first + i) * out + row) * size, 1, piece + i);
        return;
    }
    tl_weight one = tl_weight_rows(weight, row, 1, in);
    tl_widen(one.dtype, (const char *)one.parts[0] + first * size, count, piece);
}

/* Numbers first..first + count - 1 of a row of what is packed, as f32. */
static void read_piece(const packing *work, size_t row, size_t first, size_t count, float *piece)
{
    read_values(work->weight, row, first, count, work->out, work->in, piece);
    if (work->factors != NULL)
        for (size_t i = 0; i < count; i++)
            piece[i] *= work->factors[first + i];
}

static float largest_of_row(const packing *work, size_t row)
{
    const size_t in = work->in;
    float piece[PIECE], largest = 0.0f;
    for (size_t first = 0; first < in; first += PIECE) {
        size_t count = in - first < PIECE ? in - first : PIECE;
        read_piece(work, row, first, count, piece);
        for (size_t i = 0; i < count; i++) {
            if (!isfinite(piece[i]))
                return NAN;
            largest = fmaxf(largest, fabsf(piece[i]));
        }
    }
    return largest;
}

static void pack_f32(const float *piece, size_t first, size_t count, uint32_t *column)
{
    for (size_t i = 0; i < count; i++)
        memcpy(&column[(first + i) * TL_PACKED_COLUMNS], &piece[i], sizeof *column);
}

/* first is a multiple of PIECE, so groups do not straddle pieces. */
static void pack_bf16(const float *piece, size_t first, size_t count, uint32_t *column)
{
    for (size_t i = 0; i < count; i++)
        column[(first + i) / 2 * TL_PACKED_COLUMNS] |= tl_bf16_of(piece[i]) << (16 * (i % 2));
}

/* Returns the sum of the steps. */
static int32_t pack_int8(const float *piece, float factor, size_t first, size_t count, uint32_t *column)
{
    int32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t step = (int32_t)lrintf(piece[i] * factor);
        sum += step;
        column[(first + i) / 4 * TL_PACKED_COLUMNS] |= ((uint32_t)step & 0xffu) << (8 * (i % 4));
    }
    return sum;
}

static void pack_row(const packing *work, size_t row, void *panels, float *scales)
{
    const tl_packed_kind kind = work->kind;
    const size_t in = work->in;
    const size_t number = row % TL_PACKED_COLUMNS;
    char *panel = (char *)panels + row / TL_PACKED_COLUMNS * tl_packed_panel_bytes(kind, in);
    uint32_t *column = (uint32_t *)(void *)(panel + (kind == TL_PACKED_INT8 ? TL_INT8_HEADER : 0)) + number;
    float piece[PIECE], factor = 1.0f;
    int32_t sum = 0;
    if (kind == TL_PACKED_INT8) {
        float largest = largest_of_row(work, row);
        scales[row] = largest / 127.0f;
        if (!(largest >= TL_INT8_LEAST)) /* its steps are zeros; of a NaN the scale tells */
            return;
        factor = 127.0f / largest;
    }
    for (size_t first = 0; first < in; first += PIECE) {
        size_t count = in - first < PIECE ? in - first : PIECE;
        read_piece(work, row, first, count, piece);
        switch (kind) {
        case TL_PACKED_F32:
            pack_f32(piece, first, count, column);
            break;
        case TL_PACKED_BF16:
            pack_bf16(piece, first, count, column);
            break;
        case TL_PACKED_INT8:
            sum += pack_int8(piece, factor, first, count, column);
            break;
        }
    }
    if (kind == TL_PACKED_INT8)
        ((int32_t *)(void *)panel)[number] = -128 * sum;
}

void tl_pack_weight(tl_packed_kind kind, const tl_weight *weight, const float *factors, size_t out, size_t in, void *panels,
                    float *scales)
{
    const packing work = {kind, weight, factors, out, in};
    TL_ASSERT(in <= tl_packed_most_in(kind));
    memset(panels, 0, tl_packed_panel_size(kind, out, in));
    for (size_t row = 0; row < out; row++)
        pack_row(&work, row, panels, scales);
}

tl_packed_weight tl_packed_rows(const tl_packed_weight *weight, size_t first, size_t count)
{
    tl_packed_weight rows = *weight;
    if (first % TL_PACKED_COLUMNS != 0)
        return (tl_packed_weight){.panels = NULL};
    rows.out = count;
    rows.panels = (const char *)weight->panels + first / TL_PACKED_COLUMNS * tl_packed_panel_step(weight);
    rows.scales = weight->scales != NULL ? weight->scales + first : NULL;
    rows.bias = weight->bias != NULL ? weight->bias + first : NULL;
    return rows;
}

tl_packed_weight tl_packed_columns(const tl_packed_weight *weight, size_t first, size_t count)
{
    const size_t numbers = weight->kind == TL_PACKED_F32 ? 1 : 2;
    tl_packed_weight columns = *weight;
    if (weight->kind == TL_PACKED_INT8 || first % numbers != 0)
        return (tl_packed_weight){.panels = NULL};
    columns.in = count;
    columns.panel_bytes = tl_packed_panel_step(weight);
    columns.panels = (const char *)weight->panels + first / numbers * TL_PACKED_COLUMNS * 4;
    return columns;
}
