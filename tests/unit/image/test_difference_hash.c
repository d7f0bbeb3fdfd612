/* What a hash of looks must and must not see. */
#include "base/core/random.h"
#include "base/image/difference_hash.h"
#include "base/image/resize.h"
#include "tests/support/assert_ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Fields of 9 x 8, each of a brightness by the seed. */
static tl_image fields(uint32_t width, uint32_t height, uint64_t seed)
{
    tl_image image;
    assert_true(tl_image_create(width, height, &image, NULL));
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            tl_random random = tl_random_stream(seed, (uint64_t)(x * 9 / width) * 8 + y * 8 / height);
            memset(image.pixels + ((size_t)y * width + x) * 3, (int)tl_random_below(&random, 256), 3);
        }
    return image;
}

static tl_difference_hash hash_of(const tl_image *image)
{
    tl_difference_hash hash;
    assert_ok(tl_image_difference_hash(image, &hash, err));
    return hash;
}

static uint32_t apart(const tl_image *a, const tl_image *b)
{
    const tl_difference_hash one = hash_of(a), other = hash_of(b);
    return tl_difference_hash_distance(&one, &other);
}

static void what_changes_and_what_does_not(void **state)
{
    (void)state;
    tl_image image = fields(360, 240, 1), other = fields(360, 240, 2), copy = fields(360, 240, 1), small;
    assert_true(apart(&image, &other) > 36);
    assert_int_equal(apart(&image, &copy), 0);
    /* Half the size, another shape, a little darker: the same picture. */
    assert_true(tl_image_resize(&image, NULL, 180, 96, TL_RESIZE_BICUBIC, &small, NULL));
    assert_true(apart(&image, &small) <= 6);
    for (size_t i = 0; i < (size_t)360 * 240 * 3; i++)
        copy.pixels[i] = (uint8_t)(copy.pixels[i] * 31 / 32);
    assert_true(apart(&image, &copy) <= 6);
    /* Without its red it is another one. */
    for (size_t i = 0; i < (size_t)360 * 240; i++)
        image.pixels[3 * i] = 128;
    assert_true(apart(&image, &copy) > 12);
    tl_image_clear(&small);
    tl_image_clear(&copy);
    tl_image_clear(&other);
    tl_image_clear(&image);
}

static void directions(void **state)
{
    (void)state;
    tl_image image, flat;
    assert_true(tl_image_create(1, 1, &flat, NULL) && tl_image_create(90, 80, &image, NULL));
    for (size_t i = 0; i < 90 * 80; i++)
        memset(image.pixels + i * 3, (int)(200 - 2 * (i % 90)), 3);
    const tl_difference_hash hash = hash_of(&image);
    assert_true(hash.channels[0] == UINT64_MAX && hash.channels[2] == UINT64_MAX); /* darker to the right */
    assert_true(hash.mean[1] > 105 && hash.mean[1] < 115);
    assert_int_equal(apart(&image, &flat), TL_DIFFERENCE_HASH_BITS);
    /* Steps within the margin are none. */
    for (size_t i = 0; i < 90 * 80; i++)
        memset(image.pixels + i * 3, (int)(19 - 2 * (i % 90 / 10)), 3);
    assert_int_equal(apart(&image, &flat), 3 * (11 / 4)); /* the mean of 19, 17, ... 3 */
    tl_image_clear(&image);
    tl_image_clear(&flat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_changes_and_what_does_not), cmocka_unit_test(directions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
