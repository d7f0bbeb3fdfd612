/*
 * The passes over groups of four taps, included once by the file of each instruction set, which has defined pack_group (four
 * weights to the words it multiplies by), sum_turned, sum_piece (the weighted sums) and PIECE (bytes that sum_piece makes at a
 * time).
 *
 * Row pass: a band of BAND rows is turned into groups of four columns, in each of which lane row * 3 + channel holds its four
 * bytes side by side; one call of sum_turned makes a target column of all rows of the band. Column pass: sum_piece does the
 * turning as it loads. Groups that reach beyond a span carry zero weights there.
 */
#include "base/core/memory.h"

enum { BAND = 16, LANES = BAND * 3, GROUP_BYTES = LANES * 4, BLOCK = 16 /* target columns kept before they are written */ };

/* Four weights, as words. */
typedef uint32_t weight_group[4];

/* Weights of all target pixels in groups: those of pixel i from i * *per_target on, the first tap at place starts[i] % 4 of its
 * group (0 when is_aligned is false). */
static weight_group *pack_table(const tl_resize_table *table, uint32_t target_count, bool is_aligned, size_t *per_target,
                                tl_error *err)
{
    size_t group_count;
    *per_target = (table->row_size + (is_aligned ? 3 : 0) + 3) / 4;
    if (!tl_size_multiply(*per_target, target_count, &group_count)) {
        tl_fail(err, TL_ERROR_NO_MEMORY, "the filter does not fit memory");
        return NULL;
    }
    weight_group *groups = tl_memory_allocate(group_count, sizeof *groups, err);
    for (uint32_t i = 0; groups != NULL && i < target_count; i++) {
        tl_resize_span span = table->spans[i];
        uint32_t lead = is_aligned ? (span.first - table->spans[0].first) % 4 : 0;
        const int32_t *weights = table->weights + i * table->row_size;
        for (uint32_t at = 0; at < lead + span.count; at += 4) {
            int32_t four[4];
            for (uint32_t k = 0; k < 4; k++)
                four[k] = at + k >= lead && at + k < lead + span.count ? weights[at + k - lead] : 0;
            pack_group(four, groups[i * *per_target + at / 4]);
        }
    }
    return groups;
}

/* Four pixels of a row, RGBRGBRGBRGB, to RRRRGGGGBBBB; 4 bytes more are written. */
static inline void turn_four(const uint8_t *from, uint8_t *to)
{
    const __m128i order = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1);
    _mm_storeu_si128((__m128i *)to, _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)from), order));
}

/* Columns [first, end) of BAND rows (the last one repeated when there are fewer) -> [groups, BAND, 3, 4] and 4 bytes. */
static void turn_band(const tl_image *source, uint32_t top, uint32_t row_count, uint32_t first, uint32_t end, uint8_t *turned)
{
    const uint8_t *rows[BAND];
    size_t row_size = (size_t)source->width * 3;
    for (uint32_t row = 0; row < BAND; row++)
        rows[row] = source->pixels + (top + (row < row_count ? row : row_count - 1)) * row_size;
    for (size_t x = first; x < end; x += 4) {
        size_t at = x * 3;
        if (at + 16 <= row_size) {
            for (uint32_t row = 0; row < BAND; row++, turned += 12)
                turn_four(rows[row] + at, turned);
        } else {
            size_t left = row_size - at < 12 ? row_size - at : 12;
            for (uint32_t row = 0; row < BAND; row++, turned += 12) {
                uint8_t four[16] = {0};
                memcpy(four, rows[row] + at, left);
                turn_four(four, turned);
            }
        }
    }
}

