/* base/core/hash: the published values of XXH3, and pieces that give the hash of the whole. */
#include "base/core/hash.h"
#include "base/core/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void known_values(void **state)
{
    (void)state;
    /* Of xxHash 0.8.1; the values are part of its format and must never change: they are stored in files. */
    assert_true(tl_hash64("", 0) == 0x2D06800538D394C2u);
    char text[TL_HASH_TEXT_SIZE];
    tl_hash_text("", 0, text);
    assert_string_equal(text, "99aa06d3014798d86001c324468d497f");
    assert_true(tl_hash64("a red fox", 9) == 0xE24542187A9A0ECFu);
    tl_hash_text("a red fox", 9, text);
    assert_string_equal(text, "40758493b393fe8cc5960361b7c09a15");
}

static void pieces_give_the_hash_of_the_whole(void **state)
{
    (void)state;
    unsigned char bytes[5000];
    tl_random random = tl_random_stream(3, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)tl_random_next(&random);
    for (int round = 0; round < 50; round++) {
        size_t size = (size_t)tl_random_below(&random, sizeof bytes + 1);
        tl_hasher *hasher = NULL;
        assert_true(tl_hasher_create(&hasher, NULL));
        for (size_t at = 0; at < size;) {
            size_t piece = (size_t)tl_random_below(&random, size - at + 1);
            tl_hasher_add(hasher, bytes + at, piece);
            at += piece;
        }
        char whole[TL_HASH_TEXT_SIZE];
        char pieces[TL_HASH_TEXT_SIZE];
        tl_hash_text(bytes, size, whole);
        tl_hasher_text(hasher, pieces);
        assert_string_equal(pieces, whole);
        tl_hasher_text(hasher, pieces); /* reading changes nothing */
        assert_string_equal(pieces, whole);
        tl_hasher_destroy(hasher);
    }
    tl_hasher_destroy(NULL);
}

static void one_bit_changes_the_hash(void **state)
{
    (void)state;
    char first[TL_HASH_TEXT_SIZE];
    char second[TL_HASH_TEXT_SIZE];
    tl_hash_text("fox", 3, first);
    tl_hash_text("foy", 3, second);
    assert_string_not_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(pieces_give_the_hash_of_the_whole),
        cmocka_unit_test(one_bit_changes_the_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
