/*
 * Owns the passes that every processor can run.
 *
 * So that 16-bit multiplications do (baseline SSE2 has no other), a weight is split: weight = high * 2048 + low. Both passes
 * are the same inner step, "weighted sum of LANES-byte pieces a stride apart": the column pass takes pieces of rows, the
 * row pass first turns a band of BAND rows so that equal columns lie together.
 */
#include "base/image/resize_internal.h"

#include "base/core/memory.h"

#include <string.h>

enum {
    SPLIT = 2048,
    LANES = 16,
    BAND = 16,            /* rows turned together */
    BAND_BYTES = BAND * 3 /* one column of a band; a multiple of LANES */
};

/* A table's weights in two parts, laid out as they are there. */
typedef struct split_weights {
    int16_t *high;
    int16_t *low;
} split_weights;

static void clear_split(split_weights *split)
{
    tl_memory_free(split->high);
    tl_memory_free(split->low);
}

/* Both parts take the weight's sign, so that neither sum can pass 31 bits when the whole does not. */
static bool split_table(const tl_resize_table *table, uint32_t target_count, split_weights *out, tl_error *err)
{
    size_t count = target_count * table->row_size; /* resize.c has allocated as many weights */
    *out = (split_weights){tl_memory_allocate(count, sizeof *out->high, err), NULL};
    if (out->high == NULL || (out->low = tl_memory_allocate(count, sizeof *out->low, err)) == NULL) {
        clear_split(out);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        out->high[i] = (int16_t)(table->weights[i] / SPLIT);
        out->low[i] = (int16_t)(table->weights[i] % SPLIT);
    }
    return true;
}

/* target[j] = sum over t of weight[t] * source[t * stride + j], for LANES bytes. The constant trip count is for the vectoriser.
 */
static void sum_lanes(const uint8_t *restrict source, size_t stride, const int16_t *restrict weight_high,
                      const int16_t *restrict weight_low, uint32_t taps, uint8_t *restrict target)
{
    int32_t high[LANES] = {0}, low[LANES] = {0};
    for (uint32_t t = 0; t < taps; t++, source += stride) {
        int16_t by_high = weight_high[t], by_low = weight_low[t];
        for (int j = 0; j < LANES; j++) {
            int16_t value = source[j];
            high[j] += value * by_high;
            low[j] += value * by_low;
        }
    }
    for (int j = 0; j < LANES; j++)
        target[j] = tl_resize__round(high[j] * SPLIT + low[j]);
}

/* The same for a row of any width; pieces may overlap, as the target is not read. */
static void sum_row(const uint8_t *source, size_t stride, const int16_t *weight_high, const int16_t *weight_low, uint32_t taps,
                    size_t width, uint8_t *target)
{
    if (width >= LANES) {
        for (size_t at = 0; at + LANES <= width; at += LANES)
            sum_lanes(source + at, stride, weight_high, weight_low, taps, target + at);
        size_t last = width - LANES;
        if (width % LANES != 0)
            sum_lanes(source + last, stride, weight_high, weight_low, taps, target + last);
        return;
    }
    for (size_t at = 0; at < width; at++) {
        int32_t high = 0, low = 0;
        for (uint32_t t = 0; t < taps; t++) {
            high += source[t * stride + at] * weight_high[t];
            low += source[t * stride + at] * weight_low[t];
        }
        target[at] = tl_resize__round(high * SPLIT + low);
    }
}

/* Columns [first, first + count) of BAND rows (the last one repeated when there are fewer) -> [count, BAND, 3]. */
static void turn_band(const tl_image *source, uint32_t top, uint32_t row_count, uint32_t first, uint32_t count, uint8_t *turned)
{
    for (uint32_t row = 0; row < BAND; row++) {
        uint32_t y = top + (row < row_count ? row : row_count - 1);
        const uint8_t *from = source->pixels + ((size_t)y * source->width + first) * 3;
        uint8_t *to = turned + (size_t)row * 3;
        for (uint32_t x = 0; x < count; x++, from += 3, to += BAND_BYTES) {
            to[0] = from[0];
            to[1] = from[1];
            to[2] = from[2];
        }
    }
}

static bool resample_rows(const tl_image *source, uint32_t top, uint32_t left, const tl_resize_table *table, tl_image *target,
                          tl_error *err)
{
    uint32_t first = table->spans[0].first;
    uint32_t end = table->spans[target->width - 1].first + table->spans[target->width - 1].count;
    split_weights split;
    if (!split_table(table, target->width, &split, err))
        return false;
    uint8_t *turned = tl_memory_allocate(end - first, BAND_BYTES, err);
    if (turned == NULL) {
        clear_split(&split);
        return false;
    }
    for (uint32_t row = 0; row < target->height; row += BAND) {
        uint32_t row_count = target->height - row < BAND ? target->height - row : BAND;
        turn_band(source, top + row, row_count, first - left, end - first, turned);
        for (uint32_t x = 0; x < target->width; x++) {
            tl_resize_span span = table->spans[x];
            const int16_t *high = split.high + x * table->row_size, *low = split.low + x * table->row_size;
            const uint8_t *from = turned + (size_t)(span.first - first) * BAND_BYTES;
            uint8_t column[BAND_BYTES];
            for (int at = 0; at < BAND_BYTES; at += LANES)
                sum_lanes(from + at, BAND_BYTES, high, low, span.count, column + at);
            uint8_t *to = target->pixels + ((size_t)row * target->width + x) * 3;
            for (uint32_t i = 0; i < row_count; i++, to += (size_t)target->width * 3)
                memcpy(to, column + i * 3, 3);
        }
    }
    tl_memory_free(turned);
    clear_split(&split);
    return true;
}

static bool resample_columns(const tl_image *source, uint32_t top, uint32_t left, const tl_resize_table *table, tl_image *target,
                             tl_error *err)
{
    split_weights split;
    if (!split_table(table, target->height, &split, err))
        return false;
    size_t source_row = (size_t)source->width * 3, target_row = (size_t)target->width * 3;
    for (uint32_t y = 0; y < target->height; y++) {
        tl_resize_span span = table->spans[y];
        const uint8_t *from = source->pixels + (size_t)(span.first - top) * source_row + (size_t)left * 3;
        sum_row(from, source_row, split.high + y * table->row_size, split.low + y * table->row_size, span.count, target_row,
                target->pixels + y * target_row);
    }
    clear_split(&split);
    return true;
}

const tl_resize_kernels tl_resize_kernels_baseline = {"baseline", resample_rows, resample_columns};
