/* Published vocabularies: ids of the reference's own classes, the table kept beside the file, and files that are wrong. */
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/core/random.h"
#include "base/io/file.h"
#include "tests/support/assert_ok.h"
#include "tests/support/hex_columns.h"
#include "tests/support/published_kinds.h"
#include "tokenizer/splitting/compiled.h"
#include "tokenizer/splitting/splitting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#define FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/vocabularies/"

enum { MAX_FILE_SIZE = 1 << 24 };

static void read_file(const char *path, tl_string *bytes)
{
    tl_string_reset(bytes);
    assert_ok(tl_file_read(path, bytes, err));
}

static void copy_fixture(const char *name)
{
    char path[512];
    tl_string bytes;
    tl_string_init(&bytes, MAX_FILE_SIZE);
    snprintf(path, sizeof path, "%s%s", FIXTURES, name);
    read_file(path, &bytes);
    assert_ok(tl_file_replace(name, tl_string_slice(&bytes), err));
    tl_string_clear(&bytes);
}

static tl_vocabulary open_or_fail(const char *kind, const char *path)
{
    tl_vocabulary vocabulary = {0};
    assert_ok(open_published(kind, path, &vocabulary, err));
    return vocabulary;
}

static void close_vocabulary(tl_vocabulary *vocabulary)
{
    vocabulary->kind->close(vocabulary->state);
}

static void encode_or_fail(const tl_vocabulary *vocabulary, tl_slice text, tl_piece_ids *ids)
{
    tl_error err = {0};
    if (!vocabulary->kind->encode(vocabulary->state, text, ids, &err))
        fail_msg("%s", err.message);
}

static tl_slice column(char **at)
{
    char *start = *at;
    while (**at != '\t' && **at != '\n')
        ++*at;
    tl_slice found = {start, (size_t)(*at - start)};
    *(*at)++ = '\0';
    return found;
}

static void check_ids(const tl_vocabulary *vocabulary, tl_slice text, char *expected, const char *what)
{
    tl_piece_ids ids = {0};
    encode_or_fail(vocabulary, text, &ids);
    for (size_t i = 0; i < ids.count; i++) {
        char *end;
        long id = strtol(expected, &end, 10);
        if (end == expected || id != ids.ids[i])
            fail_msg("%s, text '%.*s', id %zu: expected %ld, found %d", what, (int)text.size, text.data, i, id, (int)ids.ids[i]);
        assert_non_null(vocabulary->kind->piece(vocabulary->state, ids.ids[i]));
        expected = end;
    }
    if (*expected != '\0')
        fail_msg("%s, text '%.*s': expected more ids: %s", what, (int)text.size, text.data, expected);
    tl_memory_free(ids.ids);
}

/* Each file is opened at its first row, from the file in round 0 and from the table that this left in round 1. */
static void ids_are_those_of_the_references(void **state)
{
    (void)state;
    static char text[1 << 16];
    size_t rows = 0, files = 0;
    for (int round = 0; round < 2; round++) {
        tl_string table;
        tl_vocabulary vocabulary = {0};
        char opened[64] = "";
        tl_string_init(&table, MAX_FILE_SIZE);
        read_file(FIXTURES "ids.tsv", &table);
        for (char *at = table.data; *at != '\0';) {
            size_t size;
            tl_slice name = column(&at), kind = column(&at);
            at = read_hex(at, text, &size);
            char *expected = (char *)column(&at).data;
            char wanted[64];
            snprintf(wanted, sizeof wanted, "%s as %s", name.data, kind.data);
            if (strcmp(wanted, opened) != 0) {
                if (vocabulary.kind != NULL)
                    close_vocabulary(&vocabulary);
                if (round == 0)
                    copy_fixture(name.data);
                vocabulary = open_or_fail(kind.data, name.data);
                memcpy(opened, wanted, sizeof wanted);
                files++;
            }
            check_ids(&vocabulary, (tl_slice){text, size}, expected, wanted);
            rows++;
        }
        close_vocabulary(&vocabulary);
        tl_string_clear(&table);
    }
    assert_int_equal(files, 44);
    assert_true(rows > 2400);
}

