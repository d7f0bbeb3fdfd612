/* Formats and sizes by content. */
#include "tests/unit/image/image_fixtures.h"

#include "base/core/random.h"
#include "base/image/probe.h"

static void every_format_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        tl_image_format format;
        uint32_t width, height;
    } cases[] = {
        {"420.jpg", TL_IMAGE_JPEG, 35, 21},
        {"progressive.jpg", TL_IMAGE_JPEG, 35, 21},
        {"cmyk.jpg", TL_IMAGE_JPEG, 35, 21},
        {"grey.jpg", TL_IMAGE_JPEG, 35, 21},
        {"orientation_6.jpg", TL_IMAGE_JPEG, 21, 13},
        {"rgb.png", TL_IMAGE_PNG, 23, 17},
        {"rgb_interlaced.png", TL_IMAGE_PNG, 23, 17},
        {"plain.gif", TL_IMAGE_GIF, 23, 17},
        {"small_frame.gif", TL_IMAGE_GIF, 9, 6},
        {"lossy.webp", TL_IMAGE_WEBP, 35, 21},
        {"lossless.webp", TL_IMAGE_WEBP, 35, 21},
        {"lossy_alpha.webp", TL_IMAGE_WEBP, 23, 17},
        {"animated.webp", TL_IMAGE_WEBP, 23, 17},
        {"rgb.bmp", TL_IMAGE_BMP, 23, 17},
        {"top_down.bmp", TL_IMAGE_BMP, 23, 17},
        {"rgb.tga", TL_IMAGE_TGA, 23, 17},
        {"packed.tga", TL_IMAGE_TGA, 24, 17},
        {"grey.tga", TL_IMAGE_TGA, 23, 17},
        {"palette.tga", TL_IMAGE_TGA, 23, 17},
        {"raw.psd", TL_IMAGE_PSD, 23, 17},
        {"rgb.ppm", TL_IMAGE_PNM, 23, 17},
        {"text.pbm", TL_IMAGE_PNM, 7, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_string bytes = read_fixture(cases[i].name);
        tl_image_info info;
        tl_error err = {0};
        if (!tl_image_probe(tl_string_slice(&bytes), &info, &err))
            fail_msg("%s: %s", cases[i].name, err.message);
        assert_int_equal(info.format, cases[i].format);
        assert_int_equal(info.width, cases[i].width);
        assert_int_equal(info.height, cases[i].height);
        tl_string_clear(&bytes);
    }
}

/* TGA has no signature: text and noise must not pass for it. */
static void noise_is_no_picture(void **state)
{
    (void)state;
    tl_random random = tl_random_stream(5, 1);
    size_t taken = 0;
    for (int i = 0; i < 200000; i++) {
        char noise[64];
        bool is_text = i % 2 == 0;
        for (size_t j = 0; j < sizeof noise; j++)
            noise[j] = (char)(is_text ? 32 + tl_random_below(&random, 95) : tl_random_below(&random, 256));
        if (is_text)
            noise[0] = 'x';
        tl_image_info info;
        if (tl_image_probe((tl_slice){noise, sizeof noise}, &info, NULL)) {
            taken++;
            assert_false(is_text);
        }
    }
    assert_true(taken <= 2);
}

static void expect(const char *bytes, size_t size, tl_error_kind kind)
{
    tl_image_info info;
    tl_error err = {0};
    assert_false(tl_image_probe((tl_slice){bytes, size}, &info, &err));
    if (err.kind != kind)
        fail_msg("expected %s, found %s: %s", tl_error_kind_name(kind), tl_error_kind_name(err.kind), err.message);
}

static void broken_headers_are_corrupt(void **state)
{
    (void)state;
    static const char empty_gif[] = "GIF89a\0\0\5\0\0\0\0";
    static const char jpeg_without_frame[] = "\xff\xd8\xff\xe0\0\4ab\xff\xda\0\4xxxxxxxx";
    static const char jpeg_short_segment[] = "\xff\xd8\xff\xe0\0\1abcdefgh";
    static const char png_without_header[] = "\x89PNG\r\n\x1a\n\0\0\0\15IDAT\0\0\0\1\0\0\0\1\10\2\0\0\0aaaa";
    static const char pnm_without_size[] = "P6 x";
    expect(empty_gif, sizeof empty_gif - 1, TL_ERROR_CORRUPT);
    expect(jpeg_without_frame, sizeof jpeg_without_frame - 1, TL_ERROR_CORRUPT);
    expect(jpeg_short_segment, sizeof jpeg_short_segment - 1, TL_ERROR_CORRUPT);
    expect(png_without_header, sizeof png_without_header - 1, TL_ERROR_CORRUPT);
    expect(pnm_without_size, sizeof pnm_without_size - 1, TL_ERROR_CORRUPT);
    expect("\x89PNG\r\n\x1a\n", 8, TL_ERROR_CORRUPT);
    expect("RIFF\1\1\1\1WEBPVP8 ", 16, TL_ERROR_CORRUPT);
    expect("II*\0aaaaaaaaaaaaaaaaaaaaaa", 26, TL_ERROR_UNSUPPORTED);
    expect("", 0, TL_ERROR_UNSUPPORTED);
    expect("P7\nWIDTH 3\n", 11, TL_ERROR_UNSUPPORTED);
}

static void names_and_extensions(void **state)
{
    (void)state;
    assert_string_equal(tl_image_format_name(TL_IMAGE_JPEG), "jpeg");
    assert_string_equal(tl_image_format_extension(TL_IMAGE_JPEG), "jpg");
    assert_string_equal(tl_image_format_extension(TL_IMAGE_WEBP), "webp");
    assert_string_equal(tl_image_format_name(TL_IMAGE_UNKNOWN), "unknown");
    assert_true(tl_image_name_is_picture("a/b.c/photo.JPEG"));
    assert_true(tl_image_name_is_picture("x.png"));
    assert_false(tl_image_name_is_picture("a.png/notes"));
    assert_false(tl_image_name_is_picture(".png"));
    assert_false(tl_image_name_is_picture("jpg"));
    assert_false(tl_image_name_is_picture("photo.jpg.txt"));
    assert_false(tl_image_name_is_picture(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_is_known),
        cmocka_unit_test(noise_is_no_picture),
        cmocka_unit_test(broken_headers_are_corrupt),
        cmocka_unit_test(names_and_extensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
