/* Encoding: what was written decodes to the same picture (exactly for PNG), quality decides size, and nothing is left of a
 * failure. */
#include "tests/unit/image/image_fixtures.h"

#include "base/image/decode.h"
#include "base/image/encode.h"

/* A gradient with a disc: smooth and edged parts. */
static tl_image draw(uint32_t width, uint32_t height)
{
    tl_image image;
    assert_true(tl_image_create(width, height, &image, NULL));
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            int dx = (int)x - (int)width / 2, dy = (int)y - (int)height / 2;
            bool inside = dx * dx + dy * dy < (int)(width * width) / 16;
            uint8_t *pixel = image.pixels + ((size_t)y * width + x) * 3;
            pixel[0] = (uint8_t)(x * 255 / width);
            pixel[1] = inside ? 200 : (uint8_t)(y * 255 / height);
            pixel[2] = 90;
        }
    return image;
}

static double mean_difference(const tl_image *a, const tl_image *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    size_t count = (size_t)a->width * a->height * 3;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += abs(a->pixels[i] - b->pixels[i]);
    return sum / (double)count;
}

static size_t check_round_trip(tl_image_format format, unsigned quality, double most_difference)
{
    static const uint32_t sides[][2] = {{1, 1}, {17, 3}, {64, 64}, {123, 200}};
    size_t last_size = 0;
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        tl_image image = draw(sides[i][0], sides[i][1]), back;
        tl_image_encode_options options = {.format = format, .quality = quality};
        tl_string bytes, again;
        tl_image_info info;
        tl_string_init(&bytes, 1 << 20);
        tl_string_init(&again, 1 << 20);
        assert_true(tl_string_append_text(&again, "before", NULL));
        assert_ok(tl_image_encode(&image, &options, &bytes, err));
        assert_true(tl_image_probe(tl_string_slice(&bytes), &info, NULL));
        assert_int_equal(info.format, format);
        assert_true(tl_image_decode(tl_string_slice(&bytes), NULL, &back, NULL));
        double difference = mean_difference(&image, &back);
        if (image.width >= 64 && difference > most_difference) /* smaller ones are mostly edges of halved colour */
            fail_msg("%s %u: levels differ by %.2f", tl_image_format_name(format), quality, difference);
        /* The same bytes again, behind what was there. */
        assert_true(tl_image_encode(&image, &options, &again, NULL));
        assert_int_equal(again.size, bytes.size + 6);
        assert_memory_equal(again.data, "before", 6);
        assert_memory_equal(again.data + 6, bytes.data, bytes.size);
        last_size = bytes.size;
        tl_image_clear(&back);
        tl_image_clear(&image);
        tl_string_clear(&bytes);
        tl_string_clear(&again);
    }
    return last_size;
}

static void what_is_written_can_be_read(void **state)
{
    (void)state;
    size_t fine = check_round_trip(TL_IMAGE_JPEG, 95, 2.5);
    assert_true(check_round_trip(TL_IMAGE_JPEG, 30, 12) < fine);
    assert_int_equal(check_round_trip(TL_IMAGE_JPEG, 0, 2.5), fine);
    fine = check_round_trip(TL_IMAGE_WEBP, 95, 4);
    assert_true(check_round_trip(TL_IMAGE_WEBP, 20, 12) < fine);
    fine = check_round_trip(TL_IMAGE_PNG, 9, 0);
    assert_true(check_round_trip(TL_IMAGE_PNG, 1, 0) > fine);
}

static void a_failure_leaves_nothing(void **state)
{
    (void)state;
    static const tl_image_format formats[] = {TL_IMAGE_JPEG, TL_IMAGE_WEBP, TL_IMAGE_PNG};
    tl_image image = draw(300, 300);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        tl_image_encode_options options = {.format = formats[i]};
        tl_string bytes;
        tl_error err = {0};
        tl_string_init(&bytes, 1000); /* less than any of them needs */
        assert_true(tl_string_append_text(&bytes, "kept", NULL));
        assert_false(tl_image_encode(&image, &options, &bytes, &err));
        assert_string_equal(bytes.data, "kept");
        assert_int_equal(bytes.size, 4);
        assert_non_null(strstr(err.message, tl_image_format_name(formats[i])));
        options.quality = 101;
        assert_false(tl_image_encode(&image, &options, &bytes, &err));
        assert_int_equal(err.kind, TL_ERROR_INVALID);
        tl_string_clear(&bytes);
    }
    tl_image_clear(&image);
}

static void what_has_no_room_is_refused(void **state)
{
    (void)state;
    tl_image wide = draw(16384, 1);
    tl_string bytes;
    tl_error err = {0};
    tl_string_init(&bytes, 1 << 20);
    assert_false(tl_image_encode(&wide, &(tl_image_encode_options){.format = TL_IMAGE_WEBP}, &bytes, &err));
    assert_int_equal(err.kind, TL_ERROR_UNSUPPORTED);
    assert_true(tl_image_encode(&wide, &(tl_image_encode_options){.format = TL_IMAGE_JPEG}, &bytes, NULL));
    assert_false(tl_image_encode(&wide, &(tl_image_encode_options){.format = TL_IMAGE_GIF}, &bytes, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    tl_string_clear(&bytes);
    tl_image_clear(&wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(a_failure_leaves_nothing),
        cmocka_unit_test(what_has_no_room_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