static void special_pieces_are_known(void **state)
{
    (void)state;
    copy_fixture("xlm.model");
    tl_vocabulary xlm = open_or_fail("fairseq", "xlm.model");
    assert_int_equal(xlm.special.bos, 0);
    assert_int_equal(xlm.special.pad, 1);
    assert_int_equal(xlm.special.eos, 2);
    assert_int_equal(xlm.special.unknown, 3);
    assert_int_equal(tl_published__find_piece(&xlm, "<mask>"), xlm.count - 1);
    assert_int_equal(tl_published__find_piece(&xlm, "<nothing>"), -1);
    assert_string_equal(xlm.kind->piece(xlm.state, (int32_t)xlm.count - 1), "<mask>");
    assert_int_equal(strlen(xlm.fingerprint), 32);
    close_vocabulary(&xlm);

    copy_fixture("merges.model");
    tl_vocabulary merges = open_or_fail("sentencepiece", "merges.model");
    assert_int_equal(merges.special.pad, 0);
    assert_int_equal(merges.special.eos, 1);
    assert_int_equal(merges.special.bos, 2);
    assert_int_equal(merges.special.unknown, 3);
    assert_int_equal(tl_published__find_piece(&merges, "<bos>"), 2);
    close_vocabulary(&merges);

    /* Control pieces are in no trie of a unigram model; this token is looked for after the steps on the text. */
    copy_fixture("pieces.model");
    tl_vocabulary pieces = open_or_fail("sentencepiece", "pieces.model");
    assert_int_equal(tl_published__find_piece(&pieces, "</s>"), 1);
    close_vocabulary(&pieces);
    copy_fixture("plain0.json");
    tl_vocabulary plain = open_or_fail("json", "plain0.json");
    assert_int_equal(tl_published__find_piece(&plain, "<N>"), plain.count - 1);
    close_vocabulary(&plain);

    copy_fixture("vocab.txt");
    tl_vocabulary words = open_or_fail("words", "vocab.txt");
    assert_int_equal(words.special.bos, tl_published__find_piece(&words, "[CLS]"));
    assert_int_equal(words.special.eos, tl_published__find_piece(&words, "[SEP]"));
    close_vocabulary(&words);
}

static void check_text(const char *kind, const char *name, const char *text, const char *expected)
{
    copy_fixture(name);
    tl_vocabulary vocabulary = open_or_fail(kind, name);
    tl_piece_ids ids = {0};
    tl_error err = {0};
    tl_string back;
    tl_string_init(&back, 1 << 16);
    encode_or_fail(&vocabulary, tl_slice_of(text), &ids);
    if (!vocabulary.kind->decode(vocabulary.state, ids.ids, ids.count, &back, &err))
        fail_msg("%s", err.message);
    assert_string_equal(back.data, expected);
    tl_memory_free(ids.ids);
    tl_string_clear(&back);
    close_vocabulary(&vocabulary);
}

static void ids_become_text_again(void **state)
{
    (void)state;
    check_text("sentencepiece", "pieces.model", " a red  fox <sep>", "a red fox <sep>");
    check_text("sentencepiece", "pieces.model", "fox \xF0\x9F\xA6\x8A", "fox  \xE2\x81\x87 ");
    check_text("sentencepiece", "bytes.model", "fox \xF0\x9F\xA6\x8A!", "fox \xF0\x9F\xA6\x8A!");
    check_text("json", "gemma.json", "a  red \xF0\x9F\xA6\x8A\n\nfox", "a  red \xF0\x9F\xA6\x8A\n\nfox");
    check_text("fairseq", "xlm.model", "a red fox", "a red fox");
    check_text("words", "vocab.txt", "the Red foxs", "the red foxs");
}

static int32_t first_id(const char *kind, const char *path, const char *text)
{
    tl_vocabulary vocabulary = open_or_fail(kind, path);
    tl_piece_ids ids = {0};
    encode_or_fail(&vocabulary, tl_slice_of(text), &ids);
    int32_t id = ids.count != 0 ? ids.ids[0] : -1;
    tl_memory_free(ids.ids);
    close_vocabulary(&vocabulary);
    return id;
}

static void write_text(const char *path, const char *text)
{
    assert_ok(tl_file_replace(path, tl_slice_of(text), err));
}

static void set_time(const char *path, time_t seconds)
{
    const struct utimbuf times = {seconds, seconds};
    assert_int_equal(utime(path, &times), 0);
}

/* The kept table is told from a new one by the time that the test gave it. */
static bool is_kept_file_from(const char *path, int64_t modified_ns)
{
    tl_file_status status;
    tl_error err = {0};
    assert_true(tl_file_status_read(path, &status, &err));
    return status.kind == TL_FILE_REGULAR && status.modified_ns == modified_ns;
}

