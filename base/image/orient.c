/*
 * Owns turning a picture by its EXIF orientation (Exif 2.32, tag 0x0112: which side of the scene row 0 and column 0 are).
 *
 * Every orientation is one walk over the target with two strides in the source. Orientations 5..8 swap the sides and read
 * the source by columns, so the walk goes tile by tile to stay in the cache.
 */
#include "base/image/decode_internal.h"

enum { TILE = 32 };

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Writes target(x, y) = source[origin + x * step_x + y * step_y], offsets in bytes. */
static void copy_by_strides(const uint8_t *source, ptrdiff_t origin, ptrdiff_t step_x, ptrdiff_t step_y, tl_image *target)
{
    for (uint32_t tile_y = 0; tile_y < target->height; tile_y += TILE) {
        uint32_t end_y = smaller(tile_y + TILE, target->height);
        for (uint32_t tile_x = 0; tile_x < target->width; tile_x += TILE) {
            uint32_t end_x = smaller(tile_x + TILE, target->width);
            for (uint32_t y = tile_y; y < end_y; y++) {
                uint8_t *to = target->pixels + ((size_t)y * target->width + tile_x) * 3;
                ptrdiff_t from = origin + (ptrdiff_t)y * step_y + (ptrdiff_t)tile_x * step_x;
                for (uint32_t x = tile_x; x < end_x; x++, to += 3, from += step_x) {
                    to[0] = source[from];
                    to[1] = source[from + 1];
                    to[2] = source[from + 2];
                }
            }
        }
    }
}

bool tl_image__orient(tl_image *image, uint8_t orientation, tl_error *err)
{
    if (orientation < 2 || orientation > 8)
        return true;
    bool swaps_sides = orientation >= 5;
    /* In the source, as stored: does the target's origin lie at the right edge, at the bottom edge? */
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    ptrdiff_t row = (ptrdiff_t)image->width * 3;
    ptrdiff_t origin = (from_right ? row - 3 : 0) + (from_bottom ? row * ((ptrdiff_t)image->height - 1) : 0);
    ptrdiff_t along_row = from_right ? -3 : 3;
    ptrdiff_t along_column = from_bottom ? -row : row;
    tl_image turned;
    if (!tl_image_create(swaps_sides ? image->height : image->width, swaps_sides ? image->width : image->height, &turned, err))
        return false;
    copy_by_strides(image->pixels, origin, swaps_sides ? along_column : along_row, swaps_sides ? along_row : along_column,
                    &turned);
    tl_image_clear(image);
    *image = turned;
    return true;
}
