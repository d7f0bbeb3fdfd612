/* Resampling against Pillow: equal on every pixel. */
#include "tests/unit/image/image_fixtures.h"

#include "base/core/random.h"
#include "base/image/resize.h"

static tl_resize_filter filter_named(const char *name)
{
    assert_true(strcmp(name, "bicubic") == 0 || strcmp(name, "bilinear") == 0);
    return strcmp(name, "bicubic") == 0 ? TL_RESIZE_BICUBIC : TL_RESIZE_BILINEAR;
}

static void resize_as_pillow(const char *line)
{
    unsigned width, height;
    tl_resize_box box;
    char filter[32], out[64];
    assert_int_equal(
        sscanf(line, "%u %u %f %f %f %f %31s %63s", &width, &height, &box.left, &box.top, &box.right, &box.bottom, filter, out),
        8);
    tl_image source = read_raw("source.rgb", 61, 47), expected = read_raw(out, width, height), image;
    tl_error err = {0};
    if (!tl_image_resize(&source, &box, width, height, filter_named(filter), &image, &err))
        fail_msg("%s: %s", line, err.message);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    size_t differing;
    int largest = largest_difference(image.pixels, expected.pixels, (size_t)width * height * 3, &differing);
    if (largest != 0)
        fail_msg("%s: %zu values differ from Pillow's, by up to %d", line, differing, largest);
    tl_image_clear(&image);
    tl_image_clear(&expected);
    tl_image_clear(&source);
}

static const char *const kernel_names[] = {"baseline", "avx2", "avx512"};
enum { KERNEL_COUNT = sizeof kernel_names / sizeof kernel_names[0] };

static void pixels_equal_pillow(void **state)
{
    (void)state;
    for (size_t i = 0; i < KERNEL_COUNT; i++)
        if (tl_resize_select(kernel_names[i], NULL))
            assert_true(each_case("resize", resize_as_pillow) >= 35);
    assert_true(tl_resize_select("auto", NULL));
}

static void fill_at_random(tl_image *image, tl_random *random)
{
    for (size_t i = 0; i < (size_t)image->width * image->height * 3; i++)
        image->pixels[i] = (uint8_t)tl_random_below(random, 256);
}

/* Sizes around the widths of vectors and bands, all filters, strong and weak scales, windows: the same bytes by all instructions.
 */
static void all_kernels_give_the_same_bytes(void **state)
{
    (void)state;
    tl_random random = tl_random_stream(17, 1);
    for (int i = 0; i < 250; i++) {
        uint32_t longest = i % 10 == 0 ? 3000 : i % 3 == 0 ? 20 : 130;
        tl_image source, expected, found;
        assert_true(tl_image_create(1 + (uint32_t)tl_random_below(&random, longest), 1 + (uint32_t)tl_random_below(&random, 130),
                                    &source, NULL));
        bool is_hard = i % 4 == 0;
        for (size_t at = 0; at < (size_t)source.width * source.height * 3; at++)
            source.pixels[at] = is_hard ? (uint8_t)(255 * tl_random_below(&random, 2)) : (uint8_t)tl_random_below(&random, 256);
        uint32_t width = i % 7 == 0 ? source.width : 1 + (uint32_t)tl_random_below(&random, 100);
        uint32_t height = i % 11 == 0 ? source.height : 1 + (uint32_t)tl_random_below(&random, 100);
        tl_resize_window window = {.width = 1 + (uint32_t)tl_random_below(&random, width),
                                   .height = 1 + (uint32_t)tl_random_below(&random, height)};
        window.left = (uint32_t)tl_random_below(&random, width - window.width + 1);
        window.top = (uint32_t)tl_random_below(&random, height - window.height + 1);
        tl_resize_filter filter = (tl_resize_filter)(i % (TL_RESIZE_LANCZOS + 1));
        assert_true(tl_resize_select("baseline", NULL));
        assert_true(tl_image_resize_window(&source, NULL, width, height, &window, filter, &expected, NULL));
        for (size_t k = 1; k < KERNEL_COUNT; k++) {
            if (!tl_resize_select(kernel_names[k], NULL))
                continue;
            assert_true(tl_image_resize_window(&source, NULL, width, height, &window, filter, &found, NULL));
            size_t differing;
            int largest = largest_difference(found.pixels, expected.pixels, (size_t)window.width * window.height * 3, &differing);
            if (largest != 0)
                fail_msg("%s: %u x %u to %u x %u, filter %d: %zu values differ, by up to %d", kernel_names[k], source.width,
                         source.height, width, height, (int)filter, differing, largest);
            tl_image_clear(&found);
        }
        tl_image_clear(&expected);
        tl_image_clear(&source);
    }
    assert_true(tl_resize_select("auto", NULL));
    tl_error err = {0};
    assert_false(tl_resize_select("neon", &err));
    assert_non_null(strstr(err.message, "neon"));
}

