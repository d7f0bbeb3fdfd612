/* Header values and first bytes. */
#include "crawler-import/fetch/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void refusals_are_those_addressed_to_us(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        unsigned refusals;
    } examples[] = {
        {"", 0},
        {"noai", TL_REFUSAL_NOAI},
        {"NoAI, noimageai", TL_REFUSAL_NOAI | TL_REFUSAL_NOIMAGEAI},
        {" noindex ,nofollow", TL_REFUSAL_NOINDEX | TL_REFUSAL_NOFOLLOW},
        {"none", TL_REFUSAL_NOINDEX | TL_REFUSAL_NOFOLLOW},
        {"noimageindex", TL_REFUSAL_NOIMAGEINDEX},
        {"all", 0},
        {"noaix, xnoai, no ai", 0},
        {"googlebot: noindex", 0},
        {"googlebot: noindex, nofollow", 0},
        {"TwinLens: noindex", TL_REFUSAL_NOINDEX},
        {"*: noindex", TL_REFUSAL_NOINDEX},
        {"otherbot: noindex, twinlens: noai, nofollow", TL_REFUSAL_NOAI | TL_REFUSAL_NOFOLLOW},
        {"noai, otherbot: noindex", TL_REFUSAL_NOAI},
        {"unavailable_after: 25 Jun 2030 15:00:00 PST, noai", TL_REFUSAL_NOAI},
        {"unavailable_after: Wed, 25 Jun 2030 15:00:00 GMT, noai", TL_REFUSAL_NOAI},
        {"max-snippet: 5, max-image-preview: large, noimageai", TL_REFUSAL_NOIMAGEAI},
        {":noai", 0},
        {",,,noai,,", TL_REFUSAL_NOAI},
        {"twinlens2: noai", 0},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        if (tl_answer_refusals(tl_slice_of(examples[i].value), "twinlens") != examples[i].refusals)
            fail_msg("'%s': %u", examples[i].value, tl_answer_refusals(tl_slice_of(examples[i].value), "twinlens"));
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    const int64_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
    static const struct {
        const char *value;
        double seconds;
    } examples[] = {
        {"120", 120},
        {" 0 ", 0},
        {"Sun, 06 Nov 1994 08:50:37 GMT", 60},
        {"Sunday, 06-Nov-94 08:50:37 GMT", 60},
        {"Sun Nov  6 08:50:37 1994", 60},
        {"Sun, 06 Nov 1994 08:00:00 GMT", 0},
        {"", -1},
        {"-5", -1},
        {"soon", -1},
        {"1e9", -1},
        {"99999999999999999999999999999999999999", 1e38},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        double got = tl_answer_retry_after(tl_slice_of(examples[i].value), now), wanted = examples[i].seconds;
        if (got < wanted - 1e-3 * (wanted > 0 ? wanted : 1) || got > wanted + 1e-3 * (wanted > 0 ? wanted : 1))
            fail_msg("'%s': %g", examples[i].value, got);
    }
}

#define BYTES(text)            \
    {                          \
        text, sizeof(text) - 1 \
    }

static void first_bytes_say_what_it_is(void **state)
{
    (void)state;
    static const struct {
        tl_slice bytes;
        tl_answer_look look;
    } examples[] = {
        {BYTES("\xff\xd8\xff\xe0 whatever"), TL_LOOK_PICTURE},
        {BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), TL_LOOK_PICTURE},
        {BYTES("GIF89a"), TL_LOOK_PICTURE},
        {BYTES("RIFF\1\2\3\4WEBPVP8 "), TL_LOOK_PICTURE},
        {BYTES("RIFF\1\2\3\4WAVEfmt "), TL_LOOK_BINARY},
        {BYTES("BM\x36\0\0\0"), TL_LOOK_PICTURE},
        {BYTES("P6\n10 10\n255\n"), TL_LOOK_PICTURE},
        {BYTES("\0\0\0\x1c"
               "ftypavif\0\0\0\0"),
         TL_LOOK_PICTURE},
        {BYTES("\0\0\0\x1c"
               "ftypisom\0\0\0\0"),
         TL_LOOK_BINARY},
        {BYTES("\0\0\2\0\0\0\0\0\0\0\0\0\x10\0\x10\0\x18\0"), TL_LOOK_UNKNOWN}, /* tga has no signature */
        {BYTES("<!DOCTYPE html><html>"), TL_LOOK_MARKUP},
        {BYTES("\xef\xbb\xbf\r\n  <html>"), TL_LOOK_MARKUP},
        {BYTES("<?xml version='1.0'?><svg/>"), TL_LOOK_MARKUP},
        {BYTES("<\0h\0t\0m\0l\0"), TL_LOOK_MARKUP},
        {BYTES("\xff\xfe<\0h\0"), TL_LOOK_TEXT},
        {BYTES("{\"error\": \"not found\"}"), TL_LOOK_TEXT},
        {BYTES("\xcf\xf0\xe8\xe2\xe5\xf2, windows-1251"), TL_LOOK_TEXT},
        {BYTES("\x1b$B%F%9%H\x1b(B iso-2022-jp"), TL_LOOK_TEXT},
        {BYTES("%PDF-1.4\n"), TL_LOOK_BINARY},
        {BYTES("PK\3\4"), TL_LOOK_BINARY},
        {BYTES("\x1f\x8b\x08"), TL_LOOK_BINARY},
        {BYTES("ab\0cd"), TL_LOOK_UNKNOWN},
        {BYTES(""), TL_LOOK_TEXT},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        if (tl_answer_sniff(examples[i].bytes) != examples[i].look)
            fail_msg("example %zu is taken for %d", i, (int)tl_answer_sniff(examples[i].bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_are_those_addressed_to_us),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
        cmocka_unit_test(first_bytes_say_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
