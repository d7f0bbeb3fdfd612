/* Decoding against Pillow's pixels, and against files that are cut, damaged or lie. */
#include "tests/unit/image/image_fixtures.h"

#include "base/image/decode.h"
#include "base/image/probe.h"

#include <dirent.h>
#include <sys/stat.h>

static void decode_as_pillow(const char *line)
{
    char name[128], raw[160];
    unsigned width, height, min_side;
    assert_int_equal(sscanf(line, "%127s %u %u %u", name, &width, &height, &min_side), 4);
    if (min_side == 0)
        snprintf(raw, sizeof raw, "%s.rgb", name);
    else
        snprintf(raw, sizeof raw, "%s.s%u.rgb", name, min_side);
    tl_string bytes = read_fixture(name);
    tl_image expected = read_raw(raw, width, height), image;
    tl_image_decode_options options = {.min_side = min_side};
    tl_error err = {0};
    if (!tl_image_decode(tl_string_slice(&bytes), &options, &image, &err))
        fail_msg("%s: %s", name, err.message);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    size_t differing;
    int largest = largest_difference(image.pixels, expected.pixels, (size_t)width * height * 3, &differing);
    if (largest != 0)
        fail_msg("%s: %zu values differ from Pillow's, by up to %d", name, differing, largest);
    tl_image_clear(&image);
    tl_image_clear(&expected);
    tl_string_clear(&bytes);
}

static void pixels_equal_pillow(void **state)
{
    (void)state;
    assert_true(each_case("decode", decode_as_pillow) >= 70);
}

/* Cut anywhere, a file is an error, or (when only its tail of remarks is gone) the very same picture. */
static void decode_cut(const char *line)
{
    char name[128];
    unsigned width, height, min_side;
    assert_int_equal(sscanf(line, "%127s %u %u %u", name, &width, &height, &min_side), 4);
    tl_string bytes = read_fixture(name);
    tl_image whole;
    tl_error err = {0};
    assert_true(tl_image_decode(tl_string_slice(&bytes), NULL, &whole, NULL));
    bool is_jpeg = strstr(name, ".jpg") != NULL, is_png = strstr(name, ".png") != NULL;
    size_t step = bytes.size / 150 + 1;
    for (size_t size = 0; size<bytes.size; size += size + 40> bytes.size || size < 40 ? 1 : step) {
        /* An exact block, so that the sanitizer sees a read past its end. */
        char *cut = malloc(size != 0 ? size : 1);
        assert_non_null(cut);
        memcpy(cut, bytes.data, size);
        tl_image image;
        err = (tl_error){0};
        if (tl_image_decode((tl_slice){cut, size}, NULL, &image, &err)) {
            /* Of these no byte may be missing. */
            if (is_jpeg || is_png)
                fail_msg("%s: decoded from %zu of %zu bytes", name, size, bytes.size);
            if (image.width != whole.width || image.height != whole.height ||
                memcmp(image.pixels, whole.pixels, (size_t)whole.width * whole.height * 3) != 0)
                fail_msg("%s: another picture from %zu of %zu bytes", name, size, bytes.size);
            tl_image_clear(&image);
        } else if (err.kind != TL_ERROR_CORRUPT && err.kind != TL_ERROR_UNSUPPORTED) {
            fail_msg("%s: kind %s at %zu of %zu bytes: %s", name, tl_error_kind_name(err.kind), size, bytes.size, err.message);
        }
        free(cut);
    }
    tl_image_clear(&whole);
    tl_string_clear(&bytes);
}

static void cut_files_are_errors(void **state)
{
    (void)state;
    each_case("decode", decode_cut);
}

static void expect_failure(tl_slice bytes, const tl_image_decode_options *options, tl_error_kind kind, const char *part)
{
    tl_image image;
    tl_error err = {0};
    assert_false(tl_image_decode(bytes, options, &image, &err));
    assert_int_equal(err.kind, kind);
    if (strstr(err.message, part) == NULL)
        fail_msg("expected '%s' in '%s'", part, err.message);
}

/* 50,000 x 50,000 pixels claimed by a few dozen bytes: by the limit, and above it by the amount of compressed data. */
static void lying_png_is_refused(void **state)
{
    (void)state;
    tl_string bytes = read_fixture("rgb.png");
    static const unsigned char side[4] = {0, 0, 0xc3, 0x50};
    memcpy(bytes.data + 16, side, 4);
    memcpy(bytes.data + 20, side, 4);
    expect_failure(tl_string_slice(&bytes), NULL, TL_ERROR_UNSUPPORTED, "50000 x 50000");
    tl_image_decode_options options = {.max_pixels = UINT64_MAX};
    expect_failure(tl_string_slice(&bytes), &options, TL_ERROR_CORRUPT, "checksum");
    /* IHDR's right checksum for this size. */
    static const unsigned char header_sum[4] = {0xc4, 0xcd, 0xaa, 0x9d};
    memcpy(bytes.data + 29, header_sum, 4);
    expect_failure(tl_string_slice(&bytes), &options, TL_ERROR_CORRUPT, "50000 x 50000");
    tl_string_clear(&bytes);
}

/* The same for formats without checksums: a size put into the header that the file has no room for. */
static void lying_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t offset; /* of the sides */
        size_t size;
        const char *sides;
    } cases[] = {
        {"plain.gif", 6, 4, "\x60\xea\x60\xea"},
        {"rgb.bmp", 18, 8, "\x60\xea\0\0\x60\xea\0\0"},
        {"packed.psd", 14, 8, "\0\0\xea\x60\0\0\xea\x60"},
        {"scans_100.jpg", 76, 4, "\xea\x60\xea\x60"}, /* behind its only quantisation table */
    };
    const tl_image_decode_options options = {.max_pixels = UINT64_MAX};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_string bytes = read_fixture(cases[i].name);
        memcpy(bytes.data + cases[i].offset, cases[i].sides, cases[i].size);
        expect_failure(tl_string_slice(&bytes), &options, TL_ERROR_CORRUPT, "expected the pixels of 60000 x");
        tl_string_clear(&bytes);
    }
}

