#include "base/image/difference_hash.h"

#include "base/image/resize.h"

enum { COLUMNS = 9, ROWS = 8 };

/* Levels that a neighbour must be darker by: what a lossy format makes of an even area is less. */
enum { MARGIN = 2, LEVELS_OF_A_BIT = 4 };

bool tl_image_difference_hash(const tl_image *image, tl_difference_hash *out, tl_error *err)
{
    tl_image small;
    /* A box, so that every pixel counts alike and nothing overshoots. */
    if (!tl_image_resize(image, NULL, COLUMNS, ROWS, TL_RESIZE_BOX, &small, err))
        return false;
    *out = (tl_difference_hash){{0, 0, 0}, {0, 0, 0}};
    for (size_t c = 0; c < 3; c++) {
        uint32_t sum = 0;
        for (size_t i = 0; i < COLUMNS * ROWS; i++)
            sum += small.pixels[i * 3 + c];
        out->mean[c] = (uint8_t)(sum / (COLUMNS * ROWS));
    }
    for (size_t row = 0; row < ROWS; row++)
        for (size_t column = 0; column + 1 < COLUMNS; column++) {
            const uint8_t *pixel = small.pixels + (row * COLUMNS + column) * 3;
            for (size_t c = 0; c < 3; c++)
                out->channels[c] = out->channels[c] << 1 | (pixel[c] > pixel[3 + c] + MARGIN);
        }
    tl_image_clear(&small);
    return true;
}

uint32_t tl_difference_hash_distance(const tl_difference_hash *a, const tl_difference_hash *b)
{
    uint32_t count = 0;
    for (size_t c = 0; c < 3; c++) {
        const int apart = a->mean[c] - b->mean[c];
        count += (uint32_t)(apart < 0 ? -apart : apart) / LEVELS_OF_A_BIT;
        for (uint64_t bits = a->channels[c] ^ b->channels[c]; bits != 0; bits &= bits - 1)
            count++;
    }
    return count < TL_DIFFERENCE_HASH_BITS ? count : TL_DIFFERENCE_HASH_BITS;
}
