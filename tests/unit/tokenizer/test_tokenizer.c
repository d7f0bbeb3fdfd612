/* The door: ids of the reference package, rows of T, decoding, and what is refused. */
#include "base/core/memory.h"
#include "base/io/file.h"
#include "tests/support/assert_ok.h"
#include "tests/support/hex_columns.h"
#include "tokenizer/tokenizer.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/tokenizer/"

static tl_tokenizer *open_fixture(const char *name, tl_tokenizer_options options)
{
    char path[512];
    tl_tokenizer *tokenizer = NULL;
    assert_true((size_t)snprintf(path, sizeof path, "%s%s", FIXTURES, name) < sizeof path);
    assert_ok(tl_tokenizer_open(path, &options, &tokenizer, err));
    return tokenizer;
}

static void check_row(const tl_tokenizer *tokenizer, char *columns)
{
    static char text[4096], back[4096];
    static int32_t expected[4096];
    size_t size, back_size, expected_count = 0, count;
    int32_t *ids;
    tl_error err = {0};
    tl_string decoded;
    tl_string_init(&decoded, 1 << 20);

    char *at = read_hex(columns, text, &size);
    while (*at != '\t') {
        expected[expected_count++] = (int32_t)strtol(at, &at, 10);
        at += *at == ' ';
    }
    read_hex(at + 1, back, &back_size);

    assert_true(tl_tokenizer_encode_whole(tokenizer, (tl_slice){text, size}, &ids, &count, &err));
    assert_int_equal(count, expected_count);
    if (count != 0)
        assert_memory_equal(ids, expected, count * sizeof *ids);
    assert_true(tl_tokenizer_decode(tokenizer, ids, count, &decoded, &err));
    assert_true(tl_slice_equal(tl_string_slice(&decoded), (tl_slice){back, back_size}));
    tl_memory_free(ids);
    tl_string_clear(&decoded);
}

static void ids_and_texts_are_those_of_the_reference(void **state)
{
    (void)state;
    static const char *const models[] = {"captions.model", "bare.model", "merges.model"};
    tl_tokenizer *tokenizers[3];
    tl_error err = {0};
    tl_string rows;
    size_t checked = 0;
    tl_string_init(&rows, 1 << 20);
    assert_true(tl_file_read(FIXTURES "ids.tsv", &rows, &err));
    for (size_t i = 0; i < 3; i++)
        tokenizers[i] = open_fixture(models[i], (tl_tokenizer_options){.context_length = 16});
    for (char *line = rows.data; *line != '\0'; line = strchr(line, '\n') + 1) {
        for (size_t i = 0; i < 3; i++) {
            size_t length = strlen(models[i]);
            if (strncmp(line, models[i], length) != 0)
                continue;
            check_row(tokenizers[i], line + length + 1);
            checked++;
        }
    }
    assert_true(checked > 150);
    for (size_t i = 0; i < 3; i++)
        tl_tokenizer_close(tokenizers[i]);
    tl_string_clear(&rows);
}

static void rows_are_cut_and_padded(void **state)
{
    (void)state;
    enum { T = 6 };
    tl_tokenizer *tokenizer = open_fixture("captions.model", (tl_tokenizer_options){.context_length = T});
    const tl_slice texts[3] = {tl_slice_of("a red fox"), tl_slice_of(""), tl_slice_of("the big old boat at night and more")};
    int32_t ids[3 * T];
    uint32_t lengths[3];
    int32_t *whole;
    size_t count;
    tl_error err = {0};

    assert_true(tl_tokenizer_encode(tokenizer, texts, 3, ids, lengths, &err));
    const int32_t empty[T] = {2, 3, 0, 0, 0, 0};
    assert_memory_equal(ids + T, empty, sizeof empty);
    assert_int_equal(lengths[1], 2);

    assert_true(tl_tokenizer_encode_whole(tokenizer, texts[2], &whole, &count, &err));
    assert_true(count > T);
    assert_int_equal(lengths[2], T);
    assert_int_equal(ids[2 * T], 2);
    assert_memory_equal(ids + 2 * T + 1, whole, (T - 2) * sizeof *whole);
    assert_int_equal(ids[3 * T - 1], 3);
    tl_memory_free(whole);

    assert_true(tl_tokenizer_encode(tokenizer, NULL, 0, NULL, NULL, &err));
    tl_tokenizer_close(tokenizer);
}

