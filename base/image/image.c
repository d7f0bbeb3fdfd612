/* Owns the RGB8 picture buffer: its size is checked before it is allocated. */
#include "base/image/image.h"

#include "base/core/memory.h"

bool tl_image_create(uint32_t width, uint32_t height, tl_image *out, tl_error *err)
{
    size_t row_size;
    if (width == 0 || height == 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected a picture of at least 1 x 1 pixels, found %u x %u", width, height);
    if (!tl_size_multiply(width, 3, &row_size))
        return tl_fail(err, TL_ERROR_NO_MEMORY, "a picture of %u x %u pixels does not fit memory", width, height);
    uint8_t *pixels = tl_memory_allocate(height, row_size, err);
    if (pixels == NULL)
        return tl_fail_within(err, "picture of %u x %u pixels", width, height);
    *out = (tl_image){.width = width, .height = height, .pixels = pixels};
    return true;
}

void tl_image_clear(tl_image *image)
{
    if (image == NULL)
        return;
    tl_memory_free(image->pixels);
    *image = (tl_image){0};
}
