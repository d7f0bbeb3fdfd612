/*
 * Driver of the pixel comparisons: for each path on standard input one line "width height checksum frame_checksum": the decoded
 * picture and its frame at 64 pixels (longest side, on white, bicubic), both as Adler-32 of their RGB bytes; "error" where it
 * cannot be decoded.
 */
#include "base/image/decode.h"
#include "base/io/file.h"
#include "encoders/preprocess/recipe.h"

#include <stdio.h>
#include <string.h>

enum { FRAME_SIDE = 64, MAX_PATH_BYTES = 4096 };

/* RFC 1950; zlib.adler32 in Python. */
static unsigned long adler32_of(const uint8_t *bytes, size_t size)
{
    unsigned long a = 1;
    unsigned long b = 0;
    for (size_t i = 0; i < size; i++) {
        a = (a + bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    return (b << 16) | a;
}

static bool print_pixels(const char *path)
{
    tl_image picture = {0};
    tl_image frame = {0};
    tl_image_recipe recipe = tl_image_recipe_default(FRAME_SIDE);
    tl_string bytes;
    tl_string_init(&bytes, (size_t)1 << 28);
    bool ok = tl_file_read(path, &bytes, NULL) && tl_image_decode(tl_string_slice(&bytes), NULL, &picture, NULL) &&
              tl_image_recipe_frame(&recipe, &picture, &frame, NULL);
    if (ok)
        printf("%u %u %lu %lu\n", picture.width, picture.height,
               adler32_of(picture.pixels, (size_t)picture.width * picture.height * 3),
               adler32_of(frame.pixels, (size_t)FRAME_SIDE * FRAME_SIDE * 3));
    else
        printf("error\n");
    tl_image_clear(&frame);
    tl_image_clear(&picture);
    tl_string_clear(&bytes);
    return ok;
}

int main(void)
{
    char path[MAX_PATH_BYTES];
    while (fgets(path, sizeof path, stdin) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        (void)print_pixels(path);
    }
    return 0;
}