static void pixel_limit_holds_for_every_format(void **state)
{
    (void)state;
    static const char *const names[] = {"420.jpg", "rgb.png", "plain.gif", "lossy.webp",
                                        "rgb.bmp", "rgb.tga", "raw.psd",   "rgb.ppm"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tl_string bytes = read_fixture(names[i]);
        tl_image_info info;
        tl_image image;
        assert_true(tl_image_probe(tl_string_slice(&bytes), &info, NULL));
        tl_image_decode_options options = {.max_pixels = (uint64_t)info.width * info.height};
        assert_true(tl_image_decode(tl_string_slice(&bytes), &options, &image, NULL));
        tl_image_clear(&image);
        options.max_pixels--;
        expect_failure(tl_string_slice(&bytes), &options, TL_ERROR_UNSUPPORTED, "pixels");
        tl_string_clear(&bytes);
    }
}

static void damaged_png_is_found_by_checksum(void **state)
{
    (void)state;
    tl_string bytes = read_fixture("rgb.png");
    bytes.data[bytes.size / 2] ^= 1;
    expect_failure(tl_string_slice(&bytes), NULL, TL_ERROR_CORRUPT, "checksum");
    tl_string_clear(&bytes);
}

static void damaged_jpeg_is_an_error(void **state)
{
    (void)state;
    tl_string bytes = read_fixture("restart.jpg");
    /* A restart marker that is out of order loses pixels. */
    size_t found = 0;
    for (size_t i = 0; i + 1 < bytes.size && found == 0; i++)
        if ((unsigned char)bytes.data[i] == 0xff && (unsigned char)bytes.data[i + 1] == 0xd1)
            found = i;
    assert_true(found != 0);
    bytes.data[found + 1] = (char)0xd5;
    expect_failure(tl_string_slice(&bytes), NULL, TL_ERROR_CORRUPT, "jpeg picture");
    tl_string_clear(&bytes);
}

/* Each scan is a walk over the whole picture, and costs the writer a dozen bytes. A hundred decode (pixels_equal_pillow). */
static void scan_bomb_is_refused(void **state)
{
    (void)state;
    tl_string bytes = read_fixture("scans_101.jpg");
    expect_failure(tl_string_slice(&bytes), NULL, TL_ERROR_UNSUPPORTED, "at most 100 scans");
    tl_string_clear(&bytes);
}

static void orientation_can_be_kept(void **state)
{
    (void)state;
    tl_string bytes = read_fixture("orientation_6.jpg");
    tl_image image;
    tl_image_decode_options options = {.keep_orientation = true};
    assert_true(tl_image_decode(tl_string_slice(&bytes), &options, &image, NULL));
    assert_int_equal(image.width, 21);
    assert_int_equal(image.height, 13);
    tl_image_clear(&image);
    assert_true(tl_image_decode(tl_string_slice(&bytes), NULL, &image, NULL));
    assert_int_equal(image.width, 13);
    assert_int_equal(image.height, 21);
    tl_image_clear(&image);
    tl_string_clear(&bytes);
}

static void not_a_picture_is_unsupported(void **state)
{
    (void)state;
    expect_failure((tl_slice){NULL, 0}, NULL, TL_ERROR_UNSUPPORTED, "nothing");
    expect_failure(tl_slice_of("hello, this is no picture at all"), NULL, TL_ERROR_UNSUPPORTED, "expected a picture");
    expect_failure(tl_slice_of("<!DOCTYPE html><html>"), NULL, TL_ERROR_UNSUPPORTED, "html");
}

/* Real pictures: every stamp decodes, to the size that its header states (orientation is in none of them). */
static void decode_stamps(const char *folder, size_t *count)
{
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[1024];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || stat(path, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode)) {
            decode_stamps(path, count);
            continue;
        }
        if (!tl_image_name_is_picture(path))
            continue;
        tl_string bytes = read_path(path);
        tl_image_info info;
        tl_image image;
        tl_error err = {0};
        if (!tl_image_probe(tl_string_slice(&bytes), &info, &err) ||
            !tl_image_decode(tl_string_slice(&bytes), NULL, &image, &err))
            fail_msg("%s: %s", path, err.message);
        assert_int_equal(image.width, info.width);
        assert_int_equal(image.height, info.height);
        tl_image_clear(&image);
        tl_string_clear(&bytes);
        ++*count;
    }
    closedir(directory);
}

static void stamps_decode(void **state)
{
    (void)state;
    struct stat status;
    if (stat("/usr/share/tuxpaint/stamps", &status) != 0) {
        print_message("skipped: tuxpaint-stamps-default is not installed\n");
        skip();
    }
    size_t count = 0;
    decode_stamps("/usr/share/tuxpaint/stamps", &count);
    assert_true(count >= 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_equal_pillow),
        cmocka_unit_test(cut_files_are_errors),
        cmocka_unit_test(lying_png_is_refused),
        cmocka_unit_test(lying_headers_are_refused),
        cmocka_unit_test(pixel_limit_holds_for_every_format),
        cmocka_unit_test(damaged_png_is_found_by_checksum),
        cmocka_unit_test(damaged_jpeg_is_an_error),
        cmocka_unit_test(scan_bomb_is_refused),
        cmocka_unit_test(orientation_can_be_kept),
        cmocka_unit_test(not_a_picture_is_unsupported),
        cmocka_unit_test(stamps_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
