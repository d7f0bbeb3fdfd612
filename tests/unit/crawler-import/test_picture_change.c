/* What becomes of a picture: kept to the byte when nothing has to change, else of the size, orientation and format that the rules
 * ask for; and what is refused. */
#include "tests/unit/image/image_fixtures.h"

#include "base/image/decode.h"
#include "base/image/encode.h"
#include "crawler-import/download/picture_change.h"

static pthread_mutex_t large = PTHREAD_MUTEX_INITIALIZER;

static tl_changed_picture change(tl_slice bytes, const tl_picture_rules *rules, tl_string *scratch)
{
    tl_changed_picture out;
    assert_ok(tl_picture_change(bytes, rules, &large, scratch, &out, err));
    return out;
}

static tl_string draw(uint32_t width, uint32_t height, tl_image_format format)
{
    tl_image image;
    tl_string bytes;
    tl_string_init(&bytes, 1 << 24);
    assert_true(tl_image_create(width, height, &image, NULL));
    for (size_t i = 0; i < (size_t)width * height * 3; i++)
        image.pixels[i] = (uint8_t)(i * 7 / width);
    assert_true(tl_image_encode(&image, &(tl_image_encode_options){.format = format}, &bytes, NULL));
    tl_image_clear(&image);
    return bytes;
}

typedef struct size_case {
    uint32_t width, height;
    tl_fit resize;
    uint32_t size;
    bool only_if_bigger;
    uint32_t wanted_width, wanted_height;
    bool is_kept;
} size_case;

static void sizes_are_as_asked(void **state)
{
    (void)state;
    static const size_case cases[] = {
        {100, 60, TL_FIT_NO, 0, false, 100, 60, true},        {100, 60, TL_FIT_SHORTEST, 30, false, 50, 30, false},
        {60, 100, TL_FIT_SHORTEST, 30, false, 30, 50, false}, {100, 60, TL_FIT_SHORTEST, 60, false, 100, 60, true},
        {100, 60, TL_FIT_SHORTEST, 90, true, 100, 60, true},  {100, 60, TL_FIT_SHORTEST, 90, false, 150, 90, false},
        {100, 60, TL_FIT_LONGEST, 50, false, 50, 30, false},  {100, 60, TL_FIT_LONGEST, 100, true, 100, 60, true},
        {100, 60, TL_FIT_SQUASH, 32, false, 32, 32, false},   {100, 60, TL_FIT_SQUASH, 120, true, 100, 60, true},
        {100, 60, TL_FIT_CROP, 30, false, 30, 30, false},     {100, 60, TL_FIT_CROP, 60, false, 60, 60, false},
        {100, 60, TL_FIT_CROP, 60, true, 100, 60, true},      {60, 60, TL_FIT_CROP, 60, false, 60, 60, true},
        {1000, 10, TL_FIT_LONGEST, 20, false, 20, 1, false},  {101, 50, TL_FIT_SHORTEST, 25, false, 51, 25, false},
    };
    static const tl_image_format formats[] = {TL_IMAGE_JPEG, TL_IMAGE_PNG, TL_IMAGE_WEBP};
    tl_string scratch;
    tl_string_init(&scratch, 1 << 24);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t format = 0; format < 3; format++) {
            const size_case *given = &cases[i];
            tl_string bytes = draw(given->width, given->height, formats[format]);
            const tl_picture_rules rules = {
                .resize = given->resize, .size = given->size, .only_if_bigger = given->only_if_bigger};
            tl_changed_picture out = change(tl_string_slice(&bytes), &rules, &scratch);
            tl_image image;
            assert_null(out.reason);
            assert_int_equal(out.original_width, given->width);
            assert_int_equal(out.original_height, given->height);
            assert_int_equal(out.info.format, formats[format]);
            assert_true(tl_image_decode(out.bytes, NULL, &image, NULL));
            if (image.width != given->wanted_width || image.height != given->wanted_height || out.info.width != image.width ||
                out.info.height != image.height)
                fail_msg("case %zu: expected %u x %u, found %u x %u", i, given->wanted_width, given->wanted_height, image.width,
                         image.height);
            assert_int_equal(tl_slice_equal(out.bytes, tl_string_slice(&bytes)), given->is_kept);
            tl_image_clear(&image);
            tl_string_clear(&bytes);
        }
    tl_string_clear(&scratch);
}