/* Columns [x, x + count) of the target's rows [top, top + row_count) out of a block of turned ones. */
static void write_block(uint8_t block[BLOCK][LANES + 1], uint32_t x, uint32_t count, uint32_t top, uint32_t row_count,
                        tl_image *target)
{
    for (uint32_t row = 0; row < row_count; row++) {
        uint8_t *to = target->pixels + ((size_t)(top + row) * target->width + x) * 3;
        for (uint32_t i = 0; i + 1 < count; i++, to += 3)
            memcpy(to, block[i] + row * 3, 4); /* one byte too many, which the next pixel mends */
        memcpy(to, block[count - 1] + row * 3, 3);
    }
}

static bool resample_rows(const tl_image *source, uint32_t top, uint32_t left, const tl_resize_table *table, tl_image *target,
                          tl_error *err)
{
    uint32_t first = table->spans[0].first;
    uint32_t end = table->spans[target->width - 1].first + table->spans[target->width - 1].count;
    size_t per_target = 0;
    uint8_t *turned = NULL;
    bool ok = false;
    weight_group *groups = pack_table(table, target->width, true, &per_target, err);
    if (groups == NULL || (turned = tl_memory_allocate(((size_t)end - first + 3) / 4 + 1, GROUP_BYTES, err)) == NULL)
        goto done;
    for (uint32_t row = 0; row < target->height; row += BAND) {
        uint32_t row_count = target->height - row < BAND ? target->height - row : BAND;
        turn_band(source, top + row, row_count, first - left, end - left, turned);
        for (uint32_t x = 0; x < target->width; x += BLOCK) {
            uint8_t block[BLOCK][LANES + 1];
            uint32_t count = target->width - x < BLOCK ? target->width - x : BLOCK;
            for (uint32_t i = 0; i < count; i++) {
                tl_resize_span span = table->spans[x + i];
                uint32_t start = span.first - first;
                sum_turned(turned + (size_t)(start / 4) * GROUP_BYTES, GROUP_BYTES,
                           (const weight_group *)groups + (x + i) * per_target, (start % 4 + span.count + 3) / 4, block[i]);
            }
            write_block(block, x, count, row, row_count, target);
        }
    }
    ok = true;
done:
    tl_memory_free(turned);
    tl_memory_free(groups);
    return ok;
}

/* The same sum for rows narrower than a piece. */
static void sum_narrow(const uint8_t *from, size_t stride, const int32_t *weights, uint32_t tap_count, size_t width, uint8_t *out)
{
    for (size_t at = 0; at < width; at++) {
        int32_t sum = 0;
        for (uint32_t tap = 0; tap < tap_count; tap++)
            sum += from[tap * stride + at] * weights[tap];
        out[at] = tl_resize__round(sum);
    }
}

static bool resample_columns(const tl_image *source, uint32_t top, uint32_t left, const tl_resize_table *table, tl_image *target,
                             tl_error *err)
{
    size_t source_row = (size_t)source->width * 3, target_row = (size_t)target->width * 3, per_target = 0;
    weight_group *groups = pack_table(table, target->height, false, &per_target, err);
    if (groups == NULL)
        return false;
    for (uint32_t y = 0; y < target->height; y++) {
        tl_resize_span span = table->spans[y];
        const uint8_t *from = source->pixels + (size_t)(span.first - top) * source_row + (size_t)left * 3;
        uint8_t *to = target->pixels + y * target_row;
        const weight_group *own = (const weight_group *)groups + y * per_target;
        if (target_row < PIECE) {
            sum_narrow(from, source_row, table->weights + y * table->row_size, span.count, target_row, to);
            continue;
        }
        for (size_t at = 0; at + PIECE <= target_row; at += PIECE)
            sum_piece(from + at, source_row, span.count, own, to + at);
        if (target_row % PIECE != 0) /* pieces may overlap, as the target is not read */
            sum_piece(from + target_row - PIECE, source_row, span.count, own, to + target_row - PIECE);
    }
    tl_memory_free(groups);
    return true;
}

const tl_resize_kernels TL_RESIZE_KERNELS = {TL_RESIZE_NAME, resample_rows, resample_columns};
