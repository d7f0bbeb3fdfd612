/* Camera remarks in each container, and broken ones. */
#include "tests/unit/image/image_fixtures.h"

#include "base/image/exif.h"

#include <math.h>

static tl_exif read_exif(const char *name)
{
    tl_string bytes = read_fixture(name);
    tl_exif exif;
    tl_exif_read(tl_string_slice(&bytes), &exif);
    tl_string_clear(&bytes);
    return exif;
}

static void fields_are_read_in_every_container(void **state)
{
    (void)state;
    static const char *const names[] = {"exif.jpg", "exif.png", "exif.webp"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tl_exif exif = read_exif(names[i]);
        assert_int_equal(exif.orientation, 6);
        assert_string_equal(exif.taken, "2024-05-17T09:30:00");
        /* The byte that is no UTF-8 and the control character are gone. */
        assert_string_equal(exif.camera, "Maker M\xc3\xb6"
                                         "del 7");
        assert_true(exif.has_place);
        assert_true(fabs(exif.latitude - -(33 + 51 / 60.0 + 24.5 / 3600)) < 1e-9);
        assert_true(fabs(exif.longitude - (151 + 12 / 60.0 + 30 / 3600.0)) < 1e-9);
    }
}

static void orientations_are_read(void **state)
{
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++) {
        char name[32];
        snprintf(name, sizeof name, "orientation_%d.jpg", orientation);
        tl_exif exif = read_exif(name);
        assert_int_equal(exif.orientation, orientation);
        assert_string_equal(exif.taken, "");
        assert_string_equal(exif.camera, "");
        assert_false(exif.has_place);
    }
}

static void absent_and_foreign_read_as_absent(void **state)
{
    (void)state;
    static const char *const names[] = {"420.jpg", "rgb.png", "lossy.webp", "plain.gif", "index.txt"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tl_exif exif = read_exif(names[i]);
        assert_int_equal(exif.orientation, 1);
        assert_false(exif.has_place);
    }
    tl_exif exif;
    tl_exif_read((tl_slice){NULL, 0}, &exif);
    assert_int_equal(exif.orientation, 1);
}

/* Whatever byte of the block is changed, the fields stay sound. */
static void broken_blocks_stay_sound(void **state)
{
    (void)state;
    tl_string bytes = read_fixture("exif.jpg");
    for (size_t at = 0; at < bytes.size && at < 420; at++) {
        for (int bit = 0; bit < 8; bit += 3) {
            tl_exif exif;
            bytes.data[at] ^= (char)(1 << bit);
            tl_exif_read(tl_string_slice(&bytes), &exif);
            assert_in_range(exif.orientation, 1, 8);
            assert_true(strlen(exif.taken) == 0 || strlen(exif.taken) == 19);
            size_t bad;
            assert_true(tl_text_is_utf8(tl_slice_of(exif.camera), &bad));
            if (exif.has_place)
                assert_true(fabs(exif.latitude) <= 90 && fabs(exif.longitude) <= 180);
            bytes.data[at] ^= (char)(1 << bit);
        }
    }
    tl_string_clear(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_in_every_container),
        cmocka_unit_test(orientations_are_read),
        cmocka_unit_test(absent_and_foreign_read_as_absent),
        cmocka_unit_test(broken_blocks_stay_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