static void formats_are_as_asked(void **state)
{
    (void)state;
    tl_string scratch, png = draw(20, 10, TL_IMAGE_PNG), gif = read_fixture("interlaced.gif");
    tl_string_init(&scratch, 1 << 24);
    tl_picture_rules rules = {.format = TL_IMAGE_JPEG, .quality = 60};
    assert_int_equal(change(tl_string_slice(&png), &rules, &scratch).info.format, TL_IMAGE_JPEG);
    rules.format = TL_IMAGE_PNG;
    assert_true(tl_slice_equal(change(tl_string_slice(&png), &rules, &scratch).bytes, tl_string_slice(&png)));
    /* What cannot be written stays as it is, until it has to change. */
    rules.format = TL_IMAGE_UNKNOWN;
    assert_true(tl_slice_equal(change(tl_string_slice(&gif), &rules, &scratch).bytes, tl_string_slice(&gif)));
    rules = (tl_picture_rules){.resize = TL_FIT_SQUASH, .size = 9};
    assert_int_equal(change(tl_string_slice(&gif), &rules, &scratch).info.format, TL_IMAGE_JPEG);
    tl_string_clear(&scratch);
    tl_string_clear(&png);
    tl_string_clear(&gif);
}

static void orientation_is_applied(void **state)
{
    (void)state;
    tl_string scratch;
    tl_string_init(&scratch, 1 << 24);
    for (int orientation = 1; orientation <= 8; orientation++) {
        char name[64];
        snprintf(name, sizeof name, "orientation_%d.jpg", orientation);
        tl_string bytes = read_fixture(name);
        const tl_picture_rules rules = {.format = TL_IMAGE_PNG};
        tl_changed_picture out = change(tl_string_slice(&bytes), &rules, &scratch);
        tl_image wanted, found;
        tl_exif exif;
        assert_true(tl_image_decode(tl_string_slice(&bytes), NULL, &wanted, NULL));
        assert_true(tl_image_decode(out.bytes, &(tl_image_decode_options){.keep_orientation = true}, &found, NULL));
        tl_exif_read(out.bytes, &exif);
        assert_int_equal(exif.orientation, 1);
        assert_int_equal(found.width, wanted.width);
        assert_int_equal(found.height, wanted.height);
        assert_int_equal(out.original_width, wanted.width);
        assert_memory_equal(wanted.pixels, found.pixels, (size_t)wanted.width * wanted.height * 3);
        out = change(tl_string_slice(&bytes), &(tl_picture_rules){0}, &scratch);
        assert_int_equal(out.info.format, TL_IMAGE_JPEG);
        assert_int_equal(tl_slice_equal(out.bytes, tl_string_slice(&bytes)), orientation == 1);
        tl_image_clear(&wanted);
        tl_image_clear(&found);
        tl_string_clear(&bytes);
    }
    tl_string_clear(&scratch);
}

static void metadata_goes_and_pixels_stay(void **state)
{
    (void)state;
    static const char *const names[] = {"exif.jpg", "exif.png", "exif.webp"};
    tl_string scratch;
    tl_string_init(&scratch, 1 << 24);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tl_string bytes = read_fixture(names[i]);
        tl_exif before, after;
        tl_image wanted, found;
        tl_exif_read(tl_string_slice(&bytes), &before);
        if (before.orientation > 1) {
            tl_string_clear(&bytes);
            continue; /* written again anyway */
        }
        assert_true(before.camera[0] != '\0' || before.taken[0] != '\0');
        tl_changed_picture out = change(tl_string_slice(&bytes), &(tl_picture_rules){0}, &scratch);
        assert_true(tl_slice_equal(out.bytes, tl_string_slice(&bytes)));
        out = change(tl_string_slice(&bytes), &(tl_picture_rules){.drop_metadata = true}, &scratch);
        assert_true(out.bytes.size < bytes.size);
        tl_exif_read(out.bytes, &after);
        assert_true(after.camera[0] == '\0' && after.taken[0] == '\0' && !after.has_place);
        assert_true(tl_image_decode(tl_string_slice(&bytes), NULL, &wanted, NULL));
        assert_true(tl_image_decode(out.bytes, NULL, &found, NULL));
        assert_int_equal(wanted.width, found.width);
        assert_memory_equal(wanted.pixels, found.pixels, (size_t)wanted.width * wanted.height * 3);
        tl_image_clear(&wanted);
        tl_image_clear(&found);
        tl_string_clear(&bytes);
    }
    tl_string_clear(&scratch);
}