static void a_kept_table_is_used_while_it_fits(void **state)
{
    (void)state;
    static const char words[] = "[UNK]\n[CLS]\n[SEP]\nred\nfox\n", others[] = "[UNK]\n[CLS]\n[SEP]\nfox\nred\n";
    const int64_t kept_ns = (int64_t)1000000 * 1000000000;
    (void)unlink("kept.txt.compiled");
    write_text("kept.txt", words);
    set_time("kept.txt", 5000);
    assert_int_equal(first_id("words", "kept.txt", "fox"), 4);
    set_time("kept.txt.compiled", 1000000);

    assert_int_equal(first_id("words", "kept.txt", "fox"), 4);
    assert_true(is_kept_file_from("kept.txt.compiled", kept_ns));
    /* Another time, the same bytes: the hash agrees. */
    set_time("kept.txt", 6000);
    assert_int_equal(first_id("words", "kept.txt", "fox"), 4);
    assert_true(is_kept_file_from("kept.txt.compiled", kept_ns));
    /* Another reading of the same file makes another table. */
    tl_vocabulary cased = {0};
    tl_error err = {0};
    assert_true(tl_published__open_word_list("kept.txt", &(tl_word_list_options){.keeps_case = true}, &cased, &err));
    close_vocabulary(&cased);
    assert_false(is_kept_file_from("kept.txt.compiled", kept_ns));
    assert_int_equal(first_id("words", "kept.txt", "FOX"), 4);
    /* Other bytes of the same size, at another time. */
    write_text("kept.txt", others);
    set_time("kept.txt", 7000);
    assert_int_equal(first_id("words", "kept.txt", "fox"), 3);
    /* A table that is cut or of another version is made anew. */
    write_text("kept.txt.compiled", "TWLVOCAB");
    assert_int_equal(first_id("words", "kept.txt", "fox"), 3);
    assert_true(access("kept.txt.compiled", R_OK) == 0);
}

static void a_table_that_cannot_be_kept_serves_from_memory(void **state)
{
    (void)state;
    tl_error err = {0};
    write_text("lonely.txt", "[UNK]\nfox\n");
    assert_true(tl_directory_create("lonely.txt.compiled/in the way", &err));
    assert_int_equal(first_id("words", "lonely.txt", "fox"), 1);
    assert_true(tl_directory_remove("lonely.txt.compiled", &err));
}

static void expect_refusal(const char *kind, const char *text, const char *part)
{
    tl_vocabulary vocabulary = {0};
    tl_error err = {0};
    write_text("refused", text);
    if (open_published(kind, "refused", &vocabulary, &err))
        fail_msg("expected a refusal with '%s', found it opened", part);
    if (strstr(err.message, part) == NULL)
        fail_msg("expected '%s' in '%s'", part, err.message);
    assert_int_equal(access("refused.compiled", F_OK), -1);
}

static void wrong_files_are_refused(void **state)
{
    (void)state;
    tl_vocabulary vocabulary = {0};
    tl_error err = {0};
    (void)unlink("refused.compiled");
    assert_false(tl_published__open_json("missing.json", false, &vocabulary, &err));
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
    expect_refusal("words", "fox\nred\n", "[UNK]");
    expect_refusal("words", "[UNK]\n\xFF\n", "UTF-8");
    expect_refusal("sentencepiece", "\x0A\x05", "vocabulary 'refused'");
    expect_refusal("json", "{}", "model");
    expect_refusal("json", "[1", "tokenizer.json");
    expect_refusal("json", "{\"model\":{\"type\":\"WordLevel\"}}", "WordLevel");
    expect_refusal("json", "{\"normalizer\":{\"type\":\"NFC\"},\"model\":{}}", "NFC");
    expect_refusal("json", "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{}}", "ByteLevel");
    expect_refusal("json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "ids that differ");
    expect_refusal("json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}", "an id below");
    expect_refusal("json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}}",
                   "merges of pieces to a piece");
    expect_refusal("json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}", "two pieces as merge 0");
    expect_refusal("json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"unk_token\":\"?\",\"merges\":[]}}",
                   "unknown token '?'");
    expect_refusal("json", "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",\"b\"]],\"unk_id\":0}}", "a text and a score");
    expect_refusal("json", "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1]],\"unk_id\":1}}", "unk_id");
    expect_refusal(
        "json",
        "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1]],\"unk_id\":0},\"added_tokens\":[{\"id\":5,\"content\":\"x\"}]}",
        "added token 'x'");
    expect_refusal(
        "json", "{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"A?==\"},\"model\":{\"type\":\"Unigram\"}}",
        "base64");
}

static void long_texts_take_their_time_once(void **state)
{
    (void)state;
    static const char *const files[][2] = {{"sentencepiece", "pieces.model"},
                                           {"sentencepiece", "merges.model"},
                                           {"json", "gemma.json"},
                                           {"fairseq", "xlm.model"},
                                           {"words", "vocab.txt"},
                                           {"json", "siglip2.json"}};
    static const char *const units[] = {"a", "a red fox ", " ", "\xC3\xA9", "e\xCC\x81", "\xF0\x9F\xA6\x8A", "\n", "<sep>", "fo"};
    static char text[200000];
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        copy_fixture(files[f][1]);
        tl_vocabulary vocabulary = open_or_fail(files[f][0], files[f][1]);
        for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
            size_t size = 0, unit = strlen(units[u]);
            tl_piece_ids ids = {0};
            for (; size + unit <= sizeof text; size += unit)
                memcpy(text + size, units[u], unit);
            double start = tl_clock_seconds();
            encode_or_fail(&vocabulary, (tl_slice){text, size}, &ids);
            /* A square of 200,000 would take minutes. */
            assert_true(tl_clock_seconds() - start < 20);
            tl_memory_free(ids.ids);
        }
        close_vocabulary(&vocabulary);
    }
}