/* A window is the same as cropping the whole result. */
static void window_is_a_crop(void **state)
{
    (void)state;
    tl_random random = tl_random_stream(3, 1);
    for (int i = 0; i < 60; i++) {
        tl_image source, whole, part;
        assert_true(tl_image_create(1 + (uint32_t)tl_random_below(&random, 40), 1 + (uint32_t)tl_random_below(&random, 40),
                                    &source, NULL));
        fill_at_random(&source, &random);
        uint32_t width = i % 3 == 0 ? source.width : 1 + (uint32_t)tl_random_below(&random, 50);
        uint32_t height = i % 4 == 0 ? source.height : 1 + (uint32_t)tl_random_below(&random, 50);
        tl_resize_window window = {.width = 1 + (uint32_t)tl_random_below(&random, width),
                                   .height = 1 + (uint32_t)tl_random_below(&random, height)};
        window.left = (uint32_t)tl_random_below(&random, width - window.width + 1);
        window.top = (uint32_t)tl_random_below(&random, height - window.height + 1);
        tl_resize_filter filter = i % 2 == 0 ? TL_RESIZE_BICUBIC : TL_RESIZE_BILINEAR;
        assert_true(tl_image_resize(&source, NULL, width, height, filter, &whole, NULL));
        assert_true(tl_image_resize_window(&source, NULL, width, height, &window, filter, &part, NULL));
        for (uint32_t y = 0; y < window.height; y++)
            assert_memory_equal(part.pixels + (size_t)y * window.width * 3,
                                whole.pixels + ((size_t)(window.top + y) * width + window.left) * 3, (size_t)window.width * 3);
        tl_image_clear(&part);
        tl_image_clear(&whole);
        tl_image_clear(&source);
    }
}

/* One colour stays that colour, at any scale: the sums cannot run over. */
static void flat_stays_flat(void **state)
{
    (void)state;
    static const uint32_t sides[] = {1, 2, 15, 16, 17, 333, 20000};
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++)
        for (size_t j = 0; j < 6; j++)
            for (int filter = 0; filter < 2; filter++) {
                tl_image source, image;
                assert_true(tl_image_create(sides[i], 3, &source, NULL));
                memset(source.pixels, 255, (size_t)source.width * source.height * 3);
                assert_true(tl_image_resize(&source, NULL, sides[j], 5, (tl_resize_filter)filter, &image, NULL));
                for (size_t at = 0; at < (size_t)image.width * image.height * 3; at++)
                    assert_int_equal(image.pixels[at], 255);
                tl_image_clear(&image);
                tl_image_clear(&source);
            }
}

static void bad_requests_are_errors(void **state)
{
    (void)state;
    tl_image source, image;
    assert_true(tl_image_create(10, 8, &source, NULL));
    static const tl_resize_box boxes[] = {{-1, 0, 5, 5}, {0, 0, 10.5f, 8}, {3, 3, 3, 5}, {4, 4, 3, 5}, {0, 0, 5, 9}};
    tl_error err;
    for (size_t i = 0; i < sizeof boxes / sizeof boxes[0]; i++) {
        assert_false(tl_image_resize(&source, &boxes[i], 4, 4, TL_RESIZE_BICUBIC, &image, &err));
        assert_int_equal(err.kind, TL_ERROR_INVALID);
    }
    assert_false(tl_image_resize(&source, NULL, 0, 4, TL_RESIZE_BICUBIC, &image, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    tl_resize_window window = {3, 0, 2, 4};
    assert_false(tl_image_resize_window(&source, NULL, 4, 4, &window, TL_RESIZE_BICUBIC, &image, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    tl_image_clear(&source);
    assert_false(tl_image_create(0, 3, &image, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_equal_pillow),     cmocka_unit_test(all_kernels_give_the_same_bytes),
        cmocka_unit_test(window_is_a_crop),        cmocka_unit_test(flat_stays_flat),
        cmocka_unit_test(bad_requests_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
