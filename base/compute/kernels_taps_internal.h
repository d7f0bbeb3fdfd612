/*
 * The product under convolutions: a tile of output pixels x output channels lives in registers while taps and input channels go
 * by; pixels are broadcast from where they lie, weights are read in vectors from a packed panel. Included by the kernel files.
 */
#ifndef TL_BASE_COMPUTE_KERNELS_TAPS_INTERNAL_H
#define TL_BASE_COMPUTE_KERNELS_TAPS_INTERNAL_H

#include "base/compute/kernels_internal.h"
#include "base/compute/kernels_transpose_internal.h"
#include "base/compute/vector_internal.h"

enum {
    TAP_ROWS = 6,
    TAP_VECTORS = TL_VECTOR_FLOATS == 16 ? 4 : 2,
};

/* Columns first..first + count - 1 of the panel; rows and vectors are constants where it is inlined. Of the last vector only
 * last_count lanes are in memory of the caller. */
KERNEL_INLINE void multiply_tap_tile(const int rows, const int vectors, const tl_tap_product *product, const tl_tap_rows *at,
                                     size_t first, size_t last_count)
{
    vector sums[TAP_ROWS][TAP_VECTORS];
    const bool is_whole = last_count == LANES;
    for (int j = 0; j < vectors; j++) {
        const size_t column = first + (size_t)j * LANES;
        const bool is_part = j + 1 == vectors && !is_whole;
        vector start = splat(0.0f);
        if (!product->accumulates && product->shift != NULL)
            start = is_part ? load_part(product->shift + column, last_count) : load(product->shift + column);
        for (int i = 0; i < rows; i++) {
            const float *more = product->accumulates ? at->y[i] : at->residual[i];
            sums[i][j] = start;
            if (more != NULL)
                sums[i][j] += is_part ? load_part(more + column, last_count) : load(more + column);
        }
    }
    const float *line = product->panel + first;
    for (size_t tap = 0; tap < product->taps; tap++) {
        const size_t offset = product->tap_offsets[tap];
        const float *x[TAP_ROWS];
        for (int i = 0; i < rows; i++)
            x[i] = at->x[i] + offset;
        for (size_t channel = 0; channel < product->channels; channel++, line += TL_PANEL_COLUMNS) {
            vector weights[TAP_VECTORS];
            for (int j = 0; j < vectors; j++)
                weights[j] = load(line + (size_t)j * LANES);
            for (int i = 0; i < rows; i++) {
                const float pixel = x[i][channel];
                for (int j = 0; j < vectors; j++)
                    sums[i][j] += pixel * weights[j];
            }
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
            const size_t column = first + (size_t)j * LANES;
            const vector sum = product->rectifies ? choose(sums[i][j] < 0.0f, splat(0.0f), sums[i][j]) : sums[i][j];
            if (j + 1 == vectors && !is_whole)
                store_part(at->y[i] + column, sum, last_count);
            else
                store(at->y[i] + column, sum);
        }
}

KERNEL_INLINE void multiply_tap_rows(const int rows, const tl_tap_product *product, const tl_tap_rows *at)
{
    enum { TILE = TAP_VECTORS * LANES };
    size_t first = 0;
    for (; first + TILE <= product->columns; first += TILE)
        multiply_tap_tile(rows, TAP_VECTORS, product, at, first, LANES);
    if (TAP_VECTORS > 2 && first + 2 * LANES <= product->columns) {
        multiply_tap_tile(rows, 2, product, at, first, LANES);
        first += 2 * LANES;
    }
    for (; first < product->columns; first += LANES)
        multiply_tap_tile(rows, 1, product, at, first, product->columns - first < LANES ? product->columns - first : LANES);
}

static void multiply_taps(const tl_tap_product *product, const tl_tap_rows *at)
{
    switch (at->count) {
    case 6:
        multiply_tap_rows(6, product, at);
        break;
    case 5:
        multiply_tap_rows(5, product, at);
        break;
    case 4:
        multiply_tap_rows(4, product, at);
        break;
    case 3:
        multiply_tap_rows(3, product, at);
        break;
    case 2:
        multiply_tap_rows(2, product, at);
        break;
    default:
        multiply_tap_rows(1, product, at);
        break;
    }
}

/* Rows lie [channel, tap] in the file; the panel has [tap, channel]. Columns past row_count, up to a whole vector, become 0. */
static void pack_taps(const tl_packing *packing)
{
    const size_t depth = packing->taps * packing->channels;
    for (size_t first = 0; first < packing->row_count; first += LANES) {
        const size_t rows = packing->row_count - first < LANES ? packing->row_count - first : LANES;
        const vector scale = packing->scale != NULL ? load_part(packing->scale + first, rows) : splat(1.0f);
        const float *from = packing->rows + first * packing->row_step;
        size_t tap = 0, channel = 0;
        for (size_t at = 0; at < depth; at += LANES) {
            const size_t count = depth - at < LANES ? depth - at : LANES;
            vector block[TL_VECTOR_FLOATS];
            for (size_t r = 0; r < LANES; r++)
                block[r] = r >= rows        ? splat(0.0f)
                           : count == LANES ? load(from + r * packing->row_step + at)
                                            : load_part(from + r * packing->row_step + at, count);
            transpose_lanes(block);
            for (size_t c = 0; c < count; c++) {
                store(packing->panel + first + (tap * packing->channels + channel) * TL_PANEL_COLUMNS, block[c] * scale);
                if (++tap == packing->taps) {
                    tap = 0;
                    channel++;
                }
            }
        }
    }
}

#endif
