/* base/core/digest: the published values of FIPS 180-4 and RFC 1321, and pieces that give the digest of the whole. */
#include "base/core/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void digest(tl_digest_kind kind, const char *bytes, size_t size, size_t piece, char text[TL_DIGEST_TEXT_SIZE])
{
    tl_digest *made = NULL;
    assert_true(tl_digest_create(kind, &made, NULL));
    for (size_t at = 0; at < size; at += piece)
        assert_true(tl_digest_add(made, bytes + at, size - at < piece ? size - at : piece, NULL));
    assert_true(tl_digest_text(made, text, NULL));
    tl_digest_destroy(made);
}

static void known_values(void **state)
{
    (void)state;
    char text[TL_DIGEST_TEXT_SIZE];
    digest(TL_DIGEST_SHA256, "", 0, 1, text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest(TL_DIGEST_SHA256, "abc", 3, 1, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest(TL_DIGEST_SHA1, "abc", 3, 2, text);
    assert_string_equal(text, "a9993e364706816aba3e25717850c26c9cd0d89d");
    /* How Git names an empty file. */
    digest(TL_DIGEST_SHA1, "blob 0", 7, 7, text);
    assert_string_equal(text, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    digest(TL_DIGEST_MD5, "abc", 3, 1, text);
    assert_string_equal(text, "900150983cd24fb0d6963f7d28e17f72");
    assert_true(tl_digest_of(TL_DIGEST_MD5, "", 0, text, NULL));
    assert_string_equal(text, "d41d8cd98f00b204e9800998ecf8427e");
}

static void texts_are_told_from_others(void **state)
{
    (void)state;
    assert_true(tl_digest_is_text(TL_DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"));
    assert_false(tl_digest_is_text(TL_DIGEST_SHA256, "a9993e364706816aba3e25717850c26c9cd0d89d"));
    assert_false(tl_digest_is_text(TL_DIGEST_SHA1, "A9993e364706816aba3e25717850c26c9cd0d89d"));
    assert_false(tl_digest_is_text(TL_DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89/"));
    assert_false(tl_digest_is_text(TL_DIGEST_SHA1, ""));
    assert_false(tl_digest_is_text(TL_DIGEST_SHA1, NULL));
    assert_true(tl_digest_is_text(TL_DIGEST_MD5, "900150983cd24fb0d6963f7d28e17f72"));
    assert_false(tl_digest_is_text(TL_DIGEST_MD5, "900150983cd24fb0d6963f7d28e17f7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(texts_are_told_from_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
