/* Out of memory at every allocation while a published vocabulary is read, kept and used: an error, nothing leaked, nothing half
 * made. */
#include "tests/support/failing_memory.c"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "tokenizer/files/published.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/vocabularies/"

typedef bool opener(const char *path, tl_vocabulary *out, tl_error *err);

static bool open_library(const char *path, tl_vocabulary *out, tl_error *err)
{
    return tl_published__open_sentencepiece(path, TL_READER_SENTENCEPIECE, out, err);
}

static bool open_t5(const char *path, tl_vocabulary *out, tl_error *err)
{
    return tl_published__open_sentencepiece(path, TL_READER_T5, out, err);
}

static bool open_words(const char *path, tl_vocabulary *out, tl_error *err)
{
    return tl_published__open_word_list(path, &(tl_word_list_options){0}, out, err);
}

static bool use(opener *open, const char *path, tl_error *err)
{
    tl_vocabulary vocabulary = {0};
    tl_piece_ids ids = {0};
    tl_string text;
    tl_string_init(&text, 10000);
    bool ok = open(path, &vocabulary, err);
    if (ok) {
        ok = vocabulary.kind->encode(vocabulary.state, tl_slice_of("A red \xC3\xA9 fox \xF0\x9F\xA6\x8A<sep>"), &ids, err) &&
             vocabulary.kind->decode(vocabulary.state, ids.ids, ids.count, &text, err);
        vocabulary.kind->close(vocabulary.state);
    }
    tl_memory_free(ids.ids);
    tl_string_clear(&text);
    return ok;
}

/* A table that could not be kept, for want of memory, serves from memory: then the job succeeds in spite of the failure. */
static void sweep(opener *open, const char *name, bool keeps)
{
    char source[512], kept[64];
    size_t failures = 0;
    tl_string bytes;
    tl_string_init(&bytes, 1 << 20);
    snprintf(source, sizeof source, "%s%s", FIXTURES, name);
    snprintf(kept, sizeof kept, "%s.compiled", name);
    assert_true(tl_file_read(source, &bytes, NULL));
    assert_true(tl_file_replace(name, tl_string_slice(&bytes), NULL));
    tl_string_clear(&bytes);
    (void)unlink(kept);
    if (keeps)
        assert_true(use(open, name, NULL));
    for (size_t number = 1;; number++) {
        tl_error err = {0};
        if (!keeps)
            (void)unlink(kept);
        failing_memory_arm(number);
        bool ok = use(open, name, &err);
        size_t asked = failing_memory_disarm();
        if (!ok)
            assert_int_equal(err.kind, TL_ERROR_NO_MEMORY);
        failures += !ok;
        if (asked < number) {
            assert_true(ok);
            break;
        }
    }
    assert_true(failures >= 4);
}

static void reading_survives_it(void **state)
{
    (void)state;
    sweep(open_library, "pieces.model", false);
    sweep(open_library, "merges.model", false);
    sweep(open_t5, "pieces.model", false);
    sweep(open_words, "vocab.txt", false);
}

static void a_kept_table_survives_it(void **state)
{
    (void)state;
    sweep(open_library, "pieces.model", true);
    sweep(open_words, "vocab.txt", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_survives_it),
        cmocka_unit_test(a_kept_table_survives_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
