/* Scans made by hand: what is whole passes, and each way of being not whole is noticed. */
#include "base/image/walk_jpeg_internal.h"

#include "tests/unit/image/image_fixtures.h"

#include "base/core/random.h"
#include "base/image/decode.h"

/* DC: "0" no difference, "10" one of 3 bits. AC: "0" the block ends, "10" a coefficient of a bit, "110" 16 zeros, and
 * "111000000000" 15 zeros and a coefficient of 15 bits, whose code is longer than what one lookup sees. */
static const uint8_t dc_counts[17] = {0, 1, 1}, dc_symbols[256] = {0, 3};
static const uint8_t ac_counts[17] = {0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1}, ac_symbols[256] = {0x00, 0x01, 0xf0, 0xff};

#define LONG "111000000000"
#define ENDS " <ffd9>"

/* "0" and "1" are bits, after which a byte 0xff gets its zero; "." fills the byte with ones; "<ffd9>" are bytes as they are. */
static bool walk(const char *text, uint64_t mcu_count, uint32_t restart_interval)
{
    char bytes[1024];
    size_t size = 0;
    unsigned byte = 0, bits = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '<') {
            for (unsigned value; sscanf(at + 1, "%2x", &value) == 1; at += 2)
                bytes[size++] = (char)value;
            continue;
        }
        bool is_filled = *at == '.';
        while (*at == '0' || *at == '1' || (is_filled && bits != 0)) {
            byte = byte << 1 | (*at != '0');
            if (++bits == 8) {
                bytes[size++] = (char)byte;
                if (byte == 0xff)
                    bytes[size++] = 0;
                byte = bits = 0;
            }
            if (!is_filled)
                break;
        }
    }
    assert_int_equal(bits, 0);
    char *exact = malloc(size); /* of its very size, for the sanitizer's sake */
    memcpy(exact, bytes, size);
    const tl_jpeg_scan scan = {.bytes = {exact, size},
                               .dc = {{dc_counts, dc_symbols}},
                               .ac = {{ac_counts, ac_symbols}},
                               .block_count = 1,
                               .mcu_count = mcu_count,
                               .restart_interval = restart_interval};
    bool is_sound = tl_jpeg__walk_scan(&scan);
    free(exact);
    return is_sound;
}

static void whole_scans_pass(void **state)
{
    (void)state;
    assert_true(walk("00." ENDS, 1, 0));
    assert_true(walk("00." ENDS "<001122>", 1, 0)); /* behind the end there may be anything */
    assert_true(walk("00000000" ENDS, 4, 0));       /* no bit is left */
    assert_true(walk("10111 0." ENDS, 1, 0));       /* a difference of three bits */
    assert_true(walk("0 101 100 0." ENDS, 1, 0));   /* two coefficients */
    assert_true(walk("0 110 110 110 101 0." ENDS, 1, 0));
    assert_true(walk("0 " LONG "111111111111111 0." ENDS, 1, 0)); /* with bytes 0xff, which get a zero */
    assert_true(walk("0 " LONG "000000000000000 " LONG "000000000000000 " LONG "000000000000000 0." ENDS, 1, 0));
    /* A block that is full has no end; what would be one begins the next. */
    assert_true(walk("0 110 110 110 " LONG "111111111111111 00." ENDS, 2, 0));
    assert_true(walk("0 110 110 110 110 00." ENDS, 2, 0)); /* libjpeg leads past the end as well */
    assert_true(walk("00. <ffd0> 00. <ffd1> 00." ENDS, 3, 1));
    assert_true(walk("0000. <ffd0> 00." ENDS, 3, 2));
    assert_true(walk("00.<ffd0>00.<ffd1>00.<ffd2>00.<ffd3>00.<ffd4>00.<ffd5>00.<ffd6>00.<ffd7>00.<ffd0>00." ENDS, 10, 1));
}

static void others_do_not(void **state)
{
    (void)state;
    assert_false(walk("00.", 1, 0));                               /* no end */
    assert_false(walk("00.<ff>", 1, 0));                           /* half of it */
    assert_false(walk("00.<ffda>", 1, 0));                         /* another marker */
    assert_false(walk("00." ENDS, 5, 0));                          /* ones that only fill lead nowhere */
    assert_false(walk("00000000" ENDS, 5, 0));                     /* the data end before the blocks */
    assert_false(walk("00. 00." ENDS, 1, 0));                      /* a byte too many */
    assert_false(walk("0 1111111." ENDS, 1, 0));                   /* ends within a code */
    assert_false(walk("0 " LONG "111" ENDS, 1, 0));                /* or within a value */
    assert_false(walk("11111111 11111111 1111." ENDS, 1, 0));      /* no such code of DC */
    assert_false(walk("0 1111111 11111111 11111111." ENDS, 1, 0)); /* nor of AC */
    assert_false(walk("00. <ffd1> 00." ENDS, 2, 1));               /* the wrong restart */
    assert_false(walk("00. 00." ENDS, 2, 1));                      /* none */
    assert_false(walk("00. <ffd0> 00. <ffd1>" ENDS, 2, 1));        /* one too many */
    assert_false(walk("0000." ENDS, 2, 1));
    assert_false(walk("00. <ffd0>" ENDS, 2, 1));
    assert_false(walk("<ffd9>", 1, 0));
}

/* Of every file of the fixtures and what is left of it cut anywhere or with any byte changed: as decoding finds. */
static void checking_agrees_with_decoding(void **state)
{
    (void)state;
    static const char *const names[] = {"420.jpg", "progressive.jpg", "cmyk.jpg", "grey.jpg", "orientation_6.jpg"};
    tl_random random = tl_random_stream(26, 1);
    size_t sound = 0, broken = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tl_string bytes = read_fixture(names[i]);
        for (size_t at = 0; at < 2 * bytes.size; at++) {
            size_t size = at < bytes.size ? at + 1 : bytes.size;
            char *changed = &bytes.data[at % bytes.size], before = *changed;
            if (at >= bytes.size)
                *changed = (char)tl_random_below(&random, 256);
            tl_error checked = {0}, decoded = {0};
            tl_image image = {0};
            bool is_sound = tl_image_check((tl_slice){bytes.data, size}, 0, &checked);
            assert_int_equal(is_sound, tl_image_decode((tl_slice){bytes.data, size}, NULL, &image, &decoded));
            assert_string_equal(checked.message, decoded.message);
            tl_image_clear(&image);
            *(is_sound ? &sound : &broken) += 1;
            *changed = before;
        }
        tl_string_clear(&bytes);
    }
    assert_true(sound > 100 && broken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_scans_pass), cmocka_unit_test(others_do_not),
                                       cmocka_unit_test(checking_agrees_with_decoding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
