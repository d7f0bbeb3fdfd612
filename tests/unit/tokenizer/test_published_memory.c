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
static void fail_in_turn(opener *open, const char *name, bool keeps)
{
    char source[512], kept[64];
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
    failing_memory_sweep sweep = {.job = name, .least_failures = 4, .may_do_without = true};
    while (failing_memory_next(&sweep)) {
        failing_memory_judge(&sweep, use(open, name, &sweep.err));
        if (!keeps)
            (void)unlink(kept);
    }
}

static void reading_survives_it(void **state)
{
    (void)state;
    fail_in_turn(open_library, "pieces.model", false);
    fail_in_turn(open_library, "merges.model", false);
    fail_in_turn(open_t5, "pieces.model", false);
    fail_in_turn(open_words, "vocab.txt", false);
}

static void a_kept_table_survives_it(void **state)
{
    (void)state;
    fail_in_turn(open_library, "pieces.model", true);
    fail_in_turn(open_words, "vocab.txt", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_survives_it),
        cmocka_unit_test(a_kept_table_survives_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