static void every_context_length_keeps_bos_and_eos(void **state)
{
    (void)state;
    const char *text = "a red fox in the snow";
    for (size_t length = 3; length < 20; length++) {
        for (int without = 0; without < 4; without++) {
            int32_t ids[32];
            uint32_t used;
            tl_error err = {0};
            tl_tokenizer_options options = {
                .context_length = length, .without_bos = (without & 1) != 0, .without_eos = (without & 2) != 0};
            tl_tokenizer *tokenizer = open_fixture("captions.model", options);
            int32_t *whole;
            size_t count;
            assert_true(tl_tokenizer_encode_whole(tokenizer, tl_slice_of(text), &whole, &count, &err));
            ids[length] = -77;
            const tl_slice one = tl_slice_of(text);
            assert_true(tl_tokenizer_encode(tokenizer, &one, 1, ids, &used, &err));
            size_t extra = (size_t)!options.without_bos + (size_t)!options.without_eos;
            size_t wanted = count + extra < length ? count + extra : length;
            assert_int_equal(used, wanted);
            assert_int_equal(ids[0], options.without_bos ? whole[0] : 2);
            assert_int_equal(ids[used - 1], options.without_eos ? whole[used - 1 - (size_t)!options.without_bos] : 3);
            for (size_t i = used; i < length; i++)
                assert_int_equal(ids[i], 0);
            assert_int_equal(ids[length], -77);
            tl_memory_free(whole);
            tl_tokenizer_close(tokenizer);
        }
    }
}

static void a_vocabulary_may_lack_pad_bos_and_eos(void **state)
{
    (void)state;
    tl_tokenizer *tokenizer = open_fixture("bare.model", (tl_tokenizer_options){.context_length = 4});
    tl_tokenizer_info info;
    int32_t ids[4];
    uint32_t length;
    tl_error err = {0};
    tl_tokenizer_info_read(tokenizer, &info);
    assert_int_equal(info.pad_id, -1);
    assert_int_equal(info.bos_id, -1);
    assert_int_equal(info.eos_id, -1);
    assert_int_equal(info.unknown_id, 0);
    const tl_slice texts[2] = {tl_slice_of("a"), tl_slice_of("")};
    assert_true(tl_tokenizer_encode(tokenizer, texts, 1, ids, &length, &err));
    assert_int_equal(length, 1);
    assert_string_equal(tl_tokenizer_piece(tokenizer, ids[0]), "\xE2\x96\x81"
                                                               "a");
    assert_int_equal(ids[1], 0);
    assert_true(tl_tokenizer_encode(tokenizer, texts + 1, 1, ids, &length, &err));
    assert_int_equal(length, 0);
    tl_tokenizer_close(tokenizer);
}

static void info_and_pieces(void **state)
{
    (void)state;
    tl_tokenizer *tokenizer = open_fixture("captions.model", (tl_tokenizer_options){.context_length = 9});
    tl_tokenizer *other = open_fixture("merges.model", (tl_tokenizer_options){.context_length = 9});
    tl_tokenizer_info info, other_info;
    tl_tokenizer_info_read(tokenizer, &info);
    tl_tokenizer_info_read(other, &other_info);
    assert_int_equal(info.context_length, 9);
    assert_int_equal(info.pad_id, 0);
    assert_int_equal(info.unknown_id, 1);
    assert_int_equal(info.bos_id, 2);
    assert_int_equal(info.eos_id, 3);
    assert_int_equal(strlen(info.fingerprint), 32);
    assert_string_not_equal(info.fingerprint, other_info.fingerprint);
    assert_int_equal(other_info.vocabulary_size, 480);
    assert_string_equal(tl_tokenizer_piece(tokenizer, 2), "<s>");
    assert_string_equal(tl_tokenizer_piece(tokenizer, 4), "<0x00>");
    assert_non_null(tl_tokenizer_piece(tokenizer, (int32_t)info.vocabulary_size - 1));
    assert_null(tl_tokenizer_piece(tokenizer, (int32_t)info.vocabulary_size));
    assert_null(tl_tokenizer_piece(tokenizer, -1));
    tl_tokenizer_close(tokenizer);
    tl_tokenizer_close(other);
    tl_tokenizer_close(NULL);
}