/* A table whose large sections were written over at random gives an error or other ids, and touches nothing outside. */
static void a_hostile_table_stays_inside_itself(void **state)
{
    (void)state;
    static const char *const files[][2] = {{"sentencepiece", "pieces.model"},
                                           {"sentencepiece", "merges.model"},
                                           {"json", "gemma.json"},
                                           {"json", "xlm.json"},
                                           {"json", "bert.json"}};
    static const char text[] = "A  RED fox \xEF\xAC\x81re e\xCC\x81 \xF0\x9F\xA6\x8A <sep></s> ABC\n\nkite River Bank [SEP]";
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        char path[64];
        tl_string bytes;
        tl_random random = tl_random_stream(100 + f, 0);
        tl_string_init(&bytes, MAX_FILE_SIZE);
        copy_fixture(files[f][1]);
        tl_vocabulary vocabulary = open_or_fail(files[f][0], files[f][1]);
        close_vocabulary(&vocabulary);
        snprintf(path, sizeof path, "%s.compiled", files[f][1]);
        for (int round = 0; round < 200; round++) {
            read_file(path, &bytes);
            for (int i = 0; i < 400; i++) {
                size_t at = TL_COMPILED_HEADER_SIZE + tl_random_below(&random, bytes.size - TL_COMPILED_HEADER_SIZE);
                bytes.data[at] = (char)tl_random_below(&random, 256);
            }
            bytes.data[TL_COMPILED_HEADER_SIZE + (round % 4)] ^= 1;
            tl_compiled table;
            tl_error err = {0};
            if (!tl_compiled__view(tl_string_slice(&bytes), &table, &err))
                continue;
            tl_piece_ids ids = {0};
            tl_string back;
            tl_string_init(&back, MAX_FILE_SIZE);
            if (tl_pipeline__encode(&table, tl_slice_of(text), &ids, &err)) {
                for (size_t i = 0; i < ids.count; i++)
                    assert_true(tl_compiled__has_piece(&table, ids.ids[i]));
                (void)!tl_pipeline__decode(&table, ids.ids, ids.count, &back, &err);
            }
            tl_memory_free(ids.ids);
            tl_string_clear(&back);
        }
        tl_string_clear(&bytes);
    }
}

static void a_wrong_header_is_refused(void **state)
{
    (void)state;
    tl_string bytes;
    tl_compiled table;
    tl_error err = {0};
    tl_string_init(&bytes, MAX_FILE_SIZE);
    copy_fixture("xlm.model");
    tl_vocabulary vocabulary = open_or_fail("fairseq", "xlm.model");
    close_vocabulary(&vocabulary);
    read_file("xlm.model.compiled", &bytes);
    assert_true(tl_compiled__view(tl_string_slice(&bytes), &table, &err));
    for (size_t at = 0; at < TL_COMPILED_HEADER_SIZE; at++) {
        bytes.data[at] ^= 1;
        assert_false(tl_compiled__view(tl_string_slice(&bytes), &table, &err));
        bytes.data[at] ^= 1;
    }
    for (size_t size = 0; size < bytes.size; size += 97)
        assert_false(tl_compiled__view((tl_slice){bytes.data, size}, &table, &err));
    tl_string_clear(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_those_of_the_references),
        cmocka_unit_test(special_pieces_are_known),
        cmocka_unit_test(ids_become_text_again),
        cmocka_unit_test(a_kept_table_is_used_while_it_fits),
        cmocka_unit_test(a_table_that_cannot_be_kept_serves_from_memory),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(long_texts_take_their_time_once),
        cmocka_unit_test(a_hostile_table_stays_inside_itself),
        cmocka_unit_test(a_wrong_header_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