static void metadata_goes_along_when_asked(void **state)
{
    (void)state;
    static const char *const names[] = {"exif.jpg", "exif.png", "exif.webp"};
    static const tl_image_format formats[] = {TL_IMAGE_JPEG, TL_IMAGE_PNG, TL_IMAGE_WEBP};
    tl_string scratch;
    tl_string_init(&scratch, 1 << 24);
    for (size_t i = 0; i < 9; i++) {
        tl_string bytes = read_fixture(names[i / 3]);
        tl_picture_rules rules = {.resize = TL_FIT_SQUASH, .size = 5, .format = formats[i % 3], .keep_metadata = true};
        tl_exif before, after;
        tl_exif_read(tl_string_slice(&bytes), &before);
        tl_exif_read(change(tl_string_slice(&bytes), &rules, &scratch).bytes, &after);
        assert_int_equal(after.orientation, 1);
        assert_string_equal(after.camera, before.camera);
        assert_string_equal(after.taken, before.taken);
        assert_int_equal(after.has_place, before.has_place);
        rules.keep_metadata = false;
        tl_exif_read(change(tl_string_slice(&bytes), &rules, &scratch).bytes, &after);
        assert_string_equal(after.camera, "");
        assert_string_equal(after.taken, "");
        tl_string_clear(&bytes);
    }
    tl_string_clear(&scratch);
}

static void refusals_have_reasons(void **state)
{
    (void)state;
    tl_string scratch, jpg = draw(90, 30, TL_IMAGE_JPEG);
    tl_string_init(&scratch, 1 << 24);
    tl_slice whole = tl_string_slice(&jpg);
    assert_string_equal(change(whole, &(tl_picture_rules){.min_side = 31}, &scratch).reason, "picture too small");
    assert_null(change(whole, &(tl_picture_rules){.min_side = 30}, &scratch).reason);
    assert_string_equal(change(whole, &(tl_picture_rules){.max_aspect = 2.9}, &scratch).reason, "picture too long");
    assert_null(change(whole, &(tl_picture_rules){.max_aspect = 3}, &scratch).reason);
    assert_string_equal(change(whole, &(tl_picture_rules){.max_pixels = 2699}, &scratch).reason, "picture too large");
    assert_null(change(whole, &(tl_picture_rules){.max_pixels = 2700}, &scratch).reason);
    assert_string_equal(change((tl_slice){whole.data, whole.size - 30}, &(tl_picture_rules){0}, &scratch).reason,
                        "broken picture");
    assert_null(change((tl_slice){whole.data, whole.size - 30}, &(tl_picture_rules){.only_headers = true}, &scratch).reason);
    assert_string_equal(
        change((tl_slice){whole.data, whole.size - 30}, &(tl_picture_rules){.resize = TL_FIT_SQUASH, .size = 9}, &scratch).reason,
        "broken picture");
    assert_string_equal(change((tl_slice){"plain words", 11}, &(tl_picture_rules){0}, &scratch).reason, "not a picture");
    assert_string_equal(change((tl_slice){"", 0}, &(tl_picture_rules){0}, &scratch).reason, "empty file");
    tl_string_clear(&scratch);
    tl_string_clear(&jpg);
}

static void rules_that_cannot_be_are_told(void **state)
{
    (void)state;
    tl_error err = {0};
    assert_true(tl_picture_rules_check(&(tl_picture_rules){0}, NULL));
    assert_false(tl_picture_rules_check(&(tl_picture_rules){.resize = TL_FIT_CROP}, &err));
    assert_false(tl_picture_rules_check(&(tl_picture_rules){.size = 10}, &err));
    assert_false(tl_picture_rules_check(&(tl_picture_rules){.drop_metadata = true, .keep_metadata = true}, &err));
    assert_false(tl_picture_rules_check(&(tl_picture_rules){.resize = TL_FIT_CROP, .size = 20000}, &err));
    assert_false(tl_picture_rules_check(&(tl_picture_rules){.max_aspect = 0.5}, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_as_asked),
        cmocka_unit_test(formats_are_as_asked),
        cmocka_unit_test(orientation_is_applied),
        cmocka_unit_test(metadata_goes_and_pixels_stay),
        cmocka_unit_test(metadata_goes_along_when_asked),
        cmocka_unit_test(refusals_have_reasons),
        cmocka_unit_test(rules_that_cannot_be_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
