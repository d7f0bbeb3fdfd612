/* Which captions are labels, and the sentences that they become. */
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "cli/app/label_text_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const templates[] = {"a photo of a {}.", "{}"};
static const tl_label_texts texts = {templates, 2, 3};

static bool is_label(const tl_label_texts *labels, const char *caption)
{
    tl_arena *arena;
    tl_slice made;
    uint64_t key;
    tl_random random = tl_random_stream(1, 0), before = random;
    assert_true(tl_arena_create(1 << 12, &arena, NULL));
    assert_true(tl_label_text_make(labels, tl_slice_of(caption), &random, arena, &made, &key, NULL));
    tl_arena_destroy(arena);
    return random.counter != before.counter;
}

static void labels_are_short_names_between_commas(void **state)
{
    (void)state;
    static const char *const labels[] = {"cat", "goldfish, Carassius auratus", "a b c,d"};
    static const char *const sentences[] = {"a dog runs over grass", "cat, a dog runs over grass", "", "cat,", "cat, , dog"};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        assert_true(is_label(&texts, labels[i]));
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
        if (is_label(&texts, sentences[i]) != (i == 3))
            fail_msg("'%s'", sentences[i]);
    const tl_label_texts none = {NULL, 0, 3};
    assert_false(is_label(&none, "cat"));
}

static void every_name_meets_every_template(void **state)
{
    (void)state;
    tl_arena *arena;
    assert_true(tl_arena_create(1 << 12, &arena, NULL));
    static const char *const expected[] = {"a photo of a goldfish.", "a photo of a Carassius auratus.", "goldfish",
                                           "Carassius auratus"};
    size_t seen[4] = {0};
    for (uint64_t i = 0; i < 400; i++) {
        tl_slice made;
        uint64_t key;
        tl_random random = tl_random_stream(1, i);
        assert_true(tl_label_text_make(&texts, tl_slice_of("goldfish,  Carassius auratus "), &random, arena, &made, &key, NULL));
        size_t which = 0;
        while (which < 4 && !tl_slice_equal(made, tl_slice_of(expected[which])))
            which++;
        assert_true(which < 4);
        assert_true(key == (which % 2 == 0 ? tl_hash64("goldfish", 8) : tl_hash64("Carassius auratus", 17)));
        seen[which]++;
    }
    for (size_t i = 0; i < 4; i++)
        assert_true(seen[i] > 60 && seen[i] < 140);
    uint64_t key;
    tl_slice made, sentence = tl_slice_of("a dog runs over grass");
    tl_random random = tl_random_stream(1, 1), before = random;
    assert_true(tl_label_text_make(&texts, sentence, &random, arena, &made, &key, NULL));
    assert_ptr_equal(made.data, sentence.data);
    assert_true(random.counter == before.counter);
    assert_true(key == tl_hash64(sentence.data, sentence.size));
    tl_arena_destroy(arena);
}

static void a_caption_adds_the_keys_it_may_get(void **state)
{
    (void)state;
    static const char *const captions[] = {"a dog runs over grass", "cat, tabby", "cat, tabby, or a dog runs over grass", ""};
    static const char *const expected[] = {"a dog runs over grass", "cat", "tabby", "cat, tabby, or a dog runs over grass", ""};
    tl_label_keys keys = {0};
    for (size_t i = 0; i < sizeof captions / sizeof captions[0]; i++)
        assert_true(tl_label_text_add_keys(&texts, tl_slice_of(captions[i]), &keys, NULL));
    assert_int_equal(keys.count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < keys.count; i++)
        assert_true(keys.items[i] == tl_hash64(expected[i], strlen(expected[i])));
    tl_memory_free(keys.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_short_names_between_commas),
        cmocka_unit_test(every_name_meets_every_template),
        cmocka_unit_test(a_caption_adds_the_keys_it_may_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