static void decoding_drops_special_ids_and_refuses_others(void **state)
{
    (void)state;
    tl_tokenizer *tokenizer = open_fixture("captions.model", (tl_tokenizer_options){.context_length = 16});
    tl_tokenizer_info info;
    int32_t ids[16];
    uint32_t length;
    tl_error err = {0};
    tl_string text;
    tl_string_init(&text, 1000);
    tl_tokenizer_info_read(tokenizer, &info);
    const tl_slice one = tl_slice_of("A red FOX");
    assert_true(tl_tokenizer_encode(tokenizer, &one, 1, ids, &length, &err));
    assert_true(tl_string_append_text(&text, "said: ", &err));
    assert_true(tl_tokenizer_decode(tokenizer, ids, 16, &text, &err));
    assert_string_equal(text.data, "said: a red fox");

    ids[1] = (int32_t)info.vocabulary_size;
    assert_false(tl_tokenizer_decode(tokenizer, ids, 16, &text, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    assert_non_null(strstr(err.message, "at place 1"));
    ids[1] = -1;
    assert_false(tl_tokenizer_decode(tokenizer, ids, 16, &text, &err));
    /* Half a character in bytes still gives well-formed text. */
    tl_string_reset(&text);
    const int32_t half[1] = {4 + 0xF0};
    size_t bad;
    assert_true(tl_tokenizer_decode(tokenizer, half, 1, &text, &err));
    assert_true(tl_text_is_utf8(tl_string_slice(&text), &bad));
    /* The ceiling of the string holds. */
    tl_string small;
    tl_string_init(&small, 4);
    assert_true(tl_tokenizer_encode(tokenizer, &one, 1, ids, &length, &err));
    assert_false(tl_tokenizer_decode(tokenizer, ids, 16, &small, &err));
    tl_string_clear(&small);
    tl_string_clear(&text);
    tl_tokenizer_close(tokenizer);
}

enum { THREADS = 4, ROUNDS = 200, ROW = 12, TEXTS = 3 };

typedef struct worker {
    const tl_tokenizer *tokenizer;
    int32_t ids[TEXTS * ROW];
    bool ok;
} worker;

static const char *const shared_texts[TEXTS] = {"a red fox", "\xEF\xBC\xA1 \xF0\x9F\xA6\x8A in the snow", "tables under water"};

static void *encode_often(void *context)
{
    worker *self = context;
    self->ok = true;
    for (size_t round = 0; round < ROUNDS; round++) {
        tl_slice texts[TEXTS];
        uint32_t lengths[TEXTS];
        tl_error err = {0};
        tl_string back;
        for (size_t i = 0; i < TEXTS; i++)
            texts[i] = tl_slice_of(shared_texts[i]);
        tl_string_init(&back, 1000);
        self->ok = self->ok && tl_tokenizer_encode(self->tokenizer, texts, TEXTS, self->ids, lengths, &err) &&
                   tl_tokenizer_decode(self->tokenizer, self->ids, ROW, &back, &err) && strcmp(back.data, "a red fox") == 0;
        tl_string_clear(&back);
    }
    return NULL;
}

static void threads_may_share_a_tokenizer(void **state)
{
    (void)state;
    static worker workers[THREADS + 1];
    pthread_t threads[THREADS];
    tl_tokenizer *tokenizer = open_fixture("captions.model", (tl_tokenizer_options){.context_length = ROW});
    for (size_t i = 0; i <= THREADS; i++)
        workers[i].tokenizer = tokenizer;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, &workers[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    encode_often(&workers[THREADS]);
    for (size_t i = 0; i <= THREADS; i++) {
        assert_true(workers[i].ok);
        assert_memory_equal(workers[i].ids, workers[THREADS].ids, sizeof workers[i].ids);
    }
    tl_tokenizer_close(tokenizer);
}

static void bad_texts_are_named(void **state)
{
    (void)state;
    tl_tokenizer *tokenizer = open_fixture("captions.model", (tl_tokenizer_options){.context_length = 8});
    static const struct {
        const char *bytes;
        size_t size;
        const char *place;
    } cases[] = {
        {"ab\xff", 3, "byte 0xff at 2"}, {"a\0b", 3, "byte 0x00 at 1"}, {"\xC0\x80", 2, " at 0"},
        {"abc\xE2\x96", 5, " at 3"},     {"\xED\xA0\x80", 3, " at 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tl_slice texts[3] = {tl_slice_of("fine"), tl_slice_of("fine as well"), {cases[i].bytes, cases[i].size}};
        int32_t ids[3 * 8], *whole;
        uint32_t lengths[3];
        size_t count;
        tl_error err = {0};
        assert_false(tl_tokenizer_encode(tokenizer, texts, 3, ids, lengths, &err));
        assert_int_equal(err.kind, TL_ERROR_INVALID);
        assert_non_null(strstr(err.message, "text 2: "));
        assert_non_null(strstr(err.message, cases[i].place));
        assert_false(tl_tokenizer_encode_whole(tokenizer, texts[2], &whole, &count, &err));
    }
    char *long_text = tl_memory_allocate((1 << 20) + 1, 1, NULL);
    memset(long_text, 'a', (1 << 20) + 1);
    int32_t *whole;
    size_t count;
    tl_error err = {0};
    assert_true(tl_tokenizer_encode_whole(tokenizer, (tl_slice){long_text, 1 << 20}, &whole, &count, &err));
    tl_memory_free(whole);
    assert_false(tl_tokenizer_encode_whole(tokenizer, (tl_slice){long_text, (1 << 20) + 1}, &whole, &count, &err));
    tl_memory_free(long_text);
    tl_tokenizer_close(tokenizer);
}

static void check_refused(const char *path, size_t context_length, tl_error_kind kind, const char *part)
{
    tl_tokenizer_options options = {.context_length = context_length};
    tl_tokenizer *tokenizer = NULL;
    tl_error err = {0};
    assert_false(tl_tokenizer_open(path, &options, &tokenizer, &err));
    assert_int_equal(err.kind, kind);
    if (strstr(err.message, part) == NULL)
        fail_msg("expected '%s' in: %s", part, err.message);
}

static void bad_files_and_options_are_refused(void **state)
{
    (void)state;
    static const char garbage[] = "{\"model\": \"not a protocol buffer\"}";
    tl_error err = {0};
    assert_true(tl_file_replace("garbage.model", tl_slice_of(garbage), &err));
    assert_true(tl_file_replace("empty.model", tl_slice_of(""), &err));
    check_refused("no-such.model", 8, TL_ERROR_NOT_FOUND, "no-such.model");
    check_refused("garbage.model", 8, TL_ERROR_CORRUPT, "vocabulary 'garbage.model': ");
    check_refused("empty.model", 8, TL_ERROR_CORRUPT, "no pieces in 0 bytes");
    check_refused(FIXTURES "captions.model", 2, TL_ERROR_INVALID, "found 2");
    check_refused(FIXTURES "captions.model", 0, TL_ERROR_INVALID, "context length");
    check_refused(FIXTURES "captions.model", SIZE_MAX, TL_ERROR_INVALID, "context length");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_texts_are_those_of_the_reference),
        cmocka_unit_test(rows_are_cut_and_padded),
        cmocka_unit_test(every_context_length_keeps_bos_and_eos),
        cmocka_unit_test(a_vocabulary_may_lack_pad_bos_and_eos),
        cmocka_unit_test(info_and_pieces),
        cmocka_unit_test(decoding_drops_special_ids_and_refuses_others),
        cmocka_unit_test(threads_may_share_a_tokenizer),
        cmocka_unit_test(bad_texts_are_named),
        cmocka_unit_test(bad_files_and_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
